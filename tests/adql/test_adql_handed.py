"""Tables that are handed over: cells of large maps, and keys that are arrays, on both engines."""

from __future__ import annotations

import random

import astropy.units as u
import mocpy
import numpy as np
import pyarrow as pa
import pytest
from corpus.small_sky import ROWS, positions
from engines_under_test import UnderTest

from tap_schema import Column, published
from vo_service.adql import parse, plan_query, resolve, write
from vo_service.query import Upload, upload_of
from vo_service.sky import Polygon, parse_region

CELLS = ",".join(str(cell) for cell in range(0, 3072 * 16, 3))[:90_000].rpartition(",")[0]
MANY = f"MOC('6/{CELLS}')"
INSIDE = f"CONTAINS(POINT(s_ra, s_dec), {MANY})"


def in_cells() -> list[int | None]:
    """For each row whether it lies in the map, as mocpy finds it."""
    lon, lat = (np.array([np.nan if v is None else v for v in side]) for side in positions())
    numbers = np.array([int(cell) for cell in CELLS.split(",")], dtype=np.uint64)
    moc = mocpy.MOC.from_healpix_cells(numbers, 6, 6)
    known = np.isfinite(lon) & np.isfinite(lat)
    found = moc.contains_lonlat(np.nan_to_num(lon) * u.deg, np.nan_to_num(lat) * u.deg)
    return [int(there) if is_known else None for there, is_known in zip(found, known)]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (f"SELECT obs_id FROM ivoa.obscore WHERE 1 = {INSIDE}", lambda there, row: there == 1),
        (
            f"SELECT obs_id FROM ivoa.obscore WHERE 1 = {INSIDE} OR calib_level = 1",
            lambda there, row: there == 1 or row % 4 == 1,
        ),
        (f"SELECT obs_id FROM ivoa.obscore WHERE NOT 1 = {INSIDE}", lambda there, row: there == 0),
        (
            "SELECT a.obs_id FROM ivoa.obscore AS a LEFT JOIN ivoa.obscore AS b ON a.obs_id = b.obs_id AND "
            f"1 = CONTAINS(POINT(b.s_ra, b.s_dec), {MANY}) WHERE b.obs_id IS NOT NULL",
            lambda there, row: there == 1,
        ),
        (
            f"SELECT obs_id FROM (SELECT obs_id, {INSIDE} AS x FROM ivoa.obscore) AS s WHERE x = 0",
            lambda there, row: there == 0,
        ),
    ],
    ids=["WHERE", "OR", "NOT", "LEFT JOIN", "SELECT"],
)
def test_a_map_of_thousands_of_cells_goes_as_a_table(engine_under_test: UnderTest, query, wanted) -> None:
    # ADQL-151
    found = sorted(int(row[0]) for row in engine_under_test.ask(query).rows)
    assert found == [row for row, there in enumerate(in_cells()) if wanted(there, row)]
    for dialect in ("duckdb", "postgres"):
        written = write(plan_query(resolve(parse(query), published())), dialect)
        assert len(written.sql) < 3000
        assert [table.num_rows for table in written.tables.values()] == [CELLS.count(",") + 1]


def test_a_map_in_the_select_list_tells_every_row(engine_under_test: UnderTest) -> None:
    rows = engine_under_test.ask(f"SELECT obs_id, {INSIDE} AS x FROM ivoa.obscore").rows
    assert {int(name): there for name, there in rows} == dict(enumerate(in_cells()))


# --- keys that are arrays ---


def quadrangle(lon: float, lat: float, size: float) -> list[float]:
    return [lon, lat, lon + size, lat, lon + size, lat + size, lon, lat + size]


def quadrangles() -> list[list[float] | None]:
    """Hundreds of them, some alike, some NULL; about half meet the clustered rows."""
    chance = random.Random(5)
    made: list[list[float] | None] = []
    for number in range(300):
        here = quadrangle(10 + chance.uniform(-2, 2), 20 + chance.uniform(-2, 2), chance.choice((0.05, 0.3)))
        made.append(None if number % 17 == 3 else made[-1] if number % 5 == 4 and made[-1] else here)
    return made


def upload() -> Upload:
    first = quadrangles()
    second = first[7:] + first[:7]
    table = pa.table(
        {
            "n": pa.array(range(len(first)), pa.int64()),
            "one": pa.array(first, pa.list_(pa.float64())),
            "two": pa.array(second, pa.list_(pa.float64())),
        }
    )
    shape = {"arraysize": "*", "xtype": "polygon", "unit": "deg", "ucd": None, "utype": None}
    columns = [
        Column("n", "long", None, None, None, None, None, ""),
        Column("one", "double", description="", **shape),
        Column("two", "double", description="", **shape),
    ]
    return upload_of("mine", table, columns)


def region(values: list[float] | None) -> Polygon | None:
    return None if values is None else Polygon(tuple(zip(values[::2], values[1::2])))


def footprints(engine: UnderTest) -> dict[int, object]:
    rows = engine.ask("SELECT obs_id, s_region FROM ivoa.obscore").rows
    return {int(name): None if text is None else parse_region(text) for name, text in rows}


@pytest.mark.parametrize(
    "query",
    [
        "SELECT u.n, o.obs_id FROM tap_upload.mine AS u, ivoa.obscore AS o "
        "WHERE 1 = INTERSECTS(u.one, o.s_region)",
        "SELECT u.n, o.obs_id FROM tap_upload.mine AS u, ivoa.obscore AS o "
        "WHERE 1 = INTERSECTS(u.one, o.s_region) OR u.n < o.s_ra - 1000",
        "SELECT u.n, o.obs_id FROM tap_upload.mine AS u FULL JOIN ivoa.obscore AS o "
        "ON 1 = INTERSECTS(u.one, o.s_region) WHERE u.n IS NOT NULL AND o.obs_id IS NOT NULL",
        "SELECT n, obs_id FROM (SELECT u.n, o.obs_id, INTERSECTS(u.one, o.s_region) AS x "
        "FROM tap_upload.mine AS u, ivoa.obscore AS o) AS s WHERE x = 1",
    ],
    ids=["WHERE", "OR", "FULL JOIN", "SELECT"],
)
def test_arrays_of_an_upload_against_region_columns(engine_under_test: UnderTest, query: str) -> None:
    found = {(n, int(name)) for n, name in engine_under_test.ask(query, uploads=[upload()]).rows}
    shapes = {n: region(values) for n, values in enumerate(quadrangles())}
    wanted = {
        (n, row)
        for row, footprint in footprints(engine_under_test).items()
        for n, shape in shapes.items()
        if shape is not None and footprint is not None and shape.intersects(footprint)
    }
    assert len(wanted) > 300
    assert found == wanted


@pytest.mark.parametrize(
    ("condition", "truth"),
    [("1 = INTERSECTS(one, two)", 1), ("NOT 1 = INTERSECTS(one, two)", 0), ("0 = INTERSECTS(two, one)", 0)],
)
def test_arrays_of_one_row(engine_under_test: UnderTest, condition: str, truth: int) -> None:
    made = [region(values) for values in quadrangles()]
    pairs = list(zip(made, made[7:] + made[:7]))
    wanted = [n for n, (a, b) in enumerate(pairs) if a and b and a.intersects(b) is bool(truth)]
    for text in (condition, f"{condition} OR n < 0", f"n >= 0 AND {condition}"):
        answer = engine_under_test.ask(f"SELECT n FROM tap_upload.mine WHERE {text}", uploads=[upload()])
        assert sorted(n for (n,) in answer.rows) == wanted


def test_arrays_beside_constants(engine_under_test: UnderTest) -> None:
    other = quadrangle(9.5, 19.5, 1.0)
    constant = f"POLYGON({', '.join(str(value) for value in other)})"
    made = [region(values) for values in quadrangles()]
    held = region(other)
    wanted = [n for n, shape in enumerate(made) if shape is not None and held.intersects(shape)]
    for text in (f"1 = INTERSECTS(one, {constant})", f"1 = INTERSECTS({constant}, one) OR n < 0"):
        answer = engine_under_test.ask(f"SELECT n FROM tap_upload.mine WHERE {text}", uploads=[upload()])
        assert sorted(n for (n,) in answer.rows) == wanted
    assert ROWS > len(wanted) > 10
