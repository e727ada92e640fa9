"""The snapshot that requests run on: the newest, and on without the catalogue."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from vo_service.dali import outage
from vo_service.dali.current import Current
from vo_service.dali.errors import ServiceError
from vo_service.store import Catalogue, Snapshot, Snapshots, StoreError


class Shop:
    """Snapshots of a home, and what was opened and closed on them."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.catalogue = Catalogue.open_in(home)
        self.snapshots = Snapshots(home, self.catalogue)
        self.open: list[int] = []
        self.current: Current[str] = Current(self.snapshots, self._opened)

    @contextmanager
    def _opened(self, snapshot: Snapshot) -> Iterator[str]:
        self.open.append(snapshot.number)
        yield f"engine {snapshot.number}"
        self.open.remove(snapshot.number)

    def publish(self, keep: int = 5) -> None:
        writing = Snapshots(self.home, self.catalogue)
        with writing.writer("test", 10):
            writing.publish(writing.draft(), writing.current())
            writing.prune(keep)
        writing.close()

    def close(self) -> None:
        self.current.close()
        self.snapshots.close()
        self.catalogue.close()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path)
    yield made
    made.close()


def number_now(shop: Shop) -> int:
    with shop.current.use() as (snapshot, thing):
        assert thing == f"engine {snapshot.number}"
        return snapshot.number


def test_a_request_runs_on_the_newest_and_the_older_closes_after_its_last_user(shop: Shop) -> None:
    with pytest.raises(ServiceError, match="no data yet"):
        number_now(shop)
    shop.publish()
    with shop.current.use() as (old, _):
        shop.publish()
        assert number_now(shop) == 2
        assert old.number == 1 and shop.open == [1, 2]
    assert shop.open == [2]
    shop.publish()
    assert number_now(shop) == 3 and shop.open == [3]


def test_a_snapshot_in_use_is_not_dropped(shop: Shop) -> None:
    shop.publish()
    with shop.current.use() as (snapshot, _):
        shop.publish(keep=1)
        assert number_now(shop) == 2
        assert shop.open == [1, 2] and snapshot.directory.is_dir()
    assert shop.open == [2]
    shop.publish(keep=1)  # its lease is given back
    assert not snapshot.directory.exists()


def test_the_newest_closes_with_its_last_user_after_the_service(shop: Shop) -> None:
    shop.publish()
    with shop.current.use():
        shop.current.close()
        assert shop.open == [1]
    assert shop.open == []


def test_requests_go_on_while_the_catalogue_is_gone(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shop.publish()
    assert number_now(shop) == 1
    shop.snapshots.close()
    shop.catalogue.close()  # all connections: the next one finds no database
    catalogue = shop.home / "catalogue.sqlite"
    moved = catalogue.rename(shop.home / "moved.sqlite")
    catalogue.mkdir()
    with caplog.at_level(logging.ERROR):
        assert [number_now(shop) for _ in range(3)] == [1, 1, 1]
    assert len(caplog.records) == 1  # once, and not asked again for some seconds
    monkeypatch.setattr(outage, "_PAUSE_SECONDS", 0.0)
    shop.current._outage.until = 0.0
    assert number_now(shop) == 1
    with pytest.raises(StoreError), Current(shop.snapshots, shop._opened).use():
        pass  # nothing is open: nothing to go on with
    catalogue.rmdir()
    moved.rename(catalogue)
    shop.publish()
    shop.current._outage.until = 0.0
    assert number_now(shop) == 2
