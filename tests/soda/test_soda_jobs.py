"""A job of several results: what one source does not give is told in its place; others stay (SODA-062)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from vo_service.access import ANONYMOUS
from vo_service.dali.errors import ServiceError
from vo_service.dali.sending import header_text
from vo_service.dali.streams import Cancellation
from vo_service.dali.uws.sink import JobSink
from vo_service.dali.uws.work import JobLimits
from vo_service.pixels.cutout.plan import SourceChanged
from vo_service.products.desk import Desk
from vo_service.products.results import Ready
from vo_service.soda.jobs import SodaJobs
from vo_service.store.jobs import Job

LIMITS = JobLimits(60.0, 60.0, 1.0, 1.0, 1 << 30)


class Handle:
    """Bytes that can be had up to a place, where ``fault`` is raised."""

    def __init__(self, fault: Callable[[], Exception] | None) -> None:
        self.fault = fault
        self.closed = False

    def read_at(self, offset: int, length: int) -> bytes:
        if self.fault is not None and offset:
            raise self.fault()
        return bytes(min(length, 3_000_000 - offset))

    def close(self) -> None:
        self.closed = True


class Results:
    """Two data sets, one of which breaks while it is read."""

    def __init__(self, fault: Callable[[], Exception]) -> None:
        self.handles = {"good": Handle(None), "bad": Handle(fault)}

    def find(self, name: str, *_: object) -> str:
        return name

    def make(self, found: str, *_: object) -> Ready:
        return Ready(self.handles[found], 3_000_000, '"x"', "application/fits", f"{found}.fits")


class Sleeping:
    """Stands for what computes: nothing is computed here."""

    def run_now(self, *_: object, **__: object) -> None:
        raise AssertionError


def job_of(*names: str) -> Job:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    blank: dict[str, Any] = dict.fromkeys(Job.__dataclass_fields__)
    blank |= {"created": now, "parameters": tuple(("ID", name) for name in names), "base_url": "http://x"}
    blank |= {"request_id": "r", "owner": None, "scopes": frozenset()}
    return Job(**blank)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (lambda: SourceChanged("it changed"), "Error: A file of this data set has changed"),
        (
            lambda: OSError(5, "Input/output error"),
            "ServiceUnavailable: A file of this data set cannot be read",
        ),
    ],
    ids=["changed", "unreadable"],
)
def test_a_source_that_breaks_costs_its_own_result_alone(
    tmp_path: Path, fault: Callable[[], Exception], said: str
) -> None:
    results = Results(fault)
    desk = Desk(cast(Any, results), cast(Any, None), cast(Any, Sleeping()), cast(Any, None))
    jobs = SodaJobs(desk, lambda owner, scopes: ANONYMOUS, lambda: "example.org", LIMITS, 1 << 30)
    (tmp_path / "attempt").mkdir()
    sink = JobSink(tmp_path, tmp_path / "attempt", 1 << 30, Cancellation())
    jobs.service().work(job_of("good", "bad", "good"), Cancellation(), sink)
    assert [(each.result_id, each.media_type) for each in sink.results] == [
        ("cutout-001", "application/fits"),
        ("cutout-002", "text/plain"),
        ("cutout-003", "application/fits"),
    ]
    assert (tmp_path / sink.results[1].file).read_text().startswith(said)
    assert sorted(path.stat().st_size for path in (tmp_path / "attempt").iterdir())[1:] == [3_000_000] * 2
    assert all(handle.closed for handle in results.handles.values())


def test_a_result_beyond_the_size_of_a_job_ends_the_job(tmp_path: Path) -> None:
    desk = Desk(cast(Any, Results(OSError)), cast(Any, None), cast(Any, Sleeping()), cast(Any, None))
    small = replace(LIMITS, result_bytes=1000)
    jobs = SodaJobs(desk, lambda owner, scopes: ANONYMOUS, lambda: "example.org", small, 1 << 30)
    (tmp_path / "attempt").mkdir()
    sink = JobSink(tmp_path, tmp_path / "attempt", 1000, Cancellation())
    with pytest.raises(ServiceError, match="UsageError: The result is larger than the 1000 bytes"):
        jobs.service().work(job_of("good"), Cancellation(), sink)
    assert list((tmp_path / "attempt").iterdir()) == []


def test_a_reason_is_fit_for_a_header() -> None:
    assert header_text("The data set has β\r\nX-Evil: 1 alone.") == "The data set has ???X-Evil: 1 alone."
    assert len(header_text("x" * 5000)) == 500
