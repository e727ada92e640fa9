"""Footprints that pixels told are searched, and measured, for those alone who may see them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from asked_in_process import Asked, running
from made_archive import AUTHORITY, Row, made_rows, publish_made

from vo_service.settings import Settings
from vo_service.sky import Circle, parse_region

NOW, LATER = datetime(2026, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)
TAP = "SELECT obs_publisher_did, s_region FROM ivoa.obscore WHERE s_region IS NOT NULL"


def rows_with_pixels() -> list[Row]:
    """Of each third row the pixels lie beside its public footprint; of half of these nobody knows it yet."""
    rows = made_rows()
    for number, row in enumerate(rows):
        if number % 3 == 1 and row["s_region"] is not None:
            row["_region_measured"] = beside(row["s_region"])
            row["obs_release_date"] = datetime(2030 if number % 2 else 2020, 1, 1)
    return rows


def beside(region: str) -> str:
    """A smaller circle, some degrees off."""
    kind, _, lon, lat, *_ = region.split()
    return (
        f"Circle ICRS {(float(lon) + 4.0) % 360.0!r} {float(lat) + 3.0!r} {0.25 if kind == 'Circle' else 0.5}"
    )


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    home = tmp_path_factory.mktemp("pixels") / "home"
    home.mkdir()
    settings = {"authority": AUTHORITY, "maxrec_default": "1000"}
    publish_made(Settings.load(home=home, environ={}, overrides=settings), rows_with_pixels())
    asked = Asked(now=NOW)
    with running(asked, home, **settings):
        yield asked


def rows(asked: Asked, path: str, **form: str) -> dict[str, dict[str, str]]:
    answer = asked.ask(path, method="POST", data={"RESPONSEFORMAT": "csv", **form})
    assert answer.status_code == 200, answer.text
    return {row["obs_publisher_did"]: row for row in csv.DictReader(io.StringIO(answer.text))}


HIDDEN = [
    row for row in rows_with_pixels() if row.get("_region_measured") and row["obs_release_date"].year == 2030
]
OPEN = [
    row for row in rows_with_pixels() if row.get("_region_measured") and row["obs_release_date"].year == 2020
]


def test_the_region_is_the_one_that_is_seen(asked: Asked) -> None:
    assert len(HIDDEN) > 10 and len(OPEN) > 10
    for now, measured in ((NOW, OPEN), (LATER, OPEN + HIDDEN)):
        asked.now = now
        found = rows(asked, "/moc/search", MOC="0/0-11")
        by_tap = rows(asked, "/tap/sync", LANG="ADQL", QUERY=TAP)
        assert {did: row["s_region"] for did, row in found.items()} == {
            did: row["s_region"] for did, row in by_tap.items()
        }
        seen = {row["obs_publisher_did"]: row["_region_measured"] for row in measured}
        for row in HIDDEN + OPEN:
            told = found[row["obs_publisher_did"]]
            assert told["s_region"] == seen.get(row["obs_publisher_did"], row["s_region"])
            assert float(told["overlap_area"]) == pytest.approx(
                parse_region(told["s_region"]).area(), rel=1e-4, abs=1e-15
            )


@pytest.mark.parametrize("path", ["/moc/search", "/sia2/query"])
def test_what_pixels_told_is_not_searched(asked: Asked, path: str) -> None:
    """A map of the pixels' place alone finds a data set once its pixels are public, a map of the public place
    until then."""
    for row in (row for row in HIDDEN if row["dataproduct_type"] in ("image", "cube")):
        did = row["obs_publisher_did"]
        places = {}
        for name in ("s_region", "_region_measured"):
            _, _, lon, lat, *_ = row[name].split()
            places[name] = " ".join(Circle(float(lon), float(lat), 0.1).cover(9).to_string().split())
        for now, there in ((NOW, "s_region"), (LATER, "_region_measured")):
            asked.now = now
            for name, map in places.items():
                assert (did in rows(asked, path, MOC=map, ID=did)) is (name == there), (now, row)
