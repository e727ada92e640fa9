"""Columns of a FITS binary table: what has to be known of all rows, the form that follows, the cells.

FITS 4.0, section 7.3: text is ASCII in cells of one width (7.3.3), a null integer is a number that the header
names (TNULLn), arrays of varying length lie in the heap behind the rows (7.3.5).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tap_schema import Column
from vo_service.formats.binary_cells import BIG_ENDIAN, numbers
from vo_service.formats.columns import fixed_size
from vo_service.formats.encoder import EncodingError
from vo_service.formats.nulls import is_array
from vo_service.formats.texts import extremes, joined_bytes, text_offsets, timestamp_texts

_CODES: Final = {
    "boolean": "L",
    "unsignedByte": "B",
    "short": "I",
    "int": "J",
    "long": "K",
    "float": "E",
    "double": "D",
}
_WIDER: Final = {"unsignedByte": "short", "short": "int", "int": "long"}
_RANGES: Final = {
    "unsignedByte": (0, 255),
    "short": (-(2**15), 2**15 - 1),
    "int": (-(2**31), 2**31 - 1),
    "long": (-(2**63), 2**63 - 1),
}
_DESCRIPTOR: Final = ">i8"  # of a heap cell: two of them, count and offset
_WIDE_BYTES: Final = 16 << 20  # texts of one width may take this much, whatever of it is padding
_WASTE: Final = 4  # beyond it, texts go to the heap where cells of one width took this many times their bytes


class Facts:
    """What is known of a column once all its rows were seen."""

    def __init__(self) -> None:
        self.rows = 0
        self.nulls = False
        self.low: int | None = None
        self.high: int | None = None
        self.longest = 0
        self.total = 0

    def note(self, values: pa.Array) -> None:
        """Values as `prepared` gives them."""
        inner = values.flatten() if pa.types.is_list(values.type) else values
        low = high = None
        if pa.types.is_integer(inner.type):
            found = pc.min_max(inner)
            low, high = found["min"].as_py(), found["max"].as_py()
        longest = total = 0
        if pa.types.is_string(values.type):
            sizes = np.diff(text_offsets(values))
            longest, total = int(sizes.max(initial=0)), int(sizes.sum())
        elif pa.types.is_list(values.type):
            longest, total = pc.max(pc.list_value_length(values)).as_py() or 0, len(inner)
        self.rows += len(values)
        self.nulls |= bool(values.null_count or inner.null_count)
        self.low = low if self.low is None else self.low if low is None else min(low, self.low)
        self.high = high if self.high is None else self.high if high is None else max(high, self.high)
        self.longest = max(self.longest, longest)
        self.total += total


@dataclass(frozen=True, slots=True)
class Form:
    """How a column is kept: TFORM, the numpy type of a cell, TNULL, TDIM; whether cells lie in the heap."""

    column: Column
    name: str
    code: str
    kind: str
    null: int | None = None
    dimensions: str | None = None
    heap: bool = False
    datatype: str = ""


def prepared(values: pa.Array, column: Column) -> tuple[pa.Array, int]:
    """Values as they go to the spool: texts and times as ASCII texts without control characters and nulls;
    and in how many cells something was replaced for that."""
    if pa.types.is_timestamp(values.type):
        return pc.fill_null(timestamp_texts(values), ""), 0
    if not column.is_text:
        return values, 0
    texts = pc.fill_null(values, "")
    low, high = extremes(texts)
    if low >= ord(" ") and high < 127:
        return texts, 0
    distinct = texts.dictionary_encode()
    before = distinct.dictionary.to_pylist()
    after = [ascii_text(text) for text in before]
    changed = [old != new for old, new in zip(before, after)]
    altered = pc.sum(pa.array(changed, pa.bool_()).take(distinct.indices), min_count=0).as_py()
    return pa.array(after, pa.string()).take(distinct.indices), altered


def ascii_text(text: str) -> str:
    """Letters without their accents, blanks for line breaks and tabs, ``?`` for what else ASCII lacks."""
    kept = []
    for letter in unicodedata.normalize("NFKD", text):
        if " " <= letter <= "~":
            kept.append(letter)
        elif letter in "\t\n\r":
            kept.append(" ")
        elif not unicodedata.combining(letter):
            kept.append("?")
    return "".join(kept)


def form_of(column: Column, name: str, facts: Facts) -> Form:
    """The form that takes all values of a column.

    Raises:
        EncodingError: there are nulls, and every number that could mean null is a value.
    """
    if column.datatype in ("char", "unicodeChar"):
        return _text_form(column, name, facts)
    datatype, null = _null_of(column, facts)
    code, kind = _CODES[datatype], BIG_ENDIAN[datatype]
    if not is_array(column):
        return Form(column, name, code, kind, null, datatype=datatype)
    size = fixed_size(column)
    if size is None:
        return Form(column, name, f"1Q{code}({facts.longest})", _DESCRIPTOR, null, None, True, datatype)
    sides = (column.arraysize or "").split("x")
    dimensions = f"({','.join(sides)})" if len(sides) > 1 else None
    return Form(column, name, f"{size}{code}", kind, null, dimensions, datatype=datatype)


def _text_form(column: Column, name: str, facts: Facts) -> Form:
    width = max(1, facts.longest)
    if width * facts.rows > _WIDE_BYTES and width * facts.rows > _WASTE * facts.total:
        return Form(column, name, f"1QA({facts.longest})", _DESCRIPTOR, heap=True)
    return Form(column, name, f"{width}A", f"V{width}")


def _null_of(column: Column, facts: Facts) -> tuple[str, int | None]:
    """Data type and the number that means null: the lowest or highest of the type, whichever is no value; a
    wider type where both are; none where nothing is null."""
    datatype = column.datatype
    while facts.nulls and datatype in _RANGES:
        low, high = _RANGES[datatype]
        if facts.low is None or facts.low > low:
            return datatype, low
        if facts.high is None or facts.high < high:
            return datatype, high
        if datatype not in _WIDER:
            raise EncodingError(column.name, "no number is left to mean null in FITS; ask for another format")
        datatype = _WIDER[datatype]
    return datatype, None


def record_type(forms: list[Form]) -> np.dtype[Any]:
    """The numpy type of a row."""
    fields: list[Any] = []
    for number, form in enumerate(forms):
        size = fixed_size(form.column) if is_array(form.column) else 1
        if form.heap:
            fields.append((str(number), form.kind, (2,)))
        elif is_array(form.column):
            fields.append((str(number), form.kind, (size,)))
        else:
            fields.append((str(number), form.kind))
    return np.dtype(fields)


def fill_cells(records: NDArray[Any], name: str, form: Form, values: pa.Array, heap_start: int) -> int:
    """Put the cells of a column into their field of the records; gives how many bytes of the heap they have
    from ``heap_start`` on."""
    if form.heap:
        counts = _heap_counts(values)
        sizes = counts * element_bytes(form)
        ends = np.cumsum(sizes)
        records[name] = np.column_stack((counts, heap_start + ends - sizes))
        return int(ends[-1]) if len(ends) else 0
    if form.kind.startswith("V"):
        records[name] = _padded(values, int(form.kind[1:]))
    elif is_array(form.column):
        cells = np.full(records[name].shape, _absent(form), dtype=form.kind)
        present = ~pc.is_null(values).to_numpy(zero_copy_only=False)
        cells[present] = _plain_numbers(values.flatten(), form).reshape(-1, fixed_size(form.column) or 1)
        records[name] = cells
    else:
        records[name] = _plain_numbers(values, form)
    return 0


def heap_cells(form: Form, values: pa.Array) -> bytes:
    """What the cells of a heap column have in the heap, one after another."""
    if pa.types.is_string(values.type):
        return joined_bytes(values)
    data: bytes = _plain_numbers(values.flatten(), form).tobytes()
    return data


def element_bytes(form: Form) -> int:
    """Size of one element of a heap cell."""
    return np.dtype(BIG_ENDIAN[form.datatype]).itemsize if form.datatype else 1


def _heap_counts(values: pa.Array) -> NDArray[np.int64]:
    """Elements of each cell."""
    if pa.types.is_string(values.type):
        return np.diff(text_offsets(values)).astype(np.int64)
    counts: NDArray[np.int64] = pc.fill_null(pc.list_value_length(values), 0).to_numpy().astype(np.int64)
    return counts


def _plain_numbers(values: pa.Array, form: Form) -> NDArray[Any]:
    """Big-endian numbers, null ones as the form says."""
    data = numbers(values).astype(BIG_ENDIAN[form.datatype])
    if values.null_count:
        data[pc.is_null(values).to_numpy(zero_copy_only=False)] = _absent(form)
    return data


def _absent(form: Form) -> float | int:
    """What is written for null: NaN, the number of TNULL, a zero byte for a logical."""
    if form.datatype in ("float", "double"):
        return float("nan")
    return form.null or 0


def _padded(texts: pa.Array, width: int) -> NDArray[Any]:
    """Texts in cells of one width, NUL behind them."""
    lengths = np.diff(text_offsets(texts))
    table = np.zeros((len(texts), width), dtype=np.uint8)
    table[np.arange(width) < lengths[:, None]] = np.frombuffer(joined_bytes(texts), dtype=np.uint8)
    cells: NDArray[Any] = table.view(f"V{width}")[:, 0]
    return cells
