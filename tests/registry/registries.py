"""A registry in process: on hand-made rows, with a clock and a page size that tests turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import httpx
import numpy as np
import pyarrow as pa
from lxml import etree
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from capabilities import OutputFormat, TapLimits, TapService
from capabilities.cone import Cone, ConeSearch
from capabilities.moc import MocService, SearchParameter
from capabilities.records import DataService, data_services
from capabilities.security import EVERYBODY
from hips.mocs.kept import Build
from tap_schema import published
from vo_service.access import Rights
from vo_service.dali.addresses import Addresses
from vo_service.dali.current import Current
from vo_service.dali.errors import ServiceError
from vo_service.dali.replies import answer_http_error, answer_service_error
from vo_service.engines import DuckDBEngine, Engine, Limits
from vo_service.registry.built_coverage import WholeMap, no_maps
from vo_service.registry.coverage import Asking
from vo_service.registry.handlers import RegistryService
from vo_service.registry.service import open_registry
from vo_service.settings import Settings
from vo_service.sky import healpix29, unit_vectors
from vo_service.store import Catalogue, Snapshot, Snapshots

OAI = "{http://www.openarchives.org/OAI/2.0/}"
BASE = "https://vo.example.org/x"
START = datetime(2025, 3, 1, 12, 0, 0, tzinfo=UTC)
AUTHORITY = "archive.example.org"
SETTINGS = {
    "base_url": BASE,
    "authority": AUTHORITY,
    "title": "Interferometer <archive> & co",
    "description": "Images and cubes.\n\nOf many projects.",
    "publisher": "The Observatory",
    "contact_name": "Help desk",
    "contact_email": "help@example.org",
    "citation": "2020A&A...123A.456B",
    "rights_uri": "https://spdx.org/licenses/CC-BY-4.0.html",
}
BLANKS = {"string": "", "double": 0.0, "float": 0.0, "int16": 0, "int32": 0, "int64": 0}


def sky_rows(first: int, count: int) -> pa.Table:
    """Rows of ivoa.obscore in band 6 with positions, widths and times that follow from their numbers."""
    schema = published()["ivoa.obscore"].arrow_schema()
    numbers = np.arange(first, first + count)
    lon, lat = (numbers * 37.5) % 360.0, -60.0 + (numbers * 7.25) % 120.0
    vectors = unit_vectors(lon, lat)
    known: dict[str, Any] = {
        "obs_publisher_did": [f"ivo://{AUTHORITY}/obs?d-{n}" for n in numbers],
        "obs_id": [f"uid://A001/X1/X{n:x}" for n in numbers],
        "obs_collection": ["ALMA"] * count,
        "calib_level": [2] * count,
        "facility_name": ["JAO"] * count,
        "instrument_name": ["ALMA"] * count,
        "s_ra": lon,
        "s_dec": lat,
        "s_fov": np.where(numbers % 5 == 0, 4.0, 0.02),
        "t_min": 57000.0 + 100.0 * (numbers % 3),
        "t_max": 57000.5 + 100.0 * (numbers % 3),
        "em_min": [299792458.0 / 275e9] * count,
        "em_max": [299792458.0 / 211e9] * count,
        "_hpx29": healpix29(lon, lat),
        "_ux": vectors[:, 0],
        "_uy": vectors[:, 1],
        "_uz": vectors[:, 2],
    }
    arrays = []
    for each in schema:
        values = known.get(each.name)
        if values is None:
            values = [None if each.nullable else BLANKS[str(each.type)]] * count
        arrays.append(pa.array(values, each.type))
    return pa.Table.from_arrays(arrays, schema=schema)


def publish(home: Path, rows: pa.Table) -> None:
    """The next snapshot, with more rows of ivoa.obscore."""
    catalogue = Catalogue.open_in(home)
    snapshots = Snapshots(home, catalogue)
    with snapshots.writer("a test", 10):
        draft = snapshots.draft()
        draft.change("ivoa.obscore", insert=rows)
        snapshots.publish(draft, snapshots.current())
    snapshots.close()
    catalogue.close()


def tap_at(address: str) -> TapService:
    return TapService(
        address,
        (OutputFormat("application/x-votable+xml", ("votable",)), OutputFormat("text/csv", ("csv",))),
        limits=TapLimits(rows_default=1000, rows_hard=10000, synchronous=60),
        examples=True,
    )


@contextmanager
def duckdb_on(snapshot: Snapshot) -> Iterator[Engine]:
    engine = DuckDBEngine(snapshot.engine_file, memory_bytes=200_000_000)
    try:
        yield engine
    finally:
        engine.close()


def others(address: str) -> tuple[DataService, ...]:
    """The services beside TAP, as the whole service declares them."""
    table = "ivoa.obscore"
    cones = {table: ConeSearch(f"{address}/cone/{table}", 1000, Cone(83.6, -5.4, 0.01))}
    maps = MocService(f"{address}/moc", (SearchParameter("MOC", "A map.", xtype="moc"),))
    return data_services(address, EVERYBODY, cones, maps)


@dataclass
class Registry:
    """The registry of a home, and requests to it. Settings and clock are turned between two openings."""

    home: Path
    settings: dict[str, str] = field(default_factory=lambda: dict(SETTINGS))
    page: int = 100
    now: datetime = START
    tap: Callable[[str], TapService] = tap_at
    maps: WholeMap = no_maps
    parts: ExitStack = field(default_factory=ExitStack)
    service: RegistryService = field(init=False)
    app: Starlette = field(init=False)
    catalogue: Catalogue = field(init=False)

    def open(self, **settings: str) -> Registry:
        """Open it, anew where it is open, with these settings changed."""
        self.parts.close()
        self.settings.update(settings)
        loaded = Settings.load(self.home, environ={}, overrides=self.settings)
        self.catalogue = Catalogue.open_in(self.home)
        self.parts.callback(self.catalogue.close)
        snapshots = Snapshots(self.home, self.catalogue)
        self.parts.callback(snapshots.close)
        current: Current[Engine] = Current(snapshots, duckdb_on)
        self.parts.callback(current.close)
        addresses = Addresses(loaded.base_url, loaded.trust_proxy)
        asking = Asking(Rights(), Limits(30.0, 1000), lambda: self.now)
        self.service = open_registry(
            loaded,
            current,
            asking,
            self.catalogue,
            self.tap,
            others,
            addresses,
            self.page,
            self._whole_map,
        )
        self.app = Starlette(
            routes=self.service.routes(),
            exception_handlers={ServiceError: answer_service_error, HTTPException: answer_http_error},
        )
        return self

    def _whole_map(self) -> Build | None:
        return self.maps()  # a test may have turned to others meanwhile

    def later(self, **span: float) -> Registry:
        """Let time go by."""
        self.now += timedelta(**span)
        return self

    def send(self, method: str = "GET", path: str = "/registry", **arguments: Any) -> httpx.Response:
        async def sent() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://came.example.org") as client:
                return await client.request(method, path, **arguments)

        return anyio.run(sent)

    def ask(self, verb: str, **arguments: str) -> etree._Element:
        """The answer to a verb; ``from_`` is the argument ``from``."""
        given = {"verb": verb, **{name.rstrip("_"): value for name, value in arguments.items()}}
        answer = self.send(params=given)
        assert answer.status_code == 200
        return etree.fromstring(answer.content)

    def error(self, verb: str, **arguments: str) -> str:
        """The code of the one error that a verb is answered with."""
        (found,) = self.ask(verb, **arguments).iterfind(f"{OAI}error")
        return found.get("code")

    def identifiers(self, **arguments: str) -> list[str]:
        """The identifiers of a list; none where no record matches."""
        root = self.ask("ListIdentifiers", metadataPrefix="ivo_vor", **arguments)
        error = root.find(f"{OAI}error")
        assert error is None or error.get("code") == "noRecordsMatch"
        return [found.text for found in root.iter(f"{OAI}identifier")]

    def record(self, identifier: str) -> etree._Element:
        """A record as ivo_vor."""
        root = self.ask("GetRecord", metadataPrefix="ivo_vor", identifier=identifier)
        (found,) = root.iterfind(f".//{OAI}metadata/*")
        return found


def headers(root: etree._Element) -> Mapping[str, etree._Element]:
    """The headers of an answer by identifier."""
    return {found.findtext(f"{OAI}identifier"): found for found in root.iter(f"{OAI}header")}
