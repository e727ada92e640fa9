"""What a client says about a job list and about single jobs, read strictly: filters, waits, times, seconds.

Names are read in any case, values as they are written (UWS-014, UWS-099). What cannot be read is a mistake of
the request (400) and changes nothing (UWS-015, UWS-097).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from vo_service.dali.errors import usage
from vo_service.dali.parameters import Form, Parameter, shortened
from vo_service.store.jobs import Phase

LONGEST_WAIT: Final = 60.0
"""Seconds that a request waits at most (UWS-084): below the idle limits of proxies."""

_MOST: Final = 10**9  # beyond any count of jobs or seconds, and small enough for every database
_MOMENT: Final = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?)?)?Z?", re.ASCII
)


def _phase(value: str) -> Phase:
    try:
        return Phase(value)
    except ValueError as error:
        raise ValueError(f"it is none of {', '.join(Phase)}") from error


def _count(value: str) -> int:
    if not re.fullmatch(r"\+?\d{1,18}", value.strip(), re.ASCII):
        raise ValueError("a whole number of jobs, 0 or more, is wanted")
    return min(int(value), _MOST)


def _whole(value: str) -> int:
    if not re.fullmatch(r"[+-]?\d{1,18}", value.strip(), re.ASCII):
        raise ValueError("a whole number of seconds is wanted")
    return int(value)


def moment(value: str) -> datetime:
    """A time of ISO 8601 in UTC, with or without Z; a shortened one is the start of its period (UWS-065,
    UWS-093). Fractions beyond the microsecond are cut off. Raises ValueError."""
    found = _MOMENT.fullmatch(value.strip())
    if found is None:
        raise ValueError("a time in UTC such as 2026-01-31T12:00:00Z is wanted")
    year, month, day, hour, minute, second = (int(found[n] or (1 if n in (2, 3) else 0)) for n in range(1, 7))
    microsecond = int((found[7] or "").ljust(6, "0")[:6])
    try:
        return datetime(year, month, day, hour, minute, second, microsecond, UTC)
    except ValueError as error:
        raise ValueError("there is no such time") from error


def seconds(value: str) -> int:
    """A length of time in whole seconds, 0 or more; ``60.0`` is 60 (UWS-115). Raises ValueError."""
    found = re.fullmatch(r"\+?(\d+)(?:\.0*)?", value.strip(), re.ASCII)
    if found is None:
        raise ValueError("a whole number of seconds, 0 or more, is wanted")
    return _MOST if len(found[1]) > 10 else min(int(found[1]), _MOST)


def command(*known: str) -> Any:
    """A parser of one of some words, written just so. It raises ValueError."""

    def parse(value: str) -> str:
        if value not in known:
            raise ValueError(f"{' or '.join(known)} is wanted")
        return value

    return parse


PHASES: Final = Parameter("PHASE", _phase, "phases of the jobs wanted, or the phase to wait in", many=True)
AFTER: Final = Parameter("AFTER", moment, "jobs made later than this time")
LAST: Final = Parameter("LAST", _count, "the newest jobs, so many")
WAIT: Final = Parameter("WAIT", _whole, "seconds to wait for another phase; below 0: as long as is allowed")
PHASE: Final = Parameter("PHASE", command("RUN", "ABORT"), "what to do with the job")
RUN: Final = Parameter("PHASE", command("RUN"), "RUN starts the job at once")
ACTION: Final = Parameter("ACTION", command("DELETE"), "what to do with the job")
DESTRUCTION: Final = Parameter("DESTRUCTION", moment, "when the job and its results are removed")
DURATION: Final = Parameter("EXECUTIONDURATION", seconds, "seconds the job may run; 0: as many as allowed")

CONTROLS: Final = frozenset(("PHASE", "ACTION", "DESTRUCTION", "EXECUTIONDURATION", "WAIT"))
"""Names that steer a job and do not describe its work: not listed among its parameters (UWS-043)."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which jobs of a list are wanted, all conditions together (UWS-095). No phases: all but ARCHIVED."""

    phases: frozenset[Phase]
    after: datetime | None
    last: int | None


def read_filters(form: Form) -> Filters:
    """The filters of a request for the job list. Raises ServiceError (400)."""
    return Filters(frozenset(form.every(PHASES)), form.one(AFTER), form.one(LAST))


@dataclass(frozen=True, slots=True)
class Wait:
    """How long an answer is held, and while the job is in which phases (UWS-081)."""

    seconds: float
    phases: frozenset[Phase]


_WAITING: Final = frozenset((Phase.PENDING, Phase.QUEUED, Phase.EXECUTING))


def read_wait(form: Form) -> Wait | None:
    """The wait that a request for a job asks for, None without one. Raises ServiceError (400) as UWS-083 and
    UWS-088 ask."""
    asked = form.one(WAIT)
    if asked is None or asked == 0:
        return None
    phases = frozenset(form.every(PHASES))
    allowed = LONGEST_WAIT if asked < 0 else min(float(asked), LONGEST_WAIT)
    return Wait(allowed, (phases & _WAITING) if phases else _WAITING)


def required(form: Form, parameter: Parameter[Any]) -> Any:
    """The value of a parameter that a control request is about. Raises ServiceError (400) without one."""
    value = form.one(parameter)
    if value is None:
        sent = ", ".join(shortened(name) for name in form.values) or "nothing"
        raise usage(f"{parameter.name} is missing; got {sent}.", f"Send {parameter.name}: {parameter.doc}.")
    return value
