"""From a product's row to its open bytes, or to the reason why there are none.

A file is opened only where its row says: under its ingest root, symbolic links resolved, and as it was when
it was ingested. Nothing outside the roots can be reached, whatever a path or a link says. A member of a tar
is the part of it that its row names; of a file behind a URL the bytes are passed on, so that its address
stays with us and the gate is asked every time.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.dali.sending import LocalBytes, OpenBytes
from vo_service.engines import StoredRows
from vo_service.holdings.found_files import FOUND_COLUMNS, found_file
from vo_service.holdings.read import is_as_found, member_source, whole_source
from vo_service.holdings.records import UNKNOWN_SIZE, FoundFile
from vo_service.pixels.compute.unpacked import Requests
from vo_service.pixels.held import HeldFile
from vo_service.pixels.sources import ByteSource
from vo_service.products.opened import StreamedBytes
from vo_service.store import RootPlace

FILE_COLUMNS = (
    *FOUND_COLUMNS,
    "product_id",
    "version",
    "media_type",
    "_sha256",
    "origin",
    "obs_release_date",
    "dataset_id",
    "member_ous_uid",
    "role",
    "is_primary",
    "error_message",
)
"""What is read of ``holdings.product`` for a file."""
_INGEST = "The operator can ingest its directory again; then it is served as it is now."


@dataclass(frozen=True, slots=True)
class Claim:
    """What the right to a file goes by: where its facts come from, and the date of its release."""

    origin: str | None
    release_date: datetime | None


@dataclass(frozen=True, slots=True)
class StoredFile:
    """What the holdings know of one file: where it was found, ``sha256`` (hexadecimal) where it was digested
    when it was ingested, of a tar what the right to the files in it goes by (``held``), the uid of the
    ``member`` that it belongs to, and why it could not be described, where that is so (``fault``)."""

    product_id: str
    found: FoundFile
    version: int
    media_type: str
    origin: str
    release_date: datetime | None
    sha256: str | None = None
    held: tuple[Claim, ...] = ()
    dataset_id: str | None = None
    role: str = "unknown"
    is_primary: bool = False
    fault: str | None = None
    member: str | None = None

    @property
    def claims(self) -> tuple[Claim, ...]:
        """What the right to the bytes goes by: its own claim and those of all that it holds."""
        return (Claim(self.origin, self.release_date), *self.held)

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.found.path.rpartition("/")[2]

    @property
    def size_bytes(self) -> int | None:
        """Number of bytes; None of a file behind a URL whose server does not tell it."""
        return None if self.found.size_bytes == UNKNOWN_SIZE else self.found.size_bytes

    @property
    def etag(self) -> str:
        """A strong entity tag: it changes with the bytes (RFC 9110, 8.8.3).

        A file that was ingested without a digest has its time of change instead: a digest that becomes known
        between two requests of one download must not change the tag.
        """
        content = self.sha256 or str(self.found.modified_ns)
        state = f"{self.product_id}|{self.version}|{self.size_bytes}|{content}"
        return f'"{hashlib.blake2b(state.encode("utf-8"), digest_size=16).hexdigest()}"'

    @property
    def modified(self) -> datetime | None:
        """When it was last modified, to the second, as HTTP writes it; None where that is not known."""
        if self.found.modified_ns < 0:
            return None
        return datetime.fromtimestamp(self.found.modified_ns // 10**9, UTC)


def find_file(rows: StoredRows, product_id: str) -> StoredFile | None:
    """The row of a product, None where the holdings list none of that name."""
    return next(iter(find_files(rows, {"product_id": product_id})), None)


def find_files(rows: StoredRows, wanted: Mapping[str, str | Sequence[str] | None]) -> list[StoredFile]:
    """The rows of all files whose columns have the values that are ``wanted`` (None: none at all), by their
    names."""
    found = rows.find("holdings.product", FILE_COLUMNS, wanted).to_pylist()
    held = _claims_within(rows, [found_file(row) for row in found])
    return [
        stored_file(row, held.get((row["root"], row["path"]), ()) if row["_container"] is None else ())
        for row in sorted(found, key=lambda row: str(row["product_id"]))
    ]


_Place = tuple[str, str]
"""Root and path of a file."""


def stored_file(row: Mapping[str, Any], held: tuple[Claim, ...] = ()) -> StoredFile:
    """The file of a row with FILE_COLUMNS; ``held`` as of StoredFile."""
    return StoredFile(
        product_id=row["product_id"],
        found=found_file(row),
        version=row["version"],
        media_type=row["media_type"] or "application/octet-stream",
        origin=row["origin"],
        release_date=row["obs_release_date"],
        sha256=row["_sha256"],
        held=held,
        dataset_id=row["dataset_id"],
        role=row["role"] or "unknown",
        is_primary=row["is_primary"] == 1,
        fault=row["error_message"],
        member=row["member_ous_uid"],
    )


def _claims_within(rows: StoredRows, files: Sequence[FoundFile]) -> Mapping[_Place, tuple[Claim, ...]]:
    """The different claims of the members of tars, wherever they are listed; none of any other file."""
    paths = sorted({file.path for file in files if file.container is None})
    columns = ["root", "_container", "origin", "obs_release_date"]
    members = rows.find("holdings.product", columns, {"_container": paths})
    if not members.num_rows:  # grouping costs as much as asking
        return {}
    held: dict[_Place, tuple[Claim, ...]] = {}
    for row in members.group_by(columns).aggregate([]).to_pylist():
        place = row["root"], row["_container"]
        held[place] = (*held.get(place, ()), Claim(row["origin"], row["obs_release_date"]))
    return held


@dataclass(frozen=True, slots=True)
class WithdrawnFile:
    """What the holdings still know of a file that they do not list any more."""

    product_id: str
    dataset_id: str | None
    version: int
    withdrawn: datetime
    successor: str | None


def find_withdrawn(rows: StoredRows, product_id: str) -> WithdrawnFile | None:
    """The tombstone of a product, if it has one."""
    return next(iter(find_withdrawn_files(rows, {"product_id": product_id})), None)


def find_withdrawn_files(rows: StoredRows, wanted: Mapping[str, str | Sequence[str]]) -> list[WithdrawnFile]:
    """All tombstones whose columns have the values that are ``wanted``, by product."""
    columns = ["product_id", "dataset_id", "version", "withdrawn", "successor"]
    stones = rows.find("holdings.tombstone", columns, wanted).to_pylist()
    return [WithdrawnFile(**stone) for stone in sorted(stones, key=lambda stone: str(stone["product_id"]))]


@dataclass(frozen=True, slots=True)
class OpenSource:
    """The bytes of a file as a source that stays open; ``held`` is what is open of it here, ``far``
    asks for pieces of what is stored as it is behind a URL (if its server gives any)."""

    source: ByteSource
    held: HeldFile | None
    far: Requests | None = None

    @property
    def pieces(self) -> HeldFile | Requests | None:
        """The stored bytes where they can be had in pieces; None where they have to be unpacked first."""
        return self.held if self.held is self.source else self.far

    def close(self) -> None:
        """Nothing is read any more."""
        if self.held is not None:
            self.held.close()


def open_source(file: StoredFile, roots: Mapping[str, RootPlace]) -> OpenSource:
    """The bytes of a file, for the caller to close: a `HeldFile` where they stand in a file of this machine
    as they are.

    Raises ServiceError: 410 where the file has vanished, 409 where it is no longer what was ingested, 503
    where it cannot be read, 404 where it lies outside its root.
    """
    root = roots.get(file.found.root)
    if root is None:
        raise ServiceError(
            ErrorKind.UNAVAILABLE, "The directory of this product is not known to the service."
        )
    if isinstance(root, str):
        remote = _open_remote(file, root)
        return OpenSource(remote, None, Requests(remote) if file.found.packing is None else None)
    descriptor = _open_below(file, root, file.found.container or file.found.path)
    try:
        _require_unchanged(file, descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    found = file.found
    if found.packing is None:
        held = HeldFile(descriptor, file.name, found.offset or 0, found.size_bytes)
        return OpenSource(held, held)
    held = HeldFile(descriptor, file.name, 0, os.fstat(descriptor).st_size)
    return OpenSource(member_source(found, held), held)


def open_file(file: StoredFile, roots: Mapping[str, RootPlace]) -> OpenBytes:
    """The bytes of a file for sending, for the caller to close. Raises as `open_source`."""
    opened = open_source(file, roots)
    if opened.held is not None and opened.source is opened.held:
        return LocalBytes(opened.held.descriptor, opened.held.start, opened.held.size)
    return StreamedBytes(opened.source, opened.held)


def _open_below(file: StoredFile, root: Path, path: str) -> int:
    """Descriptor of the file of that path, links resolved, if it lies below its root."""
    try:
        real_root = Path(os.path.realpath(root, strict=True))
        real = Path(os.path.realpath(root / path, strict=True))
    except OSError as error:
        raise _missing(file, root) from error
    if not real.is_relative_to(real_root):
        raise ServiceError(ErrorKind.NOT_FOUND, "This product leads out of its directory and is not served.")
    try:
        # the path holds no link any more: O_NOFOLLOW refuses one put there since, O_NONBLOCK one to a pipe
        return os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise _missing(file, root) from error
    except OSError as error:
        raise ServiceError(
            ErrorKind.UNAVAILABLE, "The file of this product cannot be read at present."
        ) from error


def _open_remote(file: StoredFile, url: str) -> ByteSource:
    found = file.found
    size = file.size_bytes if not found.container else None
    whole = whole_source(url, found.container or found.path, size, found.query)
    source = whole if found.container is None else member_source(found, whole)
    try:
        if is_as_found(found, whole):
            return source
    except OSError as error:
        raise ServiceError(
            ErrorKind.UNAVAILABLE,
            "The server that keeps the file of this product does not give it at present.",
        ) from error
    raise _changed(file)


def _missing(file: StoredFile, root: Path) -> ServiceError:
    if not root.is_dir():
        return ServiceError(ErrorKind.UNAVAILABLE, "The directory of this product is not there at present.")
    return ServiceError(ErrorKind.GONE, f"The file {file.name!r} has gone since it was ingested.", _INGEST)


def _changed(file: StoredFile) -> ServiceError:
    return ServiceError(
        ErrorKind.CONFLICT, f"The file {file.name!r} has changed since it was ingested.", _INGEST
    )


def _require_unchanged(file: StoredFile, descriptor: int) -> None:
    """The open file, or the tar that holds it, is a plain one, with the size (of a tar: room for the member)
    and time of change that were ingested.
    """
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode):
        raise ServiceError(ErrorKind.GONE, f"{file.name!r} is no file any more.", _INGEST)
    found = file.found
    fits = state.st_size == found.size_bytes
    if found.container is not None:
        fits = found.packing is not None or (found.offset or 0) + found.size_bytes <= state.st_size
    if not fits or state.st_mtime_ns != found.modified_ns:
        raise _changed(file)
