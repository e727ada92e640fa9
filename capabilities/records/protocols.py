"""The services beside TAP, as records tell of them: images by position, cones, links, cut-outs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from capabilities.cone import ConeSearch, cone_capability_elements
from capabilities.datalink import DataLinkService, datalink_capability_elements
from capabilities.hips import hipslist_capability
from capabilities.moc import MocService, moc_capability_elements
from capabilities.records.services import DataService
from capabilities.security import Login
from capabilities.sia import SiaService, sia_capability_elements
from capabilities.soda import SodaService, soda_capability_elements

_OBSCORE: Final = ("ivoa.obscore",)


def data_services(
    address: str, login: Login, cones: Mapping[str, ConeSearch], maps: MocService
) -> tuple[DataService, ...]:
    """All of them; ``address`` is that of the whole service, ``cones`` the searches by their tables, ``maps``
    the search by map."""
    images = sia_capability_elements(SiaService(f"{address}/sia2", login))
    links = datalink_capability_elements(DataLinkService(f"{address}/datalink", login))
    cuts = soda_capability_elements(SodaService(f"{address}/soda", examples=True, login=login))
    return (
        DataService(
            "sia2",
            "images and cubes by SIAv2",
            "SIA2",
            "Images and cubes by position, band, time, polarisation, resolution, exposure, target and "
            "collection, as rows of ivoa.obscore.",
            tuple(images),
            _OBSCORE,
        ),
        *(_cone(table, search) for table, search in cones.items()),
        DataService(
            "moc",
            "coverage maps, and data sets by map of the sky",
            "MOC search",
            "Coverage maps (MOC) of the holdings and of answers; data sets whose footprints meet a coverage "
            "map, or the credible region of a map of probability, with the area or the probability that each "
            "holds.",
            tuple(moc_capability_elements(maps)),
            _OBSCORE,
        ),
        DataService(
            "datalink",
            "what belongs to data sets",
            "DataLink",
            "From the identifier of a data set, a file or a member to everything that belongs to it: files, "
            "previews, cut-outs, packages, papers, the archive's own pages.",
            tuple(links),
        ),
        DataService(
            "soda",
            "cut-outs",
            "SODA",
            "Regions of the sky, bands, lines and polarisations of data sets, cut out of their files; many "
            "at once as a job.",
            tuple(cuts),
        ),
    )


def tree_node(address: str, login: Login) -> DataService:
    """The node of tile trees, for where there are any; ``address`` is that of the whole service."""
    return DataService(
        "hips",
        "images of the sky as trees of tiles",
        "HiPS",
        "A list of trees of tiles (HiPS) for Aladin, Aladin Lite and ESASky: images of the sky by band and "
        "line, and where the archive has looked for how long.",
        (hipslist_capability(f"{address}/hips/hipslist", login),),
    )


def _cone(table: str, search: ConeSearch) -> DataService:
    return DataService(
        f"cone/{table}",
        f"{table} by position",
        f"Cone {table.partition('.')[2]}"[:16],
        f"Rows of {table} round a position, by Simple Cone Search.",
        tuple(cone_capability_elements(search)),
        (table,),
    )
