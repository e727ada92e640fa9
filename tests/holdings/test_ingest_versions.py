"""Versions grow with the bytes and with nothing else, for ever; what is withdrawn leaves a tombstone."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ingest_homes import Home, open_home
from product_files import write_product

from vo_service.holdings import contents
from vo_service.holdings.contents import Content, digest_file
from vo_service.holdings.records import FoundFile
from vo_service.pixels.sources import LocalFile

UID = "member.uid___A001_X1_X2"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    opened = open_home(tmp_path / "home")
    yield opened
    opened.snapshots.close()
    opened.catalogue.close()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Three small products, one in each of two folders and one of a member set."""
    top = tmp_path / "tree"
    write_product(top / "a" / "one.fits", OBJECT="M83")
    write_product(top / "b" / "two.fits", OBJECT="NGC253")
    write_product(top / "a" / f"{UID}._M83__sci.spw17.cube.I.pbcor.fits", OBJECT="M83", CRVAL1=204.3)
    return top


def products(home: Home) -> dict[str, dict[str, Any]]:
    return {row["path"]: row for row in home.rows("holdings.product")}


def tombstones(home: Home) -> dict[str, dict[str, Any]]:
    return {row["path"]: row for row in home.rows("holdings.tombstone")}


def touch(path: Path) -> None:
    state = path.stat()
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 10**9))


def change(path: Path) -> None:
    """Other bytes of the same length, and another time."""
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    touch(path)


def test_a_touched_file_keeps_its_version_and_takes_the_new_time(home: Home, tree: Path) -> None:
    home.ingest(tree)
    before = products(home)["a/one.fits"]
    touch(tree / "a" / "one.fits")
    report = home.ingest(tree)
    after = products(home)["a/one.fits"]
    assert (report.ok, after["version"], after["product_id"]) == (1, 1, before["product_id"])
    assert after["_modified_ns"] == (tree / "a" / "one.fits").stat().st_mtime_ns != before["_modified_ns"]
    assert home.ingest(tree).snapshot is None


def test_other_bytes_are_the_next_version_whatever_their_length(home: Home, tree: Path) -> None:
    home.ingest(tree)
    change(tree / "a" / "one.fits")
    home.ingest(tree)
    row = products(home)["a/one.fits"]
    assert row["version"] == 2
    assert row["_sha256"] == hashlib.sha256((tree / "a" / "one.fits").read_bytes()).hexdigest()
    write_product(tree / "a" / "one.fits", OBJECT="M83", shape=(1, 12, 64, 64))
    home.ingest(tree)
    assert products(home)["a/one.fits"]["version"] == 3


def test_a_copy_of_the_tree_without_its_times_changes_no_version(home: Home, tree: Path) -> None:
    home.ingest(tree)
    before = {path: (row["product_id"], row["version"]) for path, row in products(home).items()}
    copy = tree.with_name("copy")
    for path in sorted(tree.rglob("*.fits")):
        target = copy / path.relative_to(tree)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        touch(target)
    shutil.rmtree(tree)
    home.ingest(copy)
    assert {path: (row["product_id"], row["version"]) for path, row in products(home).items()} == before


def test_a_large_file_is_read_whole_once_its_digest_is_known(
    home: Home, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "SMALL_BYTES", 1000)
    monkeypatch.setattr("vo_service.holdings.comparison.SMALL_BYTES", 1000)
    home.ingest(tree)
    path = tree / "a" / "one.fits"
    row = products(home)["a/one.fits"]
    assert row["_sha256"] is None
    touch(path)
    home.ingest(tree)
    assert products(home)["a/one.fits"]["version"] == 2  # nobody can be sure
    row = products(home)["a/one.fits"]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    home.catalogue.keep_digest(row["product_id"], 2, row["size_bytes"], row["_modified_ns"], digest)
    touch(path)
    home.ingest(tree)
    row = products(home)["a/one.fits"]
    assert (row["version"], row["_sha256"]) == (2, digest)
    touch(path)
    home.ingest(tree)
    assert products(home)["a/one.fits"]["version"] == 2
    change(path)
    home.ingest(tree)
    assert products(home)["a/one.fits"]["version"] == 3


def test_a_withdrawn_file_leaves_a_tombstone_and_returns_with_the_next_version(
    home: Home, tree: Path
) -> None:
    path = tree / "b" / "two.fits"
    home.ingest(tree)
    listed = products(home)["b/two.fits"]
    kept = path.read_bytes()
    path.unlink()
    home.ingest(tree)
    stone = tombstones(home)["b/two.fits"]
    assert stone["product_id"] == listed["product_id"]
    assert (stone["version"], stone["root"], stone["reason"]) == (1, "tree", "gone")
    assert stone["dataset_id"] == listed["dataset_id"] and stone["successor"] is None
    path.write_bytes(kept)
    home.ingest(tree)
    back = products(home)["b/two.fits"]
    assert (back["product_id"], back["version"]) == (listed["product_id"], 1)  # the same bytes
    assert tombstones(home) == {}
    for version in (2, 3):
        path.unlink()
        home.ingest(tree)
        write_product(path, OBJECT="NGC253", CRVAL1=200.0 + version)
        home.ingest(tree)
        back = products(home)["b/two.fits"]
        assert (back["product_id"], back["version"]) == (listed["product_id"], version)


def test_a_moved_file_with_a_uid_keeps_its_identifier_and_version(home: Home, tree: Path) -> None:
    home.ingest(tree)
    old = next(path for path in (tree / "a").iterdir() if path.name.startswith(UID))
    before = products(home)[f"a/{old.name}"]
    (tree / "c").mkdir()
    old.rename(tree / "c" / old.name)
    report = home.ingest(tree)
    after = products(home)[f"c/{old.name}"]
    assert (report.withdrawn, report.ok) == (1, 1)
    for name in ("product_id", "dataset_id", "version"):
        assert after[name] == before[name]
    assert tombstones(home) == {}


def test_a_file_that_bears_its_path_points_to_its_new_place(home: Home, tree: Path) -> None:
    home.ingest(tree)
    before = products(home)["b/two.fits"]
    (tree / "c").mkdir()
    (tree / "b" / "two.fits").rename(tree / "c" / "2.fits")
    touch(tree / "c" / "2.fits")
    home.ingest(tree)
    after = products(home)["c/2.fits"]
    assert after["product_id"] != before["product_id"]
    stone = tombstones(home)["b/two.fits"]
    assert (stone["successor"], stone["reason"]) == (after["product_id"], "moved")


def test_bytes_that_turn_up_later_become_the_successor(home: Home, tree: Path) -> None:
    home.ingest(tree)
    kept = (tree / "b" / "two.fits").read_bytes()
    (tree / "b" / "two.fits").unlink()
    home.ingest(tree)
    (tree / "late.fits").write_bytes(kept)
    home.ingest(tree)
    assert tombstones(home)["b/two.fits"]["successor"] == products(home)["late.fits"]["product_id"]


def test_the_new_primary_of_a_data_set_succeeds_the_old(home: Home, tree: Path) -> None:
    name = f"{UID}._M83__sci.spw17.cube.I%s.fits"
    write_product(tree / "a" / (name % ""), OBJECT="M83", CRVAL1=204.4)
    home.ingest(tree)
    corrected = products(home)[f"a/{name % '.pbcor'}"]
    other = products(home)[f"a/{name % ''}"]
    assert corrected["dataset_id"] == other["dataset_id"] and corrected["is_primary"] == 1
    (tree / "a" / (name % ".pbcor")).unlink()
    home.ingest(tree)
    stone = tombstones(home)[f"a/{name % '.pbcor'}"]
    assert (stone["successor"], stone["reason"]) == (other["product_id"], "replaced")


def test_an_empty_file_has_no_bytes_to_be_known_by(home: Home, tree: Path) -> None:
    (tree / "a" / "x.txt").touch()
    (tree / "b" / "y.txt").touch()
    home.ingest(tree)
    (tree / "a" / "x.txt").unlink()
    home.ingest(tree)
    assert tombstones(home)["a/x.txt"]["successor"] is None


def test_content_is_the_same_only_where_that_is_sure() -> None:
    known = Content(10, 5, "aa")
    assert known.is_same(Content(10, 6, "aa"))
    assert not known.is_same(Content(10, 5, "bb"))
    assert known.is_same(Content(10, 5, None))
    assert not known.is_same(Content(10, 6, None))
    assert not known.is_same(Content(11, 5, "aa"))


def test_a_digest_is_of_the_state_that_was_found(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"abc" * 10**6)
    state = path.stat()
    found = FoundFile("r", "x", state.st_size, state.st_mtime_ns)
    assert digest_file(LocalFile(path), found) == hashlib.sha256(b"abc" * 10**6).hexdigest()
    touch(path)
    assert digest_file(LocalFile(path), found) is None
    assert digest_file(LocalFile(tmp_path / "nothing"), found) is None
