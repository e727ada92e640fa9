"""From the values of pixels to flux densities: by beam, by pixel, by solid angle, by temperature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import constants, units
from numpy.typing import NDArray

from vo_service.pixels.compute.channel_beams import ChannelBeams
from vo_service.pixels.compute.channels import NotComputable
from vo_service.spectral import C

Doubles = NDArray[np.float64]

_JANSKY = 1e-26
_KNOWN = "in units of Jy/beam, Jy/pixel, Jy/sr or K, or a multiple of them"


@dataclass(frozen=True, slots=True)
class FluxScale:
    """Flux density in Jy is ``factors`` (polarisations or 1, channels) times a sum over pixels: of their
    values times their solid angles in steradians where ``by_area``, of the values alone where not."""

    factors: Doubles
    by_area: bool


def flux_scale(unit: str | None, frequencies: Doubles, beams: ChannelBeams | None) -> FluxScale:
    """How values in ``unit`` become Jy at the frequencies (Hz) of the channels.

    Kelvins are taken as brightness temperatures of Rayleigh and Jeans. Raises NotComputable for another unit,
    and for one per beam where no beam is known.
    """
    written = _unit_of(unit)
    jansky = units.Jy
    if (factor := _factor(written, jansky / units.beam)) is not None:
        if beams is None or not np.isfinite(beams.areas).any():
            raise NotComputable(f"A flux from pixels in {unit} needs the beam, which is not known.")
        return FluxScale(factor / beams.areas, True)
    if (factor := _factor(written, jansky / units.pix)) is not None:
        return FluxScale(np.full((1, len(frequencies)), factor), False)
    if (factor := _factor(written, jansky / units.sr)) is not None:
        return FluxScale(np.full((1, len(frequencies)), factor), True)
    if (factor := _factor(written, units.K)) is not None:
        per_kelvin = 2.0 * constants.k_B.si.value * np.square(frequencies / C) / _JANSKY
        return FluxScale(factor * per_kelvin[None], True)
    raise NotComputable(f"A flux can be had from pixels {_KNOWN}, not from {unit}.")


def _unit_of(unit: str | None) -> Any:
    if unit is None:
        raise NotComputable(f"A flux can be had from pixels {_KNOWN}; the unit of this image is not known.")
    try:
        return units.Unit(unit)
    except ValueError as error:
        raise NotComputable(f"A flux can be had from pixels {_KNOWN}, not from {unit}.") from error


def _factor(unit: Any, wanted: Any) -> float | None:
    """What numbers in the one are to be multiplied with to be in the other; None where they measure something
    else."""
    try:
        return float(unit.to(wanted))
    except units.UnitsError:
        return None
