"""Questions to a snapshot by way of the query room, by anybody and at any moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from vo_service.access import ANONYMOUS, READ_ALL, Rights, Viewer
from vo_service.engines import DuckDBEngine, Limits
from vo_service.query import Context, Question, ask
from vo_service.store import Snapshot

READER = Viewer("somebody", frozenset({READ_ALL}))
RELEASE = datetime(2031, 5, 1, tzinfo=UTC)
BEFORE, AFTER = datetime(2031, 4, 30, 23, 59, 59, tzinfo=UTC), datetime(2031, 5, 1, 0, 0, 1, tzinfo=UTC)
LIMITS = Limits(seconds=20.0, batch_rows=1000)


@dataclass(frozen=True)
class Holdings:
    """A published snapshot with an engine open on it."""

    snapshot: Snapshot
    engine: DuckDBEngine

    def ask(
        self, adql: str, viewer: Viewer = ANONYMOUS, now: datetime = BEFORE, unlisted_open: bool = False
    ) -> list[tuple[Any, ...]]:
        """Rows of the answer; by default those that somebody without a token gets before RELEASE."""
        context = Context(viewer, now, "https://vo.example", LIMITS, Rights(unlisted_open))
        with ask(Question(adql), context, self.snapshot, self.engine) as answer:
            return [row for batch in answer.batches for row in zip(*(c.to_pylist() for c in batch.columns))]
