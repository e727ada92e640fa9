"""What the current holdings cover, found by queries as anybody could ask them: metadata alone, so that the
answer does not depend on rights (design 4.3)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from capabilities.records import Extent
from vo_service.access import ANONYMOUS, Rights
from vo_service.engines import Engine, Limits
from vo_service.query import Context, Question, ask
from vo_service.sky import Moc
from vo_service.sky.cell_ranges import ORDER
from vo_service.sky.cells import middles_of
from vo_service.sky.covers import cells_beside, cells_round, circles_of_cells, orders_round
from vo_service.store import Snapshot

MOC_ORDER = 6
"""Of the coverage in records: cells of 0.9 degrees, some 100 kB at most (REG-121)."""

_FINE = 9  # order of the cells by which fields are gathered
_GAP_DAYS = 30  # the slots by which times are gathered; spans nearer than that are one
_WAVE_SLOTS = 20  # in a decade of wavelengths: what begins in one of them is one span
_GAP_OCTAVES = 0.1  # spans nearer than that, as a base-2 logarithm of wavelengths, are one too
_SPANS = 50  # at most, of time
_BLOCK = 20_000  # fields looked at in one step: each has some hundred cells round it
_NAMES = 20
_FIELDS = """\
SELECT cell, MAX(width) AS width
FROM (SELECT ivo_healpix_index({0}, s_ra, s_dec) AS cell, s_fov AS width
      FROM ivoa.obscore WHERE s_ra IS NOT NULL AND s_dec IS NOT NULL) AS fields
GROUP BY cell"""
_TIMES = """\
SELECT MIN(t_min) AS low, MAX(t_max) AS high
FROM (SELECT FLOOR(t_min / {0}) AS slot, t_min, t_max
      FROM ivoa.obscore WHERE t_min IS NOT NULL AND t_max IS NOT NULL) AS times
GROUP BY slot"""
_WAVES = """\
SELECT MIN(em_min) AS low, MAX(em_max) AS high
FROM (SELECT FLOOR({0} * LOG10(em_min)) AS slot, em_min, em_max
      FROM ivoa.obscore WHERE em_min > 0 AND em_max IS NOT NULL) AS waves
GROUP BY slot"""
_NAMED = "SELECT DISTINCT {0} FROM ivoa.obscore WHERE {0} IS NOT NULL ORDER BY {0}"


@dataclass(frozen=True, slots=True)
class Asking:
    """How the holdings are asked: rule of rights, limits of each query, the clock."""

    rights: Rights
    limits: Limits
    clock: Callable[[], datetime]


def extent_of(snapshot: Snapshot, engine: Engine, asking: Asking) -> Extent:
    """What the rows of ivoa.obscore cover. Raises AdqlError, EngineError and StoreError where they cannot be
    asked."""

    def answer(adql: str, most: int | None = None) -> pa.Table:
        context = Context(ANONYMOUS, asking.clock(), "", asking.limits, asking.rights)
        with ask(Question(adql, most), context, snapshot, engine) as answered:
            batches = list(answered.batches)
        return pa.Table.from_batches(batches) if batches else pa.table({})

    def names(column: str) -> tuple[str, ...]:
        found = answer(_NAMED.format(column), _NAMES)
        return tuple(found[column].to_pylist()) if found.num_rows else ()

    fields = answer(_FIELDS.format(_FINE))
    return Extent(
        moc=moc_of_fields(_numbers(fields, "cell"), _numbers(fields, "width")) if fields.num_rows else None,
        times=near_days_merged(_pairs(answer(_TIMES.format(_GAP_DAYS)))),
        wavelengths=near_octaves_merged(_pairs(answer(_WAVES.format(_WAVE_SLOTS)))),
        facilities=names("facility_name"),
        instruments=names("instrument_name"),
    )


def moc_of_fields(cells: NDArray[np.float64], widths: NDArray[np.float64]) -> str:
    """ASCII MOC that holds all fields: each has its centre somewhere in a cell of order 9, and a width in
    degrees (NaN where that is not known)."""
    numbers = cells.astype(np.uint64)
    _, reach = circles_of_cells(numbers[:1], _FINE)
    radii = np.minimum(np.radians(np.nan_to_num(widths)) / 2.0 + reach, math.pi)
    found = [_coarse(numbers.astype(np.int64), _FINE)]
    orders = orders_round(radii)
    at_rims = _reach_further(numbers, orders, found[0])
    for order in np.unique(orders[at_rims]):
        chosen = np.flatnonzero(at_rims & (orders == order))
        if order < 0:  # wider than any cell of order 0
            found.append(np.arange(12 * 4**MOC_ORDER, dtype=np.int64))
            continue
        for start in range(0, len(chosen), _BLOCK):
            some = chosen[start : start + _BLOCK]
            around, finer, near = cells_round(middles_of(numbers[some], _FINE), radii[some], int(order))
            found.append(_coarse(around[near], finer))
    kept = np.unique(np.concatenate(found))
    return Moc(np.stack((kept, kept + 1), axis=1) << 2 * (ORDER - MOC_ORDER)).to_ascii()


def _reach_further(
    numbers: NDArray[np.uint64], orders: NDArray[np.int64], kept: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which fields may reach cells that are not ``kept`` anyway: all but the small ones in the midst of
    others."""
    beside = cells_beside(kept.astype(np.uint64), MOC_ORDER)
    inner: NDArray[np.bool_] = np.all((beside < 0) | np.isin(beside, kept), axis=1)
    own = np.searchsorted(kept, (numbers >> np.uint64(2 * (_FINE - MOC_ORDER))).astype(np.int64))
    further: NDArray[np.bool_] = (orders < MOC_ORDER) | ~inner[own]
    return further


def _coarse(cells: NDArray[np.int64], order: int) -> NDArray[np.int64]:
    """The cells of `MOC_ORDER` that hold these, or are within them."""
    if order >= MOC_ORDER:
        return np.unique(cells >> (2 * (order - MOC_ORDER)))
    children = 4 ** (MOC_ORDER - order)
    grown: NDArray[np.int64] = (np.unique(cells)[:, None] * children + np.arange(children)).ravel()
    return grown


def _numbers(table: pa.Table, column: str) -> NDArray[np.float64]:
    return np.asarray(table[column].cast(pa.float64()).to_numpy(), dtype=np.float64)


def _pairs(table: pa.Table) -> list[tuple[float, float]]:
    if table.num_rows == 0:
        return []
    return list(zip(table["low"].to_pylist(), table["high"].to_pylist(), strict=True))


def near_days_merged(spans: Iterable[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Spans of days as records tell them: sorted, near ones one, not too many."""
    return _few(_merged(spans, _days_apart))


def near_octaves_merged(spans: Iterable[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Spans of wavelengths as records tell them: sorted, near ones one."""
    return _merged(spans, _octaves_apart)


def _merged(
    spans: Iterable[tuple[float, float]], apart: Callable[[float, float], bool]
) -> tuple[tuple[float, float], ...]:
    """Sorted spans, with those made one that overlap or are not far ``apart``."""
    merged: list[tuple[float, float]] = []
    for low, high in sorted(spans):
        if merged and not apart(merged[-1][1], low):
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return tuple(merged)


def _days_apart(end: float, start: float) -> bool:
    return start - end > _GAP_DAYS


def _octaves_apart(end: float, start: float) -> bool:
    return math.log2(start / end) > _GAP_OCTAVES


def _few(spans: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    """The spans, the narrowest gaps closed where there are too many."""
    if len(spans) <= _SPANS:
        return spans
    gaps = sorted(later[0] - earlier[1] for earlier, later in pairwise(spans))
    widest_closed = gaps[-_SPANS]
    return _merged(spans, lambda end, start: start - end > widest_closed)
