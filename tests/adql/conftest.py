"""A small sky in memory: the published tables with rows that are hard on queries, in DuckDB."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from sqlglot import exp

from tap_schema import Published, Table, published
from vo_service.adql import Plan, Written, parse, plan_query, resolve, write
from vo_service.sky import caps_of, footprint_ids, healpix29, parse_region, unit_vectors

ROWS = 400
EDGES = ((0.0, 0.0), (360.0, 0.0), (0.0, 90.0), (123.0, 90.0), (0.0, -90.0), (359.9999, 0.0), (10.0, 20.0))
LINES_M = 1.3004e-3


@dataclass(frozen=True)
class Sky:
    """An open database, the rows of ``ivoa.obscore`` as a table, and a way to ask."""

    connection: duckdb.DuckDBPyConnection
    tables: Published
    rows: pa.Table

    def plan(self, adql: str, limit: int | None = None) -> Plan:
        return plan_query(resolve(parse(adql), self.tables), limit)

    def ask(self, adql: str, limit: int | None = None) -> pa.Table:
        """The answer of the whole pipeline, probes settled as ``query/`` does."""
        written = write(self.plan(adql, limit), "duckdb", SOURCES)
        names = self._settle(written)
        try:
            return self.connection.sql(written.sql).to_arrow_table()
        finally:
            for name in names:
                self.connection.unregister(name)

    def _settle(self, written: Written) -> list[str]:
        for probe in written.probes:
            found = self.connection.execute(probe.sql).fetchall()
            passed = [key for key, text, sure in found if sure or probe.passes(parse_region(text))]
            self.connection.register(probe.name, pa.table({"footprint_id": pa.array(passed, pa.int64())}))
        return [probe.name for probe in written.probes]

    def column(self, adql: str) -> list[Any]:
        """The first column of an answer."""
        return self.ask(adql).column(0).to_pylist()

    def ids(self, condition: str) -> list[int]:
        """Row numbers for which a condition on ivoa.obscore holds."""
        return sorted(int(v) for v in self.column(f"SELECT obs_id FROM ivoa.obscore WHERE {condition}"))


SOURCES = {
    ("ivoa.obscore", "data_rights"): exp.case()
    .when(
        exp.column("obs_release_date", quoted=True)
        <= exp.cast(exp.Literal.string("2024-01-01"), "timestamp"),
        exp.Literal.string("Public"),
    )
    .else_(exp.Literal.string("Proprietary")),
    ("ivoa.obscore", "access_url"): exp.column("_access_path", quoted=True),
}


def _positions(rng: np.random.Generator) -> tuple[list[float | None], list[float | None]]:
    """Random positions, the hard ones, a cluster round (10, 20), and some that are missing."""
    lon: list[float | None] = [float(v) for v in rng.uniform(0, 360, ROWS)]
    lat: list[float | None] = [float(v) for v in np.degrees(np.arcsin(rng.uniform(-1, 1, ROWS)))]
    for index, (a, b) in enumerate(EDGES):
        lon[index], lat[index] = a, b
    for index in range(20, 120):
        lon[index] = 10.0 + float(rng.normal(0, 0.3))
        lat[index] = 20.0 + float(rng.normal(0, 0.3))
    lon[7] = lat[7] = lon[8] = None
    return lon, lat


def _regions(
    lon: Sequence[float | None], lat: Sequence[float | None], rng: np.random.Generator
) -> list[str | None]:
    regions: list[str | None] = []
    for index, (a, b) in enumerate(zip(lon, lat)):
        if a is None or b is None or index % 17 == 5:
            regions.append(None)
        elif index % 5 == 0 and abs(b) < 80:
            d = float(rng.uniform(0.001, 0.5))
            corners = [(a - d, b - d), (a - d, b + d), (a + d, b + d), (a + d, b - d)]
            regions.append("Polygon ICRS " + " ".join(f"{x % 360:.9f} {y:.9f}" for x, y in corners))
        elif index % 7 == 1:
            regions.append(
                f"Union ICRS ( Circle {a:.9f} {b:.9f} 0.02 Circle {(a + 0.5) % 360:.9f} {b:.9f} 0.02 )"
            )
        else:
            regions.append(f"Circle ICRS {a:.9f} {b:.9f} {float(rng.choice([0.004, 0.02, 0.3, 3.0])):.6f}")
    return regions


def _rows(table: Table) -> pa.Table:
    rng = np.random.default_rng(11)
    lon, lat = _positions(rng)
    regions = _regions(lon, lat, rng)
    vectors = unit_vectors(
        [np.nan if v is None else v for v in lon], [np.nan if v is None else v for v in lat]
    )
    keys = footprint_ids(pa.array(regions, pa.string()))
    columns: dict[str, Any] = {
        "obs_id": [str(i) for i in range(ROWS)],
        "obs_publisher_did": [f"ivo://x/{i}" for i in range(ROWS)],
        "s_ra": lon,
        "s_dec": lat,
        "s_region": regions,
        "_hpx29": healpix29(
            [np.nan if v is None else v for v in lon], [np.nan if v is None else v for v in lat]
        ),
        "_ux": vectors[:, 0],
        "_uy": vectors[:, 1],
        "_uz": vectors[:, 2],
        "_footprint_id": keys,
        "_access_path": [f"files/{i}" for i in range(ROWS)],
        "s_resolution": [
            None if i % 11 == 3 else float(np.round(rng.uniform(0.01, 5), 3)) for i in range(ROWS)
        ],
        "s_fov": [None if i % 13 == 2 else 0.01 * (i % 9) for i in range(ROWS)],
        "calib_level": [i % 4 for i in range(ROWS)],
        "target_name": [
            ("M83", "NGC_1", "NGC1", "100%", "Cen A", "a\\b", "m83", None)[i % 8] for i in range(ROWS)
        ],
        "t_min": [55000.0 + 10 * i for i in range(ROWS)],
        "em_support": [
            None
            if i % 19 == 4
            else []
            if i % 19 == 5
            else [1.2e-3 + 1e-6 * i, 1.25e-3 + 1e-6 * i, 1.6e-3, 1.7e-3]
            for i in range(ROWS)
        ],
        "obs_release_date": [
            None if i % 10 == 0 else datetime(2020, 1, 1) + timedelta(days=7 * i) for i in range(ROWS)
        ],
        "em_res_power": [
            (None, float("nan"), float("inf"), -1.5, 2.5, 0.0, 1e300, -7.0)[i % 8] for i in range(ROWS)
        ],
        "t_exptime": [float(i % 8) for i in range(ROWS)],
    }
    schema = table.arrow_schema()
    filled = []
    for field in schema:
        values = columns.get(field.name)
        if isinstance(values, np.ndarray):
            filled.append(
                pa.array(values, field.type, mask=None if field.name == "_hpx29" else np.isnan(values))
            )
        elif isinstance(values, pa.Array | pa.ChunkedArray):
            filled.append(values.cast(field.type))
        else:
            filled.append(pa.array([None] * ROWS if values is None else values, field.type))
    return pa.table(filled, names=schema.names)


def _footprints(table: Table, rows: pa.Table) -> pa.Table:
    seen = {
        key: text
        for key, text in zip(rows["_footprint_id"].to_pylist(), rows["s_region"].to_pylist())
        if text is not None
    }
    texts = pa.array(list(seen.values()), pa.string())
    caps = caps_of(texts)
    centre = np.stack([caps["x"], caps["y"], caps["z"]], axis=1)
    lon = np.degrees(np.arctan2(centre[:, 1], centre[:, 0])) % 360
    lat = np.degrees(np.arcsin(np.clip(centre[:, 2], -1, 1)))
    columns = {
        "footprint_id": list(seen),
        "hpx29": healpix29(lon, lat),
        "cap_x": caps["x"],
        "cap_y": caps["y"],
        "cap_z": caps["z"],
        "cap_r": caps["r"],
        "region": texts,
    }
    return pa.table({name: columns[name] for name in table.arrow_schema().names}, schema=table.arrow_schema())


@pytest.fixture(scope="session")
def sky() -> Sky:
    """The database; read-only for tests."""
    tables = published()
    connection = duckdb.connect()
    rows = _rows(tables["ivoa.obscore"])
    for schema in ("ivoa", "holdings", "_hidden", "tap_schema"):
        connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
    for name, table in tables.storage.items():
        content = table.arrow_schema().empty_table()
        if name == "ivoa.obscore":
            content = rows
        elif name == "_hidden.footprint":
            content = _footprints(table, rows)
        connection.register("incoming", content)
        connection.execute(f'CREATE TABLE "{table.schema}"."{table.name}" AS SELECT * FROM incoming')
        connection.unregister("incoming")
    return Sky(connection, tables, rows)


@pytest.fixture
def refusal(sky: Sky) -> Callable[[str], Any]:
    """The error of a query that must be refused."""
    from vo_service.adql import AdqlError

    def refuse(adql: str) -> AdqlError:
        with pytest.raises(AdqlError) as caught:
            write(sky.plan(adql), "duckdb")
        return caught.value

    return refuse
