"""Rows with what a map has in their footprints, the first of them in a wanted order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vo_service.moc.search_columns import MapKind, result_columns
from vo_service.moc.search_request import Sorting
from vo_service.sky import Density, Shapes, overlaps

_REGION: Final = "s_region"
_IDENTIFIER: Final = "obs_publisher_did"
_SPARE: Final = 20_000  # rows beyond those wanted that are kept before they are sorted
_AT_ONCE: Final = 60_000  # rows that are measured together


class Ranking:
    """The first ``most`` of many rows, which come in batches; ``count`` is that of all."""

    def __init__(
        self, density: Density, kind: MapKind, sorting: Sorting, most: int, check: Callable[[], None]
    ) -> None:
        self._density = density
        self._kind = kind
        self._schema = pa.schema([column.arrow_field for column in result_columns(kind)])
        order = "descending" if sorting.descending else "ascending"
        keys = [(sorting.column, order)]
        self._keys = keys if sorting.column == _IDENTIFIER else [*keys, (_IDENTIFIER, "ascending")]
        self._most = most
        self._check = check
        self._kept: list[pa.Table] = []
        self._rows = 0
        self.count = 0

    def take(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Rows of ``ivoa.obscore``, all of them."""
        waiting: list[pa.RecordBatch] = []
        rows = 0
        for batch in batches:
            self._check()
            waiting.append(batch)
            rows += batch.num_rows
            if rows >= _AT_ONCE:
                self._put(pa.Table.from_batches(waiting))
                waiting, rows = [], 0
        if waiting:
            self._put(pa.Table.from_batches(waiting))

    def _put(self, rows: pa.Table) -> None:
        self._kept.append(self._measured(rows))
        self._rows += rows.num_rows
        self.count += rows.num_rows
        if self._rows > self._most + max(self._most, _SPARE):
            self._kept = [self.first()]
            self._rows = self._kept[0].num_rows

    def first(self) -> pa.Table:
        """The first rows of those that came so far."""
        rows = pa.concat_tables([self._schema.empty_table(), *self._kept])
        places = pc.sort_indices(rows, sort_keys=self._keys)  # null comes last
        return rows.take(places.slice(0, self._most))

    def _measured(self, rows: pa.Table) -> pa.Table:
        """The rows with the columns that are worked out; of each footprint once."""
        regions = rows.column(_REGION).combine_chunks().dictionary_encode()
        found = overlaps(Shapes.of_texts(regions.dictionary), self._density, self._check)
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = np.where(found.areas > 0.0, np.minimum(1.0, found.amounts / found.areas), np.nan)
        amounts = {"overlap_area": found.amounts, "overlap_fraction": shares, "probability": found.amounts}
        arrays = []
        for name in self._schema.names:
            if name in rows.schema.names:
                arrays.append(rows.column(name))
            else:
                arrays.append(pa.array(amounts[name], from_pandas=True).take(regions.indices))
        return pa.Table.from_arrays(arrays, schema=self._schema)
