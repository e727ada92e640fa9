"""Figures of the service for Prometheus (text exposition format 0.0.4), of all worker processes of a host.

Each process counts on its region of the board (`store.board`); whoever is asked sums them up, so that it does
not matter which worker answers. Counters go on through the end of a worker; gauges end with it.
"""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Final, Literal

from vo_service.store.board import CELLS, Board

COUNTERS: Final = 144  # cells of the board that count up for ever
MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
STATES: Final = ("done", "failed", "gone")
"""How queries end: answered, with an error, or stopped because nobody waits for them any more."""
_CLASSES: Final = ("1xx", "2xx", "3xx", "4xx", "5xx")
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_PAGE: Final = resource.getpagesize()

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric: a cell for each value of its label, or for each bucket and the sum of a histogram.

    ``at`` is its first cell. A gauge of which the ``greatest`` counts is not summed over processes.
    """

    name: str
    kind: Kind
    help: str
    at: int
    label: str = ""
    values: tuple[str, ...] = ("",)
    greatest: bool = False

    @property
    def cells(self) -> int:
        """How many cells it takes."""
        return len(_SECONDS) + 2 if self.kind == "histogram" else len(self.values)


class _Plan:
    """Gives every figure its cells."""

    def __init__(self) -> None:
        self._next: dict[bool, int] = {True: 0, False: COUNTERS}
        self.figures: list[Figure] = []

    def add(
        self,
        name: str,
        kind: Kind,
        words: str,
        label: str = "",
        values: tuple[str, ...] = ("",),
        greatest: bool = False,
    ) -> Figure:
        counts = kind != "gauge"
        figure = Figure(f"vo_service_{name}", kind, words, self._next[counts], label, values, greatest)
        self._next[counts] += figure.cells
        assert self._next[counts] <= (COUNTERS if counts else CELLS)
        self.figures.append(figure)
        return figure


_plan: Final = _Plan()
_REQUESTS: Final = _plan.add("requests_total", "counter", "HTTP requests.", "status", _CLASSES)
_REQUEST_SECONDS: Final = _plan.add(
    "request_seconds", "histogram", "Seconds from a request to the end of its answer."
)
_REFUSED: Final = _plan.add(
    "requests_refused_total",
    "counter",
    "Requests answered 429 (beyond a limit) or 503 (waited too long, or what they need was away).",
)
_QUERIES: Final = _plan.add("queries_total", "counter", "Queries that have ended.", "state", STATES)
_QUERY_SECONDS: Final = _plan.add("query_seconds", "histogram", "Seconds that the work of a query took.")
_FIRST_SECONDS: Final = _plan.add(
    "first_byte_seconds", "histogram", "Seconds from the admission of a query to its first byte."
)
_ROWS: Final = _plan.add("query_rows_total", "counter", "Rows in answers.")
_BYTES: Final = _plan.add("query_bytes_total", "counter", "Bytes of answers, before compression.")
_STATEMENTS: Final = _plan.add("engine_statements_total", "counter", "Statements sent to the engine.")
_ENGINE_ROWS: Final = _plan.add("engine_rows_total", "counter", "Rows that the engine has given.")
_STATEMENTS_RUNNING: Final = _plan.add(
    "engine_statements_running", "gauge", "Statements that the engine works on."
)
_OPEN: Final = _plan.add("queries_open", "gauge", "Synchronous queries that run or wait for their turn.")
_SPOOLED: Final = _plan.add("spool_bytes", "gauge", "Bytes of answers that wait on disk for their readers.")
_LAG: Final = _plan.add(
    "event_loop_lag_seconds",
    "gauge",
    "Longest time that the event loop of a worker was late lately.",
    greatest=True,
)
FIGURES: Final[tuple[Figure, ...]] = tuple(_plan.figures)


class Metrics:
    """Counts for one process, and tells of all. Its methods are quick and may be called from any thread."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def request(self, status: int, seconds: float) -> None:
        """A request has been answered; status 0 where the client left before."""
        if 100 <= status < 600:
            self._board.add(_REQUESTS.at + status // 100 - 1)
        if status in (429, 503):
            self._board.add(_REFUSED.at)
        self._observe(_REQUEST_SECONDS, seconds)

    def query(self, state: str, seconds: float, rows: int, size: int) -> None:
        """The work of a query is over; ``state`` is one of STATES."""
        self._board.add(_QUERIES.at + STATES.index(state))
        self._board.add(_ROWS.at, rows)
        self._board.add(_BYTES.at, size)
        self._observe(_QUERY_SECONDS, seconds)

    def first_byte(self, seconds: float) -> None:
        """A query's first bytes are there, so many seconds after its admission."""
        self._observe(_FIRST_SECONDS, seconds)

    def started(self) -> None:
        """As `engines.Tally.started`."""
        self._board.add(_STATEMENTS.at)
        self._board.add(_STATEMENTS_RUNNING.at)

    def gave(self, rows: int) -> None:
        """As `engines.Tally.gave`."""
        self._board.add(_ENGINE_ROWS.at, rows)

    def ended(self) -> None:
        """As `engines.Tally.ended`."""
        self._board.add(_STATEMENTS_RUNNING.at, -1)

    def opened(self, change: int) -> None:
        """So many more queries run or wait in this process."""
        self._board.add(_OPEN.at, change)

    def spooled(self, change: int) -> None:
        """So many more bytes wait on disk in this process."""
        self._board.add(_SPOOLED.at, change)

    def late(self, seconds: float) -> None:
        """The event loop was so late at most, in the last while."""
        self._board.put(_LAG.at, seconds)

    def text(self, also: Mapping[str, tuple[str, Mapping[str, float]]]) -> str:
        """All figures; ``also`` are gauges that somebody else knows: name to help, and labels to values."""
        self._board.sweep()
        totals = self._board.totals().tolist()
        lines: list[str] = []
        for figure in FIGURES:
            lines += _head(figure.name, figure.kind, figure.help)
            if figure.greatest:
                lines.append(_line(figure.name, "", self._board.greatest(figure.at)))
            elif figure.kind == "histogram":
                lines += _histogram(figure.name, totals[figure.at : figure.at + figure.cells])
            else:
                for i, value in enumerate(figure.values):
                    labels = f'{{{figure.label}="{value}"}}' if figure.label else ""
                    lines.append(_line(figure.name, labels, totals[figure.at + i]))
        processes = self._board.processes()
        given = {
            "processes": ("Server processes.", {"": float(len(processes))}),
            "resident_bytes": ("Memory that they hold.", {"": float(sum(map(_resident, processes)))}),
            **also,
        }
        for name, (words, values) in given.items():
            lines += _head(f"vo_service_{name}", "gauge", words)
            lines += [_line(f"vo_service_{name}", labels, value) for labels, value in values.items()]
        return "\n".join(lines) + "\n"

    def _observe(self, figure: Figure, seconds: float) -> None:
        bucket = next((i for i, most in enumerate(_SECONDS) if seconds <= most), len(_SECONDS))
        self._board.add(figure.at + bucket)
        self._board.add(figure.at + len(_SECONDS) + 1, seconds)


Also = Callable[[], Mapping[str, tuple[str, Mapping[str, float]]]]
"""What `Metrics.text` is to tell besides."""


def _head(name: str, kind: str, words: str) -> Iterator[str]:
    yield f"# HELP {name} {words}"
    yield f"# TYPE {name} {kind}"


def _histogram(name: str, cells: list[float]) -> Iterator[str]:
    *counts, seconds = cells
    running = list(accumulate(counts))
    for most, count in zip((*map(str, _SECONDS), "+Inf"), running, strict=True):
        yield _line(f"{name}_bucket", f'{{le="{most}"}}', count)
    yield _line(f"{name}_sum", "", seconds)
    yield _line(f"{name}_count", "", running[-1])


def _line(name: str, labels: str, value: float) -> str:
    return f"{name}{labels} {int(value) if value == int(value) else repr(value)}"


def _resident(pid: int) -> int:
    """Bytes of memory that a process holds; 0 where nobody can say."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE
    except (OSError, IndexError, ValueError):
        return 0
