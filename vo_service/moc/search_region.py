"""What is searched: a coverage map, or the densest part of a map of probability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from vo_service.dali.errors import usage
from vo_service.dali.multipart import Part
from vo_service.dali.uploads import Coverage, ReadLimits, SkyMap, UploadFault, read_map
from vo_service.formats import Info
from vo_service.moc.search_columns import MapKind
from vo_service.moc.search_request import USUAL_LEVEL
from vo_service.sky import MOC_CELLS, Density, Moc, credible_region

_DIGITS: Final = ".9g"


@dataclass(frozen=True, slots=True)
class SearchedRegion:
    """The cells that data sets have to meet, under the name of their table, and the map that is measured in
    footprints. ``sky_map``, ``level`` and ``held`` are of maps of probability: the whole map, the share that
    was asked for, the probability in the cells."""

    name: str
    moc: Moc
    density: Density
    kind: MapKind = "coverage"
    sky_map: SkyMap | None = None
    level: float | None = None
    held: float | None = None

    def infos(self) -> tuple[Info, ...]:
        """What an answer says of it."""
        told = [Info("region_area", f"{self.moc.area():{_DIGITS}}", "Area of the searched region, deg2.")]
        if self.sky_map is not None:
            told += [
                Info("region_probability", f"{self.held:{_DIGITS}}", "Probability in the searched region."),
                Info(
                    "credible_level", f"{self.level:{_DIGITS}}", "Share of the map's probability asked for."
                ),
                Info("map_probability", f"{self.density.total:{_DIGITS}}", "Probability in the whole map."),
                Info("map_cells", str(self.sky_map.cells), "Cells of the sky map."),
                Info("map_order", str(self.sky_map.order), "HEALPix order of its smallest cells."),
            ]
        return tuple(told)


def region_of_moc(name: str, moc: Moc, level: float | None) -> SearchedRegion:
    """The region of a coverage map. Raises ServiceError (400) for one with a level."""
    if level is not None:
        raise usage(
            "LEVEL is of maps of probability; the map that was sent is a coverage map.", "Leave LEVEL out."
        )
    return SearchedRegion(name, moc, Density.of_moc(moc))


def read_region(level: float | None, name: str, part: Part, limits: ReadLimits) -> SearchedRegion:
    """The region of a file. Raises UploadFault, and ServiceError (400) as `region_of_moc`."""
    found = read_map(part, limits)
    if isinstance(found, Coverage):
        return region_of_moc(name, found.moc, level)
    level = USUAL_LEVEL if level is None else level
    limits.check()
    moc, held = credible_region(found.density, level, limits.check)
    if moc.count_of_cells > MOC_CELLS:
        raise UploadFault(
            f"the region of LEVEL {level:g} has more than {MOC_CELLS} cells", hint="Make the map coarser."
        )
    return SearchedRegion(name, moc, found.density, "probability", found, level, held)
