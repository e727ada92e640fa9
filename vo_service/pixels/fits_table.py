"""Rows of a small FITS binary table, as numpy columns: enough for the beams of a cube."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.fits_file import Hdu
from vo_service.pixels.fits_header import FitsError

_TYPES = {"B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8", "L": "i1"}


def read_table(hdu: Hdu) -> dict[str, tuple[NDArray[np.float64], str | None]]:
    """Numeric columns with one element a row: upper-case name -> (values of shape (rows,), unit or None).

    Other columns are left out. Raises FitsError ``bad_header`` as `places_of`.
    """
    if hdu.table is None:
        return {}
    width, rows = table_shape(hdu)
    raw = np.frombuffer(hdu.table[: width * rows], dtype=np.uint8).reshape(rows, width)
    return {
        name: (cells_of(raw, place).astype(np.float64), place.unit)
        for name, place in places_of(hdu).items()
        if place.stored is not None
    }


@dataclass(frozen=True, slots=True)
class ColumnPlace:
    """Where a column lies in a row: ``offset`` bytes from its start. ``stored`` is the numpy type of a
    numeric column with one element a row, None for every other."""

    offset: int
    stored: str | None
    unit: str | None


def table_shape(hdu: Hdu) -> tuple[int, int]:
    """Bytes of a row of a table, and how many rows it has. Raises FitsError ``bad_header`` for one that does
    not have two axes."""
    if len(hdu.axes) != 2:
        message = f"NAXIS of the table {hdu.name} in HDU {hdu.index} is {len(hdu.axes)}: a table has 2 axes"
        raise FitsError("bad_header", message, "NAXIS")
    return hdu.axes[0], hdu.axes[1]


def places_of(hdu: Hdu) -> dict[str, ColumnPlace]:
    """The columns of a table by their upper-case names. Raises FitsError ``bad_header`` as `table_shape`, and
    where the declared widths do not fit the rows."""
    width, _ = table_shape(hdu)
    places: dict[str, ColumnPlace] = {}
    offset = 0
    for number in range(1, (hdu.keywords.integer("TFIELDS") or 0) + 1):
        form = hdu.keywords.text(f"TFORM{number}") or ""
        repeat, letter = parse_form(form, number)
        size = column_bytes(repeat, letter)
        if offset + size > width:
            raise FitsError(
                "bad_header", f"TFORM{number} = {form!r} does not fit rows of {width} bytes", "TFORM"
            )
        name = (hdu.keywords.text(f"TTYPE{number}") or f"COL{number}").upper()
        stored = _TYPES.get(letter) if repeat == 1 else None
        places[name] = ColumnPlace(offset, stored, hdu.keywords.text(f"TUNIT{number}"))
        offset += size
    return places


def cells_of(rows: NDArray[np.uint8], place: ColumnPlace) -> NDArray[np.generic]:
    """The numbers of a column as they are stored, of rows given as bytes (rows, width). Raises ValueError for
    a column that is not numeric."""
    if place.stored is None:
        raise ValueError("the column holds no numbers")
    dtype = np.dtype(place.stored)
    part = np.ascontiguousarray(rows[:, place.offset : place.offset + dtype.itemsize])
    return part.view(dtype).reshape(len(rows))


def parse_form(form: str, number: int) -> tuple[int, str]:
    """How many elements a column has in a row, and the letter of its type. Raises FitsError ``bad_header``
    for what is no format of a column."""
    match = re.match(r"(\d*)([LXBIJKAEDCMPQ])", form)
    if not match:
        raise FitsError("bad_header", f"TFORM{number} = {form!r} is no column format", f"TFORM{number}")
    return int(match.group(1) or 1), match.group(2)


def column_bytes(repeat: int, letter: str) -> int:
    """Bytes of a row that a column takes; of P and Q those that say where its elements are."""
    if letter == "X":
        return -(-repeat // 8)
    sizes = {"L": 1, "B": 1, "A": 1, "I": 2, "J": 4, "E": 4, "K": 8, "D": 8, "C": 8, "P": 8, "M": 16, "Q": 16}
    return repeat * sizes[letter]
