"""The fence before DuckDB: nothing of it is read or called under any name, and no column is taken for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import duckdb
import pytest

from vo_service.engines import DuckDBEngine, Limits, QueryFailed, Statement
from vo_service.engines.duckdb_fence import Fence

LIMITS = Limits(seconds=20.0, batch_rows=1000)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDBEngine]:
    path = tmp_path_factory.mktemp("engine") / "snapshot.duckdb"
    with duckdb.connect(str(path)) as database:
        database.execute("CREATE SCHEMA sky")
        database.execute("CREATE TABLE sky.star AS SELECT range AS i, range::VARCHAR AS s FROM range(9)")
    opened = DuckDBEngine(path, memory_bytes=200_000_000, threads=2)
    yield opened
    opened.close()


def rows(engine: DuckDBEngine, statement: Statement) -> list[dict[str, object]]:
    with engine.run(statement, LIMITS) as batches:
        return [row for batch in batches.stream for row in batch.to_pylist()]


TABLES = (
    "SELECT * FROM {}",
    "SELECT * FROM {} AS y",
    "SELECT * FROM y: {}",
    "SELECT 1 FROM sky.star, (SELECT 1) AS s, {}",
    "SELECT 1 FROM sky.star /* */ JOIN\n{} ON 1 = 1",
    "SELECT * FROM sky.star WHERE EXISTS (FROM {})",
    "SELECT (SELECT COUNT(*) FROM {} AS y) AS n",
    "WITH x AS MATERIALIZED (SELECT 1 UNION ALL SELECT 2 FROM {}) SELECT * FROM x",
)


@pytest.fixture(scope="module")
def fenced() -> Iterator[Callable[[str], bool]]:
    """Whether the fence refuses a statement."""
    with duckdb.connect() as database:
        fence = Fence(database)

        def refused(sql: str) -> bool:
            try:
                fence.check(sql, database)
            except QueryFailed as error:
                return " is not " in str(error)
            return False

        yield refused


def test_no_view_of_duckdb_about_itself_is_read(fenced: Callable[[str], bool]) -> None:
    """However it is named, wherever it stands; the views of information_schema need their schema."""
    with duckdb.connect() as database:
        views = database.execute(
            "SELECT schema_name, view_name FROM duckdb_views() WHERE internal"
        ).fetchall()
        for schema, view in views:
            if schema == "information_schema" and view != "views":  # which is the list above, to Python
                with pytest.raises(duckdb.CatalogException):
                    database.execute(f"SELECT * FROM {view}")
    assert len(views) > 40
    for schema, view in views:
        names = [f"{schema}.{view}", f"system.{schema}.{view}", f'"System" . "{schema.upper()}"."{view}"']
        if schema != "information_schema":
            names += [
                view,
                f'"{view.upper()}"',
                f"'{view}'",
                f"main.{view}",
                f"system.{view}",
                f"temp.{view}",
            ]
        for name in names:
            assert [form for form in TABLES if not fenced(form.format(name))] == [], name


def test_no_function_of_duckdb_is_called_that_gives_a_table(fenced: Callable[[str], bool]) -> None:
    with duckdb.connect() as database:
        found = database.execute(
            "SELECT DISTINCT function_name FROM duckdb_functions() AS f "
            "WHERE function_type LIKE '%table%' "
            "AND function_name NOT IN ('range', 'generate_series', 'unnest')"
        ).fetchall()
    assert len(found) > 50
    for (name,) in [*found, ("getenv",), ("nextval",)]:
        for call in (
            f"{name}(1)",
            f'"{name.upper()}"/* */(1)',
            f"main.{name}()",
            f'system."main".{name}(a := 1)',
        ):
            assert [form for form in TABLES if not fenced(form.format(call))] == [], call
        if name in ("histogram", "version"):  # of values too
            continue
        for value in (f"{name}(s)", f"'x'.{name}()", f"main.{name}(1)", f"max(1) FILTER ({name}(1))"):
            assert fenced(f"SELECT 1 + {value} AS v FROM sky.star"), value
            assert fenced(f"SELECT 1 FROM sky.star ORDER BY (SELECT {value}) DESC LIMIT 1"), value


@pytest.mark.parametrize("name", ["duckdb_views", "sqlite_master", "pg_class", "query", "system", "show"])
def test_columns_and_labels_may_be_called_as_what_is_refused(engine: DuckDBEngine, name: str) -> None:
    for column in (f'"t1"."{name}"', f'"{name}"', f"t1.{name}"):
        statement = (
            f'SELECT {column} AS "{name}" FROM (SELECT i, 7 AS "{name}" FROM sky.star) AS t1 '
            f"WHERE {column} > 1 AND t1.i < 2 GROUP BY 1, {column} ORDER BY 1, {column} DESC"
        )
        assert rows(engine, Statement(statement)) == [{name: 7}]
    one = f'SELECT "{name}"."{name}" AS v FROM (SELECT 7 AS i, 8 AS "{name}") AS "{name}"'
    assert rows(engine, Statement(one)) == [{"v": 8}]


def test_the_fence_looks_at_the_tree_and_not_at_what_strings_hold(engine: DuckDBEngine) -> None:
    held = 'FROM checkpoint(), "path":["getenv"], "type":"SHOW_REF"'
    found = rows(
        engine,
        Statement(
            "(WITH r AS (SELECT range AS n FROM range(3)) /* checkpoint() */ SELECT sum(n)::BIGINT AS "
            f"duckdb_tables, '{held}' AS \"write_log(\", $$repeat('x', 1)$$ AS query FROM r)"
        ),
    )
    assert found == [{"duckdb_tables": 3, "write_log(": held, "query": "repeat('x', 1)"}]
