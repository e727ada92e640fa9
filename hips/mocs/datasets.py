"""Coverage maps of one data set, made when they are asked for: with its region as whoever asks may see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from hips.mocs.axes import FREQUENCY, TIME, Axis
from hips.mocs.covering import cells_of_positions, cover_region
from hips.mocs.frequencies import ranges_of_frequencies, windows_of
from hips.mocs.maps import JointMap, SpaceMap
from hips.mocs.names import Dimension
from hips.mocs.orders import Orders, order_of_band, order_of_field
from hips.mocs.sweeping import Rectangles, fitted_map, fitted_space
from hips.mocs.times import known_times, ranges_of_times
from vo_service.sky import RegionError, parse_region
from vo_service.sky.cell_ranges import Pair
from vo_service.sky.vectors import Floats

_POINT: Final = 1e-9  # degrees: regions that are smaller are positions


@dataclass(frozen=True, slots=True)
class Dataset:
    """Facts of a row of ivoa.obscore, in its units; None for what is not known. ``region`` is STC-S."""

    region: str | None = None
    s_ra: float | None = None
    s_dec: float | None = None
    s_fov: float | None = None
    s_resolution: float | None = None
    t_min: float | None = None
    t_max: float | None = None
    em_min: float | None = None
    em_max: float | None = None
    em_support: Sequence[float] | None = None
    em_res_power: float | None = None
    specsys: str | None = None

    def moc(self, dimension: Dimension, orders: Orders = Orders()) -> SpaceMap | JointMap:  # noqa: B008
        """The map of a dimension: of nothing where the row does not know enough. Space is as fine as field
        and beam ask for (`orders.order_of_field`)."""
        space = self.space(orders)
        if dimension is Dimension.SPACE:
            return space
        return self._times(space, orders) if dimension is Dimension.TIME else self._frequencies(space, orders)

    def space(self, orders: Orders) -> SpaceMap:
        """The cells that the region touches; without one the cell of the position."""
        try:
            region = None if self.region is None else parse_region(self.region)
        except RegionError:
            region = None
        if region is not None:
            width = 2.0 * float(np.degrees(region.cap().radius))
            order = order_of_field(width if width > _POINT else self.s_fov, self.s_resolution)
            return fitted_space(SpaceMap(order, cover_region(region, order)), orders.volume)
        order = order_of_field(self.s_fov, self.s_resolution)
        position = cells_of_positions(_number(self.s_ra), _number(self.s_dec), order)
        return SpaceMap.of_ranges(order, *position.ranges())

    def _times(self, space: SpaceMap, orders: Orders) -> JointMap:
        begin, end = known_times(_number(self.t_min), _number(self.t_max))
        if not np.isfinite(begin[0]):
            return JointMap.empty(TIME, orders.time, space.order)
        return _product(space, TIME, orders.time, ranges_of_times(begin, end), orders.volume)

    def _frequencies(self, space: SpaceMap, orders: Orders) -> JointMap:
        support = pa.array([self.em_support], pa.list_(pa.float64()))
        is_known = np.array([self.specsys is not None])
        windows = windows_of(support, _number(self.em_min), _number(self.em_max), is_known)
        if len(windows.low) == 0:
            return JointMap.empty(FREQUENCY, orders.frequency, space.order)
        narrowest = int(np.argmin(windows.high - windows.low))
        ends = float(windows.low[narrowest]), float(windows.high[narrowest])
        order = order_of_band(*ends, self.em_res_power, bool(is_known[0]))
        ranges = ranges_of_frequencies(windows.low, windows.high)
        return _product(space, FREQUENCY, order, ranges, orders.volume)


def _number(value: float | None) -> Floats:
    return np.array([np.nan if value is None else value], dtype=np.float64)


def _product(space: SpaceMap, axis: Axis, outer_order: int, ranges: Pair, volume: int) -> JointMap:
    """All cells of a map over each range of an axis."""
    lows, highs = ranges
    starts, stops = space.pair
    every = Rectangles(
        np.repeat(lows, len(starts)),
        np.repeat(highs, len(starts)),
        np.tile(starts, len(lows)),
        np.tile(stops, len(lows)),
    )
    return fitted_map(every, axis, outer_order, space.order, volume)
