"""Rows of jobs as they lie in the database: times without zone, children in tables of their own."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from vo_service.store.job import Claim, Job, JobError, Phase, StoredResult, StoredUpload
from vo_service.store.job_tables import job, job_parameter, job_result, job_upload
from vo_service.store.moments import utc, utc_or_none

_MOST_IN_ONE = 500
_ESCAPE = "\x1a"


def stored_text(text: str) -> str:
    """A client's text as the database has it: PostgreSQL holds every character but U+0000, so that one is
    written as two others."""
    return text.replace(_ESCAPE, f"{_ESCAPE}1").replace("\0", f"{_ESCAPE}0")


def client_text(stored: str) -> str:
    """A client's text as it came."""
    return stored.replace(f"{_ESCAPE}0", "\0").replace(f"{_ESCAPE}1", _ESCAPE)


def stored_text_or_none(text: str | None) -> str | None:
    """The same for a text that may be missing."""
    return None if text is None else stored_text(text)


def client_text_or_none(stored: str | None) -> str | None:
    """The same for a text that may be missing."""
    return None if stored is None else client_text(stored)


def in_parts(job_ids: Collection[str]) -> list[list[str]]:
    """Ids in lists that are short enough for one statement."""
    ordered = sorted(job_ids)
    return [ordered[start : start + _MOST_IN_ONE] for start in range(0, len(ordered), _MOST_IN_ONE)]


def start_values(claim: Claim, now: datetime) -> dict[str, object]:
    """What a job gets when a worker takes it; its attempt grows by one besides."""
    return {"phase": Phase.EXECUTING, "worker": claim.worker, "started": now, "snapshot": None}


def insert_children(
    connection: sa.Connection,
    job_id: str,
    parameters: Iterable[tuple[str, str]],
    uploads: Iterable[StoredUpload],
) -> None:
    """Write the parameters and uploads of a job, which has none yet."""
    rows = [
        {"job_id": job_id, "position": position, "name": stored_text(name), "value": stored_text(value)}
        for position, (name, value) in enumerate(parameters)
    ]
    if rows:
        connection.execute(sa.insert(job_parameter), rows)
    files = [
        {
            "job_id": job_id,
            "part": stored_text(upload.part),
            "file": upload.file,
            "media_type": stored_text_or_none(upload.media_type),
            "size": upload.size,
        }
        for upload in uploads
    ]
    if files:
        connection.execute(sa.insert(job_upload), files)
    _count_bytes(connection, job_id)


def insert_results(connection: sa.Connection, job_id: str, results: Iterable[StoredResult]) -> None:
    """Write the results of a job, in place of those that it has."""
    connection.execute(sa.delete(job_result).where(job_result.c.job_id == job_id))
    rows = [
        {
            "job_id": job_id,
            "position": position,
            "result_id": result.result_id,
            "file": result.file,
            "media_type": result.media_type,
            "size": result.size,
            "etag": result.etag,
        }
        for position, result in enumerate(results)
    ]
    if rows:
        connection.execute(sa.insert(job_result), rows)
    _count_bytes(connection, job_id)


def _count_bytes(connection: sa.Connection, job_id: str) -> None:
    """Write down how much room the files of a job take."""
    uploads, results = (
        sa.select(sa.func.coalesce(sa.func.sum(table.c.size), 0)).where(table.c.job_id == job_id)
        for table in (job_upload, job_result)
    )
    size = uploads.scalar_subquery() + results.scalar_subquery()
    connection.execute(sa.update(job).where(job.c.job_id == job_id).values(bytes=size))


def read_job(connection: sa.Connection, job_id: str) -> Job | None:
    """A job with all that belongs to it, None where there is none."""
    row = connection.execute(sa.select(job).where(job.c.job_id == job_id)).one_or_none()
    if row is None:
        return None
    parameters = connection.execute(
        sa.select(job_parameter.c.name, job_parameter.c.value)
        .where(job_parameter.c.job_id == job_id)
        .order_by(job_parameter.c.position)
    )
    uploads = connection.execute(
        sa.select(job_upload.c.part, job_upload.c.file, job_upload.c.media_type, job_upload.c.size)
        .where(job_upload.c.job_id == job_id)
        .order_by(job_upload.c.file, job_upload.c.part)
    )
    columns = job_result.c
    results = connection.execute(  # UWS-022: none before it runs; what it has shown stays
        sa.select(columns.result_id, columns.file, columns.media_type, columns.size, columns.etag)
        .where(columns.job_id == job_id)
        .order_by(columns.position)
    )
    return Job(
        job_id=row.job_id,
        service=row.service,
        owner=row.owner,
        scopes=frozenset(row.scopes.split()),
        client=row.client,
        run_id=client_text_or_none(row.run_id),
        phase=Phase(row.phase),
        created=utc(row.created),
        started=utc_or_none(row.started),
        ended=utc_or_none(row.ended),
        destruction=utc(row.destruction),
        duration=row.duration,
        quote=_quote(row),
        snapshot=row.snapshot,
        attempt=row.attempt,
        version=row.version,
        error=_error(row),
        request_id=row.request_id,
        base_url=row.base_url,
        parameters=tuple((client_text(name), client_text(value)) for name, value in parameters),
        uploads=tuple(
            StoredUpload(client_text(part), file, client_text_or_none(media_type), size)
            for part, file, media_type, size in uploads
        ),
        results=tuple(StoredResult(*result) for result in results),
    )


def _quote(row: sa.Row[Any]) -> datetime | None:
    """When a job that runs will have ended at the latest (UWS-075, TAP-149)."""
    if row.phase != Phase.EXECUTING or row.started is None:
        return None
    return utc(row.started) + timedelta(seconds=row.duration)


def _error(row: sa.Row[Any]) -> JobError | None:
    if row.error_message is None:
        return None
    return JobError(client_text(row.error_message), row.error_kind == "transient", row.error_status)
