"""A worker in a process of its own that takes jobs and ends them."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event

from vo_service.store import Catalogue
from vo_service.store.job_queue import JobQueue
from vo_service.store.jobs import Claim, Held, StoredResult
from vo_service.store.workers import Workers


def claim_jobs(url: str, name: str, seconds: float, tell: Connection, stop: Event) -> None:
    """Take jobs, each for so many seconds, until told to stop, which ends the last one at once.

    Tells of each job taken (``took, ID, ATTEMPT``), and whether it could end it (``ended, ID``) or not
    (``fenced, ID``).
    """
    catalogue = Catalogue.open(url, 20)
    queue = JobQueue(catalogue, lambda: datetime.now(UTC))
    workers = Workers(catalogue, lambda: datetime.now(UTC))
    claim = Claim(workers.join(), frozenset(("tap",)))
    while not stop.is_set():
        workers.beat()
        workers.bury()
        job = queue.claim(claim)
        if job is None:
            time.sleep(0.01)
            continue
        tell.send(("took", job.job_id, str(job.attempt)))
        stop.wait(seconds)
        held = Held(job.job_id, claim.worker, job.attempt)
        done = queue.complete(held, 1, [StoredResult("result", name, "text/plain", 1, '"e"')])
        tell.send(("ended" if done else "fenced", job.job_id))
    workers.leave()
