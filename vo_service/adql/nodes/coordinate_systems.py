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
OF_TABLES = f"{ICRS} of the tables"
"""What shapes are marked with whose frame is known without a word of the query: stored ones, coverage maps,
positions of targets. They go with shapes of any frame that has been turned to the tables'."""
_TRANSFORMED = " by ivo_geom_transform"
SEVERAL = f"UNKNOWN{_TRANSFORMED}"
"""The mark of a column of shapes whose numbers are of one frame in some rows and of another in others."""
_UCDS = {
    "GALACTIC": "pos.galactic",
    "SUPER_GALACTIC": "pos.supergalactic",
    "ECLIPTIC": "pos.ecliptic",
}
"""UCDs of positions in the frames that are not equatorial."""


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
    return ICRS if name == OF_TABLES else name.removesuffix(_TRANSFORMED)


def ucd_of(name: str) -> str | None:
    """The UCD of positions whose numbers are those of a frame."""
    return None if name == SEVERAL else _UCDS.get(plain_name(name), "pos.eq")


def frame_of_numbers(name: str) -> str:
    """The mark of a shape that is made of the numbers of another one, which have been turned if need be."""
    return name if is_transformed(name) or not name else OF_TABLES


def frame_of_rows(one: str, other: str) -> str:
    """The mark of a column some rows of which have the one mark, some the other; '' is that of the tables."""
    return one if one == other else SEVERAL
