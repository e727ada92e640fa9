"""Both engines on four places, to be asked with tables that come with the question."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from four_places import Ask, places
from two_engines import Engines

from tap_schema import Column
from vo_service.access import ANONYMOUS, Rights
from vo_service.engines import Engine, Limits
from vo_service.query import Answer, Context, Question, Upload, ask
from vo_service.store import Snapshot

LIMITS = Limits(seconds=20.0, batch_rows=1000)


@pytest.fixture(scope="module")
def opened(engines: Engines) -> Iterator[dict[str, tuple[Snapshot, Engine]]]:
    both = engines.on({"ivoa.obscore": places()})
    yield {"duckdb": (both.snapshot, both.duckdb), "postgresql": (both.snapshot, both.postgresql)}


@pytest.fixture(params=["duckdb", "postgresql"])
def answer(opened: dict[str, tuple[Snapshot, Engine]], request: pytest.FixtureRequest) -> Ask:
    """Asks one engine: columns and rows."""
    snapshot, engine = opened[request.param]

    def run(adql: str, *uploads: Upload) -> tuple[tuple[Column, ...], list[tuple[Any, ...]]]:
        context = Context(ANONYMOUS, datetime(2026, 1, 1, tzinfo=UTC), "https://x", LIMITS, Rights())
        with ask(Question(adql, uploads=uploads), context, snapshot, engine) as given:
            return given.columns, rows_of(given)

    return run


def rows_of(given: Answer) -> list[tuple[Any, ...]]:
    return [row for batch in given.batches for row in zip(*(c.to_pylist() for c in batch.columns))]
