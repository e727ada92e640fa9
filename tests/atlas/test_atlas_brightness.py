"""Values in every unit become MJy/sr as astropy's equivalencies have it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.wcs import WCS
from atlas_files import (
    FIRST_HZ,
    MAJOR,
    MINOR,
    STEP_HZ,
    Array,
    hdu_of,
    look_at,
    map_of,
    random_values,
    set_of,
    stored_at,
    write_beamed,
    write_image,
)

from vo_service.atlas.recipes import Quantity, Recipe

SIGMA = 1.0 / np.sqrt(8.0 * np.log(2.0))  # of a Gaussian, over its full width at half maximum
BEAM = 2.0 * np.pi * (MAJOR * SIGMA * u.deg) * (MINOR * SIGMA * u.deg)
CONTINUUM, PEAK = Recipe(Quantity.CONTINUUM), Recipe(Quantity.PEAK)


def by_beam(values: Array, unit: u.Unit) -> Array:
    return (values * unit).to(u.MJy / u.sr, u.beam_angular_area(BEAM)).value


def by_temperature(values: Array, unit: u.Unit) -> Array:
    return (values * unit).to(u.MJy / u.sr, u.brightness_temperature(FIRST_HZ * u.Hz)).value


def reason(path: Path, recipe: Recipe = CONTINUUM) -> str:
    """Why a file has no such map."""
    why = look_at(set_of(stored_at(path, path.parent)), recipe, path.parent).reason
    assert why is not None
    return why


@pytest.mark.parametrize(
    ("written", "unit", "convert"),
    [
        ("Jy/beam", u.Jy / u.beam, by_beam),
        ("JY/BEAM", u.Jy / u.beam, by_beam),
        ("mJy/beam", u.mJy / u.beam, by_beam),
        ("uJy/beam", u.uJy / u.beam, by_beam),
        ("K", u.K, by_temperature),
        ("mK", u.mK, by_temperature),
        ("Jy/sr", u.Jy / u.sr, lambda values, unit: (values * unit).to(u.MJy / u.sr).value),
        ("MJy/sr", u.MJy / u.sr, lambda values, unit: values),
        ("Jy/arcsec**2", u.Jy / u.arcsec**2, lambda values, unit: (values * unit).to(u.MJy / u.sr).value),
    ],
    ids=["Jy/beam", "upper case", "mJy/beam", "uJy/beam", "K", "mK", "Jy/sr", "MJy/sr", "Jy/arcsec2"],
)
def test_units_of_continuum_images(tmp_path: Path, written: str, unit: u.Unit, convert: object) -> None:
    data = random_values(1, 1, 20, 30)
    made = map_of(write_image(tmp_path / "a.fits", data, BUNIT=written), Quantity.CONTINUUM, tmp_path)
    assert made.dtype == np.float32 and made.shape == (20, 30)
    np.testing.assert_allclose(made, convert(data[0, 0].astype(float), unit), rtol=1e-6)  # type: ignore[operator]


def test_a_flux_by_pixel_goes_by_the_solid_angle_of_each(tmp_path: Path) -> None:
    """Far from the middle of a projection SIN pixels grow: the areas are those between corners by astropy."""
    data = random_values(60, 50)
    cards = {"BUNIT": "Jy/pixel", "CDELT1": -1.0, "CDELT2": 1.0, "BMAJ": None, "BMIN": None, "BPA": None}
    made = map_of(write_image(tmp_path / "a.fits", data, **cards), Quantity.CONTINUUM, tmp_path)
    header = hdu_of(data, **cards).header
    y, x = np.mgrid[:61, :51] - 0.5
    ra, dec = np.radians(WCS(header).wcs_pix2world(x.ravel(), y.ravel(), 0))
    corner = np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)
    corner = corner.reshape(61, 51, 3)
    a, b, c, d = corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]
    areas = sum(np.linalg.norm(np.cross(p, q), axis=-1) / 2.0 for p, q in ((b - a, c - a), (c - a, d - a)))
    np.testing.assert_allclose(made, data / areas / 1e6, rtol=2e-4)
    assert areas.max() / areas.min() > 1.2


def test_each_channel_has_its_own_beam(tmp_path: Path) -> None:
    """OBS-075: the table BEAMS, not the median that is published."""
    data = random_values(1, 5, 12, 16)
    major, minor = np.array([1.0, 1.2, 1.5, 2.0, 3.0]), np.array([0.8, 0.9, 1.0, 1.1, 1.2])
    path = write_beamed(tmp_path / "a.fits", data, major, minor)
    made = map_of(path, Quantity.PEAK, tmp_path)
    areas = (2.0 * np.pi * SIGMA**2 * major * minor * u.arcsec**2).to_value(u.sr)
    oracle = (data[0] / areas[:, None, None] / 1e6).max(axis=0)
    np.testing.assert_allclose(made, oracle, rtol=1e-6)


def test_kelvins_of_a_cube_go_by_the_frequency_of_each_channel(tmp_path: Path) -> None:
    data = np.ones((1, 50, 6, 8), np.float32) * 3.0
    step = 1e9  # so that it shows
    made = map_of(write_image(tmp_path / "a.fits", data, BUNIT="K", CDELT3=step), Quantity.PEAK, tmp_path)
    highest = (3.0 * u.K).to(u.MJy / u.sr, u.brightness_temperature((FIRST_HZ + 49 * step) * u.Hz)).value
    np.testing.assert_allclose(made, highest, rtol=1e-6)
    assert highest / by_temperature(np.array(3.0), u.K) > 1.3


@pytest.mark.parametrize(
    ("cards", "told"),
    [
        ({"BUNIT": None}, "the unit of this image is not known"),
        ({"BUNIT": "m/s"}, "not from m/s"),
        ({"BUNIT": "Jy"}, "not from Jy"),
        ({"BUNIT": "Jy/beam.km/s"}, "not from Jy.km.beam**-1.s**-1"),
        ({"BMAJ": None, "BMIN": None}, "needs the beam, which is not known"),
        ({"BMAJ": 0.0}, "needs the beam, which is not known"),
        ({"BUNIT": "K", "CTYPE3": "STOKES", "CRVAL3": 1.0, "CDELT3": 1.0}, "takes the frequency"),
    ],
    ids=["no unit", "a velocity", "no area", "integrated", "no beam", "a beam of no size", "no frequency"],
)
def test_what_cannot_be_turned_into_brightness_is_left_out(
    tmp_path: Path, cards: dict[str, object], told: str
) -> None:
    path = write_image(tmp_path / "a.fits", random_values(1, 8, 8), **cards)
    assert told in reason(path)


def test_kelvins_without_a_spectral_axis_have_no_frequency(tmp_path: Path) -> None:
    path = write_image(tmp_path / "a.fits", random_values(8, 8), BUNIT="K", RESTFRQ=FIRST_HZ)
    assert "its header tells none" in reason(path)


@pytest.mark.parametrize(
    ("shape", "cards", "told"),
    [
        ((8, 8), {"CTYPE1": "LINEAR", "CTYPE2": "LINEAR"}, "no axes on the sky"),
        ((3, 8, 8), {"CTYPE3": "FITPAR", "CUNIT3": None}, "axis 3 (FITPAR) has 3 pixels"),
        ((3, 8, 8), {}, "it has 3 channels"),
    ],
    ids=["no sky", "an axis of something else", "channels"],
)
def test_images_that_are_no_plane_of_the_sky_are_left_out(
    tmp_path: Path, shape: tuple[int, ...], cards: dict[str, object], told: str
) -> None:
    assert told in reason(write_image(tmp_path / "a.fits", random_values(*shape), **cards))


def test_a_cube_of_one_channel_has_no_maps_along_it(tmp_path: Path) -> None:
    path = write_image(tmp_path / "a.fits", random_values(1, 1, 8, 8))
    for quantity in (Quantity.MOMENT0, Quantity.PEAK):
        assert "no channels to make a map of" in reason(path, Recipe(quantity))


def test_a_cube_without_frequencies_has_a_peak_and_no_integral(tmp_path: Path) -> None:
    data = random_values(4, 8, 8)
    path = write_image(tmp_path / "a.fits", data, CTYPE3="FELO-LSR", RESTFRQ=None, CUNIT3="m/s", CRVAL3=1e3)
    assert reason(path, Recipe(Quantity.MOMENT0)).strip()
    made = map_of(path, Quantity.PEAK, tmp_path)
    np.testing.assert_allclose(made, by_beam(data.max(axis=0).astype(float), u.Jy / u.beam), rtol=1e-6)


def test_numbers_too_large_for_a_measurement_are_none(tmp_path: Path) -> None:
    data = random_values(8, 8)
    data[2, 3], data[4, 5] = 1e35, np.nan
    made = map_of(write_image(tmp_path / "a.fits", data), Quantity.CONTINUUM, tmp_path)
    assert np.argwhere(np.isnan(made)).tolist() == [[2, 3], [4, 5]]


def test_the_noise_becomes_a_weight_in_the_unit_of_the_map(tmp_path: Path) -> None:
    path = write_image(tmp_path / "a.fits", random_values(1, 9, 8, 8), BUNIT="mJy/beam")
    one = set_of(stored_at(path, tmp_path), rms=0.2, rms_unit="mJy/beam")
    noise = by_beam(np.array(0.2), u.mJy / u.beam)
    assert look_at(one, PEAK, tmp_path).weight == pytest.approx(1.0 / noise**2, rel=1e-9)
    # nine channels of independent noise, each as wide (km/s) as a step relative to the middle of the axis
    width = 299792.458 * STEP_HZ / (FIRST_HZ + 4.0 * STEP_HZ)
    integrated = look_at(one, Recipe(Quantity.MOMENT0), tmp_path).weight
    assert integrated == pytest.approx(1.0 / (noise * width * 3.0) ** 2, rel=1e-9)


@pytest.mark.parametrize(
    "known", [{}, {"rms": 0.0, "rms_unit": "Jy/beam"}, {"rms": 0.1, "rms_unit": "K"}], ids=["none", "0", "K"]
)
def test_a_map_of_unknown_noise_gives_way_to_all_others(tmp_path: Path, known: dict[str, object]) -> None:
    path = write_image(tmp_path / "a.fits", random_values(8, 8))
    seen = look_at(set_of(stored_at(path, tmp_path), **known), CONTINUUM, tmp_path)
    assert 0.0 < np.float32(seen.weight) < 1e-20


def test_resolution_is_the_beam_else_a_pixel(tmp_path: Path) -> None:
    path = write_image(tmp_path / "a.fits", random_values(8, 8))
    seen = look_at(set_of(stored_at(path, tmp_path)), CONTINUUM, tmp_path)
    assert seen.resolution == pytest.approx(np.sqrt(MAJOR * MINOR), rel=1e-12)
    bare = write_image(tmp_path / "b.fits", random_values(8, 8), BMAJ=None, BMIN=None, BUNIT="Jy/sr")
    seen = look_at(set_of(stored_at(bare, tmp_path)), CONTINUUM, tmp_path)
    assert seen.resolution == pytest.approx(seen.pixel_scale) == pytest.approx(0.2 / 3600.0, rel=1e-9)
