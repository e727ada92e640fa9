"""Who a job runs for."""

from __future__ import annotations

from collections.abc import Callable

from vo_service.access import ANONYMOUS, Viewer
from vo_service.dali.errors import ErrorKind, ServiceAway, ServiceError
from vo_service.store import StoreError
from vo_service.store.jobs import Job

ViewerNow = Callable[[str, frozenset[str]], Viewer | None]
"""Who asked for a job that runs later, with what is left of its rights; None without any live token."""


def viewer_of(job: Job, viewer_now: ViewerNow) -> Viewer:
    """The viewer with the rights of the job's making, as far as they still hold (design 4.3).

    Raises ServiceError (403) where none is left, ServiceAway where tokens cannot be checked.
    """
    if job.owner is None:
        return ANONYMOUS
    try:
        viewer = viewer_now(job.owner, job.scopes)
    except StoreError as error:
        raise ServiceAway("Tokens cannot be checked at present.") from error
    if viewer is None:
        raise ServiceError(
            ErrorKind.FORBIDDEN,
            "The token that this job was made with has expired or was revoked.",
            "Make the job again with a new one.",
        )
    return viewer
