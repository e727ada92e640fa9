"""A sky the service itself serves: an image with a source, data sets round it, and maps of all of them."""

from __future__ import annotations

import csv
import math
from contextlib import closing
from pathlib import Path
from typing import Final

import numpy as np
import requests
from astropy.io import fits
from astropy.wcs import WCS
from made_trees import CatalogueTree, ImageTree, Sky
from service_processes import run_command

TREE: Final = "continuum-band-6"
RA, DEC = 83.6, -5.4
PIXEL = 1.0 / 3600.0
SIZE = 256
SOURCE = (100, 160)
"""Pixel of the planted source, counted from 0."""
SIGMA = 3.0
"""Of the source, which is as wide as the beam."""
JANSKYS, NOISE = 0.5, 0.005
ROWS = 40
_HZ, _WIDTH_HZ = 2.3e11, 4e9
_ROW: Final = {
    "obs_collection": "ALMA", "facility_name": "JAO", "instrument_name": "ALMA", "calib_level": "2",
    "dataproduct_type": "cube", "target_name": "M 42", "s_fov": "0.01", "em_min": "0.001303",
    "em_max": "0.001304", "proposal_id": "2015.1.00001.S", "t_min": "57000.0", "t_max": "57000.1",
    "t_exptime": "60", "bandwidth": "4000000.0", "frequency": "230.0", "band_list": "6",
    "access_url": "https://archive.example/datalink", "access_format": "application/x-votable",
    "obs_release_date": "2020-01-01T00:00:00",
}  # fmt: skip


def make_home(place: Path) -> Path:
    """A home with all of it, by the commands that a user calls. What no archive row speaks for is open."""
    home, products = place / "home", place / "products"
    products.mkdir(parents=True)
    _image().writeto(products / "orion_sci.cont.image.fits")
    _write_rows(place / "rows.csv")
    for words in (("ingest", str(products)), ("harvest", str(place / "rows.csv")), ("hips",), ("moc",)):
        done = run_command(home, *words, VO_SERVICE_UNLISTED="open", VO_SERVICE_AUTHORITY="sky.test")
        assert done.returncode == 0, (words, done.stdout, done.stderr)
    return home


def _image() -> fits.PrimaryHDU:
    """A band 6 continuum image of noise and a source."""
    y, x = np.mgrid[:SIZE, :SIZE]
    source = JANSKYS * np.exp(-((x - SOURCE[0]) ** 2 + (y - SOURCE[1]) ** 2) / (2.0 * SIGMA**2))
    noise = np.random.default_rng(1).normal(0.0, NOISE, (SIZE, SIZE))
    hdu = fits.PrimaryHDU((source + noise).astype(np.float32)[None, None])
    beam = SIGMA * math.sqrt(8.0 * math.log(2.0)) * PIXEL
    hdu.header.update(
        CTYPE1="RA---SIN", CRVAL1=RA, CRPIX1=(SIZE + 1) / 2.0, CDELT1=-PIXEL, CUNIT1="deg",
        CTYPE2="DEC--SIN", CRVAL2=DEC, CRPIX2=(SIZE + 1) / 2.0, CDELT2=PIXEL, CUNIT2="deg",
        CTYPE3="FREQ", CRVAL3=_HZ, CRPIX3=1.0, CDELT3=_WIDTH_HZ, CUNIT3="Hz", SPECSYS="BARYCENT",
        CTYPE4="STOKES", CRVAL4=1.0, CRPIX4=1.0, CDELT4=1.0, RADESYS="ICRS",
        BUNIT="Jy/beam", BMAJ=beam, BMIN=beam, BPA=0.0, OBJECT="M 42", TELESCOP="ALMA",
    )  # fmt: skip
    return hdu


def _write_rows(path: Path) -> None:
    """Observations round the image, none of which reaches into it."""
    random = np.random.default_rng(2)
    away, turn = random.uniform(0.1, 0.25, ROWS), random.uniform(0.0, 2.0 * np.pi, ROWS)
    with path.open("w", newline="") as table:
        rows = csv.writer(table)
        rows.writerow([*_ROW, "obs_publisher_did", "obs_id", "member_ous_uid", "s_ra", "s_dec", "s_region"])
        for number, (ra, dec) in enumerate(zip(RA + away * np.cos(turn), DEC + away * np.sin(turn))):
            uid = f"uid://A001/X1/X{number:x}"
            place = f"{ra:.6f}", f"{dec:.6f}"
            rows.writerow(
                [*_ROW.values(), f"ADS/{number}", uid, uid, *place, f"Circle ICRS {' '.join(place)} 0.005"]
            )


def sky_at(url: str) -> Sky:
    """What clients should find of it behind the address of the service."""
    header = _image().header
    ra, dec = WCS(header).celestial.all_pix2world(*SOURCE, 0)
    beam = 2.0 * math.pi * math.radians(SIGMA * PIXEL) ** 2
    peak = JANSKYS / beam / 1e6  # MJy/sr
    image = f"{url}/hips/{TREE}"
    shown = ImageTree(image, float(ra), float(dec), peak, SIGMA * PIXEL, SIZE * PIXEL, _share(image, peak))
    return Sky(shown, f"{url}/moc/holdings.fits", CatalogueTree(f"{url}/hips/datasets", _rows(url)))


def _share(tree: str, peak: float) -> float:
    """Of the brightest grey in pictures, that of half the peak, by what the tree says of them (HIPS-029)."""
    lines = requests.get(f"{tree}/properties", timeout=60).text.splitlines()
    told = {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in lines)}
    softening = float(told["hips_processing"].partition("asinh(v / ")[2].partition(")")[0])
    low, high = (np.arcsinh(float(end) / softening) for end in told["hips_pixel_cut"].split())
    greys = [
        1.0 + 254.0 * (np.arcsinh(value / softening) - low) / (high - low) for value in (peak / 2.0, peak)
    ]
    return float(greys[0] / greys[1])


def _rows(url: str) -> dict[str, tuple[float, float]]:
    """All data sets by another door, the image itself first."""
    query = "SELECT obs_publisher_did, s_ra, s_dec, origin FROM ivoa.obscore ORDER BY origin DESC"
    form = {"LANG": "ADQL", "QUERY": query, "RESPONSEFORMAT": "csv"}
    with closing(requests.post(f"{url}/tap/sync", form, timeout=60)) as answer:
        lines = list(csv.DictReader(answer.text.splitlines()))
    assert len(lines) == ROWS + 1 and lines[0]["origin"] == "file"
    return {line["obs_publisher_did"]: (float(line["s_ra"]), float(line["s_dec"])) for line in lines}
