"""Fields written as zenithal projections in ICRS: where astropy has their pixels, whatever they were."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st
from made_fields import ARCSEC, header_of

from hips.images.hipsgen.zenithal import TOLERANCE, zenithal
from vo_service.holdings.celestial import turn_from_icrs, turn_to_icrs
from vo_service.pixels.axes import read_axes
from vo_service.pixels.celestial import Celestial
from vo_service.pixels.fits_header import parse_header
from vo_service.pixels.sky_plane import SkyPlane

FRAMES = {"ICRS": None, "FK5": 2000.0, "FK4": 1950.0, "GALACTIC": 2000.0, "ECLIPTIC": 2000.0}
AXES = {"GALACTIC": ("GLON", "GLAT"), "ECLIPTIC": ("ELON", "ELAT")}


def plane_of(header: fits.Header, size: tuple[int, int], frame: str) -> SkyPlane:
    """The sky of a header that is in a frame, whatever it says of it."""
    celestial = Celestial(
        parse_header(header.tostring().encode("ascii")).keywords, read_axes_of(header, size)
    )
    if frame == "ICRS":
        return SkyPlane(celestial, None)
    return SkyPlane(celestial, turn_to_icrs(frame, FRAMES[frame]), turn_from_icrs(frame, FRAMES[frame]))


def read_axes_of(header: fits.Header, size: tuple[int, int]):
    return read_axes(parse_header(header.tostring().encode("ascii")).keywords, size)


def in_frame(header: fits.Header, frame: str) -> fits.Header:
    for key, name in zip(("CTYPE1", "CTYPE2"), AXES.get(frame, ("RA", "DEC"))):
        header[key] = f"{name:-<4}-{header[key][5:]}"
    return header


def away(header: fits.Header, frame: str, size: tuple[int, int], offset: tuple[int, int]) -> float:
    """Pixels by which places all over the image are off, by astropy's reading of both."""
    found = zenithal(plane_of(header, size, frame), size)
    assert found is not None
    written = fits.Header()
    for key, value in found.cards(offset).items():
        written[key] = value
    x, y = (np.linspace(-0.5, length - 0.5, 7) for length in size)
    columns, rows = (part.ravel() for part in np.meshgrid(x, y))
    plain = header.copy()
    for key, name in zip(("CTYPE1", "CTYPE2"), ("RA", "DEC")):
        plain[key] = f"{name:-<4}-{header[key][5:]}"
    first, second = WCS(plain).wcs_pix2world(columns, rows, 0)
    seen = np.isfinite(first)
    kinds = {"GALACTIC": "galactic", "ECLIPTIC": "barycentricmeanecliptic"}
    places = SkyCoord(first[seen], second[seen], unit="deg", frame=kinds.get(frame, frame.lower())).icrs
    again = WCS(written).wcs_world2pix(places.ra.deg, places.dec.deg, 0)
    return float(np.hypot(again[0] + offset[0] - columns[seen], again[1] + offset[1] - rows[seen]).max())


@given(
    ra=st.floats(0.0, 360.0),
    dec=st.one_of(st.floats(-90.0, 90.0), st.sampled_from([90.0, -90.0, 0.0])),
    pixel=st.sampled_from([0.01, 0.2, 3.0]),
    projection=st.sampled_from(["SIN", "TAN", "STG", "ARC", "ZEA"]),
    turned=st.floats(0.0, 360.0),
    size=st.tuples(st.integers(1, 3000), st.integers(1, 3000)),
    frame=st.sampled_from(["ICRS", "FK5", "GALACTIC", "ECLIPTIC"]),
    offset=st.tuples(st.integers(-1, 900), st.integers(-1, 900)),
)
def test_zenithal_projections_stay_exact(ra, dec, pixel, projection, turned, size, frame, offset) -> None:
    header = in_frame(header_of(ra, dec, pixel * ARCSEC, size, projection, turned), frame)
    assert away(header, frame, size, offset) < 2e-3


@pytest.mark.parametrize("projection", ["SFL", "CAR", "AIT", "MER", "GLS"])
def test_small_fields_of_others_are_near_enough(projection: str) -> None:
    header = header_of(120.0, 3.0, 0.1 * ARCSEC, (300, 200), "SFL" if projection == "GLS" else projection)
    assert away(header, "ICRS", (300, 200), (0, 0)) < TOLERANCE


def test_an_old_frame_is_no_turn_of_ours_but_near_one() -> None:
    header = header_of(120.0, 3.0, 0.1 * ARCSEC, (2000, 2000), "SIN")
    assert away(header, "FK4", (2000, 2000), (0, 0)) < TOLERANCE


@pytest.mark.parametrize("projection", ["CAR", "AIT", "MOL"])
def test_large_fields_of_others_are_refused(projection: str) -> None:
    header = header_of(40.0, 50.0, 100.0 * ARCSEC, (400, 400), projection)
    assert zenithal(plane_of(header, (400, 400), "ICRS"), (400, 400)) is None
