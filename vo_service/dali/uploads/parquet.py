"""Parquet files as columns and rows; facts of columns from a VOTable in the footer where there is one.

What the footer says is checked before a row is read. Texts are read as dictionaries, so that a long text
that stands in many rows does not grow before it has been measured; then rows are written out a few at a time.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from mmap import ACCESS_READ, mmap

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tap_schema import Column
from vo_service.dali.multipart import Part
from vo_service.dali.uploads.cells import without_nan
from vo_service.dali.uploads.describing import described
from vo_service.dali.uploads.faults import UploadFault
from vo_service.dali.uploads.fields import COLUMNS, Field, check_names
from vo_service.dali.uploads.parquet_pages import check_pages
from vo_service.dali.uploads.rows import GROWTH, ReadLimits, ReadTable, Rows
from vo_service.dali.uploads.votable import read_columns

_ROWS = 1 << 13
_TEXT_AT_ONCE = 4 << 20  # bytes of texts that are written out together
_VALUES_AT_ONCE = 1 << 20  # of a column, that are read together
_LISTED_VALUES = 1 << 26  # in the lists of a row group, which may all be those of a few rows
_CONTENT = b"IVOA.VOTable-Parquet.content"
_MOMENT = pa.timestamp("us")
_TYPES = (
    (pa.types.is_boolean, "boolean"),
    (pa.types.is_uint8, "unsignedByte"),
    (pa.types.is_int8, "short"),
    (pa.types.is_int16, "short"),
    (pa.types.is_uint16, "int"),
    (pa.types.is_int32, "int"),
    (pa.types.is_integer, "long"),
    (pa.types.is_float16, "float"),
    (pa.types.is_float32, "float"),
    (pa.types.is_float64, "double"),
    (pa.types.is_decimal, "double"),
)
_MOMENTS = pa.array([datetime.min, datetime.max], _MOMENT)
"""The first and the last one that DALI has words for: years have four digits."""
_TEXTS = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_fixed_size_binary,
)


@dataclass(frozen=True, slots=True)
class _Taken:
    """A column: what it is, and the Arrow type that its values are given."""

    field: Field
    kind: pa.DataType


def read_parquet(part: Part, limits: ReadLimits) -> ReadTable:
    """The table of a file. Raises UploadFault, and what ``limits.check`` raises."""
    with ExitStack() as closing:
        source = io.BytesIO(part.content) if isinstance(part.content, bytes) else part.content
        try:
            footer = pq.read_metadata(source)
            columns = _columns(pq.read_schema(source), _facts(footer, limits))
            check_pages(_bytes(part, closing), footer, GROWTH * limits.bytes, limits.check)
            names = [column.field.name for column in columns]
            texts = [name for name, column in zip(names, columns) if column.kind == pa.string()]
            file = closing.enter_context(pq.ParquetFile(source, read_dictionary=texts))
            rows = closing.enter_context(Rows(names, [column.kind for column in columns], limits))
            for arrays in _batches(file, columns, limits):
                rows.put(arrays)
        except (pa.ArrowException, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise UploadFault(f"the Parquet file is broken: {str(error).splitlines()[0][:200]}") from None
        return described(tuple(column.field for column in columns), rows.table())


def _bytes(part: Part, closing: ExitStack) -> memoryview:
    """All bytes of a file; they are not in memory before they are read."""
    if isinstance(part.content, bytes):
        return memoryview(part.content)
    file = closing.enter_context(part.open())
    mapped = closing.enter_context(mmap(file.fileno(), 0, access=ACCESS_READ))
    return closing.enter_context(memoryview(mapped))


def _facts(footer: pq.FileMetaData, limits: ReadLimits) -> Mapping[str, Column]:
    """The columns of the VOTable in a footer, by name; UploadFault for a file that is too large."""
    if footer.num_rows > limits.rows:
        raise UploadFault(f"the table has {footer.num_rows} rows, more than the {limits.rows} allowed")
    if footer.num_columns > COLUMNS:
        raise UploadFault(f"the table has {footer.num_columns} columns, more than the {COLUMNS} allowed")
    groups = [footer.row_group(index) for index in range(footer.num_row_groups)]
    chunks = [group.column(index) for group in groups for index in range(group.num_columns)]
    most = GROWTH * limits.bytes
    if sum(max(chunk.total_uncompressed_size, chunk.num_values) for chunk in chunks) > most:
        raise UploadFault(f"the content of the table is above {most} bytes")
    for group in groups:
        counts = (group.column(index).num_values for index in range(group.num_columns))
        if sum(max(0, count - group.num_rows) for count in counts) > _LISTED_VALUES:
            raise UploadFault(
                f"the arrays of a row group have more than {_LISTED_VALUES} elements",
                hint="Write smaller row groups.",
            )
    content = (footer.metadata or {}).get(_CONTENT)
    if content is None:
        return {}
    try:
        told = read_columns(io.BytesIO(content), limits)
    except UploadFault:  # facts that cannot be read are none
        return {}
    return {column.name: column for column in told}


def _columns(schema: pa.Schema, facts: Mapping[str, Column]) -> list[_Taken]:
    """The columns of a file. Raises UploadFault for names and types that cannot be taken."""
    columns = [_column(field, facts.get(field.name)) for field in schema]
    check_names([column.field for column in columns])
    return columns


def _column(given: pa.Field, told: Column | None) -> _Taken:
    notes = {key.decode("utf-8", "replace"): value for key, value in (given.metadata or {}).items()}

    def fact(key: str) -> str | None:
        if told is not None:
            value: str | None = getattr(told, key)
            return value
        return notes[key].decode("utf-8", "replace").strip() or None if key in notes else None

    datatype, arraysize, kind = _type(given)
    xtype = told.xtype if told is not None else None
    if kind == _MOMENT:
        xtype = "timestamp"
    if told is not None and arraysize is not None and told.arraysize is not None and kind != pa.string():
        arraysize = told.arraysize
    if datatype == "char" and told is not None and told.datatype == "unicodeChar":
        datatype = "unicodeChar"
    field = Field(
        given.name,
        datatype,
        arraysize,
        xtype,
        fact("unit"),
        fact("ucd"),
        fact("utype"),
        fact("description") or "",
    )
    return _Taken(field, field.arrow_type if kind is None else kind)


def _type(given: pa.Field) -> tuple[str, str | None, pa.DataType | None]:
    """VOTable's datatype and arraysize of an Arrow type; the type wanted, where these do not tell it."""
    kind, arraysize = given.type, None
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return "char", "*", _MOMENT
    if pa.types.is_null(kind) or any(is_text(kind) for is_text in _TEXTS):
        return "char", "*", pa.string()
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        arraysize, kind = "*", kind.value_type
    elif pa.types.is_fixed_size_list(kind):
        arraysize, kind = str(kind.list_size), kind.value_type
    for is_kind, datatype in _TYPES:
        if is_kind(kind):
            return datatype, arraysize, None
    raise UploadFault(f"values of the type {given.type} cannot be taken", column=given.name)


def _batches(file: pq.ParquetFile, columns: list[_Taken], limits: ReadLimits) -> Iterator[list[pa.Array]]:
    before = 0
    for batch in _bearable(file, columns, GROWTH * limits.bytes):
        arrays = []
        for column, values in zip(columns, batch.columns):
            try:
                arrays.append(_values(column, values))
            except UploadFault as fault:
                raise fault.of(column.field.name).after(before) from None
        before += batch.num_rows
        yield arrays


def _bearable(file: pq.ParquetFile, columns: list[_Taken], most: int) -> Iterator[pa.RecordBatch]:
    """The rows in pieces of which none grows large once it is written out: a page of few bytes may stand for
    very many numbers, and one text for those of all rows."""
    for number in range(file.num_row_groups):
        group = file.metadata.row_group(number)
        values = max((group.column(index).num_values for index in range(group.num_columns)), default=0)
        rows = max(1, min(_ROWS, _VALUES_AT_ONCE * group.num_rows // max(1, values)))
        for batch in file.iter_batches(batch_size=rows, row_groups=[number], use_threads=False):
            ends = np.cumsum(_text_bytes(batch, columns, most))
            start = 0
            while start < batch.num_rows:
                passed = ends[start - 1] if start else 0
                stop = max(start + 1, int(np.searchsorted(ends, passed + _TEXT_AT_ONCE, "right")))
                yield batch.slice(start, stop - start)
                start = stop


def _text_bytes(batch: pa.RecordBatch, columns: list[_Taken], most: int) -> NDArray[np.int64]:
    """Bytes of the texts of each row. Raises UploadFault for a column that has more than ``most`` of them."""
    lengths = np.zeros(batch.num_rows, np.int64)
    for column, values in zip(columns, batch.columns):
        if pa.types.is_dictionary(values.type):
            each = pc.take(pc.binary_length(values.dictionary), values.indices)
            if (pc.sum(each).as_py() or 0) > most:
                raise UploadFault(f"its texts are above {most} bytes", column=column.field.name)
            lengths += pc.fill_null(each, 0).to_numpy(zero_copy_only=False)
    return lengths


def _values(column: _Taken, values: pa.Array) -> pa.Array:
    """The values in the type that is wanted."""
    try:
        if column.kind == _MOMENT:
            return _moments(values)
        if pa.types.is_dictionary(values.type):
            values = values.dictionary_decode()
        return without_nan(pc.cast(values, column.kind))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise UploadFault(f"{str(error).splitlines()[0][:200]}") from None


def _moments(values: pa.Array) -> pa.Array:
    """Moments in microseconds; what is finer is cut off, what is beyond the years 1 to 9999 is a fault."""
    kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    finer = pa.types.is_timestamp(kind) and kind.unit == "ns"
    found = pc.cast(values, _MOMENT, safe=not finer)
    beyond = pc.or_(pc.less(found, _MOMENTS[0]), pc.greater(found, _MOMENTS[1]))
    row = pc.index(beyond, True).as_py()
    if row >= 0:
        raise UploadFault("a moment beyond the years 1 to 9999", row=row + 1)
    return found
