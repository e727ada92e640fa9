"""What several regions have in common."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vo_service.sky.areas import area_of
from vo_service.sky.caps import Cap
from vo_service.sky.errors import RegionError
from vo_service.sky.outlines import Outline, join_outlines
from vo_service.sky.region import Region
from vo_service.sky.vectors import ALLOWANCE, Flags, Floats


@dataclass(frozen=True, slots=True)
class Intersection(Region):
    """The points that all members share, which may be none; a ``Not`` member cuts its inside out."""

    members: tuple[Region, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "members", tuple(self.members))
        if not self.members:
            raise RegionError("Intersection ()", -1, "one or more members")

    @property
    def size(self) -> int:
        return sum(member.size for member in self.members)

    def cap(self) -> Cap:
        return min((member.cap() for member in self.members), key=lambda cap: cap.radius)

    def contains(self, xyz: Floats, slack: float = ALLOWANCE) -> Flags:
        inside: Flags = np.logical_and.reduce([member.contains(xyz, slack) for member in self.members])
        return inside

    def distance(self, xyz: Floats) -> Floats:
        away: Floats = np.max([member.distance(xyz) for member in self.members], axis=0)
        return away

    def depth(self, xyz: Floats) -> Floats:
        inside: Floats = np.min([member.depth(xyz) for member in self.members], axis=0)
        return inside

    def outline(self) -> Outline:
        return join_outlines([member.outline() for member in self.members])

    def area(self) -> float:
        """Area of the common part, from pieces of the members' borders."""
        return area_of(self)

    def stcs_words(self, frame: str) -> str:
        return f"Intersection{frame} ( {' '.join(member.stcs_words('') for member in self.members)} )"

    def to_dali(self) -> str:
        raise RegionError(self.to_stcs(), -1, "a circle, range or polygon: DALI has no Intersection")
