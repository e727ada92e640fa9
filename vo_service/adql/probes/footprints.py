"""Region columns against a constant region: which of the distinct footprints pass.

The SQL reads ``_hidden.footprint`` and returns the footprints whose cap may pass, with ``decisive`` where
the caps alone decide. What is left is settled exactly by ``sky``; the identifiers that pass are handed to the
statement as a table of the probe's name with one column ``footprint_id``.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from sqlglot import exp

from vo_service.adql.probes.asking import Ask
from vo_service.adql.probes.cells import in_ranges
from vo_service.adql.probes.tested import tested
from vo_service.adql.sql import nodes as sql
from vo_service.sky import Circle, Region, keep_short
from vo_service.sky.shapes import Shapes

_USUAL_RAD = 2e-2
"""Radius of caps (1.1 degrees) up to which footprints are looked up by pixel ranges; larger ones are rare."""
_WIDEST = math.radians(60.0)
_ROUNDING = 1e-13
HIDDEN: Final = "_hidden"
FOOTPRINTS: Final = "footprint"
STAGED: Final = "staged_footprint"
_CAP: Final = ("cap_x", "cap_y", "cap_z", "cap_r")
_COLUMNS = ("footprint_id", "region", *_CAP)
_KEPT = 500
_TESTS: Final[Mapping[str, Literal["intersects", "covers", "inside"]]] = {
    "intersects": "intersects",
    "inside": "inside",
    "holds": "covers",
}


@dataclass(frozen=True, slots=True)
class FootprintProbe:
    """One question to the footprints.

    ``test``: ``intersects`` (footprint and region share a point), ``inside`` (the footprint lies wholly in
    the region), ``holds`` (the region lies wholly in the footprint; for a position a circle of radius 0).
    The SQL gives ``footprint_id`` (long), ``region`` (STC-S), ``decisive`` (boolean: passes for certain);
    for a set of cells the caps too (``cap_x`` to ``cap_r``), which decide nearly all, so that few texts have
    to be read.
    """

    name: str
    sql: str
    region: Region
    test: str
    reads: tuple[str, ...] = ()

    @property
    def purpose(self) -> str:
        """As `Probe.purpose`."""
        return f"footprints, {self.test} {self.region.brief()}"

    def answer(self, ask: Ask) -> pa.Table:
        """As `Probe.answer`: the footprints whose caps decide it, and those that the exact test lets pass."""
        passed = [pa.array([], pa.int64())]
        mine = Shapes.of([self.region])
        for batch in ask(self.sql):
            keys, decisive = batch["footprint_id"], batch["decisive"].to_numpy(zero_copy_only=False)
            sure = decisive.astype(bool)
            fails = self._fails(batch, sure)
            open_rows = np.flatnonzero(~sure & ~fails)
            shapes = Shapes.of_texts(batch["region"].take(pa.array(open_rows)))
            verdicts = tested(_TESTS[self.test], shapes, mine, ask)
            sure[open_rows] = verdicts == 1
            passed.append(keys.filter(pa.array(sure)))
        return pa.table({"footprint_id": pa.chunked_array(passed, pa.int64())})

    def _fails(self, batch: pa.RecordBatch, sure: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Rows that surely fail by their caps, where these are given; rows that surely pass are marked as
        ``sure``."""
        if "cap_r" not in batch.schema.names:
            return np.zeros(len(sure), dtype=bool)
        x, y, z, radius = (batch[name].to_numpy() for name in _CAP)
        apart, inside = self.region.against_caps(np.stack([x, y, z], axis=1), radius)
        sure |= inside & _is_something(batch["region"])
        return apart


def _is_something(texts: pa.Array) -> NDArray[np.bool_]:
    """Which texts are of a circle or a polygon; all else may be empty, whatever its cap."""
    plain = pc.or_(pc.starts_with(texts, "Circle "), pc.starts_with(texts, "Polygon "))
    found: NDArray[np.bool_] = plain.to_numpy(zero_copy_only=False)
    return found


@keep_short(_KEPT)
def make_probe(region: Region, test: str, dialect: str, hidden: str = HIDDEN) -> FootprintProbe:
    """The probe of a test; equal tests have equal names. ``hidden`` is the engine's name of that schema."""
    digest = hashlib.blake2b(f"{test} {region.brief()}".encode(), digest_size=6).hexdigest()
    text = _write(region, test, hidden).sql(dialect=dialect, identify=True, comments=False, copy=False)
    return FootprintProbe(f"probe_{digest}", text, region, test)


def read_probe(probe: FootprintProbe, staged: sql.Sql | None, hidden: str = HIDDEN) -> exp.Query:
    """What rows may name that passes: the footprints, and the pairs of which the one that is shown does.

    ``staged`` is that one of a pair, over its columns; None where there are no pairs.
    """
    passed = exp.Select(expressions=[_column("footprint_id")])
    passed = passed.from_(exp.to_identifier(probe.name, quoted=True), copy=False)
    if staged is None:
        return passed
    shown = exp.In(this=staged.copy(), query=exp.Subquery(this=passed.copy()))
    pairs = exp.Select(expressions=[_column("footprint_id")], where=exp.Where(this=shown))
    pairs = pairs.from_(exp.table_(STAGED, db=hidden, quoted=True), copy=False)
    return exp.Union(this=passed, expression=pairs, distinct=False)


def _column(name: str) -> sql.Sql:
    return exp.column(name, quoted=True)


def _write(region: Region, test: str, hidden: str) -> exp.Select:
    cap = region.cap()
    squared = _squared_chord((cap.x, cap.y, cap.z))
    radius = _column("cap_r")
    # the chord to the cap's centre, when the caps touch; a sum of radii beyond pi always touches
    reach = sql.plus(radius, sql.number(cap.radius + _ROUNDING))
    if test == "holds":
        reach = sql.number(math.pi) if cap.radius > math.pi else sql.plus(radius, sql.number(_ROUNDING))
    touching = sql.either(
        [sql.at_least(reach, sql.number(math.pi)), sql.at_most(squared, _chord_squared(reach))]
    )
    decisive = _decisive(region, test, squared, radius)
    columns = [_column("footprint_id"), _column("region"), sql.labelled(decisive, "decisive")]
    if region.by_cells and test == "intersects":
        columns += map(_column, _CAP)
    select = exp.Select(expressions=columns).from_(_candidates(region, radius, hidden), copy=False)
    select.set("where", exp.Where(this=touching))
    return select


def _candidates(region: Region, radius: sql.Sql, hidden: str) -> sql.Sql:
    """Footprints of usual size by pixel ranges, and all larger ones.

    Two queries and not an OR: the engine leaves out what it knows to lie outside of a range only where the
    range stands alone.
    """
    table = exp.table_(FOOTPRINTS, db=hidden, quoted=True)
    if region.cap().radius > _WIDEST:
        return table
    usual = sql.number(_USUAL_RAD)
    near = in_ranges(_column("hpx29"), region.hpx29_ranges(_USUAL_RAD + _ROUNDING))
    parts = [
        exp.Select(expressions=[_column(name) for name in _COLUMNS], where=exp.Where(this=condition)).from_(
            table.copy(), copy=False
        )
        for condition in (sql.both([sql.at_most(radius, usual), near]), sql.below(usual, radius))
    ]
    both = exp.Union(this=parts[0], expression=parts[1], distinct=False)
    return exp.Subquery(this=both, alias=exp.TableAlias(this=exp.to_identifier("near", quoted=True)))


def _squared_chord(centre: Sequence[float]) -> sql.Sql:
    parts = []
    for name, value in zip(("cap_x", "cap_y", "cap_z"), centre):
        difference = sql.minus(_column(name), sql.number(value))
        parts.append(sql.times(difference, difference))
    return sql.plus(sql.plus(parts[0], parts[1]), parts[2])


def _chord_squared(angle: sql.Sql) -> sql.Sql:
    """4 sin^2(angle / 2)."""
    sine = sql.call("sin", sql.times(angle, sql.number(0.5)))
    return sql.times(sql.number(4.0), sql.times(sine, sine))


def _decisive(region: Region, test: str, squared: sql.Sql, radius: sql.Sql) -> sql.Sql:
    """Certain without a look at the shape: the footprint's cap lies wholly inside a constant circle."""
    if test == "holds" or not isinstance(region, Circle) or region.radius > 90.0:
        return exp.false()
    room = sql.minus(sql.number(math.radians(region.radius) - _ROUNDING), radius)
    return sql.both([sql.at_least(room, sql.zero()), sql.at_most(squared, _chord_squared(room))])
