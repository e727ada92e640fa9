"""CSV, TSV and ECSV as columns and rows: a line of names, then a line for each row (RFC 4180).

Types are those that all values of a column have: whole numbers, numbers, true and false, moments such as
2026-01-31T12:00:00, else text; an empty value is NULL. ECSV says its types, units and descriptions itself.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import BinaryIO, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from vo_service.dali.multipart import Part
from vo_service.dali.uploads.cells import read_texts
from vo_service.dali.uploads.describing import described
from vo_service.dali.uploads.ecsv import EcsvHeader, read_ecsv_header
from vo_service.dali.uploads.faults import UploadFault
from vo_service.dali.uploads.fields import Field, check_names
from vo_service.dali.uploads.rows import ReadLimits, ReadTable, Rows

_BLOCK: Final = 1 << 20
_HEADER_BYTES: Final = 1 << 20
_WHOLE = r"^[+-]?[0-9]+$"
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*([eE][+-]?[0-9]+)?|\.[0-9]+([eE][+-]?[0-9]+)?|(?i:inf|infinity|nan))$"
_TRUTH = r"^(?i:true|false)$"
_MOMENT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z?$"
_BROKEN = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+)")
_BLANKS = " \t\r"


def read_flat(part: Part, limits: ReadLimits) -> ReadTable:
    """The table of a file. Raises UploadFault, and what ``limits.check`` raises."""
    with ExitStack() as closing:
        file = closing.enter_context(part.open())
        comments, line = _head(file)
        told = read_ecsv_header(comments)
        delimiter = _delimiter(line, told)
        names = _names(line, delimiter)
        check_names([Field(name, "char", "*") for name in names])
        texts = closing.enter_context(Rows(names, [pa.string()] * len(names), limits))
        for arrays in _texts(file, names, delimiter):
            texts.put(arrays)
        return _typed(texts.table(), told, limits, closing)


def _head(file: BinaryIO) -> tuple[list[str], str]:
    """Comments at the beginning, and the line of names; the file is behind them then. Raises UploadFault."""
    comments: list[str] = []
    read = 0
    while True:
        raw = file.readline(_HEADER_BYTES)
        read += len(raw)
        if read >= _HEADER_BYTES or not raw:
            raise UploadFault(
                "the file has no line of names", hint="CSV begins with the names of its columns."
            )
        try:
            line = raw.decode("utf-8-sig" if read == len(raw) else "utf-8")
        except UnicodeDecodeError:
            raise UploadFault("the file is not UTF-8 text") from None
        if not line.startswith("#"):
            if line.strip():
                return comments, line.rstrip("\r\n")
            continue
        comments.append(line[1:])


def _delimiter(line: str, told: EcsvHeader | None) -> str:
    if told is not None:
        return told.delimiter
    return "\t" if "\t" in line and "," not in line else ","


def _names(line: str, delimiter: str) -> list[str]:
    """The names of the columns. Raises UploadFault."""
    try:
        found = next(csv.reader(io.StringIO(line), delimiter=delimiter, strict=True))
    except (csv.Error, StopIteration) as error:
        raise UploadFault(f"the line of names cannot be read: {error}") from None
    names = [" ".join(name.split()) for name in found]
    if "" in names:
        raise UploadFault(f"column {names.index('') + 1} has no name in the first line")
    return names


def _texts(file: BinaryIO, names: list[str], delimiter: str) -> Iterator[list[pa.Array]]:
    """The values as texts, NULL for empty ones, some rows at a time. Raises UploadFault."""
    try:
        reader = pyarrow.csv.open_csv(
            file,
            read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=_BLOCK, column_names=names),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, ignore_empty_lines=len(names) > 1
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
        for batch in reader:
            yield list(batch.columns)
    except pa.ArrowInvalid as error:
        if "Empty CSV" not in str(error):  # which is a table without rows
            raise _told(str(error)) from None


def _told(message: str) -> UploadFault:
    """What Arrow says of a broken file, in our words."""
    broken = _BROKEN.search(message)
    if broken is not None:
        return UploadFault(f"{broken[3]} values, {broken[2]} are wanted", row=int(broken[1]))
    if "UTF8" in message:
        return UploadFault("the file is not UTF-8 text")
    if "straddling" in message:
        return UploadFault(f"a row is longer than {_BLOCK} bytes, or a quotation mark is never closed")
    return UploadFault(f"the file cannot be read: {message.splitlines()[0][:200]}")


def _typed(texts: pa.Table, told: EcsvHeader | None, limits: ReadLimits, closing: ExitStack) -> ReadTable:
    """The rows with the types that their values have."""
    fields = []
    for index, name in enumerate(texts.column_names):
        limits.check()
        given = None if told is None else told.fields.get(name)
        fields.append(_guessed(name, texts.column(index)) if given is None else given)
    rows = closing.enter_context(Rows(texts.column_names, [field.arrow_type for field in fields], limits))
    before = 0
    for batch in texts.to_batches():
        try:
            rows.put([_values(field, batch.column(index)) for index, field in enumerate(fields)])
        except UploadFault as fault:
            raise fault.after(before) from None
        before += batch.num_rows
    return described(tuple(fields), rows.table())


def _values(field: Field, texts: pa.Array) -> pa.Array:
    if field.is_text:
        return texts
    try:
        return read_texts(field, pc.fill_null(texts, "").to_pylist())
    except UploadFault as fault:
        raise fault.of(field.name) from None


def _guessed(name: str, texts: pa.ChunkedArray) -> Field:
    """The column that a name and values make."""
    chunks = [pc.utf8_trim(chunk, characters=_BLANKS) for chunk in texts.chunks]
    if texts.null_count == len(texts):
        return Field(name, "char", "*")
    if _all_match(chunks, _WHOLE):
        return Field(name, "long") if _all_fit(chunks) else Field(name, "char", "*")
    if _all_match(chunks, _NUMBER):
        return Field(name, "double")
    if _all_match(chunks, _TRUTH):
        return Field(name, "boolean")
    if _all_match(chunks, _MOMENT):
        return Field(name, "char", "*", "timestamp")
    return Field(name, "char", "*")


def _all_match(chunks: list[pa.Array], pattern: str) -> bool:
    return all(pc.all(pc.match_substring_regex(chunk, pattern), min_count=0).as_py() for chunk in chunks)


def _all_fit(chunks: list[pa.Array]) -> bool:
    """Whether whole numbers are ones of 64 bits."""
    try:
        for chunk in chunks:
            pc.cast(pc.replace_substring_regex(chunk, r"^\+", ""), pa.int64())
    except pa.ArrowInvalid:
        return False
    return True
