"""Jobs of the service under judgement: made, led through their phases, and deleted again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import wraps
from urllib.parse import urljoin

from lxml import etree

from conformance.evidence import sound_query
from conformance.findings import failed
from conformance.model import CheckFunction, Finding
from conformance.service import Answer, Service, Unreachable

UWS = "{http://www.ivoa.net/xml/UWS/v1.0}"
XLINK = "{http://www.w3.org/1999/xlink}"
_FINAL = ("COMPLETED", "ERROR", "ABORTED")


class NoJob(Exception):
    """The service made no job; the answer says what it did instead."""

    def __init__(self, answer: Answer) -> None:
        super().__init__("no job was made")
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Job:
    """A job at the service, by its URL."""

    service: Service
    url: str

    def get(self, child: str = "", **params: str) -> Answer:
        """The job, or something below it."""
        return self.service.step("GET", f"{self.url}{'/' if child else ''}{child}", params)

    def post(self, child: str, **params: str) -> Answer:
        """A control request; its redirect is not followed."""
        return self.service.step("POST", f"{self.url}/{child}", params)

    def document(self) -> etree._Element:
        """The job's document. Raises ``etree.XMLSyntaxError``, or ValueError where it is none."""
        root = self.get().xml()
        if root.tag != f"{UWS}job":
            raise ValueError(f"the job is no uws:job but {root.tag}")
        return root

    def phase(self) -> str:
        """The phase by its own resource."""
        return self.get("phase").body.decode("utf-8", "replace").strip()

    def wait(self) -> str:
        """The final phase, or the last one seen when the time of the service is over."""
        deadline = time.monotonic() + self.service.timeout
        phase = self.phase()
        while phase not in _FINAL and time.monotonic() < deadline:
            self.get(WAIT="2")
            time.sleep(0.05)
            phase = self.phase()
        return phase


@contextmanager
def job(service: Service, query: str | None = None, **params: str) -> Iterator[Job]:
    """A new job, with a sound query if none is given; it is deleted in the end. Raises NoJob."""
    form = {"LANG": "ADQL", "QUERY": query or sound_query(service), **params}
    made = service.step("POST", f"{service.tap_path}/async", form)
    where = made.headers.get("Location", "")
    if made.status != 303 or not where:
        raise NoJob(made)
    address = "/".join(part for part in (service.base_url, service.tap_path, "async") if part)
    one = Job(service, urljoin(address, where))
    try:
        yield one
    finally:
        with suppress(Unreachable):
            service.step("DELETE", one.url)


def on_jobs(function: Callable[[Service], Iterator[Finding]]) -> CheckFunction:
    """A check that makes jobs: where none can be made it fails with the answer."""

    @wraps(function)
    def judge(service: Service) -> Iterator[Finding]:
        try:
            yield from function(service)
        except NoJob as error:
            yield failed("POST to async makes no job (303 with a Location)", error.answer)

    return judge
