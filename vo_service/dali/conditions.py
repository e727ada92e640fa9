"""Conditions of a request on the state of a file (RFC 9110, section 13): pure comparisons."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from enum import Enum

_TAG = re.compile(r'(W/)?("[^"]*")')
_READING = ("GET", "HEAD")


class Verdict(Enum):
    """What the conditions leave to do."""

    SEND = "send"
    NOT_MODIFIED = "not modified"
    FAILED = "failed"


def judge(headers: Mapping[str, str], etag: str, modified: datetime | None, method: str = "GET") -> Verdict:
    """What the conditional headers of a request (names in lower case) make of it, in the RFC's order.

    ``etag`` is strong, in its quotes; ``modified`` is in whole seconds, UTC, or None where it is not known:
    then conditions on it are ignored.
    """
    if "if-match" in headers:
        if not _lists(headers["if-match"], etag, weak=False):
            return Verdict.FAILED
    elif modified is not None:
        limit = http_date(headers.get("if-unmodified-since"))
        if limit is not None and modified > limit:
            return Verdict.FAILED
    if "if-none-match" in headers:
        if not _lists(headers["if-none-match"], etag, weak=True):
            return Verdict.SEND
        return Verdict.NOT_MODIFIED if method in _READING else Verdict.FAILED
    if method not in _READING:
        return Verdict.SEND
    since = http_date(headers.get("if-modified-since"))
    unmodified = since is not None and modified is not None and modified <= since
    return Verdict.NOT_MODIFIED if unmodified else Verdict.SEND


def range_applies(if_range: str | None, etag: str, modified: datetime | None) -> bool:
    """Whether a Range counts: the client's part is of this very state (RFC 9110, 13.1.5)."""
    if if_range is None:
        return True
    if '"' in if_range:
        return if_range.strip() == etag
    return modified is not None and http_date(if_range) == modified


def http_date(text: str | None) -> datetime | None:
    """A date of a header, or None where there is none or it cannot be read (it is ignored then)."""
    if text is None:
        return None
    try:
        found = parsedate_to_datetime(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):  # no date, or none of our calendar
        return None


def http_text(moment: datetime) -> str:
    """A moment (UTC) as headers write it."""
    return format_datetime(moment.astimezone(UTC).replace(microsecond=0), usegmt=True)


def _lists(header: str, etag: str, weak: bool) -> bool:
    if header.strip() == "*":
        return True
    return any(tag == etag and (weak or not mark) for mark, tag in _TAG.findall(header))
