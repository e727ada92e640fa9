"""The trees of a running service as clients find them: checks of the list of requirements, from outside."""

from __future__ import annotations

import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from address_checks import (
    Tree,
    check_children,
    check_crowd,
    check_headers,
    check_list,
    check_outside,
    check_properties,
    check_root,
    check_tiles,
    tile,
)
from live_service import LiveService, copy_home, until
from tree_house import PLACES, RELEASED, TREE, TreeHouse

from hips.tiles.files import kept_file, unpacked
from hips.trees.versions import Build, Trees


@pytest.fixture(scope="module")
def house(made_trees: TreeHouse, tmp_path_factory: pytest.TempPathFactory) -> TreeHouse:
    """A copy of the home, to be changed; the files lie where they did."""
    own = TreeHouse(tmp_path_factory.mktemp("live-trees"), made_trees.products)
    copy_home(made_trees.home, own.home)
    return own


@pytest.fixture(scope="module")
def service(house: TreeHouse) -> Iterator[LiveService]:
    settings = {"VO_SERVICE_UNLISTED": "closed", "VO_SERVICE_HIPS_LISTED": "0"}
    service = LiveService(house.home, settings=settings).start()
    assert until(service.is_whole)
    yield service
    service.stop()  # nothing in its log looks like a bug


@pytest.fixture(scope="module")
def base(service: LiveService) -> str:
    """The address of a tree: what follows asks for nothing else."""
    return f"{service.url}/hips/{TREE}"


def test_properties(base: str) -> None:
    check_properties(base)  # CHK-H01, CHK-H02, CHK-H03


def test_tiles_of_covered_cells(base: str) -> None:
    check_tiles(Tree(base))  # CHK-H05, CHK-H06, CHK-H07, CHK-H13


def test_tiles_outside(base: str) -> None:
    check_outside(Tree(base))  # CHK-H08


def test_children(base: str) -> None:
    check_children(Tree(base))  # CHK-H09


def test_files_at_the_root(base: str) -> None:
    check_root(Tree(base))  # CHK-H15


def test_the_list(service: LiveService, base: str) -> None:
    assert base in check_list(f"{service.url}/hips/hipslist")  # CHK-H19


def test_headers(base: str) -> None:
    check_headers(Tree(base))  # CHK-H20


def test_many_at_a_time(base: str) -> None:
    assert check_crowd(Tree(base)) > 0.0  # CHK-H22: how long it takes is measured by benchmarks/hips_tiles.py


def test_preflight(base: str) -> None:
    # browsers ask so before they send a conditional request to another host (HIPS-121)
    answer = requests.options(f"{base}/properties", timeout=60)
    assert answer.status_code == 204 and answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "If-None-Match" in answer.headers["Access-Control-Allow-Headers"]


class Load:
    """Clients that ask for tiles again and again, each answer of which is that of one build or of another."""

    def __init__(self, base: str, paths: list[str]) -> None:
        self._base, self._paths = base, paths
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(each,)) for each in range(6)]
        self.seen: Counter[tuple[str, bytes]] = Counter()
        self.faults: list[object] = []

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, number: int) -> None:
        session = requests.Session()
        while not self._over.is_set():
            for path in self._paths[number % 3 :: 3]:
                try:
                    answer = session.get(f"{self._base}/{path}", timeout=60)
                except requests.RequestException as error:
                    self.faults.append(error)
                    continue
                if answer.status_code != 200:
                    self.faults.append((path, answer.status_code, answer.text))
                self.seen[path, answer.content] += 1


def contents(build: Build, paths: list[str]) -> dict[str, bytes]:
    """Tiles that lie on the disk, by their names, unpacked."""
    found = {path: kept_file(build.tree / path) for path in paths}
    return {path: unpacked(file.read_bytes(), path) for path, file in found.items() if file is not None}


def test_a_new_build_under_load(house: TreeHouse, base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # CHK-H23
    old = Tree(base)
    paths = [
        tile(order, cell, ending)
        for order in range(old.order + 1)
        for cell in old.drawn(order, 6)
        for ending in ("fits", "png")
    ]
    before = contents(house.build, paths)
    tags = {path: old.get(path).headers["ETag"] for path in paths}
    monkeypatch.setitem(PLACES, "more", (204.23, -29.95, 20.0))
    with Load(base, list(before)) as load:
        assert until(lambda: len(load.seen) >= len(before))
        more = replace(house, products=house.place / "more")
        more.write("more", 9.0)
        more.ingest()
        house.harvest({"more": RELEASED})
        house.hips()
        after = contents(house.build, list(before))
        changed = {path for path in before if before[path] != after[path]}
        assert until(lambda: all((path, after[path]) in load.seen for path in changed))
    assert load.faults == []
    assert {path for path, _ in load.seen} == set(before) == set(after)
    assert all(content in (before[path], after[path]) for path, content in load.seen)
    new = Tree(base)
    assert new.properties["hips_release_date"] > old.properties["hips_release_date"]
    assert changed and changed != set(before)
    for path in before:
        assert (new.get(path).headers["ETag"] != tags[path]) is (path in changed), path
    check_tiles(new)


def test_builds_that_follow_each_other_faster_than_requests_end(house: TreeHouse, base: str) -> None:
    """Each build is gone when two others have followed it: whoever was at its files asks for the newest."""
    trees = Trees(house.home / "hips")
    paths = [tile(order, Tree(base).drawn(order, 1)[0], "fits") for order in range(11)]
    wanted = {path: requests.get(f"{base}/{path}", timeout=60).content for path in paths}
    with Load(base, paths) as load:
        for _ in range(12):
            source = house.build
            with trees.writing("test"), trees.draft(TREE) as draft:
                shutil.copytree(source.directory, draft.directory, dirs_exist_ok=True, copy_function=linked)
                trees.publish(draft)
        enough = len(load.seen) and sum(load.seen.values()) + 100
        assert until(lambda: sum(load.seen.values()) > enough)
    assert load.faults == []
    assert all(content == wanted[path] for path, content in load.seen)


def linked(source: str, target: str) -> str:
    Path(target).hardlink_to(source)
    return target


def test_the_node_is_in_the_registry(service: LiveService, validate) -> None:
    # CHK-H24, HIPS-115
    asked = {"verb": "ListRecords", "metadataPrefix": "ivo_vor"}
    text = requests.get(f"{service.url}/registry", asked, timeout=120).content
    root = validate(text)
    found = root.xpath("//capability[@standardID='ivo://ivoa.net/std/hips#hipslist-1.0']")
    (address,) = [each for capability in found for each in capability.xpath("interface/accessURL")]
    assert address.get("use") == "full"
    kind = address.getparent().get("{http://www.w3.org/2001/XMLSchema-instance}type")
    assert kind == "vs:ParamHTTP"
    assert urlsplit(address.text).path == "/hips/hipslist"
    assert check_list(address.text)
