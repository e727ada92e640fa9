"""Cuts of plain images behind URLs are planned like those of local files: the same bytes, few requests, near
what is needed, and never a mixture of two states."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import anyio
import fsspec
import httpx
import numpy as np
import pytest
from astropy.io import fits
from cut_files import found_at
from product_files import FREQUENCY, SKY, STOKES
from starlette.applications import Starlette
from starlette.types import Message, Receive, Scope, Send
from web_servers import STILL, Web, serve, without_patience

from tap_schema import published
from vo_service.access import Viewer
from vo_service.app import create_app
from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.dali.streams import Cancellation
from vo_service.holdings.discover import discover
from vo_service.holdings.ingest import ingest
from vo_service.holdings.members import list_members
from vo_service.holdings.records import FoundFile
from vo_service.pixels.cutout.plan import PlannedBytes, SourceChanged
from vo_service.pixels.url_source import look_up
from vo_service.products import results
from vo_service.products.datasets import DataSet
from vo_service.products.derived import Derived
from vo_service.products.images import Images
from vo_service.products.results import Ready, Results
from vo_service.products.selection import Constraints
from vo_service.products.shelf import Shelf
from vo_service.products.stored import OpenSource, StoredFile, open_source
from vo_service.products.wanted import Wanted
from vo_service.products.workshop import Computing
from vo_service.settings import Settings
from vo_service.sky import Circle
from vo_service.store import Catalogue, RootPlace, Snapshots

SHAPE = (1, 6, 300, 400)  # 480 kB a plane
STAMP = Wanted(Constraints(pixels=((101, 120), (51, 70)), channels=(2, 4)), (("PIXELS", "101 120 51 70"),))
PLANES = Wanted(Constraints(channels=(2, 6)), (("CHANNELS", "2 6"),))
CIRCLE = Constraints(shape=Circle(10.0, 20.0, 3.0))
STAMP_PIXELS = np.s_[:, 1:4, 50:70, 100:120]


class Computed(Exception):
    """A cut was not planned."""


class NoComputing:
    """Where nothing may be computed."""

    seconds = 1.0

    def admitted(self) -> None:
        raise Computed

    run = admitted


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Errors come at once, and no session of an earlier test is used."""
    with without_patience(monkeypatch):
        yield


@pytest.fixture
def cube(tmp_path: Path) -> Path:
    path = tmp_path / "web" / "cube.fits"
    path.parent.mkdir()
    write_cube(path, 7)
    return path


@pytest.fixture
def web(cube: Path) -> Iterator[Web]:
    with serve(cube.parent) as served:
        yield served


def write_cube(path: Path, seed: int) -> None:
    hdu = fits.PrimaryHDU(np.random.default_rng(seed).normal(size=SHAPE).astype(np.float32))
    hdu.header.update({"BUNIT": "Jy/beam", "OBJECT": "M83", **SKY, **FREQUENCY, **STOKES})
    hdu.writeto(path, overwrite=True)
    os.utime(path, (STILL, STILL))


def stored(found: FoundFile) -> StoredFile:
    return StoredFile("a-product", found, 1, "application/fits", "sample", None)


def results_of(
    place: RootPlace, cache: Path, after: Callable[[], object] = lambda: None, images: Images | None = None
) -> Results:
    """Results of files below one root; ``after`` is done as soon as one is open."""
    roots: Mapping[str, RootPlace] = {"r": place}

    def opened(file: StoredFile) -> OpenSource:
        source = open_source(file, roots)
        after()
        return source

    shelf = SimpleNamespace(open_source=opened, require_open=lambda file, viewer: None)
    return Results(
        cast("Shelf", shelf), images or Images(4), Derived(cache, 1 << 20), cache / "indexes", 1 << 20
    )


def make(made_by: Results, file: StoredFile, wanted: Wanted) -> Ready:
    computing = cast("Computing", NoComputing())
    found = DataSet(file, {}, {})
    return made_by.make(found, wanted, "application/fits", Viewer(), computing, Cancellation())


def all_of(ready: Ready) -> bytes:
    with closing(ready.handle) as handle:
        content = bytes(handle.read_at(0, ready.size))
    assert len(content) == ready.size
    return content


def pixels_of(content: bytes) -> np.ndarray:
    with fits.open(io.BytesIO(content)) as hdus:
        return np.array(hdus[0].data)


def bytes_asked(web: Web) -> int:
    spans = [asked.removeprefix("bytes=").split("-") for _, _, asked in web.asked if asked]
    return sum(int(last) - int(first) + 1 for first, last in spans)


@pytest.mark.parametrize("wanted", [STAMP, PLANES], ids=["stamp", "planes"])
def test_the_cut_of_a_remote_file_is_that_of_the_local_one(
    cube: Path, web: Web, tmp_path: Path, wanted: Wanted
) -> None:
    file = stored(found_at(cube))
    local = make(results_of(cube.parent, tmp_path / "a"), file, wanted)
    remote = make(results_of(web.url, tmp_path / "b"), file, wanted)
    assert (remote.size, remote.etag, remote.name) == (local.size, local.etag, local.name)
    content = all_of(local)
    assert all_of(remote) == content
    planes = STAMP_PIXELS if wanted is STAMP else np.s_[:, 1:6]
    assert np.array_equal(pixels_of(content), fits.getdata(cube)[planes])


def test_a_stamp_asks_for_little_more_than_its_rows_and_headers_are_read_once(
    cube: Path, web: Web, tmp_path: Path
) -> None:
    file, made_by = stored(found_at(cube)), results_of(web.url, tmp_path)
    all_of(make(made_by, file, STAMP))
    assert bytes_asked(web) < 250_000 < 480_000  # a plane, of three that are cut
    assert len(web.asked) <= 10
    web.asked.clear()
    content = all_of(make(made_by, file, STAMP))
    # one look before, one behind, and one request for the rows of each plane
    assert [method for method, _, _ in web.asked] == ["HEAD", "GET", "GET", "GET", "HEAD"]
    assert bytes_asked(web) == 3 * (19 * 1600 + 80)
    assert np.array_equal(pixels_of(content), fits.getdata(cube)[STAMP_PIXELS])


def test_many_blocks_cost_one_look_in_all(cube: Path, web: Web, tmp_path: Path) -> None:
    ready = make(results_of(web.url, tmp_path), stored(found_at(cube)), PLANES)
    web.asked.clear()
    with closing(ready.handle) as handle:
        content = b"".join(bytes(handle.read_at(at, 100_000)) for at in range(0, ready.size, 100_000))
    assert [method for method, _, _ in web.asked].count("HEAD") == 1
    assert bytes_asked(web) == 5 * 480_000
    assert np.array_equal(pixels_of(content), fits.getdata(cube)[:, 1:6])


@pytest.mark.parametrize("known", [False, True])
def test_a_file_that_changed_before_is_409(cube: Path, web: Web, tmp_path: Path, known: bool) -> None:
    file, images = stored(found_at(cube)), Images(4)
    if known:
        all_of(make(results_of(web.url, tmp_path, images=images), file, STAMP))
    os.utime(cube, (STILL + 5, STILL + 5))
    with pytest.raises(ServiceError) as refused:
        make(results_of(web.url, tmp_path, images=images), file, STAMP)
    assert refused.value.kind is ErrorKind.CONFLICT


@pytest.mark.parametrize("is_remote", [False, True])
def test_headers_of_another_state_are_not_kept(cube: Path, web: Web, tmp_path: Path, is_remote: bool) -> None:
    place: RootPlace = web.url if is_remote else cube.parent
    file, images = stored(found_at(cube)), Images(4)
    whole = cube.read_bytes()

    def change() -> None:
        with cube.open("r+b") as written:
            written.write(whole.replace(b"'M83     '", b"'M84     '", 1))

    with pytest.raises(ServiceError) as refused:
        make(results_of(place, tmp_path, change, images), file, STAMP)
    assert refused.value.kind is ErrorKind.CONFLICT
    cube.write_bytes(whole)
    os.utime(cube, (STILL, STILL))
    assert b"'M83     '" in all_of(make(results_of(place, tmp_path, images=images), file, STAMP))


def test_a_file_that_changes_while_it_is_sent_never_comes_to_its_end(
    cube: Path, web: Web, tmp_path: Path
) -> None:
    ready = make(results_of(web.url, tmp_path), stored(found_at(cube)), PLANES)
    with closing(ready.handle) as handle:
        assert isinstance(handle, PlannedBytes)
        handle.read_at(0, 1_000_000)
        handle.confirm()
        write_cube(cube, 8)
        os.utime(cube, (STILL + 5, STILL + 5))
        handle.read_at(1_000_000, 1000)
        with pytest.raises(SourceChanged):  # where an answer ends before the end of the whole
            handle.confirm()
        with pytest.raises(SourceChanged):
            handle.read_at(ready.size - 10_000, 10_000)


def test_servers_without_ranges_are_left_to_a_process(cube: Path, tmp_path: Path) -> None:
    with serve(cube.parent, ranges=False) as web, pytest.raises(Computed):
        make(results_of(web.url, tmp_path), stored(found_at(cube)), STAMP)


def test_what_costs_too_many_requests_is_left_to_a_process(
    cube: Path, web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "_MOST_ASKED", 100_000)
    with pytest.raises(Computed):
        make(results_of(web.url, tmp_path), stored(found_at(cube)), STAMP)
    all_of(make(results_of(cube.parent, tmp_path), stored(found_at(cube)), STAMP))


def test_a_server_that_has_gone_is_503(cube: Path, tmp_path: Path) -> None:
    with serve(cube.parent) as web:
        url = web.url
    with pytest.raises(ServiceError) as refused:
        make(results_of(url, tmp_path), stored(found_at(cube)), STAMP)
    assert refused.value.kind is ErrorKind.UNAVAILABLE and "127.0.0.1" not in refused.value.text


def test_a_member_of_a_remote_tar_is_cut_where_it_lies(cube: Path, web: Web, tmp_path: Path) -> None:
    with tarfile.open(cube.parent / "x.tar", "w") as packed:
        packed.add(cube, "a/cube.fits")
    os.utime(cube.parent / "x.tar", (STILL, STILL))
    itself = next(each for each in discover(cube.parent, "r") if each.path == "x.tar")
    assert isinstance(itself, FoundFile)
    member = stored(next(iter(list_members(itself, cube.parent).members)))
    local = all_of(make(results_of(cube.parent, tmp_path / "a"), member, STAMP))
    assert all_of(make(results_of(web.url, tmp_path / "b"), member, STAMP)) == local
    assert bytes_asked(web) < 250_000
    assert np.array_equal(pixels_of(local), fits.getdata(cube)[STAMP_PIXELS])


def test_an_object_of_a_store_is_cut_in_ranges(
    cube: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = fsspec.filesystem("memory")
    asked: list[int] = []
    whole_cat = type(memory).cat_file

    def cat_file(self: object, path: str, start: int, end: int) -> bytes:
        asked.append(end - start)
        return bytes(whole_cat(self, path, start=start, end=end))

    monkeypatch.setattr(type(memory), "cat_file", cat_file)
    memory.pipe("/cuts/cube.fits", cube.read_bytes())
    try:
        state = look_up("memory://cuts/cube.fits")
        file = stored(FoundFile("r", "cube.fits", state.size or 0, state.modified_ns))
        made_by = results_of("memory://cuts", tmp_path)
        assert np.array_equal(pixels_of(all_of(make(made_by, file, STAMP))), fits.getdata(cube)[STAMP_PIXELS])
        assert sum(asked) < 250_000
        ready = make(made_by, file, PLANES)
        memory.pipe("/cuts/cube.fits", cube.read_bytes())
        with closing(ready.handle) as handle, pytest.raises(SourceChanged):
            handle.read_at(0, ready.size)
    finally:
        memory.rm("/cuts", recursive=True)


def ingested(home: Path, what: Path | str) -> str:
    """A home with one data set; the identifier of its file."""
    settings = Settings.load(home=home, environ={})
    home.mkdir()
    with (
        closing(Catalogue.open(settings.catalogue_address)) as catalogue,
        closing(Snapshots(settings.home, catalogue)) as snapshots,
    ):
        ingest(
            [what], home=home, snapshots=snapshots, catalogue=catalogue, published=published(),
            authority="example.test", workers=0,
        )  # fmt: skip
        current = snapshots.current()
        assert current is not None
        (row,) = current.read("holdings.product", ["product_id"]).to_pylist()
        return str(row["product_id"])


def without_version(content: bytes) -> list[bytes]:
    lines = [content[at : at + 80] for at in range(0, len(content), 80)]
    return [line for line in lines if not line.startswith(b"VOSRCVER")]


def ask(app: Starlette, product_id: str, **headers: str) -> httpx.Response:
    async def closed_at_last(scope: Scope, receive: Receive, send: Send) -> None:
        ended = False

        async def note(message: Message) -> None:
            nonlocal ended
            ended = message["type"] == "http.response.body" and not message.get("more_body")
            await send(message)

        await app(scope, receive, note)
        if not ended:  # a server closes the connection
            await send({"type": "http.response.body", "body": b""})

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app=closed_at_last)
        async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
            params = {"ID": product_id, "PIXELS": "101 120 51 70", "CHANNELS": "2 4"}
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return await client.get("/soda/sync", params=params, headers=named)

    return anyio.run(send)


def test_a_service_of_a_remote_cube_answers_as_one_of_a_local_one(
    cube: Path, web: Web, tmp_path: Path
) -> None:
    opened = []
    for name, what in (("local", cube), ("remote", f"{web.url}/cube.fits")):
        product_id = ingested(tmp_path / name, what)
        app = create_app(Settings.load(home=tmp_path / name, environ={}, overrides={"unlisted": "open"}))
        opened.append((product_id, app))
    web.asked.clear()
    try:
        local, remote = (ask(app, product_id) for product_id, app in opened)
        assert (local.status_code, remote.status_code) == (200, 200), remote.text
        assert np.array_equal(pixels_of(remote.content), fits.getdata(cube)[STAMP_PIXELS])
        # a local file is digested when it is ingested, so the words for the states of the two differ
        assert without_version(remote.content) == without_version(local.content)
        assert remote.headers["content-length"] == str(len(local.content))
        assert len(web.asked) <= 10 and bytes_asked(web) < 250_000

        again = partial(ask, opened[1][1], opened[1][0])
        rest = again(range="bytes=3000-", if_range=remote.headers["etag"])
        assert (rest.status_code, rest.content) == (206, remote.content[3000:])
        part = again(range="bytes=0-9,6000-6999")
        assert part.status_code == 206
        assert remote.content[:10] in part.content and remote.content[6000:7000] in part.content
        assert again(if_none_match=remote.headers["etag"]).status_code == 304

        os.utime(cube, (STILL + 5, STILL + 5))
        assert again().status_code == 409
    finally:
        for _, app in opened:
            app.state.close()


def test_an_answer_breaks_off_where_the_cube_changes_under_it(
    cube: Path, web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    product_id = ingested(tmp_path / "home", f"{web.url}/cube.fits")
    app = create_app(Settings.load(home=tmp_path / "home", environ={}, overrides={"unlisted": "open"}))
    read_at = PlannedBytes.read_at

    def change_before(self: PlannedBytes, offset: int, length: int) -> memoryview:
        os.utime(cube, (STILL + 5, STILL + 5))
        return read_at(self, offset, length)

    try:
        whole = ask(app, product_id)
        assert whole.status_code == 200
        monkeypatch.setattr(PlannedBytes, "read_at", change_before)
        for wanted in ({}, {"range": "bytes=5800-5899"}):
            os.utime(cube, (STILL, STILL))
            broken = ask(app, product_id, **wanted)
            assert broken.status_code == (206 if wanted else 200)
            assert len(broken.content) < int(broken.headers["content-length"])
    finally:
        app.state.close()


def test_a_shape_on_a_map_of_all_the_sky_is_looked_for_in_a_process(cube: Path, tmp_path: Path) -> None:
    hdu = fits.PrimaryHDU(np.zeros((36, 72), np.float32))
    hdu.header.update({"CTYPE1": "RA---CAR", "CRPIX1": 36.5, "CDELT1": -5.0, "CRVAL1": 0.0, "BUNIT": "K"})
    hdu.header.update({"CTYPE2": "DEC--CAR", "CRPIX2": 18.5, "CDELT2": 5.0, "CRVAL2": 0.0})
    hdu.writeto(cube, overwrite=True)
    with pytest.raises(Computed):
        make(results_of(cube.parent, tmp_path), stored(found_at(cube)), Wanted(CIRCLE, ()))
    all_of(make(results_of(cube.parent, tmp_path), stored(found_at(cube)), Wanted(Constraints(), ())))
