"""Small trees in folders, made by the CDS's tool and by hand, for clients; and a server of them for browsers.

What clients are tested on is told by a `Sky` alone: tests do not know who serves it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cdshealpix.nested
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
ROWS = 60


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
    """A HiPS of a catalogue: the names in its first column, with positions in degrees, of all rows within
    half a degree of the first."""

    url: str
    rows: dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Sky:
    """What clients of trees and MOCs are tested on, whoever serves it."""

    image: ImageTree
    moc_url: str
    catalogue: CatalogueTree


def image_tree(tool: Tool, folder: Path) -> tuple[float, float]:
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


def write_moc(path: Path) -> None:
    """The MOC of a circle round the field's middle."""
    lon, lat, radius = Longitude(RA, "deg"), Latitude(DEC, "deg"), Angle(AREA_RADIUS, "deg")
    area = MOC.from_cone(lon=lon, lat=lat, radius=radius, max_depth=AREA_ORDER)
    area.save(str(path), format="fits")


def catalogue_tree(folder: Path) -> dict[str, tuple[float, float]]:
    """Write a tree of three orders at ``folder / "catalogue"`` by hand (HIPS-090..095); its rows."""
    rng = np.random.default_rng(2)
    ra, dec = RA + rng.uniform(-0.004, 0.004, ROWS), DEC + rng.uniform(-0.004, 0.004, ROWS)
    tree = folder / "catalogue"
    for order, (first, last) in enumerate(((0, 10), (10, 30), (30, ROWS)), start=1):
        cells = cdshealpix.nested.lonlat_to_healpix(Longitude(ra, "deg"), Latitude(dec, "deg"), order)
        for cell in np.unique(cells):
            inside = np.flatnonzero(cells == cell)
            lines = [
                f"# Completeness = {np.count_nonzero(inside < last)} / {len(inside)}",
                "dataset_id\ts_ra\ts_dec",
            ]
            lines += [f"d-{at}\t{ra[at]:.8f}\t{dec[at]:.8f}" for at in inside if first <= at < last]
            tile = tree / f"Norder{order}" / f"Dir{cell // 10000 * 10000}" / f"Npix{cell}.tsv"
            tile.parent.mkdir(parents=True, exist_ok=True)
            tile.write_text("\n".join(lines) + "\n")
            tile.parents[1].joinpath("Allsky.tsv").write_text(tile.read_text())
    for name in ("metadata.xml", "Metadata.xml"):
        (tree / name).write_text(_METADATA)
    (tree / "properties").write_text(_PROPERTIES)
    write_moc(tree / "Moc.fits")
    return {f"d-{at}": (float(ra[at]), float(dec[at])) for at in range(ROWS)}


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


_METADATA = """<?xml version="1.0" encoding="UTF-8"?>
<VOTABLE version="1.3" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE><TABLE name="datasets">
<FIELD name="dataset_id" datatype="char" arraysize="*" ucd="meta.id;meta.main"/>
<FIELD name="s_ra" datatype="double" unit="deg" ucd="pos.eq.ra;meta.main"/>
<FIELD name="s_dec" datatype="double" unit="deg" ucd="pos.eq.dec;meta.main"/>
</TABLE></RESOURCE></VOTABLE>
"""
_PROPERTIES = f"""creator_did = ivo://example.org/C/datasets
obs_title = Data sets
dataproduct_type = catalog
hips_version = 1.4
hips_release_date = 2026-01-01T00:00Z
hips_status = public master clonableOnce
hips_tile_format = tsv
hips_order = 3
hips_order_min = 1
hips_frame = equatorial
hips_cat_nrows = {ROWS}
hips_initial_ra = {RA}
hips_initial_dec = {DEC}
hips_initial_fov = 0.02
"""
