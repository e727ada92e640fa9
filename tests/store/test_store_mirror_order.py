"""When a mirror of snapshots is told of them: before anybody is sent there; what comes of its failures."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

import pytest
from shelves import Shelf, star_rows

from vo_service.store import Snapshot, StoreError


class Record:
    """A mirror that only remembers, and fails when it is told to."""

    def __init__(self) -> None:
        self.loaded: list[int] = []
        self.kept: list[list[int]] = []
        self.fail = False
        self.current: Callable[[], int | None] = lambda: None
        self.current_then: list[int | None] = []

    def load(self, snapshot: Snapshot) -> None:
        if self.fail:
            raise StoreError("it is full there")
        self.loaded.append(snapshot.number)
        self.current_then.append(self.current())
        assert snapshot.read("sky.star").num_rows == snapshot.count_rows("sky.star")

    def keep(self, snapshots: Collection[Snapshot]) -> None:
        self.kept.append(sorted(snapshot.number for snapshot in snapshots))


def star(name: str, **facts: object) -> dict[str, object]:
    return {"insert": star_rows([{"name": name, "_cell": 1, **facts}])}


def test_a_mirror_has_a_snapshot_before_anybody_is_sent_to_it(tmp_path: Path) -> None:
    record = Record()
    shelf = Shelf(tmp_path, record)
    record.current = shelf.snapshots.current_number
    shelf.publish(star("a"))
    shelf.publish(star("b"))
    assert record.loaded == [1, 2]
    assert record.current_then == [None, 1]
    shelf.publish(star("c"))
    shelf.snapshots.prune(2)
    assert record.kept == [[2, 3]]
    shelf.close()


def test_a_mirror_that_fails_leaves_the_old_state(tmp_path: Path) -> None:
    record = Record()
    shelf = Shelf(tmp_path, record)
    before = shelf.publish(star("a"))
    record.fail = True
    with pytest.raises(StoreError, match="it is full there"):
        shelf.publish(star("b"))
    assert shelf.snapshots.current_number() == before.number
    assert [place.name for place in (tmp_path / "snapshots").iterdir()] == ["000001"]
    record.fail = False
    after = shelf.publish(star("c"))
    assert after.read("sky.star", ["name"])["name"].to_pylist() == ["a", "c"]
    shelf.close()
