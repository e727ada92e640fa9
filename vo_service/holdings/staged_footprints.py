"""Footprints of rows that show another outline once their data are public: pairs in
``_hidden.staged_footprint``.

Such a row's ``_footprint_id`` names a pair, and a query that tests regions takes the pairs whose shown one,
by the clock, is among the footprints that pass. All other rows name their footprint itself, so that tests of
regions cost what they did.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tap_schema import Table
from vo_service import sky
from vo_service.store import Snapshot

TABLE = "_hidden.staged_footprint"


def stage_footprints(public: pa.Array, measured: pa.Array, origins: pa.Array, releases: pa.Array) -> pa.Array:
    """The identifiers that rows bear: of a pair where there is a measured footprint that differs from the
    public one. The rights of a pair are those of its rows, by ``origins`` and ``releases``."""
    cells = zip(public.to_pylist(), measured.to_pylist(), origins.to_pylist(), releases.to_pylist())
    return pa.array([_identifier(*each) for each in cells], pa.int64())


def _identifier(public: int | None, measured: int | None, origin: object, release: object) -> int | None:
    if measured is None or measured == public:
        return public
    text = f"{public} {measured} {origin} {release}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def regions_of(obscore: pa.Table) -> pa.Array:
    """All regions that rows of ``ivoa.obscore`` show, to whomever; some are null."""
    columns = [obscore["s_region"], obscore["_region_measured"]]
    return pa.concat_arrays([chunk for column in columns for chunk in column.chunks])


def staged_rows(obscore: pa.Table, base: Snapshot | None, table: Table) -> pa.Table:
    """The pairs that rows of ``ivoa.obscore`` name and that the snapshot does not have."""
    rows = obscore.filter(pc.is_valid(obscore["_region_measured"]))
    public, measured = (
        pa.array(sky.footprint_ids(rows[name].combine_chunks()), pa.int64())
        for name in ("s_region", "_region_measured")
    )
    known = pa.array([], pa.int64())
    if base is not None:
        known = base.read(TABLE, ["footprint_id"])["footprint_id"].combine_chunks()
    pairs = pa.table(
        {
            "footprint_id": rows["_footprint_id"],
            "public_id": public,
            "measured_id": measured,
            "origin": rows["origin"],
            "obs_release_date": rows["obs_release_date"],
        },
        schema=table.arrow_schema(),
    )
    staged = pc.fill_null(pc.not_equal(pairs["footprint_id"], pairs["public_id"]), True)
    pairs = pairs.filter(pc.and_(staged, pc.invert(pc.is_in(pairs["footprint_id"], known))))
    first = np.unique(pairs["footprint_id"].to_numpy(), return_index=True)[1]
    return pairs.take(pa.array(first))
