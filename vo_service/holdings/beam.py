"""The restoring beam in arcsec: from BMAJ, BMIN, BPA or from the table of beams by channel."""

from __future__ import annotations

import math

import numpy as np

from vo_service.holdings.header import Columns, ImageHeader
from vo_service.holdings.logged_beam import find_logged_beam
from vo_service.holdings.records import Beam, Product, ProductError, Repair
from vo_service.holdings.units import read_unit
from vo_service.pixels import Celestial, CelestialError, Keywords

_TO_ARCSEC = {
    "deg": 3600.0,
    "degree": 3600.0,
    "degrees": 3600.0,
    "arcsec": 1.0,
    "arcmin": 60.0,
    "rad": 206264.80624709636,
}
LARGEST_PIXELS = 100.0
"""Pixels along the major axis: a beam is sampled by three to thirty of them."""
SMALLEST_PIXELS = 0.1
"""Even an image binned for a quick look shows more of its beam than this."""


def measure_beam(product: Product, header: ImageHeader) -> Product:
    """Beam of the image; None where the header has none, or one that cannot be (a repair says so, and what
    it would be in arcsec). The table of beams wins over the cards (OBS-075).
    """
    beam = _median_beam(header.beams) if header.beams is not None else None
    if header.beams is None or beam is None:
        return _beam_of_cards(product, header)
    count = len(header.beams["BMAJ"][0])
    why = f"median of {count} beams by the square root of the product of their axes"
    written = header.keywords.written("BMAJ")
    doubt = _doubt(beam, header)
    if doubt is not None:
        return product.repaired(Repair("BMAJ", written, None, "BEAM-INVALID", f"{why}: {doubt}"), beam=None)
    became = f"{beam.major!r} x {beam.minor!r} arcsec"
    return product.repaired(Repair("BMAJ", written, became, "BEAM-TABLE", why), beam=beam)


def _beam_of_cards(product: Product, header: ImageHeader) -> Product:
    keys = header.keywords
    major, minor = keys.number("BMAJ"), keys.number("BMIN")
    if major is None or minor is None:
        return _without_size(product, header)
    written = f"{keys.written('BMAJ')} x {keys.written('BMIN')}"
    if major <= 0.0 or minor <= 0.0:
        why = "a beam has a positive size"
        return product.repaired(Repair("BMAJ", written, None, "BEAM-INVALID", why), beam=None)
    repairs = []
    if minor > major:
        major, minor = minor, major
        became = f"{major * 3600.0!r} x {minor * 3600.0!r} arcsec"
        repairs.append(Repair("BMAJ", written, became, "BEAM-INVALID", "the major axis is the longer"))
    size = math.sqrt(major * minor) * 3600.0
    angle, angle_repairs = _angle_of(keys)
    beam = Beam(major * 3600.0, minor * 3600.0, angle, size, size)
    doubt = _doubt(beam, header)
    if doubt is not None:
        return product.repaired(Repair("BMAJ", written, None, "BEAM-INVALID", doubt), beam=None)
    return product.repaired(*repairs, *angle_repairs, beam=beam)


def _without_size(product: Product, header: ImageHeader) -> Product:
    """The product with the beam that its log tells where no card states one, else without a beam and with a
    repair that says which of the two cards is at fault.
    """
    keys = header.keywords
    if keys.written("BMAJ") is None and keys.written("BMIN") is None:
        return _beam_of_log(product, header)
    key = "BMAJ" if keys.number("BMAJ") is None else "BMIN"
    fault = keys.number_fault(key)
    why = fault.message if fault else f"{key} is missing"
    other = "BMIN" if key == "BMAJ" else "BMAJ"
    if fault is None and not (keys.written(other) or "").strip():
        return product
    was = f"{keys.written('BMAJ')} x {keys.written('BMIN')}"
    return product.repaired(Repair("BMAJ", was, None, "BEAM-INVALID", why), beam=None)


def _beam_of_log(product: Product, header: ImageHeader) -> Product:
    """The beam from HISTORY, of an image whose unit says that it was restored with one."""
    unit = read_unit(product.unit) if product.unit else None
    if unit is None or unit.kind not in ("brightness", "integrated") or unit.per == "pixel":
        return product
    logged = find_logged_beam(header.remarks)
    if logged is None:
        return product
    size = math.sqrt(logged.major * logged.minor)
    beam = Beam(logged.major, logged.minor, logged.angle, size, size)
    if _doubt(beam, header) is not None:
        return product
    became = f"{logged.major!r} x {logged.minor!r} arcsec"
    why = f"HISTORY: {logged.text}"
    return product.repaired(Repair("BMAJ", None, became, "BEAM-HISTORY", why, 0.8), beam=beam)


def _angle_of(keys: Keywords) -> tuple[float | None, list[Repair]]:
    """Position angle in degrees, None where the header has none or no angle."""
    angle, fault = keys.number("BPA"), keys.number_fault("BPA")
    if angle is not None and abs(angle) <= 360.0:
        return angle, []
    if angle is None and fault is None:
        return None, []
    why = fault.message if fault else f"{keys.written('BPA')} is beyond a whole turn of 360 degrees"
    return None, [Repair("BPA", keys.written("BPA"), None, "BEAM-INVALID", why)]


def _doubt(beam: Beam, header: ImageHeader) -> str | None:
    """Why the image cannot have been made with this beam, or None. A cut-out may be smaller than its beam,
    so a beam has to be large in pixels as well before it is doubted.
    """
    try:
        celestial = Celestial(header.keywords, header.axes)
    except CelestialError:
        return None  # an image off the sky has no size to compare with
    pixel = celestial.pixel_scale() * 3600.0
    extent = max(celestial.size) * pixel
    text = f"a beam of {beam.major:.6g} x {beam.minor:.6g} arcsec"
    if beam.major > max(extent, LARGEST_PIXELS * pixel):
        return f"{text} is larger than the image of {extent:.6g} arcsec with pixels of {pixel:.6g} arcsec"
    if beam.major < SMALLEST_PIXELS * pixel:
        return f"{text} cannot be told in pixels of {pixel:.6g} arcsec"
    return None


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
