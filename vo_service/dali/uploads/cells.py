"""Texts of cells as values: numbers, truth values, bits, arrays, NULL (VOTable 1.4, VOT-050 to VOT-075).

A whole column of texts is read at once. What reads as nothing of its type is an `UploadFault` with its row
among the texts; nothing wraps round, and no number becomes infinite for want of room (VOT-187).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vo_service.dali.parameters import shortened
from vo_service.dali.uploads.faults import UploadFault
from vo_service.dali.uploads.fields import ONE, Field

_BLANKS = " \t\r\n"
_TRUTH = pa.array(["T", "1", "TRUE", "F", "0", "FALSE"])
_TRUE_WORDS = 3  # the first ones of these
_NEITHER = pa.array(["", "?"])
_RANGES = {
    pa.uint8(): "a whole number from 0 to 255",
    pa.int16(): "a whole number from -32768 to 32767",
    pa.int32(): "a whole number of 32 bits",
    pa.int64(): "a whole number of 64 bits",
    pa.float32(): "a number that a float can hold",
    pa.float64(): "a number that a double can hold",
}


class BadElement(ValueError):
    """An element that cannot be read: its place among the elements of all cells, and why."""

    def __init__(self, index: int, message: str) -> None:
        super().__init__(message)
        self.index = index
        self.message = message

    def fault(self, ends: np.ndarray) -> UploadFault:
        """The fault with its row, where each of ``ends`` is the number of elements up to the end of a row."""
        return UploadFault(self.message, row=int(np.searchsorted(ends, self.index, side="right")) + 1)


def read_texts(field: Field, texts: list[str]) -> pa.Array:
    """The values of a column, in `Field.arrow_type`. Raises UploadFault with the row, without the column."""
    given = pa.array(texts, pa.string())
    if field.is_text:
        return _read_strings(field, given)
    trimmed = pc.utf8_trim(given, characters=_BLANKS)
    if field.datatype == "bit":
        return _read_bits(field, pc.replace_substring_regex(trimmed, r"[ \t\r\n]+", ""))
    read = _element_reader(field)
    if field.extent is None and not field.is_complex:
        try:
            return without_nan(read(trimmed))
        except BadElement as bad:
            raise bad.fault(np.arange(1, len(texts) + 1)) from None
    arrays = _read_arrays(field, trimmed, read)
    return without_blank_arrays(arrays, 2) if field.extent is None else arrays


def null_number(field: Field) -> int | float | None:
    """The number that stands for NULL, where the field names one that its type can hold (VOT-072)."""
    if field.null is None or field.is_text or field.datatype in ("bit", "boolean") or field.is_complex:
        return None
    try:
        text = pa.array([field.null.strip(_BLANKS)])
        value: int | float | None = _numbers(text, field.scalar_type)[0].as_py()
    except BadElement:
        return None
    return value


def without_nan(values: pa.Array) -> pa.Array:
    """Single numbers with NULL for NaN, as VOTable has them (VOT-084)."""
    if not pa.types.is_floating(values.type) or not pc.any(pc.is_nan(values)).as_py():
        return values
    return pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)


def without_blank_arrays(values: pa.Array, each: int) -> pa.Array:
    """Arrays of ``each`` elements with NULL for those of which no element is a value (VOT-061)."""
    if len(values) == 0:
        return values
    filled = pc.fill_null(values, pa.scalar([None] * each, values.type))
    elements = pc.list_flatten(filled)
    blank = pc.is_null(elements, nan_is_null=True).to_numpy(zero_copy_only=False).reshape(-1, each)
    return pc.if_else(pa.array(blank.all(axis=1)), pa.scalar(None, values.type), values)


def check_length(field: Field, texts: pa.Array) -> pa.Array:
    """Texts that are not longer than the field allows; blanks behind the end may go. Raises UploadFault."""
    most = 1 if field.extent is None else field.extent.most
    if most is None or not _any(pc.greater(pc.utf8_length(texts), most)):
        return texts
    texts = pc.if_else(
        pc.greater(pc.utf8_length(texts), most), pc.utf8_rtrim(texts, characters=_BLANKS), texts
    )
    row = pc.index(pc.greater(pc.utf8_length(texts), most), True).as_py()
    if row >= 0:
        length = pc.utf8_length(texts)[row].as_py()
        raise UploadFault(
            f"a text of {length} characters, arraysize {field.arraysize or 'none'} allows {most}", row=row + 1
        )
    return texts


def check_counts(field: Field, counts: pa.Array) -> None:
    """Raises UploadFault for the first cell with a number of elements that the field does not allow."""
    extent = field.extent or ONE
    if extent.fixed:
        wrong = pc.not_equal(counts, extent.most)
    else:
        wrong = pc.not_equal(pc.multiply(pc.divide(counts, extent.step), extent.step), counts)
        if extent.most is not None:
            wrong = pc.or_(wrong, pc.greater(counts, extent.most))
    row = pc.index(wrong, True).as_py()
    if row >= 0:
        raise UploadFault(
            f"{counts[row].as_py()} elements, arraysize is {field.arraysize or 'none'}", row=row + 1
        )


def _read_strings(field: Field, texts: pa.Array) -> pa.Array:
    absent = pc.equal(texts, "")
    if field.null is not None:
        absent = pc.or_(absent, pc.equal(texts, field.null))
    return pc.if_else(absent, pa.scalar(None, pa.string()), check_length(field, texts))


def _element_reader(field: Field) -> Callable[[pa.Array], pa.Array]:
    """Reads trimmed texts of single elements. What it gives raises BadElement."""
    if field.datatype == "boolean":
        return _truths
    null_text = None if field.null is None else field.null.strip(_BLANKS)
    null_value = null_number(field)
    kind = field.scalar_type

    def read(texts: pa.Array) -> pa.Array:
        if null_text is not None:
            texts = pc.if_else(pc.equal(texts, null_text), "", texts)
        values = _numbers(texts, kind)
        if null_value is not None:
            values = pc.if_else(pc.equal(values, pa.scalar(null_value, kind)), pa.scalar(None, kind), values)
        return values

    return read


def _numbers(texts: pa.Array, kind: pa.DataType) -> pa.Array:
    """Numbers of trimmed texts; empty ones are NULL. Raises BadElement."""
    texts = pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
    try:
        values = pc.cast(texts, kind)
    except pa.ArrowInvalid:
        texts = pc.replace_substring_regex(texts, r"^\+([0-9.])", r"\1")
        values = _cast_or_tell(texts, kind)
    if pa.types.is_floating(kind):
        beyond = pc.and_(pc.is_inf(values), pc.invert(pc.match_substring(texts, "inf", ignore_case=True)))
        index = pc.index(beyond, True).as_py()
        if index >= 0:
            raise _bad_text(index, texts, _RANGES[kind])
    return values


def _cast_or_tell(texts: pa.Array, kind: pa.DataType) -> pa.Array:
    """The cast, or BadElement for the first text that does not let it be."""
    try:
        return pc.cast(texts, kind)
    except pa.ArrowInvalid:
        low, high = 0, len(texts)
        while high - low > 1:  # the first half that fails holds the first of them
            middle = (low + high) // 2
            try:
                pc.cast(texts.slice(low, middle - low), kind)
                low = middle
            except pa.ArrowInvalid:
                high = middle
        raise _bad_text(low, texts, _RANGES[kind]) from None


def _bad_text(index: int, texts: pa.Array, wanted: str) -> BadElement:
    return BadElement(index, f"{shortened(texts[index].as_py())!r} is not {wanted}")


def _truths(texts: pa.Array) -> pa.Array:
    """Truth values of trimmed texts; empty ones and ``?`` are NULL. Raises BadElement."""
    upper = pc.ascii_upper(texts)
    known = pc.index_in(upper, _TRUTH)
    absent = pc.is_in(upper, _NEITHER)
    index = pc.index(pc.or_(absent, pc.is_valid(known)), False).as_py()
    if index >= 0:
        raise _bad_text(index, texts, "T, F, true, false, 1, 0 or ?")
    return pc.less(known, _TRUE_WORDS)


def _read_arrays(field: Field, texts: pa.Array, read: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """Elements with blanks between; an empty cell is NULL. Raises UploadFault."""
    absent = pc.equal(texts, "")
    words = pc.ascii_split_whitespace(pc.if_else(absent, pa.scalar(None, pa.string()), texts))
    counts = pc.list_value_length(words)
    if field.is_complex:
        row = pc.index(pc.not_equal(pc.bit_wise_and(counts, 1), 0), True).as_py()
        if row >= 0:
            raise UploadFault(f"{counts[row].as_py()} numbers, complex ones are pairs", row=row + 1)
        check_counts(field, pc.divide(counts, 2))
    else:
        check_counts(field, counts)
    ends = np.cumsum(pc.fill_null(counts, 0).to_numpy())
    try:
        values = read(words.flatten())
    except BadElement as bad:
        raise bad.fault(ends) from None
    return list_array(ends, values, absent)


def list_array(ends: np.ndarray, values: pa.Array, absent: pa.Array | None) -> pa.Array:
    """Cells of the elements up to each of ``ends``; NULL where ``absent``."""
    offsets = pa.array(np.concatenate([[0], ends]).astype(np.int32))
    return pa.ListArray.from_arrays(offsets, values, mask=absent)


def _read_bits(field: Field, texts: pa.Array) -> pa.Array:
    """Runs of 0 and 1 without blanks; an empty cell is NULL. Raises UploadFault."""
    row = pc.index(pc.match_substring_regex(texts, "[^01]"), True).as_py()
    if row >= 0:
        raise UploadFault(f"{shortened(texts[row].as_py())!r} is not a run of 0 and 1", row=row + 1)
    absent = pc.equal(texts, "")
    counts = pc.binary_length(texts)
    check_counts(field, pc.if_else(absent, pa.scalar(None, counts.type), counts))
    digits = np.frombuffer("".join(texts.to_pylist()).encode(), np.uint8) - ord("0")
    if field.extent is None:
        values = np.zeros(len(texts), np.uint8)
        values[~absent.to_numpy(zero_copy_only=False)] = digits
        return pa.array(values, mask=absent.to_numpy(zero_copy_only=False))
    return list_array(np.cumsum(counts.to_numpy()), pa.array(digits), absent)


def _any(flags: pa.Array) -> bool:
    return bool(pc.any(flags, min_count=0).as_py())
