"""Files of a tree as they are sent: exactly those that there are, each in its one form or packed."""

from __future__ import annotations

import gzip
import io
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import anyio
import httpx
import numpy as np
import pytest
from address_checks import pairs_of, tile
from asked_in_process import Asked, running
from astropy.io import fits
from PIL import Image
from starlette.types import Message
from tree_house import NOW, TREE, TreeHouse

from hips.tiles.grid import WIDTH
from hips.trees.held import Held, read_held
from hips.trees.versions import Build, Trees
from vo_service.trees import handlers
from vo_service.trees.served import ServedTrees

PACKED = {"Accept-Encoding": "gzip"}
PLAIN = {"Accept-Encoding": "identity"}


@pytest.fixture(scope="module")
def door(made_trees: TreeHouse) -> Iterator[Asked]:
    with running(asked := Asked(now=NOW), made_trees.home):
        yield asked


def ask(door: Asked, path: str, headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
    return door.ask(f"/hips/{TREE}/{path}", headers=headers or PLAIN, **more)


@pytest.fixture(scope="module")
def build(made_trees: TreeHouse) -> Build:
    return made_trees.build


@pytest.fixture(scope="module")
def held(build: Build) -> Held:
    return read_held(build.directory)


def stored(build: Build, ending: str) -> list[str]:
    """Paths of tiles of the tree that end so."""
    found = sorted(str(path.relative_to(build.tree)) for path in build.tree.rglob(f"Npix*{ending}"))
    assert found
    return found


def raw(door: Asked, path: str, headers: dict[str, str]) -> httpx.Response:
    """An answer whose body is not unpacked."""

    async def send() -> tuple[httpx.Response, bytes]:
        transport = httpx.ASGITransport(app=door.app)
        async with (
            httpx.AsyncClient(transport=transport, base_url="http://t") as client,
            client.stream("GET", f"/hips/{TREE}/{path}", headers=headers) as answer,
        ):
            body = b"".join([part async for part in answer.aiter_raw()])
        return answer, body

    answer, body = door.portal.call(send)
    answer.raw_body = body
    return answer


def test_files_are_sent_as_they_lie_there(door: Asked, build: Build) -> None:
    for path in (*stored(build, ".png")[:5], *stored(build, ".fits"), "preview.jpg", "Moc.fits"):
        answer = ask(door, path)
        content = (build.tree / path).read_bytes()
        assert (answer.status_code, answer.content) == (200, content)
        assert answer.headers["Content-Length"] == str(len(content))
        assert "Vary" not in answer.headers or "Accept" not in answer.headers["Vary"]
        assert "Content-Encoding" not in raw(door, path, PACKED).headers
        assert answer.headers["Last-Modified"] and answer.headers["ETag"].startswith('"')


def test_what_is_kept_packed_is_sent_both_ways(door: Asked, build: Build) -> None:
    # HIPS-030: plain bytes, or packed ones that say so
    some = [*stored(build, ".fits.gz")[:4], "Norder3/Allsky.fits.gz"]
    for kept in some:
        path, content = kept.removesuffix(".gz"), (build.tree / kept).read_bytes()
        packed, plain = raw(door, path, PACKED), raw(door, path, PLAIN)
        assert packed.raw_body == content and plain.raw_body == gzip.decompress(content)
        assert packed.headers["Content-Encoding"] == "gzip" and "Content-Encoding" not in plain.headers
        for answer in (packed, plain):
            assert answer.headers["Content-Type"] == "application/fits"
            assert answer.headers["Content-Length"] == str(len(answer.raw_body))
            assert "Accept-Encoding" in answer.headers["Vary"]
            told = {"If-None-Match": answer.headers["ETag"]}
            same, other = (PACKED, PLAIN) if answer is packed else (PLAIN, PACKED)
            known = raw(door, path, same | told)
            assert (known.status_code, known.raw_body) == (304, b"")
            assert (
                "Accept-Encoding" in known.headers["Vary"] and known.headers["ETag"] == told["If-None-Match"]
            )
            assert raw(door, path, other | told).status_code == 200
        assert packed.headers["ETag"] != plain.headers["ETag"]  # RFC 9110, 8.8.3.3
        head = ask(door, path, method="HEAD")
        assert head.headers["Content-Length"] == plain.headers["Content-Length"]
        part = ask(door, path, headers=PLAIN | {"Range": "bytes=0-79"})
        assert (part.status_code, part.content) == (206, plain.raw_body[:80])
        assert raw(door, kept, PLAIN).status_code == 404  # that is no name of a tile


def test_tiles_below_a_leaf_repeat_its_pixels(door: Asked, held: Held) -> None:
    # HIPS-007; the place of a tile in its leaf by CHK-H10's rule: HIPS-020
    leaf = next(each for each in held.tiles() if each.leaf and each.filled and each.order == 8)
    above = fits.getdata(io.BytesIO(ask(door, tile(8, leaf.cell, "fits")).content))
    picture = np.asarray(Image.open(io.BytesIO(ask(door, tile(8, leaf.cell, "png")).content)).convert("LA"))
    found = 0
    for cell in range(16 * leaf.cell, 16 * leaf.cell + 16):
        answers = [ask(door, tile(10, cell, ending)) for ending in ("fits", "png")]
        assert {answer.status_code for answer in answers} in ({200}, {404})
        east = (cell & 1) | (cell >> 1 & 2)
        west = (cell >> 1 & 1) | (cell >> 2 & 2)
        rows = slice(WIDTH - WIDTH // 4 * (east + 1), WIDTH - WIDTH // 4 * east)
        columns = slice(WIDTH // 4 * west, WIDTH // 4 * (west + 1))
        values = np.kron(above[rows, columns], np.ones((4, 4), np.float32))
        if answers[0].status_code == 404:
            assert np.isnan(values).all()
            continue
        found += 1
        with fits.open(io.BytesIO(answers[0].content)) as hdus:
            np.testing.assert_array_equal(hdus[0].data, values)
            assert (hdus[0].header["ORDER"], hdus[0].header["NPIX"]) == (10, cell)
            assert hdus[0].header["BUNIT"] == "MJy/sr"
        shown = np.asarray(Image.open(io.BytesIO(answers[1].content)).convert("LA"))
        np.testing.assert_array_equal(shown[::-1], picture[::-1][rows, columns].repeat(4, 0).repeat(4, 1))
        for answer in answers:
            path = str(answer.url).partition(f"{TREE}/")[2]
            assert ask(door, path).headers["ETag"] == answer.headers["ETag"]
            assert ask(door, path, {"If-None-Match": answer.headers["ETag"]}).status_code == 304
            head = ask(door, path, method="HEAD")
            assert head.headers["Content-Length"] == answer.headers["Content-Length"]
    assert 0 < found < 16
    tags = {ask(door, tile(9, 4 * leaf.cell + place, "png")).headers.get("ETag") for place in range(4)}
    assert len(tags - {None}) == sum(
        ask(door, tile(9, 4 * leaf.cell + place, "png"), method="HEAD").is_success for place in range(4)
    )


ODD = (
    "Norder3/Dir0/Npix685.PNG", "norder3/Dir0/Npix685.png", "Norder3/Dir0/Npix0685.png",
    "Norder03/Dir0/Npix685.png", "Norder3/Dir10000/Npix685.png", "Norder3/Dir0/Npix685.png.gz",
    "Norder3/Dir0/Npix685.jpg", "Norder3/Dir0/Npix685_1.png", "Norder3/Dir0/Npix-1.png", "Norder3",
    "Norder3/Dir0",
    "Norder3//Dir0/Npix685.png", "Norder3/Dir0/../Dir0/Npix685.png", "./properties", "../members.arrow",
    "../tiles.arrow", "../build.json", "..%2fbuild.json", "%2e%2e/build.json", "Norder3/Dir0%2FNpix685.png",
    "Norder3%2fAllsky.png", "propertie%73", "../../../../catalogue.sqlite", "Norder3/Allsky.jpg", "moc.fits",
    "Properties", "tree/properties", "properties\x00", "Norder30/Dir0/Npix0.png", "Norder3/Dir0/Npix768.png",
    "Norder11/Dir44930000/Npix44934880.png", "Norder3/Dir0/Npix\u0666.png", "metadata.xml", "HpxFinder",
    f"Norder3/Dir0/Npix{'9' * 5000}.fits", f"Norder3/Dir{'9' * 5000}/Npix685.png",
    f"Norder3/Allsky_{'9' * 5000}.png",
)  # fmt: skip


@pytest.mark.parametrize("path", ODD, ids=range(len(ODD)))
def test_nothing_else_has_a_name(door: Asked, path: str) -> None:
    """As the server hands the path on, which unpacks escapes and nothing more."""
    status, headers, body = scoped(door, f"/hips/{TREE}/{path}")
    assert status == 404
    assert headers[b"access-control-allow-origin"] == b"*"
    assert headers[b"content-type"].startswith(b"text/plain") and len(body) < 300
    assert b"/home" not in body and b"tmp" not in body


def scoped(door: Asked, address: str) -> tuple[int, dict[bytes, bytes], bytes]:
    """The answer to a request whose path no client has tidied up."""
    sent: list[Message] = []

    async def receive() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": unquote(address), "raw_path": address.encode(), "query_string": b"", "root_path": "",
        "headers": [(b"host", b"t")], "client": ("127.0.0.1", 1), "server": ("t", 80), "state": {},
    }  # fmt: skip
    door.portal.call(door.app, scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], dict(sent[0]["headers"]), body


def test_a_tree_that_is_replaced_all_the_time_is_not_told_to_lack_a_file(
    door: Asked, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, find = stored(build, ".png")[0], ServedTrees.find
    assert ask(door, path).status_code == 200
    monkeypatch.setattr(handlers, "_tiles", lambda *_: None)  # its build is gone by then
    assert ask(door, path).status_code == 404
    monkeypatch.setattr(ServedTrees, "find", lambda *named: replace(find(*named)))
    answer = ask(door, path)
    assert answer.status_code == 503 and "replaced" in answer.text


@pytest.mark.parametrize("name", ["none", "..", ".", "trees", "index.json", "CONTINUUM-BAND-6"])
def test_trees_that_are_not_there(door: Asked, name: str) -> None:
    for path in ("properties", "Norder0/Dir0/Npix10.png", ""):
        status, headers, body = scoped(door, f"/hips/{name}/{path}")
        assert (status, headers[b"cache-control"]) == (404, b"public, max-age=300")
        assert b"There is no tree of this name" in body


def test_no_link_leads_out_of_a_tree(made_trees: TreeHouse, tmp_path: Path) -> None:
    house = TreeHouse(tmp_path, made_trees.products)
    trees = Trees(house.home / "hips")
    outside = tmp_path / "outside"
    (outside / "Dir0").mkdir(parents=True)
    (outside / "Dir0" / "Npix1.png").write_bytes(b"secret")
    with trees.writing("test"), trees.draft("linked") as draft:
        (draft.tree / "properties").write_bytes((made_trees.build.tree / "properties").read_bytes())
        (draft.tree / "Norder0").symlink_to(outside)
        (draft.tree / "Norder1" / "Dir0").mkdir(parents=True)
        (draft.tree / "Norder1" / "Dir0" / "Npix1.png").symlink_to(outside / "Dir0" / "Npix1.png")
        os.mkfifo(draft.tree / "Norder1" / "Dir0" / "Npix2.png")
        (draft.tree / "Norder1" / "Dir0" / "Npix3.png").mkdir()
        (draft.tree / "Moc.fits").symlink_to(outside / "Dir0" / "Npix1.png")
        trees.publish(draft)
    with running(door := Asked(now=NOW), house.home):
        assert door.ask("/hips/linked/properties").status_code == 200
        for path in (
            "Norder0/Dir0/Npix1.png",
            *(f"Norder1/Dir0/Npix{cell}.png" for cell in (1, 2, 3)),
            "Moc.fits",
        ):
            assert door.ask(f"/hips/linked/{path}").status_code == 404


def test_only_reading_is_offered(door: Asked) -> None:
    for path in (f"/hips/{TREE}/properties", "/hips/hipslist", f"/hips/{TREE}", "/hips"):
        assert door.ask(path, method="POST").status_code == 405
        assert door.ask(path, method="DELETE").status_code == 405


def test_addresses_are_those_that_the_client_came_by(door: Asked, made_trees: TreeHouse) -> None:
    # HIPS-113, design 4.8: nothing absolute is stored
    def urls(asked: Asked) -> set[str]:
        pairs = pairs_of(asked.ask("/hips/hipslist").text)
        (listed,) = (each for key, each in pairs if key == "hips_service_url" and each.endswith(TREE))
        told = dict(pairs_of(asked.ask(f"/hips/{TREE}/properties").text))["hips_service_url"]
        return {listed, told}

    assert urls(door) == {f"http://t/hips/{TREE}"}
    with running(other := Asked(now=NOW), made_trees.home, base_url="https://sky.example.org/vo"):
        assert urls(other) == {f"https://sky.example.org/vo/hips/{TREE}"}
        page = other.ask(f"/hips/{TREE}").text
        assert f'<base href="https://sky.example.org/vo/hips/{TREE}/">' in page
        assert f'href="https://sky.example.org/vo/hips/{TREE}"' in other.ask("/hips").text
    stored = (made_trees.build.tree / "properties").read_text()
    assert "hips_service_url" not in stored and "http" not in stored


def test_pages_may_show_their_picture_and_nothing_else(door: Asked) -> None:
    policy = door.ask(f"/hips/{TREE}").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "img-src 'self'" in policy
    assert door.ask("/hips").headers["Content-Type"] == "text/html; charset=utf-8"


def test_a_home_without_trees_has_an_empty_list(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    with running(door := Asked(now=NOW), tmp_path / "home"):
        listed = door.ask("/hips/hipslist")
        assert (listed.status_code, pairs_of(listed.text)) == (200, [])
        assert door.ask("/hips").status_code == 200
        assert door.ask(f"/hips/{TREE}/properties").status_code == 404
        (tmp_path / "home" / "hips").mkdir()
        (tmp_path / "home" / "hips" / "index.json").write_text("{")
        for path in ("/hips/hipslist", "/hips", f"/hips/{TREE}/properties"):
            answer = door.ask(path)
            assert (answer.status_code, "cannot be read" in answer.text) == (503, True)


def test_a_broken_tree_is_left_out_of_the_list(made_trees: TreeHouse, tmp_path: Path) -> None:
    house = TreeHouse(tmp_path, made_trees.products)
    trees = Trees(house.home / "hips")
    for name, broken in (("well", ""), ("broken", "hips_order = deep\n"), ("cut", "")):
        with trees.writing("test"), trees.draft(name) as draft:
            text = (made_trees.build.tree / "properties").read_text()
            (draft.tree / "properties").write_text(broken or text)
            if name == "cut":
                (draft.directory / "tiles.arrow").write_bytes(b"ARROW1")
            trees.publish(draft)
    with running(door := Asked(now=NOW), house.home):
        assert [value for key, value in pairs_of(door.ask("/hips/hipslist").text) if "url" in key] == [
            "http://t/hips/well"
        ]
        for name in ("broken", "cut"):
            assert door.ask(f"/hips/{name}/Norder0/Dir0/Npix10.png").status_code == 503
