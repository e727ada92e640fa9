"""Digests of files: made once for all who ask at a time, and without the catalogue that remembers them."""

from __future__ import annotations

import base64
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from live_service import until

from vo_service.dali.sending import LocalBytes
from vo_service.holdings.records import FoundFile
from vo_service.products.digests import Digests, insists
from vo_service.products.stored import StoredFile
from vo_service.store import Catalogue

CONTENT = b"SIMPLE  = T" * 100


TOLD = f"sha-256=:{base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()}:"


@pytest.fixture
def file(tmp_path: Path) -> StoredFile:
    path = tmp_path / "x.fits"
    path.write_bytes(CONTENT)
    return StoredFile(
        "p-1",
        FoundFile("main", path.name, len(CONTENT), path.stat().st_mtime_ns),
        1,
        "application/fits",
        "file",
        None,
    )


@pytest.fixture
def opened(tmp_path: Path, file: StoredFile) -> Callable[[], LocalBytes]:
    return lambda: LocalBytes(os.open(tmp_path / file.name, os.O_RDONLY), 0, len(CONTENT))


def test_a_digest_that_cannot_be_read_is_made_anew(
    tmp_path: Path, file: StoredFile, opened: Callable[[], LocalBytes]
) -> None:
    with closing(Catalogue.open_in(tmp_path)) as catalogue:
        digests = Digests(catalogue, at_once_bytes=len(CONTENT))
        for place in tmp_path.glob("catalogue.sqlite*"):
            place.rename(tmp_path / f"away-{place.name}")
        with closing(opened()) as handle:
            told = digests.header(file, handle, insisted=False)
        digests.close()
    assert told == TOLD


@contextmanager
def held_up() -> Iterator[tuple[list[int], threading.Event]]:
    """While the block lasts each reading waits for the event; how much was read by each."""
    reads: list[int] = []
    goes_on = threading.Event()
    read_at = LocalBytes.read_at

    def slow(self: LocalBytes, offset: int, length: int) -> bytes:
        part = read_at(self, offset, length)
        reads.append(len(part))
        assert goes_on.wait(60)
        return part

    with patch.object(LocalBytes, "read_at", slow):
        try:
            yield reads, goes_on
        finally:
            goes_on.set()


@pytest.mark.parametrize("at_once_bytes", [len(CONTENT), 0])
def test_all_who_ask_at_a_time_share_one_reading(
    tmp_path: Path, file: StoredFile, opened: Callable[[], LocalBytes], at_once_bytes: int
) -> None:
    """Those who insist, and of a large file the work behind an answer that goes without."""
    with (
        closing(Catalogue.open_in(tmp_path)) as catalogue,
        closing(Digests(catalogue, at_once_bytes)) as all_,
    ):

        def told(insisted: bool) -> str | None:
            with closing(opened()) as handle:
                return all_.header(file, handle, insisted)

        asking: list[object] = []
        turn = all_.turn

        def noted(*arguments: Any) -> Any:
            asking.append(arguments)
            return turn(*arguments)

        with (
            held_up() as (reads, goes_on),
            ThreadPoolExecutor(4) as askers,
            patch.object(all_, "turn", noted),
        ):
            assert at_once_bytes or told(False) is None, "made behind"
            waiting = [askers.submit(told, True) for _ in range(4)]
            assert until(lambda: reads and len(asking) == (4 if at_once_bytes else 5))
            goes_on.set()
            assert [each.result(60) for each in waiting] == [TOLD] * 4
        assert sum(reads) == len(CONTENT)


def test_who_waits_makes_the_digest_that_another_could_not(
    tmp_path: Path, file: StoredFile, opened: Callable[[], LocalBytes]
) -> None:
    with closing(Catalogue.open_in(tmp_path)) as catalogue, closing(Digests(catalogue, len(CONTENT))) as all_:

        def told() -> str | None:
            with closing(opened()) as handle:
                return all_.header(file, handle, True)

        make = Digests._make
        calls: list[int] = []

        def fails_first(*arguments: object) -> str | None:
            calls.append(1)
            if len(calls) == 1:
                raise OSError("no more memory")
            return make(*arguments)  # type: ignore[arg-type]

        with patch.object(Digests, "_make", fails_first), ThreadPoolExecutor(2) as askers:
            found = [askers.submit(told) for _ in range(2)]
            assert {str(each.exception(60) or each.result()) for each in found} == {"no more memory", TOLD}


@pytest.mark.parametrize(
    ("header", "insisted"),
    [
        (None, False),
        ("sha-256=1", True),
        ("sha-512=3, sha-256 = 10", True),
        ("sha-256=0", False),
        ("sha-256=007", True),
        ("sha-256=", False),
        ("md5=1", False),
        (f"sha-256={'9' * 5000}", True),
    ],
)
def test_a_preference_above_zero_insists(header: str | None, insisted: bool) -> None:
    # RFC 9530, section 4
    assert insists(header) is insisted
