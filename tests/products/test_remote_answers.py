"""A service on a cube behind a URL answers for cuts as one on a local cube does."""

from __future__ import annotations

import os
from contextlib import closing
from functools import partial
from pathlib import Path

import anyio
import httpx
import numpy as np
import pytest
from astropy.io import fits
from remote_cubes import STAMP_PIXELS, bytes_asked, pixels_of
from starlette.applications import Starlette
from starlette.types import Message, Receive, Scope, Send
from web_servers import STILL, Web

from tap_schema import published
from vo_service.app import create_app
from vo_service.holdings.ingest import ingest
from vo_service.pixels.cutout.plan import PlannedBytes
from vo_service.settings import Settings
from vo_service.store import Catalogue, Snapshots

pytestmark = pytest.mark.usefixtures("impatient")


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
