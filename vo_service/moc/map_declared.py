"""The parameters of the maps of answers as the capabilities of ``/moc`` have them."""

from __future__ import annotations

from capabilities.moc import SearchParameter
from vo_service.asking.constraints import TABLE
from vo_service.asking.constraints.uploaded import UPLOAD_MAP
from vo_service.dali.parameters import RESPONSEFORMAT, RUNID
from vo_service.moc.map_request import ORDER
from vo_service.moc.search_declared import declared_constraint


def declared_map_parameters(takes_files: bool) -> tuple[SearchParameter, ...]:
    """All of them; that of files where they are taken."""
    controls = (UPLOAD_MAP, RESPONSEFORMAT, RUNID) if takes_files else (RESPONSEFORMAT, RUNID)
    order = SearchParameter(ORDER.name, _told(ORDER.doc), "int", None)
    texts = tuple(SearchParameter(one.name, _told(one.doc)) for one in controls)
    return (*map(declared_constraint, TABLE), order, *texts)


def _told(doc: str) -> str:
    return f"{doc[0].upper()}{doc[1:]}."
