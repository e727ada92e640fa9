"""Units of coverage: the rows of one project, one set of receiver bands, one year.

All maps of projects, bands, years and of the whole are unions of theirs. What a unit's maps are made of is
known by a digest, so that a unit whose rows say the same as before is not made again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hips.mocs.axes import FREQUENCY, SPACE, TIME, Axis
from hips.mocs.covering import cells_of_positions, cover_texts
from hips.mocs.frequencies import ranges_of_frequencies
from hips.mocs.maps import JointMap, SpaceMap
from hips.mocs.orders import Orders
from hips.mocs.owned import Owned, Places, stretches
from hips.mocs.rows import Rows
from hips.mocs.sweeping import Rectangles, fitted_map, fitted_space
from hips.mocs.times import ranges_of_times, years_of
from vo_service.sky.cell_ranges import Numbers, Pair

FORMAT: Final = 1
"""Of what units are made by: another one, and all are made again."""

_UNDATED: Final = -(10**9)


@dataclass(frozen=True, slots=True)
class UnitKey:
    """Which rows: code of the project, ``band_list``, year of ``t_min`` (UTC); None where there is none."""

    project: str | None
    bands: str | None
    year: int | None

    @property
    def rank(self) -> tuple[str, str, int]:
        """By which units are sorted; those without a project first."""
        return self.project or "", self.bands or "", self.year or -(10**6)


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """Rows that make one unit: their places, and the digest of what they say."""

    key: UnitKey
    rows: Places
    digest: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Maps:
    """The three maps of something."""

    space: SpaceMap
    time: JointMap
    frequency: JointMap


def units_of(rows: Rows, orders: Orders) -> list[Unit]:
    """The units that rows make, sorted."""
    years, dated = years_of(rows.begin)
    codes = [_codes(rows.project), _codes(rows.bands), np.where(dated, years, _UNDATED)]
    _, code = np.unique(np.stack(codes), axis=1, return_inverse=True)
    by_did = pc.sort_indices(rows.did).to_numpy().astype(np.intp)
    sorting = by_did[np.argsort(code.ravel()[by_did], kind="stable")]
    sorted_codes = code.ravel()[sorting]
    writer = _Digests(rows, orders)
    units = []
    for members in np.split(sorting, np.flatnonzero(np.diff(sorted_codes)) + 1):
        if len(members):
            one = int(members[0])
            key = UnitKey(
                rows.project[one].as_py() or None,
                rows.bands[one].as_py() or None,
                int(years[one]) if dated[one] else None,
            )
            units.append(Unit(key, members, writer.of(members)))
    return sorted(units, key=lambda unit: unit.key.rank)


def _codes(names: pa.Array) -> Numbers:
    """Numbers that tell names apart; no name, and an empty one, is 0."""
    coded = pc.fill_null(names, "").dictionary_encode()
    ranks = np.searchsorted(sorted(coded.dictionary.to_pylist()), coded.dictionary.to_pylist())
    places = coded.indices.to_numpy(zero_copy_only=False)
    found: Numbers = ranks[places] if len(places) else places.astype(np.int64)
    return found


class _Digests:
    """Digests of all that maps of rows are made of, whatever the rows are called."""

    def __init__(self, rows: Rows, orders: Orders) -> None:
        self._rows = rows
        self._regions = rows.region.to_pylist()
        self._numbers = np.stack([rows.ra, rows.dec, rows.begin, rows.end], axis=1)
        self._first = np.searchsorted(rows.windows.row, np.arange(len(rows) + 1))
        self._windows = np.stack([rows.windows.low, rows.windows.high], axis=1)
        self._begin = repr((FORMAT, orders)).encode()

    def of(self, members: Places) -> bytes:
        """Of some rows: of those with a region that pixels told also the names."""
        digest = hashlib.blake2b(self._begin, digest_size=16)
        first, last = self._first[members], self._first[members + 1]
        told = self._rows.did.take(pa.array(members[self._rows.by_pixels[members]])).to_pylist()
        digest.update(repr(([self._regions[at] for at in members.tolist()], told)).encode())
        digest.update(self._numbers[members].tobytes())
        digest.update((last - first).tobytes())
        digest.update(self._windows[stretches(first, last - first)].tobytes())
        return digest.digest()


@dataclass(frozen=True, slots=True, eq=False)
class Footprints:
    """Footprints of rows: ``number`` of each row (-1: neither region nor position), and the cells of each
    number for maps of space and for those with a second axis. ``unread``: rows with a region that is none."""

    number: Places
    cells: Owned
    joint_cells: Owned
    times: Pair
    unread: int

    @staticmethod
    def of(rows: Rows, members: Places, orders: Orders) -> Footprints:
        """Of some of the rows: each region once; where there is none the cell of the position."""
        coded = rows.region.take(pa.array(members)).dictionary_encode()
        covered = cover_texts(coded.dictionary, orders.space)
        regions = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False).astype(np.intp)
        has_region = regions >= 0
        known = has_region & np.append(covered.known, False)[regions]
        number = np.full(len(rows), -1, dtype=np.intp)
        number[members[known]] = regions[known]
        others = members[~known]
        pointed = cells_of_positions(rows.ra[others], rows.dec[others], orders.space)
        places, of_place = np.unique(pointed.starts, return_inverse=True)
        number[others[pointed.owner]] = len(coded.dictionary) + of_place
        points = Owned(orders.space, np.arange(len(places)), places, places + 1).behind(len(coded.dictionary))
        cells = Owned.concatenated([covered.cells, points])
        unread = int(np.count_nonzero(has_region & ~known))
        times = np.zeros((2, len(rows)), np.int64)
        dated = members[np.isfinite(rows.begin[members])]
        times[:, dated] = ranges_of_times(rows.begin[dated], rows.end[dated])
        return Footprints(number, cells, cells.degraded(orders.joint_space), (times[0], times[1]), unread)

    def maps(self, rows: Rows, members: Places, orders: Orders) -> Maps:
        """The maps of some of the rows."""
        placed = members[self.number[members] >= 0]
        starts, stops = self.cells.of(np.unique(self.number[placed])).ranges()
        space = fitted_space(SpaceMap.of_ranges(orders.space, starts, stops), orders.volume)
        return Maps(
            space,
            self._joint(TIME, *self._times(rows, placed), orders.time, orders),
            self._joint(FREQUENCY, *self._frequencies(rows, placed), orders.frequency, orders),
        )

    def _times(self, rows: Rows, placed: Places) -> tuple[Places, Numbers, Numbers]:
        dated = placed[np.isfinite(rows.begin[placed])]
        return self.number[dated], self.times[0][dated], self.times[1][dated]

    def _frequencies(self, rows: Rows, placed: Places) -> tuple[Places, Numbers, Numbers]:
        windows = rows.windows
        first, last = (np.searchsorted(windows.row, placed, side=side) for side in ("left", "right"))
        at = stretches(first, last - first)
        owner = np.repeat(self.number[placed], last - first)
        return owner, *ranges_of_frequencies(windows.low[at], windows.high[at])

    def _joint(
        self, axis: Axis, number: Places, lows: Numbers, highs: Numbers, outer_order: int, orders: Orders
    ) -> JointMap:
        """Footprints, each over a range of an axis; each pair once."""
        lows, highs = axis.widened(lows, highs, outer_order)
        number, lows, highs = np.unique(np.stack([number, lows, highs]), axis=1)
        cells = self.joint_cells.of(number)
        shift = SPACE.shift(orders.joint_space)
        rectangles = Rectangles(
            lows[cells.owner], highs[cells.owner], cells.starts << shift, cells.stops << shift
        )
        return fitted_map(rectangles, axis, outer_order, orders.joint_space, orders.volume)
