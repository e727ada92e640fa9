"""What a request with UPLOAD asks: what is made, of which data sets, and what holds for all rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from vo_service.dali.errors import usage
from vo_service.dali.parameters import MAXREC, RESPONSEFORMAT, Form, shortened
from vo_service.soda.bulk.journal import Make
from vo_service.soda.bulk.limits import BulkLimits
from vo_service.soda.bulk.planning import Choice
from vo_service.soda.bulk.rows import Defaults
from vo_service.soda.errors import MultiValuedError
from vo_service.soda.parameters import (
    BULK,
    DPTYPE,
    HEADER,
    ID,
    MOST,
    PARTSIZE,
    RADIUS,
    TABLE,
    UPLOAD,
    SodaParameter,
)
from vo_service.soda.request import check_parameters

_KINDS: Final[Mapping[str, str]] = {
    "application/x-tar": "tar",
    "application/tar": "tar",
    "tar": "tar",
    "application/fits": "fits",
    "image/fits": "fits",
    "fits": "fits",
}
_NOT_FOR_ROWS: Final = frozenset((*(one.name for one in BULK), ID.name, RESPONSEFORMAT.name, MAXREC.name))


@dataclass(frozen=True, slots=True)
class BulkAsked:
    """What is made, how data sets are chosen, and what holds for all rows."""

    make: Make
    choice: Choice
    defaults: Defaults


def is_bulk(form: Form) -> bool:
    """Whether a request brings a table."""
    return any(value.strip() for value in form.values.get(UPLOAD.name, ()))


def read_bulk(form: Form, limits: BulkLimits) -> BulkAsked:
    """The parameters of a request with UPLOAD. Raises ServiceError (400); MultiValuedError where one that
    holds for all rows has several values."""
    of_rows = Form({name: values for name, values in form.values.items() if name not in _NOT_FOR_ROWS})
    check_parameters(of_rows, "async")
    for one in TABLE:
        _check_single(one, form)
    kind = _kind(form)
    if kind == "fits" and form.one(HEADER.at("async")):
        raise usage("HEADER is text, which no FITS file holds.", "Leave RESPONSEFORMAT out.")
    part_bytes = form.one(PARTSIZE.at("async")) or limits.part_bytes
    ids = form.every(ID.at("async"))
    return BulkAsked(
        Make(kind, part_bytes),
        Choice(
            ids,
            form.every(DPTYPE.at("async")),
            form.one(MOST.at("async")) or limits.most,
            kind == "fits",
            limits.cuts,
        ),
        Defaults(of_rows, ids, form.one(RADIUS.at("async"))),
    )


def _check_single(one: SodaParameter[Any], form: Form) -> None:
    count = sum(bool(value.strip()) for value in form.values.get(one.name, ()))
    if count > 1 and one is not ID and one.many != "everywhere":
        raise MultiValuedError(
            f"{one.name} was given {count} times; with UPLOAD it takes one value, for all rows.",
            "Put it into a column of the table.",
        )


def _kind(form: Form) -> str:
    asked = form.one(RESPONSEFORMAT)
    if asked is None:
        return "tar"
    kind = _KINDS.get(asked.strip().lower())
    if kind is None:
        raise usage(
            f"RESPONSEFORMAT={shortened(asked)!r} is not offered for a table.",
            "Cut-outs come as application/x-tar (parts of bounded size) or application/fits (one file).",
        )
    return kind
