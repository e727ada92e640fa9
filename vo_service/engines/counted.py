"""An engine whose statements are counted while they run, for the figures that operators see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

import pyarrow as pa

from vo_service.engines.interface import Batches, Engine, Limits, Statement


class Tally(Protocol):
    """Keeps count of a process's statements. Called from many threads."""

    def started(self) -> None:
        """A statement has been sent to the engine."""
        ...

    def gave(self, rows: int) -> None:
        """The engine has given rows of one that runs."""
        ...

    def ended(self) -> None:
        """A statement no longer runs in the engine: read to its end, failed, or stopped."""
        ...


class CountedEngine:
    """``engine``, with everything it runs told to ``tally``."""

    def __init__(self, engine: Engine, tally: Tally) -> None:
        self._engine = engine
        self._tally = tally

    @property
    def dialect(self) -> str:
        """As `Engine.dialect`."""
        return self._engine.dialect

    @property
    def schemas(self) -> Mapping[str, str]:
        """As `Engine.schemas`."""
        return self._engine.schemas

    @contextmanager
    def run(self, statement: Statement, limits: Limits) -> Iterator[Batches]:
        """As `Engine.run`."""
        with self._engine.run(statement, limits) as batches:
            yield Batches(self._counted(batches.stream), batches.cancel)

    def explain(self, statement: Statement) -> str:
        """As `Engine.explain`."""
        return self._engine.explain(statement)

    def close(self) -> None:
        """As `Engine.close`."""
        self._engine.close()

    def _counted(self, stream: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        self._tally.started()
        try:
            for batch in stream:
                self._tally.gave(batch.num_rows)
                yield batch
        finally:
            self._tally.ended()
