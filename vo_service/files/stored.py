"""From a product's row to its open file, or to the reason why there is none.

A file is opened only where its row says: under its ingest root, symbolic links resolved, and as it was when
it was ingested. Nothing outside the roots can be reached, whatever a path or a link says.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path

from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.store import Snapshot

_COLUMNS = (
    "product_id",
    "root",
    "path",
    "version",
    "media_type",
    "size_bytes",
    "_modified_ns",
    "_sha256",
    "origin",
    "obs_release_date",
)
_INGEST = "The operator can ingest its directory again; then it is served as it is now."


@dataclass(frozen=True, slots=True)
class StoredFile:
    """What the holdings know of one file: sizes in bytes, ``modified_ns`` in nanoseconds since 1970,
    ``sha256`` (hexadecimal) where it was digested when it was ingested."""

    product_id: str
    root: str
    path: str
    version: int
    media_type: str
    size_bytes: int
    modified_ns: int
    origin: str
    release_date: datetime | None
    sha256: str | None = None

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.path.rpartition("/")[2]

    @property
    def etag(self) -> str:
        """A strong entity tag: it changes with the bytes (RFC 9110, 8.8.3).

        A file that was ingested without a digest has its time of change instead: a digest that becomes known
        between two requests of one download must not change the tag.
        """
        content = self.sha256 or str(self.modified_ns)
        state = f"{self.product_id}|{self.version}|{self.size_bytes}|{content}"
        return f'"{hashlib.blake2b(state.encode("utf-8"), digest_size=16).hexdigest()}"'

    @property
    def modified(self) -> datetime:
        """When it was last modified, to the second, as HTTP writes it."""
        return datetime.fromtimestamp(self.modified_ns // 10**9, UTC)


def find_file(snapshot: Snapshot, product_id: str) -> StoredFile | None:
    """The row of a product, None where the holdings list none of that name."""
    rows = snapshot.read(
        "holdings.product", columns=list(_COLUMNS), where="product_id = ?", params=(product_id,)
    ).to_pylist()
    if not rows:
        return None
    row = rows[0]
    return StoredFile(
        product_id=row["product_id"],
        root=row["root"],
        path=row["path"],
        version=row["version"],
        media_type=row["media_type"] or "application/octet-stream",
        size_bytes=row["size_bytes"],
        modified_ns=row["_modified_ns"],
        origin=row["origin"],
        release_date=row["obs_release_date"],
        sha256=row["_sha256"],
    )


@dataclass(frozen=True, slots=True)
class WithdrawnFile:
    """What the holdings still know of a file that they do not list any more."""

    product_id: str
    version: int
    withdrawn: datetime
    successor: str | None


def find_withdrawn(snapshot: Snapshot, product_id: str) -> WithdrawnFile | None:
    """The tombstone of a product, if it has one."""
    rows = snapshot.read(
        "holdings.tombstone",
        ["product_id", "version", "withdrawn", "successor"],
        "product_id = ?",
        (product_id,),
    ).to_pylist()
    return WithdrawnFile(**rows[0]) if rows else None


def open_file(file: StoredFile, roots: Mapping[str, Path]) -> FileIO:
    """The file, open for reading without a buffer, for the caller to close.

    Raises ServiceError: 410 where the file has vanished, 409 where it is no longer what was ingested, 503
    where it cannot be read, 404 where it lies outside its root.
    """
    root = roots.get(file.root)
    if root is None:
        raise ServiceError(
            ErrorKind.UNAVAILABLE, "The directory of this product is not known to the service."
        )
    try:
        real_root = Path(os.path.realpath(root, strict=True))
        real = Path(os.path.realpath(root / file.path, strict=True))
    except OSError as error:
        raise _missing(file, root) from error
    if not real.is_relative_to(real_root):
        raise ServiceError(ErrorKind.NOT_FOUND, "This product leads out of its directory and is not served.")
    try:
        # the path holds no link any more: O_NOFOLLOW refuses one put there since, O_NONBLOCK one to a pipe
        descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise _missing(file, root) from error
    except OSError as error:
        raise ServiceError(
            ErrorKind.UNAVAILABLE, "The file of this product cannot be read at present."
        ) from error
    try:
        _require_unchanged(file, descriptor)
        return FileIO(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _missing(file: StoredFile, root: Path) -> ServiceError:
    if not root.is_dir():
        return ServiceError(ErrorKind.UNAVAILABLE, "The directory of this product is not there at present.")
    return ServiceError(ErrorKind.GONE, f"The file {file.name!r} has gone since it was ingested.", _INGEST)


def _require_unchanged(file: StoredFile, descriptor: int) -> None:
    """The open file is a plain one, with the size and time of change that were ingested."""
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise ServiceError(ErrorKind.GONE, f"{file.name!r} is no file any more.", _INGEST)
    if (found.st_size, found.st_mtime_ns) != (file.size_bytes, file.modified_ns):
        raise ServiceError(
            ErrorKind.CONFLICT, f"The file {file.name!r} has changed since it was ingested.", _INGEST
        )
