"""From the numbers of an image as they are stored to physical ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.fits_file import Hdu
from vo_service.pixels.fits_header import FitsError

Values = NDArray[np.floating[Any]]
"""float32 or float64, in the machine's own byte order."""


@dataclass(frozen=True, slots=True)
class Decoder:
    """From stored numbers to physical ones. ``blank`` is the integer that stands for no value, ``sentinel``
    the float that does so though the standard gives BLANK no meaning there (FITS 4.0, 4.4.2.5)."""

    stored: np.dtype[np.generic]
    wide: bool
    scale: float
    zero: float
    blank: int | None
    sentinel: float | None

    @classmethod
    def of(cls, hdu: Hdu) -> Decoder:
        """From the cards of a header. Raises FitsError ``bad_header`` where a card states something that is
        no scale, zero point or (of integers) blank value."""
        kind = "f" if hdu.bitpix < 0 else "u" if hdu.bitpix == 8 else "i"
        scale = _factor_of(hdu, "BSCALE", 1.0)
        if scale == 0.0:
            raise FitsError("bad_header", "BSCALE is 0: no pixel could have a value of its own", "BSCALE")
        return cls(
            np.dtype(f">{kind}{abs(hdu.bitpix) // 8}"),
            computed_bitpix(hdu.bitpix) == -64,
            scale,
            _factor_of(hdu, "BZERO", 0.0),
            _blank_of(hdu) if hdu.bitpix > 0 else None,
            _sentinel_of(hdu) if hdu.bitpix < 0 else None,
        )

    def values(self, stored: NDArray[np.generic]) -> tuple[Values, int]:
        """A new array in the machine's own byte order, and how many floats stood for no value."""
        values: Values = stored.astype(np.float64) if self.wide else stored.astype(np.float32)
        blanked = 0
        if self.sentinel is not None:
            silent = values == values.dtype.type(self.sentinel)
            blanked = int(np.count_nonzero(silent))
            if blanked:
                values[silent] = np.nan
        with np.errstate(over="ignore", invalid="ignore"):
            if self.scale != 1.0:
                values *= self.scale
            if self.zero != 0.0:
                values += self.zero
        if self.blank is not None:
            values[stored == self.blank] = np.nan
        return values, blanked


def _factor_of(hdu: Hdu, key: str, default: float) -> float:
    """The number of a card, ``default`` where it states none."""
    fault = hdu.keywords.number_fault(key)
    if fault is not None:
        raise FitsError("bad_header", fault.message, key)
    value = hdu.keywords.number(key)
    return default if value is None else value


def computed_bitpix(bitpix: int) -> int:
    """BITPIX of floats that are made of pixels stored with that one: those of 32 bits hold integers of up to
    24 only."""
    return -64 if bitpix in (32, 64, -64) else -32


def assumed_blank(bitpix: int) -> int:
    """BLANK of integers of which only the column ZBLANK of their tiles tells that some are none: the lowest
    there is, but of bytes the highest, as 0 is what most of them hold for its own sake. A byte of a tile that
    is that number for its own sake is taken for none: of 256 there is none to spare."""
    return 255 if bitpix == 8 else -(1 << (bitpix - 1))


def _blank_of(hdu: Hdu) -> int | None:
    """The integer that stands for no value, None where there is none."""
    keys = hdu.keywords
    card = "ZBLANK" if hdu.kind == "tile" and not (keys.written("BLANK") or "").strip() else "BLANK"
    if not (keys.written(card) or "").strip():
        names = (keys.text(f"TTYPE{number}") for number in range(1, (keys.integer("TFIELDS") or 0) + 1))
        return assumed_blank(hdu.bitpix) if hdu.kind == "tile" and "ZBLANK" in names else None
    blank = keys.get(card)
    lowest, highest = (0, 255) if hdu.bitpix == 8 else (-(1 << hdu.bitpix - 1), (1 << hdu.bitpix - 1) - 1)
    if card in keys.repeated or type(blank) is not int or not lowest <= blank <= highest:
        raise FitsError(
            "bad_header",
            f"{card} is {keys.written(card)!r}: it would be one of the integers of BITPIX {hdu.bitpix}, from "
            f"{lowest} to {highest}",
            card,
        )
    return blank


def _sentinel_of(hdu: Hdu) -> float | None:
    """What BLANK says of floats, unless maps hold it for its own sake: 0 and 1 are weights and masks."""
    blank = hdu.keywords.number("BLANK")
    return None if blank is None or abs(blank) <= 1.0 else blank
