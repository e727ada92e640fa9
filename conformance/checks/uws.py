"""UWS 1.1 as TAP has it: jobs from their making to their deletion."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from conformance.evidence import is_error_document, is_result
from conformance.findings import judged, not_checked
from conformance.jobs import UWS, XLINK, Job, job, on_jobs
from conformance.model import Check, Finding, Level, requirement
from conformance.service import Service

NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
NOWHERE = "SELECT no_such_column FROM TAP_SCHEMA.tables"


def _text(root: etree._Element, name: str) -> str:
    return (root.findtext(f"{UWS}{name}") or "").strip()


@requirement("UWS-040", clause="UWS 1.1, 2.2.3.1", level=Level.MUST, service="uws")
@on_jobs
def a_post_makes_a_job(service: Service) -> Iterator[Finding]:
    """POST to async makes a job and answers 303 with its URL"""
    with job(service) as one:
        yield judged(one.get().status == 200, f"the Location {one.url} answers", one.get())
        identifier = _text(one.document(), "jobId")
        yield judged(one.url.endswith(f"/{identifier}"), "its last segment is the jobId of the document")


@requirement("UWS-021", clause="UWS 1.1, 2.1.3", level=Level.MUST, service="uws")
@on_jobs
def a_new_job_is_pending(service: Service) -> Iterator[Finding]:
    """A job that was not told to run is PENDING"""
    with job(service) as one:
        yield judged(one.phase() == "PENDING", "phase says PENDING", one.get("phase"))
        yield judged(_text(one.document(), "phase") == "PENDING", "and so does the document", one.get())


@requirement("UWS-006", clause="UWS 1.1, 2.2.2", level=Level.SHOULD, service="uws")
@on_jobs
def atoms_are_text(service: Service) -> Iterator[Finding]:
    """Jobs are XML, their single values plain text"""
    with job(service) as one:
        yield judged(one.get().media_type in ("application/xml", "text/xml"), "the job is XML", one.get())
        for name in ("phase", "executionduration", "destruction", "quote", "owner"):
            answer = one.get(name)
            yield judged(
                answer.status == 200 and answer.media_type == "text/plain",
                f"{name} is text/plain ({answer.status} {answer.media_type})",
                answer,
            )


@requirement("UWS-061", clause="UWS 1.1, 2.2.1", level=Level.MUST, service="uws")
@on_jobs
def documents_say_their_version(service: Service) -> Iterator[Finding]:
    """Job and job list say version 1.1"""
    with job(service) as one:
        yield judged(one.document().get("version") == "1.1", 'the job has version="1.1"', one.get())
        listed = service.get(f"{service.tap_path}/async")
        root = listed.xml()
        yield judged(
            root.tag == f"{UWS}jobs" and root.get("version") == "1.1", "the list is a uws:jobs 1.1", listed
        )


@requirement("UWS-063", clause="UWS 1.1, schema", level=Level.MUST, service="uws")
@on_jobs
def unknown_times_are_nil(service: Service) -> Iterator[Finding]:
    """What a new job does not know is there and nil"""
    with job(service) as one:
        root = one.document()
        for name in ("startTime", "endTime"):
            element = root.find(f"{UWS}{name}")
            nil = element is not None and element.get(NIL) in ("true", "1")
            yield judged(nil, f'{name} has xsi:nil="true"', one.get())


@requirement("UWS-047", clause="UWS 1.1, schema", level=Level.MUST, service="uws")
@on_jobs
def parameters_are_listed(service: Service) -> Iterator[Finding]:
    """The job lists its parameters with every character of their values"""
    query = f"SELECT table_name, '<&> ü' AS t, {service.number} AS probe FROM TAP_SCHEMA.tables -- ok"
    with job(service, query) as one:
        listed = {
            (p.get("id") or "").upper(): p.text for p in one.document().iter(f"{UWS}parameter") if p.get("id")
        }
        yield judged(listed.get("QUERY") == query, f"QUERY is as it was sent ({listed})", one.get())


@requirement("UWS-030", clause="UWS 1.1, 2.2.3.5", level=Level.MUST, service="uws")
@on_jobs
def run_starts_a_job(service: Service) -> Iterator[Finding]:
    """PHASE=RUN starts a job, and its result holds the rows asked for"""
    with job(service) as one:
        told = one.post("phase", PHASE="RUN")
        yield judged(told.status == 303, "PHASE=RUN is answered with 303", told)
        yield judged(one.phase() != "PENDING", "it is no longer PENDING", one.get("phase"))
        yield judged(one.wait() == "COMPLETED", "it ends as COMPLETED", one.get())
        result = service.get(f"{one.url}/results/result")
        yield judged(is_result(service, result, 2), "results/result holds the rows asked for", result)


@requirement("UWS-068", clause="UWS 1.1, schema", level=Level.MUST, service="uws")
@on_jobs
def results_are_listed(service: Service) -> Iterator[Finding]:
    """A finished job lists its result with an address that works"""
    with job(service, PHASE="RUN") as one:
        one.wait()
        results = list(one.document().iter(f"{UWS}result"))
        yield judged(
            any(r.get("id") == "result" for r in results), "there is a result with id result", one.get()
        )
        for result in results:
            answer = service.get(str(result.get(f"{XLINK}href")))
            yield judged(answer.status == 200, f"{result.get(f'{XLINK}href')} answers", answer)


@requirement("UWS-080", clause="UWS 1.1, 2.2.1.2", level=Level.MUST, service="uws")
@on_jobs
def wait_holds_the_answer(service: Service) -> Iterator[Finding]:
    """WAIT holds the answer while nothing changes, and not once the job is final"""
    with job(service) as one:
        held = one.get(WAIT="3", PHASE="PENDING")
        yield judged(held.status == 200 and held.seconds > 2.8, f"held for {held.seconds:.1f} s", held)
        one.post("phase", PHASE="RUN")
        one.wait()
        at_once = one.get(WAIT="20")
        yield judged(at_once.seconds < 15, f"a final job is answered in {at_once.seconds:.1f} s", at_once)


@requirement("UWS-031", clause="UWS 1.1, 2.2.3.6", level=Level.MUST, service="uws")
@on_jobs
def abort_ends_a_job(service: Service) -> Iterator[Finding]:
    """PHASE=ABORT leaves a job ABORTED"""
    with job(service) as one:
        told = one.post("phase", PHASE="ABORT")
        yield judged(told.status == 303, "PHASE=ABORT is answered with 303", told)
        yield judged(one.wait() == "ABORTED", "the job is ABORTED", one.get())


@requirement("UWS-015", clause="practice", level=Level.PRACTICE, service="uws")
@on_jobs
def nonsense_changes_nothing(service: Service) -> Iterator[Finding]:
    """A phase that does not exist is refused and changes nothing"""
    with job(service) as one:
        told = one.post("phase", PHASE="FOO")
        yield judged(400 <= told.status < 500, f"PHASE=FOO is answered with {told.status}", told)
        yield judged(one.phase() == "PENDING", "the job is still PENDING", one.get("phase"))


@requirement("UWS-071", clause="UWS 1.1, 2.2.2.5; DALI 1.1, 5.2", level=Level.MUST, service="uws")
@on_jobs
def a_wrong_query_fails_its_job(service: Service) -> Iterator[Finding]:
    """A mistake in the query leaves a job in ERROR that says why"""
    with job(service, NOWHERE, PHASE="RUN") as one:
        yield judged(one.wait() == "ERROR", "the job ends as ERROR", one.get())
        summary = one.document().find(f"{UWS}errorSummary")
        message = "" if summary is None else (summary.findtext(f"{UWS}message") or "")
        yield judged("no_such_column" in message, f"its summary names the column ({message!r})", one.get())
        error = service.get(f"{one.url}/error")
        document = is_error_document(error) or (error.status == 200 and b"no_such_column" in error.body)
        yield judged(document, "its error resource says it, too", error)


@requirement("UWS-115", clause="UWS 1.1, 2.2.3.4", level=Level.MUST, service="uws")
@on_jobs
def durations_can_be_set(service: Service) -> Iterator[Finding]:
    """EXECUTIONDURATION is set, and nonsense is refused"""
    with job(service) as one:
        told = one.post("executionduration", EXECUTIONDURATION="7")
        yield judged(told.status == 303, "it is answered with 303", told)
        shown = one.get("executionduration")
        yield judged(shown.body.strip() == b"7", "7 seconds are shown", shown)
        bad = one.post("executionduration", EXECUTIONDURATION="soon")
        yield judged(400 <= bad.status < 500, f"'soon' is answered with {bad.status}", bad)


@requirement("UWS-111", clause="UWS 1.1, 2.2.3.3", level=Level.MUST, service="uws")
@on_jobs
def destruction_can_be_set(service: Service) -> Iterator[Finding]:
    """DESTRUCTION is answered with 303, and the job shows the value that holds"""
    with job(service) as one:
        before = one.get("destruction").body.decode("utf-8", "replace").strip()
        if not before:
            yield not_checked("this job has no destruction time")
            return
        told = one.post("destruction", DESTRUCTION=before)
        yield judged(told.status == 303, "it is answered with 303", told)
        yield judged(_text(one.document(), "destruction") == before, "the document shows the same", one.get())


@requirement("DALI-014", clause="DALI 1.1, 2.1", level=Level.MUST, service="uws")
@on_jobs
def parameters_change_while_pending(service: Service) -> Iterator[Finding]:
    """Parameters can be sent while a job is PENDING, and not afterwards"""
    with job(service, NOWHERE) as one:
        sound = f"SELECT table_name, {service.number} AS probe FROM TAP_SCHEMA.tables"
        told = one.post("parameters", QUERY=sound, MAXREC="1")
        yield judged(told.status == 303, "they are answered with 303", told)
        one.post("phase", PHASE="RUN")
        one.wait()
        result = service.get(f"{one.url}/results/result")
        yield judged(is_result(service, result, 1), "the new query was run", result)
        late = one.post("parameters", MAXREC="2")
        yield judged(400 <= late.status < 500, f"later ones are answered with {late.status}", late)


@requirement("UWS-116", clause="UWS 1.1, 2.2.3.2", level=Level.MUST, service="uws")
@on_jobs
def a_job_can_be_deleted(service: Service) -> Iterator[Finding]:
    """DELETE and ACTION=DELETE destroy a job: 303, then 404 for it and all below it"""

    def by_delete(one: Job) -> int:
        return service.step("DELETE", one.url).status

    def by_action(one: Job) -> int:
        return service.step("POST", one.url, {"ACTION": "DELETE"}).status

    for word, end in (("DELETE", by_delete), ("ACTION=DELETE", by_action)):
        with job(service) as one:
            was = one.get().status
            status = end(one)
            yield judged(was == 200 and status == 303, f"{word} is answered with {status}")
            for child in ("", "phase", "results", "results/result", "parameters"):
                gone = one.get(child)
                yield judged(gone.status == 404, f"/{child} is 404 then ({gone.status})", gone)


@requirement("UWS-090", clause="practice", level=Level.PRACTICE, service="uws")
@on_jobs
def jobs_of_nobody_are_secret(service: Service) -> Iterator[Finding]:
    """The job list shows nobody the jobs of others who did not log in"""
    if service.token is not None:
        yield not_checked("this run has a token: the list is that of its owner")
        return
    with job(service) as one:
        listed = service.get(f"{service.tap_path}/async")
        yield judged(
            listed.xml().tag == f"{UWS}jobs" and one.url.rpartition("/")[2].encode() not in listed.body,
            "a job made anonymously is not listed",
            listed,
        )


CHECKS: tuple[Check, ...] = (
    a_post_makes_a_job,
    a_new_job_is_pending,
    atoms_are_text,
    documents_say_their_version,
    unknown_times_are_nil,
    parameters_are_listed,
    parameters_change_while_pending,
    run_starts_a_job,
    results_are_listed,
    wait_holds_the_answer,
    abort_ends_a_job,
    nonsense_changes_nothing,
    a_wrong_query_fails_its_job,
    durations_can_be_set,
    destruction_can_be_set,
    jobs_of_nobody_are_secret,
    a_job_can_be_deleted,
)
