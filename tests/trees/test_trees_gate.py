"""What is not public is not shown by any tile, whatever was built before (design 4.3)."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import astropy.units as u
import httpx
import numpy as np
import pytest
from address_checks import pairs_of, tile
from asked_in_process import Asked, give_token, running
from astropy.io import fits
from mocpy import MOC
from tree_house import ARCSEC, FUTURE, LATER, NOW, PLACES, RADIUS, RELEASED, TREE, TreeHouse, make_house

from hips.trees.versions import Trees
from vo_service.engines import EngineAway
from vo_service.store import StoreError
from vo_service.trees import gate

ORDER = 10
ANEW = "This is being made anew"
WHOLE = ("Norder3/Allsky.fits", "Norder3/Allsky.png", "preview.jpg")


@dataclass(kw_only=True)
class Door(Asked):
    """The application on a house."""

    now: datetime = NOW

    def tree(self, path: str, **more: Any) -> httpx.Response:
        """A file of the tree."""
        return self.ask(f"/hips/{TREE}/{path}", **more)

    def moc(self) -> MOC:
        return MOC.from_fits(io.BytesIO(self.tree("Moc.fits").content))

    def record(self) -> dict[str, str] | None:
        """What the list of the node says of the tree."""
        parts = re.split(r"\n[ \t]*\n", self.ask("/hips/hipslist").text)
        found = [dict(pairs_of(part)) for part in parts]
        return next((each for each in found if each["hips_service_url"].endswith(f"/{TREE}")), None)

    def properties(self) -> dict[str, str]:
        return dict(pairs_of(self.tree("properties").text))

    def told(self, cells: Sequence[tuple[int, int]]) -> dict[tuple[int, int], bool]:
        """Which tiles are shown, and which are refused in each format; all else is an error."""
        found = {}
        for order, cell in cells:
            answers = [self.tree(tile(order, cell, ending)) for ending in ("fits", "png")]
            assert {answer.status_code for answer in answers} in ({200}, {404}), (order, cell)
            found[order, cell] = answers[0].status_code == 200
            for answer in answers:
                assert answer.status_code == 200 or answer.text.startswith(ANEW), answer.text
        return found


@contextmanager
def opened(house: TreeHouse, **settings: str) -> Iterator[Door]:
    door = Door(tokens={"ann": give_token(house.home, "ann", NOW, "read:all")})
    with running(door, house.home, **settings):
        yield door


@pytest.fixture(scope="module")
def made_door(made_trees: TreeHouse) -> Iterator[Door]:
    with opened(made_trees) as door:
        yield door


@pytest.fixture
def door(made_door: Door) -> Door:
    made_door.now = NOW
    return made_door


def disc(name: str, pixels: float) -> MOC:
    """The sky within some pixels of the middle of an image."""
    ra, dec, pixel = PLACES[name]
    return MOC.from_cone(
        lon=ra * u.deg, lat=dec * u.deg, radius=pixels * pixel * ARCSEC * u.deg, max_depth=ORDER + 5
    )


def meets(area: MOC, order: int, cell: int) -> bool:
    return not area.intersection(
        MOC.from_healpix_cells(np.array([cell], np.uint64), np.array([order], np.uint8), ORDER + 5)
    ).empty()


def covered(moc: MOC, most: int = 12) -> list[tuple[int, int]]:
    """Tiles of all orders, some of each."""
    found = []
    for order in range(ORDER + 1):
        cells = moc.to_order(order).flatten()
        chosen = np.random.default_rng(order).permutation(len(cells))[:most]
        found += [(order, int(cell)) for cell in sorted(cells[chosen])]
    return found


def check_closed(house: TreeHouse, door: Door, whole: MOC, name: str, apart: tuple[str, ...]) -> None:
    """No tile shows the image; those of images ``apart`` that it does not reach to are all there. Nothing
    that was measured on pixels is told, nor what is not so any more."""
    stored = dict(pairs_of((house.build.tree / "properties").read_text()))
    around = covered(disc(name, RADIUS - 2))
    shown = door.told(around)
    assert len(around) > 2 * ORDER and not any(shown.values())
    for other in apart:
        beyond = [
            (order, cell)
            for order, cell in covered(disc(other, RADIUS - 2))
            if order > 4 and not meets(disc(name, RADIUS + 3), min(order, 5), cell >> 2 * max(0, order - 5))
        ]
        assert beyond and all(door.told(beyond).values())
    for path in WHOLE:
        answer = door.tree(path)
        assert (answer.status_code, answer.text.startswith(ANEW)) == (404, True)
    left = door.moc()
    assert left.intersection(disc(name, RADIUS - 2)).empty()
    assert left.difference(whole).empty() and not left.empty()
    told = door.properties()
    softening = re.search(r"asinh\(v / ([\d.e+-]+)\)", stored["hips_processing"]).group(1)
    numbers = [
        softening,
        *(end for key in ("hips_pixel_cut", "hips_data_range") for end in stored[key].split()),
    ]
    for text in (door.tree("properties").text, door.tree("index.html").text):
        assert not [number for number in numbers if number in text]
    assert told["hips_initial_ra"] == stored["hips_initial_ra"]  # at the brightest image, which is another
    assert told["hips_release_date"] > stored["hips_release_date"]  # HIPS-056, CHK-H23
    assert float(told["moc_sky_fraction"]) == pytest.approx(left.sky_fraction, rel=1e-9)
    assert door.record().items() <= told.items()  # HIPS-073


def test_all_is_shown_while_all_is_public(door: Door) -> None:
    assert all(door.told(covered(door.moc())).values())
    assert all(door.tree(path).status_code == 200 for path in WHOLE)
    assert "hips_data_range" in door.properties()


def test_the_clock_closes_and_opens(made_trees: TreeHouse, door: Door) -> None:
    whole = door.moc()
    path = tile(5, next(cell for order, cell in covered(disc("beside", 1)) if order == 5), "png")
    before = door.tree(path)
    door.now = LATER.replace(year=2021)
    check_closed(made_trees, door, whole, "beside", ("far",))
    refused = door.tree(path, headers={"If-None-Match": before.headers["ETag"]})
    assert refused.status_code == 404
    assert door.tree(path, method="HEAD").status_code == 404
    assert door.tree(path, person="ann").status_code == 404  # a public tree is the same for everybody
    assert refused.headers["Cache-Control"] == before.headers["Cache-Control"] == "no-cache"
    assert len(refused.content) < 200 and refused.headers["Access-Control-Allow-Origin"] == "*"
    door.now = LATER
    again = door.tree(path, headers={"If-None-Match": before.headers["ETag"]})
    assert again.status_code == 304
    assert door.moc() == whole
    door.now = RELEASED.replace(year=2019)
    assert not any(door.told(covered(whole, 3)).values())
    assert door.moc().empty()
    assert door.record() is None and TREE not in door.ask("/hips").text
    told = door.properties()
    assert float(told["moc_sky_fraction"]) == 0.0 and "hips_initial_ra" not in told


def test_holdings_are_asked_once_for_a_snapshot(made_trees: TreeHouse) -> None:
    with (
        opened(made_trees) as door,
        patch.object(gate, "find_standings", wraps=gate.find_standings) as asked,
    ):
        some = covered(door.moc(), 2)
        door.told(some)
        door.now = RELEASED.replace(year=2019)
        door.told(some)
    assert asked.call_count == 1


@pytest.mark.parametrize("fault", ["engine", "catalogue"])
def test_what_cannot_be_told_is_not_shown(made_trees: TreeHouse, fault: str) -> None:
    paths = (tile(0, 10, "png"), tile(5, 1, "png"), *WHOLE, "Moc.fits", "properties", "index.html")
    with opened(made_trees) as door:
        target = (
            (gate, "find_standings")
            if fault == "engine"
            else (door.app.state.service.trees._gate._asked, "_newest")
        )
        error = EngineAway("gone") if fault == "engine" else StoreError("gone")
        with patch.object(*target, side_effect=error):
            for path in paths:
                answer = door.tree(path)
                assert (answer.status_code, "cannot be told" in answer.text) == (503, True), path
                assert "Retry-After" in answer.headers
        assert door.ask("/hips/hipslist").status_code == 200
        assert door.tree("no-such-file").status_code == 404
        door.app.state.service.trees._gate._asked.outage.until = 0.0  # it is asked again after some seconds
        assert door.tree(tile(0, 10, "png")).status_code == 200


def test_trees_without_pixels_of_data_sets_ask_nobody(made_trees: TreeHouse, tmp_path: Path) -> None:
    house = TreeHouse(tmp_path, made_trees.products)
    trees = Trees(house.home / "hips")
    source = made_trees.build
    with trees.writing("test"), trees.draft("density") as draft:
        for name in ("properties", "index.html", "Norder0/Dir0/Npix10.png"):
            (draft.tree / name).parent.mkdir(parents=True, exist_ok=True)
            (draft.tree / name).write_bytes((source.tree / name).read_bytes())
        trees.publish(draft)
    with running(door := Door(), house.home):  # nothing was ever ingested there
        answer = door.ask("/hips/density/Norder0/Dir0/Npix10.png")
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png")
        assert answer.headers["Cache-Control"] == "public, max-age=3600"
        assert door.ask("/hips/density/properties").status_code == 200
        assert door.ask("/hips/density/Norder0/Dir0/Npix11.png").status_code == 404
        assert door.ask("/hips/density/Norder0/Dir0/Npix10_1.png").status_code == 404
        assert door.ask("/hips/density/Moc.fits").status_code == 404


def test_what_was_closed_withdrawn_or_replaced_since_is_refused_until_the_next_run(tmp_path: Path) -> None:
    house = make_house(tmp_path)
    with opened(house) as door:
        whole = door.moc()
        house.harvest({"far": FUTURE})
        check_closed(house, door, whole, "far", ("coarse", "beside"))
        house.hips()
        assert door.tree("Norder3/Allsky.png").status_code == 200
        assert door.moc().intersection(disc("far", RADIUS)).empty()
        gone = door.tree(tile(0, covered(disc("far", 1))[0][1], "png"))
        assert (gone.status_code, gone.text.startswith(ANEW)) == (404, False)

        house.file("beside").unlink()
        house.ingest()
        check_closed(house, door, whole, "beside", ())
        at_fine = tile(ORDER, int(disc("fine", 1).to_order(ORDER).flatten()[0]), "fits")
        assert door.tree(at_fine).status_code == 200
        house.write("fine", 50.0)
        house.ingest()
        assert door.tree(at_fine).text.startswith(ANEW)
        before = dict(pairs_of((house.build.tree / "properties").read_text()))["hips_release_date"]
        house.hips()
        again = door.tree(at_fine)
        assert np.nanmin(fits.getdata(io.BytesIO(again.content))) > 0.0
        assert door.properties()["hips_release_date"] > before  # CHK-H23
        assert all(door.told(covered(door.moc())).values())


def test_files_that_nobody_lists_follow_the_setting(tmp_path: Path) -> None:
    house = TreeHouse(tmp_path, tmp_path / "products")
    house.write("far")
    house.ingest()
    house.hips(VO_SERVICE_UNLISTED="open")
    tiles = [(order, cell) for order, cell in covered(disc("far", RADIUS - 2), 2) if order <= 5]
    for unlisted, shown in (("open", True), ("closed", False)):
        with opened(house, unlisted=unlisted) as door:
            assert set(door.told(tiles).values()) == {shown}
