"""A source in a field of 0.05 arcsec, found by flux and place in the deepest tiles that the service serves,
whichever engine made them: by a client that knows HiPS and nothing of ours."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from unittest.mock import patch

import cdshealpix.nested
import numpy as np
import pytest
import requests
from astropy import units as u
from astropy.coordinates import Latitude, Longitude, angular_separation
from astropy.io import fits
from astropy.wcs import WCS
from service_processes import running_server
from tree_checks import pairs_of

from tap_schema import published
from vo_service.cli import main
from vo_service.holdings.ingest import ingest
from vo_service.store import Catalogue, Snapshots

SIZE = 150
PIXEL = 0.05 / 3600.0
BEAM = 4.5 * PIXEL
SOURCE = (81.3, 66.8)
"""Its place among the pixels, counted from 0."""
JANSKYS = 0.04
ARCSEC = 1.0 / 3600.0


def image() -> fits.PrimaryHDU:
    """A point source seen with a beam, in noise of a thousandth of it."""
    y, x = np.mgrid[:SIZE, :SIZE]
    away = np.hypot(x - SOURCE[0], y - SOURCE[1]) * PIXEL / BEAM
    noise = np.random.default_rng(4).normal(0.0, JANSKYS / 1e3, (SIZE, SIZE))
    hdu = fits.PrimaryHDU((JANSKYS * 2.0 ** (-4.0 * away**2) + noise).astype(np.float32)[None, None])
    hdu.header.update(
        CTYPE1="RA---SIN", CRVAL1=269.0886, CRPIX1=75.0, CDELT1=-PIXEL, CUNIT1="deg",
        CTYPE2="DEC--SIN", CRVAL2=-21.9561, CRPIX2=75.0, CDELT2=PIXEL, CUNIT2="deg",
        CTYPE3="FREQ", CRVAL3=3.43e11, CRPIX3=1.0, CDELT3=4e9, CUNIT3="Hz", SPECSYS="BARYCENT",
        CTYPE4="STOKES", CRVAL4=1.0, CRPIX4=1.0, CDELT4=1.0, RADESYS="ICRS",
        BUNIT="Jy/beam", BMAJ=BEAM, BMIN=BEAM, BPA=0.0, OBJECT="HD 163296", TELESCOP="ALMA",
    )  # fmt: skip
    return hdu


@dataclass(frozen=True)
class Client:
    """Reads pixels of a tree behind an address, at its deepest order."""

    base: str

    @property
    def told(self) -> dict[str, str]:
        """Its properties."""
        return dict(pairs_of(requests.get(f"{self.base}/properties", timeout=60).content))

    def near(self, ra: float, dec: float, radius: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Right ascension, declination and value of all pixels within some degrees of a place."""
        order = int(self.told["hips_order"])
        lon, lat = Longitude(ra, "deg"), Latitude(dec, "deg")
        cells, _, _ = cdshealpix.nested.cone_search(lon, lat, radius * u.deg, order + 9, flat=True)
        values = [self._value(order, int(cell)) for cell in cells]
        ras, decs = cdshealpix.nested.healpix_to_lonlat(cells, order + 9)
        return ras.deg, decs.deg, np.array(values, dtype=np.float64)

    def _value(self, order: int, pixel: int) -> float:
        """HIPS-020: columns count to the north-west, rows from the last one to the north-east."""
        east, west = (sum((pixel >> 2 * bit + odd & 1) << bit for bit in range(9)) for odd in (0, 1))
        return float(self._tile(order, pixel >> 18)[511 - east, west])

    @cache  # noqa: B019 - clients live as long as a test
    def _tile(self, order: int, cell: int) -> np.ndarray:
        path = f"Norder{order}/Dir{cell // 10000 * 10000}/Npix{cell}.fits"
        answer = requests.get(f"{self.base}/{path}", timeout=60)
        assert answer.status_code == 200, path
        return np.asarray(fits.getdata(io.BytesIO(answer.content)))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("deep")
    (place / "files").mkdir()
    (place / "home").mkdir()
    image().writeto(place / "files" / "HD163296_sci.cont.image.fits")
    with (
        closing(Catalogue.open_in(place / "home")) as catalogue,
        closing(Snapshots(place / "home", catalogue)) as snapshots,
    ):
        ingest(
            [place / "files"], home=place / "home", snapshots=snapshots, catalogue=catalogue,
            published=published(), authority="deep.test", workers=0,
        )  # fmt: skip
    return place / "home"


@pytest.fixture(scope="module")
def url(home: Path) -> Iterator[str]:
    with running_server(home, workers=1) as address:
        yield address


@pytest.mark.parametrize("engine", ["reproject", pytest.param("hipsgen", marks=pytest.mark.judge)])
def test_a_source_is_found_as_a_client_finds_it(
    home: Path, url: str, engine: str, request: pytest.FixtureRequest
) -> None:
    if engine == "hipsgen":
        request.getfixturevalue("hipsgen")
    with patch.dict(os.environ, {"VO_SERVICE_UNLISTED": "open", "VO_SERVICE_HIPS_PROCESSES": "1"}):
        assert main(["--home", str(home), "--quiet", "hips", "--engine", engine]) == 0
    client = Client(f"{url}/hips/continuum-band-7")
    told = client.told
    assert engine in told["hips_builder"]
    assert (told["hips_order"], told["hips_bunit"]) == (
        "14",
        "MJy/sr",
    )  # HIPS-006: 0.0503 arcsec is too coarse
    ra, dec = (float(each) for each in WCS(image().header).celestial.all_pix2world(*SOURCE, 0))
    ras, decs, values = client.near(ra, dec, 3.0 * BEAM)
    pixel = 4.0 * math.pi / (12 << 2 * (14 + 9))
    assert values.sum() * pixel * 1e6 == pytest.approx(JANSKYS, rel=0.01)
    centre = [float(np.average(each, weights=values)) for each in (ras, decs)]
    away = np.degrees(angular_separation(*np.radians([*centre, ra, dec])))
    assert away < 0.1 * PIXEL
    brightest = np.nanargmax(values)
    off = np.degrees(angular_separation(*np.radians([ras[brightest], decs[brightest], ra, dec])))
    assert off < PIXEL  # CHK-H10
