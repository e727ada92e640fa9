"""Positions with the cells round them, for joins by position; and rows that are read once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from vo_service.adql.probes.asking import Ask
from vo_service.adql.probes.cells import ORDER, cells_round, order_for
from vo_service.adql.probes.read import read
from vo_service.adql.probes.shapes import Form, Shapes, is_known, schema_of

LOW: Final = "low"
HIGH: Final = "high"
CELL: Final = "cell"
VECTOR: Final = ("ux", "uy", "uz")
_WIDER = 2
_WIDE = 9  # cells of 7 arcminutes
_FINEST = 16  # cells of 3 arcseconds


@dataclass(frozen=True, slots=True)
class CellProbe:
    """The different positions of a source with every cell that a circle round them meets.

    ``cell`` is the number at ``order``, ``low`` and ``high`` (inclusive) are the same as numbers of order 29,
    ``ux uy uz`` is the unit vector of the position.
    """

    name: str
    sql: str
    form: Form
    radius: float
    what: str
    reads: tuple[str, ...] = ()

    @property
    def order(self) -> int:
        """Order of the cells."""
        return cell_order(self.radius)

    @property
    def purpose(self) -> str:
        """As `Probe.purpose`."""
        return f"cells of order {self.order} within {self.radius:g} degrees of the positions of {self.what}"

    def answer(self, ask: Ask) -> pa.Table:
        """As `Probe.answer`."""
        table = read(ask, self.sql, ask.rows, self.what, schema_of(self.form))
        caps = Shapes(self.form, table).caps(ask)
        known = np.flatnonzero(is_known(caps))
        rows, cells = np.empty(0, np.int64), np.empty(0, np.int64)
        if len(known):
            spread, cells = cells_round(caps[known, :3], math.radians(self.radius), self.order)
            ordered = np.argsort(cells)  # neighbours are looked up one after the other
            rows, cells = known[spread[ordered]], cells[ordered]
        shift = 2 * (ORDER - self.order)
        found = table.select(self.form.names).take(pa.array(rows))
        for name, numbers in ((CELL, cells), (LOW, cells << shift), (HIGH, ((cells + 1) << shift) - 1)):
            found = found.append_column(name, pa.array(numbers, pa.int64()))
        for index, name in enumerate(VECTOR):
            found = found.append_column(name, pa.array(caps[rows, index], pa.float64()))
        return found


def cell_order(radius_deg: float) -> int:
    """The order of the cells that positions within a radius are looked up by: wide ones for small circles,
    most of which then lie in one cell, but not so wide that many positions share them."""
    order = order_for(math.radians(radius_deg))
    return min(order, max(_WIDE, order - _WIDER), _FINEST)


@dataclass(frozen=True, slots=True)
class KeptProbe:
    """The rows of a derived table, read once."""

    name: str
    sql: str
    schema: pa.Schema
    reads: tuple[str, ...] = ()

    @property
    def purpose(self) -> str:
        """As `Probe.purpose`."""
        return "rows of a derived table, which could differ if they were read twice"

    def answer(self, ask: Ask) -> pa.Table:
        """As `Probe.answer`."""
        return read(ask, self.sql, ask.rows, "a derived table", self.schema)
