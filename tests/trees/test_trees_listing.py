"""The list of the node: made once for all who ask, whatever cannot be asked, and beside tiles, not before."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from address_checks import pairs_of, tile
from asked_in_process import Asked, running
from live_house import LiveHouse, disc, smooth
from live_service import copy_home
from tree_house import AUTHORITY, NOW, PLACES, TREE, TreeHouse

from vo_service.engines import EngineAway
from vo_service.store import StoreError
from vo_service.trees import listing, live_list
from vo_service.trees.live_list import LiveList

LIST = "/hips/hipslist"
PARTLY = "# Trees of single data sets cannot be listed at present.\n"


@pytest.fixture
def door(made_trees: TreeHouse) -> Iterator[Asked]:
    with running(door := Asked(now=NOW), made_trees.home, authority=AUTHORITY):
        yield door


def names(text: str) -> list[str]:
    parts = re.split(r"\n[ \t]*\n", text.removeprefix(PARTLY))
    return [dict(pairs_of(part))["hips_service_url"].rpartition("/")[2] for part in parts]


def list_of(door: Asked) -> LiveList:
    found: LiveList = door.app.state.service.trees._named._listed
    return found


def test_it_is_made_once_a_minute(door: Asked) -> None:
    with patch.object(listing, "list_text", wraps=listing.list_text) as made:
        first = door.ask(LIST)
        assert len(names(first.text)) >= len(PLACES) + 1
        door.now = NOW + timedelta(seconds=59)
        known = door.ask(LIST, headers={"If-None-Match": first.headers["ETag"]})
        assert (known.status_code, known.headers["ETag"]) == (304, first.headers["ETag"])
        head = door.ask(LIST, method="HEAD")
        assert head.headers["Content-Length"] == str(len(first.content))
        other = door.ask(LIST, headers={"Host": "other.test"})
        assert other.text == first.text.replace("http://t/", "http://other.test/")
        assert other.headers["ETag"] != first.headers["ETag"]
        assert made.call_count == 1
        door.now = NOW + timedelta(seconds=60)
        assert door.ask(LIST).text == first.text
        assert made.call_count == 2


def test_another_snapshot_makes_another_list(made_trees: TreeHouse, tmp_path: Path) -> None:
    house = TreeHouse(tmp_path, made_trees.products)
    copy_home(made_trees.home, house.home)
    with running(door := Asked(now=NOW), house.home, authority=AUTHORITY, hips_listed="0"):
        before = dict(pairs_of(door.ask(f"/hips/{TREE}/properties").text))
        assert f"= {before['moc_sky_fraction']}\n" in door.ask(LIST).text
        house.harvest({"far": NOW + timedelta(days=1)})
        after = dict(pairs_of(door.ask(f"/hips/{TREE}/properties").text))
        assert after["moc_sky_fraction"] != before["moc_sky_fraction"]
        assert f"= {after['moc_sky_fraction']}\n" in door.ask(LIST).text


@pytest.mark.parametrize("error", [EngineAway("gone"), StoreError("gone")], ids=["engine", "catalogue"])
def test_stored_trees_are_listed_where_nothing_else_can_be(door: Asked, error: Exception) -> None:
    whole, live = names(door.ask(LIST).text), list_of(door)
    single = live.names()
    stored = [name for name in whole if name not in single]
    assert TREE in stored and single
    live._last = None
    door.now = NOW + timedelta(minutes=2)
    target: tuple[Any, str] = (live_list, "ask") if isinstance(error, EngineAway) else (live, "_newest")
    with patch.object(*target, side_effect=error) as asked:
        for _ in range(3):
            answer = door.ask(LIST)
            assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-cache")
            assert answer.text.startswith(PARTLY)
            assert names(answer.text) == stored
        assert asked.call_count == 1  # whoever does not answer is not asked again at once
    live._outage.until = 0.0
    answer = door.ask(LIST)
    assert (names(answer.text), answer.headers["Cache-Control"]) == (whole, "public, max-age=300")


def test_a_list_that_takes_long_keeps_no_tile_waiting(door: Asked) -> None:
    path = f"/hips/{TREE}/{tile(0, 10, 'png')}"
    assert door.ask(path).status_code == 200
    goes_on, begun = threading.Event(), threading.Event()
    asked = LiveList._asked

    def slow(self: LiveList, *more: Any) -> Any:
        begun.set()
        assert goes_on.wait(60)
        return asked(self, *more)

    many = 40
    with patch.object(LiveList, "_asked", slow), ThreadPoolExecutor(many) as crowd:
        lists = [crowd.submit(door.ask, LIST) for _ in range(many)]
        try:
            assert begun.wait(60)
            assert door.ask(path).status_code == 200
            assert not any(each.done() for each in lists)
        finally:
            goes_on.set()
        assert {each.result().status_code for each in lists} == {200}


def test_what_has_no_tree_is_not_listed(tmp_path: Path) -> None:
    house = LiveHouse(tmp_path)
    for number, name in enumerate(("one", "other", "cube-small")):
        values = smooth(30, 30 + number)
        house.write(name, disc(values, 12.0), (10.0 + number, 10.0))
    house.write("deep", disc(smooth(30, 40), 12.0), (40.0, 10.0), pixel=1e-6)
    house.release()
    with running(door := Asked(now=NOW), house.home, authority=AUTHORITY):
        known = house.names()
        assert set(names(door.ask(LIST).text)) == {known["one"], known["other"], known["cube-small"]}
        state = list_of(door).state()
        for name in (known["deep"], "never-heard-of"):  # neither is listed, nothing has to be made anew
            list_of(door).forget(name)
        assert list_of(door).state() == state
        list_of(door).forget(known["other"])
        forgotten = list_of(door).state()
        list_of(door).forget(known["other"])
        assert list_of(door).state() == forgotten != state
        assert set(names(door.ask(LIST).text)) == {known["one"], known["cube-small"]}
        house.write("more", disc(smooth(30, 44), 12.0), (80.0, 10.0))
        house.release()
        assert set(names(door.ask(LIST).text)) == {*house.names().values()} - {known["deep"]}
