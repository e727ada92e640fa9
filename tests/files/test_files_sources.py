"""``/files`` of members of tars and of files behind URLs: the same answers as for a file of this machine, and
the gate before all."""

from __future__ import annotations

import hashlib
import http.server
import io
import os
import tarfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tap_schema import published
from vo_service.dali.errors import ServiceError
from vo_service.dali.sending import LocalBytes
from vo_service.holdings.discover import discover
from vo_service.holdings.ingest import ingest
from vo_service.holdings.members import list_members
from vo_service.holdings.records import FoundFile
from vo_service.pixels.url_source import look_up
from vo_service.products.opened import StreamedBytes
from vo_service.products.stored import StoredFile, open_file
from vo_service.settings import Settings
from vo_service.store import Catalogue, RootPlace, Snapshots

Served = tuple[Any, dict[str, str], list[str]]
CONTENT = b"".join(hashlib.sha256(bytes([n % 256, n // 256])).digest() for n in range(40_000))
PIECES = [
    (0, 10),
    (1_000_000, 70_000),
    (5, 20),
    (len(CONTENT) - 3, 100),
    (0, len(CONTENT)),
    (len(CONTENT), 1),
]


def stored(found: FoundFile) -> StoredFile:
    return StoredFile("p-1", found, 1, "application/fits", "file", None)


@pytest.fixture(params=["w", "w:gz"])
def tar(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path = tmp_path / "root" / "x.tar"
    path.parent.mkdir()
    with tarfile.open(path, request.param) as packed:
        for name, content in (("before", b"b" * 5000), ("a/x.fits", CONTENT), ("after", b"a" * 5000)):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            packed.addfile(info, io.BytesIO(content))
    return path


def member(path: Path, name: str = "a/x.fits") -> FoundFile:
    itself = next(iter(discover(path, "main")))
    assert isinstance(itself, FoundFile)
    found = list_members(itself, path.parent).members
    return next(each for each in found if each.path == f"x.tar/{name}")


def test_a_member_is_sent_in_any_pieces_and_nothing_of_its_neighbours(tar: Path) -> None:
    with closing(open_file(stored(member(tar)), {"main": tar.parent})) as opened:
        assert isinstance(opened, LocalBytes if member(tar).packing is None else StreamedBytes)
        for offset, length in PIECES:
            assert opened.read_at(offset, length) == CONTENT[offset : offset + length]


def test_the_name_of_a_member_is_its_own(tar: Path) -> None:
    assert stored(member(tar)).name == "x.fits"


def test_members_of_a_tar_that_changed_are_409_and_of_one_that_has_gone_410(tar: Path) -> None:
    file = stored(member(tar))
    os.utime(tar, (1, 1))
    with pytest.raises(ServiceError) as caught:
        open_file(file, {"main": tar.parent})
    assert caught.value.status == 409
    tar.unlink()
    with pytest.raises(ServiceError) as caught:
        open_file(file, {"main": tar.parent})
    assert caught.value.status == 410


def test_a_tar_outside_the_root_is_404(tar: Path, tmp_path: Path) -> None:
    file = stored(member(tar))
    moved = tar.rename(tmp_path / "outside.tar")
    tar.symlink_to(moved)
    with pytest.raises(ServiceError) as caught:
        open_file(file, {"main": tar.parent})
    assert caught.value.status == 404


@contextmanager
def web_server(folder: Path, asked: list[str]) -> Iterator[str]:
    """A plain server, which knows no ranges, and notes what it is asked."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            asked.append(str(args))

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_file_behind_a_url_is_passed_on_as_long_as_it_is_what_was_ingested(tmp_path: Path) -> None:
    (tmp_path / "x.fits").write_bytes(CONTENT)
    with web_server(tmp_path, []) as url:
        state = look_up(f"{url}/x.fits")
        assert state.size == len(CONTENT)
        file = stored(FoundFile("main", "x.fits", len(CONTENT), state.modified_ns))
        roots: dict[str, RootPlace] = {"main": url}
        with closing(open_file(file, roots)) as opened:
            for offset, length in PIECES:
                assert opened.read_at(offset, length) == CONTENT[offset : offset + length]
        os.utime(tmp_path / "x.fits", (1_000_000_000, 1_000_000_000))
        with pytest.raises(ServiceError) as caught:
            open_file(file, roots)
        assert caught.value.status == 409
    with pytest.raises(ServiceError) as caught:
        open_file(file, roots)
    assert caught.value.status == 503
    assert url not in caught.value.text and "127.0.0.1" not in caught.value.text


def test_what_has_no_time_has_no_last_modified_but_a_tag() -> None:
    file = stored(FoundFile("main", "x.fits", 10, -12345))
    assert file.modified is None
    assert file.etag != stored(FoundFile("main", "x.fits", 10, -12346)).etag
    assert stored(FoundFile("main", "x.fits", -1, 5)).size_bytes is None
    assert stored(FoundFile("main", "x.fits", 1, 10**18)).modified == datetime.fromisoformat(
        "2001-09-09T01:46:40+00:00"
    )


@pytest.fixture
def served(tmp_path: Path, archive_of: Any) -> Iterator[Served]:
    """An archive of a tar, a packed one and a file behind a URL, all by ingest; identifiers by path; and what
    the web server was asked for."""
    tree = tmp_path / "tree"
    tree.mkdir()
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "remote.fits").write_bytes(CONTENT)
    for name, mode in (("x.tar", "w"), ("y.tgz", "w:gz")):
        with tarfile.open(tree / name, mode) as packed:  # type: ignore[call-overload]
            info = tarfile.TarInfo("a/x.dat")
            info.size = len(CONTENT)
            packed.addfile(info, io.BytesIO(CONTENT))
    settings = Settings.load(home=tmp_path / "home", environ={})
    settings.home.mkdir()
    asked: list[str] = []
    with web_server(tmp_path / "web", asked) as url:
        catalogue = Catalogue.open(settings.catalogue_address)
        snapshots = Snapshots(settings.home, catalogue)
        for path in (tree, f"{url}/remote.fits"):
            ingest(
                [path],
                home=settings.home,
                snapshots=snapshots,
                catalogue=catalogue,
                published=published(),
                authority="example.test",
                workers=0,
            )
        current = snapshots.current()
        assert current is not None
        rows = current.read("holdings.product", ["path", "product_id"]).to_pylist()
        snapshots.close()
        catalogue.close()
        asked.clear()
        yield archive_of(settings, tree), {row["path"]: row["product_id"] for row in rows}, asked


def test_members_and_remote_files_answer_as_any_file_does(
    served: Served,
) -> None:
    archive, ids, _asked = served
    ask, close = archive.open(unlisted="open")
    for path in ("x.tar/a/x.dat", "y.tgz/a/x.dat", "remote.fits"):
        whole = ask(ids[path])
        assert whole.status_code == 200
        assert whole.content == CONTENT
        assert whole.headers["content-length"] == str(len(CONTENT))
        assert whole.headers["content-disposition"].endswith(path.rpartition("/")[2])
        part = ask(ids[path], range="bytes=1000000-1000099", if_range=whole.headers["etag"])
        assert (part.status_code, part.content) == (206, CONTENT[1_000_000:1_000_100])
        several = ask(ids[path], range="bytes=900000-900009,0-9")
        assert several.status_code == 206
        assert CONTENT[900_000:900_010] in several.content and CONTENT[:10] in several.content
        assert ask(ids[path], "HEAD").content == b""
        assert ask(ids[path], if_none_match=whole.headers["etag"]).status_code == 304
        assert ask(ids[path], range="bytes=9999999-").status_code == 416
        assert "127.0.0.1" not in str(whole.headers)
    close()


def test_the_gate_is_asked_before_the_server_that_has_the_file(
    served: Served,
) -> None:
    archive, ids, asked = served
    ask, close = archive.open()
    for name in ids.values():
        assert ask(name).status_code == 403
    assert not asked
    close()
