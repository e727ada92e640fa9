"""Small tables that an operator hands in (CSV, ECSV, VOTable, Parquet), read strictly.

A mistake in one of them would spread over the holdings unseen, so nothing is skipped and nothing guessed: a
missing or unknown column, a cell that is no number or a unit that does not fit is an error with its place.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from astropy import units

from vo_service.holdings.archive import UNREADABLE
from vo_service.holdings.harvest_sources import ArchiveTable, SourceError, open_file

_NUMBERED = re.compile(r"[._]\d+$")  # what the readers put behind a name that stands twice


class OperatorTableError(Exception):
    """A table that cannot be used: ``place`` is the file, or file and row; the message says what would be
    right."""

    def __init__(self, place: str, message: str) -> None:
        super().__init__(f"{place}: {message}")
        self.place = place
        self.message = message


@dataclass(frozen=True, slots=True)
class OperatorRow:
    """One row: its ``place`` for messages, the cells by column, and what a number of each column has to be
    multiplied by to be in the unit asked for."""

    place: str
    cells: Mapping[str, Any]
    factors: Mapping[str, float]

    def text(self, column: str) -> str | None:
        """The cell as text without blanks round it; None where empty, or the table has no such column."""
        value = self.cells.get(column)
        return None if value is None else str(value).strip() or None

    def number(self, column: str) -> float | None:
        """The cell as a finite number in the unit asked for; None where empty. Raises OperatorTableError for
        anything else."""
        written = self.text(column)
        if written is None:
            return None
        try:
            number = float(written) * self.factors.get(column, 1.0)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise OperatorTableError(self.place, f"{column} is {written!r}; a number is wanted")
        return number

    def positive(self, column: str) -> float | None:
        """As :meth:`number`, above zero."""
        number = self.number(column)
        if number is not None and number <= 0.0:
            raise OperatorTableError(self.place, f"{column} is {self.text(column)}; it has to be above zero")
        return number


@dataclass(frozen=True, slots=True)
class OperatorTable:
    """``name`` of the file and its rows."""

    name: str
    rows: tuple[OperatorRow, ...]


def read_operator_table(
    path: Path,
    required: Sequence[str],
    optional: Sequence[str] = (),
    in_units: Mapping[str, str] | None = None,
) -> OperatorTable:
    """All rows of the table. Names of columns count without regard to case.

    ``in_units`` gives the unit of columns that have one: a file that declares another is converted, one that
    declares none is taken to be in it. Raises OperatorTableError.
    """
    try:
        source = open_file(path)
        tables = list(source.tables())
    except SourceError as error:
        raise OperatorTableError(error.name, f"cannot be read: {error.message}") from error
    found = tables[0].column_names if tables else []
    columns = _columns_of(path.name, found, required, optional)
    factors = _factors(source, columns, in_units or {})
    cells = (row for table in tables for row in table.to_pylist())
    return OperatorTable(path.name, tuple(_rows(path.name, cells, columns, factors)))


def _rows(
    name: str, cells: Iterator[dict[str, Any]], columns: Mapping[str, str], factors: Mapping[str, float]
) -> Iterator[OperatorRow]:
    for number, row in enumerate(cells, start=1):
        place = f"{name}, row {number}"
        if row.get(UNREADABLE) is not None:
            raise OperatorTableError(place, f"cannot be read: {row[UNREADABLE]}")
        yield OperatorRow(place, {ours: row.get(theirs) for ours, theirs in columns.items()}, factors)


def _columns_of(
    name: str, found: Sequence[str], required: Sequence[str], optional: Sequence[str]
) -> dict[str, str]:
    """Name in the file of every column that it has; unknown, repeated and missing ones are errors."""
    known = (*required, *optional)
    columns: dict[str, str] = {}
    for theirs in found:
        if theirs == UNREADABLE:
            continue
        ours = theirs.strip().lower()
        if ours not in known and _NUMBERED.sub("", ours) in columns:
            ours = _NUMBERED.sub("", ours)
        if ours not in known:
            near = difflib.get_close_matches(ours, known, n=1)
            hint = f"; {near[0]} is near it" if near else f"; there are {', '.join(known)}"
            raise OperatorTableError(name, f"no column is called {theirs!r}{hint}")
        if ours in columns:
            raise OperatorTableError(name, f"two columns are called {ours}; one of them can stay")
        columns[ours] = theirs
    missing = [each for each in required if each not in columns]
    if missing:
        raise OperatorTableError(name, f"column {missing[0]} is missing; required are {', '.join(required)}")
    return columns


def _factors(
    source: ArchiveTable, columns: Mapping[str, str], in_units: Mapping[str, str]
) -> dict[str, float]:
    factors = {}
    for ours, wanted in in_units.items():
        declared = source.units.get(columns.get(ours, ""))
        if declared is None:
            continue
        try:
            factors[ours] = float(units.Unit(declared).to(units.Unit(wanted)))
        except (ValueError, TypeError) as error:  # UnitConversionError is a TypeError
            raise OperatorTableError(
                source.name, f"column {ours} is in {declared!r}; {wanted} or a unit of its kind is wanted"
            ) from error
    return factors
