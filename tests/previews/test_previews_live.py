"""Quick looks of the sample holdings from a live server: what they are, and how they are sent."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import requests
from astropy.io import fits
from live_service import until
from preview_service import OF_CUBES, PICTURES, Looks, image_of, open_looks

HEADERS = ("ETag", "Content-Length", "Content-Type", "Content-Disposition", "Repr-Digest", "Cache-Control")


@pytest.fixture(scope="module")
def looks(holdings: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Looks]:
    opened = open_looks(holdings.home, tmp_path_factory.mktemp("previews"))
    assert until(opened.service.is_whole)
    yield opened
    opened.service.stop()  # nothing in its log looks like a bug


def check_picture(answer: requests.Response, picture: str | None) -> None:
    """It is a PNG of a size for a screen, with words for those who do not see it, and not of one colour."""
    assert colours(answer, picture) > 1


def colours(answer: requests.Response, picture: str | None) -> int:
    """How many there are in a picture, which is a PNG of a size for a screen."""
    image = image_of(answer)
    if picture == "thumbnail":
        assert image.size == (256, 256)
    else:
        assert 400 <= image.width <= 1400 and 300 <= image.height <= 1100
    assert len(image.text["Description"]) > 2  # type: ignore[attr-defined]
    return len(np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0))


CUBES = {
    "plain": ("cube", ".pbcor.fits"),
    "beams": ("cube", "ngc253_sci.spw25.cube.I.pbcor"),
    "velocity": ("cube", "gildas/"),
    "XX": ("cube", "CII"),
}
SHOWN = [
    *(("plain", picture) for picture in (None, *PICTURES)),
    ("beams", None), ("beams", "moment0"), ("velocity", "spectrum"), ("velocity", "moment1"), ("XX", None),
]  # fmt: skip
OTHERS = {
    "image": ("image", ".cont.I"),
    "tiled": ("image", "fits.fz"),
    "extension": ("image", ".mef."),
    "IQUV": ("image", ".IQUV."),
    "AIPS": ("image", "aips/"),
    "no frame": ("image", "reprojected_bare"),
    "tan": ("image", "tanlabel"),
    **{role: (role, "") for role in (
        "pb", "mask", "psf", "model", "residual", "weight", "moment0", "moment1", "moment2", "peak", "width",
        "alpha", "error", "derived",
    )},
}  # fmt: skip


@pytest.mark.parametrize(("cube", "picture"), SHOWN)
def test_cubes_have_all_pictures(looks: Looks, cube: str, picture: str | None) -> None:
    row = looks.find(*CUBES[cube])
    check_picture(looks.ask(row["dataset_id"], picture), picture)


@pytest.mark.parametrize("words", OTHERS.values(), ids=OTHERS)
def test_all_that_has_pixels_has_a_picture(looks: Looks, words: tuple[str, ...]) -> None:
    row = looks.find(*words)
    check_picture(looks.ask(row["product_id"]), None)


def test_a_data_set_is_its_science_file(looks: Looks) -> None:
    row = looks.find("image", ".cont.I")
    assert row["is_primary"] == 1
    by_set, by_file = looks.ask(row["dataset_id"]), looks.ask(row["product_id"])
    assert (by_set.content, by_set.headers["ETag"]) == (by_file.content, by_file.headers["ETag"])


def test_a_companion_has_the_pictures_that_its_own_pixels_make(looks: Looks) -> None:
    row = looks.find("pb", ".cube.I.pb.fits.gz")
    check_picture(looks.ask(row["product_id"], "spectrum"), "spectrum")
    for name in (looks.find("moment1"), looks.find("pb", ".mfs.")):
        refused = looks.ask(name["product_id"], "moment0")
        assert refused.status_code == 404
        assert "Only cubes" in refused.text or "no spectral axis of several channels" in refused.text


@pytest.mark.parametrize("picture", [None, "moment1"])
def test_a_picture_is_the_same_whoever_makes_it(looks: Looks, picture: str | None) -> None:
    """Again, made anew after the cache was emptied, and by other processes."""
    name = looks.find("cube", ".pbcor.fits")["dataset_id"]
    first = looks.ask(name, picture)
    assert (
        first.headers["Content-Disposition"]
        == f"inline; filename={name}{f'.{picture}' if picture else ''}.png"
    )
    digest = base64.b64encode(hashlib.sha256(first.content).digest()).decode()
    assert first.headers["Repr-Digest"] == f"sha-256=:{digest}:"
    assert first.headers["Cache-Control"] == "private, no-cache"  # the gate is asked each time
    seen = [looks.ask(name, picture)]
    looks.empty()
    seen.append(looks.ask(name, picture))
    if picture is None:
        looks.service.stop()
        looks.empty()
        looks.service.start()
        seen.append(looks.ask(name, picture))
    for again in seen:
        assert again.content == first.content
        assert {each: again.headers[each] for each in HEADERS} == {
            each: first.headers[each] for each in HEADERS
        }


def test_a_picture_that_is_known_is_not_sent_again(looks: Looks) -> None:
    name = looks.find("image", ".cont.I")["dataset_id"]
    whole = looks.ask(name)
    same = looks.ask(name, If_None_Match=whole.headers["ETag"])
    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", whole.headers["ETag"])
    assert looks.ask(name, If_None_Match='"other"').content == whole.content
    head = looks.ask(name, method="HEAD")
    assert (head.status_code, head.content) == (200, b"")
    assert {each: head.headers[each] for each in HEADERS} == {each: whole.headers[each] for each in HEADERS}
    part = looks.ask(name, Range="bytes=100-199", If_Range=whole.headers["ETag"])
    assert (part.status_code, part.content) == (206, whole.content[100:200])
    assert looks.ask(name, method="POST").status_code == 405


def test_what_is_not_there_is_said(looks: Looks) -> None:
    image = looks.find("image", ".cont.I")["dataset_id"]
    table, blank = looks.find("table")["product_id"], looks.find("image", "empty.image")["product_id"]
    for name, picture, status, words in (
        *((image, picture, 404, f"Only cubes have a picture '{picture}'") for picture in OF_CUBES),
        (image, "moment2", 404, "There are preview, thumbnail, spectrum, moment0, moment1, moment8"),
        ("no-such-set", None, 404, "no product of this name"),
        ("once-there", None, 410, "withdrawn on 2026-02-03"),
        ("once-there", "thumbnail", 410, "withdrawn on 2026-02-03"),
        (table, None, 404, "There is no such picture"),
        (blank, None, 404, "no pixel of the image is a number"),
        (blank, "thumbnail", 404, "no pixel of the image is a number"),
    ):
        refused = looks.ask(name, picture)
        assert (refused.status_code, refused.headers["Content-Type"].partition(";")[0]) == (
            status,
            "text/plain",
        )
        assert words in refused.text


@pytest.mark.soak
def test_every_image_of_the_sample_has_its_pictures(looks: Looks, holdings: Any) -> None:
    """Each file with pixels has every picture that its data set has, or there is a reason of its own."""
    drawn, others = 0, 0
    for row in looks.rows:
        is_image = row["state"] == "ok" and row["role"] not in ("table", "document", "unknown")
        for picture in (None, *PICTURES) if is_image else (None,):
            answer = looks.ask(row["product_id"], picture)
            if answer.status_code != 404:
                drawn += 1
                if colours(answer, picture) == 1:  # the picture alone, of what is the same everywhere
                    values = fits.getdata(holdings.sample / "products" / row["path"])
                    assert picture == "thumbnail" and np.ptp(values) == 0.0, row["path"]
                continue
            others += 1
            assert "There is no such picture" in answer.text or "Only cubes" in answer.text
            channels = looks.channels.get(row["dataset_id"])
            if is_image and row["is_primary"] and (picture not in OF_CUBES or (channels or 1) > 1):
                assert "is a number" in answer.text or "sigma above the noise" in answer.text, row["path"]
    assert drawn > 500 and others > 200
