"""The same constraint gives the same rows on PostgreSQL too, whether TAP, SIA or a cone search is asked.

What the rows have to be is told in `test_same_rows`: by ADQL that is written there, and by plain Python.
SIA-005, SIA-011, SIA-020 to SIA-024, SIA-030 to SIA-033, SIA-041 to SIA-057, SCS-011
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import psycopg
import pytest
from drawn_constraints import COMBINED, COMBINED_TELLING, DRAWN, TELLING
from made_archive import MadeArchive, made_archive
from postgres_cluster import Database
from test_same_rows import CONES, compare, compare_cone, for_each


@pytest.fixture(scope="module")
def on_postgresql(
    make_database: Callable[[], Database], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MadeArchive]:
    database = make_database()
    addresses = {"postgresql_url": database.owner_url, "postgresql_reader_url": database.reader_url}
    home = tmp_path_factory.mktemp("made-on-postgresql") / "home"
    with made_archive(home, engine="postgresql", **addresses) as archive:
        yield archive


@pytest.mark.parametrize("name", DRAWN)
def test_one_parameter(on_postgresql: MadeArchive, name: str) -> None:
    for_each(TELLING[name], 1, lambda asked: compare(on_postgresql, asked))
    for_each(DRAWN[name], 1, lambda asked: compare(on_postgresql, asked))


def test_several_parameters(on_postgresql: MadeArchive) -> None:
    told = [
        *for_each(COMBINED_TELLING, 9, lambda asked: compare(on_postgresql, asked)),
        *for_each(COMBINED, 3, lambda asked: compare(on_postgresql, asked)),
    ]
    assert np.mean(told) >= 0.6


def test_a_cone(on_postgresql: MadeArchive) -> None:
    told = for_each(CONES, 8, lambda cone: compare_cone(on_postgresql, *cone))
    assert np.mean(told) >= 0.4


def test_it_is_postgresql_that_answers(on_postgresql: MadeArchive) -> None:
    assert not compare(on_postgresql, []) and on_postgresql.sia()
    with psycopg.connect(on_postgresql.settings.postgresql_url) as owner:
        (others,) = owner.execute(
            "SELECT COUNT(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename <> current_user"
        ).fetchone() or (0,)
    assert others > 0
