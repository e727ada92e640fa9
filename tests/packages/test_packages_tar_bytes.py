"""``/packages/tar`` is one stream of many files, its length and any part of it known beforehand; files are
read as their place comes, each once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from read_tars import everything, stored, tar_of

from vo_service.packages.tar_bytes import PlannedTar, TarBytes, plan_tar
from vo_service.pixels.packed_tars import PackedTar
from vo_service.products.reading import FileReader


def test_members_of_a_packed_tar_are_read_in_one_pass(house: Any) -> None:
    made: list[PackedTar] = []
    init = PackedTar.__init__

    def noted(self: PackedTar, *arguments: Any) -> None:
        made.append(self)
        init(self, *arguments)

    ids = [
        house.product(f"alpha/delivery.tgz/{name}") for name in ("a third.txt", "b/second.txt", "z first.txt")
    ]
    address = "/packages/tar?" + "&".join(f"ID={each}" for each in ids)
    with patch.object(PackedTar, "__init__", noted):
        files = tar_of(house.ask(address, "ann"))
    assert [name.rpartition("/")[2] for name in list(files)[1:-1]] == [
        "z first.txt",
        "second.txt",
        "a third.txt",
    ]
    assert sum(tar.passes for tar in made) == 1


def plan_of_all(house: Any) -> PlannedTar:
    """All files of the holdings."""
    places = house.rows()
    files = {
        place: house.service.shelf.find(places[place]["product_id"], None, "") for place in sorted(places)
    }
    return plan_tar("p", "text\n", files)


def open_tar(house: Any, planned: PlannedTar) -> TarBytes:
    """The bytes of it, with no digest known that was not ingested."""
    digests = house.service.files._digests
    digests._known.clear()
    return TarBytes(planned, FileReader(house.service.shelf, digests))


@pytest.fixture(scope="module")
def planned(shared_house: Any) -> PlannedTar:
    return plan_of_all(shared_house)


@pytest.fixture(scope="module")
def whole(shared_house: Any, planned: PlannedTar) -> bytes:
    handle = open_tar(shared_house, planned)
    content = read_all(handle, 0, handle.size)
    handle.close()
    return content


def read_all(handle: TarBytes, start: int, stop: int, step: int = 1 << 21) -> bytes:
    parts = []
    while start < stop:
        part = handle.read_at(start, min(step, stop - start))
        assert part
        parts.append(part)
        start += len(part)
    return b"".join(parts)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_range_is_that_of_the_whole(
    shared_house: Any, planned: PlannedTar, whole: bytes, data: st.DataObject
) -> None:
    handle = open_tar(shared_house, planned)
    try:
        assert handle.size == len(whole)
        for _ in range(data.draw(st.integers(1, 4))):
            start = data.draw(
                st.one_of(st.integers(0, len(whole)), st.integers(len(whole) - 20_000, len(whole)))
            )
            stop = data.draw(st.integers(start, min(len(whole), start + 3_000_000)))
            step = data.draw(
                st.sampled_from((997, 65_536, 1 << 21)) if stop - start < 90_000 else st.just(1 << 21)
            )
            assert read_all(handle, start, stop, step) == whole[start:stop]
    finally:
        handle.close()


def test_a_dropped_download_goes_on_with_the_same_bytes(house: Any) -> None:
    address = everything(house)
    got = house.ask(address)
    size, tag = len(got.content), got.headers["ETag"]
    assert not tag.startswith("W/")
    for start in (1, 700, size // 2, size - 3000, size - 1):
        rest = house.ask(address, headers={"Range": f"bytes={start}-", "If-Range": tag})
        assert rest.status_code == 206 and rest.content == got.content[start:]
        assert rest.headers["Content-Range"] == f"bytes {start}-{size - 1}/{size}"
    other = house.ask(address, headers={"Range": "bytes=5-9", "If-Range": '"other"'})
    assert other.status_code == 200 and other.content == got.content
    assert house.ask(address, headers={"If-None-Match": tag}).status_code == 304
    assert house.ask(address, headers={"Range": f"bytes={size}-"}).status_code == 416
    several = house.ask(address, headers={"Range": "bytes=0-9,1000-1009"})
    assert several.status_code == 206 and got.content[1000:1010] in several.content


def test_digests_are_made_while_files_are_sent_and_kept(own_house: Any) -> None:
    digests = own_house.service.files._digests
    large = own_house.file("alpha/large.txt")
    assert digests.known(large) is None
    address = f"/packages/tar?ID={large.product_id}"
    size = int(own_house.ask(address, method="HEAD").headers["Content-Length"])
    assert digests.known(large) is None, "nothing is read for the length"
    reads: list[int] = []
    read_at = FileReader.read_at

    def noted(self: FileReader, file: Any, offset: int, length: int) -> Any:
        reads.append(length)
        return read_at(self, file, offset, length)

    with patch.object(FileReader, "read_at", noted):
        whole = own_house.ask(address).content
        assert len(whole) == size and sum(reads) == large.size_bytes, "once"
        sha256 = hashlib.sha256(stored(own_house, "alpha/large.txt")).hexdigest()
        assert digests.known(large) == sha256 and sha256.encode() in whole[-4000:]
        reads.clear()
        assert own_house.ask(address, headers={"Range": "bytes=-2000"}).content == whole[-2000:]
        assert reads == [], "it is known by now"
        digests._known.clear()
        assert digests.known(large) == sha256, "to all workers"


def test_digests_alone_cost_a_reading_and_are_the_same(own_house: Any) -> None:
    address = f"/packages/tar?ID={own_house.product('alpha/large.txt')}"
    tail = own_house.ask(address, headers={"Range": "bytes=-3000"}).content
    assert own_house.ask(address).content.endswith(tail)


def test_a_file_that_changes_while_it_is_sent_breaks_the_stream(own_house: Any) -> None:
    planned = open_tar(own_house, plan_of_all(own_house))
    place = own_house.trees / "alpha/large.txt"
    middle = stored(own_house, "alpha/large.txt")[1_000_000:1_000_100]
    whole = read_all(planned, 0, planned.size)
    start = whole.index(middle)
    assert planned.read_at(start, 1000)
    with place.open("r+b") as file:
        file.write(b"other")
    with pytest.raises(OSError, match=r"large\.txt has changed since it was ingested"):
        read_all(planned, start, planned.size)
    planned.close()
    again = open_tar(own_house, plan_of_all(own_house))
    with pytest.raises(OSError, match=r"'large\.txt' has changed since it was ingested"):
        read_all(again, 0, again.size)
    again.close()


def test_one_file_is_open_at_a_time(house: Any, planned: PlannedTar, descriptors: Callable[[], int]) -> None:
    handle = open_tar(house, planned)
    before, most = descriptors(), 0
    for start in range(0, handle.size, 100_000):
        handle.read_at(start, 100_000)
        most = max(most, descriptors())
    handle.close()
    assert most <= before + 2 and descriptors() == before
