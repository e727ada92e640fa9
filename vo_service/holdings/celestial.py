"""Where an image lies on the sky: centre, outline and field of view in ICRS."""

from __future__ import annotations

import math
import re
from functools import lru_cache, partial

import numpy as np
from astropy.coordinates import FK4, FK5, ICRS, BarycentricMeanEcliptic, CartesianRepresentation, Galactic
from astropy.time import Time
from numpy.typing import NDArray

from vo_service.holdings.header import ImageHeader
from vo_service.holdings.records import Product, ProductError, Repair, SkyCoverage
from vo_service.pixels import Axes, Celestial, CelestialError, Keywords, trace_outline
from vo_service.pixels.outline import Turn, sky_positions
from vo_service.pixels.sky_plane import SkyPlane
from vo_service.sky import Polygon, RegionError

_SPELLINGS = {
    "ICRS": "ICRS",
    "ICRF": "ICRS",
    "FK5": "FK5",
    "J2000": "FK5",
    "FK4": "FK4",
    "B1950": "FK4",
    "FK4-NO-E": "FK4",
}
_VLA_YEAR = 1979.9
"""What CASA writes as the equinox of its frame B1950_VLA: the epoch of the VLA's calibrators, no equinox."""
_NAMED_YEAR = re.compile(r"[JB](\d{4}(?:\.\d*)?)$")


def place_on_sky(product: Product, header: ImageHeader) -> Product:
    """Centre, outline (at most 60 vertices), field of view, pixel scale.

    None where the image has no celestial axes. Raises ProductError ``bad_wcs`` where it has some that
    cannot be used: also where a card that the position rests on is missing, unreadable or contradicted by
    another of its name, since a default in its place would give a wrong position as if it were right.
    """
    if header.axes.celestial is None:
        _check_names(header.axes)
        return product
    try:
        celestial = Celestial(header.keywords, header.axes)
        frame, equinox, repairs = _frame_of(header.keywords, celestial.system)
        outline = trace_outline(celestial, turn_to_icrs(frame, equinox))
    except CelestialError as error:
        raise ProductError("bad_wcs", error.message, error.keyword, error.value) from error
    ra, dec = (float(part) for part in sky_positions(outline.centre[None, :])[0])
    vertices = tuple((float(lon), float(lat)) for lon, lat in sky_positions(outline.vertices))
    try:
        footprint = Polygon(vertices)
    except RegionError as error:
        why = f"the edge of the image is no outline on the sky: {error.expected}"
        raise ProductError("bad_wcs", why, f"CTYPE{celestial.longitude.number}") from error
    coverage = SkyCoverage(
        ra=ra,
        dec=dec,
        footprint=footprint,
        field_of_view=2.0 * math.degrees(outline.radius),
        pixel_scale=celestial.pixel_scale() * 3600.0,
        pixels=celestial.size,
    )
    return product.repaired(*repairs, *_conversions(celestial, frame, equinox), sky=coverage)


def find_plane(header: ImageHeader) -> SkyPlane:
    """The celestial axes of an image, which it must have, as ``place_on_sky`` understands them. Raises
    CelestialError.
    """
    celestial = Celestial(header.keywords, header.axes)
    frame, equinox, _ = _frame_of(header.keywords, celestial.system)
    return SkyPlane(celestial, turn_to_icrs(frame, equinox), turn_from_icrs(frame, equinox))


def _check_names(axes: Axes) -> None:
    """Raises ProductError where an image without a pair of celestial axes seems to have lost one: the name
    of an axis cannot be read, or one celestial axis stands beside an axis without a name.
    """
    fault = axes.nameless
    if fault is not None:
        raise ProductError("bad_wcs", fault.message, fault.keyword, fault.written)
    alone = axes.find("longitude") or axes.find("latitude")
    nameless = next((axis for axis in axes.axes if not axis.ctype and axis.length > 1), None)
    if alone is not None and nameless is not None:
        key = f"CTYPE{nameless.number}"
        raise ProductError("bad_wcs", f"{key} is missing beside {alone.ctype}", key, None)


def _frame_of(keys: Keywords, system: str) -> tuple[str, float, list[Repair]]:
    """(frame, equinox in years, repairs) by FITS 4.0 section 8.3; frames ``ICRS FK5 FK4 GALACTIC
    ECLIPTIC``. Raises CelestialError where a card that tells the frame cannot be read.
    """
    if system == "galactic":
        return "GALACTIC", 2000.0, []
    for key in ("RADESYS", "RADECSYS"):
        fault = keys.text_fault(key)
        if fault is not None:
            raise CelestialError(fault.message, key, fault.written)
    written = keys.text("RADESYS") or keys.text("RADECSYS")
    if system == "equatorial" and _SPELLINGS.get((written or "").upper()) == "ICRS":
        equinox = None  # ICRS has none, so whatever stands there does no harm
    else:
        equinox = _equinox_of(keys)
    if system == "ecliptic":
        return "ECLIPTIC", equinox or 2000.0, []
    repairs = []
    if written is not None:
        frame = _SPELLINGS.get(written.upper())
        if frame is None:
            why = f"{written!r} is none of ICRS, FK5, FK4"
            return "ICRS", 2000.0, [Repair("RADESYS", written, "ICRS", "SKY-FRAME-UNKNOWN", why, 0.5)]
        if written != frame or "RADESYS" not in keys:
            why = f"read as {frame}" if "RADESYS" in keys else "the frame stands in RADECSYS"
            was = written if "RADESYS" in keys else None
            repairs.append(Repair("RADESYS", was, frame, "SKY-FRAME-SPELLING", why))
    elif equinox is None:
        frame = "ICRS"
        why = "neither RADESYS nor EQUINOX: the standard's default"
        repairs.append(Repair("RADESYS", None, frame, "SKY-FRAME-DEFAULT", why, 0.7))
    else:
        frame = "FK5" if equinox >= 1984.0 else "FK4"
        why = f"no RADESYS, equinox {equinox:g}"
        repairs.append(Repair("RADESYS", None, frame, "SKY-FRAME-EQUINOX", why, 0.9))
    if frame == "FK4" and equinox == _VLA_YEAR:
        why = "CASA's frame B1950_VLA: positions of equinox 1950, the year is that of the VLA's calibrators"
        repairs.append(Repair("EQUINOX", keys.written("EQUINOX"), "1950.0", "SKY-EQUINOX-VLA", why, 0.9))
        equinox = 1950.0
    return frame, equinox or (1950.0 if frame == "FK4" else 2000.0), repairs


def _equinox_of(keys: Keywords) -> float | None:
    """EQUINOX or EPOCH in years, None where neither says anything (zero is no year). Raises CelestialError
    where one is no year near those of star catalogues.
    """
    for key in ("EQUINOX", "EPOCH"):
        match = _NAMED_YEAR.match(keys.text(key) or "")
        year = float(match.group(1)) if match and key not in keys.repeated else keys.number(key)
        fault = keys.number_fault(key)
        if year is None and fault is not None:
            raise CelestialError(fault.message, key, fault.written)
        if year and not 1800.0 <= year <= 2200.0:
            raise CelestialError(f"{key} = {year:g} is no equinox (1800 to 2200)", key, keys.written(key))
        if year:
            return year
    return None


def _conversions(celestial: Celestial, frame: str, equinox: float) -> list[Repair]:
    repairs = []
    code = celestial.longitude.ctype[-3:]
    if code in ("GLS", "NCP"):
        item = f"CTYPE{celestial.longitude.number}"
        became = celestial.longitude.ctype[:-3] + {"GLS": "SFL", "NCP": "SIN"}[code]
        repairs.append(
            Repair(item, celestial.longitude.ctype, became, "SKY-PROJECTION", f"{code} is a name of AIPS")
        )
    if frame in ("FK5", "FK4"):
        why = f"positions of equinox {equinox:g} are published in ICRS"
        repairs.append(Repair("RADESYS", frame, "ICRS", "SKY-FK5", why))
    elif frame != "ICRS":
        item = f"CTYPE{celestial.longitude.number}"
        why = f"{frame.lower()} positions are published in ICRS"
        repairs.append(Repair(item, celestial.longitude.ctype, "ICRS", "SKY-GALACTIC", why))
    return repairs


def turn_to_icrs(frame: str, equinox: float) -> Turn | None:
    """How unit vectors (n, 3) of a frame become ICRS; None for ICRS itself."""
    if frame == "ICRS":
        return None
    if frame == "FK4":  # elliptic aberration makes it more than a rotation
        return partial(_from_fk4, equinox=equinox)
    matrix = _rotation(frame, equinox)
    return lambda vectors: vectors @ matrix.T


def turn_from_icrs(frame: str, equinox: float) -> Turn | None:
    """How unit vectors (n, 3) in ICRS become those of a frame; None for ICRS itself."""
    if frame == "ICRS":
        return None
    if frame == "FK4":
        return partial(_into_fk4, equinox=equinox)
    matrix = _rotation(frame, equinox)
    return lambda vectors: vectors @ matrix


@lru_cache(maxsize=64)
def _rotation(frame: str, equinox: float) -> NDArray[np.float64]:
    """The matrix (3, 3) of a frame that differs from ICRS by a rotation."""
    year = Time(equinox, format="jyear")
    sources = {
        "FK5": FK5(equinox=year),
        "GALACTIC": Galactic(),
        "ECLIPTIC": BarycentricMeanEcliptic(equinox=year),
    }
    axes = sources[frame].realize_frame(CartesianRepresentation(np.eye(3)))
    return np.asarray(axes.transform_to(ICRS()).cartesian.xyz.value)


def _from_fk4(vectors: NDArray[np.float64], equinox: float) -> NDArray[np.float64]:
    year = Time(equinox, format="byear")
    source = FK4(equinox=year, obstime=year).realize_frame(CartesianRepresentation(vectors.T))
    turned = np.asarray(source.transform_to(ICRS()).cartesian.xyz.value).T
    return np.asarray(turned / np.linalg.norm(turned, axis=1, keepdims=True))


def _into_fk4(vectors: NDArray[np.float64], equinox: float) -> NDArray[np.float64]:
    """The exact inverse of `_from_fk4`: the rotation next to it leaves some millionths, each round a
    millionth of those."""
    matrix = _rotation_near_fk4(equinox)
    turned = vectors @ matrix
    for _ in range(2):
        turned = turned + (vectors - _from_fk4(turned, equinox)) @ matrix
        turned /= np.linalg.norm(turned, axis=1, keepdims=True)
    return turned


@lru_cache(maxsize=64)
def _rotation_near_fk4(equinox: float) -> NDArray[np.float64]:
    return np.asarray(np.linalg.inv(_from_fk4(np.eye(3), equinox)))
