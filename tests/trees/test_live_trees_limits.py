"""What making a tree may cost, what goes wrong while it is made, and that it is made once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from astropy.io import fits
from live_fakes import BROKEN, Killed, OneBroken, Slow
from live_house import Array, LiveDoor, LiveHouse, counted, disc, noise, opened, smooth
from tree_house import RELEASED

from vo_service.trees import live_facts, live_trees
from vo_service.trees.live_making import FrameMaking

CHANNELS = 5
TILE = "Norder0/Dir0/Npix10"


def cube() -> Array:
    return disc(
        np.stack([10.0 * z + smooth(60, 50) for z in range(CHANNELS)]) + noise(CHANNELS, 60, 50), 24.0
    )


def spoiled(path: Path) -> None:
    """A gzip file of which the last third is other bytes."""
    content = bytearray(path.read_bytes())
    content[2 * len(content) // 3 :] = bytes(len(content) - 2 * len(content) // 3)
    path.write_bytes(content)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> LiveHouse:
    house = LiveHouse(tmp_path_factory.mktemp("limits"))
    house.write("cube-plain", cube())
    house.write("cube-zipped", cube(), (204.5, -29.87), ending=".fits.gz")
    house.write("cube-tiled", cube(), (204.0, -29.87))
    tile_compressed(house.file("cube-tiled"), house.file("cube-tiled", ".fits.fz"))
    house.write("cube-broken", noise(8, 300, 300), (10.0, 10.0), ending=".fits.gz")
    spoiled(house.file("cube-broken", ".fits.gz"))
    house.write("image", disc(smooth(40, 40), 18.0), (10.0, 12.0))
    house.write("image-gone", disc(smooth(40, 41), 18.0), (10.0, 13.0))
    house.write("image-changed", disc(smooth(40, 42), 18.0), (10.0, 14.0))
    house.write("wide", disc(noise(700, 700), 340.0), (200.0, 20.0))
    house.ingest(measured=False)  # what is broken is found out by whoever reads it first
    house.harvest(dict.fromkeys(house.members, RELEASED))
    house.file("image-gone").unlink()
    house.write("image-changed", disc(smooth(40, 42), 18.0) + 1.0, (10.0, 14.0))
    return house


def tile_compressed(plain: Path, packed: Path) -> None:
    """The same cube with its pixels in a table of tiles, without loss."""
    with fits.open(plain) as hdus:
        data, header = hdus[0].data, hdus[0].header
    fits.HDUList(
        [fits.PrimaryHDU(), fits.CompImageHDU(data, header, compression_type="GZIP_2", quantize_level=0)]
    ).writeto(packed)
    plain.unlink()


@pytest.fixture
def emptied(house: LiveHouse) -> LiveHouse:
    """Nothing is kept."""
    for kept in (house.home / "cache").glob("*"):
        if kept.is_file():
            kept.unlink()
    return house


@pytest.fixture
def door(emptied: LiveHouse) -> Iterator[LiveDoor]:
    with opened(emptied) as door:
        yield door


def many(door: LiveDoor, name: str, paths: list[str]) -> list[int]:
    """The answers to all of them at once."""
    with ThreadPoolExecutor(len(paths)) as crowd:
        return [answer.status_code for answer in crowd.map(lambda path: door.tree(name, path), paths)]


def test_who_asks_at_once_waits_for_one_process(door: LiveDoor) -> None:
    with counted() as seen:
        first = f"{TILE}_{CHANNELS - 1}"
        paths = [f"{first}.png", "properties", f"{first}.fits", "Moc.fits"]
        assert set(many(door, "cube-plain", paths * 8)) == {200}
        assert len(seen) == 1
        frames = [f"{TILE}_{z}.{ending}" for z in (1, 2, 3) for ending in ("png", "fits")] * 8
        assert set(many(door, "cube-plain", frames)) == {200}
    # what is known with the first frame, and all others; they are more than one client may wait for
    assert [type(each).__name__ for each in seen] == ["TreeMaking", "FrameMaking"]
    assert [each.frames for each in seen if isinstance(each, FrameMaking)] == [(0, 1, 2, 3)]


def test_a_client_looks_through_a_cube(tmp_path: Path) -> None:
    """CHK-H22 for frames: of 40 channels all others at once, of which nothing is kept."""
    house = LiveHouse(tmp_path)
    planes = np.stack([channel + smooth(30, 30) for channel in range(40)])
    planes[7] = np.nan
    house.write("cube-long", disc(planes, 12.0))
    house.release()
    with opened(house) as door, counted() as seen:
        door.properties("cube-long")
        paths = [f"{TILE}_{z}.fits" for z in range(1, 39)] + [f"{TILE}.fits"]
        with ThreadPoolExecutor(len(paths)) as crowd:
            answers = list(crowd.map(lambda path: door.tree("cube-long", path), paths))
        assert [answer.status_code for answer in answers] == [200] * 39
        assert len(seen) == 2
        first, last = (door.values("cube-long", path) for path in (f"{TILE}.fits", f"{TILE}_39.fits"))
        for channel in (1, 20, 38):  # planes are the same but for a number
            values = door.values("cube-long", f"{TILE}_{channel}.fits")
            np.testing.assert_allclose(values, first + channel, rtol=1e-5)
        np.testing.assert_allclose(last, first + 39, rtol=1e-5)  # made by itself, as it is shown first
        assert np.isnan(door.values("cube-long", f"{TILE}_7.fits")).all()


def test_frames_that_are_made_one_by_one_wait_for_each_other(door: LiveDoor) -> None:
    with (
        patch.object(live_facts, "_RUN_PIXELS", 1),
        patch.object(live_facts, "_RUN_BYTES", 1),
        counted() as seen,
    ):
        frames = [f"{TILE}_{z}.png" for z in (1, 2, 3)] + [f"{TILE}.png"]
        assert set(many(door, "cube-plain", frames)) == {200}
    assert [type(each).__name__ for each in seen] == ["TreeMaking", *["FrameMaking"] * 4]


def test_a_client_with_more_frames_than_it_may_have_made_waits(emptied: LiveHouse) -> None:
    with opened(emptied, cuts_per_client="1", cuts_queued="0") as door:
        paths = [f"{TILE}_{z}.png" for z in range(1, CHANNELS)]
        with patch.object(live_facts, "_RUN_PIXELS", 1):
            assert set(many(door, "cube-plain", paths)) == {200}


def test_a_frame_that_cannot_be_read_takes_no_others_with_it(emptied: LiveHouse) -> None:
    with opened(emptied) as door, patch.object(live_trees, "FrameMaking", OneBroken), counted() as seen:
        door.properties("cube-plain")
        frames = [z for z in range(1, CHANNELS - 1) for _ in range(4)]
        told = many(door, "cube-plain", [f"{TILE}_{z}.png" for z in frames])
        assert told == [404 if z == BROKEN else 200 for z in frames]
        answer = door.tree("cube-plain", f"{TILE}_{BROKEN}.png")
        assert (answer.status_code, "of the table cannot be" in answer.text) == (404, True), answer.text
        truth = np.nanmean(cube()[1])
        assert np.nanmean(door.values("cube-plain", f"{TILE}_1.fits")) == pytest.approx(truth, rel=0.02)
    runs = [each.frames for each in seen if isinstance(each, FrameMaking)]
    assert runs[0] == (0, 1, 2, 3) and runs.count((1,)) == runs.count((3,)) == 1


def test_what_is_kept_is_not_made_again(door: LiveDoor) -> None:
    paths = [f"{TILE}_{z}.png" for z in range(1, CHANNELS)] + ["properties", "preview.jpg", f"{TILE}.fits"]
    assert set(many(door, "cube-plain", paths)) == {200}
    with counted() as seen:
        assert set(many(door, "cube-plain", paths)) == {200}
    assert seen == []


@pytest.mark.parametrize("name", ["cube-zipped", "cube-tiled"])
def test_cubes_are_the_same_however_they_are_packed(house: LiveHouse, door: LiveDoor, name: str) -> None:
    told = door.properties(name)
    assert (told["hips_cube_depth"], told["hips_cube_firstframe"]) == (str(CHANNELS), str(CHANNELS - 1))
    truth = cube().astype(np.float32)
    assert tuple(map(float, told["hips_data_range"].split())) == pytest.approx(
        (np.nanmin(truth), np.nanmax(truth)), rel=1e-5
    )
    for z in (1, CHANNELS - 1):
        values = door.values(name, f"{TILE}_{z}.fits")
        assert np.nanmean(values) == pytest.approx(np.nanmean(truth[z]), rel=0.02)


def test_broken_pixels_are_told_once(house: LiveHouse, door: LiveDoor) -> None:
    with counted() as seen:
        for path in ("properties", f"{TILE}.png", f"{TILE}_1.fits"):
            answer = door.tree("cube-broken", path)
            assert answer.status_code == 404, answer.text
            assert "There is no tree of this data set: " in answer.text
            assert str(house.place) not in answer.text
    assert len(seen) == 1


@pytest.mark.parametrize(("name", "told"), [("image-gone", "has changed"), ("image-changed", "has changed")])
def test_files_that_are_not_what_was_ingested(door: LiveDoor, name: str, told: str) -> None:
    answer = door.tree(name, "properties")
    assert (answer.status_code, told in answer.text) == (409, True), answer.text
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_planes_beyond_the_limit(emptied: LiveHouse) -> None:
    with opened(emptied, hips_plane_pixels="2500") as door, counted() as seen:
        for _ in range(2):
            answer = door.tree("cube-plain", f"{TILE}.png")
            assert answer.status_code == 404
            assert "50 x 60 pixels; trees are made here of planes of up to 2500 pixels" in answer.text
        assert len(seen) == 1 and door.tree("image", "properties").status_code == 200


@pytest.mark.parametrize(
    ("settings", "status", "told"),
    [
        ({"cut_seconds": "0.01"}, 503, "takes longer to compute"),
        ({"cut_memory_bytes": "1MiB"}, 400, "needs more memory"),
        ({"cut_bytes": "4KiB"}, 400, "is larger than the 4096 bytes"),
        ({"cache_bytes": "1KiB"}, 503, "no room to keep this tree"),
    ],
    ids=["time", "memory", "size", "room"],
)
def test_limits(emptied: LiveHouse, settings: dict[str, str], status: int, told: str) -> None:
    with opened(emptied, **settings) as door:
        answer = door.tree("wide", f"{TILE}.png")
        assert (answer.status_code, told in answer.text) == (status, True), answer.text
    with opened(emptied) as door:  # and nothing of it stays
        assert door.tree("wide", "properties").status_code == 200


def test_a_killed_process_is_told_and_the_next_begins_anew(emptied: LiveHouse) -> None:
    with opened(emptied) as door:
        with patch.object(live_trees, "TreeMaking", Killed):
            answer = door.tree("image", "properties")
            assert (answer.status_code, "signal SIGKILL" in answer.text) == (503, True), answer.text
        assert door.tree("image", "properties").status_code == 200
        assert not [each for each in (emptied.home / "cache" / "new").iterdir() if each.name != "."]


def test_nobody_waits_any_more(emptied: LiveHouse) -> None:
    """The work ends with the last who waits for it, and the next one begins anew."""
    with opened(emptied) as door, patch.object(live_trees, "TreeMaking", Slow), counted() as seen:
        path = f"/hips/{door.names['image']}/properties"
        for _ in range(3):
            leave(door, path)
        assert len(seen) >= 1
        assert not (emptied.home / "cache").exists() or not [
            each for each in (emptied.home / "cache").iterdir() if each.is_file()
        ]
        assert door.ask(path).status_code == 200


def leave(door: LiveDoor, path: str) -> None:
    """Ask, and go when the work has begun."""
    sent: list[object] = []
    asked = 0

    async def receive() -> dict[str, object]:
        nonlocal asked
        asked += 1
        return {"type": "http.request", "body": b""} if asked == 1 else {"type": "http.disconnect"}

    async def send(message: object) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
        "headers": [(b"host", b"t")], "client": ("127.0.0.1", 1), "server": ("t", 80), "state": {},
    }  # fmt: skip
    door.portal.call(door.app, scope, receive, send)
