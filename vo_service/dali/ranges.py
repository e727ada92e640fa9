"""Byte ranges of a request (RFC 9110, section 14): pure arithmetic on a known size.

``Range`` is read strictly where it is of use and ignored where it is not: another unit, or a text that is no
range, gives the whole file; ranges that all lie beyond the end are an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_MOST = 50  # ranges in one request; more are as good as an attack, and the whole file serves them too
_SPEC = re.compile(r"(\d{0,18})-(\d{0,18})", re.ASCII)  # more digits are no place in any file


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes from ``start`` up to, but not including, ``stop``."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        """Number of bytes."""
        return self.stop - self.start

    def content_range(self, size: int) -> str:
        """The Content-Range header of this span in a file of ``size`` bytes."""
        return f"bytes {self.start}-{self.stop - 1}/{size}"


class NotSatisfiable(Exception):
    """No range of the request lies within the file."""


def wanted_spans(header: str | None, size: int) -> tuple[Span, ...]:
    """Spans that a Range header asks of a file of ``size`` bytes; empty: the whole file.

    Overlapping and touching spans become one, and the order is that of the file where that happened.
    Raises NotSatisfiable where the header is a good range and nothing of it lies within the file.
    """
    if header is None:
        return ()
    unit, equals, specs = header.partition("=")
    if unit.strip().lower() != "bytes" or not equals:
        return ()
    spans: list[Span] = []
    texts = [text.strip() for text in specs.split(",") if text.strip()]
    if not texts or len(texts) > _MOST:
        return ()
    for text in texts:
        found = _SPEC.fullmatch(text)
        if found is None or found[0] == "-" or (found[1] and found[2] and int(found[2]) < int(found[1])):
            return ()
        span = _span(found[1], found[2], size)
        if span is not None:
            spans.append(span)
    if not spans:
        raise NotSatisfiable
    return _merged(spans)


def _span(first: str, last: str, size: int) -> Span | None:
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1) if last else size
    return Span(start, stop) if start < stop else None


def _merged(spans: list[Span]) -> tuple[Span, ...]:
    joined: list[Span] = []
    for span in sorted(spans, key=lambda one: one.start):
        if joined and span.start <= joined[-1].stop:
            joined[-1] = Span(joined[-1].start, max(joined[-1].stop, span.stop))
        else:
            joined.append(span)
    return tuple(spans) if len(joined) == len(spans) else tuple(joined)
