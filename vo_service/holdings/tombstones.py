"""Files that were listed once and are no longer: their identifiers and versions stay theirs for ever.

A tombstone (``holdings.tombstone``) keeps the last version of a file, so that one which returns goes on from
there, and the name of the file to use instead, where one is known. It goes when its file is listed again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import PurePosixPath

import pyarrow as pa

from tap_schema import Table
from vo_service.holdings.comparison import Known
from vo_service.holdings.contents import Content
from vo_service.holdings.group import Place
from vo_service.holdings.rows import printable, table_of
from vo_service.store import Draft, Snapshot

TABLE = "holdings.tombstone"

Fingerprint = tuple[object, ...]
"""What two files share only if their bytes are the same."""


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A row of the table. ``reason``: ``gone moved replaced root``."""

    product_id: str
    dataset_id: str | None
    version: int
    root: str
    path: str
    withdrawn: datetime
    content: Content
    successor: str | None = None
    reason: str = "gone"

    @property
    def place(self) -> Place:
        """Root and path of the file when it was listed last."""
        return self.root, self.path


def read_tombstones(base: Snapshot | None) -> dict[str, Tombstone]:
    """The tombstones of a snapshot by product."""
    if base is None:
        return {}
    return {
        row["product_id"]: Tombstone(
            row["product_id"],
            row["dataset_id"],
            row["version"],
            row["root"],
            row["path"],
            row["withdrawn"],
            Content(row["_size_bytes"], row["_modified_ns"], row["_sha256"]),
            row["successor"],
            row["reason"],
        )
        for row in base.read(TABLE).to_pylist()
    }


@dataclass(frozen=True, slots=True)
class Listing:
    """The files that are listed after a run: identifiers by fingerprint, and the primary of each data set
    that was made anew."""

    products: set[str]
    by_content: Mapping[Fingerprint, str]
    primaries: Mapping[str, str]


def listing_of(files: Iterable[tuple[str, str, Content]], datasets: pa.Table) -> Listing:
    """From identifier, path and content of every listed file, and rows of ``holdings.dataset``."""
    products: set[str] = set()
    by_content: dict[Fingerprint, str] = {}
    for name, path, content in files:
        products.add(name)
        for print_ in _fingerprints(path, content):
            by_content[print_] = min(name, by_content.get(print_, name))
    names, primaries = datasets["dataset_id"].to_pylist(), datasets["primary_product_id"].to_pylist()
    return Listing(products, by_content, dict(zip(names, primaries)))


@dataclass(slots=True)
class Burial:
    """The change that a run makes to the table."""

    removed: list[str] = field(default_factory=list)
    laid: list[Tombstone] = field(default_factory=list)

    def apply(self, draft: Draft, table: Table) -> None:
        """Change the draft."""
        if self.removed:
            draft.change(TABLE, delete=pa.table({"product_id": pa.array(self.removed, pa.string())}))
        if self.laid:
            draft.change(TABLE, insert=table_of([_row(stone) for stone in self.laid], table))


def bury(
    gone: Sequence[Known],
    former: Mapping[str, Tombstone],
    listing: Listing,
    withdrawn_roots: Collection[str],
    now: datetime,
) -> Burial:
    """Tombstones for the files that are ``gone``, unless their identifier is listed all the same; of the
    ``former`` ones those whose file has returned go, and those whose bytes have turned up get a successor.
    """
    burial = Burial()
    for name, stone in former.items():
        if name in listing.products:
            burial.removed.append(name)
        elif stone.successor is None and (found := _same_bytes(stone.path, stone.content, listing)):
            burial.removed.append(name)
            burial.laid.append(replace(stone, successor=found, reason="moved"))
    for known in gone:
        if known.product_id in listing.products:
            continue
        stone = Tombstone(
            known.product_id,
            known.dataset_id,
            known.version,
            known.file.root,
            known.file.path,
            now,
            known.content,
            reason="root" if known.file.root in withdrawn_roots else "gone",
        )
        primary = listing.primaries.get(known.dataset_id or "") if known.is_primary else None
        if found := _same_bytes(known.file.path, known.content, listing):
            stone = replace(stone, successor=found, reason="moved")
        elif primary is not None:
            stone = replace(stone, successor=primary, reason="replaced")
        burial.laid.append(stone)
    return burial


def _same_bytes(path: str, content: Content, listing: Listing) -> str | None:
    found = list(_fingerprints(path, content))
    return listing.by_content.get(found[0]) if found else None


def _fingerprints(path: str, content: Content) -> Iterable[Fingerprint]:
    """What tells a file by its bytes, best first: the digest; the name with size and time of change, which a
    moved file keeps. An empty file has nothing of its own."""
    if content.size_bytes == 0:
        return
    if content.sha256 is not None:
        yield content.sha256, content.size_bytes
    yield PurePosixPath(path).name, content.size_bytes, content.modified_ns


def _row(stone: Tombstone) -> dict[str, object]:
    return {
        "product_id": stone.product_id,
        "dataset_id": stone.dataset_id,
        "version": stone.version,
        "root": stone.root,
        "path": printable(stone.path),
        "withdrawn": stone.withdrawn,
        "successor": stone.successor,
        "reason": stone.reason,
        "_size_bytes": stone.content.size_bytes,
        "_modified_ns": stone.content.modified_ns,
        "_sha256": stone.content.sha256,
    }
