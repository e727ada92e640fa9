"""What becomes of a plan, and what that depends on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from vo_service.adql.probes import Probe
from vo_service.adql.sql.nodes import Sql


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
