"""The sample holdings behind a service of their own, whose cache can be emptied, and its quick looks."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import requests
from live_service import LiveService, copy_home
from PIL import Image

from tap_schema import published
from vo_service.access import READ_ALL
from vo_service.access.tokens import make_token
from vo_service.store import Catalogue, Snapshots
from vo_service.store.tokens import TokenTable

PICTURES = ("thumbnail", "spectrum", "moment0", "moment1", "moment8")
OF_CUBES = PICTURES[1:]
COLUMNS = ("product_id", "dataset_id", "path", "role", "state", "is_primary", "media_type", "_container")


@dataclass
class Looks:
    """The service, a token that opens all of it, and the rows of its products."""

    service: LiveService
    token: str
    rows: list[dict[str, Any]]
    channels: Mapping[str, int | None]
    """Of the data sets by dataset_id."""

    def ask(
        self, name: str, picture: str | None = None, method: str = "GET", **headers: str
    ) -> requests.Response:
        """A quick look, by default the picture of a data set."""
        sent = {"Authorization": f"Bearer {self.token}", "Connection": "close"}
        sent |= {key.replace("_", "-"): value for key, value in headers.items()}
        end = ".png" if picture is None else f"/{picture}.png"
        return requests.request(method, f"{self.service.url}/previews/{name}{end}", headers=sent, timeout=120)

    def find(self, role: str, *words: str) -> dict[str, Any]:
        """The first product of a role that is well, and whose path has all these words."""
        return next(
            row
            for row in self.rows
            if row["role"] == role and row["state"] == "ok" and all(word in row["path"] for word in words)
        )

    def empty(self) -> None:
        """Forget all that was made."""
        for path in (self.service.home / "cache").iterdir():
            if path.is_file():
                path.unlink()


def open_looks(home: Path, place: Path) -> Looks:
    """A service that runs on a copy of a home, in which a product ``once-there`` was withdrawn."""
    own = copy_home(home, place / "home")
    catalogue = Catalogue.open_in(own)
    new = make_token("ann", frozenset({READ_ALL}), datetime.now(UTC), None)
    TokenTable(catalogue).add(new.stored)
    snapshots = Snapshots(own, catalogue)
    with snapshots.writer("test", 10):
        draft = snapshots.draft()
        draft.change("holdings.tombstone", insert=_tombstone())
        snapshot = snapshots.publish(draft, snapshots.current())
    rows = snapshot.read("holdings.product", COLUMNS).to_pylist()
    listed = snapshot.read("ivoa.obscore", ("dataset_id", "em_xel")).to_pylist()
    snapshots.close()
    catalogue.close()
    service = LiveService(own).start()
    channels = {row["dataset_id"]: row["em_xel"] for row in listed}
    return Looks(service, new.text, sorted(rows, key=lambda row: str(row["path"])), channels)


def _tombstone() -> pa.Table:
    known = {
        "product_id": "once-there", "version": 1, "withdrawn": datetime(2026, 2, 3), "reason": "gone",
        "root": "main", "path": "once-there.fits", "successor": None,
    }  # fmt: skip
    schema = published()["holdings.tombstone"].arrow_schema()
    return pa.Table.from_pylist([{name: known.get(name) for name in schema.names}], schema)


def image_of(answer: requests.Response) -> Image.Image:
    """The picture of an answer, decoded."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "image/png"
    image = Image.open(io.BytesIO(answer.content))
    image.load()
    assert image.format == "PNG"
    return image
