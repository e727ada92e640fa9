"""Digests of a package that nobody has made yet: they cost whole files, for no longer than somebody waits."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import anyio
import pytest
from anyio import to_thread
from live_service import until
from package_house import AFTER

from vo_service.dali.sending import LocalBytes
from vo_service.packages.digest_lines import DigestLines
from vo_service.packages.tar_bytes import TarBytes, plan_tar
from vo_service.pixels import packed_tars
from vo_service.pixels.packed_tars import PackedTar
from vo_service.products.digests import Digests
from vo_service.products.opened import Demand, NobodyWaits
from vo_service.products.reading import FileReader

TAIL = {"Range": "bytes=-2000"}


@contextmanager
def held_up() -> Iterator[tuple[list[int], threading.Event]]:
    """While the block lasts each reading of a piece waits for the event; the lengths of those begun."""
    reads: list[int] = []
    goes_on = threading.Event()
    read_at = FileReader.read_at

    def slow(self: FileReader, file: Any, offset: int, length: int) -> Any:
        reads.append(length)
        assert goes_on.wait(60)
        return read_at(self, file, offset, length)

    with patch.object(FileReader, "read_at", slow):
        try:
            yield reads, goes_on
        finally:
            goes_on.set()


async def ask_and_leave(
    house: Any, product_id: str, headers: dict[str, str], leaves: Callable[[], Any]
) -> None:
    """A client who asks for the package of one file, and has left once ``leaves``, which waits, is done."""
    asked = False

    async def receive() -> dict[str, object]:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await to_thread.run_sync(leaves)
        return {"type": "http.disconnect"}

    async def send(_message: object) -> None:
        """It has left."""

    scope = {
        "type": "http", "method": "GET", "path": "/packages/tar", "root_path": "", "http_version": "1.1",
        "headers": [(b"host", b"t"), *((n.lower().encode(), v.encode()) for n, v in headers.items())],
        "scheme": "http", "server": ("t", 80), "query_string": f"ID={product_id}".encode(),
        "client": ("127.0.0.1", 1),
    }  # fmt: skip
    with anyio.fail_after(60):
        await house.app(scope, receive, send)


def test_a_client_who_leaves_ends_the_reading(own_house: Any) -> None:
    large = own_house.file("alpha/large.txt")
    with held_up() as (reads, goes_on):

        def leaves() -> None:
            until(lambda: reads)
            threading.Timer(0.5, goes_on.set).start()

        own_house.portal.call(ask_and_leave, own_house, large.product_id, TAIL, leaves)
        assert len(reads) == 1, "of five blocks"
    assert own_house.service.files._digests.known(large) is None


def test_a_client_who_leaves_ends_the_way_through_a_packed_tar(own_house: Any) -> None:
    """What stands in front of a member has to be unpacked, for nobody else."""
    own_house.now = AFTER
    last = own_house.product("alpha/delivery.tgz/a third.txt")
    taken: list[int] = []
    has_left = threading.Event()
    take, end = PackedTar._take, Demand.end

    def slow(self: PackedTar, length: int) -> bytes:
        taken.append(length)
        assert has_left.wait(60)
        return take(self, length)

    def ended(self: Demand) -> None:
        end(self)
        has_left.set()

    with (
        patch.object(PackedTar, "_take", slow),
        patch.object(packed_tars, "_STEP", 16_384),
        patch.object(Demand, "end", ended),
    ):
        own_house.portal.call(ask_and_leave, own_house, last, {}, lambda: until(lambda: taken))
    assert has_left.is_set() and len(taken) == 1, "of more than forty"
    assert own_house.ask(f"/packages/tar?ID={last}").status_code == 200


def test_digests_of_files_and_of_packages_are_one_reading(own_house: Any) -> None:
    large = own_house.file("alpha/large.txt")
    local: list[int] = []
    read_at = LocalBytes.read_at

    def noted(self: LocalBytes, offset: int, length: int) -> bytes:
        local.append(length)
        return read_at(self, offset, length)

    digests = own_house.service.files._digests
    asking: list[Any] = []
    turn = digests.turn

    def waiting(*arguments: Any) -> Any:
        asking.append(arguments)
        return turn(*arguments)

    with (
        held_up() as (reads, goes_on),
        patch.object(LocalBytes, "read_at", noted),
        patch.object(digests, "turn", waiting),
        ThreadPoolExecutor(2) as askers,
    ):
        tar = askers.submit(own_house.ask, f"/packages/tar?ID={large.product_id}", headers=TAIL)
        assert until(lambda: reads)
        insisting = {"Want-Repr-Digest": "sha-256=1"}
        head = askers.submit(own_house.ask, f"/files/{large.product_id}", method="HEAD", headers=insisting)
        assert until(lambda: len(asking) == 2)
        goes_on.set()
        sha256 = hashlib.sha256((own_house.trees / "alpha/large.txt").read_bytes())
        assert sha256.hexdigest().encode() in tar.result().content
        told = base64.b64encode(sha256.digest()).decode()
        assert head.result().headers["Repr-Digest"] == f"sha-256=:{told}:"
    assert sum(reads) == large.size_bytes and local == []


def test_two_at_a_time_read_a_file_once(own_house: Any) -> None:
    large = own_house.file("alpha/large.txt")
    address = f"/packages/tar?ID={large.product_id}"
    with held_up() as (reads, goes_on), ThreadPoolExecutor(6) as askers:
        asked = [askers.submit(own_house.ask, address, headers=TAIL) for _ in range(6)]
        assert until(lambda: reads)
        near = own_house.ask(f"/files/{own_house.product('alpha/delivery.tar/z first.txt')}")
        assert near.status_code == 200, "others are answered"
        goes_on.set()
        tails = {each.result().content for each in asked}
    assert sum(reads) == large.size_bytes
    assert len(tails) == 1
    sha256 = hashlib.sha256((own_house.trees / "alpha/large.txt").read_bytes()).hexdigest()
    assert sha256.encode() in tails.pop()


def test_who_waits_takes_over_from_one_who_has_left(own_house: Any) -> None:
    large, shelf = own_house.file("alpha/large.txt"), own_house.service.shelf
    digests = own_house.service.files._digests
    first, second, third = (FileReader(shelf, digests) for _ in range(3))
    with held_up() as (reads, goes_on), ThreadPoolExecutor(3) as threads:
        begun = threads.submit(first.digest, large)
        assert until(lambda: reads)
        waiting, leaving = threads.submit(second.digest, large), threads.submit(third.digest, large)
        third.leave()
        with pytest.raises(NobodyWaits):
            leaving.result(60)
        first.leave()
        goes_on.set()
        with pytest.raises(NobodyWaits):
            begun.result(60)
        assert (
            waiting.result(60)
            == hashlib.sha256((own_house.trees / "alpha/large.txt").read_bytes()).hexdigest()
        )
    for reader in (first, second, third):
        reader.close()


@pytest.mark.parametrize("place", ["alpha/large.txt", "alpha/2015.1.00001.S/empty.txt"])
def test_a_digest_that_another_keeps_meanwhile_is_no_trouble(own_house: Any, place: str) -> None:
    file = own_house.file(place)
    content = (own_house.trees / place).read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    known = Digests.known
    for kept_from in range(5):
        looks: list[int] = []

        def flickers(self: Digests, file: Any, looks: list[int] = looks, at: int = kept_from) -> str | None:
            looks.append(1)
            return sha256 if len(looks) == at else None  # kept, and forgotten again

        with patch.object(Digests, "known", flickers):
            reader = FileReader(own_house.service.shelf, own_house.service.files._digests)
            assert reader.digest(file) == sha256
            reader.close()
    assert known(own_house.service.files._digests, file) == sha256


def test_only_what_has_to_be_read_for_digests_takes_long(own_house: Any) -> None:
    large = own_house.file("alpha/large.txt")
    planned = plan_tar("p", "", {"large.txt": large})
    reader = FileReader(own_house.service.shelf, own_house.service.files._digests)

    def longs(*parts: tuple[int, int]) -> list[bool]:
        handle = TarBytes(planned, reader)
        return [handle.may_take_long(*part) for part in parts]

    size = planned.layout.size
    assert longs((0, 1000), (1000, size - 1000)) == [False, False], "digests are made on the way"
    assert longs((1, 1000), (1001, size - 1001)) == [False, True]
    assert longs((0, 10), (size - 3000, 3000)) == [False, True]
    assert longs((size - 100, 100)) == [False], "zeros"
    reader.digest(large)
    assert longs((size - 3000, 3000)) == [False]
    reader.close()


def test_lines_within_a_part_are_those_of_their_files() -> None:
    names = ["a", "bb", "c\n", "dddd"]
    lines = DigestLines([(name, name) for name in names])
    text = lines.read(0, lines.size, lambda name: name[0] * 64, lambda name: "")
    for start in range(0, lines.size, 3):
        for length in (1, 2, 67, 70, 200):
            part = text[start : start + length]
            within = list(lines.within(start, length))
            assert len(within) == len(part.rstrip(b"\n").split(b"\n")) or part.strip(b"\n") == b""
            assert set(within) <= set(names)
            ends = [0, *lines._ends]
            true = [n for n, b, e in zip(names, ends, ends[1:]) if b < start + length and e > start]
            assert within == true
