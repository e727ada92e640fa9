"""What clients are tested on, whoever serves it; and a small tree that is not ours, made by the CDS's tool,
with a server of folders for browsers: what is seen of that tree is how what is seen of ours is judged.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from astropy.coordinates import Angle, Latitude, Longitude
from astropy.io import fits
from astropy.wcs import WCS
from mocpy import MOC

from hips.hipsgen.run import run
from hips.hipsgen.tool import Tool

RA, DEC = 83.6, -5.4
PIXEL = 1.0 / 3600.0
SIZE = 256
SOURCE = (100, 160)
"""Pixel of the planted source, counted from 0."""
SIGMA = 3.0
PEAK = 1.0
ORDER = 9
AREA_RADIUS = 80.0 / 3600.0
AREA_ORDER = 12


@dataclass(frozen=True)
class ImageTree:
    """A HiPS of images, and a point source that is known to be in it: degrees, and the value at its peak. The
    source is round, a Gaussian of ``sigma`` degrees; nothing in a view of ``width`` degrees round it is as
    bright as half its peak, which in pictures is ``half`` of the brightest grey."""

    url: str
    ra: float
    dec: float
    peak: float
    sigma: float
    width: float
    half: float = 0.5


@dataclass(frozen=True)
class CatalogueTree:
    """A HiPS of a catalogue: of all its rows the identifier and the position in degrees, all within half a
    degree of the first."""

    url: str
    rows: dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Sky:
    """A tree, a MOC over it, and a catalogue of what is there; None where there is none."""

    image: ImageTree
    moc_url: str
    catalogue: CatalogueTree | None = None


@contextmanager
def sky_by_hipsgen(tool: Tool, folder: Path) -> Iterator[Sky]:
    """The tree and a MOC, made in a folder and served."""
    ra, dec = _image_tree(tool, folder)
    _write_moc(folder / "area.fits")
    with served(folder) as url:
        yield Sky(ImageTree(f"{url}/image", ra, dec, PEAK, SIGMA * PIXEL, SIZE * PIXEL), f"{url}/area.fits")


def _image_tree(tool: Tool, folder: Path) -> tuple[float, float]:
    """Make a tree at ``folder / "image"`` of one field; the position of its source."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---SIN", "DEC--SIN"]
    wcs.wcs.crval = [RA, DEC]
    wcs.wcs.crpix = [(SIZE + 1) / 2.0] * 2
    wcs.wcs.cdelt = [-PIXEL, PIXEL]
    y, x = np.mgrid[:SIZE, :SIZE]
    noise = np.random.default_rng(1).normal(0.0, 0.01, (SIZE, SIZE))
    source = PEAK * np.exp(-((x - SOURCE[0]) ** 2 + (y - SOURCE[1]) ** 2) / (2.0 * SIGMA**2))
    (folder / "fields").mkdir()
    fits.writeto(folder / "fields" / "field.fits", (noise + source).astype(np.float32), wcs.to_header())
    parameters = {
        "in": "fields",
        "out": "image",
        "creator_did": "ivo://example.org/P/image",
        "hips_order": str(ORDER),
        "hips_pixel_cut": f"0 {PEAK:g}",
    }
    run(tool, ("INDEX", "TILES", "PNG", "MOC"), parameters, folder)
    ra, dec = wcs.all_pix2world(*SOURCE, 0)
    return float(ra), float(dec)


def _write_moc(path: Path) -> None:
    """The MOC of a circle round the field's middle."""
    lon, lat, radius = Longitude(RA, "deg"), Latitude(DEC, "deg"), Angle(AREA_RADIUS, "deg")
    area = MOC.from_cone(lon=lon, lat=lat, radius=radius, max_depth=AREA_ORDER)
    area.save(str(path), format="fits")


class _Handler(SimpleHTTPRequestHandler):
    def end_headers(self) -> None:
        self.send_header("Access-Control-Allow-Origin", "*")
        super().end_headers()

    def log_message(self, *_args: object) -> None:
        """Says nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A folder behind an address, open to pages of other origins."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
