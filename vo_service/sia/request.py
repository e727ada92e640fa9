"""A request to ``/sia2/query``, and the query in ADQL that it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from vo_service.dali.errors import usage
from vo_service.dali.parameters import MAXREC, RUNID, Form
from vo_service.formats import Format, Info
from vo_service.holdings.finish import did_of
from vo_service.products.identifiers import dataset_of
from vo_service.sia.conditions import both, either
from vo_service.sia.parameters import CONTROLS, ID, MOST_VALUES, POS, TABLE, TARGET, SiaParameter
from vo_service.sia.positions import meetings

IMAGES: Final = "dataproduct_type IN ('image', 'cube')"
"""What SIA finds, with DPTYPE or without (SIA-056)."""

_ROWS: Final = "SELECT * FROM ivoa.obscore"
_NAMES: Final = "SELECT obs_publisher_did FROM ivoa.obscore"
_APART: Final = 20
"""Places in at most so many parts of the sky are looked for one by one."""


@dataclass(frozen=True, slots=True)
class SiaRequest:
    """What is asked for. ``maxrec`` None: as many rows as the service gives by default; ``echo`` are the
    parameters as they were sent (SIA-076)."""

    constraints: tuple[tuple[SiaParameter[Any], tuple[Any, ...]], ...]
    maxrec: int | None
    runid: str | None
    format: Format
    echo: tuple[Info, ...]

    def adql(self, authority: str) -> str:
        """The request as a query for whole rows of ``ivoa.obscore``; ``authority`` is that of identifiers
        here.

        Where the engine has to join to know what is found (names of targets, several places), it does so on
        identifiers alone: whole rows are some hundred columns wide, and an engine that holds the wrong side
        of a join may hold all of them.
        """
        places: tuple[str, ...] = ()
        terms = []
        for parameter, values in self.constraints:
            if parameter is POS:
                places = meetings(parameter.columns, values)
            else:
                wanted = _spellings(values, authority) if parameter is ID else values
                terms.append(parameter.rule(parameter.columns, wanted))
        terms.append(IMAGES)
        if len(places) > _APART:
            places = (either(places),)
        wheres = [both((place, *terms)) for place in places] or [both(terms)]
        if len(wheres) == 1 and not any(parameter is TARGET for parameter, _ in self.constraints):
            return f"{_ROWS} WHERE {wheres[0]}"
        found = " UNION ALL ".join(f"{_NAMES} WHERE {where}" for where in wheres)
        return f"{_ROWS} WHERE obs_publisher_did IN ({found})"


def read_request(form: Form, format: Format) -> SiaRequest:
    """The request of a form, the format of its answer being known. Raises ServiceError (400)."""
    constraints = tuple((parameter, values) for parameter in TABLE if (values := _values(form, parameter)))
    return SiaRequest(constraints, form.one(MAXREC), form.one(RUNID), format, tuple(_echo(form)))


def _values(form: Form, parameter: SiaParameter[Any]) -> tuple[Any, ...]:
    sent = len(form.values.get(parameter.name, ()))
    if sent > MOST_VALUES:
        raise usage(
            f"{parameter.name} was given {sent} times; this service takes at most {MOST_VALUES} values.",
            "Send several requests, or upload the list to /tap as a table and join it.",
        )
    return tuple(dict.fromkeys(form.every(parameter.parameter)))


def _echo(form: Form) -> Iterator[Info]:
    """What was sent; MAXREC as it is heeded is told by every answer."""
    controls = [one.name for one in CONTROLS if one is not MAXREC]
    for name in (*(one.name for one in TABLE), *controls):
        for value in form.values.get(name, ()):
            if value.strip():
                yield Info(name, value)


def _spellings(texts: tuple[str, ...], authority: str) -> tuple[str, ...]:
    """Identifiers of ours in the case in which they are kept, any others as they are (SIA-052).

    Names of data sets have small letters, so that one in capitals can mean one alone.
    """
    found: list[str] = []
    for text in (text.strip() for text in texts):
        name = dataset_of(text, authority)
        found.append(text if name == text else did_of(authority, name.lower()))
    return tuple(dict.fromkeys(found))
