"""Packages of files that lie with other servers: passed on, never mixed, and told of where they are gone."""

from __future__ import annotations

import io
import tarfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from asked_in_process import running
from live_service import until
from package_house import House, bytes_of
from web_servers import Web, serve, without_patience

from tap_schema import published
from vo_service.dali.streams import Cancellation
from vo_service.holdings.ingest import ingest
from vo_service.packages.contents import Packer
from vo_service.packages.far_looks import FarLooks
from vo_service.packages.limits import PackageLimits
from vo_service.packages.tar_bytes import DIGESTS, MANIFEST, TarBytes, plan_tar
from vo_service.products.shelf import Shelf
from vo_service.products.stored import StoredFile
from vo_service.store import Catalogue, Snapshots

ALL = "/packages/tar?QUERY=SELECT+product_id+FROM+holdings.product"
SIZES = {"one.txt": 300_000, "two.txt": 2_500_001, "sub/three.txt": 10}
WITHIN = {"z.txt": 70_000, "a.txt": 1000}

THREADS_OF_QUERIES = 12
"""As many as a process has, and some more."""


def make_folder(folder: Path) -> dict[str, bytes]:
    """The files of a server, and of the tars there, by their paths below it."""
    found = {name: bytes_of(name, size) for name, size in SIZES.items()}
    for name, content in found.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    for tar in ("plain.tar", "packed.tgz"):
        with tarfile.open(folder / tar, "w:gz" if tar.endswith("gz") else "w") as file:
            for name, size in WITHIN.items():
                info = tarfile.TarInfo(name)
                info.size = size
                file.addfile(info, io.BytesIO(bytes_of(tar + name, size)))
                found[f"{tar}.members/{name}"] = bytes_of(tar + name, size)
        found[tar] = (folder / tar).read_bytes()
    return found


@contextmanager
def house_behind(web: Web, home: Path) -> Iterator[House]:
    """An application on what a server has."""
    home.mkdir()
    with closing(Catalogue.open_in(home)) as catalogue, closing(Snapshots(home, catalogue)) as snapshots:
        report = ingest(
            [web.url], home=home, snapshots=snapshots, catalogue=catalogue, published=published(),
            authority="example.test", workers=0, root_name="far",
        )  # fmt: skip
        assert report.snapshot is not None
    house = House(home=home, trees=web.folder)
    with running(house, home, unlisted="open"):
        yield house


@pytest.fixture(params=["ranges", "streams"])
def far(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A server with or without ranges, what it has, and an application on that."""
    folder = tmp_path / "web"
    folder.mkdir()
    contents = make_folder(folder)
    with (
        without_patience(monkeypatch),
        serve(folder, ranges=request.param == "ranges") as web,
        house_behind(web, tmp_path / "home") as house,
    ):
        yield web, contents, house


def test_they_are_passed_on(far: Any) -> None:
    web, contents, house = far
    whole = house.ask(ALL)
    assert whole.status_code == 200 and len(whole.content) == int(whole.headers["Content-Length"])
    with tarfile.open(fileobj=io.BytesIO(whole.content)) as tar:
        read = {m.name.split("/", 1)[1]: tar.extractfile(m).read() for m in tar.getmembers()}  # type: ignore[union-attr]
    assert MANIFEST in read and DIGESTS in read
    found = {name.removeprefix("other/far/"): content for name, content in read.items() if "/" in name}
    assert found == contents
    web.asked.clear()
    size, tag = len(whole.content), whole.headers["ETag"]
    for start in (1, size // 3, size - 200_000, size - 1500):
        rest = house.ask(ALL, headers={"Range": f"bytes={start}-", "If-Range": tag})
        assert rest.status_code == 206 and rest.content == whole.content[start:]
    head = house.ask(ALL, method="HEAD")
    assert head.headers["ETag"] == tag


def test_the_state_of_each_is_asked_for_first_and_last(far: Any) -> None:
    web, _contents, house = far
    one = house.product("far/one.txt")
    web.asked.clear()
    assert house.ask(f"/packages/tar?ID={one}", method="HEAD").status_code == 200
    assert [method for method, _, _ in web.asked] == ["HEAD"]
    web.asked.clear()
    assert house.ask(f"/packages/tar?ID={one}").status_code == 200
    methods = [method for method, _, _ in web.asked]
    assert methods.count("HEAD") == 3 and methods[-1] == "HEAD"  # for the plan, when opened, at its end
    web.asked.clear()
    assert house.ask(f"/packages/list?ID={one}").status_code == 200
    assert house.ask(f"/packages/script?ID={one}").status_code == 200
    assert web.asked == [], "a list costs no requests"


def test_what_its_server_no_longer_has_is_left_out(far: Any) -> None:
    web, _contents, house = far
    before = house.ask(ALL, method="HEAD").headers["ETag"]
    (web.folder / "one.txt").unlink()
    (web.folder / "two.txt").write_bytes(b"other")
    answer = house.ask(ALL, headers={"If-Range": before, "Range": "bytes=100-"})
    assert answer.status_code == 200
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as tar:
        names = {name.rpartition("/")[2] for name in tar.getnames()}
        told = tar.extractfile(tar.getmembers()[0]).read().decode()  # type: ignore[union-attr]
    assert not names & {"one.txt", "two.txt"} and "three.txt" in names
    assert "does not give it at present" in told and "'two.txt' has changed since it was ingested" in told


def test_one_that_changes_while_it_is_sent_breaks_the_stream(far: Any) -> None:
    web, _contents, house = far
    handlers = next(r.endpoint.__self__ for r in house.service.routes() if r.path == "/packages/tar")
    file = house.file("far/two.txt")
    handle = TarBytes(plan_tar("p", "", {"x/two.txt": file}), handlers._reader())
    handle.read_at(0, 1_000_000)
    (web.folder / "two.txt").write_bytes(b"n" * file.size_bytes)
    with pytest.raises(OSError, match=r"two\.txt"):
        for start in range(1_000_000, handle.size, 1_000_000):
            handle.read_at(start, 1_000_000)
    handle.close()
    again = TarBytes(plan_tar("p", "", {"x/two.txt": file}), handlers._reader())
    with pytest.raises(OSError, match="has changed"):
        again.read_at(0, 1_000_000)


def test_too_many_of_them_are_for_a_script(far: Any) -> None:
    _web, _contents, house = far
    handlers = next(r.endpoint.__self__ for r in house.service.routes() if r.path == "/packages/tar")
    packer = handlers._tars.packer
    limited = Packer(packer.queries, packer.shelf, packer.authority, PackageLimits(far_files=2))
    with patch.object(handlers, "_tars", replace(handlers._tars, packer=limited)):
        answer = house.ask(ALL)
    assert answer.status_code == 400 and "9 files that lie with other servers" in answer.text


@contextmanager
def silent(house: House) -> Iterator[tuple[list[str], threading.Event]]:
    """While the block lasts no server tells the state of a file before the event is set; which were asked."""
    asked: list[str] = []
    answers = threading.Event()
    opened = Shelf.open_source

    def slow(self: Shelf, file: StoredFile, *more: Any) -> Any:
        asked.append(file.name)
        assert answers.wait(60)
        return opened(self, file, *more)

    with patch.object(Shelf, "open_source", slow):
        try:
            yield asked, answers
        finally:
            answers.set()


def test_a_server_that_does_not_answer_delays_no_query(far: Any) -> None:
    _web, _contents, house = far
    one = f"/packages/tar?ID={house.product('far/one.txt')}"
    with silent(house) as (asked, answers), ThreadPoolExecutor(THREADS_OF_QUERIES) as askers:
        tars = [askers.submit(house.ask, one) for _ in range(THREADS_OF_QUERIES)]
        assert until(lambda: len(asked) == THREADS_OF_QUERIES)
        query = "/tap/sync?LANG=ADQL&QUERY=SELECT+COUNT(*)+FROM+holdings.product&RESPONSEFORMAT=csv"
        answer = house.ask(query)
        assert answer.status_code == 200 and answer.text.split()[-1].isdigit()
        assert house.ask(f"/packages/list?ID={house.product('far/one.txt')}").status_code == 200
        assert not any(tar.done() for tar in tars)
        answers.set()
        assert [tar.result().status_code for tar in tars] == [200] * THREADS_OF_QUERIES


def test_what_was_not_looked_at_in_time_is_refused(far: Any) -> None:
    _web, _contents, house = far
    handlers = next(r.endpoint.__self__ for r in house.service.routes() if r.path == "/packages/tar")
    with patch.object(handlers, "_door", replace(handlers._door, seconds=1.0)), silent(house) as (asked, _):
        alone = house.ask(f"/packages/tar?ID={house.product('far/one.txt')}")
        assert alone.status_code == 503 and "within the time that a request may take" in alone.text
        many = house.ask(ALL)
        assert many.status_code == 404 and "within the time that a request may take" in many.text
        assert len(asked) == 1 + 8, "of one package so many at a time"


def test_who_has_left_has_no_server_asked() -> None:
    gone = Cancellation()
    asked: list[int] = []

    def look(number: int) -> int:
        asked.append(number)
        gone.cancel()
        return number

    with closing(FarLooks()) as looks:
        found = dict(looks.each(range(1000), look, time.monotonic() + 60, gone))
    assert len(asked) <= 8 and set(found) <= set(asked)


def test_a_file_that_is_left_in_its_middle_is_asked_for_too(far: Any) -> None:
    web, _contents, house = far
    handlers = next(r.endpoint.__self__ for r in house.service.routes() if r.path == "/packages/tar")
    one, two = house.file("far/one.txt"), house.file("far/two.txt")
    reader = handlers._reader()
    reader.read_at(two, 1_000_000, 1000)
    (web.folder / "two.txt").write_bytes(b"n" * two.found.size_bytes)
    with pytest.raises(OSError, match=r"two\.txt has changed"):
        reader.read_at(one, 0, 1000)
    reader.close()
