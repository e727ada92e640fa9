"""What answers about jobs say, and what must be so of all of them."""

from __future__ import annotations

import httpx
from lxml import etree
from toy_jobs import JOBS
from xsd import Validate

UWS = "{http://www.ivoa.net/xml/UWS/v1.0}"


def told(validate: Validate, answer: httpx.Response) -> etree._Element:
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/xml"
    return validate(answer.content)


def text(root: etree._Element, name: str) -> str | None:
    return root.findtext(f"{UWS}{name}")


def parameters(root: etree._Element) -> list[tuple[str, str]]:
    return [(one.get("id"), one.text or "") for one in root.iter(f"{UWS}parameter")]


def goes_to(answer: httpx.Response, job: str) -> None:
    # UWS-009, UWS-010, TAP-144
    assert (answer.status_code, answer.headers.get("Location")) == (303, f"{JOBS}{job}"), answer.text


def refused(answer: httpx.Response, status: int) -> str:
    """A refusal: plain text, whose first line stands alone (UWS-015)."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"].startswith("text/plain")
    return answer.text.splitlines()[0]
