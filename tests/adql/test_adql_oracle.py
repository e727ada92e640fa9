"""The oracle of shapes against spherical-geometry and astropy, so that the judge is judged as well."""

from __future__ import annotations

import math

import numpy as np
import pytest
from astropy.coordinates import angular_separation
from corpus import sphere
from spherical_geometry.polygon import SphericalPolygon

POLYGONS = (
    ((10.0, 20.0), (30.0, 20.0), (20.0, 40.0)),
    ((345.0, -15.0), (15.0, -15.0), (15.0, 15.0), (345.0, 15.0)),
    ((0.0, 70.0), (90.0, 60.0), (180.0, 70.0), (270.0, 65.0)),
    ((9.6, 19.6), (10.4, 19.6), (10.4, 20.4), (10.0, 19.8), (9.6, 20.4)),
)
CENTRES = ((20.0, 27.0), (0.0, 0.0), (0.0, 90.0), (10.0, 19.7))


@pytest.mark.parametrize(("corners", "centre"), list(zip(POLYGONS, CENTRES, strict=True)))
def test_polygons(corners: tuple[tuple[float, float], ...], centre: tuple[float, float]) -> None:
    lon, lat = zip(*corners, strict=True)
    judge = SphericalPolygon.from_lonlat(lon, lat, center=centre, degrees=True)
    shape = ("polygon", corners)
    wanted = min(judge.area(), 4 * math.pi - judge.area()) * math.degrees(1) ** 2  # either side may be meant
    assert sphere.area(shape) == pytest.approx(wanted, rel=1e-6)
    random = np.random.default_rng(2)
    spread = max(sphere.separation(*centre, *corner) for corner in corners) * 1.3
    inside = 0
    for _ in range(200):
        a, b = centre[0] + random.normal(0, spread), np.clip(centre[1] + random.normal(0, spread), -90, 90)
        found = sphere.holds(shape, float(a), float(b))
        assert found == judge.contains_lonlat(float(a), float(b), degrees=True), (a, b)
        inside += found
    assert 0 < inside < 200


def test_distances() -> None:
    random = np.random.default_rng(3)
    for _ in range(200):
        one, other = (
            (random.uniform(0, 360), math.degrees(math.asin(random.uniform(-1, 1)))) for _ in range(2)
        )
        wanted = math.degrees(angular_separation(*(math.radians(v) for v in (*one, *other))))
        assert sphere.separation(*one, *other) == pytest.approx(wanted, abs=1e-12)
