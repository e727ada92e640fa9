"""What a probe is: a question that is settled before the statement which reads its answer runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

import pyarrow as pa


class TooManyCandidates(RuntimeError):
    """A probe would have to look at more than it may; says why, and what would make it fewer."""


class Ask(Protocol):
    """Runs SQL of a probe on the engine of the question, within what is left of the question's time."""

    def __call__(self, sql: str, handed: Mapping[str, pa.Table] = ...) -> Iterator[pa.RecordBatch]:
        """The rows. ``handed`` are tables that this SQL reads; those of ``Probe.reads`` are there anyway."""
        ...

    @property
    def rows(self) -> int:
        """Rows that a probe may read at most."""
        ...

    @property
    def pairs(self) -> int:
        """Pairs that a probe may test at most."""
        ...

    def check(self) -> None:
        """Raises what ends the question where its time is up or somebody stopped it."""
        ...


class Probe(Protocol):
    """One question to the engine, and what is to be worked out of its answer.

    ``sql`` asks for candidates, written as everything else is: with the sources of computed and masked
    columns and with the rows that the viewer may see. The statement reads what ``answer`` makes as a table
    called ``name``. ``reads`` are the uploads and the former probes that the SQL reads itself.
    """

    @property
    def name(self) -> str:
        """Name of the table that the statement reads."""
        ...

    @property
    def sql(self) -> str:
        """The candidates."""
        ...

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of handed tables in the SQL."""
        ...

    @property
    def purpose(self) -> str:
        """What it is for, for people to read."""
        ...

    def answer(self, ask: Ask) -> pa.Table:
        """The table that the statement reads. Raises TooManyCandidates, and what ``ask`` raises."""
        ...
