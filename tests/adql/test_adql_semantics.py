"""What accepted queries mean: NULL and NaN, order, strings, times, joins, sets, subqueries, grouping."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest

from vo_service.adql import parse, plan_query, resolve, write


def _values(sky, name: str) -> list:
    return sky.rows[name].to_pylist()


def _where(sky, name: str, test) -> list[int]:
    return [i for i, value in enumerate(_values(sky, name)) if value is not None and test(value)]


CONDITIONS = [
    # ADQL-081, ADQL-084, ADQL-085, ADQL-086, ADQL-087, ADQL-215, ADQL-216, ADQL-218
    ("s_resolution < 1", "s_resolution", lambda v: v < 1),
    ("NOT s_resolution < 1", "s_resolution", lambda v: v >= 1),
    ("s_resolution BETWEEN 1 AND 2", "s_resolution", lambda v: 1 <= v <= 2),
    ("s_resolution BETWEEN 2 AND 1", "s_resolution", lambda v: False),
    ("s_resolution NOT BETWEEN 1 AND 2", "s_resolution", lambda v: not 1 <= v <= 2),
    ("NOT s_resolution BETWEEN 1 AND 2 AND s_resolution < 3", "s_resolution", lambda v: v < 1 or 2 < v < 3),
    ("s_resolution <> 5 OR s_resolution = 5", "s_resolution", lambda v: True),
    ("target_name = 'M83'", "target_name", lambda v: v == "M83"),
    ("target_name LIKE 'NGC\\_1'", "target_name", lambda v: v == "NGC_1"),
    ("target_name LIKE 'NGC_1'", "target_name", lambda v: v == "NGC_1"),
    ("target_name LIKE 'NGC%'", "target_name", lambda v: v.startswith("NGC")),
    ("target_name LIKE 'ngc%'", "target_name", lambda v: False),
    ("target_name ILIKE 'm83'", "target_name", lambda v: v.lower() == "m83"),
    ("target_name LIKE '100\\%'", "target_name", lambda v: v == "100%"),
    ("target_name LIKE 'a\\b'", "target_name", lambda v: v == "a\\b"),
    ("target_name LIKE target_name", "target_name", lambda v: True),
    ("LOWER(target_name) LIKE '%cen%'", "target_name", lambda v: "cen" in v.lower()),
    ("target_name NOT LIKE 'M%'", "target_name", lambda v: not v.startswith("M")),
    ("target_name NOT IN ('M83', 'm83')", "target_name", lambda v: v not in ("M83", "m83")),
    ("target_name NOT IN ('M83', NULL)", "target_name", lambda v: False),
    ("calib_level IN (1, 3)", "calib_level", lambda v: v in (1, 3)),
    ("calib_level = 1.0", "calib_level", lambda v: v == 1),
    ("obs_release_date < '2021-01-01'", "obs_release_date", lambda v: v.year < 2021),
    ("obs_release_date > '2021-01-01T00:00:00Z'", "obs_release_date", lambda v: v.year >= 2021),
    (
        "obs_release_date BETWEEN '2020-01-01' AND '2020-12-31T23:59:59.9'",
        "obs_release_date",
        lambda v: v.year == 2020,
    ),
    (
        "obs_release_date = CAST('2020-01-08' AS TIMESTAMP)",
        "obs_release_date",
        lambda v: (v.month, v.day, v.year) == (1, 8, 2020),
    ),
    ("s_resolution = NULL", "s_resolution", lambda v: False),
    ("em_res_power > 1e308", "em_res_power", lambda v: v > 1e308 or math.isnan(v)),
]


@pytest.mark.parametrize(("condition", "column", "test"), CONDITIONS, ids=[c[0] for c in CONDITIONS])
def test_conditions(sky, condition: str, column: str, test) -> None:
    assert sky.ids(condition) == _where(sky, column, test)


def test_null_is_found_by_is_null_only(sky) -> None:
    missing = [i for i, v in enumerate(_values(sky, "target_name")) if v is None]
    assert sky.ids("target_name IS NULL") == missing
    assert sky.ids("target_name || 'x' IS NULL") == missing
    assert len(sky.ids("target_name IS NOT NULL")) == len(sky.rows) - len(missing)


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
def test_nulls_sort_last_upwards_and_nan_before_them(sky, direction: str) -> None:
    # ADQL-077, ADQL-229
    def key(value: float | None) -> tuple[int, float]:
        if value is None:
            return (2, 0.0)
        return (1, 0.0) if math.isnan(value) else (0, value)

    expected = sorted(_values(sky, "em_res_power"), key=key, reverse=direction == "DESC")
    found = sky.column(f"SELECT em_res_power FROM ivoa.obscore ORDER BY em_res_power {direction}")
    assert [key(v) for v in found] == [key(v) for v in expected]


def test_strings_sort_by_code_point(sky) -> None:
    # ADQL-078
    found = sky.column(
        "SELECT DISTINCT target_name FROM ivoa.obscore WHERE target_name IS NOT NULL ORDER BY 1"
    )
    assert found == sorted(found)
    text = write(sky.plan("SELECT target_name FROM ivoa.obscore ORDER BY target_name"), "postgres").sql
    assert 'COLLATE "C"' in text


def test_order_means_the_label_first(sky) -> None:
    # ADQL-076, ADQL-228
    found = sky.column("SELECT -t_min AS t_min FROM ivoa.obscore ORDER BY t_min")
    assert found == sorted(found) and found[0] < 0
    found = sky.column("SELECT t_min FROM ivoa.obscore ORDER BY t_min * -1")
    assert found == sorted(found, reverse=True)
    assert sky.column("SELECT TOP 2 obs_id AS x, 5 AS five FROM ivoa.obscore ORDER BY five, t_min") == [
        "0",
        "1",
    ]


def test_top_offset_and_limit_work_in_that_order(sky) -> None:
    # ADQL-026, ADQL-029, ADQL-030, ADQL-207, ADQL-208, ADQL-211
    ids = "SELECT TOP {} obs_id FROM ivoa.obscore ORDER BY t_min OFFSET {}"
    assert sky.column(ids.format(3, 20)) == ["20", "21", "22"]
    assert sky.column(ids.format(3, 5000)) == []
    empty = sky.ask(ids.format(0, 0))
    assert empty.num_rows == 0 and empty.column_names == ["obs_id"]
    assert sky.ask("SELECT TOP 5 obs_id FROM ivoa.obscore", limit=11).num_rows == 5
    assert sky.ask("SELECT TOP 5 obs_id FROM ivoa.obscore", limit=4).num_rows == 4
    assert (
        sky.ask("SELECT obs_id FROM ivoa.obscore UNION SELECT obs_id FROM ivoa.obscore", limit=7).num_rows
        == 7
    )
    assert sky.ask("SELECT DISTINCT TOP 3 calib_level FROM ivoa.obscore ORDER BY calib_level").column(
        0
    ).to_pylist() == [0, 1, 2]


def test_top_limits_its_operand_only(sky) -> None:
    # ADQL-027, ADQL-209
    found = sky.column(
        "SELECT TOP 2 calib_level FROM ivoa.obscore "
        "UNION ALL SELECT 77 FROM ivoa.obscore WHERE t_min < 55011 ORDER BY 1 DESC"
    )
    assert len(found) == 4 and found[:2] == [77, 77]


def test_aggregates(sky) -> None:
    # ADQL-067, ADQL-068, ADQL-069, ADQL-226
    row = sky.ask(
        "SELECT COUNT(*), COUNT(s_resolution), SUM(calib_level), AVG(calib_level), MIN(target_name), "
        "MAX(s_resolution), COUNT(DISTINCT calib_level), SUM(s_resolution) FROM ivoa.obscore"
    )
    known = [v for v in _values(sky, "s_resolution") if v is not None]
    names = [v for v in _values(sky, "target_name") if v is not None]
    assert row.to_pylist()[0] == {
        "count": 400,
        "count2": len(known),
        "sum": 600,
        "avg": 1.5,
        "min": min(names),
        "max": max(known),
        "count3": 4,
        "sum2": pytest.approx(sum(known)),
    }
    assert row.schema.field("sum").type == pa.int64()
    nothing = sky.ask("SELECT COUNT(*), SUM(s_ra), MIN(s_ra) FROM ivoa.obscore WHERE t_min < 0").to_pylist()
    assert nothing == [{"count": 0, "sum": None, "min": None}]


def test_grouping(sky) -> None:
    # ADQL-070, ADQL-071, ADQL-072, ADQL-073
    rows = sky.ask(
        "SELECT target_name, COUNT(*) AS n, MAX(calib_level) + 1 AS m FROM ivoa.obscore "
        "GROUP BY target_name HAVING COUNT(*) > 10 ORDER BY n DESC, target_name"
    ).to_pylist()
    assert len(rows) == 8 and rows[-1]["target_name"] is None and all(row["n"] == 50 for row in rows)
    assert (
        sky.column("SELECT COUNT(*) FROM ivoa.obscore GROUP BY calib_level * 2 ORDER BY calib_level * 2")
        == [100] * 4
    )
    assert sky.column("SELECT COUNT(*) FROM ivoa.obscore HAVING COUNT(*) > 1000") == []


def test_joins(sky) -> None:
    # ADQL-042, ADQL-045, ADQL-046, ADQL-047, ADQL-230, ADQL-231
    low = "(SELECT obs_id, calib_level AS a FROM ivoa.obscore WHERE t_min < 55030) AS x"
    high = "(SELECT obs_id, calib_level AS b FROM ivoa.obscore WHERE t_min BETWEEN 55020 AND 55045) AS y"
    kinds = {
        "INNER": ["2"],
        "LEFT": ["0", "1", "2"],
        "RIGHT": ["2", "3", "4"],
        "FULL": ["0", "1", "2", "3", "4"],
    }
    for kind, expected in kinds.items():
        for condition in (f"{low} {kind} JOIN {high} USING (obs_id)", f"{low} NATURAL {kind} JOIN {high}"):
            answer = sky.ask(f"SELECT * FROM {condition} ORDER BY obs_id")
            assert answer.column_names == ["obs_id", "a", "b"]
            assert answer.column(0).to_pylist() == expected, condition
    answer = sky.ask(f"SELECT * FROM {low} LEFT JOIN {high} ON x.obs_id = y.obs_id ORDER BY 1")
    assert answer.column_names == ["obs_id", "a", "obs_id2", "b"]
    assert answer.column(2).to_pylist() == [None, None, "2"]
    assert sky.column(f"SELECT y.obs_id FROM {low} LEFT JOIN {high} USING (obs_id) ORDER BY x.obs_id") == [
        None,
        None,
        "2",
    ]


def test_columns_made_at_query_time_stay_null_beyond_an_outer_join(sky) -> None:
    rows = sky.ask(
        "SELECT a.obs_id, b.data_rights, b.access_url FROM ivoa.obscore AS a LEFT JOIN ivoa.obscore AS b "
        "ON a.obs_id = b.obs_id AND b.t_min < 55020 WHERE a.t_min < 55040 "
        "ORDER BY a.t_min, b.obs_release_date"
    ).to_pylist()
    assert [row["data_rights"] for row in rows] == ["Proprietary", "Public", None, None]
    assert [row["access_url"] for row in rows] == ["files/0", "files/1", None, None]


def test_subqueries(sky) -> None:
    # ADQL-052, ADQL-053, ADQL-218
    inner = "SELECT obs_id FROM ivoa.obscore WHERE t_min < 55020"
    assert sky.ids(f"obs_id IN ({inner})") == [0, 1]
    assert sky.ids(f"obs_id NOT IN ({inner}) AND t_min < 55040") == [2, 3]
    assert sky.ids("target_name NOT IN (SELECT target_name FROM ivoa.obscore WHERE t_min > 55000)") == []
    correlated = "SELECT b.obs_id FROM ivoa.obscore AS b WHERE b.t_min = t_min + 10"
    assert sky.column(
        "SELECT COUNT(*) FROM ivoa.obscore AS a WHERE NOT EXISTS "
        "(SELECT b.obs_id FROM ivoa.obscore AS b WHERE b.t_min = a.t_min + 10)"
    ) == [1]
    assert sky.ids(f"EXISTS ({correlated})") == []
    assert sky.ids("obs_id IN (SELECT TOP 2 obs_id FROM ivoa.obscore ORDER BY t_min DESC OFFSET 1)") == [
        397,
        398,
    ]


def test_set_operators(sky) -> None:
    # ADQL-059 to ADQL-066, ADQL-235
    def values(*items: str) -> str:
        return " UNION ALL ".join(
            f"SELECT {item} AS v FROM ivoa.obscore WHERE obs_id = '1'" for item in items
        )

    three, one = values("1", "1", "1", "NULL"), values("1")
    assert sky.column(f"({three}) EXCEPT ALL ({one}) ORDER BY v") == [1, 1, None]
    assert sky.column(f"({three}) EXCEPT ({one})") == [None]
    assert sky.column(f"({three}) INTERSECT ALL ({values('1', '1', 'NULL')}) ORDER BY v") == [1, 1, None]
    assert sky.column(f"({three}) UNION ({three}) ORDER BY 1 DESC") == [None, 1]
    mixed = sky.ask(f"({one}) UNION ({values('2.5')}) ORDER BY v")
    assert mixed.column(0).to_pylist() == [1.0, 2.5]


def test_common_tables(sky) -> None:
    # ADQL-055, ADQL-057, ADQL-058
    query = (
        "WITH near AS (SELECT obs_id, s_resolution AS r FROM ivoa.obscore WHERE t_min < 55100), "
        "best AS (SELECT MIN(r) AS r FROM near) SELECT n.obs_id, n.r FROM near AS n JOIN best USING (r)"
    )
    rows = sky.ask(query).to_pylist()
    best = min(v for v in _values(sky, "s_resolution")[:10] if v is not None)
    assert [row["r"] for row in rows] == [best]
    assert sky.plan(query).columns[1].unit == "arcsec"


def test_hidden_columns_never_show(sky) -> None:
    # ADQL-033
    answer = sky.ask("SELECT * FROM ivoa.obscore", limit=1)
    assert answer.column_names == [column.name for column in sky.tables["ivoa.obscore"].listed]
    assert not any(name.startswith("_") for name in answer.column_names)


FACTS = [
    # expression, datatype, unit, ucd
    ("s_ra", "double", "deg", "pos.eq.ra"),
    ("s_ra * 2", "double", "deg", None),
    ("calib_level + 1", "int", None, None),
    ("s_resolution / 3600.", "double", "arcsec", None),
    ("s_ra - s_dec", "double", "deg", None),
    ("s_resolution * s_fov", "double", "arcsec.deg", None),
    ("COUNT(*)", "long", None, "meta.number"),
    ("AVG(s_resolution)", "double", "arcsec", "pos.angResolution;stat.mean"),
    ("MIN(target_name)", "unicodeChar", None, "meta.id;src;stat.min"),
    ("SUM(calib_level)", "long", None, None),
    ("line_frequency('CO(2-1)')", "double", "Hz", "em.freq;em.line"),
    ("DISTANCE(1, 2, 3, 4)", "double", "deg", "pos.angDistance"),
    ("CAST(1 AS REAL)", "float", None, None),
    ("CAST('2020-01-01' AS TIMESTAMP)", "char", None, None),
    ("'x' || 'y'", "char", None, None),
    ("POINT(1, 2)", "double", "deg", "pos.eq"),
    ("ATAN(1)", "double", "rad", None),
]


@pytest.mark.parametrize(("expression", "datatype", "unit", "ucd"), FACTS, ids=[f[0] for f in FACTS])
def test_types_units_and_ucds_travel(
    sky, expression: str, datatype: str, unit: str | None, ucd: str | None
) -> None:
    columns = plan_query(resolve(parse(f"SELECT {expression} FROM ivoa.obscore"), sky.tables)).columns
    assert (columns[0].datatype, columns[0].unit) == (datatype, unit)
    assert columns[0].ucd == ucd


def test_arrow_types_are_what_the_columns_say(sky) -> None:
    expressions = [e for e, *_ in FACTS if not e.startswith(("COUNT", "AVG", "MIN", "SUM"))]
    query = f"SELECT {', '.join(expressions)}, obs_release_date, em_support, calib_level FROM ivoa.obscore"
    plan, answer = sky.plan(query), sky.ask(query, limit=2)
    for column, field in zip(plan.columns, answer.schema, strict=True):
        assert field.type == column.arrow_type or (column.name, str(field.type)) == ("col1", "x"), column
    sums = (
        "SELECT COUNT(*), AVG(s_resolution), MIN(target_name), SUM(calib_level), MAX(obs_release_date) "
        "FROM ivoa.obscore"
    )
    for column, field in zip(sky.plan(sums).columns, sky.ask(sums).schema, strict=True):
        assert field.type == column.arrow_type, column
