"""The small interface that every engine has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with its parameters, and tables that exist for this one statement under the names it uses."""

    sql: str
    parameters: tuple[object, ...] = ()
    tables: Mapping[str, pa.Table] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one statement may take, wall-clock seconds, and the rows of a batch.

    Memory is a limit of an engine, given when it is opened: see `DuckDBEngine` and `PostgreSQLEngine`.
    """

    seconds: float
    batch_rows: int


@dataclass(frozen=True, slots=True)
class Batches:
    """A result on its way: read once, in bounded memory; reading raises EngineError.

    The statement starts with the first batch, so that ``cancel`` can end it from any thread before anything
    was computed: the reader then gets QueryCancelled. Types of columns are known from the plan of the query;
    a result without rows has no batch.
    """

    stream: Iterator[pa.RecordBatch]
    cancel: Callable[[], None]


class Engine(Protocol):
    """Runs statements on one immutable snapshot; safe for several threads."""

    @property
    def dialect(self) -> str:
        """The name by which sqlglot knows the engine's SQL."""
        ...

    @property
    def schemas(self) -> Mapping[str, str]:
        """What the engine calls the schemas of the snapshot, where it does not call them by their names."""
        ...

    def run(self, statement: Statement, limits: Limits) -> AbstractContextManager[Batches]:
        """Get a statement ready; leaving the context ends it, wherever it is, and frees what it held."""
        ...

    def explain(self, statement: Statement) -> str:
        """How the engine would run a statement, in its own words, without running it. Raises EngineError."""
        ...

    def close(self) -> None:
        """End everything that runs and let go of the files."""
        ...
