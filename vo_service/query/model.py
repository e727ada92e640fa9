"""What is asked, by whom, and what comes back."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa

from tap_schema import Column
from vo_service.access import Rights, Viewer
from vo_service.adql import Origin
from vo_service.engines import Limits
from vo_service.query.answers import ProbeAnswers
from vo_service.query.names import Targets
from vo_service.query.plans import Plans
from vo_service.query.probing import ProbeLimits
from vo_service.query.uploads import Upload


@dataclass(frozen=True, slots=True)
class Question:
    """ADQL, the most rows wanted (None: as many as there are), the version of ADQL, tables of the user."""

    adql: str
    maxrec: int | None = None
    version: str = "2.1"
    uploads: tuple[Upload, ...] = ()


@dataclass(frozen=True, slots=True)
class Context:
    """The circumstances: who asks, when (UTC), by which address, within which limits and rule.

    ``targets`` knows where named targets are, ``plans`` and ``answers`` what was asked before: they live as
    long as the server does.
    """

    viewer: Viewer
    now: datetime
    base_url: str
    limits: Limits
    rights: Rights
    probes: ProbeLimits = field(default_factory=ProbeLimits)
    targets: Targets = field(default_factory=Targets)
    plans: Plans = field(default_factory=Plans)
    answers: ProbeAnswers = field(default_factory=ProbeAnswers)


class Answer:
    """Columns, and batches to be read once.

    ``overflowed`` says, after the last batch, whether MAXREC cut rows. ``cancel`` ends the query from any
    thread: the next batch then raises QueryCancelled. A batch of less than ``batch_rows`` is the last, as a
    rule. ``origins`` are those of the columns, in order.
    """

    def __init__(
        self,
        columns: tuple[Column, ...],
        batches: Iterator[pa.RecordBatch],
        question: Question,
        snapshot: int,
        warnings: tuple[str, ...],
        cancel: Callable[[], None],
        batch_rows: int = 0,
        origins: tuple[Origin, ...] = (),
    ) -> None:
        self.columns = columns
        self.origins = origins
        self.snapshot = snapshot
        self.warnings = warnings
        self.cancel = cancel
        self.batch_rows = batch_rows
        self.overflowed = question.maxrec == 0  # metadata were asked for: marked whatever there is (DALI-063)
        self.batches = self._cut(batches, question.maxrec)

    def _cut(
        self, batches: Iterator[pa.RecordBatch], maxrec: int | None
    ) -> Generator[pa.RecordBatch, None, None]:
        """The plan asks for one row more than wanted: if it is there, rows were cut (DALI-062)."""
        left = maxrec
        for batch in batches:
            if left is not None and batch.num_rows > left:
                self.overflowed = True
                if left:
                    yield batch.slice(0, left)
                return
            yield batch
            if left is not None:
                left -= batch.num_rows
