"""What every region can be asked.

Regions are frozen, hashable, plain degrees ICRS, and closed: their border belongs to them, with the
rounding allowance of ADQL-150. Relations of two regions are worked out in ``relations``, covers in
``covers``, texts are read in ``stcs``; the methods here lead there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Final

from vo_service.sky import covers, relations
from vo_service.sky.caps import SLACK, Cap
from vo_service.sky.outlines import Outline
from vo_service.sky.vectors import ALLOWANCE, Flags, Floats

if TYPE_CHECKING:
    import mocpy

FRAME: Final = "ICRS"
_PLACES: Final = 6


class Region(ABC):
    """A closed set of points on the sphere."""

    __slots__ = ()

    precedence: ClassVar[int] = 0
    """Of two kinds of regions the one with the larger number decides whether they meet."""

    by_cells: ClassVar[bool] = False
    """Whether the region is a set of cells, without a border of arcs."""

    @property
    def size(self) -> int:
        """How many numbers describe it, about."""
        return 4

    @abstractmethod
    def cap(self) -> Cap:
        """A cap round the region, never too small."""

    @abstractmethod
    def contains(self, xyz: Floats, slack: float = ALLOWANCE) -> Flags:
        """Which rows of ``xyz`` (unit vectors, ``(n, 3)``) lie in the region or within ``slack`` of it.

        A negative slack (radians) leaves out what is that close to the border. NaN lies in no region.
        """

    @abstractmethod
    def distance(self, xyz: Floats) -> Floats:
        """Angles, radians, from the rows to the region; 0 inside; never larger than the true one."""

    @abstractmethod
    def depth(self, xyz: Floats) -> Floats:
        """Angles, radians, by which the rows are inside; 0 outside; never larger than the true one."""

    def distance_and_depth(self, xyz: Floats) -> tuple[Floats, Floats]:
        """Both at once, for shapes of which one look tells either."""
        return self.distance(xyz), self.depth(xyz)

    def against_caps(self, centres: Floats, radii: Floats) -> tuple[Flags, Flags]:
        """Which circles (unit vectors, radians) surely have nothing in common with the region, and which
        surely lie in it."""
        away, inside = self.distance_and_depth(centres)
        return away > radii + SLACK, inside >= radii + SLACK

    def places(self) -> Floats:
        """A few points ``(n, 3)`` of the region, far from each other where it is large; perhaps none."""
        corners = self.outline().points
        corners = corners[self.contains(corners, relations.CLOSE)]
        return corners[:: max(1, len(corners) // _PLACES)]

    @abstractmethod
    def outline(self) -> Outline:
        """The border, for relations with other regions."""

    @abstractmethod
    def area(self) -> float:
        """Square degrees on the sphere."""

    @abstractmethod
    def stcs_words(self, frame: str) -> str:
        """STC-S text with ``frame`` after the name of the shape (a blank and a word, or nothing)."""

    @abstractmethod
    def to_dali(self) -> str:
        """DALI 1.2 shape text; RegionError where DALI has no such shape (Union, Not)."""

    def to_stcs(self) -> str:
        """STC-S text, as the archive writes it; ``parse_region`` reads the same region back."""
        return self.stcs_words(f" {FRAME}")

    def brief(self) -> str:
        """The STC-S text, or where that is long, what tells the region from others; for names and people."""
        return self.to_stcs()

    def intersects(self, other: Region) -> bool:
        """Whether the regions share a point; touching counts (ADQL-150)."""
        if other.precedence > self.precedence:
            return other.intersects(self)
        return relations.meet(self, other)

    def covers(self, other: Region) -> bool:
        """Whether ``other`` lies wholly in this region, borders included."""
        return other.lies_in(self)

    def lies_in(self, shape: Region) -> bool:
        """Whether this region lies wholly in a shape (which is no set of cells)."""
        return relations.holds_all(shape, self)

    def cover(self, order: int) -> mocpy.MOC:
        """HEALPix coverage at ``order`` (0 to 29), never too small."""
        return covers.moc_of(self, order)

    def hpx29_ranges(self, inflate_radius_rad: float = 0.0) -> list[tuple[int, int]]:
        """Half-open ranges of order-29 NESTED cells of all points within a distance of the region."""
        return list(covers.kept_ranges_of(self, inflate_radius_rad))


def number(value: float) -> str:
    """The shortest decimal text that reads back as the same double, without a trailing ``.0``."""
    text = repr(float(value))
    return text[:-2] if text.endswith(".0") else text
