"""A published snapshot of made rows with nulls in every column that can be asked for, and the application on
it, driven in this process."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import anyio
import httpx
import pyarrow as pa

from tap_schema import published
from vo_service.app import create_app
from vo_service.engines import mirror_for
from vo_service.holdings.finish import complete, finish_rows, footprint_rows
from vo_service.holdings.staged_footprints import regions_of, staged_rows
from vo_service.settings import Settings
from vo_service.store import Catalogue, Snapshots

ROWS = 240
AUTHORITY = "Made.example"
BASE = "https://vo.example.org/x"
Row = dict[str, Any]
Pairs = Sequence[tuple[str, str]]

_NULLS = 0.15  # of the values of a column that may be null
_NAMES = ("M 83", "NGC 5236", "IC 342", "Quelle Ä", "o'Hara's; --", None)
_KEYS = {"M 83": "m83", "NGC 5236": "m83", "IC 342": "ic342", "Quelle Ä": "quelleä", "o'Hara's; --": "ohara"}
_MEMBERS = ("uid://A001/X1/Xa", "uid://A001/X1/Xb", "uid://A001/X1/Xc", None)


def made_rows() -> list[Row]:
    """Rows round (10, -5) and round longitude 0, as ivoa.obscore has them; some without a position."""
    chance = random.Random(83)

    def perhaps(value: Any) -> Any:
        return None if chance.random() < _NULLS else value

    found = []
    for number in range(ROWS):
        lon, lat = (10.0 + chance.gauss(0.0, 8.0)) % 360.0, -5.0 + chance.gauss(0.0, 6.0)
        wavelength, start = chance.choice((3e-3, 1.3e-3, 8.7e-4)), 57000.0 + chance.randrange(2000)
        width = chance.choice((1e-6, 1e-4))
        found.append(
            {
                "obs_publisher_did": f"ivo://{AUTHORITY}/obs?d-{number:03}-a",
                "obs_id": f"d-{number:03}",
                "dataset_id": f"d-{number:03}-a",
                "obs_collection": chance.choice(("ALMA", "alma", "VLA")),
                "calib_level": chance.choice((0, 1, 2, 2, 3, 4)),
                "dataproduct_type": chance.choice(("image", "cube", "cube", "cube", "spectrum", None)),
                "s_ra": None if number % 24 in (7, 11) else lon,
                "s_dec": None if number % 24 in (7, 19) else lat,
                "s_region": perhaps(_region(chance, number, lon, lat)),
                "s_fov": perhaps(chance.choice((0.001, 0.01, 0.05, 0.1))),
                "s_resolution": perhaps(chance.choice((0.05, 0.3, 1.0, 5.0))),
                "em_min": perhaps(wavelength),
                "em_max": perhaps(wavelength + width),
                "em_res_power": perhaps(chance.choice((100.0, 3000.0, 30000.0))),
                "t_min": perhaps(start),
                "t_max": perhaps(start + chance.choice((0.01, 30.0))),
                "t_exptime": perhaps(chance.choice((60.0, 600.0, 3600.0))),
                "t_resolution": perhaps(chance.choice((6.05, 600.0))),
                "pol_states": perhaps(chance.choice(("/I/", "/XX/YY/", "/I/Q/U/V/", "/YY/"))),
                "facility_name": perhaps(chance.choice(("JAO", "NRAO"))),
                "instrument_name": perhaps(chance.choice(("ALMA", "VLA"))),
                "target_name": chance.choice(_NAMES),
                "member_ous_uid": chance.choice(_MEMBERS),
                "access_format": perhaps(
                    chance.choice(
                        ("application/fits", "Application/FITS", "application/x-votable+xml;content=datalink")
                    )
                ),
                "origin": "archive",
                "obs_release_date": datetime(2020, 1, 1),
                "_access_path": f"files/d-{number:03}-a",
            }
        )
    return found


def _region(chance: random.Random, number: int, lon: float, lat: float) -> str:
    """Circles, the first quarter of them of no size, and quadrangles."""
    if number % 4 == 0:
        return f"Circle ICRS {lon!r} {lat!r} 0.0"
    size = chance.choice((0.01, 0.3, 2.0))
    if number % 4 == 1:
        corners = ((-size, -size), (size, -size), (0.8 * size, size), (-size, 0.9 * size))
        return "Polygon ICRS " + " ".join(f"{(lon + x) % 360.0:.9f} {lat + y:.9f}" for x, y in corners)
    return f"Circle ICRS {lon!r} {lat!r} {size!r}"


def made_observations(rows: Sequence[Row]) -> list[Row]:
    """Rows of holdings.observation for those that have a member."""
    seen = {(row["member_ous_uid"], row["target_name"]) for row in rows if row["member_ous_uid"]}
    return [
        {
            "observation_id": f"o-{number}",
            "member_ous_uid": member,
            "target_name": name,
            "canonical_target": _KEYS.get(name),
            "s_ra": 10.0,
            "s_dec": -5.0,
            "dataset_count": 1,
            "archive_row_count": 0,
            "origin": "file",
        }
        for number, (member, name) in enumerate(sorted(seen, key=str))
    ]


def made_supplements(rows: Sequence[Row]) -> list[Row]:
    """Rows of holdings.supplement, one where each of these rows is."""
    return [
        {
            "supplement_id": f"s-{row['dataset_id']}",
            "kind": "made",
            "target_name": row["target_name"],
            "s_ra": row["s_ra"],
            "s_dec": row["s_dec"],
            "source": "made.csv",
            "line": number,
            "run_id": "made",
        }
        for number, row in enumerate(rows)
    ]


def _columns(rows: Sequence[Row], table: str) -> dict[str, pa.Array]:
    schema = published()[table].arrow_schema()
    return {
        name: pa.array([row.get(name) for row in rows], schema.field(name).type)
        for name in schema.names
        if any(name in row for row in rows)
    }


def publish_made(settings: Settings, rows: Sequence[Row]) -> None:
    """The next snapshot of a home: these rows, their observations, supplements and footprints."""
    obscore = published()["ivoa.obscore"]
    columns = _columns(rows, "ivoa.obscore")
    table = finish_rows({**columns, "em_res_power": columns["em_res_power"]}, obscore, len(rows))
    others = {
        "holdings.observation": made_observations(rows),
        "holdings.supplement": made_supplements(rows),
    }
    hidden = published().hidden
    footprints = footprint_rows(regions_of(table), hidden["_hidden.footprint"], set())
    staged = staged_rows(table, None, hidden["_hidden.staged_footprint"])
    catalogue = Catalogue.open(settings.catalogue_address)
    catalogue.settled("authority", AUTHORITY)
    snapshots = Snapshots(settings.home, catalogue, mirror=mirror_for(settings, catalogue))
    with snapshots.writer("test", 10):
        draft = snapshots.draft()
        draft.change("ivoa.obscore", insert=table)
        draft.change("_hidden.footprint", insert=footprints)
        draft.change("_hidden.staged_footprint", insert=staged)
        for name, some in others.items():
            draft.change(name, insert=complete(_columns(some, name), published()[name], len(some)))
        snapshots.publish(draft, snapshots.current())
    snapshots.close()
    catalogue.close()


@dataclass(frozen=True)
class MadeArchive:
    """The rows, and how the application on them is asked."""

    rows: list[Row]
    settings: Settings
    ask: Callable[..., httpx.Response]

    def csv(self, path: str, pairs: Pairs) -> list[dict[str, str]]:
        """The rows of an answer, as texts."""
        answer = self.ask(path, method="POST", data=form((*pairs, ("RESPONSEFORMAT", "csv"))))
        assert answer.status_code == 200, answer.text
        return list(csv.DictReader(io.StringIO(answer.text)))

    def tap(self, condition: str, columns: str = "obs_publisher_did") -> list[dict[str, str]]:
        """The rows of ivoa.obscore that meet a condition in ADQL."""
        query = f"SELECT {columns} FROM ivoa.obscore WHERE {condition}"
        return self.csv("/tap/sync", (("LANG", "ADQL"), ("QUERY", query)))

    def sia(self, *pairs: tuple[str, str]) -> list[dict[str, str]]:
        """The rows of an image search."""
        return self.csv("/sia2/query", pairs)


def form(pairs: Pairs) -> dict[str, list[str]]:
    """Pairs as httpx takes a form in which names may come several times."""
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


@contextmanager
def made_archive(home: Path, **overrides: str) -> Iterator[MadeArchive]:
    """The application on the made rows, with these settings beside those that all tests want."""
    home.mkdir(exist_ok=True)
    usual = {"base_url": BASE, "authority": AUTHORITY, "maxrec_default": "500", "maxrec_hard": "1000"}
    settings = Settings.load(home=home, environ={}, overrides=usual | overrides)
    rows = made_rows()
    publish_made(settings, rows)
    app = create_app(settings)

    def ask(path: str, method: str = "GET", **arguments: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
                return await client.request(method, path, **arguments)

        return anyio.run(send)

    yield MadeArchive(rows, settings, ask)
    app.state.close()
