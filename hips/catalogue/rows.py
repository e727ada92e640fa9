"""The rows of a catalogue: their lines in a file, and what tells which of them comes first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hips.catalogue.branches import Places
from hips.catalogue.sheet import EXPOSURE, EXTENT, IDENTIFIER, LAT, LON, lines_of
from vo_service.sky import healpix29
from vo_service.sky.cell_ranges import Numbers
from vo_service.sky.vectors import Floats

_AT_ONCE: Final = 50_000

Extent = dict[str, float | None]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows that have a position, the first to be shown first: ``cells`` of order 29 that they lie in, and
    which of the ``lines``, a large_string array, is each one's. ``extent`` has the least t_min and em_min and
    the greatest t_max and em_max, None where no row tells."""

    cells: Numbers
    line: Places
    lines: pa.Array
    extent: Extent

    def __len__(self) -> int:
        return len(self.cells)

    def blocks(self, rows: Places) -> Iterator[tuple[memoryview, Numbers]]:
        """The lines of these rows, some thousand at a time: their bytes, one behind the other, and where each
        begins and the last ends."""
        for at in range(0, len(rows), _AT_ONCE):
            part = self.lines.take(pa.array(self.line[rows[at : at + _AT_ONCE]]))
            _, offsets, content = part.buffers()
            ends = np.frombuffer(offsets, dtype=np.int64, count=len(part) + 1)
            yield memoryview(content), ends


def gather(batches: Iterable[pa.RecordBatch], spool: Path) -> Rows:
    """All rows that have a position; their lines are kept in the file ``spool``, which is to stay as long as
    they are asked for. Longest exposures come first, then those without one; equal ones by their identifier.

    ``batches`` have the columns `sheet.READ`. Raises KeyError for one that is not there, OSError.
    """
    cells, exposures, lengths = [np.empty(0, np.int64)], [np.empty(0)], [np.empty(0, np.int64)]
    identifiers = []
    extent = _Extent()
    with spool.open("wb") as file:
        for batch in batches:
            found = healpix29(_doubles(batch.column(LON)), _doubles(batch.column(LAT)))
            placed = batch.filter(pa.array(found >= 0))
            lines = lines_of(placed)
            file.write(_content(lines))
            lengths.append(pc.binary_length(lines).to_numpy().astype(np.int64))
            cells.append(found[found >= 0])
            exposures.append(_doubles(placed.column(EXPOSURE)))
            identifiers.append(placed.column(IDENTIFIER).cast(pa.string()))
            extent.see(placed)
    order = _first_to_last(np.concatenate(exposures), pa.chunked_array(identifiers, pa.string()))
    held = np.concatenate(cells)[order]
    return Rows(held, order, _read(spool, np.concatenate(lengths)), extent.ends())


def _doubles(column: pa.Array) -> Floats:
    """Numbers, NaN for null."""
    values: Floats = pc.fill_null(column.cast(pa.float64()), np.nan).to_numpy(zero_copy_only=False)
    return values


def _content(lines: pa.StringArray) -> memoryview:
    """The bytes of texts, one behind the other."""
    _, offsets, content = lines.buffers()
    if content is None:
        return memoryview(b"")
    ends = np.frombuffer(offsets, dtype=np.int32, count=lines.offset + len(lines) + 1)
    return memoryview(content)[ends[lines.offset] : ends[-1]]


def _first_to_last(exposures: Floats, identifiers: pa.ChunkedArray) -> Places:
    with np.errstate(invalid="ignore"):
        known = np.isfinite(exposures) & (exposures >= 0.0)
    keys = pa.table({"exposure": np.where(known, exposures, -1.0), "identifier": identifiers})
    order = pc.sort_indices(keys, [("exposure", "descending"), ("identifier", "ascending")])
    found: Places = order.to_numpy().astype(np.intp)
    return found


def _read(spool: Path, lengths: Numbers) -> pa.Array:
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    content = pa.memory_map(str(spool)).read_buffer() if offsets[-1] else pa.py_buffer(b"")
    return pa.LargeStringArray.from_buffers(len(lengths), pa.py_buffer(offsets), content)


class _Extent:
    """Ranges of columns, batch by batch."""

    def __init__(self) -> None:
        self._ends: Extent = dict.fromkeys(EXTENT)

    def see(self, batch: pa.RecordBatch) -> None:
        for name, before in self._ends.items():
            values = _doubles(batch.column(name))
            values = values[np.isfinite(values)]
            if len(values):
                least, most = float(values.min()), float(values.max())
                if name.endswith("_min"):
                    self._ends[name] = least if before is None else min(before, least)
                else:
                    self._ends[name] = most if before is None else max(before, most)

    def ends(self) -> Extent:
        return dict(self._ends)
