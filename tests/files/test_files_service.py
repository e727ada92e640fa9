"""/files over HTTP, in process: the gate, headers, ranges, conditions, digests, and files that changed."""

from __future__ import annotations

import base64
import email
import hashlib
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import httpx
import pytest

from vo_service.dali.sending import disposition
from vo_service.settings import Settings

Ask = Callable[..., httpx.Response]
BytesOf = Callable[[str], bytes]


class Archive(Protocol):
    settings: Settings
    root: Path

    def open(self, **overrides: str) -> tuple[Ask, Callable[[], None]]: ...


def digest_of(content: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


def test_a_public_file_comes_whole_with_all_that_clients_need(fetch: Ask, bytes_of: BytesOf) -> None:
    answer = fetch("public")
    content = bytes_of("public")
    assert (answer.status_code, answer.content) == (200, content)
    assert answer.headers["Content-Type"] == "application/fits"
    assert answer.headers["Content-Length"] == str(len(content))
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert re.fullmatch(r'"[0-9a-f]{32}"', answer.headers["ETag"])
    assert answer.headers["Last-Modified"].endswith("GMT")
    assert answer.headers["Content-Disposition"] == "attachment; filename=a.fits"
    assert answer.headers["Repr-Digest"] == digest_of(content)


@pytest.mark.parametrize("product_id", ["public", "empty", "packed"])
def test_head_says_what_get_would(fetch: Ask, product_id: str) -> None:
    # astroquery asks HEAD for length and name before it downloads
    head, got = fetch(product_id, "HEAD"), fetch(product_id)
    assert head.content == b"" and head.status_code == 200
    for name in (
        "Content-Length",
        "Content-Type",
        "ETag",
        "Content-Disposition",
        "Repr-Digest",
        "Last-Modified",
    ):
        assert head.headers[name] == got.headers[name]


def test_a_packed_file_is_sent_as_it_is(fetch: Ask, bytes_of: BytesOf) -> None:
    # OBS-067; never with a Content-Encoding, or clients would unpack it on the way
    answer = fetch("packed")
    assert answer.headers["Content-Type"] == "image/x-fits-gzip"
    assert "Content-Encoding" not in answer.headers and answer.content == bytes_of("packed")


@pytest.mark.parametrize(
    ("product_id", "status", "words"),
    [
        ("embargoed", 403, "proprietary until 2999-01-01"),
        ("undated", 403, "no release date"),
        ("unlisted", 403, "not public"),
        ("unknown", 404, "no product"),
        ("leads-out", 404, "leads out"),
        ("%2e%2e%2fhome", 404, ""),
        ("..%2f..%2fetc%2fpasswd", 404, ""),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_is_not_sent_says_why(fetch: Ask, method: str, product_id: str, status: int, words: str) -> None:
    # design 4.3: the gate is asked before anything of the file is told
    answer = fetch(product_id, method)
    assert answer.status_code == status
    assert method == "HEAD" or words in answer.text
    for name in ("ETag", "Repr-Digest", "Content-Disposition"):
        assert name not in answer.headers


def test_a_range_does_not_get_past_the_gate(fetch: Ask) -> None:
    assert fetch("embargoed", Range="bytes=0-9").status_code == 403
    assert fetch("embargoed", If_None_Match="*").status_code == 403


def test_unlisted_files_open_by_a_setting_and_dated_ones_do_not(own_archive: Archive) -> None:
    ask, close = own_archive.open(unlisted="open")
    assert ask("unlisted").status_code == 200
    assert ask("undated").status_code == 403
    assert ask("embargoed").status_code == 403
    close()


@pytest.mark.parametrize(
    ("header", "start", "stop"),
    [("bytes=0-9", 0, 10), ("bytes=100-", 100, None), ("bytes=-7", -7, None), ("bytes=5-999999999", 5, None)],
)
def test_a_range_gives_those_bytes(
    fetch: Ask, bytes_of: BytesOf, header: str, start: int, stop: int | None
) -> None:
    content = bytes_of("public")
    answer = fetch("public", Range=header)
    assert (answer.status_code, answer.content) == (206, content[start:stop])
    first = start if start >= 0 else len(content) + start
    last = first + len(answer.content) - 1
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{len(content)}"
    assert answer.headers["Content-Length"] == str(len(answer.content))
    assert answer.headers["Repr-Digest"] == digest_of(content)  # of the whole, RFC 9530


def test_several_ranges_come_in_parts(fetch: Ask, bytes_of: BytesOf) -> None:
    content = bytes_of("public")
    answer = fetch("public", Range="bytes=0-9,50-59,-5")
    assert answer.status_code == 206
    assert answer.headers["Content-Length"] == str(len(answer.content))
    message = email.message_from_bytes(
        b"Content-Type: " + answer.headers["Content-Type"].encode() + b"\r\n\r\n" + answer.content
    )
    parts = message.get_payload()
    assert isinstance(parts, list)
    sizes = f"/{len(content)}"
    assert [part["Content-Range"] for part in parts][:2] == [f"bytes 0-9{sizes}", f"bytes 50-59{sizes}"]  # type: ignore[index]
    for span in (content[:10], content[50:60], content[-5:]):
        assert span in answer.content


def test_a_range_beyond_the_end_is_416_with_the_size(fetch: Ask, bytes_of: BytesOf) -> None:
    answer = fetch("public", Range="bytes=99999999-")
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(bytes_of('public'))}"
    assert "None of the ranges" in answer.text


def test_an_interrupted_download_goes_on_only_with_the_same_bytes(fetch: Ask, bytes_of: BytesOf) -> None:
    etag = fetch("public", "HEAD").headers["ETag"]
    assert fetch("public", Range="bytes=10-", If_Range=etag).content == bytes_of("public")[10:]
    other = fetch("public", Range="bytes=10-", If_Range='"other"')
    assert (other.status_code, other.content) == (200, bytes_of("public"))


def test_conditions_spare_the_bytes(fetch: Ask) -> None:
    answer = fetch("public", "HEAD")
    same = fetch("public", If_None_Match=answer.headers["ETag"])
    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", answer.headers["ETag"])
    assert fetch("public", If_Modified_Since=answer.headers["Last-Modified"]).status_code == 304
    assert fetch("public", If_Match='"other"').status_code == 412


def test_an_old_version_is_gone_and_names_its_successor(fetch: Ask) -> None:
    # design 4.2
    answer = fetch("third?version=1")
    assert answer.status_code == 410
    assert answer.headers["Link"] == '<http://t/files/third?version=3>; rel="successor-version"'
    assert fetch("third?version=3").status_code == 200
    assert fetch("third?version=4").status_code == 404
    assert fetch("third?version=x").status_code == 400
    assert fetch("third?version=\u0663").status_code == 400  # a digit, and no number of ours


@pytest.mark.parametrize("version", ["", "?version=1", "?version=2"])
def test_a_withdrawn_product_is_gone_and_names_its_successor(fetch: Ask, version: str) -> None:
    # design 4.2
    answer = fetch(f"moved-away{version}")
    assert answer.status_code == 410
    assert answer.headers["Link"] == '<http://t/files/public>; rel="successor-version"'
    assert "withdrawn on 2026-02-03" in answer.text and "http://t/files/public" in answer.text


def test_a_withdrawn_product_without_a_successor_is_gone(fetch: Ask) -> None:
    answer = fetch("gone-for-good")
    assert (answer.status_code, "Link" in answer.headers) == (410, False)
    assert fetch("gone-for-good?version=4").status_code == 404


def test_links_to_successors_start_with_the_public_address(own_archive: Archive) -> None:
    ask, close = own_archive.open(base_url="https://archive.example.org/vo")
    start = "<https://archive.example.org/vo/files/"
    assert ask("moved-away").headers["Link"].startswith(f"{start}public>")
    assert ask("third?version=1").headers["Link"].startswith(f"{start}third?version=3>")
    close()


def test_the_digest_of_the_ingest_is_told_at_once(own_archive: Archive, bytes_of: BytesOf) -> None:
    ask, close = own_archive.open(digest_bytes="10")
    assert ask("digested", "HEAD").headers["Repr-Digest"] == digest_of(bytes_of("digested"))
    close()


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("a.fits", "attachment; filename=a.fits"),
        ("a b.fits", "attachment; filename*=UTF-8''a%20b.fits; filename=\"a b.fits\""),
        ("naïve.fits", "attachment; filename*=UTF-8''na%C3%AFve.fits; filename=\"na_ve.fits\""),
        ('x"\r\ny', "attachment; filename*=UTF-8''x%22%0D%0Ay; filename=\"x___y\""),
    ],
)
def test_names_are_told_to_old_and_new_clients(name: str, header: str) -> None:
    assert disposition(name) == header


def test_an_odd_name_is_served(fetch: Ask, bytes_of: BytesOf) -> None:
    answer = fetch("odd-name")
    assert answer.content == bytes_of("odd-name")
    assert "na%C3%AFve%3A%201%20%22x%22.fits" in answer.headers["Content-Disposition"]


def test_a_large_file_is_digested_behind_its_first_answer(own_archive: Archive, bytes_of: BytesOf) -> None:
    wanted = digest_of(bytes_of("public"))
    ask, close = own_archive.open(digest_bytes="10")
    assert "Repr-Digest" not in ask("public").headers
    for _ in range(100):
        if "Repr-Digest" in (answer := ask("public", "HEAD")).headers:
            break
        time.sleep(0.05)
    assert answer.headers["Repr-Digest"] == wanted
    assert ask("third", "HEAD", Want_Repr_Digest="sha-256=3").headers["Repr-Digest"] == digest_of(
        bytes_of("third")
    )
    close()


def test_a_digest_is_kept_for_other_processes(own_archive: Archive, bytes_of: BytesOf) -> None:
    ask, close = own_archive.open()
    ask("public", "HEAD")
    close()
    ask, close = own_archive.open(digest_bytes="10")
    assert ask("public", "HEAD").headers["Repr-Digest"] == digest_of(bytes_of("public"))
    close()


def test_a_file_that_changed_or_went_since_its_ingest_is_not_sent(own_archive: Archive) -> None:
    ask, close = own_archive.open()
    (own_archive.root / "p1/going.fits").unlink()
    path = own_archive.root / "p1/changing.fits"
    state = path.stat()
    path.write_bytes(b"other bytes")
    os.utime(path, ns=(state.st_mtime_ns + 10**9, state.st_mtime_ns + 10**9))
    gone, changed = ask("going"), ask("changing")
    assert gone.status_code == 410 and "has gone since it was ingested" in gone.text
    assert changed.status_code == 409 and "has changed since it was ingested" in changed.text
    for answer in (gone, changed):
        assert str(own_archive.root) not in answer.text
    close()


def test_a_catalogue_that_is_away_is_503_until_it_is_back(own_archive: Archive, bytes_of: BytesOf) -> None:
    ask, close = own_archive.open()
    assert ask("public", "HEAD").status_code == 200
    home = own_archive.settings.home
    aside = home / "aside"
    aside.mkdir()
    for file in home.glob("catalogue.sqlite*"):
        file.rename(aside / file.name)
    answer = ask("public")
    assert answer.status_code == 503 and "database of this service does not answer" in answer.text
    for file in home.glob("catalogue.sqlite*"):
        file.unlink()
    for file in aside.iterdir():
        file.rename(home / file.name)
    assert ask("public").content == bytes_of("public")
    close()


def test_a_disk_that_is_away_is_503(own_archive: Archive) -> None:
    ask, close = own_archive.open()
    own_archive.root.rename(own_archive.root.with_name("away"))
    assert ask("public").status_code == 503
    close()


def test_other_methods_are_405(fetch: Ask) -> None:
    for method in ("POST", "PUT", "DELETE"):
        assert fetch("public", method).status_code == 405
