"""UPLOAD: the tables of a request as `vo_service.query` takes them (TAP 1.1, section 2.7.6; of SODA and of
searches as well).

For synchronous queries the tables lie in the parts of the request, for jobs in the files kept of them; both
are `Part`s here. Everything that is wrong with a table is told with its name, and its row and column.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from vo_service.asking.answers import Account, tell_end
from vo_service.asking.errors import service_error
from vo_service.asking.tables import Told
from vo_service.dali.errors import ServiceError, usage
from vo_service.dali.multipart import Part, out_of_room
from vo_service.dali.parameters import RUNID, Form, Parameter, plain, shortened
from vo_service.dali.streams import Cancellation
from vo_service.dali.uploads import (
    Coverage,
    Fetch,
    ReadLimits,
    UploadFault,
    UploadPair,
    read_pairs,
    read_table,
)
from vo_service.engines import QueryCancelled, QueryTimeout
from vo_service.query import Upload, UploadError, upload_of, upload_of_moc
from vo_service.store.jobs import StoredUpload

T = TypeVar("T")

ReadUploads = Callable[[Form, Mapping[str, Part], Callable[[], None]], tuple[Upload, ...]]
"""Reads the tables that a request brings, from its form and its parts by name; what is called meanwhile, now
and then, ends it by raising. Raises ServiceError."""

ReadPart = Callable[[str, Part, ReadLimits], T]
"""Reads a file for the name that UPLOAD gives it. Raises UploadFault and UploadError."""

UPLOAD = Parameter("UPLOAD", plain, "tables to upload: name,param:part or name,address", many=True)


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """Tables of a request, rows of each, bytes of all; ``place`` is a directory for files in between."""

    tables: int
    rows: int
    bytes: int
    place: Path


@dataclass(frozen=True, slots=True)
class UploadReader:
    """Reads what comes with the requests of a service; ``fetch`` None: nothing is fetched from elsewhere."""

    limits: UploadLimits
    fetch: Fetch | None

    def tables_of(
        self, form: Form, parts: Mapping[str, Part], check: Callable[[], None]
    ) -> tuple[Upload, ...]:
        """The tables; as `read_parts`."""
        return self.parts_of(form, parts, check, _upload)

    def parts_of(
        self, form: Form, parts: Mapping[str, Part], check: Callable[[], None], read: ReadPart[T]
    ) -> tuple[T, ...]:
        """What ``read`` makes of the files; as `read_parts`."""
        return read_parts(form, parts, self.limits, check, self.fetch, read)


def check_uploads(
    form: Form, parts: Container[str], limits: UploadLimits, fetch: Fetch | None
) -> tuple[UploadPair, ...]:
    """The tables that a request names, looked at without reading any.

    Raises ServiceError (400) for UPLOAD values that can never become right: bad names, methods that are not
    offered, parts that are not there.
    """
    pairs = read_pairs(form.every(UPLOAD), limits.tables)
    for pair in pairs:
        if pair.part is None and fetch is None:
            raise usage(
                f"UPLOAD {pair.name}: tables are not fetched from {shortened(pair.uri)!r}.",
                f"Send the table with the request: UPLOAD={pair.name},param:part.",
            )
        if pair.part is not None and pair.part not in parts:
            raise usage(
                f"UPLOAD {pair.name}: the request has no part called {shortened(pair.part)!r}.",
                "Send it in the same multipart/form-data body; upper and lower case count.",
            )
    return pairs


def uploads_of(
    form: Form,
    sources: Mapping[str, Part],
    limits: UploadLimits,
    check: Callable[[], None],
    fetch: Fetch | None,
) -> tuple[Upload, ...]:
    """The tables of a request, read; as `read_parts`."""
    return read_parts(form, sources, limits, check, fetch, _upload)


def read_parts(
    form: Form,
    sources: Mapping[str, Part],
    limits: UploadLimits,
    check: Callable[[], None],
    fetch: Fetch | None,
    read: ReadPart[T],
) -> tuple[T, ...]:
    """What the files of a request hold; blocks.

    ``sources`` are the files by part name; those that the request owns are gone afterwards. ``check`` is
    called now and then: what it raises ends the reading (the query's time, a client that is gone). Raises
    ServiceError: 400, and 503 where the disk is full.
    """
    try:
        pairs = check_uploads(form, sources, limits, fetch)
        return tuple(_read(pairs, sources, limits, check, fetch, form.one(RUNID), read))
    except OSError as error:
        raise out_of_room(error) from error
    finally:
        for part in sources.values():
            part.close()


def check_of(cancellation: Cancellation, until: float) -> Callable[[], None]:
    """Raises ServiceError, when it is called, where the time is over (monotonic) or the client gone."""

    def check() -> None:
        if cancellation.requested:
            raise service_error(QueryCancelled())
        if time.monotonic() > until:
            raise service_error(QueryTimeout())

    return check


def read_within(
    read: Callable[[Callable[[], None]], T],
    cancellation: Cancellation,
    until: float,
    told: Told,
    account: Account,
    runid: str | None,
) -> T:
    """What ``read`` gives, which gets the check of `check_of`; a query that ends here has ended as failed."""
    began = time.perf_counter()
    try:
        return read(check_of(cancellation, until))
    except BaseException:
        state = "gone" if cancellation.requested else "failed"
        tell_end(state, time.perf_counter() - began, told, account, runid)
        raise


def _read(
    pairs: tuple[UploadPair, ...],
    sources: Mapping[str, Part],
    limits: UploadLimits,
    check: Callable[[], None],
    fetch: Fetch | None,
    label: str | None,
    read: ReadPart[T],
) -> Iterator[T]:
    left = limits.bytes
    reading = ReadLimits(limits.rows, limits.bytes, limits.place, check)
    for pair in pairs:
        part = _fetched(pair, fetch, check, label) if pair.part is None else sources[pair.part]
        try:
            left -= part.size
            if left < 0:
                raise usage(f"The uploaded tables are above the limit of {limits.bytes} bytes.")
            yield _understood(pair.name, part, reading, read)
        finally:
            if pair.part is None:
                part.close()


def stored_parts(directory: Path, uploads: Iterable[StoredUpload]) -> dict[str, Part]:
    """The files of a job as `uploads_of` takes them; ``directory`` is the job's."""
    return {
        upload.part: Part(upload.part, directory / upload.file, upload.size, upload.media_type)
        for upload in uploads
    }


def _fetched(pair: UploadPair, fetch: Fetch | None, check: Callable[[], None], label: str | None) -> Part:
    assert fetch is not None  # check_uploads saw to it
    try:
        return fetch(pair.uri, check, label)
    except ServiceError as error:
        raise ServiceError(error.kind, f"UPLOAD {pair.name}: {error.message}", error.hint) from error


def _upload(name: str, part: Part, limits: ReadLimits) -> Upload:
    found = read_table(part, limits)
    if isinstance(found, Coverage):
        return upload_of_moc(name, found.moc)
    return upload_of(name, found.rows, found.columns)


def _understood(name: str, part: Part, limits: ReadLimits, read: ReadPart[T]) -> T:
    """What a file holds. Raises ServiceError (400) with the name, and what is wrong where."""
    try:
        return read(name, part, limits)
    except UploadFault as fault:
        place = f"{fault.place}: " if fault.place else ""
        raise usage(f"UPLOAD {name}: {place}{fault.message}.", fault.hint) from fault
    except UploadError as error:
        raise usage(f"UPLOAD {error}.") from error
