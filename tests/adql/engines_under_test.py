"""The small sky as a published snapshot, and a way to ask it on each engine as the service does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Any

import pyarrow as pa
from corpus.small_sky import NOW

from tap_schema import Column
from vo_service.access import ANONYMOUS, READ_ALL, Rights, Viewer
from vo_service.engines import DuckDBEngine, Engine, Limits
from vo_service.query import Context, Plans, ProbeAnswers, Question, ask
from vo_service.store import Snapshot

BASE_URL = "https://vo.example"
MEMORY_BYTES = 200_000_000
LIMITS = Limits(seconds=20.0, batch_rows=10_000)
CLOSED = Rights()
ASTRONOMER = Viewer("astronomer", frozenset({READ_ALL}))


@dataclass(frozen=True)
class Answered:
    """A whole answer: columns as declared, values as Arrow, and what came along."""

    columns: tuple[Column, ...]
    table: pa.Table
    warnings: tuple[str, ...]
    overflowed: bool

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        """Values row by row, NULL as None. Names may occur twice, so rows are no mappings."""
        return list(zip(*(column.to_pylist() for column in self.table.columns), strict=True))


@dataclass(frozen=True)
class UnderTest:
    """One engine on the snapshot."""

    name: str
    engine: Engine
    snapshot: Snapshot
    # what is kept of a question serves all later ones, as in the service
    plans: Plans = field(default_factory=Plans)
    answers: ProbeAnswers = field(default_factory=ProbeAnswers)

    def ask(
        self,
        adql: str,
        *,
        maxrec: int | None = None,
        version: str = "2.1",
        uploads: Sequence[Any] = (),
        viewer: Viewer = ANONYMOUS,
        limits: Limits = LIMITS,
        rights: Rights = CLOSED,
    ) -> Answered:
        """The answer to one question; raises AdqlError and EngineError."""
        now = NOW.replace(tzinfo=UTC)
        context = Context(viewer, now, BASE_URL, limits, rights, plans=self.plans, answers=self.answers)
        extras: dict[str, Any] = {"uploads": tuple(uploads)} if uploads else {}
        question = Question(adql, maxrec, version, **extras)
        with ask(question, context, self.snapshot, self.engine) as answer:
            schema = pa.schema([pa.field(c.name, c.arrow_type) for c in answer.columns])
            batches = list(answer.batches)
        table = pa.table(
            [pa.chunked_array([b.column(i) for b in batches], f.type) for i, f in enumerate(schema)],
            schema=schema,
        )
        return Answered(answer.columns, table, answer.warnings, answer.overflowed)

    def close(self) -> None:
        self.engine.close()


@dataclass(frozen=True)
class PublishedSky:
    """The snapshot, and the ways to open it."""

    home: Path
    snapshot: Snapshot

    def on(self, name: str, fixture: Callable[[str], Any]) -> UnderTest:
        """The snapshot on an engine; ``fixture`` gets a pytest fixture by its name."""
        if name == "duckdb":
            return UnderTest(name, self._duckdb(), self.snapshot)
        return UnderTest(name, fixture("engines").postgresql(self.snapshot), self.snapshot)

    def _duckdb(self) -> DuckDBEngine:
        return DuckDBEngine(self.snapshot.engine_file, memory_bytes=MEMORY_BYTES)
