"""Files behind URLs: found by listings or a manifest, read by ranges, followed by what the server says."""

from __future__ import annotations

import gzip
import hashlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import fsspec
import pytest
from ingest_homes import Home, open_home
from product_files import write_product
from test_source_tars import pack
from web_servers import Web, serve

from tap_schema import published
from vo_service.holdings.found_files import found_file
from vo_service.holdings.manifest import ManifestEntry, ManifestMistake, read_manifest
from vo_service.holdings.read import source_of
from vo_service.holdings.remote_roots import UrlMistake, checked_url
from vo_service.holdings.roots import RootError
from vo_service.holdings.url_folders import names_on_page
from vo_service.pixels import http_source, read_fits, urls
from vo_service.pixels.url_source import look_up, source_behind

STILL = 1_700_000_000
FOUND = ["a/one.fits", "a/two.fits.gz", "notes.txt"]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    opened = open_home(tmp_path / "home")
    yield opened
    opened.snapshots.close()
    opened.catalogue.close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Errors come at once, and no session of an earlier test is used."""
    monkeypatch.setattr(http_source, "_WAIT_SECONDS", 0.0)
    http_source._session.cache_clear()
    yield
    http_source._session().close()
    http_source._session.cache_clear()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    top = tmp_path / "served" / "data"
    write_product(top / "a" / "one.fits", (1, 40, 100, 100), OBJECT="ONE")
    write_product(tmp_path / "two.fits", OBJECT="TWO")
    (top / "a" / "two.fits.gz").write_bytes(gzip.compress((tmp_path / "two.fits").read_bytes()))
    (top / "notes.txt").write_text("some words\n")
    for path in top.rglob("*.*"):
        os.utime(path, (STILL, STILL))
    return top.parent


@pytest.fixture
def web(folder: Path) -> Iterator[Web]:
    with serve(folder) as served:
        yield served


def described(home: Home) -> dict[str, dict[str, Any]]:
    return {row["path"]: row for row in home.rows("holdings.product")}


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


def test_a_manifest_lists_files_of_several_servers(
    home: Home, folder: Path, web: Web, tmp_path: Path
) -> None:
    digest = hashlib.sha256((folder / "data" / "notes.txt").read_bytes()).hexdigest()
    (tmp_path / "list.csv").write_text(
        "url,size,sha256\n"
        f"{web.url}/data/a/one.fits,,\n"
        f"{web.url}/data/notes.txt,11,{digest}\n"
        f"{web.url}/data/a/two.fits.gz,17,\n"
        f"{web.url}/nothing.fits,,\n"
    )
    report = home.ingest(entries=read_manifest(tmp_path / "list.csv"))
    assert (report.ok, report.failed) == (2, 2)
    told = {each.path: each.error_message or "" for each in report.failures}
    assert "the manifest says 17 bytes" in told["data/a/two.fits.gz"]
    assert "404" in told["nothing.fits"]
    assert described(home)["data/notes.txt"]["_sha256"] == digest
    (tmp_path / "list.txt").write_text(f"# all\n\n{web.url}/data/notes.txt\n")
    report = home.ingest(entries=read_manifest(tmp_path / "list.txt"))
    assert (report.skipped, report.withdrawn) == (1, 0)  # a shorter list takes nothing out


def test_a_digest_that_is_not_the_stated_one_is_an_error(home: Home, web: Web) -> None:
    entry = ManifestEntry(f"{web.url}/data/notes.txt", 11, "0" * 64)
    assert home.ingest(entries=[entry]).failed == 1
    row = described(home)["data/notes.txt"]
    assert row["error_class"] == "unreadable" and "the manifest says 000" in row["error_message"]


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "lists no file"),
        ("a,b\n1,2\n", "neither a URL nor"),
        ("url,size\nhttp://h/x,many\n", "no number of bytes"),
        ("url,size\nhttp://h/x\n", "1 cells, but 2"),
        ("url,sha256\nhttp://h/x,abc\n", "no SHA-256"),
        ("http://h/x\nfile.fits\n", "line 2: 'file.fits' is no URL"),
        ("access_url\n/data/x.fits\n", "line 2: '/data/x.fits' is no URL"),
    ],
)
def test_a_manifest_that_cannot_be_read_says_where(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "list").write_text(text)
    with pytest.raises(ManifestMistake, match=words):
        read_manifest(tmp_path / "list")


def test_an_ecsv_manifest(tmp_path: Path) -> None:
    head = "# %ECSV 1.0\n# ---\n# datatype:\n# - {name: access_url, datatype: string}\n"
    head += "# - {name: size, datatype: int64}\n"
    (tmp_path / "list.ecsv").write_text(
        head + 'access_url size\n"http://h/a b.fits" 1\nhttp://h/x.fits 2880\n'
    )
    with pytest.raises(ManifestMistake, match="line 7"):
        read_manifest(tmp_path / "list.ecsv")
    (tmp_path / "list.ecsv").write_text(head + "access_url size\nhttp://h/x.fits 2880\n")
    assert read_manifest(tmp_path / "list.ecsv") == (
        ManifestEntry("http://h/x.fits", 2880, None, "list.ecsv, line 7"),
    )


@pytest.mark.parametrize(
    "url, words",
    [
        ("https://user:word@host/x.fits", "user or password"),
        ("https://word@host/x.fits", "user or password"),
        ("https://host/x.fits?X-Amz-Signature=abc&X-Amz-Expires=1", "signed"),
        ("https://host/x.fits?id=3&access_token=abc", "signed"),
        ("https://host/folder/?id=3", "a folder has no query"),
        ("https://host/a/../x.fits", "no plain URL"),
        ("https:///x.fits", "no plain URL"),
        ("file:///etc/passwd", "as a path"),
        ("gopher-of-old://host/x", "Protocol not known"),
    ],
)
def test_urls_that_hold_a_secret_or_mean_nothing_are_refused(home: Home, url: str, words: str) -> None:
    with pytest.raises(UrlMistake, match=words) as caught:
        checked_url(url)
    for secret in ("word@", "word:", "abc"):
        assert secret not in str(caught.value)
    with pytest.raises(RootError, match=words):
        home.ingest(url)
    assert not home.catalogue.roots()


@pytest.mark.parametrize(
    "key", ["jwt", "pwd", "pass", "PassPhrase", "bearer", "sessionid", "ticket", "sig", "AccessKeyId", "hmac"]
)
def test_a_secret_in_a_query_is_known_by_many_names(key: str) -> None:
    with pytest.raises(UrlMistake, match="signed"):
        checked_url(f"https://host/x.fits?{key}=abc")


def test_a_harmless_query_names_a_file_and_is_never_published(home: Home, folder: Path, web: Web) -> None:
    assert checked_url("https://host/get?ID=x.fits#part") == "https://host/get?ID=x.fits"
    queries = [f"file=hidden-{number}/../word" for number in (1, 2)]
    report = home.ingest(f"{web.url}/data/a/one.fits?{queries[0]}")
    assert (report.ok, report.failed) == (1, 0)
    entries = [ManifestEntry(f"{web.url}/data/a/one.fits?{query}") for query in queries]
    tar = pack(folder / "data" / "x.tar", folder / "data" / "a")
    entries.append(ManifestEntry(f"{web.url}/data/{tar.name}?{queries[0]}"))
    entries.append(ManifestEntry(f"{web.url}/data/nothing.fits?{queries[0]}"))
    report = home.ingest(entries=entries)
    assert (report.ok, report.skipped, report.failed) == (4, 1, 1)
    found = described(home)
    assert {row["target_name"] for path, row in found.items() if path.endswith("one.fits")} == {"ONE"}
    assert sorted(path.rpartition("/")[2] for path in found) == [
        "one.fits", "one.fits", "one.fits", "two.fits.gz", "x.tar",
    ]  # fmt: skip
    assert all("query-" in path for path in found)
    assert {query for method, path, _ in web.asked if "?" in path for query in [path.partition("?")[2]]} == {
        *queries
    }
    public = {name: [column.name for column in table.columns] for name, table in published().items()}
    for table in ("holdings.product", "holdings.dataset", "ivoa.obscore", "holdings.run_product"):
        for row in home.rows(table):
            assert not any("hidden" in str(row.get(name)) for name in public[table])
    assert not any("hidden" in str(entry) for entry in report.failures)
    web.asked.clear()
    again = home.ingest(entries=entries[:3])
    assert (again.skipped, again.snapshot) == (5, None)
    row = found[next(path for path in found if path.endswith("two.fits.gz"))]
    member = found_file({"root": row["root"], **row})
    with source_of(member, str(home.catalogue.roots()[row["root"]])).open() as stream:
        assert stream.read() == (folder / "data" / "a" / "two.fits.gz").read_bytes()


def test_names_are_the_same_behind_a_url_and_in_a_directory(
    home: Home, folder: Path, web: Web, tmp_path: Path
) -> None:
    odd = (
        "a b.fits",
        "100%.fits",
        "%41.fits",
        "q?x=1.fits",
        "n#1.fits",
        "söder+1;2&3.fits",
        "x=1,y@z:2.fits",
    )
    for number, name in enumerate(odd):
        write_product(folder / "data" / "odd ones" / name, OBJECT=f"S{number}", CRVAL1=20.0 + number)
    local = open_home(tmp_path / "other")
    local.ingest(folder / "data")
    expected = local.ids()
    local.snapshots.close()
    local.catalogue.close()
    report = home.ingest(f"{web.url}/data/")
    assert (report.ok, report.failed) == (10, 0)
    assert home.ids() == expected
    part = home.ingest(f"{web.url}/data/odd%20ones/")
    one = home.ingest(f"{web.url}/data/odd ones/a%20b.fits")
    listed = home.ingest(entries=[ManifestEntry(f"{web.url}/data/odd%20%6Fnes/%2541.fits")])
    for report, count in ((part, 7), (one, 1), (listed, 1)):
        assert (report.skipped, report.found, report.snapshot) == (count, count, None)


@pytest.mark.parametrize(
    "link, words",
    [
        ("b%2Fc.fits", "leads to another folder"),
        ("%2e%2e%2fetc", "leads to another folder"),
        ("b%1B%5B2J.fits", "control characters"),
        ("b%0Ac/", "control characters"),
        ("b%FF.fits", "not UTF-8"),
    ],
)
def test_encoded_names_that_no_file_can_have_are_told(home: Home, web: Web, link: str, words: str) -> None:
    web.links.append(link)
    report = home.ingest(f"{web.url}/data/")
    assert (report.ok, report.failed) == (3, 2)  # the link stands on both pages
    assert {entry.path for entry in report.failures} == {link.strip("/"), f"a/{link.strip('/')}"}
    assert all(entry.error_class == "unreadable" for entry in report.failures)
    assert all(words in str(entry.error_message) for entry in report.failures)
    with pytest.raises(UrlMistake, match=words):
        checked_url(f"{web.url}/data/{link}")


def test_a_page_that_lists_nothing_takes_nothing_out(home: Home, folder: Path, web: Web) -> None:
    home.ingest(f"{web.url}/data/")
    before = home.ids()
    (folder / "data").rename(folder / "elsewhere")
    (folder / "data").mkdir()
    report = home.ingest(f"{web.url}/data/")
    assert (report.withdrawn, report.failed, report.snapshot, report.exit_code) == (0, 1, None, 1)
    assert "--withdraw" in str(report.failures[0].error_message)
    assert home.ids() == before


def test_links_of_a_page_that_stay_in_its_folder_are_names() -> None:
    page = """<a href="b.fits">x</a><A HREF='a/'>x</A><a href="/data/c%20d.fits">x</a><a href="../up">x</a>
      <a href="?C=N;O=D">x</a><a href="http://other/data/e">x</a><a href="b.fits#top">x</a><a>x</a>
      <a href="http://host/data/f.fits">x</a><a href="http://[bad">x</a><a href="deep/er/g.fits">x</a>"""
    assert names_on_page(page, "http://host/data/") == ["a/", "b.fits", "c%20d.fits", "deep/", "f.fits"]
