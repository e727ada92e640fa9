"""Aladin Lite in a browser without a screen: what is seen, pixel by pixel, of a tree with a MOC over it."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import requests
from aladin_lite_page import BACKGROUND, OUTLINE, OUTLINE_OFF, View
from astropy.coordinates import Latitude, Longitude
from headless_chromium import PATIENCE, Page, Picture, open_page
from made_trees import Sky, served
from mocpy import MOC
from scipy.ndimage import maximum_filter, minimum_filter

pytestmark = pytest.mark.judge
SIDE = 512


@pytest.fixture(scope="module")
def page(chromium: str) -> Iterator[Page]:
    with open_page(chromium, SIDE, SIDE) as opened:
        yield opened


@dataclass(frozen=True)
class Seen:
    """What is to be seen of a sky, and what is. ``half``: the grey of half the peak, of the brightest."""

    sky: Sky
    view: View
    picture: Picture
    half: float


SHOWN = {"png": ("live_sky", "png"), "fits": ("live_sky", "fits"), "by-hipsgen": ("others_sky", "png")}
"""Tiles of both kinds that the service serves, and those of another's tree, by which the tests are judged."""


@pytest.fixture(scope="module", params=SHOWN)
def seen(
    request: pytest.FixtureRequest,
    page: Page,
    aladin_lite: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Seen:
    """What is seen round the source, once it is to be seen."""
    whose, tile_format = SHOWN[request.param]
    sky: Sky = request.getfixturevalue(whose)
    folder = tmp_path_factory.mktemp(f"page-{request.param}")
    image = sky.image
    view = View(image.ra, image.dec, image.width, SIDE)
    view.write(folder, aladin_lite, image.url, tile_format, image.peak, sky.moc_url)
    page.asked.clear()
    page.complaints.clear()
    with served(folder) as address:
        page.open(f"{address}/{tile_format}.html")
        page.wait_for("window.told?.length > 0")
        assert page.value("told") == ["moc"], page.complaints
        picture = settled(page, lambda picture: is_there(picture, view, sky))
    hosts = {urlsplit(url).hostname for url in page.asked if url.startswith("http")}
    assert hosts == {"127.0.0.1"}
    asked = [url for url in page.asked if url.startswith(f"{image.url}/Norder")]
    assert any(url.endswith(f".{tile_format}") for url in asked) and sky.moc_url in page.asked
    return Seen(
        sky, view, picture, 0.5 if tile_format == "fits" else image.half
    )  # the page shows FITS linearly


def brightness(picture: Picture) -> np.ndarray:
    """Of grey pixels; 0 for the colours of the outline and the background."""
    grey = np.ptp(picture.astype(int), axis=2) < 12
    return np.where(grey, picture[..., 0].astype(float), 0.0)


def is_outline(picture: Picture) -> np.ndarray:
    return (np.abs(picture.astype(int) - OUTLINE).max(axis=2) < 90) & (picture[..., 1] > 150)


def is_there(picture: Picture, view: View, sky: Sky) -> bool:
    row, column = view.pixel_of(sky.image.ra, sky.image.dec)
    near = brightness(picture)[round(row) - 8 : round(row) + 9, round(column) - 8 : round(column) + 9]
    return bool(near.max() > 128.0 and is_outline(picture).any())


def settled(page: Page, is_ready) -> Picture:
    """The picture, once it is ready and no longer changes: coarse tiles are seen until the fine ones come. Of
    one that never is ready, the tests tell what is wrong."""
    end, before = time.monotonic() + PATIENCE, page.picture()
    while True:
        time.sleep(0.5)
        now = page.picture()
        if (is_ready(now) and np.array_equal(now, before)) or time.monotonic() > end:
            return now
        before = now


def test_the_source_is_seen_where_it_is(seen: Seen) -> None:
    # HIPS-020, -022, -025, -029, -121, -127: the source alone is bright, at its place and as wide as it is
    image, view, bright = seen.sky.image, seen.view, brightness(seen.picture)
    rows, columns = np.nonzero(bright > seen.half * bright.max())
    row, column = view.pixel_of(image.ra, image.dec)
    assert (np.mean(rows), np.mean(columns)) == pytest.approx((row, column), abs=3.0)
    width = 2.355 * image.sigma * view.side / view.fov
    assert np.sqrt(len(rows) * 4.0 / np.pi) == pytest.approx(width, rel=0.15)


def test_the_outline_of_the_moc_is_seen_where_it_is(seen: Seen) -> None:
    # MOC-043, HIPS-127: drawn all along its border, and nowhere else
    view, drawn = seen.view, is_outline(seen.picture)
    ra, dec = view.positions()
    served = MOC.from_fits(io.BytesIO(requests.get(seen.sky.moc_url, timeout=30).content))
    inside = served.contains_lonlat(Longitude(ra, "deg"), Latitude(dec, "deg"))
    assert inside.any() and not inside.all()
    border = maximum_filter(inside, 3) & ~minimum_filter(inside, 3)
    edge = np.zeros_like(border)
    edge[16:-16, 16:-16] = True
    near = 2 * round(OUTLINE_OFF / view.fov * view.side + 3.0) + 1
    covered = maximum_filter(drawn, near)[border & edge]
    assert covered.mean() > 0.98
    stray = drawn & edge & ~maximum_filter(border, near)
    assert stray.sum() == 0


def test_what_has_no_data_shows_the_background(seen: Seen) -> None:
    # HIPS-025, -043, CHK-H13
    blank = np.abs(seen.picture.astype(int) - BACKGROUND).max(axis=2) < 8
    assert blank.any()
