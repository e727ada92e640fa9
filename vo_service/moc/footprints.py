"""The different footprints of the rows of an answer, gathered as they come."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa

from hips.mocs.answers import Fields
from vo_service.dali.errors import ServiceError, usage
from vo_service.sky.vectors import Floats

COLUMNS: Final = ("s_region", "s_ra", "s_dec", "s_fov", "s_resolution")
"""What is asked of each row."""

_PLACE: Final = COLUMNS[:3]
_SIZES: Final = COLUMNS[3:]
_SCHEMA: Final = pa.schema([("s_region", pa.string()), *((name, pa.float64()) for name in COLUMNS[1:])])
_WAITING: Final = 100_000  # rows that may wait before those with one footprint are made one


class Footprints:
    """Footprints, no more than ``most``: of those in one place the narrowest, with the smallest beam."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._found = _SCHEMA.empty_table()
        self._waiting: list[pa.Table] = []
        self._rows = 0

    def take(self, batch: pa.RecordBatch) -> None:
        """Rows with `COLUMNS`. Raises ServiceError (400) where there are too many footprints."""
        self._waiting.append(pa.Table.from_batches([batch]).rename_columns(list(COLUMNS)).cast(_SCHEMA))
        self._rows += batch.num_rows
        if self._rows >= _WAITING:
            self._gather()

    def fields(self) -> Fields:
        """All of them. Raises as `take`."""
        self._gather()
        ra, dec, width, beam = (_numbers(self._found[name]) for name in COLUMNS[1:])
        return Fields(self._found["s_region"].combine_chunks(), ra, dec, width, beam)

    def _gather(self) -> None:
        rows = pa.concat_tables([self._found, *self._waiting])
        found = rows.group_by(list(_PLACE)).aggregate([(name, "min") for name in _SIZES])
        ordered = [found[name] for name in (*_PLACE, *(f"{size}_min" for size in _SIZES))]
        self._found = pa.table(ordered, schema=_SCHEMA)
        self._waiting, self._rows = [], 0
        if self._found.num_rows > self._most:
            raise _too_many(self._most)


def _numbers(values: pa.ChunkedArray) -> Floats:
    numbers: Floats = values.to_numpy().astype(np.float64)
    return numbers


def _too_many(most: int) -> ServiceError:
    return usage(
        f"More than {most} different footprints meet this: no map is made of so many, and none of a part.",
        "Narrow it, for example by POS or TIME. /moc lists the maps of all, of bands, years and projects.",
    )
