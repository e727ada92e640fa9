"""Which footprints are written already: a set of some million identifiers in eight bytes each."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tap_schema import Table
from vo_service.holdings.finish import footprint_rows
from vo_service.holdings.staged_footprints import regions_of
from vo_service.sky import footprint_ids

Identifiers = NDArray[np.int64]


class KnownFootprints:
    """Identifiers of rows of ``_hidden.footprint``, kept as a few sorted arrays of growing length."""

    def __init__(self, identifiers: pa.Array) -> None:
        self._arrays: list[Identifiers] = []
        self._add(identifiers.to_numpy(zero_copy_only=False))

    def new_rows(self, obscore: pa.Table, table: Table) -> pa.Table:
        """Rows of ``table`` (``_hidden.footprint``) for the regions of ``obscore`` that are not known; from
        now on they are."""
        identifiers, shown = obscore["_footprint_id"].combine_chunks(), obscore["s_region"].combine_chunks()
        if obscore["_region_measured"].null_count < obscore.num_rows:
            shown = regions_of(obscore)
            identifiers = pa.array(footprint_ids(shown), pa.int64())
        mine = pc.fill_null(identifiers, -1).to_numpy()
        fresh = mine >= 0
        for array in self._arrays:
            at = np.searchsorted(array, mine)
            fresh &= array[np.minimum(at, len(array) - 1)] != mine
        regions = shown.filter(pa.array(fresh))
        rows = footprint_rows(regions, table, set())
        self._add(rows["footprint_id"].to_numpy())
        return rows

    def _add(self, identifiers: Identifiers) -> None:
        """Arrays of like length are merged, so there are never more than the logarithm of the number."""
        if len(identifiers):
            self._arrays.append(np.sort(identifiers))
        while len(self._arrays) > 1 and len(self._arrays[-2]) < 2 * len(self._arrays[-1]):
            last = self._arrays.pop()
            self._arrays[-1] = np.sort(np.concatenate([self._arrays[-1], last]), kind="stable")
