"""What was measured on pixels that are not public reads as null to everybody else, in any question."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections import defaultdict
from datetime import UTC, datetime

import pytest
import pyvo
from conftest_truth import read_truth, rows_of_home
from pixel_columns import MEASURED

FILLED = {
    "holdings.measurement": "peak", "holdings.peak_spectrum": "peak", "holdings.line_candidate": "snr",
}  # fmt: skip
"""Columns that most public rows have a value in."""

PIXEL_CARDS = ("DATAMAX", "DATAMIN", "CHECKSUM", "DATASUM", "ZHECKSUM", "ZDATASUM", "NOISE", "RMS")
PIXEL_RULES = ("SKY-TWIN", "PIX-BLANK")


@pytest.fixture(scope="module")
def tables(holdings):
    """What is stored, seen by nobody's rights."""
    return rows_of_home(holdings.home)


@pytest.fixture(scope="module")
def closed(holdings, tables) -> frozenset[str]:
    """Products of data that are not released, by the truth."""
    truth = read_truth(holdings.sample)
    now = datetime.now(UTC).replace(tzinfo=None)
    embargoed = set()
    for group in truth["datasets"]:
        facts = {**(group["member_facts"] or {}), **group["obscore"]}
        released = facts.get("obs_release_date")
        if released is not None and datetime.fromisoformat(released) > now:
            embargoed |= set(group["members"])
    products = tables["holdings.product"]
    found = frozenset(row["product_id"] for row in products if row["path"] in embargoed)
    assert found
    return found


@pytest.fixture(scope="module")
def ask(live_server):
    service = pyvo.dal.TAPService(f"{live_server}/tap")
    return lambda adql: service.search(adql, maxrec=100000).to_table()


def is_dated_ahead(row) -> bool:
    """Whether a stored row is not released, which tests of the dates themselves compare with the truth."""
    date = row["obs_release_date"]
    return date is not None and date > datetime.now(UTC).replace(tzinfo=None)


def is_null(cell) -> bool:
    return getattr(cell, "mask", False) is True or bool(getattr(cell, "mask", False)) or cell == ""


@pytest.mark.parametrize("table", MEASURED)
def test_embargoed_rows_are_there_without_their_values(ask, closed, table: str) -> None:
    columns = MEASURED[table]
    found = ask(f"SELECT product_id, {', '.join(columns)} FROM {table}")
    embargoed = [row for row in found if row["product_id"] in closed]
    assert embargoed or table == "holdings.line_candidate"
    for row in embargoed:
        told = [name for name in columns if not is_null(row[name])]
        assert told == [], (row["product_id"], told)
    public = [row for row in found if row["product_id"] not in closed]
    if table in FILLED:
        assert sum(not is_null(row[FILLED[table]]) for row in public) > 0.8 * len(public) > 10


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("holdings.measurement", "rms"),
        ("holdings.measurement", "valid_area"),
        ("holdings.line_candidate", "f_low"),
        ("holdings.qa2", "rms_achieved"),
        ("holdings.peak_spectrum", "peak"),
        ("holdings.line_candidate", "snr"),
    ],
)
def test_conditions_and_aggregates_see_nothing_either(ask, closed, table: str, column: str) -> None:
    chosen = ask(f"SELECT product_id FROM {table} WHERE {column} > 0 OR {column} <= 0")
    assert len(chosen) and not closed & set(chosen["product_id"])
    ordered = ask(
        f"SELECT product_id, COUNT({column}) AS n, MAX({column}) AS high FROM {table} GROUP BY product_id"
    )
    for row in ordered:
        if row["product_id"] in closed:
            assert row["n"] == 0 and is_null(row["high"])
    joined = ask(
        f"SELECT p.product_id FROM holdings.product AS p JOIN {table} AS m ON p.product_id = m.product_id "
        f"WHERE m.{column} IS NOT NULL"
    )
    assert len(joined) and not closed & set(joined["product_id"])


def test_a_closed_cube_shows_neither_its_lines_nor_that_it_has_any(ask, closed, tables) -> None:
    """Whether a row is there must not tell whether a line is: that, too, was measured."""
    assert closed & {row["product_id"] for row in tables["holdings.line_candidate"]}
    found = set(ask("SELECT product_id FROM holdings.line_candidate")["product_id"])
    assert not found & closed


def test_regions_of_closed_images_are_those_of_header_and_archive(ask, tables) -> None:
    """Stored beside them is the outline of the valid pixels, which the public ones show."""
    found = ask("SELECT dataset_id, s_region, s_shape FROM ivoa.obscore WHERE dataset_id IS NOT NULL")
    shown = {row["dataset_id"]: (str(row["s_region"]), row["s_shape"]) for row in found}
    hidden, told = 0, 0
    for row in tables["ivoa.obscore"]:
        measured = row["_region_measured"]
        if measured is None:
            continue
        region, shape = shown[row["dataset_id"]]
        if is_dated_ahead(row):
            hidden += 1
            assert region == (row["s_region"] or "")
            assert is_null(shape) == (row["s_shape"] is None)
        elif row["obs_release_date"] is not None or row["origin"] == "file":
            told += measured != row["s_region"]
            assert region == measured
    assert hidden and told


def test_evidence_of_closed_files_tells_nothing_of_pixels(ask, closed, tables) -> None:
    found = ask("SELECT product_id, evidence FROM holdings.product")
    shown = {row["product_id"]: str(row["evidence"]) for row in found}
    for row in tables["holdings.product"]:
        if is_dated_ahead(row) or row["product_id"] in closed:
            assert "pixels: " not in shown[row["product_id"]]
            assert shown[row["product_id"]] == (row["evidence"] or "")


def test_cards_and_repairs_of_closed_files_tell_nothing_of_pixels(ask, closed) -> None:
    words = ", ".join(f"'{name}'" for name in PIXEL_CARDS)
    cards = ask(f'SELECT product_id, "value", comment FROM holdings.header_card WHERE keyword IN ({words})')
    for row in cards:
        if row["product_id"] in closed:
            assert is_null(row["value"]) and is_null(row["comment"])
    rules = ", ".join(f"'{name}'" for name in PIXEL_RULES)
    told = ask(f"SELECT product_id FROM holdings.repair WHERE rule_id IN ({rules})")
    assert not closed & set(told["product_id"])
    others = ask("SELECT product_id FROM holdings.repair WHERE product_id IS NOT NULL")
    assert closed & set(others["product_id"])


def test_no_tar_gives_away_a_closed_file(live_server, closed, tables) -> None:
    """Whatever the row of the tar says: its bytes are those of its members."""
    products = tables["holdings.product"]
    names = {(row["root"], row["path"]): row["product_id"] for row in products}
    ahead = {row["product_id"] for row in products if is_dated_ahead(row)}
    held = defaultdict(set)
    for row in products:
        if row["_container"] is not None:
            held[names[row["root"], row["_container"]]].add(row["product_id"])
    assert held
    for tar, members in held.items():
        shut = members & (closed | ahead)
        for name in (tar, *sorted(shut)) if shut else ():
            assert fetch_status(f"{live_server}/files/{name}") == 403, name


def fetch_status(address: str) -> int:
    request = urllib.request.Request(address, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
