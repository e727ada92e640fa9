"""Holdings of images and cubes by numpy and astropy, whose own trees are asked for in this process."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import numpy as np
from asked_in_process import Asked, give_token, running
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray
from tree_checks import pairs_of
from tree_house import AUTHORITY, NOW, RELEASED

from hips.trees.layout import PAGE
from tap_schema import published
from vo_service.holdings.harvest import harvest
from vo_service.holdings.harvest_sources import open_file
from vo_service.holdings.ingest import ingest
from vo_service.holdings.measurement import PixelLimits
from vo_service.products.workshop import Workshop
from vo_service.store import Catalogue, Snapshots

ARCSEC = 1.0 / 3600.0
FIRST_HZ, STEP_HZ = 230.4e9, 2.0e6
_ROW = {
    "obs_publisher_did": "ADS/JAO.ALMA#2015.1.00001.S", "obs_collection": "ALMA", "facility_name": "JAO",
    "instrument_name": "ALMA", "calib_level": "2", "target_name": "M83", "s_fov": "0.01",
    "em_min": "0.001300", "em_max": "0.001302", "proposal_id": "2015.1.00001.S", "t_min": "57000.0",
    "t_max": "57000.1", "t_exptime": "60", "access_url": "https://archive.example/datalink",
    "bandwidth": "4000000.0", "access_format": "application/x-votable", "frequency": "230.4",
}  # fmt: skip

Array = NDArray[Any]


@dataclass
class LiveHouse:
    """A home below ``place`` with files of data sets, each of a member of its own, by their names."""

    place: Path
    members: dict[str, int] = field(default_factory=dict)
    places: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.place / "home"

    def uid(self, name: str) -> str:
        return f"uid://A001/X{1 + self.members.setdefault(name, len(self.members)):x}/Xa"

    def file(self, name: str, ending: str = ".fits") -> Path:
        uid = self.uid(name).replace(":", "_").replace("/", "_")
        kind = "cube.I" if name.startswith("cube") else "cont.I.image"
        return self.place / "products" / name / f"member.{uid}.M83_sci.spw15.{kind}{ending}"

    def write(
        self,
        name: str,
        values: Array,
        place: tuple[float, float] = (204.25, -29.87),
        pixel: float = 0.5,
        ending: str = ".fits",
        **cards: object,
    ) -> Path:
        """An image (rows, columns) or a cube (channels, rows, columns) of ``pixel`` arcsec round a place, its
        beam of 4 pixels; names of cubes begin so. None takes a card away."""
        rows, columns = values.shape[-2:]
        shape = (1, -1, rows, columns) if values.ndim < 4 else values.shape
        hdu = fits.PrimaryHDU(values.reshape(shape).astype(np.float32))
        known: dict[str, object] = {
            "CTYPE1": "RA---SIN", "CRVAL1": place[0], "CRPIX1": (columns + 1) / 2.0,
            "CDELT1": -pixel * ARCSEC, "CUNIT1": "deg",
            "CTYPE2": "DEC--SIN", "CRVAL2": place[1], "CRPIX2": (rows + 1) / 2.0,
            "CDELT2": pixel * ARCSEC, "CUNIT2": "deg",
            "CTYPE3": "FREQ", "CRVAL3": FIRST_HZ, "CRPIX3": 1.0, "CDELT3": STEP_HZ, "CUNIT3": "Hz",
            "SPECSYS": "LSRK", "RESTFRQ": 230.538e9, "CTYPE4": "STOKES", "CRVAL4": 1.0, "CRPIX4": 1.0,
            "CDELT4": 1.0, "RADESYS": "ICRS", "BUNIT": "Jy/beam", "BMAJ": 4 * pixel * ARCSEC,
            "BMIN": 4 * pixel * ARCSEC, "BPA": 0.0, "OBJECT": "M83", "TELESCOP": "ALMA",
            "DATE-OBS": "2014-12-09T00:00:00", "OBSGEO-X": 2225142.18, "OBSGEO-Y": -5440307.37,
            "OBSGEO-Z": -2481029.85,
        }  # fmt: skip
        for key, value in (known | cards).items():
            if value is not None:
                hdu.header[key] = value
        path = self.file(name, ending)
        path.parent.mkdir(parents=True, exist_ok=True)
        hdu.writeto(path, overwrite=True)
        self.places[name] = place
        return path

    def wcs(self, name: str) -> WCS:
        """The sky of a file, by astropy."""
        header = fits.getheader(self.file(name))
        for key in ("DATE-OBS", "OBSGEO-X", "OBSGEO-Y", "OBSGEO-Z"):  # astropy would have something to say
            del header[key]
        return WCS(header).celestial

    def ingest(self, measured: bool = True) -> None:
        """Take in what there is now."""
        limits = PixelLimits(1 << 30, 600.0) if measured else None
        with self._parts() as parts:
            ingest([self.place / "products"], workers=0, pixels=limits, **parts)

    def harvest(self, dates: Mapping[str, datetime]) -> None:
        """The archive releases data sets on these dates."""
        path = self.place / "rows.csv"
        more = ("obs_id", "member_ous_uid", "s_ra", "s_dec", "s_region", "obs_release_date")
        with path.open("w", newline="") as table:
            rows = csv.writer(table)
            rows.writerow([*_ROW, "dataproduct_type", *more])
            for name, date in dates.items():
                ra, dec = self.places.get(name, (10.0, 10.0))
                kind = "cube" if name.startswith("cube") else "image"
                region = f"Circle ICRS {ra} {dec} 0.005"
                told = (self.uid(name), self.uid(name), ra, dec, region)
                rows.writerow([*_ROW.values(), kind, *told, date.replace(tzinfo=None).isoformat()])
        with self._parts() as parts:
            harvest(open_file(path), **parts)

    def release(self, *names: str) -> None:
        """Ingest all, and release these (all where none is named) long ago."""
        self.ingest()
        self.harvest(dict.fromkeys(names or self.members, RELEASED))

    def names(self) -> dict[str, str]:
        """Identifiers of data sets by the names of their files."""
        rows = self.read("holdings.product")
        return {Path(row["path"]).parent.name: row["dataset_id"] for row in rows if row["is_primary"]}

    def read(self, table: str) -> list[dict[str, Any]]:
        with self._parts() as parts:
            found: list[dict[str, Any]] = parts["snapshots"].current().read(table).to_pylist()
        return found

    @contextmanager
    def _parts(self) -> Iterator[dict[str, Any]]:
        self.home.mkdir(exist_ok=True, parents=True)
        with (
            closing(Catalogue.open_in(self.home)) as catalogue,
            closing(Snapshots(self.home, catalogue)) as opened,
        ):
            yield {
                "home": self.home, "snapshots": opened, "catalogue": catalogue, "published": published(),
                "authority": AUTHORITY,
            }  # fmt: skip


@dataclass(kw_only=True)
class LiveDoor(Asked):
    """The application on a house; ``names`` of its data sets."""

    now: datetime = NOW
    names: dict[str, str] = field(default_factory=dict)

    def tree(self, name: str, path: str = "", **more: Any) -> httpx.Response:
        """A file of the tree of a data set."""
        return self.ask(f"/hips/{self.names[name]}/{path}", **more)

    def get(self, name: str, **more: Any) -> Any:
        """Hands out files of a tree as the checks want them."""

        def get(path: str) -> bytes | None:
            answer = self.tree(name, path, **more)
            assert answer.status_code in (200, 404), (path, answer.text)
            # the page alone names its own address
            content = re.sub(rb"<base href=[^>]*>", b"", answer.content) if path == PAGE else answer.content
            return content if answer.status_code == 200 else None

        return get

    def properties(self, name: str, **more: Any) -> dict[str, str]:
        answer = self.tree(name, "properties", **more)
        assert answer.status_code == 200, answer.text
        return dict(pairs_of(answer.content))

    def values(self, name: str, path: str) -> Array:
        """The pixels of a FITS tile."""
        answer = self.tree(name, path)
        assert answer.status_code == 200, (path, answer.text)
        return np.asarray(fits.getdata(io.BytesIO(answer.content)))


@contextmanager
def opened(house: LiveHouse, **settings: str) -> Iterator[LiveDoor]:
    """The application on a house; ann may see everything."""
    door = LiveDoor(tokens={"ann": give_token(house.home, "ann", NOW, "read:all")}, names=house.names())
    with running(door, house.home, **settings):
        yield door


@contextmanager
def counted() -> Iterator[list[object]]:
    """The pieces of work that are handed to processes."""
    seen: list[object] = []
    run_now = Workshop.run_now

    def run(self: Workshop, work: Any, *more: Any) -> Any:
        seen.append(getattr(work, "func", work))
        return run_now(self, work, *more)

    with patch.object(Workshop, "run_now", run):
        yield seen


def smooth(rows: int, columns: int) -> Array:
    """A slope on which no two pixels are the same."""
    y, x = np.mgrid[:rows, :columns]
    return 1.0 + 0.01 * x + 0.02 * y


def disc(values: Array, radius: float) -> Array:
    """The same with no numbers beyond some pixels of the middle of each plane."""
    rows, columns = values.shape[-2:]
    y, x = np.mgrid[:rows, :columns]
    beyond = np.hypot(x - (columns - 1) / 2.0, y - (rows - 1) / 2.0) > radius
    return np.where(beyond, np.nan, values)


def noise(*shape: int, sigma: float = 0.01, seed: int = 5) -> Array:
    return np.random.default_rng(seed).normal(0.0, sigma, shape)
