"""What observers asked for: noise over a bandwidth, and the beam, from a table of the operator's.

A row speaks for a member set (``member_ous_uid``) or for a target of a project (``proposal_id`` and
``target``), and may be narrowed by ``target`` and ``window``. Of several rows that speak for a product the
one that says most of it counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from vo_service.holdings.names import same_target
from vo_service.holdings.operator_table import OperatorRow, OperatorTableError, read_operator_table

UNITS = {"rms": "Jy/beam", "bandwidth": "Hz", "beam_major": "arcsec", "beam_minor": "arcsec"}
"""Columns with numbers, and the unit that they are in where the file declares none."""

_SCOPE = ("member_ous_uid", "proposal_id", "target", "window")
_UID = re.compile(r"uid://A\d{3}/X[0-9a-fA-F]+/X[0-9a-fA-F]+")


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for, and for what: ``rms`` in Jy/beam over ``bandwidth`` in Hz, axes of the beam in
    arcsec. A None in the scope means any, elsewhere that nothing is known."""

    member_ous_uid: str | None
    proposal_id: str | None
    target: str | None
    window: str | None
    rms: float | None
    bandwidth: float | None
    beam_major: float | None
    beam_minor: float | None

    @property
    def precision(self) -> tuple[int, bool]:
        """Rises with how much the scope says; a member set counts for more than a project."""
        given = sum(getattr(self, name) is not None for name in _SCOPE)
        return given, self.member_ous_uid is not None

    def covers(self, uid: str | None, project: str | None, target: str | None, window: str | None) -> bool:
        """Whether it speaks for a product of this member set, project, target and (single) window."""
        return (
            self.member_ous_uid in (None, uid)
            and self.proposal_id in (None, project)
            and (self.target is None or same_target(self.target, target))
            and self.window in (None, window)
        )


@dataclass(frozen=True, slots=True)
class Requests:
    """All requests, the ones that say most of their scope first."""

    ordered: tuple[Request, ...] = ()

    def of(
        self, uid: str | None, project: str | None, target: str | None, window: str | None
    ) -> Request | None:
        """The request that speaks for such a product; None where there is none."""
        return next((each for each in self.ordered if each.covers(uid, project, target, window)), None)


def read_requests(path: Path) -> Requests:
    """The table of an operator (CSV, ECSV, VOTable or Parquet).

    Raises OperatorTableError for a table that cannot be read, a row whose scope or values are not complete,
    and two rows of one scope.
    """
    table = read_operator_table(path, required=(), optional=(*_SCOPE, *UNITS), in_units=UNITS)
    rows: dict[tuple[str | None, ...], str] = {}
    requests = []
    for row in table.rows:
        request = _request(row)
        scope = tuple(getattr(request, name) for name in _SCOPE)
        if scope in rows:
            raise OperatorTableError(row.place, f"{rows[scope]} speaks for the same; one of them can stay")
        rows[scope] = row.place
        requests.append(request)
    return Requests(tuple(sorted(requests, key=lambda each: each.precision, reverse=True)))


def _request(row: OperatorRow) -> Request:
    uid, project, target, window = (row.text(name) for name in _SCOPE)
    if uid is not None and not _UID.fullmatch(uid):
        raise OperatorTableError(
            row.place, f"member_ous_uid is {uid!r}; one such as uid://A001/X12a3/X4b is wanted"
        )
    if uid is None and (project is None or target is None):
        raise OperatorTableError(
            row.place, "it speaks for nothing: member_ous_uid, or proposal_id and target, is wanted"
        )
    request = Request(uid, project, target, window, *(row.positive(name) for name in UNITS))
    if (request.rms is None) != (request.bandwidth is None):
        missing = "rms" if request.rms is None else "bandwidth"
        raise OperatorTableError(row.place, f"{missing} is empty; an rms holds for a bandwidth: both or none")
    if (request.beam_major is None) != (request.beam_minor is None):
        missing = "beam_major" if request.beam_major is None else "beam_minor"
        raise OperatorTableError(row.place, f"{missing} is empty; a round beam has the same number in both")
    if request.rms is None and request.beam_major is None:
        raise OperatorTableError(
            row.place, "nothing is asked for: rms with bandwidth, or the beam, is wanted"
        )
    return request
