"""A job as it stands in the catalogue database, and what is handed to it to change one (UWS 1.1)."""

from __future__ import annotations

import re
import secrets
from base64 import b32encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Phase(StrEnum):
    """Execution phases of UWS 1.1, section 2.1.3."""

    PENDING = "PENDING"
    QUEUED = "QUEUED"
    EXECUTING = "EXECUTING"
    COMPLETED = "COMPLETED"
    ERROR = "ERROR"
    ABORTED = "ABORTED"
    HELD = "HELD"
    SUSPENDED = "SUSPENDED"
    UNKNOWN = "UNKNOWN"
    ARCHIVED = "ARCHIVED"


FINAL = frozenset((Phase.COMPLETED, Phase.ERROR, Phase.ABORTED, Phase.ARCHIVED))
"""Phases that no other follows, ARCHIVED excepted (UWS-023)."""

UNSTARTED = frozenset((Phase.PENDING, Phase.HELD))
"""Phases that PHASE=RUN ends, and in which parameters may change."""

ACTIVE = frozenset(Phase) - FINAL


@dataclass(frozen=True, slots=True)
class StoredUpload:
    """A file that came with a job's parameters: ``part`` is its name in the form, ``file`` lies below the
    job's directory."""

    part: str
    file: str
    media_type: str | None
    size: int


@dataclass(frozen=True, slots=True)
class StoredResult:
    """A result of a job: ``file`` lies below the job's directory; ``size`` in bytes, ``etag`` with quotes,
    empty for one that still grows: its size means nothing then, and its file may not be what is sent."""

    result_id: str
    file: str
    media_type: str
    size: int
    etag: str

    @property
    def grows(self) -> bool:
        """Whether it is not what it will be."""
        return not self.etag


@dataclass(frozen=True, slots=True)
class JobError:
    """Why a job ended in ERROR (or was ended by a limit): the text for the client, whether it may pass by
    itself, and the HTTP status that the same error has in a synchronous request."""

    message: str
    transient: bool
    status: int


@dataclass(frozen=True, slots=True)
class Job:
    """One job as it stands. Times are UTC with zone; ``duration`` in seconds; ``parameters`` in their order,
    with names in upper case; ``version`` grows by each change; ``scopes`` are the rights of who made it."""

    job_id: str
    service: str
    owner: str | None
    scopes: frozenset[str]
    client: str
    run_id: str | None
    phase: Phase
    created: datetime
    started: datetime | None
    ended: datetime | None
    destruction: datetime
    duration: int
    quote: datetime | None
    snapshot: int | None
    attempt: int
    version: int
    error: JobError | None
    request_id: str | None
    base_url: str
    parameters: tuple[tuple[str, str], ...]
    uploads: tuple[StoredUpload, ...]
    results: tuple[StoredResult, ...]


@dataclass(frozen=True, slots=True)
class ListedJob:
    """What a job list tells of a job."""

    job_id: str
    owner: str | None
    run_id: str | None
    phase: Phase
    created: datetime


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be made. ``job_id`` comes from `new_job_id`, so that uploads can be laid down before the job
    is known; ``client`` is who is counted against limits; ``lifetime`` is how long it is kept."""

    job_id: str
    service: str
    owner: str | None
    scopes: frozenset[str]
    client: str
    run_id: str | None
    duration: int
    lifetime: timedelta
    request_id: str | None
    base_url: str
    parameters: tuple[tuple[str, str], ...] = ()
    uploads: tuple[StoredUpload, ...] = ()


@dataclass(frozen=True, slots=True)
class Amended:
    """What a job's parameters become, all of them."""

    parameters: tuple[tuple[str, str], ...]
    uploads: tuple[StoredUpload, ...]
    run_id: str | None


@dataclass(frozen=True, slots=True)
class Changed:
    """A job after somebody wanted to change it, and whether that did. No job: there is none of that id."""

    job: Job | None
    done: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """A free slot of a worker, which takes jobs of these services."""

    worker: str
    services: frozenset[str]


@dataclass(frozen=True, slots=True)
class Held:
    """A job as a worker runs it: the ``attempt`` that it was given. It holds good until somebody else ends or
    takes the job; from then on nothing that the worker says of it counts."""

    job_id: str
    worker: str
    attempt: int


_JOB_ID = re.compile("[a-z2-7]{26}")


def is_job_id(text: str) -> bool:
    """Whether a text looks like the name of a job."""
    return _JOB_ID.fullmatch(text) is not None


def new_job_id() -> str:
    """130 random bits in letters and digits: for an anonymous job the id is its only protection (UWS-002)."""
    return b32encode(secrets.token_bytes(17)).decode("ascii").lower()[:26]
