"""Finding files: every file once, every obstacle told, no loop without end."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from vo_service.holdings.discover import Unreachable, discover
from vo_service.holdings.records import FoundFile


def paths(found: Iterator[FoundFile | Unreachable]) -> list[str]:
    return [each.path for each in found if isinstance(each, FoundFile)]


def obstacles(found: Iterator[FoundFile | Unreachable]) -> list[tuple[str, str]]:
    return [(each.path, each.kind) for each in found if isinstance(each, Unreachable)]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("b/two.fits", "b/c/three:3.fits", "a/söder.fits", "one.fits"):
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * len(name))
    return tmp_path / "tree"


def test_all_files_relative_to_the_root_in_a_fixed_order(tree: Path) -> None:
    found = list(discover(tree, "main"))
    assert paths(iter(found)) == ["one.fits", "a/söder.fits", "b/two.fits", "b/c/three:3.fits"]
    first = found[0]
    assert isinstance(first, FoundFile)
    assert (first.root, first.size_bytes) == ("main", 8)
    assert first.modified_ns == (tree / "one.fits").stat().st_mtime_ns


def test_a_single_file_has_its_directory_for_root(tree: Path) -> None:
    assert paths(discover(tree / "b" / "two.fits", "main")) == ["two.fits"]
    assert obstacles(discover(tree / "none.fits", "main")) == [("none.fits", "unreadable")]


def test_links_are_not_followed_and_only_those_that_leave_are_told(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.fits").write_bytes(b"x")
    (tree / "loop").symlink_to(tree, target_is_directory=True)
    (tree / "again.fits").symlink_to(tree / "one.fits")
    (tree / "away.fits").symlink_to(tmp_path / "outside.fits")
    (tree / "broken.fits").symlink_to(tmp_path / "nowhere")
    found = list(discover(tree, "main"))
    assert len(paths(iter(found))) == 4
    assert obstacles(iter(found)) == [("away.fits", "outside"), ("broken.fits", "unreadable")]


def test_pipes_are_passed_over(tree: Path) -> None:
    os.mkfifo(tree / "pipe.fits")
    assert len(list(discover(tree, "main"))) == 4


def test_a_name_that_is_no_text_is_told(tree: Path) -> None:
    with open(os.fsencode(tree) + b"/bad\xff.fits", "wb"):  # noqa: PTH123 - a name that Path refuses to print
        pass
    assert obstacles(discover(tree, "main")) == [("bad\\xff.fits", "unreadable")]


def test_a_directory_without_permission_is_told() -> None:
    was = os.geteuid()
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        top.chmod(0o755)
        (top / "one.fits").touch()
        (top / "closed").mkdir(mode=0)
        try:
            if was == 0:
                os.seteuid(65534)  # nothing is closed to root
            found = list(discover(top, "main"))
        finally:
            os.seteuid(was)
    assert obstacles(iter(found)) == [("closed", "permission")]
    assert paths(iter(found)) == ["one.fits"]


def test_many_entries_in_one_folder(tmp_path: Path) -> None:
    for number in range(5000):
        (tmp_path / f"{number:05d}.fits").touch()
    began = time.perf_counter()
    assert len(paths(discover(tmp_path, "main"))) == 5000
    assert time.perf_counter() - began < 5.0
