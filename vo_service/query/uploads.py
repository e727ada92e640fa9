"""Tables that come with a question, as Arrow: typed by ADQL-161, and handed to the engine under our names.

A table of the user's is ``tap_upload.<name>`` in the query. The engine knows it as ``upload_<n>`` with
columns ``c1`` and so on: names that differ in case only, hold blanks or are words of SQL reach no engine.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from tap_schema import Column, Table
from vo_service.adql import Uploaded
from vo_service.sky import MOC_CELLS, MOC_CHARACTERS, Moc, Region, RegionError, parse_moc

SCHEMA: Final = "tap_upload"
_ROW_BYTES: Final = 8000
"""What the values of a row may take beside each other: PostgreSQL keeps a row in one page of 8 KB."""
_VARYING_BYTES: Final = 24
"""What a text or an array takes of these at most; longer ones are kept elsewhere."""
_COLUMNS: Final = 1600
_SHORTS = ("boolean", "unsignedByte", "bit")
"""Types that ADQL has no operators for: they are SMALLINT, so that ``= 1`` works (ADQL-164)."""
_FIXED = re.compile(r"\d+(?:x\d+)*")
_FIXED_NUMBERS: Final = 16
"""Numbers of a cell up to which an array stays one of a fixed length."""
_TIMESTAMP = re.compile(r"\s*(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}:\d{2}(?:\.\d+)?))?Z?\s*")
_BY_ARROW = (
    (pa.types.is_boolean, "short"),
    (pa.types.is_uint8, "short"),
    (pa.types.is_int8, "short"),
    (pa.types.is_int16, "short"),
    (pa.types.is_uint16, "int"),
    (pa.types.is_int32, "int"),
    (pa.types.is_integer, "long"),
    (pa.types.is_float16, "float"),
    (pa.types.is_float32, "float"),
    (pa.types.is_floating, "double"),
    (pa.types.is_decimal, "double"),
)


class UploadError(ValueError):
    """A table that cannot be taken: which column, and why."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A table of the user's: what its columns are, and its rows in the same order and types.

    ``maps`` are the coverage maps of a table of one row, by the names of their columns: queries take them for
    constants.
    """

    table: Table
    rows: pa.Table
    maps: Mapping[str, Region]


class Uploads:
    """The tables of one question, as the stages of a query want them."""

    def __init__(self, uploads: Sequence[Upload]) -> None:
        self._uploads = tuple(uploads)
        names = [upload.table.name.lower() for upload in uploads]
        for name in names:
            if names.count(name) > 1:
                raise UploadError(f"two tables are called {name}")

    def tables_with(self, published: Mapping[str, Table]) -> Mapping[str, Table]:
        """All tables that the question may name, by their lower-case names."""
        if not self._uploads:
            return published
        mine = {upload.table.qualified.lower(): upload.table for upload in self._uploads}
        return {**published, **mine}

    @cached_property
    def written(self) -> dict[str, Uploaded]:
        """What stands for each table in SQL, by its qualified name."""
        return {
            upload.table.qualified: Uploaded(
                f"upload_{number}",
                {column.name: f"c{index}" for index, column in enumerate(upload.table.columns, start=1)},
            )
            for number, upload in enumerate(self._uploads, start=1)
        }

    @cached_property
    def constants(self) -> dict[tuple[str, str], Region]:
        """The regions of columns that have one value in their whole table."""
        return {
            (upload.table.qualified, column): region
            for upload in self._uploads
            for column, region in upload.maps.items()
        }

    @cached_property
    def rows(self) -> dict[str, pa.Table]:
        """The tables to be handed to the engine."""
        named = {}
        for upload in self._uploads:
            uploaded = self.written[upload.table.qualified]
            named[uploaded.name] = upload.rows.rename_columns(list(uploaded.columns.values()))
        return named


def upload_of(name: str, rows: pa.Table, columns: Sequence[Column] | None = None) -> Upload:
    """A table of the user's from its rows.

    ``columns`` are the facts of its FIELDs, in order; without them they are read off the Arrow types. Names
    may be anything, as long as no two are the same. Raises UploadError.
    """
    if columns is None:
        columns = [_described(field) for field in rows.schema]
    if len(columns) != rows.num_columns:
        raise UploadError(f"{name}: {rows.num_columns} columns of rows and {len(columns)} of descriptions")
    for each, times in Counter(column.name for column in columns).items():
        if times > 1:
            raise UploadError(f"{name}: two columns are called {each}")
    names = [column.name for column in columns]
    taken = [_taken(column) for column in columns]
    _check_width(name, taken)
    arrays = [
        _values(name, given, column, rows.column(index))
        for index, (given, column) in enumerate(zip(columns, taken))
    ]
    maps = [
        (each.name, _map(name, each, values)) for each, values in zip(taken, arrays) if each.xtype == "moc"
    ]
    held = {column: region for column, region in maps if region is not None}
    return Upload(_table(name, taken), pa.table(arrays, names=names), held)


def _table(name: str, columns: Sequence[Column]) -> Table:
    return Table(SCHEMA, name, f"Table {name} of the user.", None, "table", 0, tuple(columns))


def _map(table: str, column: Column, texts: pa.ChunkedArray) -> Region | None:
    """The coverage map that is the only value of a column; None where there are more, or it is none, which
    is told where it is used. Raises UploadError for maps that are too long."""
    longest = pc.max(pc.utf8_length(texts)).as_py() or 0
    if longest > MOC_CHARACTERS:
        raise UploadError(
            f"{table}, column {column.name}: a coverage map of {longest} characters, more than the "
            f"{MOC_CHARACTERS} allowed; make it coarser"
        )
    if len(texts) != 1 or not longest:
        return None
    try:
        found = parse_moc(texts[0].as_py())
    except RegionError:
        return None
    if found.count_of_cells > MOC_CELLS:
        raise UploadError(
            f"{table}, column {column.name}: a coverage map of {found.count_of_cells} cells, more than the "
            f"{MOC_CELLS} allowed; make it coarser"
        )
    return found


def _check_width(name: str, columns: Sequence[Column]) -> None:
    """Raises UploadError for rows that are too wide for one of the engines; what one takes, all take."""
    if len(columns) > _COLUMNS:
        raise UploadError(f"{name}: it has {len(columns)} columns, more than the {_COLUMNS} allowed")
    width = sum(_width(column.arrow_type) for column in columns)
    if width > _ROW_BYTES:
        raise UploadError(
            f"{name}: its {len(columns)} columns take {width} bytes a row, more than the {_ROW_BYTES} "
            f"allowed (each text or array counts for {_VARYING_BYTES}); upload fewer columns, or "
            "several tables"
        )


def _width(kind: pa.DataType) -> int:
    """Bytes of a value in a row: numbers as they are, on boundaries of 8."""
    return 8 if pa.types.is_primitive(kind) else _VARYING_BYTES


def upload_of_moc(name: str, moc: Moc) -> Upload:
    """A coverage map of the user's: one row with one column ``moc``."""
    column = _taken(Column("moc", "char", "*", "moc", None, "pos.outline", None, "The coverage map."))
    rows = pa.table({"moc": pa.array([moc.to_ascii()], pa.string())})
    return Upload(_table(name, [column]), rows, {"moc": moc})


def _described(field: pa.Field) -> Column:
    """A column as its Arrow type tells it."""
    kind, arraysize = field.type, None
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return Column(field.name, "char", "*", "timestamp", None, None, None, "")
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return Column(field.name, "unicodeChar", "*", None, None, None, None, "")
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        arraysize = str(kind.list_size) if pa.types.is_fixed_size_list(kind) else "*"
        kind = kind.value_type
    for is_kind, datatype in _BY_ARROW:
        if is_kind(kind):
            return Column(field.name, datatype, arraysize, None, None, None, None, "")
    raise UploadError(f"column {field.name}: values of the type {field.type} cannot be taken")


def _taken(column: Column) -> Column:
    """The column as queries see it: what ADQL has no type for is SMALLINT. Texts, which have lost what filled
    them up, and long arrays are of varying length: answers would fill up short and null cells again."""
    if column.datatype in _SHORTS:
        column = replace(column, datatype="short")
    size = column.arraysize
    if size is not None and _FIXED.fullmatch(size):
        if column.is_text:
            column = replace(column, arraysize=f"{size}*")
        elif _product(size) > _FIXED_NUMBERS:
            column = replace(column, arraysize="*")
    return replace(
        column, indexed=False, principal=True, restricted=False, computed=None, measured=None, unplaced=True
    )


def _product(arraysize: str) -> int:
    return math.prod([int(side) for side in arraysize.split("x")])


def _values(table: str, given: Column, column: Column, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """The values in the type of the column; NULL stays NULL."""
    try:
        if column.is_text:
            return _text(given, values)
        if column.arrow_type == pa.timestamp("us"):
            return _timestamps(values)
        if pa.types.is_boolean(values.type):
            values = values.cast(pa.int8())
        return values.cast(column.arrow_type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        raise UploadError(f"{table}, column {column.name}: {error}") from error


def _text(given: Column, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text; blanks that pad a fixed length go, so that engines agree (ADQL-217)."""
    texts = values.cast(pa.string())
    if given.arraysize is not None and _FIXED.fullmatch(given.arraysize):
        texts = pc.utf8_rtrim(texts, characters=" \x00")
    row = pc.index(pc.match_substring(texts, "\x00"), True).as_py()
    if row >= 0:
        raise ValueError(f"row {row + 1} has a text with a NUL character, which no text may hold")
    return texts


def _timestamps(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Moments in microseconds, UTC; text is read as DALI writes it. A leap second is the second after it,
    which clocks without leap seconds call the same."""
    if pa.types.is_timestamp(values.type):
        return values.cast(pa.timestamp("us"), safe=False)
    if pa.types.is_date(values.type):
        return values.cast(pa.timestamp("us"))
    read: list[str | None] = []
    leaps: list[bool] = []
    for row, text in enumerate(values.cast(pa.string()).to_pylist(), start=1):
        found = None if text is None else _TIMESTAMP.fullmatch(text)
        if text is not None and text.strip() and found is None:
            raise _no_moment(row, text)
        time = "" if found is None else (found[2] or "00:00:00")[:15]
        leaps.append(time.startswith("23:59:60"))
        read.append(None if found is None else f"{found[1]}T{time.replace('23:59:60', '23:59:59')}")
    texts = pa.array(read, pa.string())
    try:
        moments = pc.cast(texts, pa.timestamp("us"))
    except pa.ArrowInvalid:
        row = next(row for row, text in enumerate(read) if not _is_moment(text))
        raise _no_moment(row + 1, read[row]) from None
    if any(leaps):
        later = pc.add(moments, pa.scalar(1_000_000, pa.duration("us")))
        moments = pc.if_else(pa.array(leaps), later, moments)
    return pa.chunked_array([moments])


def _is_moment(text: str | None) -> bool:
    try:
        pa.scalar(text, pa.string()).cast(pa.timestamp("us"))
    except pa.ArrowInvalid:
        return False
    return True


def _no_moment(row: int, text: str | None) -> ValueError:
    return ValueError(f"row {row} has {text!r}, a timestamp such as 2026-01-31T12:00:00 is wanted")
