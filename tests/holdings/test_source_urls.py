"""Files behind URLs: found by listings, read by ranges, followed by what the server says."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import fsspec
import pytest
from ingest_homes import Home, described, open_home
from product_files import write_product
from test_source_tars import pack
from web_servers import STILL, Web, serve

from vo_service.pixels import http_source, read_fits, urls
from vo_service.pixels.url_source import look_up, source_behind

FOUND = ["a/one.fits", "a/two.fits.gz", "notes.txt"]
pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    opened = open_home(tmp_path / "home")
    yield opened
    opened.snapshots.close()
    opened.catalogue.close()


def test_a_folder_is_listed_and_its_files_are_described_as_local_ones_are(
    home: Home, folder: Path, web: Web, tmp_path: Path
) -> None:
    local = open_home(tmp_path / "other")
    local.ingest(folder / "data")
    expected = described(local)
    local.snapshots.close()
    local.catalogue.close()
    report = home.ingest(f"{web.url}/data/")
    assert (report.ok, report.failed) == (3, 0)
    found = described(home)
    assert sorted(found) == FOUND
    same = ("product_id", "dataset_id", "role", "evidence", "media_type", "size_bytes", "axes", "target_name")
    for path in FOUND:
        assert {key: found[path][key] for key in same} == {key: expected[path][key] for key in same}
        assert found[path]["_modified_ns"] == STILL * 10**9
    assert {row["root"] for row in found.values()} == {
        web.url.removeprefix("http://").replace(":", "-") + "-data"
    }
    assert not any(
        "127.0.0.1:" in str(value)
        for table in ("holdings.product", "ivoa.obscore", "holdings.run_product")
        for row in home.rows(table)
        for value in row.values()
    )  # no address in any table


def test_a_header_is_read_without_the_pixels(home: Home, folder: Path, web: Web) -> None:
    assert (folder / "data" / "a" / "one.fits").stat().st_size > 1_600_000
    home.ingest(f"{web.url}/data/a/one.fits")
    assert described(home)["one.fits"]["target_name"] == "ONE"
    assert web.sent < 200_000


@pytest.mark.parametrize("heads", [True, False])
@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("times", [True, False])
def test_servers_without_ranges_heads_or_times_serve_as_well(
    home: Home, folder: Path, ranges: bool, heads: bool, times: bool
) -> None:
    with serve(folder, ranges=ranges, heads=heads, times=times) as web:
        report = home.ingest(f"{web.url}/data/")
        assert (report.ok, report.failed) == (3, 0)
        assert described(home)["a/one.fits"]["axes"] == "100 100 40 1"
        again = home.ingest(f"{web.url}/data/")
        assert (again.skipped, again.snapshot) == (3, None)
        write_product(folder / "data" / "a" / "one.fits", (1, 40, 100, 100), OBJECT="ELSE")
        changed = home.ingest(f"{web.url}/data/")
        assert (changed.ok, changed.skipped) == (1, 2)
        assert described(home)["a/one.fits"]["version"] == 2


def test_unchanged_files_are_not_read_again(home: Home, web: Web) -> None:
    home.ingest(f"{web.url}/data/")
    web.asked.clear()
    home.ingest(f"{web.url}/data/")
    assert {method for method, path, _range in web.asked if not path.endswith("/")} == {"HEAD"}


def test_what_is_no_longer_listed_is_withdrawn_and_what_cannot_be_reached_is_not(
    home: Home, folder: Path, web: Web
) -> None:
    home.ingest(f"{web.url}/data/")
    web.fails["/data/a/"] = [503] * 10
    report = home.ingest(f"{web.url}/data/")
    assert (report.withdrawn, report.failed) == (0, 1)
    assert report.failures[0].error_class == "unreadable"
    assert "503" in (report.failures[0].error_message or "")
    web.fails.clear()
    (folder / "data" / "a" / "one.fits").unlink()
    assert home.ingest(f"{web.url}/data/").withdrawn == 1


def test_a_server_that_stumbles_is_asked_again(home: Home, web: Web) -> None:
    web.fails["/data/a/one.fits"] = [503, 502]
    assert home.ingest(f"{web.url}/data/a/one.fits").ok == 1


@pytest.mark.parametrize(
    "status, kind", [(404, "unreadable"), (410, "unreadable"), (401, "permission"), (500, "unreadable")]
)
def test_a_refusal_is_an_error_with_its_reason(home: Home, web: Web, status: int, kind: str) -> None:
    web.fails["/data/notes.txt"] = [status] * 20
    report = home.ingest(f"{web.url}/data/")
    assert (report.ok, report.failed) == (2, 1)
    failure = report.failures[0]
    assert (failure.path, failure.error_class) == ("notes.txt", kind)
    assert str(status) in (failure.error_message or "")
    web.fails.clear()
    assert home.ingest(f"{web.url}/data/").ok == 1


def test_no_server_no_name_no_tls_and_no_answer_are_told(
    home: Home, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_source, "READ_SECONDS", 0.3)
    with socket.socket() as silent, socket.socket() as closed:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        closed.bind(("127.0.0.1", 0))
        asked = {
            f"http://127.0.0.1:{closed.getsockname()[1]}/x.fits": "no connection",
            f"http://127.0.0.1:{silent.getsockname()[1]}/x.fits": "did not answer in time",
            web.url.replace("http:", "https:") + "/x.fits": "TLS",
        }
        for url, words in asked.items():
            with pytest.raises(urls.UrlError, match=words) as caught:
                look_up(url)
            assert url not in str(caught.value)
            report = home.ingest(url)
            assert (report.failed, report.failures[0].error_class) == (1, "unreadable")


def test_redirects_are_followed_but_not_for_ever(home: Home, web: Web) -> None:
    web.redirects["/old.fits"] = "/data/a/one.fits"
    web.redirects["/round.fits"] = "/round.fits"
    assert home.ingest(f"{web.url}/old.fits").ok == 1
    assert described(home)["old.fits"]["target_name"] == "ONE"
    report = home.ingest(f"{web.url}/round.fits")
    assert "leads on more than" in (report.failures[0].error_message or "")


def test_a_folder_without_its_slash_is_still_a_folder(home: Home, web: Web) -> None:
    assert home.ingest(f"{web.url}/data").ok == 3


def test_a_part_of_a_known_root_belongs_to_it_and_its_ids_stay(home: Home, web: Web) -> None:
    home.ingest(f"{web.url}/data/", root_name="archive")
    before = home.ids()
    report = home.ingest(f"{web.url}/data/a/")
    assert (report.skipped, report.withdrawn) == (2, 0)
    assert home.ingest(f"{web.url}/data/a/one.fits").skipped == 1
    assert dict(home.catalogue.roots()) == {"archive": f"{web.url}/data"}
    assert home.ids() == before


def test_a_mirror_takes_the_place_of_a_root_and_the_ids_stay(
    home: Home, folder: Path, web: Web, tmp_path: Path
) -> None:
    home.ingest(f"{web.url}/data/", root_name="archive")
    before = home.ids()
    (folder / "data").rename(folder / "elsewhere")
    report = home.ingest(f"{web.url}/elsewhere/", root_name="archive")
    assert (report.skipped, report.withdrawn) == (3, 0)
    assert home.ids() == before
    assert home.ingest(withdraw=["archive"]).withdrawn == 3


def test_a_file_that_changes_while_it_is_read_is_an_error(
    home: Home, folder: Path, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "data" / "a" / "one.fits"
    read = http_source.HttpFile.open

    def changed_meanwhile(self: http_source.HttpFile) -> BinaryIO:
        os.utime(path, (STILL + 60, STILL + 60))
        return read(self)

    monkeypatch.setattr(http_source.HttpFile, "open", changed_meanwhile)
    home.ingest(f"{web.url}/data/a/one.fits")
    assert described(home)["one.fits"]["error_class"] == "changed"
    monkeypatch.undo()
    assert home.ingest(f"{web.url}/data/a/one.fits").ok == 1


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("mode, name", [("w", "x.tar"), ("w:gz", "x.tar.gz")])
def test_a_tar_behind_a_url_is_looked_into(
    home: Home, folder: Path, ranges: bool, mode: str, name: str
) -> None:
    pack(folder / name, folder / "data", mode)
    with serve(folder, ranges=ranges) as web:
        report = home.ingest(f"{web.url}/{name}")
        assert (report.ok, report.failed) == (4, 0)
        assert described(home)[f"{name}/a/one.fits"]["target_name"] == "ONE"
        if ranges and mode == "w":
            assert web.sent < 1_000_000 < (folder / name).stat().st_size
        assert home.ingest(f"{web.url}/{name}").skipped == 4


def test_a_store_that_fsspec_knows_is_a_root_like_any(home: Home, folder: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.put(str(folder / "data"), "/bucket/data", recursive=True)
    try:
        report = home.ingest("memory://bucket/data/")
        assert (report.ok, report.failed) == (3, 0)
        assert sorted(described(home)) == FOUND
        assert home.ingest("memory://bucket/data/").skipped == 3
        assert home.ingest("memory://bucket/data/a/one.fits").skipped == 1
        memory.pipe("/bucket/data/a/one.fits", (folder / "data" / "a" / "one.fits").read_bytes()[:-2880])
        report = home.ingest("memory://bucket/data/")
        assert (report.failed, report.skipped) == (1, 2)
        memory.rm("/bucket/data/a/one.fits")
        assert home.ingest("memory://bucket/data/").withdrawn == 1
        missing = home.ingest("memory://bucket/data/nothing.fits").failures[0]
        assert missing.error_message == "nothing.fits cannot be read: there is nothing of this name"
    finally:
        memory.rm("/bucket", recursive=True)


def test_ranges_of_a_store_give_the_same_headers(folder: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe("/b/one.fits", (folder / "data" / "a" / "one.fits").read_bytes())
    try:
        source = source_behind("memory://b/one.fits", None)
        assert read_fits(source) == read_fits(folder / "data" / "a" / "one.fits")
    finally:
        memory.rm("/b", recursive=True)


def test_a_page_that_lists_nothing_takes_nothing_out(home: Home, folder: Path, web: Web) -> None:
    home.ingest(f"{web.url}/data/")
    before = home.ids()
    (folder / "data").rename(folder / "elsewhere")
    (folder / "data").mkdir()
    report = home.ingest(f"{web.url}/data/")
    assert (report.withdrawn, report.failed, report.snapshot, report.exit_code) == (0, 1, None, 1)
    assert "--withdraw" in str(report.failures[0].error_message)
    assert home.ids() == before
