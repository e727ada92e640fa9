"""Maps of real products, against astropy and spectral-cube."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from atlas_files import Array, all_of, bench_at, field_of, look_at, set_of, stored_at

from vo_service.atlas.opening import Origin, view_of
from vo_service.atlas.recipes import Quantity, Recipe
from vo_service.pixels import FitsError
from vo_service.products.stored import StoredFile

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it asks for what astropy will drop
    from spectral_cube import SpectralCube

pytestmark = pytest.mark.data

CONTINUUM, MOMENT0, PEAK = (Recipe(quantity) for quantity in Quantity)


@pytest.fixture
def root(real_data: Path) -> Path:
    return real_data / "fits"


def at(root: Path, name: str) -> StoredFile:
    return stored_at(next(root.rglob(name)), root)


def beam_sr(header: fits.Header) -> u.Quantity:
    sigma = 1.0 / np.sqrt(8.0 * np.log(2.0))
    return 2.0 * np.pi * (header["BMAJ"] * sigma * u.deg) * (header["BMIN"] * sigma * u.deg)


def opened(root: Path, name: str) -> tuple[Array, fits.Header]:
    data, header = fits.getdata(next(root.rglob(name)), header=True)
    return data.astype(np.float64), header


def test_a_continuum_image_with_its_primary_beam(root: Path, tmp_path: Path) -> None:
    stem = "124103_cont_7MTM2_jointdeconv"
    data, header = opened(root, f"{stem}.image.pbcor.fits")
    response, _ = opened(root, f"{stem}.pb.fits")
    science, beam = at(root, f"{stem}.image.pbcor.fits"), at(root, f"{stem}.pb.fits")
    one = set_of(science, beam, rms=1e-3, rms_unit="Jy/beam")
    field = field_of(one, CONTINUUM, root, bench_at(tmp_path))
    scale = (1.0 * u.Jy / u.beam).to_value(u.MJy / u.sr, u.beam_angular_area(beam_sr(header)))
    with field.open() as plane:
        x, y = (0, plane.size[0]), (0, plane.size[1])
        np.testing.assert_allclose(plane.values(x, y), data * scale, rtol=1e-6)
        weights = plane.weights(x, y)
    np.testing.assert_allclose(weights, (response / (1e-3 * scale)) ** 2, rtol=1e-5)


def test_the_sun_in_kelvins(root: Path, tmp_path: Path) -> None:
    name = "solaralma.b3.2017-04-22-17:20:13.*"
    data, header = opened(root, name)
    field = field_of(set_of(at(root, name)), CONTINUUM, root, bench_at(tmp_path))
    seen = (data.squeeze() * u.K).to_value(u.MJy / u.sr, u.brightness_temperature(header["CRVAL3"] * u.Hz))
    np.testing.assert_allclose(all_of(field), seen, rtol=1e-6)


def test_the_intensity_of_an_image_of_four_polarisations(root: Path, tmp_path: Path) -> None:
    data, header = opened(root, "imfit_stokes.fits")
    assert header["CTYPE4"] == "STOKES" and header["CRVAL4"] == 1.0
    scale = (1.0 * u.Jy / u.beam).to_value(u.MJy / u.sr, u.beam_angular_area(beam_sr(header)))
    field = field_of(set_of(at(root, "imfit_stokes.fits")), CONTINUUM, root, bench_at(tmp_path))
    np.testing.assert_allclose(all_of(field), data[0, 0] * scale, rtol=1e-6)


def test_the_integral_and_the_peak_of_a_cube(root: Path, tmp_path: Path) -> None:
    name = "Orion.methanol.cbc.contsub.image.fits"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cube = SpectralCube.read(next(root.rglob(name)))
        axis = cube.with_spectral_unit(u.Hz).spectral_axis
        middle = (axis[0] + axis[-1]) / 2.0
        along = cube.with_spectral_unit(u.km / u.s, velocity_convention="radio", rest_value=middle)
        integral = along.moment(order=0).value
        peak = cube.max(axis=0).value
    scale = (1.0 * u.Jy / u.beam).to_value(u.MJy / u.sr, u.beam_angular_area(beam_sr(opened(root, name)[1])))
    one, bench = set_of(at(root, name)), bench_at(tmp_path)
    np.testing.assert_allclose(all_of(field_of(one, MOMENT0, root, bench)), integral * scale, rtol=2e-5)
    np.testing.assert_allclose(all_of(field_of(one, PEAK, root, bench)), peak * scale, rtol=1e-6)


def test_the_peak_of_a_cube_with_a_beam_for_each_channel(root: Path, tmp_path: Path) -> None:
    name = "small_perplanebeam.fits"
    with fits.open(next(root.rglob(name))) as hdus:
        data, table = hdus[0].data.astype(np.float64), hdus["BEAMS"]
        axes = [table.data[key] * u.Unit(table.columns[key].unit) for key in ("BMAJ", "BMIN")]
    areas = (np.pi / (4.0 * np.log(2.0)) * axes[0] * axes[1]).to_value(u.sr)
    made = all_of(field_of(set_of(at(root, name)), PEAK, root, bench_at(tmp_path)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # pixels without any value
        oracle = np.nanmax(data.squeeze() / areas[:, None, None] / 1e6, axis=0)
    np.testing.assert_allclose(made, oracle, rtol=1e-6)
    assert np.ptp(areas) > 0.0


def test_every_image_and_cube_has_its_maps_or_a_reason(root: Path, tmp_path: Path) -> None:
    maps = reasons = 0
    for path in sorted(root.rglob("*.fits*")):
        file = stored_at(path, root)
        try:
            role = view_of(Origin(file, root)).product.role
        except FitsError:
            continue  # headers as text, tables
        for recipe in {"image": (CONTINUUM,), "cube": (MOMENT0, PEAK)}.get(role, ()):
            seen = look_at(set_of(file), recipe, root)
            reasons += seen.reason is not None
            if seen.reason is None:
                maps += 1
                field = field_of(set_of(file), recipe, root, bench_at(tmp_path))
                assert np.isfinite(all_of(field)).any(), path.name
                assert 0.0 < field.pixel_scale <= 3.0 * field.resolution < 0.1, path.name
    assert maps > 30 and reasons
