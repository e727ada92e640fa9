"""What a job is granted of the time that it asks for (UWS-112, UWS-114), and what is refused."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from vo_service.dali.errors import ErrorKind, ServiceError, usage
from vo_service.dali.uws.documents import time_text
from vo_service.dali.uws.work import JobLimits
from vo_service.settings import Settings
from vo_service.store.errors import Excess, TooManyJobs

_CURES: Final = {
    Excess.BUSY: "Wait for one of them to end, or abort one.",
    Excess.UNSTARTED: "Run or delete some of them.",
    Excess.KEPT: "Delete some of them.",
    Excess.BYTES: "Fetch the results that you want and delete their jobs.",
}
_MOST_SECONDS: Final = 2**31 - 1  # an xs:int, as the schema wants it (UWS-064)


def job_limits(settings: Settings) -> JobLimits:
    """The limits of jobs that an operator sets, the same for all services."""
    return JobLimits(
        settings.job_seconds_default,
        settings.job_seconds_hard,
        settings.job_days_default,
        settings.job_days_hard,
        settings.result_bytes,
    )


def granted_duration(asked: float | None, limits: JobLimits) -> int:
    """Whole seconds that a job may run: the default where nothing is asked for, the hard limit for 0, which
    means without limit, and for more than that (UWS-114)."""
    hard = min(limits.seconds_hard, _MOST_SECONDS)
    if asked is None:
        return max(1, int(min(limits.seconds_default, hard)))
    return max(1, int(hard if asked <= 0 or asked > hard else asked))


def granted_lifetime(asked: datetime | None, now: datetime, limits: JobLimits) -> timedelta:
    """How long a new job is kept: the default where nothing is asked for, never longer than the hard limit.

    Raises ServiceError (400) for a time that has passed: its client would be sent to a job that is gone, and
    that may have begun to run. What is already there is destroyed by such a time (UWS-112).
    """
    if asked is None:
        return timedelta(days=limits.days_default)
    if asked <= now:
        raise usage(
            f"DESTRUCTION={time_text(asked)} has passed: the job would be gone before it could run.",
            f"Times are in UTC, where it is {time_text(now)} now.",
        )
    return min(asked - now, timedelta(days=limits.days_hard))


def granted_destruction(asked: datetime, created: datetime, now: datetime, limits: JobLimits) -> datetime:
    """When a job goes away, between now and the longest time since its creation (UWS-112)."""
    return max(now, min(asked, created + timedelta(days=limits.days_hard)))


def too_many(error: TooManyJobs) -> ServiceError:
    """429: the client has as much as it may have."""
    return ServiceError(
        ErrorKind.LIMIT,
        f"You have reached the limit for one client: {error.limit:,} {error.excess.value}.",
        _CURES[error.excess],
    )
