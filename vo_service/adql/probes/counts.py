"""How many pairs of rows a test would be made for that is no join, before it is made."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pyarrow as pa

from vo_service.adql.errors import Place
from vo_service.adql.probes.asking import Ask, TooManyCandidates


@dataclass(frozen=True, slots=True)
class CountProbe:
    """The rows of sources of which each one meets each other in a test; the SQL gives one row of counts.

    ``whats`` names the sources, ``place`` is that of the test in the query. Nothing reads the answer. Where
    rows are ``wanted`` at most, pairs are tested for no more than these, and few of them need no counting.
    """

    name: str
    sql: str
    whats: tuple[str, ...]
    place: Place | None
    reads: tuple[str, ...] = ()
    wanted: int | None = None

    @property
    def purpose(self) -> str:
        """As `Probe.purpose`."""
        return f"rows of {' and '.join(self.whats)}, all pairs of which are tested"

    def answer(self, ask: Ask) -> pa.Table:
        """As `Probe.answer`; raises TooManyCandidates where there are more pairs than may be tested."""
        if self.wanted is not None and self.wanted <= ask.pairs:
            return pa.table({})
        table = pa.Table.from_batches(list(ask(self.sql)))
        counts = [int(column[0].as_py()) for column in table.columns]
        pairs = math.prod(counts)
        if pairs > ask.pairs:
            where = "" if self.place is None else f"line {self.place.line}, column {self.place.column}: "
            sides = " and ".join(f"{what} ({count} rows)" for what, count in zip(self.whats, counts))
            raise TooManyCandidates(
                f"{where}this test would be made for {self._share(pairs)} pairs of {sides}, "
                f"{ask.pairs} is the limit; "
                "join the tables by the test itself, under AND in ON or WHERE and with a constant radius, "
                "or by an equality, or add conditions on one of them which leave fewer rows"
                + (f", or take TOP {ask.pairs} at most" if self.wanted is not None else "")
            )
        return table

    def _share(self, pairs: int) -> str:
        some = self.wanted is not None and self.wanted < pairs
        return f"{self.wanted} of all {pairs}" if some else f"all {pairs}"
