"""Aladin Desktop, as Debian has it: image, MOC and catalogue of the live service, proved by what it saves of
them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import requests
from aladin_desktop import record_of, run_script, screen
from astropy.io import fits
from astropy.wcs import WCS
from made_trees import Sky
from mocpy import MOC
from PIL import Image

pytestmark = pytest.mark.judge
VIEW = 400


@pytest.fixture(scope="module")
def saved(
    java: str,
    aladin_jar: Path,
    xvfb: str,
    live_sky: Sky,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The directory with all that one session saved."""
    place = tmp_path_factory.mktemp("aladin")
    image, catalogue = live_sky.image, live_sky.catalogue
    assert catalogue is not None
    listed, record = record_of(image.url)
    first_ra, first_dec = next(iter(catalogue.rows.values()))
    script = [
        f"get hips({listed},fits)",
        "sync",
        f"{image.ra:.9f} {image.dec:+.9f}",
        f"zoom {image.width * 60:.3f}arcmin",
        "sync",
        "cut=crop",
        "sync",
        f"export cut {place}/cut.fits",
        "rm all",
        f"picture=load {image.url}",
        "sync",
        f"{image.ra:.9f} {image.dec:+.9f}",
        f"zoom {image.width * 60:.3f}arcmin",
        "overlay off",
        "reticle off",
        "sync",
        f"save {VIEW}x{VIEW} {place}/view.png",
        f"area=load {live_sky.moc_url}",
        "sync",
        f"export area {place}/moc.fits",
        "rm all",
        f"rows=load {catalogue.url}",
        "sync",
        f"{first_ra:.9f} {first_dec:+.9f}",
        "zoom 1deg",
        "sync",
        "select rows",
        "all=ccat",
        "sync",
        f"export all {place}/rows.tsv",
    ]
    with screen(xvfb) as environment:
        said = run_script(java, aladin_jar, environment, place / "home", record, script)
    (place / "said.txt").write_text(said)
    return place


def told(saved: Path, name: str) -> Path:
    path = saved / name
    assert path.exists(), (saved / "said.txt").read_text()
    return path


def test_an_image_of_the_list_has_the_source_where_it_is(saved: Path, live_sky: Sky) -> None:
    # HIPS-020, -050, -060, -128, CHK-H10: read in FITS tiles, cut out by the client's own resampling
    with fits.open(told(saved, "cut.fits")) as hdus:
        header, values = hdus[0].header, hdus[0].data
    header["RADESYS"] = "ICRS"  # it writes FK5 for whatever it has
    header.remove("RADECSYS", ignore_missing=True)
    wcs = WCS(header)
    row, column = np.unravel_index(np.nanargmax(values), values.shape)
    ra, dec = wcs.all_pix2world(column, row, 0)
    away = np.hypot(
        (ra - live_sky.image.ra) * np.cos(np.radians(live_sky.image.dec)), dec - live_sky.image.dec
    )
    assert away < 0.5 * live_sky.image.sigma
    assert np.nanmax(values) == pytest.approx(live_sky.image.peak, rel=0.05)
    share = np.abs(header["CD1_1"] * header["CD2_2"])
    flux = np.nansum(values) * share / (2.0 * np.pi * live_sky.image.peak * live_sky.image.sigma**2)
    assert flux == pytest.approx(1.0, abs=0.1)


def test_the_picture_of_an_address_shows_the_source_in_the_middle(saved: Path, live_sky: Sky) -> None:
    # HIPS-021, -022, -040: PNG tiles, as a user sees them who gives the address
    picture = np.asarray(Image.open(told(saved, "view.png")).convert("L"), dtype=float)
    rows, columns = np.nonzero(picture > live_sky.image.half * picture.max())
    assert picture.max() > 3.0 * np.median(picture) and picture.max() > 100.0
    for places in (rows, columns):
        assert np.mean(places) == pytest.approx(VIEW / 2.0, abs=4.0)
        assert np.ptp(places) < VIEW / 4.0


def test_a_moc_is_the_same_in_it(saved: Path, live_sky: Sky) -> None:
    # MOC-043, CHK-M
    served = MOC.from_fits(io.BytesIO(requests.get(live_sky.moc_url, timeout=30).content))
    assert not served.empty()
    assert MOC.from_fits(str(told(saved, "moc.fits"))) == served


def test_a_catalogue_is_there_row_by_row(saved: Path, live_sky: Sky) -> None:
    # HIPS-090..095, CHK-H16
    lines = told(saved, "rows.tsv").read_text().splitlines()
    names, rows = lines[0].split("\t"), [line.split("\t") for line in lines[2:]]
    name, ra, dec = (names.index(each) for each in ("obs_publisher_did", "s_ra", "s_dec"))
    found = {row[name]: (float(row[ra]), float(row[dec])) for row in rows}
    assert len(found) == len(rows)
    assert live_sky.catalogue is not None and found.keys() == live_sky.catalogue.rows.keys()
    for identifier, position in live_sky.catalogue.rows.items():
        assert found[identifier] == pytest.approx(position, abs=1e-7)
