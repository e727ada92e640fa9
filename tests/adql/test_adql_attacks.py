"""The attack list: every entry refused or ended by its limit on every engine; raw SQL at the engines, too."""

from __future__ import annotations

import math
import re
import time

import pytest
from corpus.cases import HERE
from engines_under_test import ASTRONOMER, UnderTest

from vo_service.adql import AdqlError
from vo_service.engines import EngineError, Limits, QueryCancelled, QueryTimeout, QueryTooLarge, Statement

LIMITS = Limits(seconds=0.5, batch_rows=1000)
GRACE = 10.0
"""Seconds beyond the limit within which a query must have ended, on a machine that is busy."""

RAW_SQL = (
    "COPY (SELECT 1) TO '/tmp/vo-attack'",
    "COPY (SELECT 1) TO PROGRAM 'id'",
    "CREATE TABLE ivoa.attack (x int)",
    "CREATE TABLE public.attack (x int)",
    "DROP SCHEMA ivoa CASCADE",
    "SET memory_limit = '1GB'",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE x",
    "INSTALL httpfs",
    "LOAD httpfs",
    "ATTACH '/tmp/x.db' AS x",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT * FROM pg_authid",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "SELECT pg_terminate_backend(1) FROM pg_settings",
    "CHECKPOINT",
    "VACUUM",
)


def attacks() -> list[tuple[str, str]]:
    """Outcome and text of every entry."""
    found = []
    for line in (HERE / "attacks.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            outcome, text = line.split(" | ", 1)
            found.append((outcome, _spelt(text)))
    return found


def _spelt(text: str) -> str:
    """Escapes, corners of polygons and repeated parts written out."""
    text = re.sub(r"<corners (\d+)>", lambda m: _corners(int(m[1])), text)
    text = re.sub(r"\{(\d+):([^}]*)\}", lambda m: m[2] * int(m[1]), text)
    text = text.replace("\\n", "\n")
    return re.sub(r"\\u([0-9a-f]{4})", lambda m: chr(int(m[1], 16)), text)


def _corners(count: int) -> str:
    """Corners of a polygon, all different."""
    turns = [2.0 * math.pi * index / count for index in range(count)]
    return ", ".join(f"{10.0 + 5.0 * math.cos(t):.6f}, {20.0 + 5.0 * math.sin(t):.6f}" for t in turns)


ATTACKS = attacks()


def _parameters(outcome: str) -> list[object]:
    return [pytest.param(text, id=text[:70]) for kind, text in ATTACKS if kind == outcome]


@pytest.mark.parametrize("text", _parameters("refused"))
def test_attacks_are_refused(text: str, engine_under_test: UnderTest) -> None:
    # ADQL-254, ADQL-257
    started = time.monotonic()
    with pytest.raises(AdqlError) as caught:
        engine_under_test.ask(text, viewer=ASTRONOMER, limits=LIMITS)
    lines = text.splitlines() or [""]
    assert 1 <= caught.value.line <= len(lines) + 1
    assert caught.value.column >= 1
    assert "Traceback" not in str(caught.value)
    assert time.monotonic() - started < LIMITS.seconds + GRACE


@pytest.mark.parametrize("text", _parameters("limited"))
def test_heavy_queries_end_by_their_limits(text: str, engine_under_test: UnderTest) -> None:
    # ADQL-257
    started = time.monotonic()
    try:
        answer = engine_under_test.ask(text, limits=LIMITS, maxrec=1000)
        assert len(answer.rows) <= 1000
    except AdqlError as error:
        assert error.line >= 1 and error.column >= 1
    except (QueryTimeout, QueryTooLarge):
        pass
    assert time.monotonic() - started < LIMITS.seconds + GRACE
    assert engine_under_test.ask("SELECT COUNT(*) AS n FROM ivoa.obscore").rows == [(400,)]


@pytest.mark.parametrize("sql", RAW_SQL, ids=lambda sql: sql[:40])
def test_engines_refuse_raw_statements(sql: str, engine_under_test: UnderTest) -> None:
    """The second fence: what no compiler of ours would write is refused by the engine."""
    with (
        pytest.raises(EngineError) as caught,
        engine_under_test.engine.run(Statement(sql), LIMITS) as batches,
    ):
        for _ in batches.stream:
            pass
    assert not isinstance(caught.value, QueryCancelled)


@pytest.mark.parametrize("name", ["duckdb_views", "duckdb_tables", "sqlite_master", "pg_class"])
def test_labels_may_be_called_as_what_engines_hide(name: str, engine_under_test: UnderTest) -> None:
    for text in (
        f"SELECT TOP 1 {name} FROM (SELECT 1 AS {name} FROM ivoa.obscore) AS t",
        f"SELECT TOP 1 {name}.{name} FROM (SELECT 1 AS {name} FROM ivoa.obscore) AS {name} ORDER BY {name}",
        f"WITH {name} AS (SELECT 1 AS {name} FROM ivoa.obscore) SELECT MAX({name}) AS {name} FROM {name}",
    ):
        assert engine_under_test.ask(text).rows == [(1,)]


def test_there_are_enough_of_them() -> None:
    assert len({text for _, text in ATTACKS}) == len(ATTACKS) >= 120
