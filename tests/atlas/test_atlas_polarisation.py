"""Which planes are taken for the intensity of the sky: never silently a wrong one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from atlas_files import bench_at, field_of, look_at, map_of, random_values, set_of, stored_at, write_image

from vo_service.atlas.intensity import intensity_of
from vo_service.atlas.opening import Origin, view_of
from vo_service.atlas.recipes import Quantity, Recipe

TOTAL, Q, XX, YX, RR, NONE = 1.0, 2.0, -5.0, -8.0, -1.0, 9.0  # codes of FITS 4.0, table 29; 9 names none
CONTINUUM = Recipe(Quantity.CONTINUUM)


def stokes(first: float, step: float) -> dict[str, object]:
    return {"CRVAL4": first, "CDELT4": step, "BUNIT": "MJy/sr"}


@pytest.mark.parametrize(
    ("first", "step", "count", "taken", "called"),
    [
        (TOTAL, 1.0, 4, (0,), "I"),
        (4.0, -1.0, 4, (3,), "I"),
        (TOTAL, 1.0, 1, (0,), "I"),
        (XX, -1.0, 2, (0, 1), "XX+YY"),
        (-6.0, 1.0, 2, (1, 0), "XX+YY"),
        (XX, -1.0, 4, (0, 1), "XX+YY"),
        (RR, -1.0, 2, (0, 1), "RR+LL"),
        (XX, -1.0, 1, (0,), "XX"),
        (-6.0, -1.0, 1, (0,), "YY"),
        (NONE, 1.0, 1, (0,), None),
    ],
)
def test_the_plane_of_intensity(
    tmp_path: Path, first: float, step: float, count: int, taken: tuple[int, ...], called: str | None
) -> None:
    data = random_values(count, 1, 10, 12)
    path = write_image(tmp_path / "a.fits", data, **stokes(first, step))
    made = map_of(path, Quantity.CONTINUUM, tmp_path)
    np.testing.assert_allclose(made, data[list(taken), 0].astype(float).mean(axis=0), rtol=1e-6)
    view = view_of(Origin(stored_at(path, tmp_path), tmp_path))
    assert intensity_of(view).polarisation == called


@pytest.mark.parametrize(
    ("first", "step", "count"),
    [(Q, 1.0, 1), (Q, 1.0, 3), (-7.0, -1.0, 2), (YX, 1.0, 1), (NONE, 1.0, 2), (-6.0, -1.0, 3)],
    ids=["Q", "QUV", "XY YX", "YX", "unknown", "YY XY YX"],
)
def test_what_is_no_intensity_is_left_out(tmp_path: Path, first: float, step: float, count: int) -> None:
    path = write_image(tmp_path / "a.fits", random_values(count, 1, 6, 6), **stokes(first, step))
    why = look_at(set_of(stored_at(path, tmp_path)), CONTINUUM, tmp_path).reason
    assert why is not None and why.startswith("none of its polarisations")


def test_an_image_without_a_stokes_axis_is_one_of_intensity(tmp_path: Path) -> None:
    data = random_values(10, 12)
    made = map_of(write_image(tmp_path / "a.fits", data, BUNIT="MJy/sr"), Quantity.CONTINUUM, tmp_path)
    np.testing.assert_array_equal(made, data)


def test_the_peak_of_two_hands_is_that_of_their_mean(tmp_path: Path) -> None:
    data = random_values(2, 7, 10, 12)
    path = write_image(tmp_path / "a.fits", data, **stokes(XX, -1.0))
    made = map_of(path, Quantity.PEAK, tmp_path)
    np.testing.assert_allclose(made, data.astype(float).mean(axis=0).max(axis=0), rtol=1e-6)


def test_noise_of_one_hand_is_less_in_the_mean_of_two(tmp_path: Path) -> None:
    path = write_image(tmp_path / "a.fits", random_values(2, 1, 10, 12), **stokes(XX, -1.0))
    one = set_of(stored_at(path, tmp_path), rms=0.5, rms_unit="MJy/sr")
    assert look_at(one, CONTINUUM, tmp_path).weight == pytest.approx(2.0 / 0.5**2)


def test_axes_in_another_order(tmp_path: Path) -> None:
    """Stokes before the frequencies, and both before the sky."""
    data = random_values(12, 10, 5, 4)  # Dec, RA, frequency, Stokes
    cards = {
        "CTYPE1": "STOKES", "CRVAL1": 4.0, "CRPIX1": 1.0, "CDELT1": -1.0, "CUNIT1": None,
        "CTYPE2": "FREQ", "CRVAL2": 2.3e11, "CRPIX2": 1.0, "CDELT2": 1e6, "CUNIT2": "Hz",
        "CTYPE3": "RA---SIN", "CRVAL3": 204.0, "CRPIX3": 5.0, "CDELT3": -1e-4, "CUNIT3": "deg",
        "CTYPE4": "DEC--SIN", "CRVAL4": -29.0, "CRPIX4": 6.0, "CDELT4": 1e-4, "CUNIT4": "deg",
        "BUNIT": "MJy/sr",
    }  # fmt: skip
    path = write_image(tmp_path / "a.fits", data, **cards)
    intensity = data[..., 3].astype(float)
    np.testing.assert_allclose(map_of(path, Quantity.PEAK, tmp_path), intensity.max(axis=2), rtol=1e-6)
    field = field_of(
        set_of(stored_at(path, tmp_path)), Recipe(Quantity.MOMENT0), tmp_path, bench_at(tmp_path)
    )
    with field.open() as plane:
        assert plane.size == (10, 12)
        width = 299792.458 * 1e6 / (2.3e11 + 2e6)
        np.testing.assert_allclose(
            plane.values((2, 7), (1, 11)), (intensity.sum(axis=2) * width)[1:11, 2:7], rtol=1e-6
        )
