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

from sqlglot import exp

from vo_service.adql import function_sql as sql
from vo_service.sky import Circle, Region, unit_vectors

_CLASSES_RAD = (1e-3, 2e-2)
"""Radii of caps (3.4 arcmin, 1.1 degrees) up to which footprints are looked up by pixel ranges."""
_WIDEST = math.radians(60.0)
_ROUNDING = 1e-13
_TABLE = ("_hidden", "footprint")


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
    table = exp.table_(_TABLE[1], db=_TABLE[0], quoted=True)
    terms = [touching]
    narrowed = _by_ranges(region, radius)
    if narrowed is not None:
        terms.insert(0, narrowed)
    select = exp.Select(expressions=columns).from_(table, copy=False)
    select.set("where", exp.Where(this=sql.both(terms)))
    return select


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


def _by_ranges(region: Region, radius: sql.Sql) -> sql.Sql | None:
    """Pixel ranges for footprints of each class of size; the largest ones are always looked at."""
    if region.cap().radius > _WIDEST:
        return None
    terms: list[sql.Sql] = [sql.below(sql.number(_CLASSES_RAD[-1]), radius)]
    for limit in _CLASSES_RAD:
        ranges = region.hpx29_ranges(limit + _ROUNDING)
        terms.append(sql.both([sql.at_most(radius, sql.number(limit)), in_ranges(_column("hpx29"), ranges)]))
    return sql.either(terms)


def in_ranges(cell: sql.Sql, ranges: Sequence[tuple[int, int]]) -> sql.Sql:
    """Whether a pixel number lies in one of the half-open ranges; their hull comes first, for zone maps."""
    if not ranges:
        return exp.false()
    between = [_between(cell, low, high) for low, high in ranges]
    if len(between) == 1:
        return between[0]
    return sql.both([_between(cell, ranges[0][0], ranges[-1][1]), sql.either(between)])


def _between(cell: sql.Sql, low: int, high: int) -> sql.Sql:
    return exp.Between(this=sql.own(cell), low=exp.Literal.number(low), high=exp.Literal.number(high - 1))
