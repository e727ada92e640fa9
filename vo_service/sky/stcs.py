"""Reading regions: STC-S in the forms met in archive rows, and DALI shapes.

Grammar, without regard to case, blanks free::

    text     = region holes | "Moc" ascii-moc
    holes    = ("Not" [frame] ["("] region [")"])*
    region   = shape [frame] [position-word] [flavour] numbers
             | ("Union" | "Intersection") [frame] "(" region+ ")"  |  "Not" [frame] ["("] region [")"]
    shape    = Circle | Polygon | Box | Position | PositionInterval | Range

Frames ICRS, FK5, J2000 and UNKNOWN count as ICRS (FK5 differs by 0.02 arcsec; ADQL-133); GALACTIC,
FK4 and ECLIPTIC are refused rather than ignored. Words of an observatory's place (TOPOCENTER and its
like) are read over. A ``Not`` inside a ``Union``, or behind a lone shape, cuts a hole (ALMA-113). A
Position is a circle of radius 0. Coverage maps stand alone and are no STC-S: DALI's text with a word ahead.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from vo_service.sky.boxes import make_box
from vo_service.sky.circles import Circle
from vo_service.sky.errors import RegionError
from vo_service.sky.intersections import Intersection
from vo_service.sky.moc_texts import parse_moc
from vo_service.sky.polygons import Polygon
from vo_service.sky.ranges import Range
from vo_service.sky.region import Region
from vo_service.sky.unions import Not, Union

_TOKEN = re.compile(r"\s*(?:([A-Za-z_][A-Za-z_0-9]*)|([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)|([()]))")
_MOC = re.compile(r"\s*moc(?![a-z_0-9])", re.IGNORECASE)
_ICRS_FRAMES: Final = frozenset({"ICRS", "FK5", "J2000", "UNKNOWN", "UNKNOWNFRAME"})
_OTHER_FRAMES: Final = frozenset({"GALACTIC", "GALACTIC_II", "FK4", "B1950", "ECLIPTIC", "SUPER_GALACTIC"})
_READ_OVER: Final = frozenset(
    "TOPOCENTER GEOCENTER BARYCENTER HELIOCENTER EMBARYCENTER LSR LSRK LSRD GALACTIC_CENTER "
    "LOCAL_GROUP_CENTER RELOCATABLE UNKNOWNREFPOS SPHERICAL2".split()
)
_DEEPEST: Final = 20
_JOINED: Final[dict[str, Callable[[tuple[Region, ...]], Region]]] = {
    "UNION": Union,
    "INTERSECTION": Intersection,
}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # word number paren end
    text: str
    at: int


class _Reader:
    """Tokens of one text, one after another."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(self._split())
        self.place = 0

    def _split(self) -> list[_Token]:
        tokens, at = [], 0
        while self.text[at:].strip():
            found = _TOKEN.match(self.text, at)
            if found is None:
                blanks = len(self.text[at:]) - len(self.text[at:].lstrip())
                raise RegionError(self.text, at + blanks, "a word, a number or a bracket")
            kind = ("word", "number", "paren")[(found.lastindex or 1) - 1]
            tokens.append(_Token(kind, found.group(found.lastindex or 1), found.start(found.lastindex or 1)))
            at = found.end()
        return [*tokens, _Token("end", "", len(self.text))]

    @property
    def next(self) -> _Token:
        return self.tokens[self.place]

    def take(self) -> _Token:
        token = self.next
        self.place += 1
        return token

    def fail(self, expected: str) -> RegionError:
        return RegionError(self.text, self.next.at, expected)

    def numbers(self) -> list[float]:
        values = []
        while self.next.kind == "number":
            value = float(self.next.text)
            if not math.isfinite(value):
                raise self.fail("a finite number")
            values.append(value)
            self.take()
        return values

    def bracket(self, text: str) -> bool:
        """Takes the bracket if it is there."""
        if self.next.text == text:
            self.take()
            return True
        return False


def parse_region(text: str) -> Region:
    """The region that an STC-S or DALI shape text means.

    Raises:
        RegionError: with the place and what was expected there.
    """
    map_of_cells = _MOC.match(text)
    if map_of_cells is not None:
        return parse_moc(text, map_of_cells.end())
    reader = _Reader(text)
    region = _region(reader, 0)
    holes = []
    while reader.next.text.upper() == "NOT":
        holes.append(_region(reader, 1))
    if holes:
        region = Union((region, *holes))
    if reader.next.kind != "end":
        raise reader.fail("the end of the text")
    return region


def _region(reader: _Reader, depth: int) -> Region:
    names = "Circle, Polygon, Box, Range, Position, PositionInterval, Union, Intersection or Not"
    if depth > _DEEPEST:
        raise reader.fail(f"shapes nested at most {_DEEPEST} deep")
    word = reader.next
    if word.kind != "word":
        raise reader.fail(names)
    name = word.text.upper()
    if name not in (*_JOINED, "NOT") and name not in _SHAPES:
        raise reader.fail(names)
    reader.take()
    _frame(reader)
    if name in _JOINED:
        return _JOINED[name](_members(reader, word.text, depth))
    if name == "NOT":
        return _not(reader, depth)
    numbers = reader.numbers()
    shape = _SHAPES[name]
    if not shape.fits(len(numbers)):
        raise reader.fail(f"{shape.wants} after {word.text}, not {len(numbers)} numbers")
    try:
        return shape.make(numbers)
    except RegionError as error:
        raise RegionError(reader.text, word.at, error.expected) from error


def _frame(reader: _Reader) -> None:
    """Frame and the words that may follow it."""
    if reader.next.kind == "word" and reader.next.text.upper() in _OTHER_FRAMES:
        raise reader.fail("positions in ICRS; other frames are not converted")
    if reader.next.kind == "word" and reader.next.text.upper() in _ICRS_FRAMES:
        reader.take()
    while reader.next.kind == "word" and reader.next.text.upper() in _READ_OVER:
        reader.take()


def _members(reader: _Reader, name: str, depth: int) -> tuple[Region, ...]:
    if not reader.bracket("("):
        raise reader.fail(f"( after {name}")
    members = []
    while not reader.bracket(")"):
        if reader.next.kind == "end":
            raise reader.fail(f") at the end of {name}")
        members.append(_region(reader, depth + 1))
    if not members:
        raise reader.fail(f"one or more shapes in {name}")
    return tuple(members)


def _not(reader: _Reader, depth: int) -> Region:
    bracketed = reader.bracket("(")
    region = _region(reader, depth + 1)
    if bracketed and not reader.bracket(")"):
        raise reader.fail(") at the end of Not")
    return Not(region)


@dataclass(frozen=True, slots=True)
class _Shape:
    wants: str
    fits: Callable[[int], bool]
    make: Callable[[list[float]], Region]


_SHAPES: Final[dict[str, _Shape]] = {
    "CIRCLE": _Shape("lon lat radius", lambda n: n == 3, lambda v: Circle(v[0], v[1], v[2])),
    "POLYGON": _Shape(
        "three or more pairs lon lat",
        lambda n: n >= 6 and n % 2 == 0,
        lambda v: Polygon(tuple(zip(v[::2], v[1::2]))),
    ),
    "BOX": _Shape("lon lat width height", lambda n: n == 4, lambda v: make_box(*v)),
    "POSITION": _Shape("lon lat", lambda n: n == 2, lambda v: Circle(v[0], v[1], 0.0)),
    "POSITIONINTERVAL": _Shape(
        "lon1 lat1 lon2 lat2", lambda n: n == 4, lambda v: Range(v[0], v[2], v[1], v[3])
    ),
    "RANGE": _Shape("lon1 lon2 lat1 lat2", lambda n: n == 4, lambda v: Range(v[0], v[1], v[2], v[3])),
}
