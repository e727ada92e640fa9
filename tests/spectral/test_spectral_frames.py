"""Frames, against astropy's SpectralCoord."""

from __future__ import annotations

import warnings

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import (
    FK4,
    HCRS,
    ICRS,
    ITRS,
    CartesianDifferential,
    CartesianRepresentation,
    EarthLocation,
    Galactic,
    SkyCoord,
    SpectralCoord,
    get_body_barycentric_posvel,
)
from astropy.time import Time
from astropy.utils import iers
from hypothesis import given, settings
from hypothesis import strategies as st

from vo_service.spectral import (
    ALMA,
    C,
    Frame,
    FrameUnknown,
    Pointing,
    barycentric_factor,
    frame_of,
    from_barycentric,
    to_barycentric,
)

FREQUENCY = 230.538e9

pointings = st.builds(
    Pointing,
    ra=st.floats(0, 360, exclude_max=True),
    dec=st.floats(-90, 90),
    mjd=st.floats(55834, 61000),
)


@pytest.fixture(autouse=True)
def no_network():
    with iers.conf.set_temp("auto_download", False):
        yield


def observer_at(pointing: Pointing) -> tuple[ICRS, ICRS]:
    """ALMA on astropy's own way from ITRS to ICRS, and the centre of the Earth."""
    time = Time(pointing.mjd, format="mjd", scale="utc")
    earth_position, earth_velocity = get_body_barycentric_posvel("earth", time)
    at_rest = CartesianDifferential(0, 0, 0, unit=u.m / u.s)
    here = EarthLocation.from_geocentric(*ALMA, unit=u.m).get_itrs(time).cartesian.with_differentials(at_rest)
    return ITRS(here, obstime=time).transform_to(ICRS()), at(earth_position.xyz, earth_velocity.xyz)


def at(position: u.Quantity, velocity: u.Quantity) -> ICRS:
    differentials = CartesianDifferential(velocity.to(u.km / u.s))
    return ICRS(CartesianRepresentation(position.to(u.km), differentials=differentials))


def spectral_coord(pointing: Pointing, observer: ICRS) -> SpectralCoord:
    target = SkyCoord(pointing.ra * u.deg, pointing.dec * u.deg, distance=1e9 * u.kpc)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "no velocity defined": the source has none
        return SpectralCoord(FREQUENCY * u.Hz, observer=observer, target=target)


@pytest.mark.parametrize("seed", range(4))
def test_topocentric_frequencies_reach_every_frame_as_in_astropy(seed):
    # design 4.4; 1 Hz of 230 GHz is 1.3 mm/s
    random = np.random.default_rng(seed)
    pointing = Pointing(random.uniform(0, 360), random.uniform(-90, 60), random.uniform(55834, 61000))
    here, earth = observer_at(pointing)
    seen = spectral_coord(pointing, here)
    barycentric = to_barycentric(FREQUENCY, Frame.TOPO, pointing)
    sun = HCRS(obstime=Time(pointing.mjd, format="mjd", scale="utc"))
    for frame, theirs in (
        (Frame.BARY, ICRS()),
        (Frame.LSRK, "lsrk"),
        (Frame.LSRD, "lsrd"),
        (Frame.HELIO, sun),
    ):
        ours = from_barycentric(barycentric, frame, pointing)
        expected = seen.with_observer_stationary_relative_to(theirs).to_value("Hz")
        assert ours == pytest.approx(expected, abs=1.0), frame
    ours = to_barycentric(FREQUENCY, Frame.GEO, pointing)
    expected = spectral_coord(pointing, earth).with_observer_stationary_relative_to(ICRS()).to_value("Hz")
    assert ours == pytest.approx(expected, abs=1.0)


@pytest.mark.parametrize("seed", range(3))
def test_a_client_gets_the_same_number_the_plain_way(seed):
    random = np.random.default_rng(100 + seed)
    pointing = Pointing(random.uniform(0, 360), random.uniform(-90, 60), random.uniform(55834, 61000))
    time = Time(pointing.mjd, format="mjd", scale="utc")
    observer = EarthLocation.from_geocentric(*ALMA, unit=u.m).get_itrs(obstime=time)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # neither source nor observer has a velocity
        seen = SpectralCoord(
            FREQUENCY * u.Hz, observer=observer, target=SkyCoord(pointing.ra * u.deg, pointing.dec * u.deg)
        )
        expected = seen.with_observer_stationary_relative_to("icrs").to_value("Hz")
    assert to_barycentric(FREQUENCY, Frame.TOPO, pointing) == pytest.approx(expected, abs=1.0)


def test_the_rotation_of_the_earth_is_right_to_what_aberration_does_to_it():
    """5 cm/s: what astropy's way from ITRS to ICRS is off by, told from its own exact velocities."""
    pointing = Pointing(120.0, 20.0, 58849.3)
    time = Time(pointing.mjd, format="mjd", scale="utc")
    _, rotation = EarthLocation.from_geocentric(*ALMA, unit=u.m).get_gcrs_posvel(time)
    _, orbit = get_body_barycentric_posvel("earth", time)
    lon, lat = np.radians(pointing.ra), np.radians(pointing.dec)
    towards = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    beta = towards @ (rotation.xyz + orbit.xyz).to_value("m/s") / C
    expected = np.sqrt((1 - beta) / (1 + beta))
    assert abs(barycentric_factor(Frame.TOPO, pointing) - expected) * C < 0.06


@settings(max_examples=10, deadline=None)
@given(pointings)
def test_factors_follow_from_the_velocity_of_the_observer(pointing):
    here, earth = observer_at(pointing)
    lon, lat = np.radians(pointing.ra), np.radians(pointing.dec)
    towards = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    for frame, observer in ((Frame.TOPO, here), (Frame.GEO, earth)):
        beta = towards @ observer.velocity.d_xyz.to_value("m/s") / C
        expected = np.sqrt((1 - beta) / (1 + beta))
        assert barycentric_factor(frame, pointing) == pytest.approx(expected, rel=1e-12)


@settings(max_examples=50, deadline=None)
@given(pointings, st.sampled_from(Frame))
def test_there_and_back(pointing, frame):
    frequencies = np.array([[84e9, 115e9], [230e9, 950e9]])
    there = to_barycentric(frequencies, frame, pointing)
    assert there.shape == frequencies.shape
    np.testing.assert_allclose(from_barycentric(there, frame, pointing), frequencies, rtol=1e-15)


@settings(max_examples=50, deadline=None)
@given(pointings)
def test_shifts_have_the_size_of_the_motions(pointing):
    bounds = {
        Frame.BARY: 0.0,
        Frame.HELIO: 0.02e3,
        Frame.GEO: 30.4e3,
        Frame.TOPO: 30.9e3,
        Frame.LSRK: 20.1e3,
        Frame.LSRD: 16.7e3,
    }
    for frame, speed in bounds.items():
        assert abs(barycentric_factor(frame, pointing) - 1.0) * C <= speed * 1.001


def test_lsrk_is_20_km_per_second_towards_the_apex():
    apex = SkyCoord(FK4(270 * u.deg, 30 * u.deg, equinox="B1900")).icrs
    towards = Pointing(apex.ra.deg, apex.dec.deg)
    beta = 20e3 / C
    # Who is at rest in LSRK recedes from the apex as seen from the Sun: the Sun sees higher frequencies.
    assert barycentric_factor(Frame.LSRK, towards) == pytest.approx(
        np.sqrt((1 + beta) / (1 - beta)), rel=1e-11
    )


def test_lsrd_is_9_12_7_km_per_second_in_galactic_axes():
    apex = SkyCoord(Galactic(CartesianRepresentation(9, 12, 7))).icrs
    beta = np.sqrt(81 + 144 + 49) * 1e3 / C
    factor = barycentric_factor(Frame.LSRD, Pointing(apex.ra.deg, apex.dec.deg))
    assert factor == pytest.approx(np.sqrt((1 + beta) / (1 - beta)), rel=1e-11)


def test_other_observatories_differ_by_the_rotation_of_the_earth():
    north = (-4143.0e3, -1200.0e3, 4670.0e3)
    pointing = Pointing(120.0, 20.0, 58849.3)
    here = barycentric_factor(Frame.TOPO, pointing)
    there = barycentric_factor(Frame.TOPO, Pointing(120.0, 20.0, 58849.3, site=north))
    assert 1e-8 < abs(here - there) < 2 * 465 / C


@pytest.mark.parametrize("mjd", [41500.0, 57753.5, 57754.0, 80000.0])
def test_times_beside_the_table_and_at_leap_seconds(mjd):
    near = [barycentric_factor(Frame.TOPO, Pointing(10.0, 5.0, mjd + step)) for step in (-1e-5, 0.0, 1e-5)]
    assert np.ptp(near) < 1e-9
    assert abs(near[1] - barycentric_factor(Frame.GEO, Pointing(10.0, 5.0, mjd))) * C < 466


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ("LSRK", Frame.LSRK),
        (" lsrk ", Frame.LSRK),
        ("TOPOCENT", Frame.TOPO),
        ("TOPO", Frame.TOPO),
        ("BARYCENT", Frame.BARY),
        ("GEOCENTR", Frame.GEO),
        ("HELIOCEN", Frame.HELIO),
        ("LSRD", Frame.LSRD),
        ("LSR", None),
        ("GALACTOC", None),
        ("SOURCE", None),
        ("", None),
        (None, None),
    ],
)
def test_names_of_frames(text, frame):
    assert frame_of(text) is frame


@pytest.mark.parametrize("frame", Frame)
def test_every_frame_has_its_fits_name(frame):
    assert frame_of(frame.value) is frame


@pytest.mark.parametrize(
    ("frame", "pointing", "message"),
    [
        (Frame.LSRK, None, "LSRK needs the direction"),
        (Frame.LSRK, Pointing(float("nan"), 0.0), "LSRK needs the direction"),
        (Frame.TOPO, Pointing(1.0, 2.0), "TOPOCENT needs the time"),
        (Frame.GEO, Pointing(1.0, 2.0, float("nan")), "GEOCENTR needs the time"),
        (
            Frame.TOPO,
            Pointing(1.0, 2.0, 58000.0, site=None),
            "TOPOCENT needs the position of the observatory",
        ),
    ],
)
def test_what_cannot_be_converted_is_said(frame, pointing, message):
    with pytest.raises(FrameUnknown, match=message):
        to_barycentric(1e11, frame, pointing)


def test_barycentric_frequencies_need_nothing():
    assert to_barycentric(1e11, Frame.BARY, None) == 1e11


@pytest.mark.parametrize("frame", [Frame.TOPO, Frame.GEO, Frame.HELIO])
@pytest.mark.parametrize("mjd", [15019.9, -2.5e6, 88069.1, 2459000.5, 1e9, 1e300])
def test_a_time_beyond_the_model_of_the_earth_is_no_conversion(frame: Frame, mjd: float) -> None:
    with pytest.raises(FrameUnknown, match="1900 to 2100"):
        barycentric_factor(frame, Pointing(10.0, -30.0, mjd))
    assert barycentric_factor(Frame.LSRK, Pointing(10.0, -30.0, mjd)) != 1.0


@pytest.mark.parametrize("mjd", [15020.0, 88069.0])
def test_the_ends_of_the_model_are_converted(mjd: float) -> None:
    for frame in (Frame.TOPO, Frame.GEO, Frame.HELIO):
        assert abs(barycentric_factor(frame, Pointing(10.0, -30.0, mjd)) - 1.0) < 1.1e-4
