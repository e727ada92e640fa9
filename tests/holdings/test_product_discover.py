"""Finding files: every file once, every obstacle told, no loop without end."""

from __future__ import annotations

import os
import tempfile
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from vo_service.holdings.discover import Unreachable, discover, sorted_names
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


@pytest.mark.parametrize("name", ["a\x1b[31m", "a\rb", "a\nb", "a\x7f", "a\x9b", "a\u202eb"])
@pytest.mark.parametrize("is_folder", [False, True])
def test_a_name_with_control_characters_is_told_escaped(tree: Path, name: str, is_folder: bool) -> None:
    if is_folder:
        (tree / name).mkdir()
        (tree / name / "inner.fits").touch()
    else:
        (tree / name).touch()
    found = list(discover(tree, "main"))
    assert len(paths(iter(found))) == 4
    [(shown, kind)] = obstacles(iter(found))
    assert kind == "unreadable" and shown.startswith("a\\u00" if ord(max(name)) < 256 else "a\\u202e")
    assert shown.isprintable()
    assert obstacles(discover(tree / name, "main"))[:1] == ([] if is_folder else [(shown, "unreadable")])


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


def test_many_entries_in_one_folder_are_found_in_memory_that_does_not_grow_with_them(tmp_path: Path) -> None:
    names = [f"{number * 7919 % 50_000:05d}-{'x' * 40}.fits" for number in range(50_000)]
    folder = os.open(tmp_path, os.O_RDONLY)
    for name in names:
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY, dir_fd=folder))
    os.close(folder)
    assert paths(discover(tmp_path, "main")) == sorted(names)
    tracemalloc.start()
    count = sum(1 for _name in sorted_names(os.fspath(tmp_path), at_once=1000))
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 50_000
    assert peak < 3 << 20  # all names together take three times that


def test_names_are_sorted_in_parts_whatever_they_hold(tmp_path: Path) -> None:
    names = ["a\nb", "a", "\u00e9", "Z", "a b", "\udcff\udcfe", "\U0001f30c", "zz", "0"]
    for name in names:
        with open(os.fsencode(tmp_path) + b"/" + os.fsencode(name), "wb"):  # noqa: PTH123
            pass
    for at_once in (1, 2, 4, 9, 100):
        assert list(sorted_names(os.fspath(tmp_path), at_once)) == sorted(names)


def test_links_in_a_circle_are_told(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    (tmp_path / "self").symlink_to("self")
    found = list(discover(tmp_path, "main"))
    assert obstacles(iter(found)) == [("a", "unreadable"), ("b", "unreadable"), ("self", "unreadable")]


def test_folders_deeper_than_a_path_can_say_are_told_and_the_others_walked(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    os.close(os.open("top.fits", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    made = [here]
    for _ in range(40):
        os.mkdir("d" * 200, dir_fd=made[-1])
        made.append(os.open("d" * 200, os.O_RDONLY, dir_fd=made[-1]))
        os.close(os.open("x.fits", os.O_CREAT | os.O_WRONLY, dir_fd=made[-1]))
    found = list(discover(tmp_path, "main"))
    assert 10 < len(paths(iter(found))) < 41
    (path, kind) = obstacles(iter(found))[0]
    assert kind == "unreadable" and len(path) > 3000
    for parent in reversed(made[:-1]):  # pytest cannot remove it by its path
        for name in ("x.fits", "top.fits"):
            with suppress(FileNotFoundError):
                os.unlink(f"{'d' * 200}/{name}", dir_fd=parent)
        os.rmdir("d" * 200, dir_fd=parent)
    for descriptor in made:
        os.close(descriptor)
