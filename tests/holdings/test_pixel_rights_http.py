"""What is measured from the pixels of data that are not public, asked over HTTP: with a token that may read
all, with one that may not, without any. The same gate stands before the files themselves (design 4.3).
"""

from __future__ import annotations

import base64
import csv
import io
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import httpx
import numpy as np
import pyarrow.parquet as pq
import pytest
from astropy.table import Table
from ingest_homes import open_home
from pixel_columns import MEASURED
from pixel_products import MEMBER, harvest_row, write_cube
from starlette.applications import Starlette

from tap_schema import published
from vo_service.access.tokens import make_token
from vo_service.app import create_app
from vo_service.holdings.measurement import PixelLimits
from vo_service.settings import Settings
from vo_service.store import Catalogue
from vo_service.store.tokens import TokenTable

HIDDEN = [(table, name) for table, names in MEASURED.items() for name in names]
MINE = f"product_id IN (SELECT product_id FROM holdings.product WHERE path LIKE '{MEMBER}%')"


@dataclass(frozen=True)
class Door:
    """The application on holdings whose one archive row is released in 2999, and two people's tokens."""

    app: Starlette
    reader: str
    other: str
    products: tuple[str, ...]

    def ask(
        self, path: str, token: str | None = None, method: str = "GET", user: str | None = None, **more: Any
    ) -> httpx.Response:
        """An answer; ``user`` sends the token as the password of that user."""
        headers: dict[str, str] = dict(more.pop("headers", {}))
        if token is not None:
            permit = base64.b64encode(f"{user}:{token}".encode()).decode()
            headers["Authorization"] = f"Bearer {token}" if user is None else f"Basic {permit}"

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
                return await client.request(method, path, headers=headers, **more)

        return anyio.run(send)

    def query(
        self, adql: str, token: str | None = None, user: str | None = None, form: str = "csv"
    ) -> httpx.Response:
        """The answer to a query, by POST."""
        sent = {"LANG": "ADQL", "QUERY": adql, "RESPONSEFORMAT": form, "MAXREC": "100000"}
        answer = self.ask("/tap/sync", token, "POST", user, data=sent)
        assert answer.status_code == 200, answer.text
        return answer

    def rows(self, adql: str, token: str | None = None, user: str | None = None) -> list[tuple[str, ...]]:
        """Rows of the answer as texts; null is an empty one."""
        return [tuple(row) for row in csv.reader(io.StringIO(self.query(adql, token, user).text))][1:]


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    place = tmp_path_factory.mktemp("door")
    write_cube(place / "tree" / MEMBER / f"{MEMBER}._M83__sci.spw17.cube.I.pbcor.fits", 1, (1, 40, 48, 48))
    home = open_home(place / "home")
    home.ingest(place / "tree", pixels=PixelLimits())
    harvest_row(place / "rows.csv", "2999-05-01T00:00:00.000")
    home.harvest(place / "rows.csv")
    products = tuple(row["product_id"] for row in home.rows("holdings.product"))
    home.snapshots.close()
    home.catalogue.close()
    app = create_app(Settings.load(home=place / "home", environ={}))
    yield Door(app, token(place / "home", "ann", "read:all"), token(place / "home", "bob"), products)
    app.state.close()


def token(home: Path, subject: str, *scopes: str) -> str:
    catalogue = Catalogue.open_in(home)
    new = make_token(subject, frozenset(scopes), datetime.now(UTC), None)
    TokenTable(catalogue).add(new.stored)
    catalogue.close()
    return new.text


Asks = Callable[[Door, str], list[tuple[str, ...]]]
WITHOUT: tuple[Asks, ...] = (
    lambda door, adql: door.rows(adql),
    lambda door, adql: door.rows(adql, door.other),
    lambda door, adql: door.rows(adql, door.other, "bob"),
)
WITH: tuple[Asks, ...] = (
    lambda door, adql: door.rows(adql, door.reader),
    lambda door, adql: door.rows(adql, door.reader, "ann"),
)


@pytest.mark.parametrize(("table", "name"), HIDDEN)
def test_a_value_comes_out_with_the_right_alone(door: Door, table: str, name: str) -> None:
    # AUTH-037, TAP-008
    column = published()[table].column(name).adql_name
    value = f"AREA({column})" if name == "moc" else column
    values = f"SELECT {value} AS v FROM {table} WHERE {MINE} AND {column} IS NOT NULL"
    counted = f"SELECT COUNT({column}) AS n, MAX({value}) AS m FROM {table} WHERE {MINE}"
    grouped = (
        f"SELECT s.v, COUNT(*) AS n FROM (SELECT {value} AS v FROM {table} WHERE {MINE} AND {column} IS NOT "
        "NULL) AS s GROUP BY s.v"
    )
    there = [sorted(ask(door, values)) for ask in WITH]
    assert there[0] == there[1]
    for ask in WITHOUT:
        assert ask(door, values) == []
        assert ask(door, counted) == [("0", "")]
        assert ask(door, grouped) == []
    for ask in WITH:
        [(number, _)] = ask(door, counted)
        assert int(number) == len(there[0])
        assert bool(ask(door, grouped)) is bool(there[0])


def test_there_is_something_to_hide(door: Door) -> None:
    names = [
        (table, name) for table, name in HIDDEN if table in ("holdings.measurement", "holdings.peak_spectrum")
    ]
    shown = [
        door.rows(f"SELECT COUNT({published()[table].column(name).adql_name}) AS n FROM {table}", door.reader)
        for table, name in names
    ]
    assert sum(rows != [("0",)] for rows in shown) >= 10


@pytest.mark.parametrize("table", MEASURED)
def test_dumps_are_the_same_for_all_who_have_no_right(door: Door, table: str) -> None:
    adql = f"SELECT * FROM {table}"
    plain, weak, strong = (door.rows(adql, each) for each in (None, door.other, door.reader))
    assert plain == weak
    at = [column.name for column in published()[table].columns]
    hidden = [at.index(name) for name in MEASURED[table]]
    assert all(row[place] == "" for row in plain for place in hidden)
    if table == "holdings.line_candidate":
        assert plain == [] and strong
    else:
        assert len(plain) == len(strong) and len(strong) >= 1


def values_of(content: bytes, form: str) -> list[tuple[float | None, str | None]]:
    """Rows of a number and a text, read by programs that are not ours."""
    if form == "json":
        found = [tuple(row) for row in json.loads(content)["data"]]
    elif form in ("csv", "tsv"):
        lines = csv.reader(io.StringIO(content.decode()), delimiter={"csv": ",", "tsv": "\t"}[form])
        found = [tuple(row) for row in lines][1:]
    elif form == "parquet":
        found = [tuple(row.values()) for row in pq.read_table(io.BytesIO(content)).to_pylist()]
    else:
        table = Table.read(io.BytesIO(content), format="fits" if form == "fits" else "votable")
        found = [tuple(None if each is np.ma.masked else each for each in row) for row in table.iterrows()]
    return [
        (
            None if number in (None, "") or math.isnan(float(number)) else float(number),
            str(text or "") or None,
        )
        for number, text in found
    ]


@pytest.mark.parametrize(
    "form", ["votable", "votable/td", "votable/b", "votable/1.5", "csv", "tsv", "json", "fits", "parquet"]
)
def test_no_format_gives_away_what_another_hides(door: Door, form: str) -> None:
    adql = f"SELECT peak_ra, content_hash FROM holdings.measurement WHERE {MINE}"
    [(peak, fingerprint)] = door.rows(adql, door.reader)
    assert float(peak) > 0 and len(fingerprint) > 8
    shown = door.query(adql, door.reader, form=form).content
    assert values_of(shown, form) == [(float(peak), fingerprint)]
    for asked in (None, door.other):
        hidden = door.query(adql, asked, form=form).content
        assert values_of(hidden, form) == [(None, None)]
        assert fingerprint.encode() not in hidden


def test_whether_something_is_there_is_told_to_nobody_else(door: Door) -> None:
    adql = "SELECT COUNT(*) AS n FROM holdings.line_candidate"
    assert door.rows(adql) == door.rows(adql, door.other) == [("0",)]
    assert int(door.rows(adql, door.reader)[0][0]) >= 1


def test_the_outline_of_the_valid_pixels_is_in_region_and_conditions_alike(door: Door) -> None:
    mine = "FROM ivoa.obscore WHERE dataset_id IS NOT NULL"
    adql = f"SELECT s_region {mine}"
    public, shown = door.rows(adql), door.rows(adql, door.reader)
    assert len(public) == len(shown) == 1
    assert public == door.rows(adql, door.other) and public != shown
    corner = f"SELECT COUNT(*) AS n {mine} AND 1 = CONTAINS(POINT(204.2534, -29.8730), s_region)"
    middle = f"SELECT COUNT(*) AS n {mine} AND 1 = CONTAINS(POINT(204.2510, -29.8708), s_region)"
    for asked, in_corner in ((None, "1"), (door.other, "1"), (door.reader, "0")):  # the corner is blank
        assert door.rows(corner, asked) == [(in_corner,)]
        assert door.rows(middle, asked) == [("1",)]


def test_rights_are_told_as_they_are_whoever_asks(door: Door) -> None:
    adql = "SELECT DISTINCT data_rights FROM ivoa.obscore"
    assert door.rows(adql) == door.rows(adql, door.reader) == [("Proprietary",)]


def test_a_file_is_behind_the_same_gate(door: Door) -> None:
    # AUTH-030, AUTH-034, AUTH-037, AUTH-038
    for product in door.products:
        path = f"/files/{product}"
        for method in ("GET", "HEAD"):
            refused = door.ask(path, None, method)
            assert refused.status_code == 401
            assert len(refused.headers.get_list("www-authenticate")) == 2
            forbidden = door.ask(path, door.other, method)
            assert forbidden.status_code == 403
            assert forbidden.headers["X-VO-Authenticated"] == "bob"
            given = door.ask(path, door.reader, method)
            assert given.status_code == 200
            assert given.headers["X-VO-Authenticated"] == "ann"
            assert "private" in given.headers["Cache-Control"] and "Authorization" in given.headers["Vary"]
        part = door.ask(path, door.reader, user="ann", headers={"Range": "bytes=0-9"})
        assert (part.status_code, part.content) == (206, b"SIMPLE  = ")
        assert door.ask(path, headers={"Range": "bytes=0-9"}).status_code == 401
        kept = door.ask(path, door.reader).headers["ETag"]
        assert door.ask(path, headers={"If-None-Match": kept}).status_code == 401
        assert "is proprietary until 2999-05-01T00:00:00Z." in door.ask(path).text


def test_a_bad_token_gets_no_row_at_all(door: Door) -> None:
    # AUTH-031
    bad = make_token("ann", frozenset(("read:all",)), datetime.now(UTC), None).text
    for path in ("/tap/sync?LANG=ADQL&QUERY=SELECT+*+FROM+ivoa.obscore", f"/files/{door.products[0]}"):
        assert door.ask(path, bad).status_code == 401
