"""``/files`` of a tar: its bytes are those of its members, so it is closed as long as any of them is (design
4.3), wherever they are listed and whoever speaks for them."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from astropy.io import fits

from tap_schema import published
from vo_service.holdings.facts import NOT_YET
from vo_service.holdings.harvest import harvest
from vo_service.holdings.harvest_sources import open_file
from vo_service.holdings.ingest import ingest
from vo_service.settings import Settings
from vo_service.store import Catalogue, Snapshots

UID = "uid___A001_X1_X2"
OTHER = "uid___A001_X5_X6"
NOW = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
PAST, FUTURE = NOW - timedelta(days=100), NOW + timedelta(days=100)
ARCHIVE_ROW = {
    "obs_publisher_did": "ADS/JAO.ALMA#2015.1.00001.S", "obs_collection": "ALMA", "facility_name": "JAO",
    "instrument_name": "ALMA", "calib_level": "2", "dataproduct_type": "image", "obs_id": "{uid}",
    "member_ous_uid": "{uid}", "target_name": "M83", "s_ra": "204.25", "s_dec": "-29.87", "s_fov": "0.01",
    "s_region": "Circle ICRS 204.25 -29.87 0.005", "em_min": "0.001303", "em_max": "0.001304",
    "proposal_id": "2015.1.00001.S", "obs_release_date": "{released}", "t_min": "57000.0", "t_max": "57000.1",
    "t_exptime": "60", "access_url": "https://archive.example/datalink", "bandwidth": "4000000.0",
    "access_format": "application/x-votable", "frequency": "230.0",
}  # fmt: skip

Ask = Callable[..., httpx.Response]


def image() -> bytes:
    """An image with a place on the sky and a frequency."""
    hdu = fits.PrimaryHDU(np.zeros((1, 8, 8), np.float32))
    hdu.header.update(
        CTYPE1="RA---SIN", CRVAL1=204.25, CRPIX1=4.0, CDELT1=-1e-4, CUNIT1="deg",
        CTYPE2="DEC--SIN", CRVAL2=-29.87, CRPIX2=4.0, CDELT2=1e-4, CUNIT2="deg",
        CTYPE3="FREQ", CRVAL3=2.3e11, CRPIX3=1.0, CDELT3=4e9, CUNIT3="Hz",
        BUNIT="Jy/beam", BMAJ=2e-4, BMIN=1e-4, BPA=0.0, OBJECT="M83", TELESCOP="ALMA",
    )  # fmt: skip
    stream = io.BytesIO()
    hdu.writeto(stream)
    return stream.getvalue()


def pack(path: Path, *names: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz" if path.suffix == ".tgz" else "w") as tar:
        for name in names:
            content = image() if name.endswith(".fits") else b"some notes\n"
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


class Holdings:
    """A home into which runs go, and applications on it."""

    def __init__(self, place: Path, archive_of: Any) -> None:
        self.tree = place / "tree"
        self.settings = Settings.load(home=place / "home", environ={})
        self.settings.home.mkdir()
        self._archive = archive_of(self.settings, self.tree)
        self._table = place / "rows.csv"

    @contextmanager
    def _parts(self) -> Iterator[dict[str, Any]]:
        catalogue = Catalogue.open(self.settings.catalogue_address)
        snapshots = Snapshots(self.settings.home, catalogue)
        try:
            yield {
                "home": self.settings.home, "snapshots": snapshots, "catalogue": catalogue,
                "published": published(), "authority": "example.test",
            }  # fmt: skip
        finally:
            snapshots.close()
            catalogue.close()

    def ingest(self) -> None:
        with self._parts() as parts:
            ingest([self.tree], workers=0, **parts)

    def harvest(self, name: str, released: datetime | None) -> None:
        """An archive row of a member set, released on a date."""
        uid = name.replace("___", "://").replace("_", "/")
        date = "" if released is None else released.isoformat()
        cells = [cell.format(uid=uid, released=date) for cell in ARCHIVE_ROW.values()]
        self._table.write_text(",".join(ARCHIVE_ROW) + "\n" + ",".join(f'"{each}"' for each in cells) + "\n")
        with self._parts() as parts:
            harvest(open_file(self._table), **parts)

    def products(self) -> dict[str, dict[str, Any]]:
        """Rows of ``holdings.product`` by path."""
        with self._parts() as parts:
            current = parts["snapshots"].current()
            return {row["path"]: row for row in current.read("holdings.product").to_pylist()}

    def released(self, path: str) -> datetime | None:
        """The release date that a file is listed with."""
        found: datetime | None = self.products()[path]["obs_release_date"]
        return found

    def statuses(self, path: str) -> tuple[int, int]:
        """How a file is answered where unlisted files are closed, and where they are open."""
        name = self.products()[path]["product_id"]
        found = []
        for unlisted in ("closed", "open"):
            ask, close = self._archive.open(unlisted=unlisted)
            found.append(ask(name).status_code)
            if found[-1] == 403:
                assert "file in it" in ask(name).text or ".fits" in path
                assert ask(name, "HEAD").status_code == 403
                assert ask(name, range="bytes=0-9").status_code == 403
            close()
        return found[0], found[1]


@pytest.fixture
def holdings(tmp_path: Path, archive_of: Any) -> Holdings:
    return Holdings(tmp_path, archive_of)


def test_a_tar_is_closed_while_any_member_is(holdings: Holdings) -> None:
    """The tar itself is in no member set: its own row has no date, and the archive does not list it."""
    tar = "delivery.tgz"
    pack(holdings.tree / tar, f"member.{UID}/a.fits", f"member.{OTHER}/b.fits", "readme.txt")
    holdings.ingest()
    first, second = f"{tar}/member.{UID}/a.fits", f"{tar}/member.{OTHER}/b.fits"
    assert holdings.statuses(tar) == (403, 200)  # unlisted throughout
    holdings.harvest(UID, PAST)
    assert (holdings.statuses(first), holdings.statuses(tar)) == ((200, 200), (403, 200))
    assert holdings.released(tar) is None  # as the setting for unlisted files will have it
    holdings.harvest(OTHER, FUTURE)
    assert (holdings.statuses(second), holdings.statuses(tar)) == ((403, 403), (403, 403))
    assert holdings.released(tar) == NOT_YET
    holdings.harvest(OTHER, None)
    assert (holdings.statuses(second), holdings.statuses(tar)) == ((403, 403), (403, 403))
    assert holdings.released(tar) == NOT_YET
    holdings.harvest(OTHER, PAST)
    assert (holdings.statuses(second), holdings.statuses(tar)) == ((200, 200), (403, 200))
    assert holdings.released(tar) is None


@pytest.mark.parametrize("order", ["ingest first", "harvest first"])
def test_a_tar_that_has_a_date_itself_is_closed_by_its_members_all_the_same(
    holdings: Holdings, order: str
) -> None:
    tar = f"member.{UID}/delivery.tar"
    pack(holdings.tree / tar, "a.fits", f"member.{OTHER}/b.fits")

    def harvest_both() -> None:
        holdings.harvest(UID, PAST)
        holdings.harvest(OTHER, FUTURE)

    steps = (holdings.ingest, harvest_both)
    for step in steps if order == "ingest first" else reversed(steps):
        step()
    assert holdings.statuses(f"{tar}/member.{OTHER}/b.fits") == (403, 403)
    assert holdings.statuses(tar) == (403, 403)
    assert holdings.released(tar) == FUTURE
    holdings.harvest(OTHER, PAST)
    assert holdings.statuses(tar) == (200, 200)
    assert holdings.released(tar) == PAST


def test_the_reason_names_the_latest_date(holdings: Holdings) -> None:
    tar = f"member.{UID}/delivery.tar"
    pack(holdings.tree / tar, f"member.{OTHER}/b.fits")
    holdings.ingest()
    holdings.harvest(UID, FUTURE)
    holdings.harvest(OTHER, FUTURE + timedelta(days=7))
    ask, close = holdings._archive.open()
    text = ask(holdings.products()[tar]["product_id"]).text
    close()
    assert holdings.released(tar) == FUTURE + timedelta(days=7)
    assert f"until {FUTURE + timedelta(days=7):%Y-%m-%dT%H:%M:%SZ}" in text


def test_a_tar_that_has_gone_stays_away_and_one_that_loses_members_follows(holdings: Holdings) -> None:
    tar = f"member.{UID}/delivery.tar"
    pack(holdings.tree / tar, "a.fits", f"member.{OTHER}/b.fits")
    pack(holdings.tree / "second.tar", f"member.{OTHER}/b.fits")
    holdings.ingest()
    holdings.harvest(UID, PAST)
    holdings.harvest(OTHER, FUTURE)
    pack(holdings.tree / tar, "a.fits", "c.txt")
    (holdings.tree / "second.tar").unlink()
    holdings.ingest()
    assert holdings.products().keys() == {tar, f"{tar}/a.fits", f"{tar}/c.txt"}
    assert (holdings.released(tar), holdings.statuses(tar)) == (PAST, (200, 200))
