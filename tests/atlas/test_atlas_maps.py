"""Integrals and peaks of cubes are those of spectral-cube, over the channels that are meant."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import (
    ICRS,
    CartesianDifferential,
    CartesianRepresentation,
    SkyCoord,
    SpectralCoord,
)
from atlas_files import (
    MAJOR,
    MINOR,
    REST_HZ,
    Array,
    look_at,
    map_of,
    random_values,
    set_of,
    stored_at,
    write_beamed,
    write_image,
)
from hypothesis import given
from hypothesis import strategies as st

from vo_service.atlas.recipes import Quantity, Recipe, Span

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it asks for what astropy will drop
    from spectral_cube import SpectralCube

C_KMS = 299792.458
SIGMA = 1.0 / np.sqrt(8.0 * np.log(2.0))
BEAM_SR = 2.0 * np.pi * SIGMA**2 * np.radians(MAJOR) * np.radians(MINOR)
MOMENT0 = Recipe(Quantity.MOMENT0)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def cube_with_gaps(channels: int = 20) -> Array:
    """Some values are none, one pixel has none at all."""
    data = random_values(channels, 14, 18)
    data[np.random.default_rng(3).random(data.shape) < 0.1] = np.nan
    data[:, 4, 5] = np.nan
    return data


@pytest.mark.parametrize("step", [2e6, -2e6], ids=["rising", "falling"])
def test_the_integral_is_that_of_spectral_cube(tmp_path: Path, step: float) -> None:
    data = cube_with_gaps()
    middle = 230.4e9 + 9.5 * step
    path = write_image(tmp_path / "a.fits", data, CDELT3=step)
    theirs = SpectralCube.read(path).with_spectral_unit(
        u.km / u.s, velocity_convention="radio", rest_value=middle * u.Hz
    )
    oracle = theirs.moment(order=0).to_value(u.Jy / u.beam * u.km / u.s) / BEAM_SR / 1e6
    made = map_of(path, Quantity.MOMENT0, tmp_path)
    np.testing.assert_allclose(made, oracle, rtol=2e-6)
    assert np.argwhere(np.isnan(made)).tolist() == [[4, 5]]


def test_the_peak_is_that_of_spectral_cube(tmp_path: Path) -> None:
    path = write_image(tmp_path / "a.fits", cube_with_gaps())
    oracle = SpectralCube.read(path).max(axis=0).value / BEAM_SR / 1e6
    np.testing.assert_allclose(map_of(path, Quantity.PEAK, tmp_path), oracle, rtol=1e-6)


def test_an_integral_over_a_line_at_its_redshift(tmp_path: Path) -> None:
    """Channels 3 to 8 alone, velocities relative to where the line is seen."""
    sky_hz = REST_HZ / 1.0005
    data = cube_with_gaps()
    path = write_image(tmp_path / "a.fits", data)
    cube = SpectralCube.read(path)[3:9].with_spectral_unit(
        u.km / u.s, velocity_convention="radio", rest_value=sky_hz * u.Hz
    )
    oracle = cube.moment(order=0).to_value(u.Jy / u.beam * u.km / u.s) / BEAM_SR / 1e6
    made = map_of(path, Quantity.MOMENT0, tmp_path, Recipe(Quantity.MOMENT0, ((3, 9),), sky_hz))
    np.testing.assert_allclose(made, oracle, rtol=2e-6)


def test_the_line_is_brought_into_the_frame_of_the_file(tmp_path: Path) -> None:
    """Widths go with one over the reference, as noise shows to many digits; astropy knows the two frames."""
    recipe = Recipe(Quantity.MOMENT0, ((0, 20),), REST_HZ)
    noise = []
    for frame in ("BARYCENT", "LSRK"):
        cards = {"SPECSYS": frame, "DATE-OBS": "2018-03-04T05:06:07", "TELESCOP": "ALMA"}
        path = write_image(tmp_path / f"{frame}.fits", random_values(20, 8, 8), **cards)
        one = set_of(stored_at(path, tmp_path), rms=1e-3, rms_unit="Jy/beam")
        noise.append(look_at(one, recipe, tmp_path).weight ** -0.5)
    still = CartesianDifferential([0.0, 0.0, 0.0] * u.km / u.s)
    middle = ICRS(CartesianRepresentation([0.0, 0.0, 0.0] * u.km, differentials=still))
    target = SkyCoord(204.25 * u.deg, -29.87 * u.deg, 1e6 * u.kpc)
    seen = SpectralCoord(REST_HZ * u.Hz, observer=middle, target=target)
    lsrk = seen.with_observer_stationary_relative_to("lsrk").to_value(u.Hz)
    assert noise[0] / noise[1] == pytest.approx(lsrk / REST_HZ, rel=1e-9)
    assert abs(lsrk / REST_HZ - 1.0) > 1e-6


@given(
    runs=st.lists(st.integers(0, 12), min_size=2, max_size=8, unique=True).map(
        lambda ends: tuple(zip(sorted(ends)[:-1:2], sorted(ends)[1::2]))
    )
)
def test_runs_of_channels_count_together(
    tmp_path_factory: pytest.TempPathFactory, runs: tuple[Span, ...]
) -> None:
    folder = tmp_path_factory.mktemp("runs")
    data = cube_with_gaps(12)
    path = write_image(folder / "a.fits", data, BUNIT="MJy/sr")
    chosen = np.concatenate([data[start:stop] for start, stop in runs]).astype(float)
    width = C_KMS * 2e6 / REST_HZ
    integral = np.where(np.isnan(chosen).all(axis=0), np.nan, np.nansum(chosen, axis=0) * width)
    made = map_of(path, Quantity.MOMENT0, folder, Recipe(Quantity.MOMENT0, runs, REST_HZ))
    np.testing.assert_allclose(made, integral, rtol=1e-5, atol=1e-5)
    made = map_of(path, Quantity.PEAK, folder, Recipe(Quantity.PEAK, runs, REST_HZ))
    np.testing.assert_array_equal(made, np.fmax.reduce(chosen, axis=0).astype(np.float32))


def test_unequal_channels_count_with_their_widths(tmp_path: Path) -> None:
    """Equal steps of wavelength are unequal ones of frequency."""
    first, step = 1.3e-3, 2e-5
    cards = {"CTYPE3": "WAVE", "CRVAL3": first, "CDELT3": step, "CUNIT3": "m", "BUNIT": "MJy/sr"}
    data = random_values(10, 6, 7)
    edges = 299792458.0 / (first + step * np.arange(-0.5, 10.0))
    widths = np.abs(np.diff(edges)) * C_KMS / ((edges[0] + edges[-1]) / 2.0)
    made = map_of(write_image(tmp_path / "a.fits", data, **cards), Quantity.MOMENT0, tmp_path)
    np.testing.assert_allclose(made, np.tensordot(widths, data.astype(float), 1), rtol=1e-6)
    assert widths[0] / widths[-1] > 1.2


def test_an_integral_with_a_beam_for_each_channel(tmp_path: Path) -> None:
    data = random_values(1, 6, 9, 11)
    major, minor = np.linspace(1.0, 2.0, 6), np.linspace(0.5, 0.9, 6)
    path = write_beamed(tmp_path / "a.fits", data, major, minor)
    areas = 2.0 * np.pi * SIGMA**2 * np.radians(major / 3600.0) * np.radians(minor / 3600.0)
    width = C_KMS * 2e6 / (230.4e9 + 2.5 * 2e6)
    oracle = np.tensordot(width / areas / 1e6, data[0].astype(float), 1)
    np.testing.assert_allclose(map_of(path, Quantity.MOMENT0, tmp_path), oracle, rtol=1e-6)


def test_a_rest_frequency_far_from_the_axis_changes_nothing(tmp_path: Path) -> None:
    data = random_values(8, 6, 6)
    near = map_of(write_image(tmp_path / "a.fits", data, RESTFRQ=230.4e9), Quantity.MOMENT0, tmp_path)
    far = map_of(write_image(tmp_path / "b.fits", data, RESTFRQ=1900.5369e9), Quantity.MOMENT0, tmp_path)
    np.testing.assert_array_equal(near, far)


def test_candidates_of_other_channels_than_the_cube_has_make_no_map(tmp_path: Path) -> None:
    path = write_image(tmp_path / "a.fits", random_values(8, 6, 6))
    seen = look_at(set_of(stored_at(path, tmp_path)), Recipe(Quantity.PEAK, ((2, 9),), REST_HZ), tmp_path)
    assert seen.reason == "its candidate lines reach to channel 9, it has 8"


def test_how_much_has_to_be_read_is_known_before(tmp_path: Path) -> None:
    data = random_values(2, 8, 6, 5)
    path = write_image(tmp_path / "a.fits", data, CRVAL4=-5.0, CDELT4=-1.0)
    one = set_of(stored_at(path, tmp_path))
    assert look_at(one, MOMENT0, tmp_path).read_bytes == data.nbytes
    part = Recipe(Quantity.PEAK, ((1, 3), (5, 6)), REST_HZ)
    assert look_at(one, part, tmp_path).read_bytes == 2 * 3 * 6 * 5 * 4
