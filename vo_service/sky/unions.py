"""Regions made of regions: Union, and Not as its holes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vo_service.sky.areas import area_of
from vo_service.sky.caps import WHOLE_SKY, Cap, cap_round_caps
from vo_service.sky.circles import SKY_DEG2
from vo_service.sky.errors import RegionError
from vo_service.sky.outlines import Outline, join_outlines
from vo_service.sky.region import Region
from vo_service.sky.vectors import ALLOWANCE, Flags, Floats, finite_rows


@dataclass(frozen=True, slots=True)
class Not(Region):
    """All of the sky but the inside of ``region``; the common border belongs to both."""

    region: Region

    @property
    def size(self) -> int:
        return self.region.size

    def cap(self) -> Cap:
        return WHOLE_SKY

    def contains(self, xyz: Floats, slack: float = ALLOWANCE) -> Flags:
        return finite_rows(xyz) & ~self.region.contains(xyz, -slack)

    def distance(self, xyz: Floats) -> Floats:
        return self.region.depth(xyz)

    def depth(self, xyz: Floats) -> Floats:
        return self.region.distance(xyz)

    def outline(self) -> Outline:
        return self.region.outline()

    def area(self) -> float:
        return SKY_DEG2 - self.region.area()

    def stcs_words(self, frame: str) -> str:
        return f"Not{frame} ({self.region.stcs_words('')})"

    def to_dali(self) -> str:
        raise RegionError(self.to_stcs(), -1, "a circle, range or polygon: DALI has no Not")


@dataclass(frozen=True, slots=True)
class Union(Region):
    """The members together, less what its ``Not`` members name (ALMA-113).

    ``Union((a, b, Not(c)))`` is ``a`` and ``b`` without the inside of ``c``, which is how the archive writes
    footprints with holes. With ``Not`` members alone the whole sky is what they are cut from.
    """

    members: tuple[Region, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "members", tuple(self.members))
        if not self.members:
            raise RegionError("Union ()", -1, "one or more members")

    @property
    def added(self) -> tuple[Region, ...]:
        """The members that are no holes."""
        return tuple(member for member in self.members if not isinstance(member, Not))

    @property
    def holes(self) -> tuple[Region, ...]:
        """What the ``Not`` members name."""
        return tuple(member.region for member in self.members if isinstance(member, Not))

    @property
    def size(self) -> int:
        return sum(member.size for member in self.members)

    def cap(self) -> Cap:
        if not self.added:
            return WHOLE_SKY
        return cap_round_caps([member.cap() for member in self.added])

    def contains(self, xyz: Floats, slack: float = ALLOWANCE) -> Flags:
        inside = np.zeros(len(xyz), dtype=bool) if self.added else finite_rows(xyz)
        for member in self.added:
            inside = inside | member.contains(xyz, slack)
        for hole in self.holes:
            inside = inside & ~hole.contains(xyz, -slack)
        return inside

    def distance(self, xyz: Floats) -> Floats:
        away = np.zeros(len(xyz))
        if self.added:
            away = np.min([member.distance(xyz) for member in self.added], axis=0)
        for hole in self.holes:
            away = np.maximum(away, hole.depth(xyz))
        return away

    def depth(self, xyz: Floats) -> Floats:
        inside = np.full(len(xyz), np.pi)
        if self.added:
            inside = np.max([member.depth(xyz) for member in self.added], axis=0)
        for hole in self.holes:
            inside = np.minimum(inside, hole.distance(xyz))
        return inside

    def outline(self) -> Outline:
        return join_outlines([member.outline() for member in self.members])

    def area(self) -> float:
        """Area without counting twice what members share, from pieces of the border."""
        return area_of(self)

    def stcs_words(self, frame: str) -> str:
        return f"Union{frame} ( {' '.join(member.stcs_words('') for member in self.members)} )"

    def to_dali(self) -> str:
        raise RegionError(self.to_stcs(), -1, "a circle, range or polygon: DALI has no Union")
