"""Archive tables as files: CSV, ECSV, VOTable, Parquet, plain or gzipped, told apart by their first bytes.

Every reader hands out Arrow tables of some ten thousand rows at most, with all columns as the file has
them; what they mean is the business of ``archive``.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from astropy.io import votable
from astropy.io.votable.exceptions import VOTableSpecError

from vo_service.holdings.harvest_texts import BATCH_ROWS, BLOCK_BYTES, TextLayout, reading, text_tables


class SourceError(Exception):
    """An archive table that cannot be read: ``name`` is the file or service, the text says what is wrong."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name
        self.message = message


def _keep_nothing() -> None:
    """Nothing is to be done when the rows are published."""


@dataclass(frozen=True, slots=True)
class ArchiveTable:
    """``name`` as published (never a path), declared ``units`` by column, ``tables()`` in the order of rows.

    ``published`` is called once all rows are in a published snapshot. ``warnings`` are for whoever harvests.
    """

    name: str
    units: Mapping[str, str]
    tables: Callable[[], Iterator[pa.Table]]
    published: Callable[[], None] = _keep_nothing
    warnings: tuple[str, ...] = ()


def open_file(path: Path) -> ArchiveTable:
    """The table in a file; raises SourceError where it is none of the formats known."""
    try:
        with reading(path) as stream:
            start = stream.read(512)
    except (OSError, EOFError) as error:
        raise SourceError(path.name, _reason(error)) from error
    if start.startswith(b"PAR1"):
        return ArchiveTable(path.name, {}, lambda: _guarded(path, _parquet_tables(path)))
    if start.startswith(b"# %ECSV"):
        header = _read_ecsv_header(path)
        return ArchiveTable(path.name, header.units, lambda: _guarded(path, text_tables(path, header)))
    if re.match(rb"\s*(<\?xml|<VOTABLE|<!--)", start):
        return _open_votable(path)
    if not start.strip() or b"\x00" in start:
        raise SourceError(path.name, "neither CSV, ECSV, VOTable nor Parquet")
    header = TextLayout(_delimiter(start), 0, {})
    return ArchiveTable(path.name, {}, lambda: _guarded(path, text_tables(path, header)))


def _guarded(path: Path, tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The tables, with what a library says of a broken file turned into SourceError."""
    try:
        yield from tables
    except (pa.ArrowException, OSError, EOFError) as error:
        raise SourceError(path.name, _reason(error)) from error


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file"
    return str(getattr(error, "strerror", None) or error).partition("\n")[0] or type(error).__name__


def _delimiter(start: bytes) -> str:
    first = start.split(b"\n", 1)[0]
    found = max((",", "\t", ";", "|"), key=lambda mark: first.count(mark.encode()))
    return found if found.encode() in first else " "  # a table as astropy prints it, or of one column


def _read_ecsv_header(path: Path) -> TextLayout:
    """Delimiter and units from the YAML lines that an ECSV file begins with."""
    with reading(path) as stream:
        lines = list(itertools.takewhile(lambda line: line.startswith(b"#"), stream))
    text = "".join(re.sub(r"^# ?", "", line.decode("utf-8")) for line in lines[1:])
    try:
        header: Any = yaml.load(text, Loader=_EcsvLoader)  # noqa: S506 - derived from SafeLoader
        columns = header["datatype"]
        units = {column["name"]: str(column["unit"]) for column in columns if "unit" in column}
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise SourceError(path.name, f"the ECSV header cannot be read: {_reason(error)}") from error
    return TextLayout(header.get("delimiter", " "), len(lines), units)


class _EcsvLoader(yaml.SafeLoader):
    """ECSV headers hold tags of astropy's own in their meta part; nothing of it is needed here."""


def _ignore_tag(loader: yaml.Loader, _suffix: str, node: yaml.Node) -> None:
    """Whatever carries an unknown tag is null."""


_EcsvLoader.add_multi_constructor("!", _ignore_tag)


def _parquet_tables(path: Path) -> Iterator[pa.Table]:
    with pq.ParquetFile(path) as file:
        groups = [file.metadata.row_group(index) for index in range(file.num_row_groups)]
        width = sum(group.total_byte_size for group in groups) / max(1, file.metadata.num_rows)
        rows = max(1000, min(BATCH_ROWS, int(BLOCK_BYTES / max(1.0, width))))
        for batch in file.iter_batches(rows):
            yield pa.Table.from_batches([batch])


def _open_votable(path: Path) -> ArchiveTable:
    try:
        with reading(path) as stream:
            parsed = votable.parse(stream, verify="ignore")
        table = next(parsed.iter_tables(), None)
    except (VOTableSpecError, ValueError, IndexError, OSError, EOFError) as error:
        raise SourceError(path.name, f"no valid VOTable: {_reason(error)}") from error
    status = {info.value: info.content or "" for info in _infos(parsed) if info.name == "QUERY_STATUS"}
    if "ERROR" in status:
        raise SourceError(path.name, f"the service that wrote it says: {status['ERROR'].strip()}")
    if table is None:
        raise SourceError(path.name, "the VOTable holds no table")
    whole = open_votable_table(path.name, table)
    if "OVERFLOW" not in status:
        return whole
    return replace(whole, warnings=("the table is cut: the service that wrote it says OVERFLOW",))


def _infos(parsed: Any) -> Iterator[Any]:
    for resource in parsed.resources:
        yield from resource.infos
        yield from (info for table in resource.tables for info in table.infos)


def open_votable_table(name: str, table: Any) -> ArchiveTable:
    """A table as astropy reads a VOTable, of a file or of a TAP answer."""
    units = {field.name: str(field.unit) for field in table.fields if field.unit is not None}
    columns = {field.name: _arrow_of(table.array[field.ID]) for field in table.fields}
    whole = pa.table(columns)

    def tables() -> Iterator[pa.Table]:
        for start in range(0, whole.num_rows, BATCH_ROWS):
            yield whole.slice(start, BATCH_ROWS)

    return ArchiveTable(name, units, tables)


def _arrow_of(values: Any) -> pa.Array:
    """A masked column of numpy as an Arrow array; text and lists cell by cell, as astropy keeps them so."""
    data: Any = np.ma.getdata(values)
    mask: Any = np.ma.getmaskarray(values)
    if data.dtype.kind in "biuf" and data.ndim == 1:
        return pa.array(np.ascontiguousarray(data), mask=mask)
    flat_mask = mask if mask.ndim == 1 else mask.all(axis=tuple(range(1, mask.ndim)))
    return pa.array([None if hidden else _text(cell) for cell, hidden in zip(data, flat_mask)], pa.string())


def _text(cell: Any) -> str | None:
    if cell is None:
        return None
    return cell.decode("utf-8", "replace") if isinstance(cell, bytes) else str(cell)
