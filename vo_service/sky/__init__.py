"""Geometry on the sphere: regions, their texts, HEALPix covers and exact relations.

Plain floats, degrees ICRS; unit vectors as ``(n, 3)`` arrays. Imports nothing of ours.
"""

from vo_service.sky.bulk import canonical_stcs, caps_of, footprint_ids
from vo_service.sky.caps import Cap
from vo_service.sky.circles import Circle
from vo_service.sky.errors import RegionError
from vo_service.sky.polygons import Polygon
from vo_service.sky.ranges import Range
from vo_service.sky.region import Region
from vo_service.sky.stcs import parse_region
from vo_service.sky.unions import Not, Union
from vo_service.sky.vectors import ALLOWANCE, angle_of, galactic, healpix29, positions, unit_vectors

__all__ = [
    "ALLOWANCE",
    "Cap",
    "Circle",
    "Not",
    "Polygon",
    "Range",
    "Region",
    "RegionError",
    "Union",
    "angle_of",
    "canonical_stcs",
    "caps_of",
    "footprint_ids",
    "galactic",
    "healpix29",
    "parse_region",
    "positions",
    "unit_vectors",
]
