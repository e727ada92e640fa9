"""What is measured from the pixels of data that are not public: nothing of it comes out of any query.

The holdings are made by an ingest and a harvest; everything is asked by way of the query room, by somebody
without a token, by somebody who may read all, and at moments before and after the release date (design 4.3).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from asking import AFTER, BEFORE, READER, Holdings
from ingest_homes import open_home
from pixel_columns import MEASURED
from pixel_products import MEMBER, harvest_row, write_cube, write_values

from tap_schema import published
from vo_service.access import ANONYMOUS
from vo_service.engines import DuckDBEngine
from vo_service.holdings.measurement import PixelLimits
from vo_service.sky import parse_region

INSTEAD = {
    "ivoa.obscore": {"s_region", "s_shape"},
    "holdings.product": {"evidence"},
    "holdings.header_card": {"value", "comment"},
}
"""Columns in which everybody sees something else, or what the header tells."""

RESTRICTED = [(table, name) for table, names in MEASURED.items() for name in names]


@pytest.fixture(scope="module")
def holdings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Holdings]:
    """A cube of a member set that is released on RELEASE, with a mask that only its pixels tell, and a cube
    without an archive row."""
    place = tmp_path_factory.mktemp("measured")
    member = place / "tree" / MEMBER
    write_cube(member / f"{MEMBER}._M83__sci.spw17.cube.I.pbcor.fits", 1, (1, 40, 48, 48))
    mask = np.zeros((1, 1, 48, 48), np.float32)
    mask[..., 10:20, 10:20] = 1.0
    write_values(member / "odd.fits", mask, BUNIT=None, BMAJ=None, BMIN=None, BPA=None)
    write_cube(place / "tree" / "free" / "M87_sci.spw3.cube.I.fits", 2, (1, 40, 48, 48), OBJECT="M87")
    home = open_home(place / "home")
    home.ingest(place / "tree", pixels=PixelLimits())
    harvest_row(place / "rows.csv", "2031-05-01T00:00:00.000")
    home.harvest(place / "rows.csv")
    snapshot = home.snapshot
    engine = DuckDBEngine(snapshot.engine_file)
    yield Holdings(snapshot, engine)
    engine.close()
    home.snapshots.close()
    home.catalogue.close()


def quoted(table: str) -> str:
    """The condition that rows are of the member set's files."""
    return f"{table}.product_id IN (SELECT product_id FROM holdings.product WHERE path LIKE '{MEMBER}%')"


def test_the_restricted_columns_are_those_that_pixels_tell() -> None:
    measured = published()["holdings.measurement"]
    plain = {
        "product_id", "dataset_id", "state", "error_class", "error_message", "rms_unit", "origin",
        "obs_release_date", "data_rights",
    }  # fmt: skip
    assert {column.name for column in measured.columns if not column.restricted} == plain
    tables = published().values()
    masked = {
        (each.qualified, column.name) for each in tables for column in each.columns if column.restricted
    }
    assert masked == set(RESTRICTED)
    instead = {
        each.qualified: {
            column.name for column in (*each.columns, *each.hidden) if column.measured is not None
        }
        for each in tables
    }
    assert {name: columns for name, columns in instead.items() if columns} == INSTEAD
    guarded = {each.qualified: each.guarded for each in tables if each.guarded is not None}
    assert guarded == {"holdings.line_candidate": "all", "holdings.repair": "marked"}


@pytest.mark.parametrize(("table", "name"), RESTRICTED)
def test_nobody_without_the_right_learns_of_a_value(holdings: Holdings, table: str, name: str) -> None:
    column = published()[table].column(name).adql_name
    short = table.partition(".")[2]
    condition = quoted(short)
    outline = name == "moc"
    size = f"AREA({column})" if outline else column
    same = f"1 = INTERSECTS({column}, {column})" if outline else f"{column} = {column}"
    joined = f"1 = INTERSECTS(a.{column}, b.{column})" if outline else f"a.{column} = b.{column}"
    questions = {
        "values": f"SELECT {column} FROM {table} WHERE {condition} AND {column} IS NOT NULL",
        "conditions": f"SELECT product_id FROM {table} WHERE {condition} AND {same}",
        "aggregates": f"SELECT COUNT({column}) AS n, MAX({size}) AS m FROM {table} WHERE {condition}",
        "groups": f"SELECT s.v, COUNT(*) AS n FROM (SELECT {size} AS v FROM {table} WHERE {condition} AND "
        f"{column} IS NOT NULL) AS s GROUP BY s.v",
        "joins": f"SELECT a.product_id FROM {table} AS a JOIN {table} AS b ON {joined} "
        f"AND a.product_id = b.product_id WHERE {quoted('a')}",
        "subqueries": f"SELECT s.{column} FROM (SELECT product_id, {column} FROM {table}) AS s "
        f"WHERE {quoted('s')} AND s.{column} IS NOT NULL",
    }
    there = holdings.ask(questions["values"], READER)
    for kind, adql in questions.items():
        hidden, shown = holdings.ask(adql), holdings.ask(adql, READER)
        released = holdings.ask(adql, now=AFTER)
        assert sorted(map(repr, released)) == sorted(map(repr, shown)), kind
        if kind == "aggregates":
            assert hidden == [(0, None)]
            assert shown[0][0] == len(there)
        else:
            assert hidden == [], kind
            assert bool(shown) == bool(there), kind
    for viewer, now in ((ANONYMOUS, BEFORE), (READER, BEFORE), (ANONYMOUS, AFTER)):
        dump = holdings.ask(f"SELECT * FROM {table}", viewer, now)
        at = [each.name for each in published()[table].columns].index(name)
        names = {row[0] for row in holdings.ask("SELECT product_id FROM holdings.product WHERE "
                                                f"path LIKE '{MEMBER}%'")}  # fmt: skip
        key = [each.name for each in published()[table].columns].index("product_id")
        known = [row[at] for row in dump if row[key] in names and row[at] is not None]
        assert len(known) == (0 if (viewer, now) == (ANONYMOUS, BEFORE) else len(there))


def test_the_values_themselves_come_out_with_the_right_alone(holdings: Holdings) -> None:
    adql = f"SELECT peak FROM holdings.measurement WHERE {quoted('measurement')} AND peak > 30"
    assert holdings.ask(adql) == []
    assert holdings.ask(adql, READER) == [(40.0,)]
    assert holdings.ask(adql, now=AFTER) == [(40.0,)]
    assert holdings.ask(adql, unlisted_open=True) == []  # it is listed
    adql = f"SELECT peak FROM holdings.measurement WHERE NOT {quoted('measurement')}"
    assert holdings.ask(adql, now=AFTER) == [(None,)]
    assert holdings.ask(adql, unlisted_open=True) == [(40.0,)]


def test_that_there_are_candidates_is_told_to_nobody_without_the_right(holdings: Holdings) -> None:
    adql = "SELECT COUNT(*) AS n FROM holdings.line_candidate"
    [(everything,)] = holdings.ask(adql, READER)
    assert everything >= 2
    assert holdings.ask(adql) == [(0,)]
    [(some,)] = holdings.ask(adql, now=AFTER)
    assert 0 < some < everything
    adql = (
        "SELECT COUNT(*) AS n FROM holdings.product AS p LEFT JOIN holdings.line_candidate AS l "
        "ON p.product_id = l.product_id WHERE l.product_id IS NOT NULL"
    )
    assert (holdings.ask(adql), holdings.ask(adql, READER)) == ([(0,)], [(everything,)])


def test_what_pixels_tell_of_a_role_is_not_in_its_evidence(holdings: Holdings) -> None:
    adql = f"SELECT role, evidence FROM holdings.product WHERE path = '{MEMBER}/odd.fits'"
    [(role, hidden)] = holdings.ask(adql)
    [(_, shown)] = holdings.ask(adql, READER)
    assert holdings.ask(adql, now=AFTER) == [("mask", shown)]
    assert role == "mask"
    assert "0.0434" in shown  # the part of pixels that are 1
    assert "0.0434" not in hidden
    assert hidden.endswith("pixels")


OUTLINE = "SELECT s_region, s_shape FROM ivoa.obscore WHERE target_name = '{}' AND dataset_id IS NOT NULL"


def test_the_outline_of_the_pixels_is_shown_by_the_clock(holdings: Holdings) -> None:
    [(hidden, hidden_shape)] = holdings.ask(OUTLINE.format("M83"))
    [(shown, shape)] = holdings.ask(OUTLINE.format("M83"), READER)
    assert holdings.ask(OUTLINE.format("M83"), now=AFTER) == [(shown, shape)]
    public, exact = parse_region(hidden).area(), parse_region(shown).area()
    assert hidden.startswith(("Polygon", "Circle")) and hidden_shape is not None
    assert public == pytest.approx(48 * 48 * 1e-8, rel=1e-3)
    assert exact == pytest.approx((48 * 48 - 36) * 1e-8, rel=2e-2)
    assert exact < public


@pytest.mark.parametrize(
    ("condition", "public", "exact"),
    [
        ("1 = INTERSECTS(CIRCLE({ra}, {dec}, 0.0001), s_region)", 1, 0),
        ("1 = CONTAINS(POINT({ra}, {dec}), s_region)", 1, 0),
        ("0 = INTERSECTS(CIRCLE({ra}, {dec}, 0.0001), s_region)", 0, 1),
        ("1 = CONTAINS(s_region, CIRCLE(204.25, -29.87, 1.0))", 1, 1),
    ],
)
def test_regions_are_tested_against_the_outline_that_is_shown(
    holdings: Holdings, condition: str, public: int, exact: int
) -> None:
    """In the corner that has no valid pixels, whose place is told to nobody before the release."""
    corner = {"ra": 204.25 + 30e-4 / np.cos(np.radians(29.87)), "dec": -29.87 - 30e-4}
    where = f"target_name = 'M83' AND dataset_id IS NOT NULL AND {condition.format(**corner)}"
    adql = f"SELECT COUNT(*) AS n FROM ivoa.obscore WHERE {where}"
    assert holdings.ask(adql) == [(public,)]
    assert holdings.ask(adql, READER) == [(exact,)]
    assert holdings.ask(adql, now=AFTER) == [(exact,)]
