"""The restoring beam in arcsec: from BMAJ, BMIN, BPA or from the table of beams by channel."""

from __future__ import annotations

import math

import numpy as np

from vo_service.holdings.header import Columns, ImageHeader
from vo_service.holdings.records import Beam, Product, ProductError, Repair

_TO_ARCSEC = {
    "deg": 3600.0,
    "degree": 3600.0,
    "degrees": 3600.0,
    "arcsec": 1.0,
    "arcmin": 60.0,
    "rad": 206264.80624709636,
}


def measure_beam(product: Product, header: ImageHeader) -> Product:
    """Beam of the image; None where the header has none. The table of beams wins over the cards (OBS-075)."""
    if header.beams is not None:
        beam = _median_beam(header.beams)
        if beam is not None:
            count = len(header.beams["BMAJ"][0])
            why = f"median of {count} beams by the square root of the product of their axes"
            written = header.keywords.written("BMAJ")
            became = f"{beam.major!r} x {beam.minor!r} arcsec"
            return product.repaired(Repair("BMAJ", written, became, "BEAM-TABLE", why), beam=beam)
    return _beam_of_cards(product, header)


def _beam_of_cards(product: Product, header: ImageHeader) -> Product:
    keys = header.keywords
    major, minor = keys.number("BMAJ"), keys.number("BMIN")
    if major is None or minor is None:
        return product
    written = f"{keys.written('BMAJ')} x {keys.written('BMIN')}"
    if major <= 0.0 or minor <= 0.0:
        why = "a beam has a positive size"
        return product.repaired(Repair("BMAJ", written, None, "BEAM-INVALID", why), beam=None)
    repairs = []
    if minor > major:
        major, minor = minor, major
        repairs.append(
            Repair("BMAJ", written, f"{major!r} x {minor!r}", "BEAM-INVALID", "the major axis is the longer")
        )
    size = math.sqrt(major * minor) * 3600.0
    beam = Beam(major * 3600.0, minor * 3600.0, keys.number("BPA"), size, size)
    return product.repaired(*repairs, beam=beam)


def _median_beam(columns: Columns) -> Beam | None:
    """The beam of the channel nearest to the median size, scaled to that size exactly; None without a valid
    one.
    """
    if "BMAJ" not in columns or "BMIN" not in columns:
        return None
    major = columns["BMAJ"][0] * _factor(columns, "BMAJ")
    minor = columns["BMIN"][0] * _factor(columns, "BMIN")
    valid = np.isfinite(major) & np.isfinite(minor) & (major > 0.0) & (minor > 0.0)
    if not valid.any():
        return None
    sizes = np.sqrt(major * minor)
    median = float(np.median(sizes[valid]))
    channel = int(np.abs(np.where(valid, sizes, np.inf) - median).argmin())
    scale = median / float(sizes[channel])
    angle = float(columns["BPA"][0][channel]) if "BPA" in columns else math.nan
    return Beam(
        float(major[channel]) * scale,
        float(minor[channel]) * scale,
        angle if math.isfinite(angle) else None,
        float(sizes[valid].min()),
        float(sizes[valid].max()),
    )


def _factor(columns: Columns, name: str) -> float:
    unit = (columns[name][1] or "deg").lower()
    if unit not in _TO_ARCSEC:
        raise ProductError(
            "bad_header", f"the unit {unit!r} of {name} in the table BEAMS is no angle", "TUNIT", unit
        )
    return _TO_ARCSEC[unit]
