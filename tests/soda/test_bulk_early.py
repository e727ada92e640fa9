"""Bulk jobs that end before all is done, or are asked about often: what was done stays, cheaply told."""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from astropy.io import fits
from bulk_client import cuts_of, states_of
from test_bulk_resume import TASKS, content, first_attempt, image, job_of, next_attempt

from vo_service.dali.streams import Cancellation
from vo_service.dali.uws.lifecycle import Execution
from vo_service.dali.uws.work import JobLimits, JobService
from vo_service.soda.bulk import status, work
from vo_service.soda.bulk.journal import NAME, Make, read_journal
from vo_service.soda.bulk.listing import RunningTables, list_early
from vo_service.soda.bulk.resume import begin, earlier_attempts
from vo_service.store.errors import DiskFull
from vo_service.store.job import Held
from vo_service.store.job_files import JobFiles
from vo_service.store.jobs import Phase, StoredResult


@dataclass
class ToldSink:
    """What work tells its sink."""

    directory: Path
    attempt: Path
    results: tuple[StoredResult, ...] = ()
    heard: list[str] = field(default_factory=list)

    def show(self, results: Any) -> None:
        self.heard.append("shown")

    def conclude(self, results: Any) -> None:
        self.results = tuple(results)

    def note_progress(self) -> None:
        self.heard.append("progress")


@pytest.mark.parametrize("kind", ["tar", "fits"])
def test_what_was_flushed_is_whole_when_a_job_ends_early(tmp_path: Path, kind: str) -> None:
    made = content if kind == "tar" else image
    attempt = first_attempt(tmp_path, Make(kind, 1 << 30))
    attempt.run(made, 11)  # of which the last ones are not flushed
    sink = ToldSink(tmp_path, attempt.folder)
    list_early(job_of(attempt.folder), cast(Any, sink), Phase.ABORTED)
    table, part = sink.results
    assert not table.grows and table.size == (tmp_path / table.file).stat().st_size
    states = states_of((tmp_path / table.file).read_bytes())
    done = {row["number"]: row for row in states if row["state"] == "done"}
    assert len(states) == len(TASKS) and list(done) == list(range(1, 8))
    raw = (tmp_path / part.file).read_bytes()
    assert part.size == len(raw)
    if kind == "tar":
        with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
            assert tar.getnames() == [row["file"] for row in done.values()]
        for number, row in done.items():
            assert raw[row["offset"] : row["offset"] + row["size"]] == content(number)
        assert raw.endswith(bytes(1024)) and len(raw) % 512 == 0
    else:
        with fits.open(io.BytesIO(raw)) as hdus:
            hdus.verify("exception")
            assert {hdu.ver for hdu in hdus[1:]} == set(done)
    following = next_attempt(tmp_path, attempt.folder)  # should others go on in spite of it
    following.run(made)
    assert read_journal(following.folder / NAME).outcomes.keys() == {task.number for task in TASKS}


@pytest.mark.parametrize("kind", ["tar", "fits"])
def test_what_a_dead_attempt_has_left_is_whole_in_another(tmp_path: Path, kind: str) -> None:
    """A job that is aborted while nobody runs it: whoever puts it in order has an attempt of his own."""
    made = content if kind == "tar" else image
    attempt = first_attempt(tmp_path, Make(kind, 5_000))
    attempt.run(made, 17)  # of which the last ones are not flushed
    before = {path.name: path.read_bytes() for path in attempt.folder.iterdir()}
    flushed = read_journal(attempt.folder / NAME).outcomes.keys()
    (tmp_path / "9").mkdir()
    sink = ToldSink(tmp_path, tmp_path / "9")
    list_early(job_of(attempt.folder), cast(Any, sink), Phase.ABORTED)
    table, *parts = sink.results
    assert len(parts) == 1 if kind == "fits" else len(parts) > 2
    states = states_of((tmp_path / table.file).read_bytes())
    done = {row["number"]: row for row in states if row["state"] == "done"}
    assert done.keys() == flushed and len(done) >= 13
    raw = {one.result_id: (tmp_path / one.file).read_bytes() for one in parts}
    assert all(one.size == len(raw[one.result_id]) and one.file.startswith("9/") for one in parts)
    if kind == "tar":
        assert cuts_of(raw, states) == {number: content(number) for number in done}
    else:
        with fits.open(io.BytesIO(raw["cutouts.fits"])) as hdus:
            hdus.verify("exception")
            assert {hdu.ver for hdu in hdus[1:]} == set(done)
    # whoever still writes writes elsewhere
    assert {path.name: path.read_bytes() for path in attempt.folder.iterdir()} == before


def test_of_a_job_without_a_plan_the_table_alone_is_listed(tmp_path: Path) -> None:
    for name in ("1", "9"):
        (tmp_path / name).mkdir()
    begin(tmp_path / "1", Make("tar", 1)).journal.close()
    sink = ToldSink(tmp_path, tmp_path / "9")
    list_early(job_of(tmp_path / "1"), cast(Any, sink), Phase.ABORTED)
    (table,) = sink.results
    assert not table.grows and b'name="planned" value="no"' in (tmp_path / table.file).read_bytes()
    (tmp_path / "1" / NAME).unlink()  # and of one that has left nothing, nothing
    (tmp_path / "10").mkdir()
    sink = ToldSink(tmp_path, tmp_path / "10")
    list_early(job_of(tmp_path / "1"), cast(Any, sink), Phase.ABORTED)
    assert sink.results == ()


def test_a_part_that_has_gone_is_not_told(tmp_path: Path) -> None:
    attempt = first_attempt(tmp_path, Make("tar", 5_000))
    attempt.run(content, 11, flush_each=1)
    (attempt.folder / "part-001.tar").unlink()
    sink = ToldSink(tmp_path, attempt.folder)
    list_early(job_of(attempt.folder), cast(Any, sink), Phase.ERROR)
    assert len(sink.results) > 1 and "part-001.tar" not in {one.result_id for one in sink.results}
    states = states_of((tmp_path / sink.results[0].file).read_bytes())
    assert {row["part"] for row in states} == {None, *(one.result_id for one in sink.results[1:])}


def test_a_table_is_made_once_for_each_length_of_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = first_attempt(tmp_path, Make("tar", 10_000))
    made = count(1)
    monkeypatch.setattr(status, "status_table", lambda *told: b"%d" % next(made))
    job = replace(job_of(attempt.folder), phase=Phase.EXECUTING)
    tables, path = RunningTables(), attempt.folder / NAME
    assert [tables.table(job, path) for _ in range(3)] == [b"1"] * 3
    attempt.run(content, 2)
    assert [tables.table(job, path) for _ in range(3)] == [b"2"] * 3
    assert tables.table(replace(job, phase=Phase.ABORTED), path) == b"3"


def test_attempts_that_came_before_are_known(tmp_path: Path) -> None:
    for name in ("uploads", "a", "b"):
        (tmp_path / name).mkdir()
    assert earlier_attempts(tmp_path, tmp_path / "b") == [tmp_path / "a"]


class Killed(BaseException):
    """The process ends."""


def test_nothing_is_progress_before_the_plan_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a table that kills its worker while it is planned has no more deaths than other jobs
    (tmp_path / "a").mkdir()
    (tmp_path / "earlier").mkdir()
    sink = ToldSink(tmp_path, tmp_path / "a")
    bulk = SimpleNamespace(viewer_now=None, result_bytes=1)
    asked = SimpleNamespace(make=Make("tar", 1))
    job = replace(job_of(tmp_path / "none"), attempt=1, results=())
    run = work._Run(cast(Any, bulk), job, cast(Any, asked), Cancellation(), cast(Any, sink))

    def die(*told: Any) -> None:
        raise Killed

    monkeypatch.setattr(work, "stored_parts", die)
    with pytest.raises(Killed):
        run.do(cast(Any, None))
    assert sink.heard == ["shown"]
    assert not (tmp_path / "earlier").exists()
    run.leave()


class FullQueue:
    """A database that has no room for a good end."""

    def __init__(self) -> None:
        self.failed: tuple[Any, ...] = ()
        self.shown: tuple[StoredResult, ...] = ()

    def show(self, held: Held, results: Any) -> bool:
        self.shown = results
        return True

    def note_progress(self, held: Held) -> None: ...

    def complete(self, *told: Any) -> bool:
        raise DiskFull("ending a job")

    def fail(self, *told: Any) -> bool:
        self.failed = told
        return True

    def final_files(self, job_id: str) -> frozenset[str]:
        return frozenset(one.file for one in self.failed[-1] or self.shown)

    def look(self, *told: Any) -> Any:
        return SimpleNamespace(versions={"j": 1})


def test_a_full_disk_takes_nothing_that_is_shown(tmp_path: Path) -> None:
    def working(job: Any, cancellation: Cancellation, sink: Any) -> None:
        for name in ("part", "aside"):
            (sink.attempt / name).write_bytes(b"x")
        sink.show([StoredResult("part", f"{sink.attempt.name}/part", "x/y", 1, '"x"')])

    limits = JobLimits(1, 1, 1, 1, 100)
    service = JobService("s", "s", (), working, cast(Any, None), limits)
    queue, files = FullQueue(), JobFiles(tmp_path)
    job = replace(job_of(tmp_path / "none"), job_id="j", service="s", duration=60)
    Execution(job, Held("j", "w", 1), service, cast(Any, queue), files).run()
    assert queue.failed[1] is Phase.ERROR
    left = [path.name for path in (tmp_path / "j").rglob("*") if path.is_file()]
    assert left == ["part"]
