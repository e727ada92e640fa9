"""A request to ``/sia2/query``, and the query in ADQL that it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from vo_service.asking.constraints import IMAGES, TABLE, Condition, Constraints, read_constraints
from vo_service.asking.constraints.maps import MapTerm
from vo_service.asking.constraints.uploaded import UPLOAD_MAP
from vo_service.asking.queries import echo_of
from vo_service.dali.parameters import MAXREC, RESPONSEFORMAT, RUNID, Form, Parameter
from vo_service.formats import Format, Info
from vo_service.products.identifiers import kept_spelling

CONTROLS: Final[tuple[Parameter[Any], ...]] = (UPLOAD_MAP, MAXREC, RESPONSEFORMAT, RUNID)
"""Parameters that are no constraints of values; but for UPLOAD those of every service, of one value each
(SIA-008)."""

NAMES: Final = (*(one.name for one in TABLE), *(one.name for one in CONTROLS))
"""The names of all that a request may have."""


@dataclass(frozen=True, slots=True)
class SiaRequest:
    """What is asked for, and the form that it was read from. ``maxrec`` None: as many rows as the service
    gives by default; ``echo`` are the parameters as they were sent (SIA-076)."""

    constraints: Constraints
    maxrec: int | None
    runid: str | None
    format: Format
    echo: tuple[Info, ...]
    form: Form

    def condition(self, authority: str, maps: Sequence[MapTerm] = ()) -> Condition:
        """What rows have to meet, ``maps`` that were uploaded among it; ``authority`` is that of identifiers
        here. Raises ServiceError (400) where the values are too long together."""
        return self.constraints.condition(partial(kept_spelling, authority=authority), maps, IMAGES)


def read_request(form: Form, format: Format) -> SiaRequest:
    """The request of a form, the format of its answer being known. Raises ServiceError (400)."""
    return SiaRequest(
        read_constraints(form), form.one(MAXREC), form.one(RUNID), format, echo_of(form, NAMES), form
    )
