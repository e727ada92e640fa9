"""What becomes of a plan, and what that depends on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa

from vo_service.adql.errors import AdqlError, Place
from vo_service.adql.probes import FootprintProbe, Probe, make_probe
from vo_service.adql.probes.cells import moc_table
from vo_service.adql.sql.nodes import Sql
from vo_service.sky import Moc, Region

MOST_SQL: Final = 400_000
"""Characters of SQL. DuckDB takes a second to bind as many, and cannot be stopped while it does."""


@dataclass(frozen=True, slots=True)
class Written:
    """A statement, and the probes whose answers it reads as tables of their names.

    ``reads`` are the names of all tables that have to be handed to the statement itself: answers of probes,
    uploads, and those of ``tables``, which hold constants. The probes come in an order in which each can be
    run.
    """

    sql: str
    probes: tuple[Probe, ...]
    reads: tuple[str, ...] = ()
    tables: Mapping[str, pa.Table] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What stands for a table that came with a question: a table of the engine, its columns under our names.

    ``columns`` maps the names as they were sent to those.
    """

    name: str
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Circumstances:
    """All that a statement depends on besides the plan; ``aliases`` are those of uploads. See `write`."""

    dialect: str
    sources: Mapping[tuple[str, str], Sql]
    rows: Mapping[str, Sql]
    staged: Sql | None
    schemas: Mapping[str, str]
    aliases: Mapping[str, Uploaded]


@dataclass(slots=True)
class Collected:
    """What all statements of a plan read. What is made of a region is made once for all of them."""

    probes: dict[str, Probe] = field(default_factory=dict)
    tables: dict[str, pa.Table] = field(default_factory=dict)
    _footprints: dict[tuple[Region, str], FootprintProbe] = field(default_factory=dict)
    _maps: dict[Region, str] = field(default_factory=dict)

    def footprint_probe(self, region: Region, test: str, dialect: str, hidden: str) -> FootprintProbe:
        """As `probes.make_probe`."""
        found = self._footprints.get((region, test))
        if found is None:
            found = self._footprints[region, test] = make_probe(region, test, dialect, hidden)
        return found

    def table_of(self, moc: Moc) -> str:
        """The name in ``tables`` of the cells of a coverage map."""
        name = self._maps.get(moc)
        if name is None:
            name = self._maps[moc] = f"constants_{len(self.tables) + 1}"
            self.tables[name] = moc_table(moc)
        return name


def checked(text: str) -> str:
    """The SQL itself. Raises AdqlError for one that is too long for an engine to understand in time."""
    if len(text) > MOST_SQL:
        raise AdqlError.at(
            Place(1, 1),
            f"this query becomes {len(text)} characters of SQL, {MOST_SQL} is the limit",
            "name fewer shapes and numbers in it: join an uploaded table that has them as rows, "
            "or give regions of the sky as one MOC",
        )
    return text
