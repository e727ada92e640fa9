"""What an answer says of the service that gave it (SIA 2.0, section 3.1.2): a RESOURCE behind the rows."""

from __future__ import annotations

from typing import Any, Final

from capabilities.sia import SIA_QUERY
from vo_service.adql import MAX_TEXT
from vo_service.asking.constraints import MOST_VALUES, NUMBERS, TABLE, Constraint
from vo_service.asking.constraints.uploaded import UPLOAD_MAP
from vo_service.dali.descriptors import InputParam, Option, ServiceDescriptor, write_descriptor
from vo_service.dali.parameters import MAXREC, Parameter
from vo_service.sia.present import Present
from vo_service.sia.request import CONTROLS

_DESCRIPTION: Final = (
    "Images and cubes of this archive by position, wavelength, time and more; all constraints are of"
    f" ivoa.obscore. Each may be given up to {MOST_VALUES} times, for one value or another (the shapes of POS"
    f" with {NUMBERS} numbers together, all constraints with {MAX_TEXT} characters as a query in ADQL);"
    " different ones all have to be met. A row without a value does not meet a constraint of it; empty"
    " parameters count as none."
)


def self_description(base_url: str, present: Present, takes_maps: bool) -> bytes:
    """The RESOURCE ``this`` (SIA-014, SIA-090 to SIA-094). ``base_url`` is that of the whole service,
    ``present`` the values that columns of few values have, ``takes_maps`` whether files may come along."""
    return write_descriptor(
        ServiceDescriptor(
            name="this",
            description=_DESCRIPTION,
            access_url=f"{base_url}/sia2/query",
            standard_id=SIA_QUERY,
            inputs=(
                *(_constraint(one, present.get(one.name, ())) for one in TABLE),
                *(_control(one) for one in CONTROLS if takes_maps or one is not UPLOAD_MAP),
            ),
        )
    )


def _constraint(parameter: Constraint[Any], present: tuple[str, ...]) -> InputParam:
    return InputParam(
        parameter.name,
        parameter.datatype,
        parameter.arraysize,
        parameter.xtype,
        parameter.unit,
        parameter.ucd,
        parameter.description,
        options=tuple(Option(value) for value in present),
    )


def _control(parameter: Parameter[Any]) -> InputParam:
    whole = parameter is MAXREC
    return InputParam(
        parameter.name, "int" if whole else "char", None if whole else "*", description=parameter.doc
    )
