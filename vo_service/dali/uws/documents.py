"""What UWS says of jobs: the XML of job list, job, parameters and results, and its plain texts (UWS 1.1).

Elements follow the official schema in order; what is not known is nil (UWS-062, UWS-063). A time is written
in one way only, so that a document and the resource of the same value agree to the letter (UWS-065).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from vo_service.formats.xml_document import XLINK, XSI, XMLDocument, is_legal
from vo_service.store.jobs import Job, JobError, ListedJob, Phase

NAMESPACE: Final = "http://www.ivoa.net/xml/UWS/v1.0"  # of version 1.1 too (UWS-060)
VERSION: Final = "1.1"
OWN_NAMESPACE: Final = "urn:vo-service:job"

_NAMESPACES: Final = {"xmlns:uws": NAMESPACE, "xmlns:xlink": XLINK, "xmlns:xsi": XSI}
_NIL: Final = {"xsi:nil": "true"}
_ABORTED: Final = JobError("The job was aborted as its user asked.", transient=False, status=200)


def jobs_document(address: str, jobs: Iterable[ListedJob]) -> bytes:
    """The job list at ``address``, its jobs in the order given (UWS-067)."""
    document = XMLDocument()
    document.declare()
    with document.element("uws:jobs", {**_NAMESPACES, "version": VERSION}):
        for job in jobs:
            reference = {"id": job.job_id, "xlink:href": f"{address}/{job.job_id}", "xlink:type": "simple"}
            with document.element("uws:jobref", reference):
                document.leaf("uws:phase", job.phase.value)
                _write_run_id(document, job.run_id)
                _write(document, "uws:ownerId", job.owner)
                document.leaf("uws:creationTime", time_text(job.created))
    return document.taken()


def job_document(address: str, job: Job) -> bytes:
    """One job, which lies at ``address`` (UWS-062)."""
    document = XMLDocument()
    document.declare()
    with document.element("uws:job", {**_NAMESPACES, "version": VERSION}):
        document.leaf("uws:jobId", job.job_id)
        _write_run_id(document, job.run_id)
        _write(document, "uws:ownerId", job.owner)
        document.leaf("uws:phase", job.phase.value)
        _write_time(document, "uws:quote", job.quote)
        document.leaf("uws:creationTime", time_text(job.created))
        _write_time(document, "uws:startTime", job.started)
        _write_time(document, "uws:endTime", job.ended)
        document.leaf("uws:executionDuration", str(job.duration))
        document.leaf("uws:destruction", time_text(job.destruction))
        with document.element("uws:parameters"):
            _write_parameters(document, address, job)
        with document.element("uws:results"):
            _write_results(document, address, job)
        _write_error(document, told_error(job))
        _write_info(document, job)
    return document.taken()


def parameters_document(address: str, job: Job) -> bytes:
    """The parameters of the job at ``address``."""
    document = XMLDocument()
    document.declare()
    with document.element("uws:parameters", _NAMESPACES):
        _write_parameters(document, address, job)
    return document.taken()


def results_document(address: str, job: Job) -> bytes:
    """The results of the job at ``address``."""
    document = XMLDocument()
    document.declare()
    with document.element("uws:results", _NAMESPACES):
        _write_results(document, address, job)
    return document.taken()


def time_text(moment: datetime | None) -> str:
    """A moment as UWS writes it: UTC, milliseconds, Z; empty where there is none (UWS-065)."""
    if moment is None:
        return ""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def told_error(job: Job) -> JobError | None:
    """What the job says of its failure; None where it did not fail.

    A job that its user aborted says so: clients show this text (TAP-155, UWS-028).
    """
    if job.error is None and job.phase is Phase.ABORTED:
        return _ABORTED
    return job.error


def _write(document: XMLDocument, tag: str, text: str | None) -> None:
    if text is None:
        document.leaf(tag, "", _NIL)
    else:
        document.leaf(tag, text)


def _write_time(document: XMLDocument, tag: str, moment: datetime | None) -> None:
    _write(document, tag, None if moment is None else time_text(moment))


def _write_run_id(document: XMLDocument, run_id: str | None) -> None:
    if run_id is not None:
        document.leaf("uws:runId", run_id)


def _write_parameters(document: XMLDocument, address: str, job: Job) -> None:
    """Values, in order; those that XML cannot hold, and uploaded files, by their addresses (UWS-048)."""
    for name, value in job.parameters:
        if is_legal(value):
            document.leaf("uws:parameter", value, {"id": name})
        else:
            _write_reference(document, address, name)
    for upload in job.uploads:
        _write_reference(document, address, upload.part)


def _write_reference(document: XMLDocument, address: str, name: str) -> None:
    place = f"{address}/parameters/{quote(name, safe='')}"
    document.leaf("uws:parameter", place, {"id": name, "byReference": "true"})


def _write_results(document: XMLDocument, address: str, job: Job) -> None:
    for result in job.results:
        size = {} if result.grows else {"size": str(result.size)}
        document.leaf(
            "uws:result",
            "",
            {
                "id": result.result_id,
                "xlink:href": f"{address}/results/{quote(result.result_id, safe='')}",
                "xlink:type": "simple",
                **size,
                "mime-type": result.media_type,
            },
        )


def _write_error(document: XMLDocument, error: JobError | None) -> None:
    """The error in one line; its document lies at the job's ``error`` (UWS-070 to UWS-072)."""
    if error is None:
        return
    kind = "transient" if error.transient else "fatal"
    with document.element("uws:errorSummary", {"type": kind, "hasDetail": "true"}):
        document.leaf("uws:message", " ".join(error.message.split()))


def _write_info(document: XMLDocument, job: Job) -> None:
    """The snapshot that the job's answer is made of (UWS-073)."""
    if job.snapshot is not None:
        with document.element("uws:jobInfo"):
            document.leaf("snapshot", str(job.snapshot), {"xmlns": OWN_NAMESPACE})
