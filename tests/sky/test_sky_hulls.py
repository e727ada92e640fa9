"""Covering circles and polygons, against points of the regions that numpy and astropy make by themselves."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st

from vo_service.sky import Circle, Moc, Polygon, Region, covering_circle, covering_polygon, parse_region

Arrays = np.ndarray


def on_sky(lon: float, lat: float, turns: Arrays, away: Arrays) -> SkyCoord:
    """Points at position angles (radians) and distances (degrees) from one."""
    return SkyCoord(lon, lat, unit="deg").directional_offset_by(turns * u.rad, away * u.deg)


def vectors(points: SkyCoord) -> Arrays:
    return points.cartesian.xyz.value.T


def inside_convex(polygon: Polygon, points: Arrays) -> Arrays:
    """Whether unit vectors lie in a convex polygon, within 1e-8 of its size: on one side of all edges."""
    corners = SkyCoord(*np.transpose(polygon.vertices), unit="deg")
    ends = vectors(corners)
    normals = np.cross(ends, np.roll(ends, -1, axis=0))
    normals /= np.linalg.norm(normals, axis=1)[:, None]
    sides = np.einsum("pck,ck->pc", points[:, None, :] - ends, normals)  # of small shapes, too
    close = 1e-8 * np.abs(sides).max()
    return (sides >= -close).all(axis=1) | (sides <= close).all(axis=1)


def require_covered(region: Region, points: SkyCoord) -> None:
    circle, polygon = covering_circle(region), covering_polygon(region)
    away = SkyCoord(circle.lon, circle.lat, unit="deg").separation(points)
    assert (away.deg <= circle.radius + 1e-10).all()
    assert polygon is not None and inside_convex(polygon, vectors(points)).all()


places = st.tuples(st.floats(0.0, 359.9), st.floats(-89.9, 89.9))
TURNS = np.linspace(0.0, 2.0 * np.pi, 361)


@given(places, st.floats(1e-3, 40.0))
def test_a_circle(place: tuple[float, float], radius: float) -> None:
    # SODA-075, SODA-076: the circle itself, and a polygon whose corners are near it
    circle = Circle(*place, radius)
    assert covering_circle(circle) == circle
    require_covered(circle, on_sky(*place, TURNS, np.full_like(TURNS, radius)))
    polygon = covering_polygon(circle)
    assert polygon is not None
    corners = SkyCoord(*np.transpose(polygon.vertices), unit="deg")
    assert (corners.separation(SkyCoord(*place, unit="deg")).deg < 1.0197 * radius + 1e-9).all()


@given(places, st.integers(0, 2**32 - 1), st.integers(3, 60), st.floats(1e-3, 20.0))
def test_a_polygon_of_any_form(place: tuple[float, float], seed: int, count: int, size: float) -> None:
    # the edges, as numpy draws them: chords, normalised
    random = np.random.default_rng(seed)
    corners = on_sky(*place, random.uniform(0.0, 6.28, count), random.uniform(0.1, 1.0, count) * size)
    region = Polygon(tuple(zip(corners.ra.deg.tolist(), corners.dec.deg.tolist())))
    ends = vectors(SkyCoord(*np.transpose(region.vertices), unit="deg"))
    steps = np.linspace(0.0, 1.0, 21)[:, None, None]
    edges = ((1.0 - steps) * ends + steps * np.roll(ends, -1, axis=0)).reshape(-1, 3)
    points = SkyCoord(*edges.T, representation_type="cartesian")
    points = SkyCoord(points.spherical.lon, points.spherical.lat)
    circle, polygon = covering_circle(region), covering_polygon(region)
    separations = SkyCoord(circle.lon, circle.lat, unit="deg").separation(points)
    assert (separations.deg <= circle.radius + 1e-10).all()
    assert polygon is not None
    if polygon is not region:
        assert inside_convex(polygon, vectors(points)).all()
    else:
        assert len(region.vertices) <= 32 and region.is_simple
    widest = SkyCoord(*np.transpose(region.vertices), unit="deg")
    apart = max(float(one.separation(widest).deg.max()) for one in widest)
    assert circle.radius < 0.62 * apart + 1e-6  # Jung: no more than 0.577 is needed on the plane


def test_a_mosaic_of_circles() -> None:
    # as the archive writes footprints: SODA-075, near the minimum, for the whole and not circle by circle
    centres = [(10.0, -30.0), (10.3, -30.0), (10.6, -30.1), (10.9, -30.0)]
    region = parse_region("Union ICRS (" + " ".join(f"Circle {x} {y} 0.2" for x, y in centres) + ")")
    for lon, lat in centres:
        require_covered(region, on_sky(lon, lat, TURNS, np.full_like(TURNS, 0.2)))
    circle = covering_circle(region)
    needed = SkyCoord(10.0, -30.0, unit="deg").separation(SkyCoord(10.9, -30.0, unit="deg")).deg / 2 + 0.2
    assert needed <= circle.radius < 1.05 * needed


def test_over_the_pole_and_the_seam() -> None:
    # SODA-046
    for lon, lat in ((359.99, 12.0), (0.0, 90.0), (180.0, -89.95)):
        region = Circle(lon, lat, 0.5)
        require_covered(region, on_sky(lon, lat, TURNS, np.full_like(TURNS, 0.5)))


def test_a_polygon_keeps_its_corners() -> None:
    notched = Polygon(((0.0, 0.0), (2.0, 0.0), (1.0, 0.5), (2.0, 2.0), (0.0, 2.0)))
    assert covering_polygon(notched) is notched


@pytest.mark.parametrize("text", ["Circle ICRS 1 2 0", "Circle ICRS 1 2 80", "Not ICRS (Circle 1 2 3)"])
def test_where_no_polygon_helps(text: str) -> None:
    region = parse_region(text)
    assert covering_polygon(region) is None
    assert covering_circle(region).radius == pytest.approx(np.degrees(region.cap().radius), abs=1e-8)


def test_cells_have_a_circle_alone() -> None:
    cells = Moc(Circle(10.0, 10.0, 1.0).hpx29_ranges())
    assert covering_polygon(cells) is None
    assert covering_circle(cells).radius >= 1.0
