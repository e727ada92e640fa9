"""Rows of a small FITS binary table, as numpy columns: enough for the beams of a cube."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.fits_file import Hdu
from vo_service.pixels.fits_header import FitsError

_TYPES = {"B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8", "L": "i1"}


def read_table(hdu: Hdu) -> dict[str, tuple[NDArray[np.float64], str | None]]:
    """Numeric columns with one element a row: upper-case name -> (values of shape (rows,), unit or None).

    Other columns are left out. Raises FitsError ``bad_header`` where the declared widths do not fit the rows.
    """
    if hdu.table is None:
        return {}
    width, rows = hdu.axes[0], hdu.axes[1]
    columns: dict[str, tuple[NDArray[np.float64], str | None]] = {}
    raw = np.frombuffer(hdu.table[: width * rows], dtype=np.uint8).reshape(rows, width)
    offset = 0
    for number in range(1, (hdu.keywords.integer("TFIELDS") or 0) + 1):
        form = hdu.keywords.text(f"TFORM{number}") or ""
        repeat, letter = _parse_form(form, number)
        size = _column_bytes(repeat, letter)
        if offset + size > width:
            raise FitsError(
                "bad_header", f"TFORM{number} = {form!r} does not fit rows of {width} bytes", "TFORM"
            )
        name = (hdu.keywords.text(f"TTYPE{number}") or f"COL{number}").upper()
        if letter in _TYPES and repeat == 1:
            cells = np.ascontiguousarray(raw[:, offset : offset + size]).view(_TYPES[letter])
            columns[name] = (cells.reshape(rows).astype(np.float64), hdu.keywords.text(f"TUNIT{number}"))
        offset += size
    return columns


def _parse_form(form: str, number: int) -> tuple[int, str]:
    match = re.match(r"(\d*)([LXBIJKAEDCMPQ])", form)
    if not match:
        raise FitsError("bad_header", f"TFORM{number} = {form!r} is no column format", f"TFORM{number}")
    return int(match.group(1) or 1), match.group(2)


def _column_bytes(repeat: int, letter: str) -> int:
    if letter == "X":
        return -(-repeat // 8)
    sizes = {"L": 1, "B": 1, "A": 1, "I": 2, "J": 4, "E": 4, "K": 8, "D": 8, "C": 8, "P": 8, "M": 16, "Q": 16}
    return repeat * sizes[letter]
