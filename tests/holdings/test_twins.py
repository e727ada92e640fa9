"""Copies of one image whose headers contradict each other on the sky are told, and no others."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from ingest_homes import Home, open_home
from pixel_products import SHAPE, harvest_row, write_cube, write_values

from vo_service.holdings.measurement import PixelLimits, Placing
from vo_service.holdings.twins import Twin, contradiction

LIMITS = PixelLimits()
FIRST = "a/first_sci.cube.fits"
SECOND = "b/second_sci.cube.fits"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    opened = open_home(tmp_path / "home")
    yield opened
    opened.snapshots.close()
    opened.catalogue.close()


def told(home: Home) -> dict[str, tuple[str, str, str]]:
    """Path -> (item, was, why) of the rows on twins."""
    paths = {row["product_id"]: row["path"] for row in home.rows("holdings.product")}
    rows = [row for row in home.rows("holdings.repair") if row["rule_id"] == "SKY-TWIN"]
    assert len({row["repair_id"] for row in rows}) == len(rows)
    assert all(row["confidence"] < 0.5 and row["was"] == row["became"] for row in rows)
    return {paths[row["product_id"]]: (row["item"], row["was"], row["why"]) for row in rows}


def copy(top: Path, **cards: object) -> None:
    """The second file: the pixels of the first, cards of its header changed."""
    (top / "b").mkdir(exist_ok=True)
    shutil.copy(top / FIRST, top / SECOND)
    with fits.open(top / SECOND, mode="update") as hdus:
        hdus[0].header.update(cards)


@pytest.mark.parametrize(
    ("cards", "item", "words"),
    [
        ({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"}, "CTYPE1", "projection TAN, there it is SIN"),
        ({"CRVAL1": 204.0}, "CRVAL1", "another place"),
        ({"CDELT1": -2e-4, "CDELT2": 2e-4}, "CDELT1", "another scale or direction"),
        ({"CROTA2": 30.0}, "CDELT1", "another scale or direction"),
    ],
)
def test_a_contradiction_is_told_on_the_duplicate(
    home: Home, tmp_path: Path, cards: dict[str, object], item: str, words: str
) -> None:
    top = tmp_path / "tree"
    write_cube(top / FIRST)
    copy(top, **cards)
    home.ingest(top, pixels=LIMITS)
    products = {row["path"]: row for row in home.rows("holdings.product")}
    first, second = (products[path] for path in (FIRST, SECOND))
    duplicate, original = (second, first) if second["duplicate_of"] else (first, second)
    assert duplicate["duplicate_of"] == original["product_id"]
    found = told(home)
    assert list(found) == [duplicate["path"]]
    assert found[duplicate["path"]][0] == item and original["path"] in found[duplicate["path"]][2]
    header = fits.getheader(top / duplicate["path"])
    assert str(header[item]) in found[duplicate["path"]][1]
    if duplicate is second:
        assert words in found[SECOND][2]


def test_how_far_they_are_apart_is_said(home: Home, tmp_path: Path) -> None:
    top = tmp_path / "tree"
    write_cube(top / FIRST)
    copy(top, CRVAL1=204.2)
    home.ingest(top, pixels=LIMITS)
    corners = []
    for path in (FIRST, SECOND):
        header = fits.getheader(top / path)
        nx, ny = header["NAXIS1"] - 1, header["NAXIS2"] - 1
        corners.append(WCS(header).celestial.pixel_to_world([nx / 2, 0, nx, nx, 0], [ny / 2, 0, 0, ny, ny]))
    apart = max(SkyCoord(corners[0]).separation(SkyCoord(corners[1])).arcsec)
    [(_, _, why)] = told(home).values()
    assert float(why.split("up to ")[1].split()[0]) == pytest.approx(apart, rel=0.005)


@pytest.mark.parametrize(
    "cards",
    [
        {},
        {"DATE": "2022-06-01T12:00:00", "OBJECT": "Another"},
        {"CRVAL1": 1e-12},
        {"RADESYS": "FK5", "EQUINOX": 2000.0},
        {"CDELT1": None},
    ],
    ids=["copy", "other cards", "last digit", "frames a hundredth of a pixel apart", "matrix"],
)
def test_headers_that_agree_are_not_told(home: Home, tmp_path: Path, cards: dict[str, object]) -> None:
    top = tmp_path / "tree"
    write_cube(top / FIRST, CDELT1=-1e-3, CDELT2=1e-3)
    copy(top)
    with fits.open(top / SECOND, mode="update") as hdus:
        header = hdus[0].header
        if "CDELT1" in cards:  # the same said with a matrix
            header["CD1_1"], header["CD2_2"] = header["CDELT1"], header["CDELT2"]
            del header["CDELT1"], header["CDELT2"]
        elif "CRVAL1" in cards:
            header["CRVAL1"] += cards["CRVAL1"]
        else:
            header.update(cards)
    home.ingest(top, pixels=LIMITS)
    assert sum(row["duplicate_of"] is not None for row in home.rows("holdings.product")) == 1
    assert told(home) == {}


def test_rows_follow_the_marks_of_files_that_nobody_touched(home: Home, tmp_path: Path) -> None:
    top = tmp_path / "tree"
    write_cube(top / FIRST)
    copy(top, CTYPE1="RA---TAN", CTYPE2="DEC--TAN")
    shutil.copy(top / SECOND, top / "b" / "third_sci.cube.fits")
    (top / "b" / "third_sci.cube.fits").rename(top / "c_third_sci.cube.fits")
    home.ingest(top, pixels=LIMITS)
    whole = home.rows("holdings.repair")
    assert told(home)
    (top / FIRST).rename(tmp_path / "away")
    home.ingest(top, pixels=LIMITS)
    assert told(home) == {}, "the two that are left agree"
    (tmp_path / "away").rename(top / FIRST)
    home.ingest(top, pixels=LIMITS)
    assert home.rows("holdings.repair") == whole
    home.ingest(top, pixels=LIMITS)
    assert home.rows("holdings.repair") == whole


def test_a_harvest_comes_to_the_same_rows(home: Home, tmp_path: Path) -> None:
    top = tmp_path / "tree"
    member = "member.uid___A001_X1_X1"
    write_cube(top / member / "first_sci.spw17.cube.I.pbcor.fits")
    (top / "b").mkdir()
    shutil.copy(top / member / "first_sci.spw17.cube.I.pbcor.fits", top / SECOND)
    with fits.open(top / SECOND, mode="update") as hdus:
        hdus[0].header.update(CRVAL1=204.2)
    home.ingest(top, pixels=LIMITS)
    before = told(home)
    assert len(before) == 1
    harvest_row(tmp_path / "row.csv", "2015-01-01T00:00:00")
    home.harvest(tmp_path / "row.csv")
    assert told(home) == before


def test_beams_of_two_fields_may_be_the_same(home: Home, tmp_path: Path) -> None:
    top = tmp_path / "tree"
    y, x = np.mgrid[:48, :48]
    beam = np.exp(-(np.hypot(x - 24, y - 24) ** 2) / 300.0).astype(np.float32)
    values = np.broadcast_to(np.where(beam > 0.2, beam, np.nan), SHAPE)
    write_values(top / "a" / "M83_sci.spw17.cube.I.pb.fits", values, BUNIT="")
    write_values(top / "b" / "M31_sci.spw17.cube.I.pb.fits", values, BUNIT="", CRVAL1=10.0)
    home.ingest(top, pixels=LIMITS)
    assert sum(row["duplicate_of"] is not None for row in home.rows("holdings.product")) == 1
    assert {row["role"] for row in home.rows("holdings.product")} == {"pb"}
    assert told(home) == {}


def place(projection: str, *places: tuple[float, float]) -> Twin:
    return Twin("r", "p", "image", Placing(projection, places, 1.0))


def test_places_off_the_projection_are_compared_too() -> None:
    nowhere = (float("nan"), float("nan"))
    one, same = place("SIN", (10.0, 5.0), nowhere), place("SIN", (10.0, 5.0 + 0.05 / 3600), nowhere)
    assert contradiction(one, same) is None
    found = contradiction(one, place("SIN", (10.0, 5.0), (11.0, 5.0)))
    assert found is not None and found.item == "CDELT"
    far = contradiction(one, place("SIN", (10.0, 5.0 + 0.2 / 3600), nowhere))
    assert far is not None and far.item == "CRVAL" and "0.2 arcsec" in far.why
    assert contradiction(one, Twin("r", "q", "image", None)) is None
