"""The parameters of ``/moc/search`` as its capabilities have them."""

from __future__ import annotations

from typing import Any

from capabilities.moc import SearchParameter
from vo_service.asking.constraints import Constraint
from vo_service.dali.parameters import MAXREC, Parameter
from vo_service.moc.search_request import CONSTRAINTS, CONTROLS, LEVEL, MOC, UPLOAD_REGION


def declared_parameters(takes_files: bool) -> tuple[SearchParameter, ...]:
    """All of them; that of files where they are taken."""
    controls = [one for one in CONTROLS if takes_files or one is not UPLOAD_REGION]
    return (*map(_control, controls), *map(declared_constraint, CONSTRAINTS))


def _control(one: Parameter[Any]) -> SearchParameter:
    told = one.doc[0].upper() + one.doc[1:] + "."
    if one is MOC:
        return SearchParameter(one.name, told, xtype="moc", ucd="pos.outline")
    if one is LEVEL:
        return SearchParameter(one.name, told, "double", None, ucd="stat.probability")
    if one is MAXREC:
        return SearchParameter(one.name, told, "int", None)
    return SearchParameter(one.name, told)


def declared_constraint(one: Constraint[Any]) -> SearchParameter:
    """A constraint of data sets."""
    return SearchParameter(
        one.name, one.description, one.datatype, one.arraysize, one.xtype, one.unit, one.ucd
    )
