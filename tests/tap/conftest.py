"""A small home with real snapshots of hand-made rows, and the application on it, driven in process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import anyio
import httpx
import numpy as np
import pyarrow as pa
import pytest
from starlette.applications import Starlette

from tap_schema import published
from vo_service.app import create_app
from vo_service.settings import Settings
from vo_service.sky import healpix29, unit_vectors
from vo_service.store import Catalogue, Snapshots

ROWS = 300
BLANKS = {"string": "", "double": 0.0, "float": 0.0, "int16": 0, "int32": 0, "int64": 0}


def obscore_rows(count: int, first: int = 0) -> pa.Table:
    """Rows of ivoa.obscore on a spiral over the sky; every third one is public."""
    schema = published()["ivoa.obscore"].arrow_schema()
    numbers = np.arange(first, first + count)
    lon, lat = (numbers * 37.5) % 360.0, -80.0 + (numbers * 7.25) % 160.0
    vectors = unit_vectors(lon, lat)
    known: dict[str, object] = {
        "obs_publisher_did": [f"ivo://test/obs?d-{n}" for n in numbers],
        "obs_id": [f"uid://A001/X1/X{n:x}" for n in numbers],
        "dataset_id": [f"d-{n}" for n in numbers],
        "obs_collection": ["ALMA"] * count,
        "target_name": [f"Quelle Ä{n}" for n in numbers],
        "calib_level": [2] * count,
        "s_ra": lon,
        "s_dec": lat,
        "origin": ["archive"] * count,
        "obs_release_date": [datetime(2020, 1, 1) if n % 3 == 0 else datetime(2999, 1, 1) for n in numbers],
        "_access_path": [f"files/p-{n}" for n in numbers],
        "_hpx29": healpix29(lon, lat),
        "_ux": vectors[:, 0],
        "_uy": vectors[:, 1],
        "_uz": vectors[:, 2],
    }
    arrays = []
    for field in schema:
        if field.name in known:
            arrays.append(pa.array(known[field.name], field.type))
        elif field.nullable:
            arrays.append(pa.nulls(count, field.type))
        else:
            arrays.append(pa.array([BLANKS[str(field.type)]] * count, field.type))
    return pa.Table.from_arrays(arrays, schema=schema)


def publish(settings: Settings, rows: pa.Table) -> None:
    """The next snapshot, with more rows of ivoa.obscore."""
    catalogue = Catalogue.open(settings.catalogue_address)
    snapshots = Snapshots(settings.home, catalogue)
    with snapshots.writer("test", 10):
        draft = snapshots.draft()
        draft.change("ivoa.obscore", insert=rows)
        snapshots.publish(draft, snapshots.current())
    snapshots.close()
    catalogue.close()


def make_settings(home: Path, **overrides: str) -> Settings:
    home.mkdir(exist_ok=True)
    return Settings.load(
        home=home, environ={}, overrides={"base_url": "https://vo.example.org/x", **overrides}
    )


Ask = Callable[..., httpx.Response]


def ask_of(app: Starlette) -> Ask:
    """Sends one request to the application, in this process."""

    def ask(path: str, method: str = "GET", **arguments: object) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
                return await client.request(method, path, **arguments)  # type: ignore[arg-type]

        return anyio.run(send)

    return ask


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a home whose snapshot has ROWS rows in ivoa.obscore."""
    settings = make_settings(tmp_path_factory.mktemp("tap") / "home", maxrec_default="100", maxrec_hard="250")
    publish(settings, obscore_rows(ROWS))
    return settings


@pytest.fixture(scope="session")
def ask(small: Settings) -> Iterator[Ask]:
    app = create_app(small)
    app.state.service.jobs.start()
    yield ask_of(app)
    app.state.close()


@pytest.fixture
def asker() -> Callable[[Starlette], Ask]:
    return ask_of


@pytest.fixture(scope="session")
def make() -> Callable[..., Settings]:
    return make_settings


@pytest.fixture(scope="session")
def publish_rows() -> Callable[[Settings, int, int], None]:
    def publish_some(settings: Settings, count: int, first: int) -> None:
        publish(settings, obscore_rows(count, first))

    return publish_some


@pytest.fixture(scope="session")
def make_rows() -> Callable[..., pa.Table]:
    return obscore_rows


@pytest.fixture(scope="session")
def publish_table() -> Callable[[Settings, pa.Table], None]:
    return publish
