"""Rows of an archive table mapped into a file, before anything is written: what they replace must be known
first, and memory goes by the batch and not by the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc
from numpy.typing import NDArray

from tap_schema import Table
from vo_service.holdings.archive import Mapped, Reject, map_rows
from vo_service.holdings.archive_defaults import default_repairs
from vo_service.holdings.archive_layouts import lay_out
from vo_service.holdings.harvest_sources import ArchiveTable
from vo_service.holdings.records import Repair
from vo_service.holdings.reports import Progress
from vo_service.store import Ahead


@dataclass(slots=True)
class Spool:
    """What was read: the mapped rows in a file, and what of them must be known before the first is written.

    ``lines`` of the table make the rows that are ``read``, several each in some layouts. Of rows for the same
    window the first is taken: ``fresh`` marks those, in the order of the file. ``defaults`` is what they do
    not tell and is filled in, by kind.
    """

    path: Path
    lines: int = 0
    read: int = 0
    rejects: list[Reject] = field(default_factory=list)
    identifiers: pa.Array = field(default_factory=lambda: pa.array([], pa.string()))
    uids: pa.Array = field(default_factory=lambda: pa.array([], pa.string()))
    fresh: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))
    defaults: dict[str, Repair] = field(default_factory=dict)

    @property
    def kept(self) -> int:
        """How many rows there are to write."""
        return len(self.identifiers)

    @property
    def duplicates(self) -> int:
        """How many rows describe what an earlier one does."""
        return int(np.count_nonzero(~self.fresh))


def read_source(
    source: ArchiveTable,
    batches: Iterable[pa.Table],
    path: Path,
    table: Table,
    run_id: str,
    progress: Progress,
) -> Spool:
    """Map all rows into the spool file; ``batches`` are the tables of ``source``, ``table`` is
    ``holdings.archive_row``."""
    spool = Spool(path)
    identifiers: list[pa.Array] = []
    uids: list[pa.Array] = []
    with ExitStack() as stack:
        writer: pa.ipc.RecordBatchStreamWriter | None = None
        for lines, count, mapped in stack.enter_context(Ahead(_mapped(source, batches, table))):
            spool.lines += lines
            spool.read += count
            spool.rejects += mapped.rejects
            rows = stamped(mapped.rows, {"source": source.name, "run_id": run_id}).combine_chunks()
            spool.defaults |= default_repairs(rows, source.name)
            identifiers.append(rows["archive_row_id"].combine_chunks())
            uids.append(pc.unique(pc.drop_null(rows["member_ous_uid"].combine_chunks())))
            if writer is None:
                sink = stack.enter_context(pa.OSFile(str(path), "wb"))
                options = pa.ipc.IpcWriteOptions(compression="lz4")
                writer = stack.enter_context(pa.ipc.new_stream(sink, rows.schema, options=options))
            writer.write_table(rows)
            progress("reading", spool.read, None)
    if identifiers:
        spool.identifiers, spool.fresh = first_of_each(pa.concat_arrays(identifiers))
        spool.uids = pc.unique(pa.concat_arrays(uids))
    return spool


def _mapped(
    source: ArchiveTable, batches: Iterable[pa.Table], table: Table
) -> Iterator[tuple[int, int, Mapped]]:
    """How many lines the source hands out at a time, how many rows they make, which of them can be mapped."""
    line = 1
    for raw in batches:
        laid = lay_out(raw, source.units)
        yield raw.num_rows, laid.rows.num_rows, map_rows(laid.rows, table, line, laid.units)
        line += raw.num_rows


def stamped(rows: pa.Table, texts: Mapping[str, str]) -> pa.Table:
    """The rows with one text in the whole of some columns."""
    for name, text in texts.items():
        at = rows.schema.get_field_index(name)
        rows = rows.set_column(at, rows.schema.field(at), pa.repeat(pa.scalar(text), rows.num_rows))
    return rows


def first_of_each(identifiers: pa.Array) -> tuple[pa.Array, NDArray[np.bool_]]:
    """Each identifier once, and which rows are the first that have theirs."""
    coded = identifiers.dictionary_encode()
    fresh = np.zeros(len(identifiers), dtype=bool)
    fresh[np.unique(coded.indices.to_numpy(), return_index=True)[1]] = True
    return coded.dictionary, fresh


def spooled(spool: Spool) -> Iterator[pa.Table]:
    """The rows to write, batch by batch."""
    if not spool.path.exists():
        return
    at = 0
    with pa.OSFile(str(spool.path), "rb") as file, pa.ipc.open_stream(file) as reader:
        for batch in reader:
            fresh = spool.fresh[at : at + batch.num_rows]
            at += batch.num_rows
            rows = pa.Table.from_batches([batch])
            yield rows if fresh.all() else rows.filter(pa.array(fresh))
