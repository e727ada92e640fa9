"""Pairs of shapes of two sources: found by their caps, then tested one by one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vo_service.adql.probes.asking import Ask, TooManyCandidates
from vo_service.adql.probes.cells import ORDER, cells_round, order_for
from vo_service.adql.probes.read import read
from vo_service.adql.probes.shapes import Floats, Form, Shapes, is_known, meet, schema_of
from vo_service.adql.probes.tested import tested
from vo_service.adql.probes.values import PASSES
from vo_service.sky import healpix29, positions

Numbers = NDArray[np.int64]
_STEP = 4.0
"""Caps of radii that differ by less than this factor are looked up together."""
_WIDE = 0.5  # radians: caps that reach this far are not looked up by cells
_AT_ONCE = 200_000


@dataclass(frozen=True, slots=True)
class PairProbe:
    """Pairs of shapes that pass, in the columns of the keys of both sides.

    Without a ``test`` the statement makes the exact one: those whose caps meet. With ``unknown`` the answer
    tells as well (``passes`` NULL, the other side's keys NULL) which shapes of a side are none.
    """

    name: str
    sql: str
    other_sql: str
    left: Form
    right: Form
    test: Literal["intersects", "inside"] | None
    whats: tuple[str, str]
    unknown: bool = False
    reads: tuple[str, ...] = ()

    @property
    def purpose(self) -> str:
        """As `Probe.purpose`."""
        return f"pairs of shapes of {self.whats[0]} and {self.whats[1]}, {self.test or 'within reach'}"

    def answer(self, ask: Ask) -> pa.Table:
        """As `Probe.answer`."""
        here = read(ask, self.sql, ask.rows, self.whats[0], schema_of(self.left))
        there = read(ask, self.other_sql, ask.rows, self.whats[1], schema_of(self.right))
        left, right = Shapes(self.left, here), Shapes(self.right, there)
        found = [_pairs(here, there, self.left, self.right, _no_rows(), _no_rows())]
        if here.num_rows and there.num_rows:
            one, other = left.caps(ask), right.caps(ask)
            rows, others = self._candidates(one, other, ask)
            if self.test is not None and len(rows):
                passing = tested(self.test, left.columns(rows, ask), right.columns(others, ask), ask) == 1
                rows, others = rows[passing], others[passing]
            found.append(_pairs(here, there, self.left, self.right, rows, others))
            if self.unknown:
                for side, caps in ((self.left, one), (self.right, other)):
                    nothing = np.flatnonzero(~is_known(caps))
                    a, b = (nothing, None) if side is self.left else (None, nothing)
                    found.append(_pairs(here, there, self.left, self.right, a, b))
        return pa.concat_tables(found)

    def _candidates(self, one: Floats, other: Floats, ask: Ask) -> tuple[Numbers, Numbers]:
        rows, others, count = [], [], 0
        for a, b in pairs_of_caps(one, other):
            ask.check()
            count += len(a)
            if count > ask.pairs:
                raise TooManyCandidates(
                    f"more than {ask.pairs} pairs of {self.whats[0]} and {self.whats[1]} would be tested one "
                    "by one; add a condition on one of the two which leaves fewer rows"
                )
            rows.append(a)
            others.append(b)
        return np.concatenate([_no_rows(), *rows]), np.concatenate([_no_rows(), *others])


def pairs_of_caps(one: Floats, other: Floats) -> Iterator[tuple[Numbers, Numbers]]:
    """Row numbers of all pairs of caps (``x y z r``) that may have a point in common, a piece at a time."""
    for mine, my_reach in _classes(one):
        for theirs, their_reach in _classes(other):
            reach = my_reach + their_reach + 1e-12
            if reach > _WIDE:
                yield from _all_pairs(one, other, mine, theirs)
            elif len(mine) <= len(theirs):
                yield from _by_cells(one, other, mine, theirs, reach)
            else:
                for b, a in _by_cells(other, one, theirs, mine, reach):
                    yield a, b


def _classes(caps: Floats) -> list[tuple[Numbers, float]]:
    """Rows with caps of about one radius, and the largest of these."""
    known = np.flatnonzero(is_known(caps))
    if not len(known):
        return []
    radii = caps[known, 3]
    numbers = np.floor(np.log(np.maximum(radii, 1e-10)) / math.log(_STEP)).astype(np.int64)
    return [
        (known[numbers == number], float(radii[numbers == number].max())) for number in np.unique(numbers)
    ]


def _by_cells(
    one: Floats, other: Floats, mine: Numbers, theirs: Numbers, reach: float
) -> Iterator[tuple[Numbers, Numbers]]:
    """Pairs by equal cells: those of ``mine`` are spread over all cells within reach."""
    order = order_for(reach)
    cells = healpix29(*positions(other[theirs, :3])) >> (2 * (ORDER - order))
    sorting = np.argsort(cells, kind="stable")
    theirs, cells = theirs[sorting], cells[sorting]
    for start in range(0, len(mine), _AT_ONCE // 10):
        some = mine[start : start + _AT_ONCE // 10]
        spread, wanted = cells_round(one[some, :3], reach, order)
        first, last = np.searchsorted(cells, wanted, "left"), np.searchsorted(cells, wanted, "right")
        counts = last - first
        for low, high in _pieces(counts):
            a = np.repeat(some[spread[low:high]], counts[low:high])
            within = np.arange(len(a)) - np.repeat(
                np.cumsum(counts[low:high]) - counts[low:high], counts[low:high]
            )
            b = theirs[np.repeat(first[low:high], counts[low:high]) + within]
            near = meet(one[a], other[b])
            yield a[near], b[near]


def _pieces(counts: Numbers) -> Iterator[tuple[int, int]]:
    """Stretches of rows with not too many pairs in each."""
    total = np.cumsum(counts)
    start = 0
    while start < len(counts):
        before = int(total[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(total, before + _AT_ONCE, "right")))
        yield start, stop
        start = stop


def _all_pairs(
    one: Floats, other: Floats, mine: Numbers, theirs: Numbers
) -> Iterator[tuple[Numbers, Numbers]]:
    step = max(1, _AT_ONCE // len(theirs))
    for start in range(0, len(mine), step):
        some = mine[start : start + step]
        a, b = np.repeat(some, len(theirs)), np.tile(theirs, len(some))
        near = meet(one[a], other[b])
        yield a[near], b[near]


def _pairs(
    here: pa.Table, there: pa.Table, left: Form, right: Form, rows: Numbers | None, others: Numbers | None
) -> pa.Table:
    """The keys of both sides, row by row; of a side without rows NULL."""
    count = len(rows if rows is not None else others if others is not None else ())
    columns = {}
    for table, form, taken in ((here, left, rows), (there, right, others)):
        for name in form.names:
            column = table[name]
            columns[name] = pa.nulls(count, column.type) if taken is None else column.take(pa.array(taken))
    passes = pa.array(np.full(count, True), mask=np.full(count, rows is None or others is None))
    return pa.table({**columns, PASSES: passes})


def _no_rows() -> Numbers:
    return np.empty(0, np.int64)
