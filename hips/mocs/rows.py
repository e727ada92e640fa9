"""Rows of ivoa.obscore as coverage maps take them: with the outline that everybody sees at a moment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hips.mocs.frequencies import Windows, windows_of
from hips.mocs.times import known_times
from vo_service.access import Rights
from vo_service.sky.vectors import Flags, Floats
from vo_service.store import Snapshot

TABLE: Final = "ivoa.obscore"
COLUMNS: Final = (
    "obs_publisher_did",
    "proposal_id",
    "band_list",
    "s_ra",
    "s_dec",
    "s_region",
    "_region_measured",
    "t_min",
    "t_max",
    "em_min",
    "em_max",
    "em_support",
    "specsys",
    "origin",
    "obs_release_date",
)
"""What is read of each row."""

_ROWS_AT_ONCE: Final = 50_000


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Columns of some rows. Degrees (NaN: not known), MJD in UTC (NaN), Hz; ``region`` is STC-S or null.

    ``by_pixels``: the region is one that pixels told, and everybody may see it.
    """

    did: pa.Array
    project: pa.Array
    bands: pa.Array
    region: pa.Array
    by_pixels: Flags
    ra: Floats
    dec: Floats
    begin: Floats
    end: Floats
    windows: Windows

    def __len__(self) -> int:
        return len(self.did)


def parts_of(snapshot: Snapshot) -> Iterator[pa.Table]:
    """All rows with `COLUMNS`, a table of some ten thousand at a time; those of a project are in one table,
    and projects ascend, those without one first. Raises StoreError."""
    names = snapshot.read(TABLE, ["proposal_id"])["proposal_id"]
    counts = pc.value_counts(names.combine_chunks() if names.num_chunks else pa.array([], pa.string()))
    found = sorted((each["values"], each["counts"]) for each in counts.to_pylist() if each["values"])
    if sum(count for _, count in found) < len(names):
        yield snapshot.read(TABLE, COLUMNS, "coalesce(proposal_id, '') = ''")
    first, rows = 0, 0
    for place, (name, count) in enumerate(found):
        rows += count
        if rows >= _ROWS_AT_ONCE or place == len(found) - 1:
            ends = [found[first][0], name]
            yield snapshot.read(TABLE, COLUMNS, "proposal_id BETWEEN ? AND ?", ends)
            first, rows = place + 1, 0


def rows_of(table: pa.Table, rights: Rights, now: datetime) -> Rows:
    """What everybody may see of rows at a moment: the outline of the valid pixels where the data are open."""
    columns = {name: table[name].combine_chunks() for name in COLUMNS}
    measured = columns["_region_measured"]
    by_pixels = np.zeros(len(table), dtype=bool)
    told = np.flatnonzero(pc.is_valid(measured).to_numpy(zero_copy_only=False))
    some = pa.array(told)
    origins, dates = (columns[name].take(some).to_pylist() for name in ("origin", "obs_release_date"))
    by_pixels[told] = [rights.is_open(origin, date, now) for origin, date in zip(origins, dates)]
    begin, end = known_times(_doubles(columns["t_min"]), _doubles(columns["t_max"]))
    frame_is_known = pc.is_valid(columns["specsys"]).to_numpy(zero_copy_only=False)
    return Rows(
        columns["obs_publisher_did"],
        columns["proposal_id"],
        columns["band_list"],
        pc.if_else(pa.array(by_pixels), measured, columns["s_region"]),
        by_pixels,
        _doubles(columns["s_ra"]),
        _doubles(columns["s_dec"]),
        begin,
        end,
        windows_of(
            columns["em_support"], _doubles(columns["em_min"]), _doubles(columns["em_max"]), frame_is_known
        ),
    )


def _doubles(values: pa.Array) -> Floats:
    numbers: Floats = values.cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64)
    return numbers
