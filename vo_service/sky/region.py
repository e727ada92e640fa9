"""What every region can be asked.

Regions are frozen, hashable, plain degrees ICRS, and closed: their border belongs to them, with the
rounding allowance of ADQL-150. Relations of two regions are worked out in ``relations``, covers in
``covers``, texts are read in ``stcs``; the methods here lead there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final

from vo_service.sky import covers, relations
from vo_service.sky.caps import Cap
from vo_service.sky.outlines import Outline
from vo_service.sky.vectors import ALLOWANCE, Flags, Floats

if TYPE_CHECKING:
    import mocpy

FRAME: Final = "ICRS"


class Region(ABC):
    """A closed set of points on the sphere."""

    __slots__ = ()

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

    def intersects(self, other: Region) -> bool:
        """Whether the regions share a point; touching counts (ADQL-150)."""
        return relations.meet(self, other)

    def covers(self, other: Region) -> bool:
        """Whether ``other`` lies wholly in this region, borders included."""
        return relations.holds_all(self, other)

    def cover(self, order: int) -> mocpy.MOC:
        """HEALPix coverage at ``order`` (0 to 29), never too small."""
        return covers.moc_of(self, order)

    def hpx29_ranges(self, inflate_radius_rad: float = 0.0) -> list[tuple[int, int]]:
        """Half-open ranges of order-29 NESTED cells of all points within a distance of the region."""
        return covers.ranges_of(self, inflate_radius_rad)


def number(value: float) -> str:
    """The shortest decimal text that reads back as the same double, without a trailing ``.0``."""
    text = repr(float(value))
    return text[:-2] if text.endswith(".0") else text
