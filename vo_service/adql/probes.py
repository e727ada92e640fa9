"""Region columns against a constant region: which of the distinct footprints pass.

A probe's SQL reads ``_hidden.footprint`` and returns the footprints whose cap may pass, with ``decisive``
where the caps alone decide. What is left is settled exactly by :meth:`Probe.passes`; the identifiers that
pass are handed to the main statement as a table of the probe's name with one column ``footprint_id``.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from sqlglot import exp

from vo_service.adql import sql_nodes as sql
from vo_service.sky import Circle, Region, unit_vectors

_USUAL_RAD = 2e-2
"""Radius of caps (1.1 degrees) up to which footprints are looked up by pixel ranges; larger ones are rare."""
_WIDEST = math.radians(60.0)
_ROUNDING = 1e-13
_TABLE = ("_hidden", "footprint")
_STAGED = ("_hidden", "staged_footprint")
_COLUMNS = ("footprint_id", "region", "cap_x", "cap_y", "cap_z", "cap_r")
_SPARE = 12 * 4**29 // 10_000
"""Pixels (a ten-thousandth of the sky) that may be looked at for nothing: rows cost less than ranges do."""
_RANGES_AT_MOST = 8


@dataclass(frozen=True, slots=True)
class Probe:
    """One question to the footprints.

    ``test``: ``intersects`` (footprint and region share a point), ``inside`` (the footprint lies wholly in
    the region), ``holds`` (the region lies wholly in the footprint; for a position a circle of radius 0).
    The SQL gives ``footprint_id`` (long), ``region`` (STC-S), ``decisive`` (boolean: passes for certain).
    """

    name: str
    sql: str
    region: Region
    test: str
    parameters: tuple[object, ...] = ()

    def passes(self, footprint: Region) -> bool:
        """Whether a footprint passes, exactly."""
        if self.test == "intersects":
            return footprint.intersects(self.region)
        if self.test == "inside":
            return self.region.covers(footprint)
        if isinstance(self.region, Circle) and self.region.radius == 0.0:
            return bool(footprint.contains(unit_vectors(self.region.lon, self.region.lat))[0])
        return footprint.covers(self.region)


def make_probe(region: Region, test: str, dialect: str) -> Probe:
    """The probe of a test; equal tests have equal names."""
    digest = hashlib.blake2b(f"{test} {region.to_stcs()}".encode(), digest_size=6).hexdigest()
    return Probe(
        f"probe_{digest}", _write(region, test).sql(dialect=dialect, identify=True, copy=False), region, test
    )


def read_probe(probe: Probe, staged: sql.Sql | None) -> exp.Query:
    """What rows may name that passes: the footprints, and the pairs of which the one that is shown does.

    ``staged`` is that one of a pair, over its columns; None where there are no pairs.
    """
    passed = exp.Select(expressions=[_column("footprint_id")])
    passed = passed.from_(exp.to_identifier(probe.name, quoted=True), copy=False)
    if staged is None:
        return passed
    shown = exp.In(this=staged.copy(), query=exp.Subquery(this=passed.copy()))
    pairs = exp.Select(expressions=[_column("footprint_id")], where=exp.Where(this=shown))
    pairs = pairs.from_(exp.table_(_STAGED[1], db=_STAGED[0], quoted=True), copy=False)
    return exp.Union(this=passed, expression=pairs, distinct=False)


def _column(name: str) -> sql.Sql:
    return exp.column(name, quoted=True)


def _write(region: Region, test: str) -> exp.Select:
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
    select = exp.Select(expressions=columns).from_(_candidates(region, radius), copy=False)
    select.set("where", exp.Where(this=touching))
    return select


def _candidates(region: Region, radius: sql.Sql) -> sql.Sql:
    """Footprints of usual size by pixel ranges, and all larger ones.

    Two queries and not an OR: the engine leaves out what it knows to lie outside of a range only where the
    range stands alone.
    """
    table = exp.table_(_TABLE[1], db=_TABLE[0], quoted=True)
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


def in_ranges(cell: sql.Sql, ranges: Sequence[tuple[int, int]]) -> sql.Sql:
    """Whether a pixel number lies in one of the half-open ranges, or in a gap between them that is not worth
    its SQL; their hull comes first, for zone maps. Whatever passes has to be tested exactly.
    """
    if not ranges:
        return exp.false()
    between = [_between(cell, low, high) for low, high in coarser(ranges)]
    if len(between) == 1:
        return between[0]
    return sql.both([_between(cell, ranges[0][0], ranges[-1][1]), sql.either(between)])


def coarser(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same ranges with narrow gaps closed: few are left, and little is added."""
    gaps = sorted((after[0] - before[1], after[0]) for before, after in pairwise(ranges))
    kept: set[int] = set()  # where the ranges that stay apart begin
    spare = _SPARE
    for index, (width, start) in enumerate(gaps):
        spare -= width
        if spare < 0 and len(gaps) - index < _RANGES_AT_MOST:
            kept.add(start)
    merged: list[tuple[int, int]] = []
    for low, high in ranges:
        if merged and low not in kept:
            merged[-1] = (merged[-1][0], high)
        else:
            merged.append((low, high))
    return merged


def _between(cell: sql.Sql, low: int, high: int) -> sql.Sql:
    return exp.Between(this=sql.own(cell), low=exp.Literal.number(low), high=exp.Literal.number(high - 1))
