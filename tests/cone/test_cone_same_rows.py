"""A cone search of each table gives the rows that TAP finds by the distance of their positions, and astropy
too: of the sample holdings, and where these have no rows of made ones."""

from __future__ import annotations

import csv
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pytest
import requests
from astropy.coordinates import angular_separation
from hypothesis import given, settings
from hypothesis import strategies as st
from made_archive import MadeArchive

from tap_schema import published
from vo_service.cone.tables import cone_tables

TABLES: Final = cone_tables(published())
DRAWS: Final = 5
NOT_IN_THE_SAMPLE: Final = ("holdings.supplement",)


Ask = Callable[[str, dict[str, str]], list[dict[str, str]]]
"""The rows of an answer to a form that is sent to a path."""


class Searched:
    """The rows of a table with a position, by their keys, and what is found among them."""

    def __init__(self, ask: Ask, name: str) -> None:
        self.ask, self.cone = ask, TABLES[name]
        self.names = [column.name for column in self.cone.key]
        rows = self.tap(f"{self.cone.lon.name} IS NOT NULL AND {self.cone.lat.name} IS NOT NULL")
        self.keys = [self.key(row) for row in rows]
        places = [(row[self.cone.lon.name], row[self.cone.lat.name]) for row in rows]
        self.lon, self.lat = np.array(places, dtype=np.float64).reshape(-1, 2).T

    def key(self, row: dict[str, str]) -> tuple[str, ...]:
        return tuple(row[name] for name in self.names)

    def tap(self, condition: str) -> list[dict[str, str]]:
        columns = ", ".join([*self.names, self.cone.lon.name, self.cone.lat.name])
        query = f"SELECT {columns} FROM {self.cone.table.adql_name} WHERE {condition}"
        return self.ask("/tap/sync", {"LANG": "ADQL", "QUERY": query, "MAXREC": "1000000"})

    def away(self, lon: float, lat: float) -> Any:
        """Degrees of all rows from a place."""
        return np.degrees(
            angular_separation(*np.radians([lon, lat]), np.radians(self.lon), np.radians(self.lat))
        )


@pytest.fixture
def ask(live_server: str, made: MadeArchive, name: str) -> Ask:
    def of_sample(path: str, form: dict[str, str]) -> list[dict[str, str]]:
        answer = requests.post(f"{live_server}{path}", {**form, "RESPONSEFORMAT": "csv"}, timeout=60)
        assert answer.status_code == 200, answer.text
        return list(csv.DictReader(answer.text.splitlines()))

    def of_made(path: str, form: dict[str, str]) -> list[dict[str, str]]:
        return made.csv(path, list(form.items()))

    return of_made if name in NOT_IN_THE_SAMPLE else of_sample


@st.composite
def cones(draw: st.DrawFn, found: Searched) -> tuple[float, float, float]:
    """Round a place near a row, as wide as to hold some of the rows and not all."""
    row = draw(st.integers(0, len(found.keys) - 1))
    lon = (found.lon[row] + draw(st.floats(-2.0, 2.0))) % 360.0
    lat = float(np.clip(found.lat[row] + draw(st.floats(-2.0, 2.0)), -90.0, 90.0))
    away = np.unique(np.round(found.away(lon, lat), 7))
    place = int(draw(st.floats(0.05, 0.85)) * (len(away) - 1))
    return float(lon), lat, float(0.5 * (away[place] + away[min(place + 1, len(away) - 1)]))


@pytest.mark.parametrize("name", TABLES)
def test_tap_finds_the_same(ask: Ask, name: str) -> None:
    # SCS-011, SCS-016
    found = Searched(ask, name)
    assert len(found.keys) > 10 and len(set(found.keys)) == len(found.keys)
    shares = []

    @settings(max_examples=DRAWS, database=None)
    @given(cones(found))
    def each(cone: tuple[float, float, float]) -> None:
        lon, lat, radius = cone
        asked = {"RA": repr(lon), "DEC": repr(lat), "SR": repr(radius), "VERB": "1", "MAXREC": "1000000"}
        rows = ask(f"/cone/{name}", asked)
        by_cone = {found.key(row) for row in rows}
        position = f"{found.cone.lon.name}, {found.cone.lat.name}"
        by_tap = {
            found.key(row) for row in found.tap(f"DISTANCE({position}, {lon!r}, {lat!r}) <= {radius!r}")
        }
        assert by_cone == by_tap and len(rows) == len(by_cone)
        away = found.away(lon, lat)
        known = {key for key, far in zip(found.keys, away, strict=True) if far < radius - 1e-9}
        open_ = {key for key, far in zip(found.keys, away, strict=True) if abs(far - radius) <= 1e-9}
        assert known <= by_cone <= known | open_
        shares.append(len(by_cone) / len(found.keys))

    each()
    assert np.mean([0.01 <= share <= 0.9 for share in shares]) >= 0.6
