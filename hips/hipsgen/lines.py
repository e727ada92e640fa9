"""What hipsgen says, line by line: its exit status is 0 always, so this alone tells what became of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_HEAD = re.compile(r"\.*(\*ERROR|\*WARN\*|[A-Z]{3,6}) *: ?(.*)")
_FAULT = re.compile(r'(?:Exception in thread ".*" )?(?:[a-z_]\w*\.)+(?:[A-Z]\w*)?(?:Exception|Error)\b.*')
_OUT_OF_MEMORY = re.compile(r"Terminating due to java\.lang\.OutOfMemoryError.*")
_COUNT = re.compile(r"(\d+)/(\d+) (?:tiles|files|nodes|cells)\b")
_HEADING = re.compile(r"=+ *(\w+) *=+")


class Kind(Enum):
    """What a line is."""

    NOTE = "note"
    ACTION = "action"
    """An action begins."""
    WARNING = "warning"
    ERROR = "error"
    ABORT = "abort"
    END = "end"
    """All actions are through, be it with errors."""
    FAULT = "fault"
    """An exception of Java. The tool often goes on without what was lost, to an end that looks good."""
    REST = "rest"
    """A trace, or the rest of a line before."""


@dataclass(frozen=True, slots=True)
class Line:
    """``text`` is without colours and without the word that says what it is."""

    kind: Kind
    text: str
    count: tuple[int, int] | None = None
    """How many of how many are done, in lines on progress."""


_KINDS = {"*ERROR": Kind.ERROR, "*WARN*": Kind.WARNING, "ABORT": Kind.ABORT}


def read_line(written: str) -> Line:
    """One line of its output."""
    plain = _COLOURS.sub("", written).rstrip()
    head = _HEAD.fullmatch(plain)
    if head is not None:
        return _headed(head[1], head[2].strip())
    if _FAULT.fullmatch(plain) or _OUT_OF_MEMORY.fullmatch(plain):
        return Line(Kind.FAULT, plain)
    return Line(Kind.REST, plain)


def _headed(word: str, text: str) -> Line:
    if word in _KINDS:
        return Line(_KINDS[word], text)
    if word == "DONE" and "THE END" in text:
        return Line(Kind.END, text)
    heading = _HEADING.fullmatch(text)
    if word == "RUN" and heading is not None:
        return Line(Kind.ACTION, heading[1])
    count = _COUNT.search(text) if word == "STAT" else None
    return Line(Kind.NOTE, text, None if count is None else (int(count[1]), int(count[2])))
