"""Cells as text by the rules of DALI: numbers, NaN and infinities, timestamps, arrays, and characters that a
type or XML cannot hold.

Most columns need no change at all. Whether one does is read off the bytes of all its texts at once, which is
a hundred times quicker than to look at each text.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tap_schema import Column
from vo_service.formats.columns import longest
from vo_service.formats.nulls import element_mark

_NOT_IN_XML: Final = "[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]"  # VOT-077
_NOT_ASCII: Final = "[^\x00-\x7f]"
_NOT_IN_TWO_BYTES: Final = r"[\x{10000}-\x{10FFFF}]"
_FOUR_BYTES: Final = 0xF0  # first byte of a character over U+FFFF in UTF-8
_LAST_OF_PLANE: Final = 0xEF  # first byte of U+F000 to U+FFFF, where U+FFFE and U+FFFF are
_NO_TEXT: Final = pa.scalar(None, pa.string())


def texts_of(values: pa.Array, column: Column) -> pa.Array:
    """One string per cell, null where the cell is null (VOT-062, TAP-060; arrays with blanks between)."""
    if pa.types.is_string(values.type):
        return values
    if pa.types.is_timestamp(values.type):
        return timestamp_texts(values)
    if pa.types.is_list(values.type):
        return _array_texts(values, column)
    return number_texts(values)


def number_texts(values: pa.Array) -> pa.Array:
    """Shortest decimal texts that read back the same; ``NaN``, ``+Inf``, ``-Inf``; ``T`` and ``F``."""
    if pa.types.is_boolean(values.type):
        return pc.if_else(values, "T", "F")
    texts = pc.cast(values, pa.string())
    if pa.types.is_floating(values.type) and not all_finite(values):
        texts = pc.if_else(pc.is_nan(values), "NaN", texts)
        texts = pc.if_else(pc.equal(values, float("inf")), "+Inf", texts)
        texts = pc.if_else(pc.equal(values, float("-inf")), "-Inf", texts)
    return texts


def all_finite(values: pa.Array) -> bool:
    """Whether there is neither NaN nor an infinity among floating numbers."""
    return bool(pc.all(pc.is_finite(values), min_count=0).as_py())


def timestamp_texts(values: pa.Array) -> pa.Array:
    """``YYYY-MM-DDThh:mm:ss.sss`` (VOT-140), with six decimals where the value has them."""
    micro = pc.utf8_replace_slice(pc.cast(values, pa.string()), 10, 11, "T")
    finer = pc.not_equal(pc.microsecond(values), 0)  # behind the milliseconds
    return pc.if_else(finer, micro, pc.utf8_slice_codeunits(micro, 0, 23))


def _array_texts(values: pa.Array, column: Column) -> pa.Array:
    """Elements with blanks between; null ones as NaN, ``?``, or the number that the FIELD tells (VOT-072)."""
    inner = number_texts(values.values)
    if inner.null_count:
        mark = element_mark(column)
        floating = pa.types.is_floating(values.type.value_type)
        inner = pc.fill_null(inner, "NaN" if floating else "?" if mark is None else str(mark))
    rebuilt = pa.ListArray.from_arrays(values.offsets, inner)
    joined = pc.binary_join(rebuilt, " ")
    return joined if not values.null_count else pc.if_else(pc.is_valid(values), joined, _NO_TEXT)


def fit_two_bytes(texts: pa.Array, column: Column) -> pa.Array:
    """As `fit_characters`, where each character has two bytes: U+FFFD for one beyond U+FFFF (VOT-057)."""
    if column.datatype != "char" and extremes(texts)[1] >= _FOUR_BYTES:
        texts = replaced(texts, _NOT_IN_TWO_BYTES, "\ufffd")
    return fit_characters(texts, column)


def fit_characters(texts: pa.Array, column: Column) -> pa.Array:
    """Texts that a column's character type can hold where they are written as text: ASCII for char, any
    character for unicodeChar, no NUL.

    What cannot be held becomes ``?`` or U+FFFD, what is longer than declared is cut (VOT-046): a character
    beyond U+FFFF counts two, since sizes are in two-byte units (VOT-037).
    """
    low, high = extremes(texts)
    if column.datatype == "char" and high > 127:
        texts = replaced(texts, _NOT_ASCII, "?")
    if low == 0:
        texts = pc.replace_substring(texts, "\x00", "?" if column.datatype == "char" else "\ufffd")
    limit = longest(column)
    if limit is None or _longest_bytes(texts) <= limit:
        return texts
    if column.datatype != "char" and high >= _FOUR_BYTES:
        return pa.array([_cut_to_units(text, limit) for text in texts.to_pylist()], texts.type)
    return pc.utf8_slice_codeunits(texts, 0, limit)


def _cut_to_units(text: str | None, limit: int) -> str | None:
    """The first ``limit`` two-byte units of a text, less a half character at the end."""
    if text is None:
        return None
    return text.encode("utf-16-le")[: 2 * limit].decode("utf-16-le", "ignore")


def fit_xml(texts: pa.Array) -> pa.Array:
    """Texts as XML character data: escaped, carriage returns kept, characters XML cannot hold as U+FFFD."""
    data = text_bytes(texts)
    low, high = _extremes(data)
    suspect = low < ord(" ") or high >= _LAST_OF_PLANE
    escaped = replaced(texts, _NOT_IN_XML, "\ufffd") if suspect else texts
    for plain, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\r", "&#13;")):
        if (data == ord(plain)).any():
            escaped = pc.replace_substring(escaped, plain, entity)
    return escaped


def text_bytes(texts: pa.Array) -> NDArray[np.uint8]:
    """The bytes of all strings (or byte strings) of an array, one text after another, as they lie there."""
    offsets, data = text_offsets(texts), texts.buffers()[2]
    if data is None or len(offsets) < 2:
        return np.empty(0, dtype=np.uint8)
    return np.frombuffer(data, dtype=np.uint8)[offsets[0] : offsets[-1]]


def text_offsets(texts: pa.Array) -> NDArray[Any]:
    """Where the strings of an array begin in its buffer, and where the last one ends."""
    wide = texts.type in (pa.large_string(), pa.large_binary())
    found = texts.buffers()[1]
    if found is None or found.size == 0:
        return np.zeros(len(texts) + 1, dtype=np.int32)
    kind = np.dtype(np.int64 if wide else np.int32)
    offsets: NDArray[Any] = np.frombuffer(found, kind, len(texts) + 1, texts.offset * kind.itemsize)
    return offsets


def joined_bytes(texts: pa.Array) -> bytes:
    """All strings or byte strings of an array one after another."""
    return text_bytes(texts).tobytes()


def extremes(texts: pa.Array) -> tuple[int, int]:
    """Lowest and highest byte in all texts; 1 and 1 where there is none."""
    return _extremes(text_bytes(texts))


def _extremes(data: NDArray[np.uint8]) -> tuple[int, int]:
    return (int(data.min()), int(data.max())) if data.size else (1, 1)


def _longest_bytes(texts: pa.Array) -> int:
    offsets = text_offsets(texts)
    return int(np.diff(offsets).max()) if len(offsets) > 1 else 0


def replaced(texts: pa.Array, pattern: str, by: str) -> pa.Array:
    """Texts with all that a regular expression finds replaced, the same array where it finds nothing."""
    hit = pc.any(pc.match_substring_regex(texts, pattern), min_count=0).as_py()
    return pc.replace_substring_regex(texts, pattern, by) if hit else texts
