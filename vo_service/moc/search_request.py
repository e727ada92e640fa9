"""The parameters of ``/moc/search``, and the request that they make."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from vo_service.asking.constraints import TABLE, Constraints, read_constraints
from vo_service.asking.constraints.parameters import MOC as MOC_CONSTRAINT
from vo_service.asking.constraints.values import coverage_map
from vo_service.asking.queries import echo_of
from vo_service.asking.uploads import UPLOAD
from vo_service.dali.errors import ServiceError, usage
from vo_service.dali.parameters import MAXREC, RESPONSEFORMAT, RUNID, Form, Parameter
from vo_service.dali.values import real
from vo_service.formats import Format, Info
from vo_service.moc.search_columns import MapKind, sort_columns
from vo_service.sky import Moc

USUAL_LEVEL: Final = 0.9


@dataclass(frozen=True, slots=True)
class Sorting:
    """A column of the result, and whether its largest values come first."""

    column: str
    descending: bool


def _level(text: str) -> float:
    value = real(text.strip())
    if not 0.0 < value <= 1.0:
        raise ValueError("a share above 0, at most 1, is wanted")
    return value


def _sorting(text: str) -> Sorting:
    name = text.strip().lower()
    found = Sorting(name.lstrip("+-"), name.startswith("-"))
    known = dict.fromkeys((*sort_columns("coverage"), *sort_columns("probability")))
    if found.column not in known:
        raise ValueError(
            f"a column of the result is wanted, - before it for its largest values first: {', '.join(known)}"
        )
    return found


MOC: Final = Parameter("MOC", coverage_map, "coverage map as ASCII MOC, ICRS")
UPLOAD_REGION: Final = replace(
    UPLOAD,
    doc="the map as a file: name,param:part for a part of the same multipart body, or name,address; a MOC in"
    " FITS, JSON or ASCII, or a map of probability in FITS (HEALPix cells of many orders or of one)",
)
LEVEL: Final = Parameter(
    "LEVEL",
    _level,
    "of a map of probability the share, above 0 and at most 1, that the searched region holds: the densest"
    f" cells, as few as do; {USUAL_LEVEL} where it is not sent",
)
SORT: Final = Parameter(
    "SORT",
    _sorting,
    "column of the result that it is sorted by, - before it for the largest values first; -overlap_area or"
    " -probability where it is not sent",
)
CONSTRAINTS: Final = tuple(one for one in TABLE if one is not MOC_CONSTRAINT)
CONTROLS: Final[tuple[Parameter[Any], ...]] = (
    MOC,
    UPLOAD_REGION,
    LEVEL,
    SORT,
    MAXREC,
    RESPONSEFORMAT,
    RUNID,
)
NAMES: Final = (*(one.name for one in CONTROLS), *(one.name for one in CONSTRAINTS))
"""The names of all that a request may have."""

_ONE: Final = (
    "Send MOC=6/1000-1003 8/20000, or the file as a part of a multipart/form-data body that UPLOAD names:"
    " UPLOAD=map,param:map."
)


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """What is asked for. ``moc`` None: the map is a file that the request brings. ``level`` and ``sorting``
    None: as usual. ``maxrec`` None: as many rows as the service gives by default."""

    moc: Moc | None
    constraints: Constraints
    level: float | None
    sorting: Sorting | None
    maxrec: int | None
    runid: str | None
    format: Format
    echo: tuple[Info, ...]
    form: Form

    def sorted_by(self, kind: MapKind) -> Sorting:
        """How the result for a kind of map is sorted. Raises ServiceError (400) for a column that it does not
        have."""
        if self.sorting is None:
            return Sorting("overlap_area" if kind == "coverage" else "probability", True)
        if self.sorting.column not in sort_columns(kind):
            raise usage(
                f"SORT={self.sorting.column!r} cannot be used: what is found by this map has no such column.",
                f"It has {', '.join(sort_columns(kind))}.",
            )
        return self.sorting


def read_request(form: Form, format: Format) -> SearchRequest:
    """The request of a form, the format of its answer being known. Raises ServiceError (400)."""
    moc, files = form.one(MOC), form.every(UPLOAD)
    if (moc is None) == (not files) or len(files) > 1:
        raise _not_one(moc is not None, len(files))
    return SearchRequest(
        moc,
        read_constraints(form, CONSTRAINTS),
        form.one(LEVEL),
        form.one(SORT),
        form.one(MAXREC),
        form.one(RUNID),
        format,
        echo_of(form, NAMES),
        form,
    )


def _not_one(inline: bool, files: int) -> ServiceError:
    if not inline and not files:
        return usage("There is neither MOC nor UPLOAD: a map is wanted.", _ONE)
    told = "MOC and UPLOAD" if inline else f"{files} maps by UPLOAD"
    return usage(f"There are {told}; one map is searched at a time.", _ONE)
