"""Circles and polygons of usual size, of which footprints are made, as columns for `descents`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hips.mocs.descents import Touched, cover_chains, cover_discs
from hips.mocs.owned import Places, stretches
from hips.mocs.planes import WIDEST
from vo_service.sky import Circle, Polygon, Region, Shapes, healpix29, positions
from vo_service.sky.cell_ranges import ORDER
from vo_service.sky.shapes import Kind
from vo_service.sky.vectors import Flags, Floats


def is_simple(region: Region) -> bool:
    """Whether a region is a circle or polygon that fits into a plane."""
    return isinstance(region, Circle | Polygon) and region.cap().radius <= WIDEST


def simple_ones(shapes: Shapes) -> Flags:
    """Which shapes are circles or polygons that fit into a plane."""
    found: Flags = (shapes.radius <= WIDEST) & np.isin(shapes.kind, (Kind.DISC, Kind.CHAIN))
    return found


@dataclass(frozen=True, slots=True, eq=False)
class SimpleShapes:
    """Shapes of footprints: ``owner`` says whose. Circles have no corners; those of radius 0 are points."""

    owner: Places
    centre: Floats
    radius: Floats
    count: Places
    corners: Floats

    @staticmethod
    def of_shapes(shapes: Shapes, rows: Places) -> SimpleShapes:
        """These rows of shapes, all of them simple."""
        count = np.where(shapes.kind[rows] == Kind.CHAIN, shapes.count[rows], 0)
        corners = shapes.corners[stretches(shapes.first[rows], count)]
        return SimpleShapes(rows, shapes.centre[rows], shapes.radius[rows], count, corners)

    @staticmethod
    def of_regions(regions: Sequence[tuple[int, Region]]) -> SimpleShapes:
        """Owners and their regions, all of them simple."""
        corners = [one.corners if isinstance(one, Polygon) else np.empty((0, 3)) for _, one in regions]
        caps = [one.cap() for _, one in regions]
        radii = [
            np.radians(one.radius) if isinstance(one, Circle) else cap.radius
            for (_, one), cap in zip(regions, caps)
        ]
        return SimpleShapes(
            np.array([owner for owner, _ in regions], dtype=np.intp),
            np.array([cap.centre for cap in caps]).reshape(-1, 3),
            np.array(radii, dtype=np.float64),
            np.array([len(each) for each in corners], dtype=np.intp),
            np.concatenate([np.empty((0, 3)), *corners]),
        )

    def touched(self, order: int) -> Touched:
        """The cells of ``order`` that each touches, by its owner."""
        has_corners = self.count > 0
        points = np.flatnonzero(~has_corners & (self.radius <= 0.0))
        discs = np.flatnonzero(~has_corners & (self.radius > 0.0))
        chains = np.flatnonzero(has_corners)
        numbers = healpix29(*positions(self.centre[points])) >> (2 * (ORDER - order))
        found = [Touched(points, numbers, numbers + 1, np.zeros(len(points), dtype=bool))]
        if len(discs):
            round_ones = cover_discs(self.centre[discs], self.radius[discs], order)
            found.append(round_ones.numbered(discs))
        if len(chains):
            angular = cover_chains(
                self.centre[chains], self.radius[chains], self.count[chains], self.corners, order
            )
            found.append(angular.numbered(chains))
        return Touched.concatenated(found).numbered(self.owner)
