"""Any order of requests against the rules of UWS 1.1, section 2.1.3: two processes on one database."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule
from lxml import etree
from toy_jobs import Toy, open_toy

UWS = "{http://www.ivoa.net/xml/UWS/v1.0}"
ENDED = ("COMPLETED", "ERROR", "ABORTED")


@dataclass
class Expected:
    """What a job must look like. ``phases`` are those that it may be in now."""

    phases: set[str]
    text: str | None
    duration: int = 60
    endless: bool = False


class JobsOfTwoProcesses(RuleBasedStateMachine):
    """Each request goes to either process; what one was told the other knows."""

    jobs = Bundle("jobs")
    either = st.integers(0, 1)

    def __init__(self) -> None:
        super().__init__()
        self._closing = ExitStack()
        self._known: dict[str, Expected] = {}

    @initialize()
    def open(self) -> None:
        home = Path(self._closing.enter_context(tempfile.TemporaryDirectory()))
        self._toys: list[Toy] = [self._closing.enter_context(open_toy(home, slots=50)) for _ in range(2)]

    def teardown(self) -> None:
        self._closing.close()

    def _ask(self, process: int, method: str, path: str, **data: str) -> int:
        return self._toys[process].ask(method, path, data=data or None).status_code

    @rule(
        target=jobs,
        process=either,
        text=st.none() | st.just("words"),
        endless=st.booleans(),
        run=st.booleans(),
    )
    def create(self, process: int, text: str | None, endless: bool, run: bool) -> str:
        sent = {**({} if text is None else {"TEXT": text}), **({"SECONDS": "60"} if endless else {})}
        job = self._toys[process].make(run=run, **sent)
        self._known[job] = Expected({"PENDING"}, text, endless=endless)
        if run:
            self._started(job)
        return job

    def _started(self, job: str) -> None:
        """A job without its text fails, an endless one runs until it is aborted (or waits for a slot)."""
        known = self._known[job]
        ends = {"ERROR"} if known.text is None else set() if known.endless else {"COMPLETED"}
        known.phases = {"QUEUED", "EXECUTING", *ends}

    @rule(job=jobs, process=either)
    def run(self, job: str, process: int) -> None:
        # UWS-030, UWS-033, UWS-037
        known = self._known[job]
        status = self._ask(process, "POST", f"{job}/phase", PHASE="RUN")
        if known.phases == {"PENDING"}:
            assert status == 303
            self._started(job)
        elif known.phases & {"QUEUED", "EXECUTING"}:
            assert status in ((303,) if not known.phases & set(ENDED) else (303, 403))
        else:
            assert status == 403

    @rule(job=jobs, process=either)
    def abort(self, job: str, process: int) -> None:
        # UWS-031, UWS-034
        known = self._known[job]
        status = self._ask(process, "POST", f"{job}/phase", PHASE="ABORT")
        if known.phases & {"COMPLETED", "ERROR"}:
            assert status in ((403,) if known.phases <= set(ENDED) else (303, 403))
        else:
            assert status == 303
        if status == 303:
            known.phases = {"ABORTED"}
        else:
            known.phases &= set(ENDED)

    @rule(job=jobs, process=either, text=st.sampled_from(["other", "words"]))
    def set_parameters(self, job: str, process: int, text: str) -> None:
        # UWS-045, TAP-142, TAP-143
        known = self._known[job]
        status = self._ask(process, "POST", f"{job}/parameters", TEXT=text)
        assert status == (303 if known.phases == {"PENDING"} else 403)
        if status == 303:
            known.text = text

    @rule(job=jobs, process=either, seconds=st.integers(30, 700))
    def set_duration(self, job: str, process: int, seconds: int) -> None:
        # UWS-114, UWS-115
        known = self._known[job]
        status = self._ask(process, "POST", f"{job}/executionduration", EXECUTIONDURATION=str(seconds))
        ended = known.phases <= set(ENDED)
        assert status in ((403,) if ended else (303, 403) if known.phases & set(ENDED) else (303,))
        if status == 303:
            known.duration = min(seconds, 600)

    @rule(job=consumes(jobs), process=either)
    def delete(self, job: str, process: int) -> None:
        # UWS-116
        assert self._ask(process, "DELETE", job) == 303
        del self._known[job]
        for path in (job, f"{job}/phase", f"{job}/results/result"):
            assert self._ask(1 - process, "GET", path) == 404

    @rule(job=jobs, process=either)
    def wait(self, job: str, process: int) -> None:
        # UWS-081, UWS-085: those that end do so
        known = self._known[job]
        if known.phases == {"PENDING"} or known.endless:
            return
        assert self._toys[process].end(job) in known.phases & set(ENDED)
        known.phases &= set(ENDED)

    @rule(job=jobs, process=either)
    def look(self, job: str, process: int) -> None:
        # UWS-020, UWS-022, UWS-023, UWS-066, UWS-072
        known = self._known[job]
        root = etree.fromstring(self._toys[process].ask("GET", job).content)
        phase = root.findtext(f"{UWS}phase")
        assert phase in known.phases
        if phase in ENDED:
            known.phases = {phase}
        assert root.findtext(f"{UWS}executionDuration") == str(known.duration)
        texts = [one.text for one in root.iter(f"{UWS}parameter") if one.get("id") == "TEXT"]
        assert texts == ([] if known.text is None else [known.text])
        assert bool(root.findtext(f"{UWS}endTime")) == (phase in ENDED)
        has_results = root.find(f"{UWS}results/{UWS}result") is not None
        assert has_results == (phase == "COMPLETED")
        has_error = root.find(f"{UWS}errorSummary") is not None
        assert has_error == (phase in ("ERROR", "ABORTED"))
        if phase == "COMPLETED":
            assert self._toys[1 - process].ask("GET", f"{job}/results/result").text == known.text

    @invariant()
    def nobody_lists_the_jobs_of_nobody(self) -> None:
        if self._known:
            assert self._toys[0].ask("GET", "").content.count(b"jobref") == 0


TestJobsOfTwoProcesses = JobsOfTwoProcesses.TestCase
TestJobsOfTwoProcesses.settings = settings(
    max_examples=8, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
