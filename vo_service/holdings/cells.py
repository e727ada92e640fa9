"""Cells of an archive table read as the types that are published, strictly and column by column."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from astropy import units as u
from numpy.typing import NDArray

from tap_schema import Column

# Text that stands for null: an empty cell, a masked value that was printed, a number that is none.
_NULL_TEXTS = pa.array(["", "--"])
_NULL_NUMBERS = pa.array(["nan", "none", "null", "masked", "n/a"])

_BYTES_LITERAL = r"(?s)^b(['\"])(.*)['\"]$"
_NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eEdD][+-]?\d+)?\s*$"
_TRUE = pa.array(["t", "true", "1", "y", "yes"])
_FALSE = pa.array(["f", "false", "0", "n", "no"])

FLAGS = frozenset({"is_mosaic", "science_observation", "qa2_passed"})


@dataclass(frozen=True, slots=True)
class Cells:
    """A column that was read: ``bad`` marks the rows that could not be, ``texts`` what stood in those, and
    ``expected`` what would have been right."""

    values: pa.Array
    bad: NDArray[np.bool_]
    texts: tuple[str, ...]
    expected: str


def read_column(values: pa.Array | pa.ChunkedArray, column: Column, unit: str | None) -> Cells:
    """The values as the published type of ``column``, converted where the source declares another unit."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    values, garbled = plain(values)
    cells = _read(values, column, unit)
    if not garbled.any():
        return cells
    texts = iter(cells.texts)
    bad = cells.bad | garbled
    told = [next(texts) if cells.bad[row] else "not UTF-8" for row in np.flatnonzero(bad)]
    return Cells(cells.values, bad, tuple(told), cells.expected or "not a text")


def plain(values: pa.Array) -> tuple[pa.Array, NDArray[np.bool_]]:
    """Text where cells are dictionary-coded, bytes, lists (with blanks between) or records (as JSON), all
    else as it is; and which cells were bytes that are no UTF-8, which are null then."""
    fine = np.zeros(len(values), dtype=bool)
    kind = values.type
    if pa.types.is_dictionary(kind):
        return plain(values.dictionary_decode())
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return values.cast(pa.string()), fine
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        read = [_decoded(cell) for cell in values.to_pylist()]
        garbled = np.array([text is None for text in read], dtype=bool) & np.asarray(values.is_valid())
        return pa.array(read, pa.string()), garbled
    if pa.types.is_nested(kind):
        return pa.array([_flat(cell) for cell in values.to_pylist()], pa.string()), fine
    return values, fine


def _decoded(cell: bytes | None) -> str | None:
    try:
        return None if cell is None else cell.decode()
    except UnicodeDecodeError:
        return None


def _flat(cell: object) -> str | None:
    if cell is None:
        return None
    if isinstance(cell, list) and not any(isinstance(each, list | dict) for each in cell):
        return " ".join(str(each) for each in cell if each is not None)
    return json.dumps(cell, default=str)


def _read(values: pa.Array, column: Column, unit: str | None) -> Cells:
    target = column.arrow_type
    if pa.types.is_string(values.type):
        values = _clean(values)
    if column.name in FLAGS:
        return _read_flags(values)
    if pa.types.is_string(target):
        return _good(values if pa.types.is_string(values.type) else values.cast(pa.string()))
    if pa.types.is_timestamp(target):
        return _read_times(values, target)
    if pa.types.is_floating(target) or pa.types.is_integer(target):
        return _read_numbers(values, target, _factor(unit, column.unit))
    raise TypeError(f"no reader for column {column.name} of type {target}")


def _good(values: pa.Array) -> Cells:
    return Cells(values, np.zeros(len(values), dtype=bool), (), "")


def _clean(texts: pa.Array) -> pa.Array:
    """Without Python's marks of bytes, and null where the text stands for null."""
    if pc.any(pc.match_substring_regex(texts, r"^b['\"]")).as_py():
        texts = pc.replace_substring_regex(texts, _BYTES_LITERAL, r"\2")
    empty = pc.is_in(pc.utf8_trim_whitespace(texts), _NULL_TEXTS)
    return pc.if_else(empty, pa.scalar(None, pa.string()), texts)


def _read_numbers(values: pa.Array, target: pa.DataType, factor: float) -> Cells:
    bad = np.zeros(len(values), dtype=bool)
    originals = values
    if pa.types.is_string(values.type):
        none = pc.is_in(pc.utf8_lower(pc.utf8_trim_whitespace(values)), _NULL_NUMBERS)
        values = pc.if_else(none, pa.scalar(None, pa.string()), values)
        wrong = pc.invert(pc.match_substring_regex(values, _NUMBER)).fill_null(False)
        bad = wrong.to_numpy(zero_copy_only=False)
        values = pc.if_else(wrong, pa.scalar(None, pa.string()), pc.utf8_trim_whitespace(values))
        values = pc.replace_substring_regex(values, r"^\+", "")
        values = pc.replace_substring_regex(values, "[dD]", "e").cast(pa.float64())
    elif not (pa.types.is_floating(values.type) or pa.types.is_integer(values.type)):
        values = values.cast(pa.float64())
    if pa.types.is_floating(values.type):
        infinite = pc.is_inf(values).fill_null(False)
        bad = bad | infinite.to_numpy(zero_copy_only=False)
        values = pc.if_else(pc.is_finite(values), values, pa.scalar(None, values.type))
    if factor != 1.0:
        values = pc.multiply(values.cast(pa.float64()), factor)
    if pa.types.is_integer(target) and pa.types.is_floating(values.type):
        broken = pc.not_equal(values, pc.round(values)).fill_null(False)
        bad = bad | broken.to_numpy(zero_copy_only=False)
        values = pc.if_else(broken, pa.scalar(None, values.type), values)
    expected = "not a whole number" if pa.types.is_integer(target) else "not a finite number"
    return Cells(values.cast(target, safe=False), bad, _texts_of(originals, bad), expected)


def _read_times(values: pa.Array, target: pa.DataType) -> Cells:
    if pa.types.is_timestamp(values.type):
        return _good(values.cast(target, safe=False))
    if pa.types.is_date(values.type):
        return _good(values.cast(target))
    originals = values.cast(pa.string())
    texts = pc.replace_substring_regex(pc.utf8_trim_whitespace(originals), r"(Z|[+-]00:?00)$", "")
    shaped = pc.match_substring_regex(
        texts, r"^\d{4}-\d\d-\d\d([T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,9})?)?)?$"
    )
    # Fractions are brought to six digits: the type holds microseconds and refuses more.
    texts = pc.replace_substring_regex(texts, r"(\.\d{6})\d+$", r"\1")
    wrong = pc.invert(shaped).fill_null(False)
    times = pc.if_else(wrong, pa.scalar(None, pa.string()), texts)
    bad = wrong.to_numpy(zero_copy_only=False)
    try:
        read = times.cast(target)
    except pa.ArrowInvalid:
        read, bad = _read_times_singly(times, target, bad)
    return Cells(read, bad, _texts_of(originals, bad), "not a date and time (UTC) as 2015-10-31T10:54:42.000")


def _read_times_singly(
    texts: pa.Array, target: pa.DataType, bad: NDArray[np.bool_]
) -> tuple[pa.Array, NDArray[np.bool_]]:
    """Times one by one, where one of them has the shape of a date and is none (30 February)."""
    bad = bad.copy()
    read: list[object] = []
    for row, text in enumerate(texts):
        try:
            read.append(text.cast(target).as_py())
        except pa.ArrowInvalid:
            bad[row] = True
            read.append(None)
    return pa.array(read, target), bad


def _read_flags(values: pa.Array) -> Cells:
    """``T`` or ``F`` (ALMA-092) from the ways of writing a truth value."""
    texts = pc.utf8_lower(pc.utf8_trim_whitespace(values.cast(pa.string())))
    true, false = pc.is_in(texts, _TRUE), pc.is_in(texts, _FALSE)
    flags = pc.case_when(pc.make_struct(true, false), pa.scalar("T"), pa.scalar("F"))
    wrong = pc.and_(pc.is_null(flags), pc.is_valid(texts)).to_numpy(zero_copy_only=False)
    return Cells(flags, wrong, _texts_of(texts, wrong), "not T or F")


def _texts_of(values: pa.Array, bad: NDArray[np.bool_]) -> tuple[str, ...]:
    return tuple(str(values[int(row)].as_py()) for row in np.flatnonzero(bad))


def _factor(declared: str | None, ours: str | None) -> float:
    """What a value in the declared unit is multiplied with; 1 where either unit is unknown or they differ
    in kind.

    The archive's own unit words are not all true (ALMA-044), so only units of one kind are converted.
    """
    if not declared or not ours or declared == ours:
        return 1.0
    try:
        return float(u.Unit(declared).to(u.Unit(ours)))
    except (ValueError, TypeError, u.UnitConversionError):
        return 1.0


def as_json(columns: Mapping[str, pa.Array], count: int) -> pa.Array:
    """Each row's values as one JSON object under the names of their columns, null where there are none."""
    if not columns:
        return pa.nulls(count, pa.string())
    pieces = [
        pc.binary_join_element_wise(f",{json.dumps(name)}:", _json_values(values), "")
        for name, values in columns.items()
    ]
    # Arrow leaves out rows in which all that it is to join is null: the brace before keeps them.
    brace = pa.repeat(pa.scalar("{"), count)
    joined = pc.binary_join_element_wise(brace, *pieces, "", null_handling="skip")
    told = pc.binary_join_element_wise("{", pc.utf8_slice_codeunits(joined, 2), "}", "")
    return pc.if_else(pc.equal(joined, "{"), pa.scalar(None, pa.string()), told)


def _json_values(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Every value as JSON text; numbers that JSON has no form for are null."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    values, _garbled = plain(values)
    kind = values.type
    if pa.types.is_floating(kind):
        finite = pc.is_finite(values).fill_null(False)
        return pc.if_else(finite, values, pa.scalar(None, kind)).cast(pa.string())
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return values.cast(pa.string())
    coded = pc.dictionary_encode(values.cast(pa.string()))
    texts = [json.dumps(text) if text not in {"", "--"} else None for text in coded.dictionary.to_pylist()]
    return pa.array(texts, pa.string()).take(coded.indices)
