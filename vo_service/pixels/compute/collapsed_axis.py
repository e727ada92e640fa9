"""Cards of an axis of which all pixels become one.

Pixel 1 then reaches as far as all pixels did (0.5 to 1.5), and its middle is theirs: CRPIX and the increment
alone change. As coordinates follow from the distance to CRPIX times the increment, this is exact for axes of
every CTYPE, linear or not, and of every alternate.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from vo_service.pixels.fits_header import FitsError, Keywords

_DESCRIPTION = re.compile(r"(?:CTYPE|CUNIT|CRVAL|CRPIX|CDELT)[1-9]\d{0,2}([A-Z])$")
_ELEMENT = re.compile(r"(PC|CD)(?:0*([1-9]\d?)_0*([1-9]\d?)|(\d{3})(\d{3}))([A-Z]?)$")


def collapsed_axis(keys: Keywords, axis: int, length: float) -> dict[str, str]:
    """Keyword -> number as it is written, of all cards that differ between an axis of ``length`` pixels (its
    number from 1; the last of them may be a part of one) and what it becomes, stated or not before.

    Raises FitsError ``bad_header`` for such cards that are no numbers, and for coordinates from a table.
    """
    if (keys.text(f"CTYPE{axis}") or "").upper().endswith("-TAB"):
        message = f"the values of axis {axis} stand in a table that no map keeps"
        raise FitsError("bad_header", message, f"CTYPE{axis}")
    if length == 1:
        return {}
    references = [f"CRPIX{axis}{alternate}" for alternate in _alternates(keys)]
    if keys.written("ALTRPIX") is not None:
        references.append("ALTRPIX")  # where AIPS and CASA say a second value of the spectral axis
    increments = {key: one for alternate in _alternates(keys) for key, one in _steps(keys, axis, alternate)}
    middle = (length + 1) / 2.0
    moved = {key: 1.0 + (_number(keys, key, 0.0) - middle) / length for key in references}
    widened = {key: _number(keys, key, default) * length for key, default in increments.items()}
    return {key: written(value) for key, value in {**moved, **widened}.items()}


def written(value: float) -> str:
    """A number with all its digits, as a card has it."""
    return repr(float(value)).upper()


def _alternates(keys: Keywords) -> list[str]:
    """The letters of all descriptions of coordinates, that of the first empty."""
    return ["", *sorted({match[1] for key in keys.stated() if (match := _DESCRIPTION.match(key))})]


def _steps(keys: Keywords, axis: int, alternate: str) -> list[tuple[str, float]]:
    """The cards by which coordinates change along an axis, and what each is where no card states it.

    That is the column of a matrix CD, or CDELT. Where a matrix PC mixes the axis with others, CDELT belongs
    to their pixels, too, and it is its column.
    """
    matrices: dict[str, dict[tuple[int, int], str]] = {"CD": {}, "PC": {}}
    for key in keys.stated():
        match = _ELEMENT.match(key)
        if match is not None and match[6] == alternate:
            matrices[match[1]][int(match[2] or match[4]), int(match[3] or match[5])] = key
    increment = f"CDELT{axis}{alternate}"
    if matrices["CD"]:
        stated = [increment] if keys.written(increment) is not None else []
        return [(key, 0.0) for key in (*_column(matrices["CD"], axis), *stated)]
    mixed = any(
        row != column and axis in (row, column) and _number(keys, key, 0.0) != 0.0
        for (row, column), key in matrices["PC"].items()
    )
    if not mixed:
        return [(increment, 1.0)]
    diagonal = matrices["PC"].get((axis, axis), f"PC{axis}_{axis}{alternate}")
    others = [key for key in _column(matrices["PC"], axis) if key != diagonal]
    return [(diagonal, 1.0), *((key, 0.0) for key in others)]


def _column(matrix: dict[tuple[int, int], str], axis: int) -> Sequence[str]:
    return [key for (_, column), key in matrix.items() if column == axis]


def _number(keys: Keywords, key: str, default: float) -> float:
    fault = keys.number_fault(key)
    if fault is not None:
        raise FitsError("bad_header", fault.message, key)
    value = keys.number(key)
    return default if value is None else value
