"""Holdings whose image trees are built by ``vo-service hips``: images in one band at several places, each of
a member of its own that an archive releases."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import numpy as np
from astropy.io import fits

from hips.trees.versions import Build, Trees
from tap_schema import published
from vo_service.cli import main
from vo_service.holdings.harvest import harvest
from vo_service.holdings.harvest_sources import open_file
from vo_service.holdings.ingest import ingest
from vo_service.store import Catalogue, Snapshots

AUTHORITY: Final = "trees.test"
TREE: Final = "continuum-band-6"
RELEASED: Final = datetime(2020, 1, 1, tzinfo=UTC)
LATER: Final = datetime(2022, 1, 1, tzinfo=UTC)
FUTURE: Final = datetime(2040, 1, 1, tzinfo=UTC)
NOW: Final = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
ARCSEC: Final = 1.0 / 3600.0
SIZE: Final = 64
PLACES: Final = {
    "coarse": (204.25, -29.87, 20.0),
    "fine": (204.10, -29.87, 0.5),
    "beside": (204.40, -29.87, 20.0),
    "far": (10.0, 20.0, 20.0),
}
"""Images: where they are (degrees), and their pixels (arcsec): ``fine`` lies in ``coarse``, and ``beside``
overlaps with it on the other side."""
RADIUS: Final = 30.0
"""Pixels from the middle of an image up to which there are numbers."""
_ROW: Final = {
    "obs_publisher_did": "ADS/JAO.ALMA#2015.1.00001.S", "obs_collection": "ALMA", "facility_name": "JAO",
    "instrument_name": "ALMA", "calib_level": "2", "dataproduct_type": "image", "target_name": "M83",
    "s_fov": "0.01", "em_min": "0.001303", "em_max": "0.001304", "proposal_id": "2015.1.00001.S",
    "t_min": "57000.0", "t_max": "57000.1", "t_exptime": "60",
    "access_url": "https://archive.example/datalink", "bandwidth": "4000000.0",
    "access_format": "application/x-votable", "frequency": "230.0",
}  # fmt: skip


@dataclass(frozen=True)
class TreeHouse:
    """A home below ``place``, and the files that it was made of."""

    place: Path
    products: Path

    @property
    def home(self) -> Path:
        return self.place / "home"

    @property
    def build(self) -> Build:
        """The build that is served."""
        found = Trees(self.home / "hips").current(TREE)
        assert found is not None
        return found

    def file(self, name: str) -> Path:
        """Where an image is."""
        member = _uid(name).replace(":", "_").replace("/", "_")
        return self.products / name / f"member.{member}.M83_sci.spw15.cont.I.image.fits"

    def write(self, name: str, level: float = 1.0) -> None:
        """An image: a slope of that level, no two pixels of which are the same, and no numbers at its rim."""
        ra, dec, pixel = PLACES[name]
        y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
        values = level * (1.0 + 0.01 * x + 0.02 * y)
        values[np.hypot(x - 31.5, y - 31.5) > RADIUS] = np.nan
        hdu = fits.PrimaryHDU(values[None, None].astype(np.float32))
        hdu.header.update(
            CTYPE1="RA---SIN", CRVAL1=ra, CRPIX1=32.5, CDELT1=-pixel * ARCSEC, CUNIT1="deg",
            CTYPE2="DEC--SIN", CRVAL2=dec, CRPIX2=32.5, CDELT2=pixel * ARCSEC, CUNIT2="deg",
            CTYPE3="FREQ", CRVAL3=2.3e11, CRPIX3=1.0, CDELT3=4e9, CUNIT3="Hz", SPECSYS="BARYCENT",
            CTYPE4="STOKES", CRVAL4=1.0, CRPIX4=1.0, CDELT4=1.0, RADESYS="ICRS",
            BUNIT="Jy/beam", BMAJ=3 * pixel * ARCSEC, BMIN=2 * pixel * ARCSEC, BPA=0.0,
            OBJECT="M83", TELESCOP="ALMA",
        )  # fmt: skip
        self.file(name).parent.mkdir(parents=True, exist_ok=True)
        hdu.writeto(self.file(name), overwrite=True)

    def ingest(self) -> None:
        """Take in what there is now."""
        with self._parts() as parts:
            ingest([self.products], workers=0, **parts)

    def harvest(self, dates: Mapping[str, datetime]) -> None:
        """The archive releases images on these dates."""
        path = self.place / "rows.csv"
        with path.open("w", newline="") as table:
            rows = csv.writer(table)
            rows.writerow(
                [*_ROW, "obs_id", "member_ous_uid", "s_ra", "s_dec", "s_region", "obs_release_date"]
            )
            for name, date in dates.items():
                ra, dec, _ = PLACES[name]
                told = [_uid(name), _uid(name), ra, dec, f"Circle ICRS {ra} {dec} 0.005"]
                rows.writerow([*_ROW.values(), *told, date.replace(tzinfo=None).isoformat()])
        with self._parts() as parts:
            harvest(open_file(path), **parts)

    def hips(self, **more: str) -> None:
        """Trees as they should be now: the command, in this process."""
        settings = {"VO_SERVICE_AUTHORITY": AUTHORITY, "VO_SERVICE_HIPS_PROCESSES": "1", **more}
        with patch.dict(os.environ, settings):
            assert main(["--home", str(self.home), "--quiet", "hips", "--engine", "reproject"]) == 0

    def names(self) -> dict[str, str]:
        """Identifiers of data sets by the names of their images."""
        with self._parts() as parts:
            rows = parts["snapshots"].current().read("holdings.product").to_pylist()
        return {Path(row["path"]).parent.name: row["dataset_id"] for row in rows}

    @contextmanager
    def _parts(self) -> Iterator[dict[str, Any]]:
        """What runs work on."""
        self.home.mkdir(exist_ok=True)
        with (
            closing(Catalogue.open_in(self.home)) as catalogue,
            closing(Snapshots(self.home, catalogue)) as opened,
        ):
            yield {
                "home": self.home, "snapshots": opened, "catalogue": catalogue, "published": published(),
                "authority": AUTHORITY,
            }  # fmt: skip


def _uid(name: str) -> str:
    return f"uid://A001/X{1 + list(PLACES).index(name)}/Xa"


def make_house(place: Path) -> TreeHouse:
    """The holdings, all of them released, and their trees."""
    house = TreeHouse(place, place / "products")
    for level, name in enumerate(PLACES, 1):
        house.write(name, level)  # not with the same pixels: of twins one is shown
    house.ingest()
    house.harvest({**dict.fromkeys(PLACES, RELEASED), "beside": LATER})
    house.hips()
    return house
