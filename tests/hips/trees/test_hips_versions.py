"""Builds of trees: swapped as a whole, whatever happens while one is made."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hips.trees.versions import Trees
from vo_service.store.errors import DiskFull, StoreError, WriterBusy


@pytest.fixture
def trees(tmp_path) -> Trees:
    return Trees(tmp_path / "hips")


def build(trees: Trees, name: str, text: str) -> Path:
    with trees.writing("a test"), trees.draft(name) as draft:
        (draft.tree / "properties").write_text(text)
        trees.publish(draft)
    return draft.directory


def served(trees: Trees, name: str) -> str:
    return (trees.served()[name].tree / "properties").read_text()


def test_a_build_is_served_once_it_is_published(trees):
    # HIPS-129
    assert trees.served() == {}
    assert trees.current("a-tree") is None
    with trees.writing("a test"), trees.draft("a-tree") as draft:
        (draft.tree / "properties").write_text("one")
        assert trees.served() == {}
        trees.publish(draft)
    assert served(trees, "a-tree") == "one"
    assert trees.current("a-tree") == draft
    build(trees, "b-tree", "other")
    assert sorted(trees.served()) == ["a-tree", "b-tree"]


def test_the_build_before_stays_for_who_reads_it_and_no_other(trees):
    first, second = build(trees, "a", "one"), build(trees, "a", "two")
    assert served(trees, "a") == "two"
    assert (first / "tree/properties").read_text() == "one"
    third = build(trees, "a", "three")
    assert [part.exists() for part in (first, second, third)] == [False, True, True]
    assert sorted(path.name for path in first.parent.iterdir()) == sorted([second.name, third.name])


def test_what_fails_leaves_what_was_served(trees):
    before = build(trees, "a", "one")
    with pytest.raises(RuntimeError), trees.writing("a test"), trees.draft("a") as draft:
        (draft.tree / "properties").write_text("two")
        raise RuntimeError
    assert served(trees, "a") == "one"
    assert not draft.directory.exists()
    assert before.exists()


def test_a_full_disk_is_told_as_such_and_leaves_what_was_served(trees, monkeypatch):
    build(trees, "a", "one")
    with (
        pytest.raises(DiskFull, match="building the tree a"),
        trees.writing("a test"),
        trees.draft("a") as draft,
    ):
        raise OSError(errno.ENOSPC, "No space left on device", str(draft.tree / "Npix1.fits"))
    assert not draft.directory.exists()

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with trees.writing("a test"), trees.draft("a") as draft:
        (draft.tree / "properties").write_text("two")
        monkeypatch.setattr("hips.trees.versions.write_durably", full)
        with pytest.raises(DiskFull, match="publishing the tree a"):
            trees.publish(draft)
    assert served(trees, "a") == "one"
    assert not draft.directory.exists()


def test_a_tree_that_is_withdrawn_is_gone(trees):
    directory = build(trees, "a", "one")
    build(trees, "b", "one")
    with trees.writing("a test"):
        trees.withdraw("a")
        trees.withdraw("never-was")
    assert list(trees.served()) == ["b"]
    assert not directory.parent.exists()


def test_names_are_those_of_addresses(trees):
    for name in ("", "../x", "A", "a/b", "-a", "a b"):
        with pytest.raises(StoreError, match="no name of a tree"), trees.writing("t"), trees.draft(name):
            pass


def test_one_writes_at_a_time(trees):
    with (
        trees.writing("vo-service hips"),
        pytest.raises(WriterBusy, match="vo-service hips"),
        trees.writing("another"),
    ):
        pass


def test_an_index_that_cannot_be_read_is_told(trees):
    build(trees, "a", "one")
    trees.index.write_text("{")
    with pytest.raises(StoreError, match=r"index\.json"):
        trees.served()
    trees.index.write_text(json.dumps({"format": 99, "trees": {}}))
    with pytest.raises(StoreError, match="format 99"):
        trees.served()


KILLED = """
import sys, time
from pathlib import Path
from hips.trees.versions import Trees
trees = Trees(Path(sys.argv[1]))
with trees.writing("a build"), trees.draft("a") as draft:
    (draft.tree / "properties").write_text("two")
    print("ready", flush=True)
    time.sleep(600)
"""


def test_who_is_killed_leaves_what_was_served_and_what_he_left_goes_with_the_next(trees):
    build(trees, "a", "one")
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(trees.directory)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert served(trees, "a") == "one"
    drafts = trees.directory / "trees"
    assert len(list((drafts / "a").iterdir())) == 2
    (drafts / "never-was" / "20260101T000000-00000000" / "tree").mkdir(parents=True)
    with trees.writing("a run that has nothing to do"):
        assert len(list((drafts / "a").iterdir())) == 1
        assert not (drafts / "never-was").exists()
    assert served(trees, "a") == "one"
    build(trees, "a", "three")
    assert served(trees, "a") == "three"
    assert len(list((drafts / "a").iterdir())) == 2
