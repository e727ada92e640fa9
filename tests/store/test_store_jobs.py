"""Jobs as their owners see them, on each kind of catalogue database."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from job_catalogues import START, Clock, held, new_job, phase_of

from vo_service.store.job_queue import JobQueue
from vo_service.store.jobs import (
    FINAL,
    Amended,
    Claim,
    Job,
    JobError,
    Jobs,
    Phase,
    StoredResult,
    StoredUpload,
    new_job_id,
)

TAP = Claim("w1", frozenset(("tap",)))
RESULT = StoredResult("result", "a/0.vot", "application/x-votable+xml", 12, '"a-0"')


def test_a_new_job_is_pending_and_reads_back_as_it_was_made(jobs: Jobs, clock: Clock) -> None:
    clock.advance(microseconds=123_456)
    upload = StoredUpload("mine", "uploads/1", "text/xml", 3)
    new = new_job(
        owner="ada",
        scopes=frozenset(("read:all", "read:proposal:X")),
        run_id=" my\0 run " + "x" * 200,
        parameters=(
            ("QUERY", "SELECT 'ü\r\n\t<&' \x01\0\x1a0\x1a1\x1a "),
            ("UPLOAD", "a,param:mine"),
            ("UPLOAD", "b,http://x"),
        ),
        uploads=(upload,),
    )
    made = jobs.create(new, run=False)
    assert made == jobs.find(new.job_id)
    assert made.phase is Phase.PENDING  # UWS-021
    assert (made.run_id, made.owner, made.scopes) == (new.run_id, "ada", new.scopes)  # UWS-044 UWS-074
    assert made.parameters == new.parameters  # UWS-050: every character
    assert made.uploads == (upload,)
    assert made.created == START + timedelta(microseconds=123_000)  # UWS-065: as it is written
    assert made.destruction == made.created + timedelta(days=1)  # UWS-110
    assert (made.started, made.ended, made.quote, made.snapshot, made.error) == (None,) * 5
    assert (made.results, made.attempt, made.version) == ((), 0, 1)
    assert jobs.find("no-such-job") is None


def test_ids_are_one_segment_and_not_to_be_guessed() -> None:
    ids = {new_job_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(re.fullmatch("[a-z2-7]{26}", job_id) for job_id in ids)  # UWS-002: 130 bits
    for place in range(26):
        assert len({job_id[place] for job_id in ids}) == 32


def test_a_job_that_is_to_run_waits_or_starts_at_once(jobs: Jobs, clock: Clock) -> None:
    waiting = jobs.create(new_job(), run=True)
    assert waiting.phase is Phase.QUEUED  # UWS-036 UWS-042
    jobs.abort(waiting.job_id)
    started = jobs.create(new_job(duration=60), run=True, claim=TAP)
    assert (started.phase, started.attempt, started.started) == (Phase.EXECUTING, 1, START)  # UWS-066
    assert started.quote == START + timedelta(seconds=60)  # UWS-075 TAP-149
    pending = jobs.create(new_job(client="other"), run=False)
    clock.advance(seconds=5)
    run = jobs.run(pending.job_id, TAP)
    assert run.done
    assert run.job == jobs.find(pending.job_id)
    assert run.job is not None
    assert (run.job.phase, run.job.started) == (Phase.EXECUTING, START + timedelta(seconds=5))


@pytest.mark.parametrize(
    "phase", [Phase.QUEUED, Phase.EXECUTING, Phase.COMPLETED, Phase.ERROR, Phase.ABORTED]
)
def test_only_jobs_that_were_not_run_can_be_run(jobs: Jobs, queue: JobQueue, phase: Phase) -> None:
    job = jobs.create(new_job(), run=phase is not Phase.ABORTED, claim=None if phase is Phase.QUEUED else TAP)
    if phase is Phase.COMPLETED:
        queue.complete(held(job), 1, [RESULT])
    elif phase is Phase.ERROR:
        queue.fail(held(job), Phase.ERROR, 1, JobError("wrong", False, 400))
    elif phase is Phase.ABORTED:
        jobs.abort(job.job_id)
    before = jobs.find(job.job_id)
    changed = jobs.run(job.job_id, Claim("w2", TAP.services))
    assert changed == (type(changed))(before, False)  # UWS-035 UWS-037: nothing happens, and says so
    assert before is not None
    assert before.phase is phase


def test_one_of_twenty_runs_at_once_starts_the_job(jobs: Jobs) -> None:
    job = jobs.create(new_job(), run=False)
    with ThreadPoolExecutor(20) as threads:
        claims = [Claim(f"w{number}", TAP.services) for number in range(20)]
        done = list(threads.map(lambda claim: jobs.run(job.job_id, claim).done, claims))
    assert done.count(True) == 1  # UWS-035
    after = jobs.find(job.job_id)
    assert after is not None
    assert (after.phase, after.attempt, after.version) == (Phase.EXECUTING, 1, 2)


def test_results_and_phase_come_together(jobs: Jobs, queue: JobQueue, clock: Clock) -> None:
    job = jobs.create(new_job(), run=True, claim=TAP)
    clock.advance(seconds=3)
    more = StoredResult("second", "a/1.csv", "text/csv", 0, '"a-1"')
    assert queue.complete(held(job), 7, [RESULT, more])
    done = jobs.find(job.job_id)
    assert done is not None
    assert (done.phase, done.results, done.snapshot) == (Phase.COMPLETED, (RESULT, more), 7)  # UWS-022
    assert done.ended == START + timedelta(seconds=3)  # UWS-066
    assert done.quote is None
    assert queue.complete(held(job), 7, [RESULT, more])  # the answer was lost, and it says so once more
    assert jobs.find(job.job_id) == done


def test_an_end_can_be_told_twice(jobs: Jobs, queue: JobQueue) -> None:
    job = jobs.create(new_job(), run=True, claim=TAP)
    for _ in range(2):
        assert queue.fail(held(job), Phase.ERROR, 7, JobError("wrong", False, 400))
        assert not queue.complete(held(job), 7, [RESULT])
    failed = jobs.find(job.job_id)
    assert failed is not None
    assert (failed.phase, failed.results, failed.version) == (Phase.ERROR, (), 2)


ODD = "a\x00b\x1a0\x1ac\r\n\ud7ff\U0001f52d"


def test_texts_of_clients_come_back_as_they_were(jobs: Jobs, queue: JobQueue) -> None:
    """Errors too, which repeat what clients wrote: no worker may stumble over one when it tells the end."""
    upload = StoredUpload(ODD, "uploads/a", f"text/{ODD}", 1)
    made = jobs.create(
        new_job(parameters=((ODD, ODD),), uploads=(upload,), run_id=ODD, owner="ada"), run=True, claim=TAP
    )
    assert queue.fail(held(made), Phase.ERROR, None, JobError(f"There is no column {ODD}.", False, 400))
    found = jobs.find(made.job_id)
    assert found is not None
    assert (found.parameters, found.uploads, found.run_id) == (((ODD, ODD),), (upload,), ODD)
    assert found.error == JobError(f"There is no column {ODD}.", False, 400)
    assert jobs.listed("tap", "ada")[0].run_id == ODD


def test_a_final_phase_is_final(jobs: Jobs, queue: JobQueue) -> None:
    job = jobs.create(new_job(), run=True, claim=TAP)
    assert jobs.abort(job.job_id).done  # UWS-031: it shows at once, the worker still busy
    aborted = jobs.find(job.job_id)
    assert aborted is not None
    assert aborted.phase is Phase.ABORTED
    assert aborted.ended is not None
    assert not queue.complete(held(job), 1, [RESULT])  # UWS-023: whoever comes late changes nothing
    assert not queue.fail(held(job), Phase.ERROR, 1, JobError("late", False, 400))
    queue.give_back([held(job)])
    queue.name_snapshots({held(job): 9})
    assert not jobs.abort(job.job_id).done  # UWS-034
    assert not jobs.set_duration(job.job_id, 5).done  # UWS-115
    assert jobs.find(job.job_id) == aborted
    assert aborted.results == ()  # TAP-155


def test_a_job_aborted_before_it_started_has_an_end_and_no_start(jobs: Jobs) -> None:
    job = jobs.create(new_job(), run=False)
    aborted = jobs.abort(job.job_id).job
    assert aborted is not None
    assert (aborted.started, aborted.ended) == (None, START)  # UWS-066


def test_parameters_change_until_the_job_runs(jobs: Jobs) -> None:
    job = jobs.create(new_job(uploads=(StoredUpload("a", "uploads/a", None, 1),)), run=False)

    def merge(before: Job) -> Amended:
        assert before.job_id == job.job_id
        kept = [pair for pair in before.parameters if pair[0] != "QUERY"]
        return Amended((*kept, ("QUERY", "SELECT 2")), (), "later")

    amended = jobs.amend(job.job_id, merge)
    assert amended.done
    assert amended.job == jobs.find(job.job_id)
    assert amended.job is not None
    assert amended.job.parameters == (("LANG", "ADQL"), ("QUERY", "SELECT 2"))  # TAP-143 UWS-045
    assert (amended.job.uploads, amended.job.run_id, amended.job.version) == ((), "later", 2)

    def refuse(before: Job) -> Amended:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        jobs.amend(job.job_id, refuse)
    assert jobs.find(job.job_id) == amended.job  # UWS-015: a refused one changes nothing
    jobs.run(job.job_id)
    assert not jobs.amend(job.job_id, merge).done  # TAP-142 UWS-004
    assert jobs.amend("no-such-job", merge).job is None


def test_two_that_amend_at_once_lose_nothing(jobs: Jobs) -> None:
    job = jobs.create(new_job(parameters=()), run=False)

    def add(name: str) -> None:
        def merge(before: Job) -> Amended:
            return Amended((*before.parameters, (name, name)), (), None)

        jobs.amend(job.job_id, merge)

    names = [f"N{number}" for number in range(12)]
    with ThreadPoolExecutor(12) as threads:
        list(threads.map(add, names))
    after = jobs.find(job.job_id)
    assert after is not None
    assert sorted(name for name, _ in after.parameters) == sorted(names)


def test_the_list_is_of_ones_own_jobs_newest_first(jobs: Jobs, clock: Clock) -> None:
    made = []
    for number in range(4):
        clock.advance(seconds=1)
        made.append(jobs.create(new_job(owner="ada", run_id=f"r{number}"), run=number == 2).job_id)
    jobs.create(new_job(owner="bob"), run=False)
    jobs.create(new_job(owner="ada", service="soda"), run=False)
    jobs.create(new_job(), run=False)
    listed = jobs.listed("tap", "ada")
    assert [one.job_id for one in listed] == made[::-1]  # UWS-096: whatever their phase
    assert (listed[0].run_id, listed[0].phase, listed[0].owner) == ("r3", Phase.PENDING, "ada")
    assert jobs.listed("tap", None) == ()  # UWS-090: an anonymous caller sees no ids
    assert [one.job_id for one in jobs.listed("tap", "ada", last=2)] == made[:1:-1]  # UWS-094
    assert jobs.listed("tap", "ada", last=0) == ()
    assert len(jobs.listed("tap", "ada", last=10**9)) == 4
    after = jobs.listed("tap", "ada", after=listed[2].created)
    assert [one.job_id for one in after] == made[:1:-1]  # UWS-093: strictly later
    assert [one.job_id for one in jobs.listed("tap", "ada", {Phase.QUEUED})] == [made[2]]  # UWS-091
    both = jobs.listed("tap", "ada", {Phase.QUEUED, Phase.PENDING}, after=listed[2].created, last=1)
    assert [one.job_id for one in both] == [made[3]]  # UWS-095
    assert jobs.listed("tap", "ada", {Phase.ARCHIVED}) == ()  # UWS-092


def test_a_job_is_gone_at_its_destruction_time(jobs: Jobs, queue: JobQueue, clock: Clock) -> None:
    job = jobs.create(new_job(owner="ada", lifetime=timedelta(seconds=10)), run=True)
    clock.advance(seconds=9)
    assert phase_of(jobs, job.job_id) is Phase.QUEUED
    later = jobs.set_destruction(job.job_id, clock.now + timedelta(seconds=10))  # UWS-111
    assert later.done
    assert later.job is not None
    assert later.job.destruction == clock.now + timedelta(seconds=10)
    clock.advance(seconds=10)
    assert jobs.find(job.job_id) is None  # UWS-113: swept or not
    assert jobs.listed("tap", "ada") == ()
    assert queue.claim(TAP) is None
    assert not queue.look((), "w1", TAP.services).queued
    for change in (jobs.run(job.job_id), jobs.abort(job.job_id), jobs.set_duration(job.job_id, 3)):
        assert (change.job, change.done) == (None, False)
    assert jobs.expired(10) == (job.job_id,)
    assert not jobs.delete(job.job_id)
    assert jobs.expired(10) == ()


def test_a_destruction_in_the_past_is_now(jobs: Jobs) -> None:
    job = jobs.create(new_job(), run=False)
    changed = jobs.set_destruction(job.job_id, START - timedelta(days=400))
    assert (changed.job, changed.done) == (None, True)  # UWS-112


def test_deleting_forgets_a_job_in_any_phase(jobs: Jobs, queue: JobQueue) -> None:
    running = jobs.create(new_job(), run=True, claim=TAP)
    done = jobs.create(new_job(), run=True, claim=TAP)
    waiting = jobs.create(new_job(), run=True)
    queue.complete(held(done), 1, [RESULT])
    for job in (waiting, running, done):
        assert jobs.delete(job.job_id)  # UWS-116
        assert jobs.find(job.job_id) is None
        assert not jobs.delete(job.job_id)
    assert not queue.complete(held(running), 1, [RESULT])
    again = jobs.create(new_job(job_id=done.job_id), run=True, claim=TAP)
    assert again.results == ()  # nothing was left of the first


def test_a_look_tells_what_a_worker_wants_to_know(jobs: Jobs, queue: JobQueue) -> None:
    mine = jobs.create(new_job(), run=True, claim=TAP)
    theirs = jobs.create(new_job(client="b"), run=True, claim=Claim("w2", TAP.services))
    pending = jobs.create(new_job(), run=False)
    jobs.set_duration(mine.job_id, 99)
    many = [f"none{number}" for number in range(1200)]
    look = queue.look([mine.job_id, theirs.job_id, pending.job_id, *many], "w1", TAP.services)
    assert look.versions == {mine.job_id: 2, theirs.job_id: 1, pending.job_id: 1}
    assert {job_id: (one.attempt, one.duration) for job_id, one in look.held.items()} == {
        mine.job_id: (1, 99)
    }
    assert look.held[mine.job_id].destruction == mine.destruction
    assert not look.queued
    queue.name_snapshots({held(mine): 4})
    named = jobs.find(mine.job_id)
    assert named is not None
    assert named.snapshot == 4


def test_a_job_given_back_waits_once_more(jobs: Jobs, queue: JobQueue) -> None:
    job = jobs.create(new_job(), run=True, claim=TAP)
    queue.name_snapshots({held(job): 4})
    queue.give_back([held(job)])
    back = jobs.find(job.job_id)
    assert back is not None
    assert (back.phase, back.attempt, back.started, back.snapshot) == (Phase.QUEUED, 1, None, None)
    other = queue.claim(Claim("w2", TAP.services))
    assert other is not None
    assert other.attempt == 2
    assert not queue.complete(held(job), 1, [RESULT])
    queue.give_back([held(other, "w2")])
    third = queue.claim(TAP)
    assert not queue.complete(held(job), 1, [RESULT])  # the same worker, but another attempt
    queue.give_back([held(third)])
    other = queue.claim(Claim("w2", TAP.services))
    assert queue.complete(held(other, "w2"), 1, [RESULT])


def test_files_that_count_are_those_of_results(jobs: Jobs, queue: JobQueue) -> None:
    done = jobs.create(new_job(), run=True, claim=TAP)
    queue.complete(held(done), 1, [RESULT, StoredResult("b", "a/1", "text/csv", 1, '"x"')])
    running = jobs.create(new_job(), run=True, claim=TAP)
    aborted = jobs.create(new_job(), run=False)
    jobs.abort(aborted.job_id)
    assert jobs.named_files([done.job_id, running.job_id, aborted.job_id, "gone"]) == {
        done.job_id: {"a/0.vot", "a/1"},
        running.job_id: None,
        aborted.job_id: frozenset(),
    }


def test_jobs_are_counted_by_service_and_phase(jobs: Jobs) -> None:
    jobs.create(new_job(), run=True)
    jobs.create(new_job(), run=True)
    jobs.create(new_job(service="soda"), run=False)
    assert jobs.counts() == {("tap", Phase.QUEUED): 2, ("soda", Phase.PENDING): 1}


def test_phases_are_those_of_the_standard() -> None:
    names = "PENDING QUEUED EXECUTING COMPLETED ERROR ABORTED UNKNOWN HELD SUSPENDED ARCHIVED"
    assert set(Phase) == set(names.split())  # UWS-020
    assert {phase.value for phase in FINAL} == {"COMPLETED", "ERROR", "ABORTED", "ARCHIVED"}
