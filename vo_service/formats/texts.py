"""Cells as text by the rules of DALI: numbers, NaN and infinities, timestamps, arrays, and characters that a
type or XML cannot hold."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from tap_schema import Column
from vo_service.formats.columns import longest

_NOT_IN_XML = "[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]"  # VOT-077
_NOT_ASCII = "[^\x00-\x7f]"
_NOT_IN_TWO_BYTES = r"[\x{10000}-\x{10FFFF}]"


@dataclass(frozen=True, slots=True)
class Replaced:
    """Texts after replacement, and in how many cells something was replaced."""

    texts: pa.Array
    cells: int


def texts_of(values: pa.Array, column: Column) -> pa.Array:
    """One string per cell, null where the cell is null (VOT-062, TAP-060; arrays with blanks between)."""
    if pa.types.is_string(values.type):
        return values
    if pa.types.is_timestamp(values.type):
        return timestamp_texts(values)
    if pa.types.is_list(values.type):
        return _array_texts(values)
    if pa.types.is_boolean(values.type):
        return pc.if_else(values, "T", "F")
    return number_texts(values)


def number_texts(values: pa.Array) -> pa.Array:
    """Shortest decimal texts that read back the same; ``NaN``, ``+Inf``, ``-Inf``."""
    texts = pc.cast(values, pa.string())
    if pa.types.is_floating(values.type) and pc.any(pc.invert(pc.is_finite(values))).as_py():
        texts = pc.if_else(pc.is_nan(values), "NaN", texts)
        texts = pc.if_else(pc.equal(values, float("inf")), "+Inf", texts)
        texts = pc.if_else(pc.equal(values, float("-inf")), "-Inf", texts)
    return texts


def timestamp_texts(values: pa.Array) -> pa.Array:
    """``YYYY-MM-DDThh:mm:ss.sss`` (VOT-140), with six decimals where the value has them."""
    micro = pc.utf8_replace_slice(pc.cast(values, pa.string()), 10, 11, "T")
    fraction = pc.subtract(pc.cast(values, pa.int64()), pc.multiply(_floor_milli(values), 1000))
    return pc.if_else(pc.equal(fraction, 0), pc.utf8_slice_codeunits(micro, 0, 23), micro)


def _floor_milli(values: pa.Array) -> pa.Array:
    return pc.cast(pc.cast(pc.floor_temporal(values, unit="millisecond"), pa.timestamp("ms")), pa.int64())


def _array_texts(values: pa.Array) -> pa.Array:
    inner = number_texts(values.values)
    inner = pc.fill_null(inner, "NaN" if pa.types.is_floating(values.type.value_type) else "")
    rebuilt = pa.ListArray.from_arrays(values.offsets, inner)
    joined = pc.binary_join(rebuilt, " ")
    return pc.if_else(pc.is_valid(values), joined, pa.scalar(None, pa.string()))


def fit_characters(texts: pa.Array, column: Column) -> Replaced:
    """Texts that a column's character type can hold: ASCII for char, two-byte units for unicodeChar, no NUL.

    What cannot be held becomes ``?`` or U+FFFD, what is longer than declared is cut (VOT-046, VOT-057).
    """
    if column.datatype == "char":
        fitted = (
            _replace(texts, _NOT_ASCII, "?") if not _all(pc.string_is_ascii(texts)) else Replaced(texts, 0)
        )
        hidden = "?"
    else:
        fitted = _replace(texts, _NOT_IN_TWO_BYTES, "\ufffd")
        hidden = "\ufffd"
    if _any(pc.match_substring(fitted.texts, "\x00")):
        count = _count(pc.match_substring(fitted.texts, "\x00"))
        fitted = Replaced(pc.replace_substring(fitted.texts, "\x00", hidden), fitted.cells + count)
    limit = longest(column)
    if limit is not None and _any(pc.greater(pc.utf8_length(fitted.texts), limit)):
        count = _count(pc.greater(pc.utf8_length(fitted.texts), limit))
        fitted = Replaced(pc.utf8_slice_codeunits(fitted.texts, 0, limit), fitted.cells + count)
    return fitted


def fit_xml(texts: pa.Array) -> Replaced:
    """Texts as XML character data: escaped, carriage returns kept, characters XML cannot hold as U+FFFD."""
    fitted = _replace(texts, _NOT_IN_XML, "\ufffd")
    escaped = fitted.texts
    for plain, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\r", "&#13;")):
        if _any(pc.match_substring(escaped, plain)):
            escaped = pc.replace_substring(escaped, plain, entity)
    return Replaced(escaped, fitted.cells)


def _replace(texts: pa.Array, pattern: str, by: str) -> Replaced:
    hit = pc.match_substring_regex(texts, pattern)
    if not _any(hit):
        return Replaced(texts, 0)
    return Replaced(pc.replace_substring_regex(texts, pattern, by), _count(hit))


def _any(flags: pa.Array) -> bool:
    return bool(pc.any(flags, min_count=0).as_py())


def _all(flags: pa.Array) -> bool:
    return bool(pc.all(flags, min_count=0).as_py())


def _count(flags: pa.Array) -> int:
    return int(pc.sum(flags, min_count=0).as_py())
