"""Tests between shapes of one row: each different set of shapes is tested once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa

from vo_service.adql.probes.asking import Ask
from vo_service.adql.probes.read import read
from vo_service.adql.probes.shapes import Form, Shapes, is_known, meet, schema_of
from vo_service.adql.probes.tested import tested

PASSES = "passes"


@dataclass(frozen=True, slots=True)
class ValueProbe:
    """The shapes of rows, in the columns of their keys: those that pass, and (``passes`` NULL) those of
    which it cannot be said. All others do not pass.
    """

    name: str
    sql: str
    left: Form
    right: Form
    test: Literal["intersects", "inside"]
    what: str
    reads: tuple[str, ...] = ()

    @property
    def purpose(self) -> str:
        """As `Probe.purpose`."""
        return f"shapes of the rows of {self.what}, {self.test}"

    def answer(self, ask: Ask) -> pa.Table:
        """As `Probe.answer`."""
        names = [*self.left.names, *self.right.names]
        table = read(ask, self.sql, ask.rows, self.what, schema_of(self.left, self.right))
        left, right = Shapes(self.left, table), Shapes(self.right, table)
        one, other = left.caps(ask), right.caps(ask)
        known = is_known(one) & is_known(other)
        near = np.flatnonzero(known & meet(one, other))
        verdicts = np.where(known, 0, -1).astype(np.int8)
        verdicts[near] = tested(self.test, left.columns(near, ask), right.columns(near, ask), ask)
        kept = np.flatnonzero(verdicts != 0)
        answer = table.select(names).take(pa.array(kept))
        passes = pa.array(verdicts[kept] == 1, pa.bool_(), mask=verdicts[kept] == -1)
        return answer.append_column(PASSES, passes)
