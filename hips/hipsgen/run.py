"""Actions of hipsgen, done to their end or not at all: whatever it complains of is an exception of ours."""

from __future__ import annotations

import errno
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hips.hipsgen.errors import HipsgenFailed
from hips.hipsgen.lines import Kind, Line, read_line
from hips.hipsgen.process import SILENCE_SECONDS, Stopped, never, running
from hips.hipsgen.tool import Tool

_FULL = {
    "No space left on device": errno.ENOSPC,
    "Disk quota exceeded": errno.EDQUOT,
    "File too large": errno.EFBIG,
}
_NO_MEMORY = 3
"""Exit status of a JVM that ends itself for want of memory."""
_KEPT_LINES = 4000


@dataclass(frozen=True, slots=True)
class Progress:
    """``done`` of ``total`` tiles of an action; both are None where it does not say."""

    action: str
    done: int | None
    total: int | None


@dataclass(frozen=True, slots=True)
class Report:
    """All that it said, the first lines of it if it said very much."""

    lines: tuple[Line, ...]
    ended: bool
    """It came to the end of its actions."""
    code: int

    def texts(self, kind: Kind) -> tuple[str, ...]:
        """Texts of the lines of one kind, in their order."""
        return tuple(line.text for line in self.lines if line.kind is kind)


Told = Callable[[Progress], None]


def run(
    tool: Tool,
    actions: Sequence[str],
    parameters: Mapping[str, str],
    folder: Path,
    told: Told = lambda progress: None,
    stopped: Stopped = never,
    silence: float = SILENCE_SECONDS,
) -> Report:
    """Do actions (``INDEX TILES PNG``); files in ``parameters`` are relative to ``folder``, an existing one.

    Returns when all is done; the report has its warnings. Raises HipsgenFailed with what it complained of (an
    exception inside it included, after which it likes to go on without a tile), HipsgenStopped soon after
    ``stopped()`` says so, and OSError where the disk is full. What was written until then is in ``folder``.
    """
    report = listen(tool, actions, parameters, folder, told, stopped, silence)
    complaint = _complaint(report)
    if complaint is None:
        return report
    for words, code in _FULL.items():
        if any(words in line.text for line in report.lines):
            raise OSError(code, f"hipsgen: {words}", str(folder))
    raise HipsgenFailed(f"hipsgen {' '.join(actions)}: {complaint}")


def listen(
    tool: Tool,
    actions: Sequence[str],
    parameters: Mapping[str, str],
    folder: Path,
    told: Told = lambda progress: None,
    stopped: Stopped = never,
    silence: float = SILENCE_SECONDS,
) -> Report:
    """As `run`, where complaints are the result. Raises HipsgenFailed for a process that was killed, or that
    was silent for too long, and HipsgenStopped."""
    words = [*(f"{name}={value}" for name, value in parameters.items()), *actions]
    heard: list[Line] = []
    action, ended = "", False
    with running(tool, words, folder, stopped, silence) as process:
        for written in process.lines():
            line = read_line(written)
            if line.kind is not Kind.REST and len(heard) < _KEPT_LINES:
                heard.append(line)
            ended = ended or line.kind is Kind.END
            if line.kind is Kind.ACTION:
                action = line.text
                told(Progress(action, None, None))
            if line.count is not None:
                told(Progress(action, *line.count))
        code = process.code
    if code > 128:
        raise HipsgenFailed(f"hipsgen was ended by signal {_signal_name(code - 128)}; its work is not done")
    return Report(tuple(heard), ended, code)


def _complaint(report: Report) -> str | None:
    """What was wrong, in its own words; None where nothing was."""
    if report.code == _NO_MEMORY:
        return "it had too little memory; the setting hipsgen_memory says how much it may have"
    errors, warnings = report.texts(Kind.ERROR), report.texts(Kind.WARNING)
    if errors:
        return errors[0]
    faults = report.texts(Kind.FAULT)
    if faults:
        return "; ".join([faults[0], *warnings[:1]])
    if report.ended and report.code == 0 and not report.texts(Kind.ABORT):
        return None
    last = report.lines[-1].text if report.lines else "it said nothing"
    return f"it did not come to its end (exit status {report.code}): {last}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
