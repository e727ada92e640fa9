"""Overlaps of footprints and maps by other means: deep HEALPix covers, and pixels by their middles."""

from __future__ import annotations

import math

import astropy.units as u
import cdshealpix.nested
import mocpy
import numpy as np
from astropy.coordinates import Latitude, Longitude
from numpy.typing import NDArray

from vo_service.sky import Circle, Moc, Polygon, Region

SKY_DEG2 = 4.0 * math.pi * math.degrees(1.0) ** 2
STATED, STATED_FOR_OTHERS = 1e-4, 2e-3
"""Errors, as a share of a footprint's area, that the module states."""

Numbers = NDArray[np.uint64]


def cone(lon: float, lat: float, radius: float, order: int) -> mocpy.MOC:
    return mocpy.MOC.from_cone(
        lon=Longitude(lon, unit="deg"), lat=Latitude(lat, unit="deg"), radius=radius * u.deg, max_depth=order
    )


def star(lon: float, lat: float, corners: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Corners round a place: (part of a turn, degrees away)."""
    step = []
    for turn, reach in corners:
        angle = 2.0 * math.pi * turn
        step.append(
            (
                (lon + reach * math.cos(angle) / math.cos(math.radians(lat))) % 360.0,
                lat + reach * math.sin(angle),
            )
        )
    return step


def cells_of(region: Region, order: int) -> tuple[Numbers, Numbers, NDArray[np.bool_]]:
    """Cells that cover a circle or polygon, orders, and whether all of each lies in it; by cdshealpix."""
    if isinstance(region, Circle):
        return cdshealpix.nested.cone_search(
            Longitude(region.lon, unit="deg"), Latitude(region.lat, unit="deg"), region.radius * u.deg, order
        )
    assert isinstance(region, Polygon)
    lon, lat = np.array(region.vertices).T
    return cdshealpix.nested.polygon_search(Longitude(lon, unit="deg"), Latitude(lat, unit="deg"), order)


def bounds_of(region: Region, map: mocpy.MOC, order: int) -> tuple[float, float]:
    """Areas (deg2) that a footprint and a map have in common at least and at most: of the cells of an order
    that lie in the footprint, and of those that touch it."""
    cells, orders, whole = cells_of(region, order)
    areas = []
    for chosen in (whole.astype(bool), np.ones(len(cells), dtype=bool)):
        found = mocpy.MOC.from_healpix_cells(cells[chosen], orders[chosen].astype(np.uint8), order)
        areas.append(found.intersection(map).sky_fraction * SKY_DEG2 if chosen.any() else 0.0)
    return areas[0], areas[1]


def counted(region: Region, map: Moc, order: int) -> float:
    """Area (deg2) of the pixels of an order whose middles lie in both."""
    cap = region.cap()
    lon, lat = math.degrees(math.atan2(cap.y, cap.x)), math.degrees(math.asin(cap.z))
    cells, _, _ = cdshealpix.nested.cone_search(
        Longitude(lon, unit="deg"), Latitude(lat, unit="deg"), 1.05 * cap.radius * u.rad, order, flat=True
    )
    places = cdshealpix.nested.healpix_to_lonlat(cells, order)
    xyz = np.stack(
        [
            np.cos(places[1].rad) * np.cos(places[0].rad),
            np.cos(places[1].rad) * np.sin(places[0].rad),
            np.sin(places[1].rad),
        ],
        axis=1,
    )
    return float((region.contains(xyz) & map.contains(xyz)).sum()) * SKY_DEG2 / (12 * 4**order)
