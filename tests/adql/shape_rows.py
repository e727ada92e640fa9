"""A table of positions and shapes that are hard on geometry, on each engine, and a way to ask about them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from astropy.coordinates import angular_separation
from plain_engines import PlainEngine
from sqlglot import parse_one

from tap_schema import Column, Table
from vo_service.adql import AdqlError, Plan, parse, plan_query, resolve, write
from vo_service.adql.names import UnknownName

NAN, INF = float("nan"), float("inf")
PLACES = (
    (0.0, 0.0),
    (360.0, 0.0),
    (-1e-15, 0.0),
    (10.0, 20.0),
    (370.0, 20.0),
    (-350.0, 20.0),
    (190.0, -20.0),
    (0.0, 90.0),
    (123.0, 90.0),
    (77.0, -90.0),
    (359.9999, 0.0),
    (180.0, 0.0),
    (10.05, 20.05),
    (10.0, 89.9),
    (190.0, 89.9),
    (266.4, -28.9),
)
NOT_PLACES = ((10.0, 90.0000001), (10.0, 100.0), (NAN, 5.0), (5.0, INF), (None, 5.0), (5.0, None), (INF, 0.0))
RADII = (0.1, 0.0, 1e-9, 30.0, 90.0, 120.0, 179.9, 180.0, 400.0, 5.0, 0.05, 13.0)
NOT_RADII = (None, -1.0, NAN, INF)
SIDES = (1.0, 0.0, 10.0, 120.0, 179.0, 0.2)
NOT_SIDES = (None, -1.0, 180.0, NAN)
NUMBERS = ("lon", "lat", "r", "lon2", "lat2", "r2", "w", "h")
CORNERS = tuple(f"{axis}{n}" for n in (1, 2, 3, 4) for axis in "xy")

Row = dict[str, Any]


def rows() -> list[Row]:
    """Every kind of place, radius and side, beside each other in turns; seeded."""
    rng = np.random.default_rng(5)
    places = [*PLACES, *NOT_PLACES]
    radii, sides = [*RADII, *NOT_RADII], [*SIDES, *NOT_SIDES]
    made: list[Row] = []
    for index in range(150):
        lon, lat = places[index % len(places)]
        lon2, lat2 = places[(index * 7 + 3) % len(places)]
        if index % 3 == 0 and None not in (lon, lat):
            lon2, lat2 = lon + float(rng.normal(0, 0.1)), lat + float(rng.normal(0, 0.1))
        row: Row = {
            "id": index,
            "lon": lon,
            "lat": lat,
            "r": radii[index % len(radii)],
            "lon2": lon2,
            "lat2": lat2,
            "r2": radii[(index * 5 + 2) % len(radii)],
            "w": sides[index % len(sides)],
            "h": sides[(index * 3 + 1) % len(sides)],
        }
        row |= dict(zip(CORNERS, _corners(rng, index, lon, lat)))
        row |= _stored(row)
        made.append(row)
    return made


def _corners(rng: np.random.Generator, index: int, lon: Any, lat: Any) -> list[float | None]:
    """Four corners: round the row's place, or flat, or with a part missing."""
    if index % 10 == 9:
        return [1.0, 1.0, 2.0, 1.0, None, 2.0, 1.0, 3.0]
    if index % 10 == 8:
        return [10.0, 0.0, 20.0, 0.0, 30.0, 0.0, 40.0, 0.0]  # all on one great circle
    if lon is None or lat is None or not np.isfinite(lon) or not abs(lat) < 80.0:
        return [0.0, 80.0, 90.0, 80.0, 180.0, 80.0, 270.0, 80.0]
    size = float(rng.choice([0.3, 3.0, 20.0]))
    sign = 1.0 if index % 2 else -1.0
    steps = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    if index % 7 == 0:
        steps[3] = (0.5, -0.5)  # a dent
    return [v for x, y in steps for v in (lon + sign * x * size, max(-90.0, min(90.0, lat + y * size)))]


def _stored(row: Row) -> Row:
    """The same as values that are stored whole: DALI arrays and texts."""
    lon, lat, r = row["lon"], row["lat"], row["r"]
    corners = [row[name] for name in CORNERS]
    circle = None if None in (lon, lat, r) else [lon, lat, r]
    regions = (
        "Circle ICRS 10 20 0.5",
        "Polygon ICRS 9 19 11 19 11 21 9 21",
        "Union ICRS ( Circle 10 20 0.2 Circle 12 20 0.2 )",
        "Union ICRS ( Circle 10 20 3 Not ( Circle 10 20 1 ) )",
        "no region",
        None,
        "circle 0 0 1",
    )
    mocs = ("0/4", "4/0-20", "29/1-3 5/77", None, "8/", "nothing")
    return {
        "spot": None if None in (lon, lat) else [lon, lat],
        "disc": circle,
        "ring": None if None in corners else corners,
        "outline": regions[row["id"] % len(regions)],
        "cells": mocs[row["id"] % len(mocs)],
        "words": f"{lon!r} {lat!r}" if (lon, lat) in PLACES else None,
    }


def table() -> Table:
    """``t.shapes``."""
    numbers = [_column(name, "double", None, None, "deg") for name in (*NUMBERS, *CORNERS)]
    return Table(
        "t",
        "shapes",
        "Hard geometry.",
        None,
        "table",
        1,
        (
            _column("id", "int"),
            *numbers,
            _column("spot", "double", "2", "point", "deg"),
            _column("disc", "double", "3", "circle", "deg"),
            _column("ring", "double", "*", "polygon", "deg"),
            _column("outline", "char", "*", "adql:REGION"),
            _column("cells", "char", "*", "moc"),
            _column("words", "char", "*"),
        ),
    )


def _column(
    name: str,
    datatype: str,
    arraysize: str | None = None,
    xtype: str | None = None,
    unit: str | None = None,
) -> Column:
    return Column(name, datatype, arraysize, xtype, unit, None, None, "")


class Targets:
    """Knows one name."""

    def position(self, name: str) -> tuple[float, float]:
        if name.upper() == "M83":
            return 204.253958, -29.865417
        raise UnknownName(name, ("M83",))


@dataclass(frozen=True)
class Bench:
    """An engine that holds ``t.shapes``."""

    engine: PlainEngine
    rows: list[Row]

    def ask(self, adql: str) -> list[tuple[Any, ...]]:
        """The rows of an answer, probes settled."""
        plan = plan_query(resolve(parse(adql), {"t.shapes": table()}, Targets()))
        written = write(plan, self.engine.dialect)
        handed: dict[str, pa.Table] = {}
        for probe in written.probes:
            asking = Asking(self.engine, {name: handed[name] for name in probe.reads})
            handed[probe.name] = probe.answer(asking)
        return self.engine.run(written.sql, handed)

    def column(self, expression: str) -> list[Any]:
        """One value for each row of the table, in its order."""
        return [row[1] for row in sorted(self.ask(f"SELECT id, {expression} AS v FROM t.shapes"))]

    def ids(self, condition: str) -> list[int]:
        """The rows for which a condition holds."""
        return sorted(row[0] for row in self.ask(f"SELECT id FROM t.shapes WHERE {condition}"))


@dataclass
class Asking:
    """Runs the SQL of probes."""

    engine: PlainEngine
    handed: Mapping[str, pa.Table]
    rows: int = 1_000_000
    pairs: int = 1_000_000

    def __call__(self, sql: str, handed: Mapping[str, pa.Table] | None = None) -> Iterator[pa.RecordBatch]:
        found = self.engine.run(sql, {**self.handed, **(handed or {})})
        if found:
            columns = [pa.array(list(column)) for column in zip(*found)]
            yield pa.RecordBatch.from_arrays(columns, names=self._names(sql))

    def _names(self, sql: str) -> list[str]:
        return [each.alias_or_name for each in parse_one(sql, read=self.engine.dialect).selects]

    def check(self) -> None:
        """Nobody stops a test."""


def contents() -> pa.Table:
    """The rows as Arrow has them."""
    made = rows()
    types = {name: pa.float64() for name in (*NUMBERS, *CORNERS)}
    types |= {name: pa.list_(pa.float64()) for name in ("spot", "disc", "ring")}
    types |= {name: pa.string() for name in ("outline", "cells", "words")} | {"id": pa.int32()}
    return pa.table({name: pa.array([row[name] for row in made], types[name]) for name in types})


def open_bench(engine: PlainEngine) -> Bench:
    """The table on an engine."""
    engine.create("t", "shapes", contents())
    return Bench(engine, rows())


def is_place(row: Row) -> bool:
    lon, lat = row["lon"], row["lat"]
    return lon is not None and lat is not None and math.isfinite(lon) and abs(lat) <= 90.0


def is_radius(radius: Any) -> bool:
    return radius is not None and math.isfinite(radius) and radius >= 0.0


def check_numbers(
    values: list[Any], wanted: Callable[[Row], Any], bench: Bench, close: float = 1e-12
) -> None:
    """Every row's number or array against the wanted one; None is None."""
    for row, found in zip(bench.rows, values, strict=True):
        expected = wanted(row)
        if expected is None:
            assert found is None, row["id"]
            continue
        assert found is not None, row["id"]
        assert np.allclose(found, expected, rtol=close, atol=close), (row["id"], found, expected)


def apart(one: Any, other: Any) -> float:
    return math.degrees(float(angular_separation(*np.radians([*one, *other]))))


def plan(expression: str) -> Plan:
    """The plan of one value of the table."""
    return plan_query(resolve(parse(f"SELECT {expression} FROM t.shapes"), {"t.shapes": table()}, Targets()))


def refused(expression: str) -> AdqlError:
    """The error of a value of the table that must be refused."""
    with pytest.raises(AdqlError) as caught:
        plan(expression)
    return caught.value
