"""What the names in a query can mean: the columns in sight, and the errors that tell what is near."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from tap_schema import Column, Table
from tap_schema.reserved import is_regular
from vo_service.adql.errors import AdqlError
from vo_service.adql.language.tree import Name
from vo_service.adql.nodes.resolved import (
    Value,
)


def means(asked: Name, published: str, exact: bool) -> bool:
    """Whether a name in a query means a published one; ``exact`` ones take their quoted spelling only.

    One rule for columns, tables and schemas: a plain name matches without regard to case, a delimited one to
    the letter, or by the lower-case form of a name that is published without quotes (ADQL-007, ADQL-008).
    """
    if asked.quoted:
        return asked.text == published or (not exact and asked.text == published.lower())
    return not exact and asked.text.lower() == published.lower()


@dataclass(frozen=True, slots=True)
class Visible:
    """A column in sight. ``exact`` ones, published in quotes, answer to their very spelling only. Those of
    ``*`` and NATURAL are the ones that are not ``unlisted``."""

    name: str
    value: Value
    exact: bool = False
    unlisted: bool = False

    def answers_to(self, name: Name) -> bool:
        """Whether this is what the name means (ADQL-007, ADQL-008)."""
        return means(name, self.name, self.exact)


def meant(asked: Name, columns: Iterable[Visible]) -> list[Visible]:
    """The columns that a name means; one that is spelt to the letter comes before lower-case forms."""
    found = [visible for visible in columns if visible.answers_to(asked)]
    if asked.quoted and len(found) > 1:
        return [visible for visible in found if visible.name == asked.text] or found
    return found


@dataclass(frozen=True, slots=True)
class Exposed:
    """A table in sight under its correlation name, or under the parts of its own name."""

    parts: tuple[Name, ...]
    columns: tuple[Visible, ...]

    def answers_to(self, parts: tuple[Name, ...]) -> bool:
        """Whether ``a.b`` means this table: its name, or the end of its name."""
        if len(parts) > len(self.parts):
            return False
        return all(_same(mine, asked) for mine, asked in zip(self.parts[-len(parts) :], parts))

    @property
    def label(self) -> str:
        """How messages call it."""
        return ".".join(part.text for part in self.parts)


@dataclass(slots=True)
class Scope:
    """The tables of one FROM, and the scope of the query round it. ``columns`` in the order of ``*``,
    which takes the listed ones."""

    tables: list[Exposed]
    columns: list[Visible]
    outer: Scope | None = None
    _index: dict[str, list[Visible]] = field(default_factory=dict)

    def named(self, name: Name) -> list[Visible]:
        """The columns here that a plain name means."""
        if not self._index:
            for visible in self.columns:
                self._index.setdefault(visible.name.lower(), []).append(visible)
        return meant(name, self._index.get(name.text.lower(), ()))

    def table(self, parts: tuple[Name, ...]) -> list[Exposed]:
        """The tables here that a qualifier means."""
        return [table for table in self.tables if table.answers_to(parts)]


def _same(mine: Name, asked: Name) -> bool:
    """Whether a qualifier means a correlation or table name."""
    if mine.quoted:
        return asked.quoted and asked.text == mine.text
    if asked.quoted:
        return asked.text == mine.text
    return asked.text.lower() == mine.text.lower()


def find_column(scope: Scope, parts: tuple[Name, ...], labels: Iterable[str] = ()) -> Visible:
    """The column a name means, from the inner scope outwards. Raises AdqlError: unknown, ambiguous.

    ``labels`` are the output names of the query, for the hint that they are not visible here (ADQL-036).
    """
    name, qualifier = parts[-1], parts[:-1]
    here: Scope | None = scope
    while here is not None:
        found = _find_here(here, name, qualifier)
        if found is not None:
            return found
        here = here.outer
    raise _unknown(scope, name, qualifier, tuple(labels))


def _find_here(scope: Scope, name: Name, qualifier: tuple[Name, ...]) -> Visible | None:
    if not qualifier:
        found = scope.named(name)
        if len(found) > 1:
            raise AdqlError.at(name.place, f"column {name.text} is ambiguous", _candidates(scope, found))
        return found[0] if found else None
    tables = scope.table(qualifier)
    if len(tables) > 1:
        raise AdqlError.at(
            qualifier[0].place,
            f"{_dotted(qualifier)} is ambiguous",
            "it may be " + " or ".join(table.label for table in tables),
        )
    if not tables:
        return None
    found = meant(name, tables[0].columns)
    if len(found) > 1:
        message = f"column {name.text} is ambiguous in {tables[0].label}"
        raise AdqlError.at(name.place, message, _spellings(found))
    if not found:
        hint = _near(name, tables[0].columns)
        raise AdqlError.at(name.place, f"unknown column {name.text} in {tables[0].label}", hint)
    return found[0]


def _candidates(scope: Scope, found: list[Visible]) -> str:
    """What an ambiguous name may mean."""
    owners = [table.label for table in scope.tables if any(v in table.columns for v in found)]
    if len(owners) > 1:
        return "it is in " + " and in ".join(owners)
    return _spellings(found)


def _spellings(found: list[Visible]) -> str:
    names = list(dict.fromkeys(visible.name for visible in found))
    if len(names) == 1:
        return f"{len(found)} columns are called {names[0]}; give them different labels"
    return "it may be " + " or ".join('"' + name.replace('"', '""') + '"' for name in names)


def _unknown(scope: Scope, name: Name, qualifier: tuple[Name, ...], labels: tuple[str, ...]) -> AdqlError:
    known: list[Visible] = []
    here: Scope | None = scope
    exposed: list[str] = []
    while here is not None:
        known += here.columns
        exposed += [table.label for table in here.tables]
        here = here.outer
    if qualifier:
        return AdqlError.at(
            qualifier[0].place,
            f"no table {_dotted(qualifier)} in this part of the query",
            f"the tables here are {', '.join(exposed)}" if exposed else _outputs_hint(known),
        )
    if not exposed:
        return AdqlError.at(
            name.place, f"unknown column {name.text}", _near(name, known) or _outputs_hint(known)
        )
    if name.text.lower() in (label.lower() for label in labels):
        hint: str | None = f"{name.text} is a label, which can be used in ORDER BY only"
    elif name.text.upper().startswith("TOP") and name.text[3:].isdigit():
        hint = f"write TOP {name.text[3:]}"
    else:
        hint = _near(name, known)
    if hint is None and name.quoted:
        hint = f"a name in double quotes is a column; text stands in single quotes: '{name.text}'"
    return AdqlError.at(name.place, f"unknown column {name.text}", hint)


def _outputs_hint(columns: Iterable[Visible]) -> str:
    """The hint where no table is in sight: behind a set operation (ADQL-066)."""
    names = ", ".join(column.name for column in columns)
    return f"a set operation is sorted by its output columns: {names}"


def _near(name: Name, known: Iterable[Visible]) -> str | None:
    quoted = {column.name: column.exact for column in known}
    unique = list(quoted)
    exact = [candidate for candidate in unique if candidate.lower() == name.text.lower()]
    lower = {candidate.lower(): candidate for candidate in unique}
    close = exact or [lower[each] for each in get_close_matches(name.text.lower(), lower, n=3, cutoff=0.6)]
    if not close:
        return None
    return (
        "did you mean "
        + " or ".join(spelled(each, quoted[each]) for each in close)
        + "?"
        + _rule(name, exact)
    )


def _rule(name: Name, same: Sequence[str]) -> str:
    """What to add to a hint where only the case of a delimited identifier is wrong."""
    return " a name in double quotes matches to the letter" if name.quoted and same else ""


def spelled(name: str, exact: bool = False) -> str:
    """A published name or a label as a query writes it."""
    return name if is_regular(name) and not exact else '"' + name.replace('"', '""') + '"'


def is_lower_case(name: str) -> bool:
    """Whether a delimited name is the lower-case form of a plain one, and so means the same (ADQL-008)."""
    return is_regular(name) and name == name.lower()


def is_exact(column: Column) -> bool:
    """Whether a published column answers only to its quoted name (ADQL-008, ADQL-009)."""
    return not is_regular(column.name)


def find_table(tables: Mapping[str, Table], parts: tuple[Name, ...]) -> Table:
    """The published table of that name, its schema left out where that is clear. Raises AdqlError."""
    if len(parts) > 2:
        raise AdqlError.at(
            parts[0].place, f"unknown catalogue {parts[0].text}", "write schema.table, without a catalogue"
        )
    qualified = tables.get(_dotted(parts).lower()) if len(parts) == 2 else None
    if qualified is not None and _table_answers(qualified, parts):
        return qualified
    if len(parts) == 1:
        found = [table for table in tables.values() if _table_answers(table, parts)]
        if len(found) == 1:
            return found[0]
        if found:
            candidates = " or ".join(table.qualified for table in found)
            raise AdqlError.at(parts[0].place, f"table {parts[0].text} is ambiguous", f"write {candidates}")
    asked = _dotted(parts).lower()
    names = [table.qualified for table in tables.values()]
    close = get_close_matches(asked, names, n=3, cutoff=0.5)
    if len(parts) == 1:
        bare = get_close_matches(asked, [table.name for table in tables.values()], n=3, cutoff=0.6)
        close = [table.qualified for table in tables.values() if table.name in bare] or close
    hint = (
        "did you mean " + " or ".join(close) + "?" if close else "the tables are listed in tap_schema.tables"
    )
    if any(part.quoted for part in parts) and any(asked in (t.qualified, t.name) for t in tables.values()):
        hint += " a name in double quotes matches to the letter"
    raise AdqlError.at(parts[0].place, f"unknown table {_dotted(parts)}", hint)


def _table_answers(table: Table, parts: tuple[Name, ...]) -> bool:
    mine = (table.schema, table.name)[-len(parts) :]
    return all(means(asked, own, not is_regular(own)) for own, asked in zip(mine, parts))


def _dotted(parts: tuple[Name, ...]) -> str:
    return ".".join(part.text for part in parts)
