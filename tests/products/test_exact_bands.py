"""BAND in the frame of the file, against astropy's SpectralCoord: what is told of a channel, in whatever
frame, brings that channel."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import (
    GCRS,
    HCRS,
    ICRS,
    LSRK,
    BaseCoordinateFrame,
    CartesianDifferential,
    CartesianRepresentation,
    EarthLocation,
    SkyCoord,
    SpectralCoord,
)
from astropy.io import fits
from astropy.time import Time
from astropy.utils import iers
from cut_files import box_of, view_at, wcs_of
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from product_files import write_product

from vo_service.products.selection import Constraints, LineWindow, NoOverlap
from vo_service.spectral import C, Frame

Doubles = NDArray[np.float64]
REST = 230.538e9
ALMA = (2225142.180269, -5440307.370349, -2481029.851874)
VLA = (-1601185.4, -5041977.5, 3554875.9)
CHANNELS = 40
FRAMES = ["BARYCENT", "HELIOCEN", "LSRK", "TOPOCENT", "GEOCENTR"]
AXES: dict[str, dict[str, object]] = {
    "FREQ": {"CRVAL3": 2.301e11, "CDELT3": 2e5, "CUNIT3": "Hz"},
    "FREQ down": {"CTYPE3": "FREQ", "CRVAL3": 230.1, "CDELT3": -3e-4, "CUNIT3": "GHz"},
    "VRAD": {"CRVAL3": 5.7e5, "CDELT3": -3e2, "CUNIT3": "m/s"},
    "VOPT": {"CRVAL3": 571.0, "CDELT3": 0.4, "CUNIT3": "km/s"},
    "VELO": {"CRVAL3": 5.7e5, "CDELT3": 3e2, "CUNIT3": "m/s"},
    "WAVE": {"CRVAL3": 1.3027, "CDELT3": 1e-6, "CUNIT3": "mm"},
    "FREQ-LOG": {"CRVAL3": 2.301e11, "CDELT3": 2e5, "CUNIT3": "Hz"},
    "VOPT-F2W": {"CRVAL3": 5.7e5, "CDELT3": -3e2, "CUNIT3": "m/s"},
}
"""Channels of some 0.3 km/s, of which the frames are up to a hundred apart."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bands") / "cube.fits"


def observer_of(frame: str, when: Time, site: tuple[float, float, float]) -> BaseCoordinateFrame:
    """Somebody at rest in a frame."""
    if frame == "TOPOCENT":
        return EarthLocation.from_geocentric(*site, unit="m").get_itrs(obstime=when)
    still = CartesianRepresentation(
        np.zeros(3) * u.km, differentials=CartesianDifferential(np.zeros(3) * u.km / u.s)
    )
    frames = {
        "LSRK": LSRK(),
        "BARYCENT": ICRS(),
        "HELIOCEN": HCRS(obstime=when),
        "GEOCENTR": GCRS(obstime=when),
    }
    return frames[frame].realize_frame(still).transform_to(ICRS())


def barycentric(frequency: Doubles, frame: str, cards: dict[str, object]) -> Doubles:
    """Frequencies (Hz) at the barycentre, of those that an observer in a frame sees."""
    site = tuple(float(str(cards[f"OBSGEO-{axis}"])) for axis in "XYZ")
    target = SkyCoord(cards["CRVAL1"] * u.deg, cards["CRVAL2"] * u.deg, distance=1e6 * u.kpc)
    with warnings.catch_warnings(), iers.conf.set_temp("auto_download", False):
        warnings.simplefilter(
            "ignore"
        )  # of a target at rest, and of days for which the Earth's turn is not known
        observer = observer_of(frame, Time(str(cards["DATE-OBS"])), site)  # type: ignore[arg-type]
        seen = SpectralCoord(frequency * u.Hz, observer=observer, target=target)
        return np.asarray(seen.with_observer_stationary_relative_to("icrs").to_value(u.Hz))


@st.composite
def cubes(draw: st.DrawFn) -> dict[str, object]:
    """Cards of a cube anywhere on the sky, at any time, at rest in any frame."""
    name = draw(st.sampled_from(sorted(AXES)))
    site = draw(st.sampled_from([ALMA, VLA]))
    year, day = draw(st.integers(1985, 2025)), draw(st.integers(0, 364))
    when = Time(f"{year}-01-01T03:25:45") + day * u.day + draw(st.integers(0, 86399)) * u.s
    return {
        "CTYPE3": name.split()[0], **AXES[name], "CRPIX3": draw(st.sampled_from([1.0, -7.25, 33.0])),
        "SPECSYS": draw(st.sampled_from(FRAMES)), "RESTFRQ": REST, "DATE-OBS": when.isot,
        "CRVAL1": draw(st.floats(0.0, 359.99)), "CRVAL2": draw(st.floats(-89.0, 89.0)), "RADESYS": "ICRS",
        "CRPIX1": 4.5, "CRPIX2": 4.5, **{f"OBSGEO-{axis}": part for axis, part in zip("XYZ", site)},
    }  # fmt: skip


def frequencies(path: Path, places: Doubles) -> Doubles:
    """Hz in the frame of the file, at FITS pixels of its third axis, by astropy's reading of the header."""
    with fits.open(path) as hdus:
        axis = wcs_of(hdus[0].header).spectral
        value = axis.wcs.p2s(np.asarray(places)[:, None], 1)["world"][:, 0] * u.Unit(str(axis.wcs.cunit[0]))
    name = axis.wcs.ctype[0][:4]
    definitions = {"VRAD": "radio", "VOPT": "optical", "VELO": "relativistic"}
    if name in definitions:
        velocity = SpectralCoord(value, doppler_convention=definitions[name], doppler_rest=REST * u.Hz)
        return np.asarray(velocity.to_value(u.Hz))
    return np.asarray(SpectralCoord(value).to_value(u.Hz))


@given(cards=cubes(), told=st.sampled_from(FRAMES), data=st.data())
def test_what_is_told_of_channels_brings_these(
    place: Path, cards: dict[str, object], told: str, data: st.DataObject
) -> None:
    # SODA-023, SODA-024, SODA-025: by wavelength, in the barycentre or in the frame that SPECSYS names
    write_product(place, (1, CHANNELS, 8, 8), **cards)
    pixels = data.draw(st.lists(st.integers(0, 100 * CHANNELS - 1), min_size=1, max_size=2, unique=True))
    inside = np.sort([0.51 + pixel // 100 + (pixel % 100) * 0.0098 for pixel in pixels])
    own = frequencies(place, inside)
    factor = barycentric(own[:1], str(cards["SPECSYS"]), cards) / barycentric(own[:1], told, cards)
    wavelengths = np.sort(C / (own * factor))
    wanted = Constraints(frequencies=(C / wavelengths[-1], C / wavelengths[0]), frame=Frame(told))
    first, last = round(float(inside[0])), round(float(inside[-1]))
    assert box_of(place, wanted).spans[2] == (first - 1, last)


@given(cards=cubes())
def test_the_frames_differ_by_channels(place: Path, cards: dict[str, object]) -> None:
    # SODA-024: a band that is taken as it stands would bring others
    write_product(place, (1, CHANNELS, 8, 8), **cards)
    own = frequencies(place, np.array([20.0]))
    bary = barycentric(own, str(cards["SPECSYS"]), cards)
    spectral = view_at(place).spectral
    assert spectral is not None
    assert abs(float(spectral.own(bary)[0] - own[0])) < 1e-3 * abs(float(np.diff(spectral.edges)[19]))


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("name", sorted(AXES))
def test_all_wavelengths_are_all_channels(place: Path, name: str, frame: str) -> None:
    # SODA-016: BAND=-Inf +Inf, and a band that ends in the middle of the cube
    cards = {"CTYPE3": name.split()[0], **AXES[name], "SPECSYS": frame, "RESTFRQ": REST, "RADESYS": "ICRS"}
    write_product(place, (1, CHANNELS, 8, 8), **cards, **{"DATE-OBS": "2017-04-22T17:20:14.9"})
    assert box_of(place, Constraints(frequencies=(0.0, math.inf))).spans[2] == (0, CHANNELS)
    [middle] = frequencies(place, np.array([15.0])).tolist()
    rises = frequencies(place, np.array([1.0]))[0] < middle
    above = box_of(place, Constraints(frequencies=(middle, math.inf), frame=Frame(frame))).spans[2]
    below = box_of(place, Constraints(frequencies=(0.0, middle), frame=Frame(frame))).spans[2]
    assert (above, below) == (((14, CHANNELS), (0, 15)) if rises else ((0, 15), (14, CHANNELS)))


def test_bounds_between_channels_take_both(place: Path) -> None:
    # SODA-040: closed bounds
    write_product(place, (1, CHANNELS, 8, 8), CRVAL3=2.3e11, CDELT3=1e6, SPECSYS="BARYCENT")
    border = 2.3e11 + 9.5e6
    assert box_of(place, Constraints(frequencies=(border, border + 1e6))).spans[2] == (9, 12)
    assert box_of(place, Constraints(frequencies=(border - 1.0, border))).spans[2] == (9, 11)
    assert box_of(place, Constraints(frequencies=(border + 1.0, border + 2.0))).spans[2] == (10, 11)
    last = 2.3e11 + (CHANNELS - 0.5) * 1e6
    assert box_of(place, Constraints(frequencies=(last, 1e12))).spans[2] == (CHANNELS - 1, CHANNELS)
    with pytest.raises(NoOverlap):
        box_of(place, Constraints(frequencies=(last + 1.0, 1e12)))


@given(
    centre=st.floats(480.0, 520.0), width=st.floats(1.0, 2400.0),
    redshift=st.sampled_from([0.0, 0.0018, 1.3]),
    definition=st.sampled_from(["radio", "optical", "relativistic"]),
)  # fmt: skip
def test_a_line_is_the_band_round_it(
    place: Path, centre: float, width: float, redshift: float, definition: str
) -> None:
    # half of the width on either side of the redshifted line, by astropy's Doppler conventions
    write_product(place, (1, 1000, 2, 2), CRVAL3=2.3e11, CDELT3=2e6, CRPIX3=1.0, SPECSYS="BARYCENT")
    seen = 2.3e11 + (centre - 1.0) * 2e6
    line = LineWindow(seen * (1.0 + redshift), redshift, width, definition)  # type: ignore[arg-type]
    halves = np.array([width / 2.0, -width / 2.0]) * u.km / u.s
    ends = SpectralCoord(halves, doppler_convention=definition, doppler_rest=seen * u.Hz).to_value(u.Hz)
    low, high = (ends - 2.3e11) / 2e6 + 1.0
    start, stop = box_of(place, Constraints(line=line)).spans[2]
    assert low - 1.0 - 1e-6 <= start + 0.5 <= low + 1e-6
    assert high - 1e-6 <= stop + 0.5 <= high + 1.0 + 1e-6


def test_of_each_frame_the_file_of_another_has_its_own_channel(place: Path) -> None:
    # the same sky frequency in files of two frames is in channels that lie as far apart as the frames do
    cards = {"CRVAL3": 2.3e11, "CDELT3": 2e5, "DATE-OBS": "2017-04-22T17:20:14.9", "RADESYS": "ICRS"}
    found = {}
    for frame in ("LSRK", "TOPOCENT", "BARYCENT"):
        write_product(place, (1, 200, 8, 8), **cards, CRPIX3=100.0, SPECSYS=frame)
        found[frame] = box_of(place, Constraints(frequencies=(2.3e11, 2.3e11))).spans[2][0]
    assert len(set(found.values())) == 3 and found["BARYCENT"] == 99
