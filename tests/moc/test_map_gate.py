"""What pixels told is in maps that are shown while these data are public, and to nobody else (design 4.3)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import Mock, patch

import httpx
import pytest
from asked_in_process import Asked, give_token, running
from made_archive import Row
from map_house import LATER, NOW, SETTINGS, MapHouse, is_hidden, rows_with_pixels
from moc_judge import Space, holds, judge_fits

from hips.mocs.kept import open_build
from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.dali.streams import Lane
from vo_service.engines import EngineAway
from vo_service.moc import built_maps, map_gate
from vo_service.sky import parse_region, unit_vectors
from vo_service.sky.vectors import healpix29
from vo_service.store import StoreError

ANEW = "being made anew"


@dataclass(kw_only=True)
class Door(Asked):
    """The application on a house."""

    def map(self, path: str) -> httpx.Response:
        return self.ask(f"/moc/{path}")

    def told(self) -> set[str]:
        """Which maps are refused; all else is an error."""
        refused = set()
        for name in names(rows_with_pixels()):
            for start in ("", "time/", "frequency/"):
                answer = self.map(f"{start}{name}.fits")
                assert answer.status_code in (200, 503), answer.text
                if answer.status_code == 503:
                    assert ANEW in answer.text and answer.headers["Retry-After"]
                    refused.add(name)
                else:
                    assert name not in refused
        return refused


@contextmanager
def opened(house: MapHouse) -> Iterator[Door]:
    door = Door(now=NOW, tokens={"ann": give_token(house.home, "ann", NOW, "read:all")})
    with running(door, house.home, **SETTINGS):
        yield door


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> MapHouse:
    """Maps of a run that came when all data were public."""
    made = MapHouse(tmp_path_factory.mktemp("gate") / "home")
    made.publish(rows_with_pixels())
    made.build(LATER)
    return made


def names(rows: list[Row]) -> list[str]:
    bands = {band for row in rows for band in (row["band_list"] or "").split()}
    projects = {row["proposal_id"] for row in rows}
    return [
        "holdings",
        *(f"band/{band}" for band in sorted(bands)),
        *(f"project/{p}" for p in sorted(projects)),
    ]


def names_of(rows: list[Row]) -> set[str]:
    """The maps that rows are in."""
    return {name for row in rows for name in names([row])}


def centre(region: str) -> int:
    lon, lat = (float(word) for word in region.split()[2:4])
    return int(healpix29([lon], [lat])[0])


def test_the_clock_closes_and_opens(house: MapHouse) -> None:
    hidden = [row for row in rows_with_pixels() if is_hidden(row)]
    with opened(house) as door:
        assert door.told() == names_of(hidden) != set(names(rows_with_pixels()))
        page = door.ask("/moc")
        assert page.status_code == 200 and page.text.count(ANEW) >= len(names_of(hidden))
        assert 'href="holdings.fits"' not in page.text
        assert door.ask("/moc/holdings", "ann").status_code == 503  # a public map is the same for everybody
        assert door.ask("/moc/holdings", method="HEAD").status_code == 503
        door.now = LATER
        assert door.told() == set()
        found = judge_fits(door.map("holdings.fits").content)
        assert isinstance(found, Space)
        assert all(holds(found.ranges, centre(row["_region_measured"])) for row in hidden)
        assert 'href="holdings.fits"' in door.ask("/moc").text


def test_what_a_client_has_is_refused_too(house: MapHouse) -> None:
    with opened(house) as door:
        door.now = LATER
        tag = door.map("holdings.fits").headers["ETag"]
        again = door.ask("/moc/holdings.fits", headers={"If-None-Match": tag})
        assert again.status_code == 304 and again.headers["Cache-Control"] == "no-cache"
        door.now = NOW
        assert door.ask("/moc/holdings.fits", headers={"If-None-Match": tag}).status_code == 503


def test_who_has_a_map_need_not_wait_until_it_is_made(house: MapHouse) -> None:
    with opened(house) as door:
        door.now = LATER
        tag = door.map("holdings.json").headers["ETag"]
    with opened(house) as door, patch.object(built_maps.BuiltFile, "work", side_effect=AssertionError):
        door.now = LATER
        again = door.ask("/moc/holdings.json", headers={"If-None-Match": tag})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)


def test_holdings_are_asked_once_for_a_snapshot(house: MapHouse) -> None:
    with (
        opened(house) as door,
        patch.object(map_gate, "find_standings", wraps=map_gate.find_standings) as asked,
    ):
        door.told()
        door.now = LATER
        door.told()
        assert asked.call_count == 1


@pytest.mark.parametrize("fault", ["engine", "catalogue"])
def test_what_cannot_be_told_is_not_shown(house: MapHouse, fault: str) -> None:
    with opened(house) as door:
        door.now = LATER
        asked = door.app.state.service._maps._gate._asked
        target = (map_gate, "find_standings") if fault == "engine" else (asked, "_newest")
        error = EngineAway("gone") if fault == "engine" else StoreError("gone")
        with patch.object(*target, side_effect=error):
            for path in ("holdings.fits", "time/band/6.txt"):
                answer = door.map(path)
                assert (answer.status_code, "cannot be told" in answer.text) == (503, True)
                assert "Retry-After" in answer.headers
            assert door.map("band/99.fits").status_code == 404
        asked.outage.until = 0.0  # it is asked again after some seconds
        assert door.map("holdings.fits").status_code == 200


def test_what_was_closed_or_withdrawn_since_is_refused_until_the_next_run(tmp_path: Path) -> None:
    house = MapHouse(tmp_path / "home")
    rows = rows_with_pixels()
    house.publish(rows)
    house.build(NOW)
    told = [row for row in rows if row.get("_region_measured") and not is_hidden(row)]
    with opened(house) as door:
        assert door.told() == set()
        withdrawn = next(row for row in told if row["band_list"] == "3")
        house.publish_again([row for row in rows if row is not withdrawn])
        assert door.told() == names_of([withdrawn])
        closed = {**withdrawn, "obs_release_date": LATER.replace(tzinfo=None)}
        changed = [closed if row is withdrawn else row for row in rows]
        house.publish_again(changed)
        assert door.told() == names_of([withdrawn])
        house.build(NOW)
        assert door.told() == set()
        assert withdrawn["obs_publisher_did"] not in open_build(house.home).told_by_pixels
        there = centre(withdrawn["_region_measured"])
        others = [parse_region(row["_region_measured"]) for row in told if row is not withdrawn]
        lon, lat = (float(word) for word in withdrawn["_region_measured"].split()[2:4])
        at = unit_vectors([lon], [lat])
        regions = others + [parse_region(row["s_region"]) for row in rows if row["s_region"]]
        found = judge_fits(door.map("holdings.fits").content)
        assert isinstance(found, Space)
        assert holds(found.ranges, there) is any(region.distance(at)[0] < 1e-4 for region in regions)


def test_maps_are_made_when_their_turn_comes(house: MapHouse) -> None:
    """As all that takes long: admitted, in the lane, within the seconds of a query; what is kept is sent."""
    busy = ServiceError(ErrorKind.LIMIT, "Not now.")
    with opened(house) as door:
        door.now = LATER
        first = door.map("time/holdings.json?order=5")
        assert first.status_code == 200
        with patch.object(Lane, "whole", side_effect=busy):
            assert door.map("time/holdings.json?order=5").content == first.content
            assert door.map("time/holdings.json?order=4").status_code == busy.status
            assert door.map("nothing.json").status_code == 404
        with patch.object(built_maps, "check_of", lambda *_: Mock(side_effect=[None, None, busy])):
            assert door.map("time/holdings.json?order=4").status_code == busy.status
        fourth = door.map("time/holdings.json?order=4")
        assert fourth.status_code == 200 and fourth.content != first.content


def test_a_data_set_goes_by_who_asks(house: MapHouse) -> None:
    row = next(row for row in rows_with_pixels() if is_hidden(row))
    with opened(house) as door:
        for now, person, region in (
            (NOW, "nobody", "s_region"),
            (NOW, "ann", "_region_measured"),
            (LATER, "nobody", "_region_measured"),
        ):
            door.now = now
            answer = door.ask(f"/moc/dataset/{row['dataset_id']}.fits", person)
            found = judge_fits(answer.content)
            assert isinstance(found, Space)
            other = {"s_region": "_region_measured", "_region_measured": "s_region"}[region]
            assert holds(found.ranges, centre(row[region])) and not holds(found.ranges, centre(row[other]))
