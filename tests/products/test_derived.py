"""Computed results are kept whole, made once, given up with those who wait, and bounded in bytes."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from math import inf
from pathlib import Path

import pytest
from live_service import until

from vo_service.dali.errors import ErrorKind, ServiceError, usage
from vo_service.dali.streams import Cancellation, ClientGone
from vo_service.products.derived import Derived, Kept, ResultFile, write_result

LARGE = 1 << 30


def writes(content: bytes, most_bytes: int = LARGE) -> Callable[[Path], None]:
    """Work that makes a result of that content."""

    def make(out: Path) -> None:
        write_result(out, lambda file: file.write(content) and None, most_bytes)

    return make


def content_of(kept: Kept) -> bytes:
    """The bytes of a result, closed behind them."""
    with closing(kept.handle):
        return kept.handle.read_at(0, kept.handle.size + 100)


def test_a_result_comes_with_the_digest_of_its_bytes(tmp_path: Path) -> None:
    derived = Derived(tmp_path / "cache", LARGE)
    assert derived.find("abc") is None
    made = derived.get("abc", writes(b"x" * 5000), Cancellation())
    assert made.sha256 == hashlib.sha256(b"x" * 5000).digest()
    assert content_of(made) == b"x" * 5000
    found = derived.find("abc")
    assert found is not None
    assert found.sha256 == made.sha256
    assert content_of(found) == b"x" * 5000


def test_what_is_kept_is_not_made_again(tmp_path: Path) -> None:
    derived = Derived(tmp_path / "cache", LARGE)
    content_of(derived.get("abc", writes(b"first"), Cancellation()))
    assert content_of(derived.get("abc", writes(b"second"), Cancellation())) == b"first"


def test_all_who_ask_meanwhile_get_the_one_that_is_made(tmp_path: Path) -> None:
    derived = Derived(tmp_path / "cache", LARGE)
    going, made = threading.Event(), []

    def make(out: Path) -> None:
        made.append(out)
        assert going.wait(60)
        writes(b"one")(out)

    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(derived.get, "abc", make, Cancellation()) for _ in range(8)]
        assert until(lambda: made)
        going.set()
        assert {content_of(each.result(60)) for each in asked} == {b"one"}
    assert len(made) == 1


def test_an_error_is_told_to_all_who_waited_and_nothing_stays(tmp_path: Path) -> None:
    derived = Derived(tmp_path / "cache", LARGE)
    going, begun = threading.Event(), threading.Event()

    def make(out: Path) -> None:
        out.write_bytes(b"half")
        begun.set()
        assert going.wait(60)
        raise usage("No.")

    def ask() -> str:
        with pytest.raises(ServiceError) as error:
            derived.get("abc", make, Cancellation())
        return error.value.message

    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(ask)
        assert begun.wait(60)
        others = [threads.submit(ask) for _ in range(2)]
        assert until(lambda: len(derived._flights["abc", inf].waiting) == 2)
        going.set()
        assert [each.result(60) for each in (first, *others)] == ["No."] * 3
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []
    assert content_of(derived.get("abc", writes(b"now"), Cancellation())) == b"now"


def test_who_waits_may_leave_and_who_stays_takes_over(tmp_path: Path) -> None:
    derived = Derived(tmp_path / "cache", LARGE)
    begun, gone = threading.Event(), threading.Event()

    def give_up(out: Path) -> None:
        begun.set()
        assert gone.wait(60)
        raise ClientGone

    with ThreadPoolExecutor(3) as threads:
        leader = threads.submit(derived.get, "abc", give_up, Cancellation())
        assert begun.wait(60)
        leaving = Cancellation()
        second = threads.submit(derived.get, "abc", writes(b"of nobody"), leaving)
        third = threads.submit(derived.get, "abc", writes(b"of the third"), Cancellation())
        assert until(lambda: len(derived._flights["abc", inf].waiting) == 2)
        leaving.cancel()
        with pytest.raises(ClientGone):
            second.result(60)
        assert not third.done()
        gone.set()
        with pytest.raises(ClientGone):
            leader.result(60)
        assert content_of(third.result(60)) == b"of the third"


def test_what_was_not_asked_for_longest_makes_room(tmp_path: Path) -> None:
    derived = Derived(tmp_path / "cache", 3000)
    for age, key in ((400, "old"), (300, "older-but-asked-for"), (200, "young")):
        content_of(derived.get(key, writes(key.encode() + bytes(900)), Cancellation()))
        then = time.time() - age
        os.utime(tmp_path / "cache" / key, (then, then))
    touched = derived.find("older-but-asked-for")
    assert touched is not None
    new = derived.get("newest", writes(bytes(900)), Cancellation())
    assert derived.find("old") is None
    assert {"older-but-asked-for", "young", "newest"} <= {
        path.name for path in (tmp_path / "cache").iterdir()
    }
    larger = derived.get("larger", writes(bytes(2900)), Cancellation())
    assert [path.name for path in (tmp_path / "cache").iterdir() if path.is_file()] == ["larger"]
    assert content_of(touched)[:5] == b"older"  # who has it open keeps it
    assert content_of(new) == bytes(900)
    assert content_of(larger) == bytes(2900)


def test_a_result_has_a_size_that_it_may_have(tmp_path: Path) -> None:
    derived = Derived(tmp_path / "cache", LARGE)
    with pytest.raises(ServiceError, match="larger than the 10 bytes"):
        derived.get("abc", writes(bytes(11), most_bytes=10), Cancellation())
    assert content_of(derived.get("abc", writes(bytes(10), most_bytes=10), Cancellation())) == bytes(10)


def test_what_a_killed_process_left_half_made_goes(tmp_path: Path) -> None:
    derived = Derived(tmp_path / "cache", LARGE)
    new = tmp_path / "cache" / "new"
    for name in ("left", "of-another-process"):
        (new / name).mkdir(parents=True)
        (new / name / "result").write_bytes(b"half")
    then = time.time() - 2 * 86_400
    os.utime(new / "left", (then, then))
    content_of(derived.get("abc", writes(b"x"), Cancellation()))
    assert [path.name for path in new.iterdir()] == ["of-another-process"]


def test_what_was_laid_aside_goes_with_the_work_that_is_ended(tmp_path: Path) -> None:
    derived = Derived(tmp_path / "cache", LARGE)

    def end(out: Path) -> None:
        out.with_suffix(".binned").write_bytes(bytes(1000))
        raise ClientGone

    with pytest.raises(ClientGone):
        derived.get("abc", end, Cancellation())
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("kind", [ErrorKind.BUSY, ErrorKind.LIMIT, ErrorKind.UNAVAILABLE])
def test_what_keeps_one_client_from_its_result_is_not_told_to_another(
    tmp_path: Path, kind: ErrorKind
) -> None:
    derived = Derived(tmp_path / "cache", LARGE)
    begun, going = threading.Event(), threading.Event()

    def refuse(out: Path) -> None:
        begun.set()
        assert going.wait(60)
        raise ServiceError(kind, "Not for this client.")

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(derived.get, "abc", refuse, Cancellation())
        assert begun.wait(60)
        second = threads.submit(derived.get, "abc", writes(b"for another"), Cancellation())
        assert until(lambda: len(derived._flights["abc", inf].waiting) == 1)
        going.set()
        with pytest.raises(ServiceError, match="Not for this"):
            first.result(60)
        assert content_of(second.result(60)) == b"for another"


def test_what_takes_too_long_is_tried_once_for_all_with_the_same_time(tmp_path: Path) -> None:
    derived = Derived(tmp_path / "cache", LARGE)
    going, tried = threading.Event(), []

    def be_late(out: Path) -> None:
        tried.append(out)
        assert going.wait(60)
        raise ServiceError(ErrorKind.TIMEOUT, "Too late.")

    def ask() -> str:
        with pytest.raises(ServiceError) as error:
            derived.get("abc", be_late, Cancellation(), 300.0)
        return error.value.message

    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(ask) for _ in range(3)]
        assert until(lambda: tried and len(derived._flights["abc", 300.0].waiting) == 2)
        job = threads.submit(derived.get, "abc", writes(b"for a job"), Cancellation(), 3600.0)
        assert content_of(job.result(60)) == b"for a job"  # it has more time, and waits for nobody with less
        going.set()
        assert [each.result(60) for each in asked] == ["Too late."] * 3
    assert len(tried) == 1


def test_who_looks_just_before_a_result_is_kept_does_not_make_it_again(tmp_path: Path) -> None:
    class Late(Derived):
        """Its first look is before another one keeps the result, what follows is behind that."""

        def find(self, key: str) -> Kept | None:
            found = super().find(key)
            if found is None and not others:
                others.append(content_of(Derived(tmp_path / "cache", LARGE).get(key, writes(b"1"), quiet)))
            return found

    others: list[bytes] = []
    quiet = Cancellation()
    assert content_of(Late(tmp_path / "cache", LARGE).get("abc", writes(b"2"), quiet)) == b"1" == others[0]


def test_all_who_wait_have_what_is_too_large_to_be_kept(tmp_path: Path) -> None:
    derived = Derived(tmp_path / "cache", 10)
    going, made = threading.Event(), []

    def make(out: Path) -> None:
        made.append(out)
        assert going.wait(60)
        writes(b"larger than that")(out)

    with ThreadPoolExecutor(5) as threads:
        asked = [threads.submit(derived.get, "abc", make, Cancellation()) for _ in range(4)]
        assert until(lambda: made and len(derived._flights["abc", inf].waiting) == 3)
        leaving = Cancellation()
        gone = threads.submit(derived.get, "abc", make, leaving)
        assert until(lambda: len(derived._flights["abc", inf].waiting) == 4)
        leaving.cancel()
        with pytest.raises(ClientGone):
            gone.result(60)
        assert len(derived._flights["abc", inf].waiting) == 3
        going.set()
        assert {content_of(each.result(60)) for each in asked} == {b"larger than that"}
    assert len(made) == 1


def test_a_result_larger_than_all_that_is_kept_is_sent_and_gone(tmp_path: Path) -> None:
    derived = Derived(tmp_path / "cache", 500)
    content_of(derived.get("small", writes(bytes(100)), Cancellation()))
    assert content_of(derived.get("large", writes(bytes(1000)), Cancellation())) == bytes(1000)
    assert [path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()] == ["small"]


def test_a_foreign_file_is_no_result(tmp_path: Path) -> None:
    derived = Derived(tmp_path / "cache", LARGE)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "abc").write_bytes(b"short")
    assert derived.find("abc") is None
    assert content_of(derived.get("abc", writes(b"x"), Cancellation())) == b"x"


def test_a_result_file_counts_bytes_of_any_shape(tmp_path: Path) -> None:
    with (tmp_path / "raw").open("wb") as raw:
        file = ResultFile(raw, 16)
        assert file.write(memoryview(bytes(16)).cast("d")) == 16
        with pytest.raises(ServiceError):
            file.write(b"x")
    assert file.sha256 == hashlib.sha256(bytes(16)).digest()


def test_what_is_kept_is_for_the_service_alone(tmp_path: Path) -> None:
    """It may be of proprietary data."""
    content_of(Derived(tmp_path / "cache", LARGE).get("abc", writes(b"one"), Cancellation()))
    assert (tmp_path / "cache").stat().st_mode & 0o077 == 0
