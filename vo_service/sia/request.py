"""A request to ``/sia2/query``, and the query in ADQL that it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from vo_service.adql import MAX_TEXT
from vo_service.asking.queries import echo_of
from vo_service.dali.errors import ServiceError, usage
from vo_service.dali.parameters import MAXREC, RUNID, Form
from vo_service.formats import Format, Info
from vo_service.holdings.finish import did_of
from vo_service.products.identifiers import dataset_of
from vo_service.sia.conditions import both, by_name, is_joined
from vo_service.sia.parameters import ID, MOST_VALUES, NAMES, NUMBERS, POS, TABLE, SiaParameter

IMAGES: Final = "dataproduct_type IN ('image', 'cube')"
"""What SIA finds, with DPTYPE or without (SIA-056)."""

_ROWS: Final = "SELECT * FROM ivoa.obscore"
_MORE: Final = "Send several requests, or upload the list to /tap as a table and join it."


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
        of a join may hold all of them. Raises ServiceError (400) where the values are too long together.
        """
        terms = {}
        for parameter, values in self.constraints:
            wanted = _spellings(values, authority) if parameter is ID else values
            terms[parameter.name] = parameter.rule(parameter.columns, wanted)
        where = both((*terms.values(), IMAGES))
        if any(is_joined(term) for term in terms.values()):
            where = by_name(where)
        query = f"{_ROWS} WHERE {where}"
        if len(query) > MAX_TEXT:
            raise _too_long(terms, len(query))
        return query


def read_request(form: Form, format: Format) -> SiaRequest:
    """The request of a form, the format of its answer being known. Raises ServiceError (400)."""
    constraints = tuple((parameter, values) for parameter in TABLE if (values := _values(form, parameter)))
    echo = echo_of(form, NAMES)
    return SiaRequest(constraints, form.one(MAXREC), form.one(RUNID), format, echo)


def _values(form: Form, parameter: SiaParameter[Any]) -> tuple[Any, ...]:
    texts = form.values.get(parameter.name, ())
    if len(texts) > MOST_VALUES:
        raise usage(
            f"{parameter.name} was given {len(texts)} times;"
            f" this service takes at most {MOST_VALUES} values.",
            _MORE,
        )
    if parameter is POS and (count := sum(len(text.split()) - 1 for text in texts if text.strip())) > NUMBERS:
        raise usage(
            f"The shapes of POS have {count} numbers together; this service takes at most {NUMBERS} in a"
            " request, two for each corner of a polygon.",
            "Send several requests, or upload the shapes to /tap as a table and join it.",
        )
    if any("\x00" in text for text in texts):
        raise usage(f"{parameter.name} has a NUL character, which no value has.")
    return tuple(dict.fromkeys(form.every(parameter.parameter)))


def _too_long(terms: Mapping[str, str], length: int) -> ServiceError:
    """What is said of values that are too long for one query: the parameter with the longest is named."""
    name = max(terms, key=lambda one: len(terms[one]))
    return usage(
        f"The values of {name} are too long for one request"
        + (" with those of the other parameters" if len(terms) > 1 else "")
        + f": as a query they have {length} characters, {len(terms[name])} of which are those of {name};"
        f" this service takes at most {MAX_TEXT}.",
        _MORE,
    )


def _spellings(texts: tuple[str, ...], authority: str) -> tuple[str, ...]:
    """Identifiers of ours in the case in which they are kept, any others as they are (SIA-052).

    Names of data sets have small letters, so that one in capitals can mean one alone.
    """
    found: list[str] = []
    for text in (text.strip() for text in texts):
        name = dataset_of(text, authority)
        found.append(text if name == text else did_of(authority, name.lower()))
    return tuple(dict.fromkeys(found))
