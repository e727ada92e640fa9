"""A plain cube behind a URL, and cuts of it that are planned and never computed."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
from astropy.io import fits
from product_files import FREQUENCY, SKY, STOKES
from web_servers import STILL, Web

from vo_service.access import Viewer
from vo_service.dali.streams import Cancellation
from vo_service.holdings.records import FoundFile
from vo_service.products.datasets import DataSet
from vo_service.products.derived import Derived
from vo_service.products.images import Images
from vo_service.products.results import Ready, Results
from vo_service.products.selection import Constraints
from vo_service.products.shelf import Shelf
from vo_service.products.stored import OpenSource, StoredFile, open_source
from vo_service.products.wanted import Wanted
from vo_service.products.workshop import Computing
from vo_service.store import RootPlace

SHAPE = (1, 6, 300, 400)  # 480 kB a plane
STAMP = Wanted(Constraints(pixels=((101, 120), (51, 70)), channels=(2, 4)), (("PIXELS", "101 120 51 70"),))
PLANES = Wanted(Constraints(channels=(2, 6)), (("CHANNELS", "2 6"),))
STAMP_PIXELS = np.s_[:, 1:4, 50:70, 100:120]


class Computed(Exception):
    """A cut was not planned."""


class NoComputing:
    """Where nothing may be computed."""

    seconds = 1.0

    def admitted(self) -> None:
        raise Computed

    run = admitted


def cube_below(place: Path) -> Path:
    """A new cube in a folder for a server."""
    path = place / "web" / "cube.fits"
    path.parent.mkdir()
    write_cube(path, 7)
    return path


def write_cube(path: Path, seed: int) -> None:
    hdu = fits.PrimaryHDU(np.random.default_rng(seed).normal(size=SHAPE).astype(np.float32))
    hdu.header.update({"BUNIT": "Jy/beam", "OBJECT": "M83", **SKY, **FREQUENCY, **STOKES})
    hdu.writeto(path, overwrite=True)
    os.utime(path, (STILL, STILL))


def stored(found: FoundFile) -> StoredFile:
    return StoredFile("a-product", found, 1, "application/fits", "sample", None)


def results_of(
    place: RootPlace, cache: Path, after: Callable[[], object] = lambda: None, images: Images | None = None
) -> Results:
    """Results of files below one root; ``after`` is done as soon as one is open."""
    roots: Mapping[str, RootPlace] = {"r": place}

    def opened(file: StoredFile) -> OpenSource:
        source = open_source(file, roots)
        after()
        return source

    shelf = SimpleNamespace(open_source=opened, require_open=lambda file, viewer: None)
    return Results(
        cast("Shelf", shelf), images or Images(4), Derived(cache, 1 << 20), cache / "indexes", 1 << 20
    )


def make(made_by: Results, file: StoredFile, wanted: Wanted) -> Ready:
    computing = cast("Computing", NoComputing())
    found = DataSet(file, {}, {})
    return made_by.make(found, wanted, "application/fits", Viewer(), computing, Cancellation())


def all_of(ready: Ready) -> bytes:
    with closing(ready.handle) as handle:
        content = bytes(handle.read_at(0, ready.size))
    assert len(content) == ready.size
    return content


def pixels_of(content: bytes) -> np.ndarray:
    with fits.open(io.BytesIO(content)) as hdus:
        return np.array(hdus[0].data)


def bytes_asked(web: Web) -> int:
    spans = [asked.removeprefix("bytes=").split("-") for _, _, asked in web.asked if asked]
    return sum(int(last) - int(first) + 1 for first, last in spans)
