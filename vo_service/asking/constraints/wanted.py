"""What a request wants of data sets, and the query in ADQL that it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vo_service.adql import MAX_TEXT
from vo_service.asking.constraints.conditions import both, is_joined, named
from vo_service.asking.constraints.maps import MapTerm
from vo_service.asking.constraints.parameters import ID, MOC, MOST_VALUES, NUMBERS, POS, TABLE, Constraint
from vo_service.asking.constraints.values import MAP_CHARACTERS, maps_too_long
from vo_service.dali.errors import ServiceError, usage
from vo_service.dali.parameters import Form
from vo_service.query import Upload

Spelling = Callable[[str], str]
"""Makes of an identifier as it was sent the one that is kept."""

_ROWS = "ivoa.obscore"
_MORE = "Send several requests, or upload the list to /tap as a table and join it."


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on rows of ``ivoa.obscore`` (empty: all of them), and the tables that it reads.

    Where the engine has to join to know what is found (names of targets, several places), it does so on
    identifiers alone: whole rows are some hundred columns wide, and an engine that holds the wrong side of a
    join may hold all of them.
    """

    where: str
    uploads: tuple[Upload, ...] = ()
    joined: bool = False

    def adql(self, columns: Sequence[str] = ()) -> str:
        """The query for these columns of the rows, all of them where none is named."""
        tables = ", ".join((_ROWS, *(upload.table.qualified for upload in self.uploads)))
        if self.joined:
            return f"{_selected(columns, _ROWS)} FROM {_ROWS} WHERE {named(tables, self.where)}"
        where = f" WHERE {self.where}" if self.where else ""
        return f"{_selected(columns, tables)} FROM {tables}{where}"


def _selected(columns: Sequence[str], tables: str) -> str:
    if columns:
        return f"SELECT {', '.join(columns)}"
    return "SELECT *" if tables == _ROWS else f"SELECT {_ROWS}.*"


@dataclass(frozen=True, slots=True)
class Constraints:
    """The constraints of a request, each with its values, one of which has to be met."""

    given: tuple[tuple[Constraint[Any], tuple[Any, ...]], ...]

    def condition(
        self, spelling: Spelling, more: Sequence[MapTerm] = (), always: str | None = None
    ) -> Condition:
        """All of them, and ``more`` and ``always``, as one condition. Raises ServiceError (400) where the
        values are too long together."""
        terms: dict[str, str] = {}
        uploads: list[Upload] = []
        for parameter, values in self.given:
            wanted = tuple(dict.fromkeys(map(spelling, values))) if parameter is ID else values
            made = parameter.rule(parameter.columns, wanted)
            terms[parameter.name] = made if isinstance(made, str) else made.condition
            uploads += [made.upload] if isinstance(made, MapTerm) and made.upload is not None else []
        others = [each.condition for each in more] + ([] if always is None else [always])
        uploads += [each.upload for each in more if each.upload is not None]
        is_one = any(is_joined(term) for term in terms.values())
        condition = Condition(both((*terms.values(), *others)), tuple(uploads), is_one)
        length = len(condition.adql())
        if length > MAX_TEXT:
            raise _too_long(terms, length)
        return condition


def read_constraints(form: Form, table: Iterable[Constraint[Any]] = TABLE) -> Constraints:
    """The constraints of a form, of those in ``table``. Raises ServiceError (400)."""
    return Constraints(tuple((each, values) for each in table if (values := _values(form, each))))


def _values(form: Form, parameter: Constraint[Any]) -> tuple[Any, ...]:
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
    if parameter is MOC and (length := sum(map(len, texts))) > MAP_CHARACTERS:
        raise usage(f"MOC cannot be read: {maps_too_long(length)}.", "Or make them coarser.")
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
