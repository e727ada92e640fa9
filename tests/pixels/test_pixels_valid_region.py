"""Regions of valid pixels: planted shapes found again on the sky, against astropy's places of all pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sky_images import ARCSEC, astropy_area, astropy_vectors, mask_of, plane_of, sky_header

from vo_service.pixels.sky_plane import solid_angle
from vo_service.pixels.valid_region import outline_valid
from vo_service.sky import Circle, Polygon, Region, Union


def disc(size: int, x: float, y: float, radius: float) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size]
    return np.hypot(columns - x, rows - y) <= radius


def border_cells(valid: np.ndarray, width: int) -> np.ndarray:
    """Pixels within ``width`` of a change of the mask, or of the edge of the image."""
    padded = np.pad(valid, width + 1)
    near = np.zeros_like(padded)
    for dy in range(-width, width + 1):
        for dx in range(-width, width + 1):
            near |= np.roll(padded, (dy, dx), (0, 1)) != padded
    return near[width + 1 : -width - 1, width + 1 : -width - 1]


def wrong_pixels(region: Region, valid: np.ndarray, header: object, width: int = 1) -> int:
    """Pixels farther than ``width`` from any border that the region has on the wrong side."""
    rows, columns = np.mgrid[: valid.shape[0], : valid.shape[1]]
    inside = region.contains(astropy_vectors(header, columns, rows)).reshape(valid.shape)
    return int(((inside != valid) & ~border_cells(valid, width)).sum())


def check(valid: np.ndarray, header: object, width: int = 1) -> Region:
    rows, columns = valid.shape
    sky = plane_of(columns, rows, header)
    region = outline_valid(mask_of(valid), sky)
    assert region is not None
    area = astropy_area(header, valid)
    assert solid_angle(mask_of(valid), sky) == pytest.approx(area, rel=1e-5)
    assert region.area() == pytest.approx(area, rel=0.01)
    assert wrong_pixels(region, valid, header, width) == 0
    return region


@pytest.mark.parametrize("projection", ["SIN", "TAN", "ARC"])
@pytest.mark.parametrize("dec", [-89.99, -30.0, 0.0])
def test_a_disc_is_a_circle_to_a_fraction_of_a_pixel(projection: str, dec: float) -> None:
    header = sky_header(200, 200, dec=dec, projection=projection)
    region = check(disc(200, 93.3, 110.7, 71.4), header)
    assert isinstance(region, Circle)
    assert region.radius == pytest.approx(71.4 * ARCSEC, abs=0.1 * ARCSEC)
    centre = astropy_vectors(header, np.array([93.3]), np.array([110.7]))
    found = np.radians([region.lon, region.lat])
    vector = [
        np.cos(found[1]) * np.cos(found[0]),
        np.cos(found[1]) * np.sin(found[0]),
        np.sin(found[1]),
    ]
    assert np.linalg.norm(centre - vector) < np.radians(0.1 * ARCSEC)


def test_an_oval_of_pixels_that_is_round_on_the_sky_is_a_circle() -> None:
    rows, columns = np.mgrid[:100, :200]
    valid = np.hypot(columns - 100, 2.0 * (rows - 50)) <= 80
    assert isinstance(check(valid, sky_header(200, 100, stretch=2.0), 2), Circle)
    assert isinstance(check(disc(200, 100, 100, 80), sky_header(200, 200, stretch=2.0)), Polygon)


def test_a_disc_cut_off_by_the_edge_is_a_polygon() -> None:
    region = check(disc(200, 100, 30, 80), sky_header(200, 200))
    assert isinstance(region, Polygon)
    assert len(region.vertices) <= 100


def test_an_l_has_its_six_corners() -> None:
    valid = np.zeros((120, 100), np.bool_)
    valid[10:100, 20:40] = valid[10:30, 20:90] = True
    region = check(valid, sky_header(100, 120))
    assert isinstance(region, Polygon)
    assert len(region.vertices) == 6


@pytest.mark.parametrize("turn", [0.0, 33.0])
def test_two_islands_are_a_union(turn: float) -> None:
    valid = disc(240, 60, 70, 40) | disc(240, 180, 160, 31)
    region = check(valid, sky_header(240, 240, turn=turn))
    assert isinstance(region, Union)
    assert not region.holes
    assert [type(part) for part in region.added] == [Circle, Circle]


def test_a_ring_has_a_hole() -> None:
    valid = disc(200, 100, 100, 90) & ~disc(200, 90, 105, 40)
    region = check(valid, sky_header(200, 200))
    assert isinstance(region, Union)
    assert [type(part) for part in (*region.added, *region.holes)] == [Circle, Circle]


def test_a_frame_has_a_hole_with_corners() -> None:
    valid = np.zeros((100, 120), np.bool_)
    valid[10:90, 10:110] = True
    valid[30:60, 50:80] = False
    region = check(valid, sky_header(120, 100))
    assert isinstance(region, Union)
    assert [len(part.vertices) for part in (*region.added, *region.holes)] == [4, 4]


def test_a_field_of_twenty_pointings_is_as_many_circles() -> None:
    valid = np.zeros((240, 300), np.bool_)
    for row in range(4):
        for column in range(5):
            valid[60 * row : 60 * row + 60, 60 * column : 60 * column + 60] = disc(60, 30, 30, 22)
    region = check(valid, sky_header(300, 240))
    assert isinstance(region, Union)
    assert len(region.members) == 20


def test_an_island_in_a_hole_is_not_lost() -> None:
    valid = (disc(200, 100, 100, 95) & ~disc(200, 100, 100, 70)) | disc(200, 100, 100, 20)
    header = sky_header(200, 200)
    region = outline_valid(mask_of(valid), plane_of(200, 200, header))
    rows, columns = np.nonzero(valid & ~border_cells(valid, 1))
    assert region is not None
    assert region.contains(astropy_vectors(header, columns, rows)).all()


def test_specks_and_pinholes_do_not_matter() -> None:
    valid = disc(200, 100, 100, 80)
    valid[90, 90] = valid[60:63, 100] = False
    valid[5, 5] = valid[195, 20:23] = True
    assert isinstance(outline_valid(mask_of(valid), plane_of(200, 200, sky_header(200, 200))), Circle)


def test_many_scattered_pixels_lie_in_a_few_larger_polygons() -> None:
    valid = np.random.default_rng(4).random((300, 300)) < 0.02
    header = sky_header(300, 300)
    region = outline_valid(mask_of(valid), plane_of(300, 300, header))
    rows, columns = np.nonzero(valid)
    assert region is not None
    members = region.members if isinstance(region, Union) else (region,)
    assert len(members) <= 32
    assert len(region.to_stcs()) < 20_000
    assert region.contains(astropy_vectors(header, columns, rows)).mean() > 0.97


def test_all_valid_is_the_outline_of_the_image() -> None:
    header = sky_header(50, 40)
    region = outline_valid(mask_of(np.ones((40, 50), np.bool_)), plane_of(50, 40, header))
    corners = astropy_vectors(header, np.array([-0.5, 49.5, 49.5, -0.5]), np.array([-0.5, -0.5, 39.5, 39.5]))
    assert isinstance(region, Polygon)
    assert len(region.vertices) in (4, 5)
    assert region.contains(corners, 1e-10).all()
    assert region.area() == pytest.approx(astropy_area(header, np.ones((40, 50), np.bool_)), rel=1e-6)


def test_none_valid_has_no_region_and_no_area() -> None:
    mask, sky = mask_of(np.zeros((40, 50), np.bool_)), plane_of(50, 40, sky_header(50, 40))
    assert outline_valid(mask, sky) is None
    assert solid_angle(mask, sky) == 0.0


@pytest.mark.parametrize("place", [(0, 0), (20, 31), (39, 49)])
def test_a_single_pixel_is_a_square(place: tuple[int, int]) -> None:
    valid = np.zeros((40, 50), np.bool_)
    valid[place] = True
    region = check(valid, sky_header(50, 40))
    assert isinstance(region, Polygon)
    assert len(region.vertices) == 4


def test_edges_bend_with_a_wide_field() -> None:
    valid = np.zeros((60, 120), np.bool_)
    valid[20:50, 10:110] = True
    header = sky_header(120, 60, dec=55.0, scale=0.4, projection="CAR")
    header["CRVAL2"], header["CRPIX2"] = 0.0, 30.5 - 55.0 / 0.4
    region = check(valid, header)
    assert isinstance(region, Polygon)
    assert len(region.vertices) > 4


def test_what_lies_off_the_projection_has_no_area() -> None:
    size = 300
    header = sky_header(size, size, scale=0.5)
    valid = np.ones((size, size), np.bool_)
    sky = plane_of(size, size, header)
    assert solid_angle(mask_of(valid), sky) == pytest.approx(astropy_area(header, valid), rel=5e-3)
    assert outline_valid(mask_of(valid), sky) is None


def test_coarse_cells_give_nearly_the_same_region() -> None:
    valid = disc(403, 200.2, 198.7, 170.0)
    header = sky_header(403, 403)
    sky = plane_of(403, 403, header)
    mask = mask_of(valid, 403 * 403 // 8)
    assert mask.step == 3
    region = outline_valid(mask, sky)
    assert isinstance(region, Circle)
    assert region.radius == pytest.approx(170.0 * ARCSEC, abs=3 * ARCSEC)
    assert solid_angle(mask, sky) == pytest.approx(astropy_area(header, valid), rel=0.03)


@settings(max_examples=12, deadline=None)
@given(
    st.integers(0, 10**6),
    st.floats(-80, 80),
    st.floats(0, 359),
    st.floats(-180, 180),
    st.sampled_from(["SIN", "TAN"]),
)
def test_any_convex_or_concave_shape_is_found_again(
    seed: int, dec: float, ra: float, turn: float, projection: str
) -> None:
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:150, :170]
    angle = np.arctan2(rows - 75, columns - 85)
    wave = 1 + 0.5 * np.sin(rng.integers(2, 6) * angle + rng.uniform(0, 6))
    valid = np.hypot(rows - 75, columns - 85) <= 60 * wave
    region = check(valid, sky_header(170, 150, ra=ra, dec=dec, turn=turn, projection=projection))
    assert isinstance(region, Polygon)
    assert len(region.vertices) <= 100
