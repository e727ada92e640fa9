"""A home whose snapshot lists real files of every kind of right, and the application on it, in process."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import anyio
import httpx
import pyarrow as pa
import pytest

from tap_schema import published
from vo_service.app import create_app
from vo_service.settings import Settings
from vo_service.store import Catalogue, Snapshots

PAST, FUTURE = datetime(2020, 1, 1), datetime(2999, 1, 1)
BLANKS = {"string": "", "double": 0.0, "int16": 0, "int32": 0, "int64": 0}


@dataclass(frozen=True)
class Product:
    """One file to be listed."""

    product_id: str
    path: str
    origin: str = "both"
    release: datetime | None = PAST
    version: int = 1
    media_type: str = "application/fits"
    has_digest: bool = False


PRODUCTS = (
    Product("public", "p1/product/a.fits"),
    Product("embargoed", "p1/product/b.fits", release=FUTURE),
    Product("undated", "p1/product/c.fits", release=None),
    Product("unlisted", "p1/product/d.fits", origin="file", release=None),
    Product("packed", "p1/product/e.fits.gz", media_type="image/x-fits-gzip"),
    Product("odd-name", 'p1/product/na\u00efve: 1 "x".fits'),
    Product("third", "p1/product/f.fits", version=3),
    Product("leads-out", "p1/link.fits"),
    Product("going", "p1/going.fits"),
    Product("changing", "p1/changing.fits"),
    Product("digested", "p1/digested.fits", has_digest=True),
    Product("empty", "p1/empty.txt", media_type="text/plain"),
)


WITHDRAWN = (
    {"product_id": "moved-away", "version": 2, "successor": "public", "reason": "moved"},
    {"product_id": "gone-for-good", "version": 3, "successor": None, "reason": "gone"},
)


def content_of(product_id: str) -> bytes:
    """Content of a product: reproducible bytes, all different, some blocks long."""
    if product_id == "empty":
        return b""
    seed = hashlib.sha256(product_id.encode()).digest()
    return seed * 5000


def make_files(root: Path, outside: Path) -> None:
    for product in PRODUCTS:
        place = root / product.path
        place.parent.mkdir(parents=True, exist_ok=True)
        if product.product_id == "leads-out":
            outside.write_bytes(content_of(product.product_id))
            place.symlink_to(outside)
        else:
            place.write_bytes(content_of(product.product_id))


def product_rows(root: Path) -> pa.Table:
    schema = published()["holdings.product"].arrow_schema()
    rows = []
    for product in PRODUCTS:
        state = (root / product.path).stat()
        known = {
            "product_id": product.product_id,
            "dataset_id": f"{product.product_id}-set",
            "root": "main",
            "path": product.path,
            "role": "image",
            "state": "ok",
            "version": product.version,
            "media_type": product.media_type,
            "size_bytes": state.st_size,
            "_modified_ns": state.st_mtime_ns,
            "_sha256": hashlib.sha256(content_of(product.product_id)).hexdigest()
            if product.has_digest
            else None,
            "origin": product.origin,
            "obs_release_date": product.release,
        }
        rows.append({f.name: known.get(f.name, None if f.nullable else BLANKS[str(f.type)]) for f in schema})
    return pa.Table.from_pylist(rows, schema=schema)


def tombstone_rows() -> pa.Table:
    schema = published()["holdings.tombstone"].arrow_schema()
    rows = [
        {"withdrawn": datetime(2026, 2, 3), "root": "main", "path": f"{row['product_id']}.fits", **row}
        for row in WITHDRAWN
    ]
    return pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in rows], schema)


Ask = Callable[..., httpx.Response]


@dataclass(frozen=True)
class Archive:
    """A home, its files, and a way to ask for them."""

    settings: Settings
    root: Path

    def open(self, **overrides: str) -> tuple[Ask, Callable[[], None]]:
        """An application on it with other settings, and what closes it."""
        settings = Settings.load(home=self.settings.home, environ={}, overrides=overrides)
        app = create_app(settings)

        def ask(path: str, method: str = "GET", **headers: str) -> httpx.Response:
            async def send() -> httpx.Response:
                transport = httpx.ASGITransport(app=app)
                async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
                    named = {name.replace("_", "-"): value for name, value in headers.items()}
                    return await client.request(method, f"/files/{path}", headers=named)

            return anyio.run(send)

        return ask, app.state.close


def make_archive(directory: Path) -> Archive:
    root = directory / "holdings"
    make_files(root, directory / "outside.fits")
    home = directory / "home"
    home.mkdir()
    settings = Settings.load(home=home, environ={})
    catalogue = Catalogue.open(settings.catalogue_address)
    catalogue.register_root("main", root)
    snapshots = Snapshots(home, catalogue)
    with snapshots.writer("test", 10):
        draft = snapshots.draft()
        draft.change("holdings.product", insert=product_rows(root))
        draft.change("holdings.tombstone", insert=tombstone_rows())
        snapshots.publish(draft, None)
    snapshots.close()
    catalogue.close()
    return Archive(settings, root)


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Files that no test changes."""
    return make_archive(tmp_path_factory.mktemp("files"))


@pytest.fixture
def own_archive(tmp_path: Path) -> Archive:
    """Files of one test's own."""
    return make_archive(tmp_path)


@pytest.fixture(scope="session")
def archive_of() -> type[Archive]:
    """Makes an archive of a home and its files."""
    return Archive


@pytest.fixture(scope="session")
def fetch(archive: Archive) -> Iterator[Ask]:
    ask, close = archive.open()
    yield ask
    close()


@pytest.fixture(scope="session")
def bytes_of() -> Callable[[str], bytes]:
    return content_of
