"""What queries call frames: the coordinate system argument of shapes (ADQL-132, ADQL-133)."""

from __future__ import annotations

from vo_service.sky.frames import ICRS

COORDINATE_SYSTEMS = {
    "": ICRS,
    ICRS: ICRS,
    "UNKNOWN": ICRS,
    "UNKNOWNFRAME": ICRS,
    "FK5": ICRS,
    "J2000": ICRS,
    "FK4": "FK4",
    "B1950": "FK4",
    "ECLIPTIC": "ECLIPTIC",
    "GALACTIC": "GALACTIC",
    "GALACTIC_II": "GALACTIC",
    "SUPER_GALACTIC": "SUPER_GALACTIC",
}
"""First arguments of POINT and the like: what is taken as the frame of the tables (FK5 differs from it by
0.02 arcsec), and what is turned to it."""
_TRANSFORMED = " by ivo_geom_transform"


def word_of(name: str) -> str:
    """The frame of a coordinate system argument, without the words of STC-S that may follow."""
    words = name.upper().split()
    return words[0] if words else ""


def canonical(name: str) -> str:
    """One name for all names of a frame; shapes of ivo_geom_transform have a frame that is no other's."""
    return name if is_transformed(name) else COORDINATE_SYSTEMS[word_of(name)]


def is_of_tables(name: str) -> bool:
    """Whether numbers of a frame are taken as they are."""
    return is_transformed(name) or canonical(name) == ICRS


def transformed_name(frame: str) -> str:
    """What a shape is marked with whose numbers are of a frame, and have not been turned to the tables'."""
    return frame if COORDINATE_SYSTEMS[frame] == ICRS else frame + _TRANSFORMED


def is_transformed(name: str) -> bool:
    """Whether a shape has such a mark."""
    return name.endswith(_TRANSFORMED)


def plain_name(name: str) -> str:
    """The frame's name alone."""
    return name.removesuffix(_TRANSFORMED)
