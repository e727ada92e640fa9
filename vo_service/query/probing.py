"""Probes of a question: one after the other, within the time that the whole question has."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import pyarrow as pa

from vo_service.adql import Probe, TooManyCandidates
from vo_service.engines import Engine, Limits, QueryTimeout, QueryTooLarge, Statement
from vo_service.query.stopping import Stop

_BATCH_ROWS = 50_000
_NOTHING: Mapping[str, pa.Table] = {}

Remember = Callable[[Probe, Callable[[], pa.Table]], pa.Table]
"""The answer of a probe as it was before, or as it is found now."""


class Deadline:
    """The one clock of a question; it stands still between its plan and the first row that is asked for."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._end = time.monotonic() + limits.seconds

    def limits(self) -> Limits:
        """The limits of a statement that begins now. Raises QueryTimeout where no time is left."""
        left = self._end - time.monotonic()
        if left <= 0.0:
            raise QueryTimeout("the limit of time was reached")
        return replace(self._limits, seconds=left)


@dataclass(frozen=True, slots=True)
class ProbeLimits:
    """Rows that a probe may read, and pairs that it may test; a question beyond is refused."""

    rows: int = 2_000_000
    pairs: int = 5_000_000


@dataclass(frozen=True, slots=True)
class Asking:
    """How a probe asks: on the engine of the question, with what it reads handed over."""

    engine: Engine
    deadline: Deadline
    stop: Stop
    handed: Mapping[str, pa.Table]
    most: ProbeLimits

    @property
    def rows(self) -> int:
        """As `adql.probes.Ask`."""
        return self.most.rows

    @property
    def pairs(self) -> int:
        """As `adql.probes.Ask`."""
        return self.most.pairs

    def __call__(self, sql: str, handed: Mapping[str, pa.Table] = _NOTHING) -> Iterator[pa.RecordBatch]:
        """As `adql.probes.Ask`."""
        limits = replace(self.deadline.limits(), batch_rows=_BATCH_ROWS)
        statement = Statement(sql, tables={**self.handed, **handed})
        with self.engine.run(statement, limits) as found, self.stop.ending(found.cancel):
            yield from found.stream

    def check(self) -> None:
        """Raises QueryTimeout or QueryCancelled where that is due."""
        self.deadline.limits()
        self.stop.check()


def settle(probes: Sequence[Probe], asking: Asking, remember: Remember) -> dict[str, pa.Table]:
    """The answers of the probes, and the tables that ``asking`` hands over, by the names that statements
    read.

    Raises EngineError; QueryTooLarge for a probe that would have to look at more than it may.
    """
    known = dict(asking.handed)
    for probe in probes:
        ask = replace(asking, handed={name: known[name] for name in probe.reads})
        try:
            known[probe.name] = remember(probe, partial(probe.answer, ask))
        except TooManyCandidates as error:
            raise QueryTooLarge(str(error)) from error
    return known
