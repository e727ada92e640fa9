"""Holdings with something of every kind that links tell of, and the application on them, asked in process.

A member with a cube, its primary beam and mask, a map made of it, documents, scripts and a tar; a member that
is not released; a file without a member, a broken one, and one that was withdrawn for another.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Final

import pyarrow as pa
from asked_in_process import Asked, give_token, running
from lxml import etree
from product_files import write_product

from tap_schema import published
from vo_service.holdings.ingest import ingest
from vo_service.holdings.measurement import PixelLimits
from vo_service.store import Catalogue, Snapshots

AUTHORITY: Final = "links.test"
NOW: Final = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
RELEASED, EMBARGOED = datetime(2020, 1, 1), datetime(2031, 5, 1)
AFTER: Final = datetime(2031, 5, 1, 0, 0, 0, tzinfo=UTC)
OPEN_UID, CLOSED_UID = "uid://A001/X1/Xa", "uid://A001/X1/Xb"
SHAPE: Final = (1, 4, 24, 24)
_V: Final = "{http://www.ivoa.net/xml/VOTable/v1.3}"

_OPEN, _CLOSED = (
    f"2019.1.00001.S/science_goal.uid___A001_X1_X1/group.uid___A001_X1_X2/member.uid___A001_X1_{each}"
    for each in ("Xa", "Xb")
)
_STEM = "member.uid___A001_X1_{}.M83_sci"
CUBE = f"{_OPEN}/product/{_STEM.format('Xa')}.spw15.cube.I.pbcor.fits"
PB = CUBE.replace("pbcor", "pb")
MASK = CUBE.replace("pbcor", "mask")
MOMENT = CUBE.replace("pbcor.fits", "pbcor.mom0.fits")
CLOSED = f"{_CLOSED}/product/{_STEM.format('Xb')}.spw17.cube.I.pbcor.fits"
ALONE, GONE, BROKEN = "other/NGC253.image.fits", "other/old.image.fits", "other/broken.fits"
TAR = f"{_OPEN}/calibration/member.uid___A001_X1_Xa.flagversions.tgz"
WITHIN = f"{TAR}/FLAG_VERSION_LIST.txt"
TEXTS = {
    f"{_OPEN}/README": "documentation readme",
    f"{_OPEN}/script/member.uid___A001_X1_Xa.scriptForPI.py": "calibration calibration-script",
    f"{_OPEN}/script/member.uid___A001_X1_Xa.scriptForImaging.py": "auxiliary script",
    f"{_OPEN}/log/member.uid___A001_X1_Xa.casa_commands.log": "documentation log",
    f"{_OPEN}/qa/member.uid___A001_X1_Xa.qa2_report.html": "documentation qa-report",
    f"{_OPEN}/qa/member.uid___A001_X1_Xa.antennas.csv": "auxiliary table",
}
"""Texts of the open member, and what they are: term of the vocabulary, word of this service."""


@dataclass(frozen=True)
class Row:
    """A row of a table of links: what its cells hold, None for nothing."""

    cells: Mapping[str, str | None]

    def __getattr__(self, name: str) -> str | None:
        return self.cells[name]


@dataclass(frozen=True)
class Links:
    """A table of links as it was sent: ``status`` is what QUERY_STATUS says last, ``text`` what it says with
    it."""

    content: bytes

    @property
    def root(self) -> etree._Element:
        return etree.fromstring(self.content)

    @property
    def fields(self) -> list[etree._Element]:
        return self.root.findall(f".//{_V}FIELD")

    @property
    def rows(self) -> list[Row]:
        names = [one.get("name") for one in self.fields]
        return [
            Row(dict(zip(names, (cell.text for cell in row), strict=True)))
            for row in self.root.iter(f"{_V}TR")
        ]

    @property
    def statuses(self) -> list[str]:
        return [str(one.get("value")) for one in self.infos if one.get("name") == "QUERY_STATUS"]

    @property
    def infos(self) -> list[etree._Element]:
        return self.root.findall(f".//{_V}INFO")

    @property
    def services(self) -> dict[str | None, etree._Element]:
        """The descriptors by their IDs."""
        found = self.root.findall(f"{_V}RESOURCE[@utype='adhoc:service']")
        assert len({one.get("ID") for one in found}) == len(found)
        return {one.get("ID"): one for one in found}

    def of(self, semantics: str) -> list[Row]:
        return [row for row in self.rows if row.semantics == semantics]


def told_by(service: etree._Element) -> dict[str, str]:
    """What stands in a descriptor beside its group."""
    return {one.get("name"): one.get("value") for one in service.findall(f"{_V}PARAM")}


def inputs_of(service: etree._Element) -> dict[str, etree._Element]:
    """The PARAMs of the group of a descriptor."""
    return {one.get("name"): one for one in service.findall(f"{_V}GROUP[@name='inputParams']/{_V}PARAM")}


@dataclass(kw_only=True)
class House(Asked):
    """``products`` and ``data_sets``: identifiers by paths."""

    products: Mapping[str, str] = field(default_factory=dict)
    data_sets: Mapping[str, str] = field(default_factory=dict)
    now: datetime = NOW

    def links(self, *ids: str, person: str = "nobody", **more: str) -> Links:
        """The links of identifiers, sent by POST."""
        form = {"ID": list(ids), **more}
        answer = self.ask("/datalink/sync", person, "POST", data=form)
        assert answer.status_code == 200, answer.text
        return Links(answer.content)

    def did(self, path: str) -> str:
        """The publisher's identifier of the data set of a file."""
        return f"ivo://{AUTHORITY}/obs?{self.data_sets[path]}"


@contextmanager
def application(home: Path, **overrides: str) -> Iterator[House]:
    """The application on a home."""
    house = House()
    settings = {"unlisted": "open", "authority": AUTHORITY, **overrides}
    with running(house, home, **settings):
        yield house


@contextmanager
def open_house(place: Path, **overrides: str) -> Iterator[House]:
    """These holdings, made below a directory, and the application on them."""
    home = place / "home"
    _make_holdings(place / "tree", home)
    with application(home, **overrides) as house:
        house.tokens = {"ann": give_token(home, "ann", NOW, "read:all")}
        catalogue = Catalogue.open_in(home)
        snapshots = Snapshots(home, catalogue)
        rows = snapshots.current().read("holdings.product").to_pylist()
        house.products = {row["path"]: row["product_id"] for row in rows}
        house.data_sets = {row["path"]: row["dataset_id"] for row in rows if row["is_primary"] == 1}
        snapshots.close()
        catalogue.close()
        yield house


def _make_holdings(tree: Path, home: Path) -> None:
    _write_files(tree)
    home.mkdir()
    catalogue = Catalogue.open_in(home)
    snapshots = Snapshots(home, catalogue)

    def take_in() -> None:
        ingest(
            [tree],
            home=home,
            snapshots=snapshots,
            catalogue=catalogue,
            published=published(),
            authority=AUTHORITY,
            workers=0,
            pixels=PixelLimits(),
        )

    take_in()
    (tree / GONE).unlink()
    take_in()
    _give_rights(snapshots)
    snapshots.close()
    catalogue.close()


def _write_files(tree: Path) -> None:
    for path in (CUBE, PB, MASK, CLOSED):
        unit = {} if path.endswith("pbcor.fits") else {"BUNIT": ""}
        write_product(tree / path, SHAPE, RESTFRQ=2.3e11, SPECSYS="BARYCENT", **unit)
    write_product(tree / MOMENT, (1, 1, 24, 24), BUNIT="Jy/beam.km/s", RESTFRQ=2.3e11)
    for path, target in ((ALONE, "NGC253"), (GONE, "M87")):
        write_product(tree / path, (1, 1, 24, 24), OBJECT=target, CRVAL1=11.9, CRVAL2=-25.3)
    (tree / BROKEN).write_bytes(b"SIMPLE  =                    T" + bytes(2850))
    for path in TEXTS:
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(f"{path}\n")
    (tree / TAR).parent.mkdir(parents=True)
    with tarfile.open(tree / TAR, "w:gz") as tar:
        member = tarfile.TarInfo("FLAG_VERSION_LIST.txt")
        member.size = 5
        tar.addfile(member, BytesIO(b"flags"))


def _give_rights(snapshots: Snapshots) -> None:
    """The open member is released, the other one not yet; and a withdrawn file leads to another one."""
    with snapshots.writer("test", 10):
        draft = snapshots.draft()
        rows = draft.read("holdings.product").to_pylist()
        for row in rows:
            if row["member_ous_uid"] is not None:
                date = EMBARGOED if row["member_ous_uid"] == CLOSED_UID else RELEASED
                row |= {"origin": "both", "obs_release_date": date}
        schema = published()["holdings.product"].arrow_schema()
        draft.replace("holdings.product", pa.Table.from_pylist(rows, schema=schema))
        stones = draft.read("holdings.tombstone").to_pylist()
        successor = next(row["product_id"] for row in rows if row["path"] == ALONE)
        for stone in stones:
            stone["successor"] = successor
        draft.replace(
            "holdings.tombstone",
            pa.Table.from_pylist(stones, schema=published()["holdings.tombstone"].arrow_schema()),
        )
        snapshots.publish(draft, snapshots.current())
