"""A catalogue whose file is moved away or replaced, or whose server is silent, under who has it open."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from postgres_cluster import Cluster, Database

from vo_service.store import Catalogue, CatalogueError
from vo_service.store.changes import Changes
from vo_service.store.pointer import Pointer

NAME = "catalogue.sqlite"


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    opened = Catalogue.open_in(tmp_path)
    yield opened
    opened.close()


def move(home: Path, place: str) -> Path:
    """Move the file and its log to a place beside them."""
    aside = home / place
    aside.mkdir()
    for file in home.glob(f"{NAME}*"):
        file.rename(aside / file.name)
    return aside


def move_back(home: Path, aside: Path) -> None:
    for file in home.glob(f"{NAME}*"):
        file.unlink()
    for file in aside.iterdir():
        file.rename(home / file.name)


def use(catalogue: Catalogue, pointer: Pointer, changes: Changes) -> tuple[Callable[[], object], ...]:
    """All ways to ask a catalogue something."""
    return (
        pointer.number,
        changes.seen,
        catalogue.roots,
        lambda: catalogue.register_root("late", Path("/late")),
    )


def point_at(catalogue: Catalogue, number: int) -> None:
    with catalogue.writing() as connection:
        connection.exec_driver_sql(f"UPDATE pointer SET number = {number}")


@pytest.mark.parametrize("place", ["none", "empty", "noise", "another"])
def test_a_file_that_was_moved_is_missed_until_it_is_back(
    catalogue: Catalogue, tmp_path: Path, place: str
) -> None:
    pointer, changes = Pointer(catalogue), Changes(catalogue)
    catalogue.register_root("early", tmp_path)
    point_at(catalogue, 3)
    asked = use(catalogue, pointer, changes)
    for ask in asked[:3]:
        ask()
    aside = move(tmp_path, "aside")
    if place == "another":
        Catalogue.open_in(tmp_path).close()
    elif place != "none":
        (tmp_path / NAME).write_bytes(b"noise " * 1000 if place == "noise" else b"")
    laid = {file.name: file.read_bytes() for file in tmp_path.glob(f"{NAME}*")}
    for ask in asked:
        with pytest.raises(CatalogueError, match="put it back"):
            ask()
    with ThreadPoolExecutor(20) as threads:  # more than there are connections to keep
        for failed in [threads.submit(catalogue.roots) for _ in range(40)]:
            with pytest.raises(CatalogueError):
                failed.result()
    assert {file.name: file.read_bytes() for file in tmp_path.glob(f"{NAME}*")} == laid
    move_back(tmp_path, aside)
    for ask in asked:
        ask()
    assert pointer.number() == 3
    assert set(catalogue.roots()) == {"early", "late"}
    changes.close()
    pointer.close()


def test_a_copy_in_its_place_is_taken_and_looked_at_from_then_on(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    pointer, changes = Pointer(catalogue), Changes(catalogue)
    point_at(catalogue, 3)
    assert changes.seen() and pointer.number() == 3
    aside = move(tmp_path, "aside")
    for file in aside.iterdir():
        shutil.copy(file, tmp_path)
    other = Catalogue.open_in(tmp_path)
    assert changes.seen() and pointer.number() == 3
    point_at(other, 4)
    assert changes.seen() and pointer.number() == 4
    assert not changes.seen()
    catalogue.register_root("late", tmp_path)
    assert set(other.roots()) == {"late"}
    changes.close()
    pointer.close()
    other.close()


def test_no_second_catalogue_is_begun_for_snapshots_that_are_there(
    catalogue_url: str, tmp_path: Path
) -> None:
    (tmp_path / "snapshots" / ".draft-0123").mkdir(parents=True)
    snapshot = tmp_path / "snapshots" / "000001"
    snapshot.mkdir()
    for _ in range(2):  # the first try has made nothing
        with pytest.raises(CatalogueError, match=r"missing or empty.*put it back"):
            Catalogue.open(catalogue_url, home=tmp_path)
    assert list(tmp_path.glob(f"{NAME}*")) == []
    snapshot.rmdir()
    Catalogue.open(catalogue_url, home=tmp_path).close()
    snapshot.mkdir()
    Catalogue.open(catalogue_url, home=tmp_path).close()  # it may have been lost by a killed writer


class Relay:
    """Leads TCP connections to the socket of a cluster, or lets them hang."""

    def __init__(self, cluster: Cluster) -> None:
        self._target = f"{cluster.directory}/.s.PGSQL.5432"
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.silent = False
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def silence(self) -> None:
        """End all connections, and answer nothing on new ones."""
        self.silent = True
        self._end()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._end()

    def _end(self) -> None:
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                self._open.append(near)
                if not self.silent:
                    far = socket.socket(socket.AF_UNIX)
                    far.connect(self._target)
                    self._open.append(far)
                    for pair in ((near, far), (far, near)):
                        threading.Thread(target=_copy, args=pair, daemon=True).start()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_RDWR)


def test_who_waits_for_a_server_that_does_not_answer_waits_once(
    postgresql_cluster: Cluster, make_database: Callable[[], Database]
) -> None:
    """And not for all who asked before, one after the other."""
    name = make_database().name
    relay = Relay(postgresql_cluster)
    url = f"postgresql+psycopg://{name}_owner@127.0.0.1:{relay.port}/{name}?connect_timeout=2"
    catalogue = Catalogue.open(url)
    pointer = Pointer(catalogue)
    assert pointer.number() is None
    relay.silence()
    alone, together = (silent_seconds(pointer, clients) for clients in (1, 12))
    assert together < 6 * alone, "one after the other they would take twelve times as long"
    relay.silent = False
    assert pointer.number() is None
    pointer.close()
    catalogue.close()
    relay.close()


def test_a_server_that_goes_without_a_word_is_found_out(make_database: Callable[[], Database]) -> None:
    url = make_database().owner_url.replace("postgresql://", "postgresql+psycopg://", 1)
    for address, seconds, timeout in (
        (url, 30, "10000"),
        (url, 3, "6000"),
        (f"{url}&tcp_user_timeout=7", 5, "7"),
    ):
        catalogue = Catalogue.open(address, seconds)
        with catalogue.reading() as connection:
            told = connection.connection.driver_connection.info.get_parameters()
        assert told["tcp_user_timeout"] == timeout
        assert int(told["connect_timeout"]) <= 5 and int(told["keepalives_idle"]) <= 10
        catalogue.close()


def silent_seconds(pointer: Pointer, clients: int) -> float:
    """How long so many have to wait who ask at the same time for what nobody answers."""
    began = time.monotonic()
    with ThreadPoolExecutor(clients) as threads:
        for asked in [threads.submit(pointer.number) for _ in range(clients)]:
            with pytest.raises(CatalogueError):
                asked.result()
    return time.monotonic() - began
