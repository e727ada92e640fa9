"""The same constraint gives the same rows on PostgreSQL too, whether TAP, SIA or a cone search is asked.

What the rows have to be is told in `test_same_rows`: by ADQL that is written there, and by plain Python.
SIA-005, SIA-011, SIA-020 to SIA-024, SIA-030 to SIA-033, SIA-041 to SIA-057, SCS-011
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_archive import MadeArchive, made_archive
from postgres_cluster import Database
from test_same_rows import CONES, PARAMETERS, Asked, compare, compare_cone, some, telling


@pytest.fixture(scope="module")
def on_postgresql(
    make_database: Callable[[], Database], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MadeArchive]:
    database = make_database()
    addresses = {"postgresql_url": database.owner_url, "postgresql_reader_url": database.reader_url}
    home = tmp_path_factory.mktemp("made-on-postgresql") / "home"
    with made_archive(home, engine="postgresql", **addresses) as archive:
        yield archive


@pytest.mark.parametrize("name", PARAMETERS)
def test_one_parameter(on_postgresql: MadeArchive, name: str) -> None:
    @settings(max_examples=2, database=None)
    @given(some(PARAMETERS[name]))
    def each(values: list[Asked]) -> None:
        compare(on_postgresql, [values])

    each()


def test_several_parameters(on_postgresql: MadeArchive) -> None:
    shares: list[float] = []
    chosen = st.lists(st.sampled_from(sorted(set(PARAMETERS) - {"ID"})), min_size=2, max_size=3, unique=True)

    @settings(max_examples=12, database=None)
    @given(chosen.flatmap(lambda names: st.tuples(*(some(PARAMETERS[name]) for name in names))))
    def each(asked: tuple[list[Asked], ...]) -> None:
        shares.append(compare(on_postgresql, list(asked)))

    each()
    assert telling(shares) >= 0.4


def test_a_cone(on_postgresql: MadeArchive) -> None:
    shares: list[float] = []

    @settings(max_examples=8, database=None)
    @given(*CONES)
    def each(lon: float, lat: float, radius: float) -> None:
        shares.append(compare_cone(on_postgresql, lon, lat, radius))

    each()
    assert telling(shares) >= 0.4


def test_it_is_postgresql_that_answers(on_postgresql: MadeArchive) -> None:
    assert compare(on_postgresql, []) == 1.0
    with psycopg.connect(on_postgresql.settings.postgresql_url) as owner:
        (others,) = owner.execute(
            "SELECT COUNT(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename <> current_user"
        ).fetchone() or (0,)
    assert others > 0
