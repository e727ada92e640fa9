"""Geometry on the sphere: regions, their texts, HEALPix covers and exact relations.

Plain floats, degrees ICRS; unit vectors as ``(n, 3)`` arrays. Imports nothing of ours.
"""

from vo_service.sky.bulk import canonical_stcs, caps_of, footprint_ids
from vo_service.sky.caps import Cap
from vo_service.sky.centres import areas_and_centres, centroid, measures_of
from vo_service.sky.circles import Circle
from vo_service.sky.densities import Density, credible_region
from vo_service.sky.errors import RegionError
from vo_service.sky.frames import galactic
from vo_service.sky.hulls import covering_circle, covering_polygon
from vo_service.sky.intersections import Intersection
from vo_service.sky.kept import is_long, keep_short
from vo_service.sky.moc_texts import MOC_CELLS, MOC_CHARACTERS, parse_moc
from vo_service.sky.mocs import Moc
from vo_service.sky.overlaps import Overlaps, overlaps
from vo_service.sky.polygons import Polygon
from vo_service.sky.ranges import Range
from vo_service.sky.region import Region
from vo_service.sky.shapes import Shapes
from vo_service.sky.stcs import parse_region
from vo_service.sky.tests_of_pairs import test_pairs
from vo_service.sky.unions import Not, Union
from vo_service.sky.vectors import (
    ALLOWANCE,
    angle_of,
    healpix29,
    mean_position,
    mean_positions,
    positions,
    unit_vectors,
)

__all__ = [
    "ALLOWANCE",
    "MOC_CELLS",
    "MOC_CHARACTERS",
    "Cap",
    "Circle",
    "Density",
    "Intersection",
    "Moc",
    "Not",
    "Overlaps",
    "Polygon",
    "Range",
    "Region",
    "RegionError",
    "Shapes",
    "Union",
    "angle_of",
    "areas_and_centres",
    "canonical_stcs",
    "caps_of",
    "centroid",
    "covering_circle",
    "covering_polygon",
    "credible_region",
    "footprint_ids",
    "galactic",
    "healpix29",
    "is_long",
    "keep_short",
    "mean_position",
    "mean_positions",
    "measures_of",
    "overlaps",
    "parse_moc",
    "parse_region",
    "positions",
    "test_pairs",
    "unit_vectors",
]
