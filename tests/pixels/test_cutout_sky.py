"""Which pixels a shape on the sky touches, against astropy's coordinates of many points in every pixel."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vo_service.holdings.celestial import turn_from_icrs, turn_to_icrs
from vo_service.pixels import Celestial, read_axes
from vo_service.pixels.cutout.border import reach_of_border
from vo_service.pixels.cutout.select_sky import centres_in, sky_box, touching
from vo_service.pixels.fits_header import parse_header
from vo_service.pixels.sky_plane import SkyPlane
from vo_service.sky import Circle, Polygon, Range, Region, Union

Doubles = NDArray[np.float64]
Flags = NDArray[np.bool_]
Inside = Callable[[Doubles, float], Flags]

ZENITHAL = ["SIN", "TAN", "ARC", "ZEA", "STG"]
SUB = 16  # steps across a pixel: what touches less than one of them may be missed
AXES = SkyCoord([0.0, 90.0, 0.0], [0.0, 0.0, 90.0], unit="deg", frame="galactic")
GALACTIC = AXES.icrs.cartesian.xyz.value.T  # rows: the axes of galactic coordinates in ICRS


@dataclass(frozen=True)
class Sky:
    """An image as we read it and as astropy does."""

    plane: SkyPlane
    wcs: WCS
    is_galactic: bool
    size: tuple[int, int]

    def vectors(self, x: Doubles, y: Doubles) -> Doubles:
        """Unit vectors in ICRS of FITS pixel coordinates, by astropy."""
        lon, lat = self.wcs.wcs_pix2world(x, y, 1)
        lon, lat = np.radians(lon), np.radians(lat)
        found = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)
        return found @ GALACTIC if self.is_galactic else found


def sky_of(
    projection: str, size: tuple[int, int], scale: float, place: tuple[float, float], turn: float = 0.0,
    galactic: bool = False, crpix: tuple[float, float] | None = None,
) -> Sky:  # fmt: skip
    header = fits.Header()
    header["SIMPLE"], header["BITPIX"], header["NAXIS"] = True, -32, 2
    header["NAXIS1"], header["NAXIS2"] = size
    names = ("GLON", "GLAT") if galactic else ("RA--", "DEC-")
    crpix = crpix or (size[0] / 2 + 0.5, size[1] / 2 + 0.5)
    cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    steps = ((-scale * cos, scale * sin), (scale * sin, scale * cos))
    for number, name in enumerate(names, 1):
        header[f"CTYPE{number}"] = f"{name}-{projection}"
        header[f"CRVAL{number}"], header[f"CRPIX{number}"] = place[number - 1], crpix[number - 1]
        header[f"CUNIT{number}"] = "deg"
        for column in (1, 2):
            header[f"CD{number}_{column}"] = steps[number - 1][column - 1]
    if not galactic:
        header["RADESYS"] = "ICRS"
    keys = parse_header(header.tostring().encode()).keywords
    frame = "GALACTIC" if galactic else "ICRS"
    celestial = Celestial(keys, read_axes(keys, size))
    plane = SkyPlane(celestial, turn_to_icrs(frame, 2000.0), turn_from_icrs(frame, 2000.0))
    return Sky(plane, WCS(header), galactic, size)


def vector_of(lon: float, lat: float) -> Doubles:
    lon, lat = math.radians(lon), math.radians(lat)
    return np.array([math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)])


def position_of(vector: Doubles) -> tuple[float, float]:
    lat = math.degrees(math.atan2(vector[2], math.hypot(vector[0], vector[1])))
    return math.degrees(math.atan2(vector[1], vector[0])) % 360.0, lat


def in_circle(lon: float, lat: float, radius: float) -> Inside:
    centre = vector_of(lon, lat)

    def inside(xyz: Doubles, more: float) -> Flags:
        far = np.linalg.norm(np.cross(xyz, centre), axis=-1)
        return np.arctan2(far, xyz @ centre) <= math.radians(radius) + more

    return inside


def in_convex(corners: list[tuple[float, float]]) -> Inside:
    """Within all great circles of the edges, corners counter-clockwise on the sky (east to the left)."""
    vectors = np.array([vector_of(*corner) for corner in corners])
    normals = np.cross(vectors, np.roll(vectors, -1, axis=0))
    normals /= np.linalg.norm(normals, axis=1)[:, None]
    if (normals @ vectors.mean(axis=0)).min() < 0:
        normals = -normals

    def inside(xyz: Doubles, more: float) -> Flags:
        return (np.einsum("...i,ji->...j", xyz, normals) >= -more).all(axis=-1)

    return inside


def in_range(low: float, high: float, south: float, north: float) -> Inside:
    def inside(xyz: Doubles, more: float) -> Flags:
        lat = np.arctan2(xyz[..., 2], np.hypot(xyz[..., 0], xyz[..., 1]))
        lon = np.degrees(np.arctan2(xyz[..., 1], xyz[..., 0]))
        wide = math.degrees(more) / np.maximum(np.cos(lat), 1e-9)
        past = (lon - low + wide) % 360.0
        between = (past <= (high - low) % 360.0 + 2 * wide) | (high - low >= 360.0)
        return between & (lat >= math.radians(south) - more) & (lat <= math.radians(north) + more)

    return inside


def touched_by_points(sky: Sky, inside: Inside, more: float) -> Flags:
    """(rows, columns): whether one of many points of each pixel, its border among them, lies in a shape that
    is ``more`` radians larger on all sides."""
    nx, ny = sky.size
    steps = np.linspace(-0.5, 0.5, SUB + 1)
    x = (np.arange(1, nx + 1)[:, None] + steps).ravel()
    found = np.zeros((ny, nx), dtype=bool)
    for row in range(ny):
        columns, rows = np.meshgrid(x, row + 1 + steps)
        hits = inside(sky.vectors(columns, rows), more)
        found[row] = hits.reshape(SUB + 1, nx, SUB + 1).any(axis=(0, 2))
    return found


def box_of(flags: Flags) -> tuple[tuple[int, int], tuple[int, int]] | None:
    if not flags.any():
        return None
    y, x = (np.flatnonzero(flags.any(axis=axis)) for axis in (1, 0))
    return (int(x[0]), int(x[-1]) + 1), (int(y[0]), int(y[-1]) + 1)


def check(sky: Sky, shape: Region, inside: Inside) -> None:
    """All that surely touches is kept, and nothing that surely does not."""
    step = math.radians(sky.plane.celestial.pixel_scale()) * 2.0 / SUB
    surely, perhaps = touched_by_points(sky, inside, 0.0), touched_by_points(sky, inside, step)
    box, least, most = sky_box(sky.plane, shape), box_of(surely), box_of(perhaps)
    if least is not None:
        assert box is not None
        assert all(ours[0] <= its[0] and its[1] <= ours[1] for ours, its in zip(box, least, strict=True))
    if box is not None:
        assert most is not None
        assert all(its[0] <= ours[0] and ours[1] <= its[1] for ours, its in zip(box, most, strict=True))
        nx, ny = sky.size
        flags = touching(sky.plane, shape, (0, nx), (0, ny))
        assert not (surely & ~flags).any()
        assert not (flags & ~perhaps).any()
        assert box_of(flags) == box
        centres = centres_in(sky.plane, shape, (0, nx), (0, ny))
        columns, rows = np.meshgrid(np.arange(1.0, nx + 1), np.arange(1.0, ny + 1))
        seen = sky.vectors(columns, rows)
        assert not (inside(seen, -1e-12) & ~centres).any()
        assert not (centres & ~inside(seen, 1e-12)).any()


@st.composite
def skies(draw: st.DrawFn) -> Sky:
    """Small images anywhere on the sky, in projections of all kinds."""
    projection = draw(
        st.sampled_from(["SIN", "TAN", "ARC", "ZEA", "STG", "CAR", "SFL", "MER", "CEA", "AIT", "MOL"])
    )
    around = projection in ("CAR", "SFL", "MER", "CEA", "AIT", "MOL")
    lat = 0.0 if around else draw(st.sampled_from([-90.0, -60.3, 0.0, 25.0, 89.9]))
    lon = draw(st.sampled_from([0.0, 0.001, 150.0, 359.999]))
    size = draw(st.integers(1, 14)), draw(st.integers(2, 14))
    scale = draw(st.sampled_from([1e-5, 3e-3, 0.4]))
    crpix = (draw(st.floats(-20, 30)), draw(st.floats(-20, 30)))
    return sky_of(projection, size, scale, (lon, lat), draw(st.floats(0, 360)), draw(st.booleans()), crpix)


@st.composite
def places_in(draw: st.DrawFn, sky: Sky) -> tuple[float, float]:
    """A place in the image or near it, as longitude and latitude."""
    x = draw(st.floats(-2.0, sky.size[0] + 3.0))
    y = draw(st.floats(-2.0, sky.size[1] + 3.0))
    vector = sky.vectors(np.array(x), np.array(y))
    assume(np.isfinite(vector).all())
    return position_of(vector)


@given(data=st.data())
def test_circles(data: st.DataObject) -> None:
    # SODA-016, SODA-040
    sky = data.draw(skies())
    lon, lat = data.draw(places_in(sky))
    radius = sky.plane.celestial.pixel_scale() * data.draw(st.floats(0.0, 12.0))
    check(sky, Circle(lon, lat, radius), in_circle(lon, lat, radius))


@given(data=st.data())
def test_polygons(data: st.DataObject) -> None:
    # SODA-021, SODA-046: great circles between the corners
    sky = data.draw(skies())
    lon, lat = data.draw(places_in(sky))
    centre, scale = vector_of(lon, lat), math.radians(sky.plane.celestial.pixel_scale())
    east = np.cross([0.3, -0.2, 0.9], centre)
    east /= np.linalg.norm(east)
    north = np.cross(centre, east)
    angles = sorted(data.draw(st.lists(st.integers(0, 71), min_size=3, max_size=6, unique=True)))
    reach = math.tan(min(scale * data.draw(st.floats(0.2, 12.0)), 0.5))
    corners = []
    for angle in angles:
        turned = math.radians(5.0 * angle)
        corner = centre + reach * (math.cos(turned) * east + math.sin(turned) * north)
        corner /= np.linalg.norm(corner)
        corners.append(
            (math.degrees(math.atan2(corner[1], corner[0])) % 360.0, math.degrees(math.asin(corner[2])))
        )
    assume(all(abs(corner[1]) < 89.9999 for corner in corners))
    check(sky, Polygon(tuple(corners)), in_convex(corners))


@given(data=st.data())
def test_ranges(data: st.DataObject) -> None:
    # SODA-018, SODA-046: parallels and meridians, round 0 and at the poles
    sky = data.draw(skies())
    lon, lat = data.draw(places_in(sky))
    scale = sky.plane.celestial.pixel_scale()
    up, down = scale * data.draw(st.floats(0.0, 9.0)), scale * data.draw(st.floats(0.0, 9.0))
    wide = min(170.0, scale * data.draw(st.floats(0.1, 9.0)) / max(math.cos(math.radians(lat)), 1e-3))
    south, north = max(-90.0, lat - down), min(90.0, lat + up)
    shape = Range(lon - wide, lon + wide, south, north)
    check(sky, shape, in_range(lon - wide, lon + wide, south, north))


def test_a_whole_sky_with_a_rim() -> None:
    """Beyond the rim of the projection there is nothing, and what lies on it is found."""
    sky = sky_of("AIT", (90, 46), 4.0, (0.0, 0.0))
    for lon, lat, radius in ((175.0, 10.0, 9.0), (180.0, 0.0, 3.0), (20.0, -85.0, 8.0), (10.0, 10.0, 100.0)):
        inside = in_circle(lon, lat, radius)
        assert sky_box(sky.plane, Circle(lon, lat, radius)) == box_of(touched_by_points(sky, inside, 0.0))


def test_a_border_along_the_borders_of_pixels_takes_the_pixels_on_both_sides() -> None:
    # closed bounds: what ends where a pixel begins touches it
    sky = sky_of("CAR", (4000, 3000), 1e-3, (0.0, 0.0))
    shape = Range(-0.1, 0.1, -0.05, 0.05)
    assert sky_box(sky.plane, shape) == ((1899, 2101), (1449, 1551))


def test_a_line_between_two_rows_touches_both() -> None:
    sky = sky_of("CAR", (40, 30), 1e-3, (0.0, 0.0))
    assert sky_box(sky.plane, Range(-0.0101, 0.0099, 0.0, 0.0)) == ((10, 31), (14, 16))


def test_a_wide_shape_in_a_wide_image_by_its_parts_alone() -> None:
    plane = sky_of("AIT", (7200, 3600), 0.05, (0.0, 0.0)).plane
    shape = Circle(10.0, 10.0, 5.0)
    assert sky_box(SkyPlane(plane.celestial, lambda vectors: vectors), shape) == sky_box(plane, shape)


def test_several_shapes_have_one_box() -> None:
    sky = sky_of("TAN", (200, 100), 1e-3, (10.0, 20.0))
    one, other = Circle(10.05, 20.01, 0.002), Circle(9.96, 19.98, 0.003)
    found = [sky_box(sky.plane, shape) for shape in (one, other)]
    assert None not in found
    (x1, y1), (x2, y2) = found  # type: ignore[misc]
    both = sky_box(sky.plane, Union((one, other)))
    assert both == ((min(x1[0], x2[0]), max(x1[1], x2[1])), (min(y1[0], y2[0]), max(y1[1], y2[1])))


@pytest.mark.parametrize(
    "shape",
    [
        Circle(50.0, 20.0, 1.0),
        Circle(190.0, -20.0, 5.0),
        Circle(190.0, -20.0, 179.0),
        Polygon(((11.0, 21.0), (11.1, 21.0), (11.0, 21.1))),
    ],
    ids=str,
)
def test_shapes_elsewhere_touch_nothing(shape: Region) -> None:
    # SODA-050
    assert sky_box(sky_of("SIN", (300, 300), 1e-3, (10.0, 20.0)).plane, shape) is None


def test_a_shape_round_an_image_takes_all_of_it() -> None:
    plane = sky_of("SIN", (300, 200), 1e-3, (10.0, 20.0)).plane
    for shape in (Circle(10.0, 20.0, 5.0), Circle(190.0, -20.0, 179.9), Range(0.0, 360.0, -90.0, 90.0)):
        assert sky_box(plane, shape) == ((0, 300), (0, 200))
    with_hole = touching(plane, Circle(190.0, -20.0, 179.9), (0, 300), (0, 200))
    assert not with_hole[80:120, 130:170].any()
    assert with_hole[0].all() and with_hole[:, 0].all()


@pytest.mark.parametrize("lon", [83.5994, 83.61, 83.62])
def test_a_large_circle_reaches_as_far_as_its_parts_say(lon: float) -> None:
    # an extreme may lie on either side of where its border begins
    plane = sky_of("TAN", (12000, 12000), 1e-4, (83.6, 22.0)).plane
    one_way = SkyPlane(plane.celestial, lambda vectors: vectors)
    for number in range(8):
        shape = Circle(lon, 22.00025, 0.4104 - 1e-5 * number)
        assert sky_box(plane, shape) == sky_box(one_way, shape)


@pytest.mark.parametrize("number", range(8))
def test_of_two_shapes_that_reach_nearly_as_far_the_farther_one_counts(number: int) -> None:
    plane = sky_of("SIN", (3000, 3000), 1e-4, (83.6, 22.0)).plane
    one_way = SkyPlane(plane.celestial, lambda vectors: vectors)
    shape = Union((Circle(83.55, 22.0, 0.05), Circle(83.65, 22.0, 0.05 + 3e-6 * (number - 4))))
    assert sky_box(plane, shape) == sky_box(one_way, shape)


@given(
    radius=st.floats(1e-6, 0.02), x=st.floats(30.0, 170.0), y=st.floats(30.0, 170.0), turn=st.floats(0, 360)
)
def test_both_ways_to_a_box_agree(radius: float, x: float, y: float, turn: float) -> None:
    """The border alone, and the whole image divided: the second for a plane without a way back."""
    sky = sky_of("SIN", (200, 200), 1e-3, (83.6, 22.0), turn)
    [[lon, lat]] = sky.plane.positions(np.array([[x, y]]))
    shape = Circle(lon, lat, radius)
    one_way = SkyPlane(sky.plane.celestial, lambda vectors: vectors)
    assert reach_of_border(one_way, shape) is None
    assert reach_of_border(sky.plane, shape) is not None
    assert sky_box(one_way, shape) == sky_box(sky.plane, shape)
