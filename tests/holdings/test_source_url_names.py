"""Which URLs and manifests are taken, and what the files behind them are called."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from ingest_homes import Home, described, open_home
from product_files import write_product
from test_source_tars import pack
from web_servers import Web

from tap_schema import published
from vo_service.holdings.found_files import found_file
from vo_service.holdings.manifest import ManifestEntry, ManifestMistake, read_manifest
from vo_service.holdings.read import source_of
from vo_service.holdings.remote_roots import UrlMistake, checked_url
from vo_service.holdings.roots import RootError
from vo_service.holdings.url_folders import names_on_page

pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    opened = open_home(tmp_path / "home")
    yield opened
    opened.snapshots.close()
    opened.catalogue.close()


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


def test_links_of_a_page_that_stay_in_its_folder_are_names() -> None:
    page = """<a href="b.fits">x</a><A HREF='a/'>x</A><a href="/data/c%20d.fits">x</a><a href="../up">x</a>
      <a href="?C=N;O=D">x</a><a href="http://other/data/e">x</a><a href="b.fits#top">x</a><a>x</a>
      <a href="http://host/data/f.fits">x</a><a href="http://[bad">x</a><a href="deep/er/g.fits">x</a>"""
    assert names_on_page(page, "http://host/data/") == ["a/", "b.fits", "c%20d.fits", "deep/", "f.fits"]
