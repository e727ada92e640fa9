"""What a person at the terminal sees: reports on standard output, progress on standard error.

Progress is a bar where standard error is a terminal, a line every few seconds where it is not (a log, a
pipe), and nothing under ``--quiet``.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn, TextIO

from tqdm import tqdm

from vo_service.shown_names import shown_text

_LINE_SECONDS = 10.0


Progress = Callable[[str, int, int | None], None]
"""Called with the name of a phase, how many things are done in it, and of how many (None: not known yet)."""


class Console:
    """Standard output and standard error, as one command uses them. What stands in files and their names
    may be in a line: control characters are printed escaped.
    """

    def __init__(self, quiet: bool, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self.quiet = quiet
        self._out = out or sys.stdout
        self._err = err or sys.stderr

    def say(self, line: str) -> None:
        """A line that the command was asked for: an answer or a report."""
        _write(self._out, line)

    def note(self, line: str) -> None:
        """A line that tells what goes on; silent under ``--quiet``."""
        if not self.quiet:
            _write(self._err, line)

    def complain(self, line: str) -> None:
        """A line about what went wrong."""
        _write(self._err, line)

    @contextmanager
    def progress(self, unit: str) -> Iterator[Progress]:
        """Shows the progress of a long step, which counts in ``unit``, while the block lasts."""
        if self.quiet:
            yield _silent
        elif self._err.isatty():
            bars = _Bars(unit, self._err)
            try:
                yield bars
            finally:
                bars.close()
        else:
            yield _Lines(unit, self)

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Rows under their heads, in columns as wide as they need."""
        texts = [["" if cell is None else str(cell) for cell in row] for row in rows]
        widths = [max(len(text) for text in column) for column in zip(heads, *texts)]
        for line in (list(heads), *texts):
            self.say("  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip())


def _write(file: TextIO, line: str) -> None:
    """A line with its end at one blow: what other threads and processes log does not come between."""
    file.write(f"{shown_text(line)}\n")
    file.flush()


def _silent(_phase: str, _done: int, _total: int | None) -> None:
    """Progress under ``--quiet``."""


class _Bars:
    """A bar for each phase, on a terminal."""

    def __init__(self, unit: str, err: TextIO) -> None:
        self._unit = unit
        self._err = err
        self._phase: str | None = None
        self._bar: tqdm[NoReturn] | None = None

    def close(self) -> None:
        """Leave the last bar as it stands."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def __call__(self, phase: str, done: int, total: int | None) -> None:
        if self._bar is None or phase != self._phase:
            self.close()
            self._phase = phase
            self._bar = tqdm(desc=phase, unit=f" {self._unit}", file=self._err, dynamic_ncols=True)
        bar = self._bar
        if total != bar.total:
            bar.total = total
            bar.refresh()
        bar.update(done - bar.n)


class _Lines:
    """Now and then a line, where there is no terminal."""

    def __init__(self, unit: str, console: Console) -> None:
        self._unit = unit
        self._console = console
        self._next = time.monotonic() + _LINE_SECONDS

    def __call__(self, phase: str, done: int, total: int | None) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _LINE_SECONDS
            of = f" of {total}" if total is not None else ""
            self._console.note(f"{phase}: {done}{of} {self._unit}")
