"""Aladin Lite in a browser without a screen: what is seen, pixel by pixel, of a tree with a MOC over it."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
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


@pytest.fixture(scope="module", params=["png", "fits"])
def seen(
    request: pytest.FixtureRequest, page: Page, aladin_lite: Path, sky: Sky, tmp_path_factory
) -> tuple[View, Picture]:
    """What is seen round the middle of the MOC, once the source is to be seen."""
    folder = tmp_path_factory.mktemp(f"page-{request.param}")
    image = sky.image
    view = View(image.ra, image.dec, image.width, SIDE)
    view.write(folder, aladin_lite, image.url, request.param, image.peak, sky.moc_url)
    page.asked.clear()
    page.complaints.clear()
    with served(folder) as address:
        page.open(f"{address}/{request.param}.html")
        page.wait_for("window.told?.length > 0")
        assert page.value("told") == ["moc"], page.complaints
        picture = settled(page, lambda picture: is_there(picture, view, sky))
    hosts = {urlsplit(url).hostname for url in page.asked if url.startswith("http")}
    assert hosts == {"127.0.0.1"}
    return view, picture


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


def test_the_source_is_seen_where_it_is(seen: tuple[View, Picture], sky: Sky) -> None:
    # HIPS-020, -022, -025, -029, -121, -127: the source alone is bright, at its place and as wide as it is
    view, picture = seen
    bright = brightness(picture)
    rows, columns = np.nonzero(bright > share * bright.max())
    row, column = view.pixel_of(sky.image.ra, sky.image.dec)
    assert (np.mean(rows), np.mean(columns)) == pytest.approx((row, column), abs=3.0)
    width = 2.355 * sky.image.sigma * view.side / view.fov
    assert np.sqrt(len(rows) * 4.0 / np.pi) == pytest.approx(width, rel=0.15)


def test_the_outline_of_the_moc_is_seen_where_it_is(seen: tuple[View, Picture], sky: Sky) -> None:
    # MOC-043, HIPS-127: drawn all along its border, and nowhere else
    view, picture = seen
    drawn = is_outline(picture)
    ra, dec = view.positions()
    served = MOC.from_fits(io.BytesIO(requests.get(sky.moc_url, timeout=30).content))
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


def test_what_has_no_data_shows_the_background(seen: tuple[View, Picture], sky: Sky) -> None:
    # HIPS-025, -043, CHK-H13
    _, picture = seen
    blank = np.abs(picture.astype(int) - BACKGROUND).max(axis=2) < 8
    assert blank.any()
