"""The spectral axis in sky frequency: every form of it met in radio headers, by its own formula.

wcslib is not asked: it refuses headers of the older conventions that state all that is needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.axes import Axis
from vo_service.pixels.spectral_quantities import EQUAL_IN_FREQUENCY, QUANTITIES

LOGARITHM = "logarithm"
"""The spacing of an axis whose steps are equal in the logarithm of its own values (algorithm code LOG)."""


class SpectralAxisError(Exception):
    """A spectral axis that gives no frequency: ``keyword`` and ``value`` say where."""

    def __init__(self, message: str, keyword: str, value: object) -> None:
        super().__init__(message)
        self.message = message
        self.keyword = keyword
        self.value = value


@dataclass(frozen=True, slots=True)
class SpectralAxis:
    """A spectral axis understood (WCS paper III, section 3).

    ``definition``: the quantity that CRVAL and CDELT are values of, by its name in ``QUANTITIES``;
    ``spacing``: the quantity in which pixels are equally spaced, which is the definition where the axis is
    linear, or ``logarithm``. ``crval`` and ``cdelt`` in the unit of the definition without prefix; ``rest``
    in Hz where definition or spacing is a velocity or a redshift, else None.
    """

    axis: Axis
    definition: str
    spacing: str
    crval: float
    cdelt: float
    rest: float | None

    @property
    def channels_are_equal(self) -> bool:
        """Whether all channels are equally wide in frequency."""
        return self.spacing in EQUAL_IN_FREQUENCY

    def frequency(self, pixel: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sky frequency in Hz at FITS pixels (the first is 1), in the frame of the axis; NaN or a number that
        is not positive where there is none.
        """
        offset = np.asarray(pixel, dtype=np.float64) - self.axis.crpix
        with np.errstate(all="ignore"):
            if self.spacing == LOGARITHM:
                value = self.crval * np.exp(offset * self.cdelt / self.crval)
                return QUANTITIES[self.definition].to_frequency(value, self._rest)
            start, step = self._start_and_step()
            return QUANTITIES[self.spacing].to_frequency(start + offset * step, self._rest)

    def pixel(self, frequency: NDArray[np.float64]) -> NDArray[np.float64]:
        """FITS pixels (the first is 1) at sky frequencies in Hz, in the frame of the axis: the inverse of
        :meth:`frequency`. NaN where a frequency is not positive.
        """
        frequency = np.asarray(frequency, dtype=np.float64)
        frequency = np.where(frequency > 0.0, frequency, np.nan)
        with np.errstate(all="ignore"):
            if self.spacing == LOGARITHM:
                value = QUANTITIES[self.definition].from_frequency(frequency, self._rest)
                offset = np.log(value / self.crval) * (self.crval / self.cdelt)
            else:
                start, step = self._start_and_step()
                offset = (QUANTITIES[self.spacing].from_frequency(frequency, self._rest) - start) / step
        return np.asarray(self.axis.crpix + offset)

    def edges(self) -> tuple[float, float]:
        """Lower and upper outer edge of all channels, Hz. Raises SpectralAxisError where they are no
        frequencies.
        """
        ends = self.frequency(np.array([0.5, self.axis.length + 0.5]))
        low, high = float(ends.min()), float(ends.max())
        if not (np.isfinite(ends).all() and low > 0.0 and high > low):
            raise SpectralAxisError(
                f"{self.axis.ctype} runs from {ends[0]:.6g} to {ends[1]:.6g} Hz: no sky frequencies",
                f"CRVAL{self.axis.number}",
                self.crval,
            )
        return low, high

    def widths(self) -> NDArray[np.float64]:
        """(channels,) width of each channel in Hz, from edge to edge."""
        return np.abs(np.diff(self.frequency(np.arange(0.5, self.axis.length + 1.0))))

    @property
    def _rest(self) -> float:
        return float("nan") if self.rest is None else self.rest

    def _start_and_step(self) -> tuple[float, float]:
        """Value at the reference pixel and increment in the quantity of the spacing. The increment is such
        that CDELT is right at the reference pixel (paper III, section 3).
        """
        if self.spacing == self.definition:
            return self.crval, self.cdelt
        labelled, spaced = QUANTITIES[self.definition], QUANTITIES[self.spacing]
        at = labelled.to_frequency(np.asarray(self.crval), self._rest)
        start = float(spaced.from_frequency(at, self._rest))
        turn = np.divide(spaced.slope(at, self._rest), labelled.slope(at, self._rest))
        return start, self.cdelt * float(turn)


def read_spectral_axis(
    axis: Axis, definition: str, rest: float | None, spacing: str | None = None
) -> SpectralAxis:
    """Understands an axis of ``definition`` and ``spacing`` (see SpectralAxis), linear where no spacing is
    given. Raises SpectralAxisError for a card that is missing or unreadable, an unknown unit, an increment of
    zero, a logarithm without a positive reference value, or a velocity without a rest frequency.
    """
    spacing = spacing or definition
    quantity = QUANTITIES[definition]
    if axis.fault is not None:
        raise SpectralAxisError(axis.fault.message, axis.fault.keyword, axis.fault.written)
    scale = quantity.units.get(axis.cunit.upper())
    if scale is None:
        raise SpectralAxisError(
            f"CUNIT{axis.number} = {axis.cunit!r} does not fit {axis.ctype}",
            f"CUNIT{axis.number}",
            axis.cunit,
        )
    if axis.cdelt == 0.0:
        raise SpectralAxisError(f"CDELT{axis.number} of {axis.ctype} is zero", f"CDELT{axis.number}", 0.0)
    if spacing == LOGARITHM and not axis.crval > 0.0:
        raise SpectralAxisError(
            f"{axis.ctype} needs a positive CRVAL{axis.number}, which is {axis.crval:g}",
            f"CRVAL{axis.number}",
            axis.crval,
        )
    needs_rest = quantity.needs_rest or (spacing != LOGARITHM and QUANTITIES[spacing].needs_rest)
    if needs_rest and not (rest and rest > 0.0):
        raise SpectralAxisError(
            f"{axis.ctype} needs a rest frequency, but the header has none",
            f"CTYPE{axis.number}",
            axis.ctype,
        )
    return SpectralAxis(
        axis=axis,
        definition=definition,
        spacing=spacing,
        crval=axis.crval * scale,
        cdelt=axis.cdelt * scale,
        rest=rest if needs_rest else None,
    )
