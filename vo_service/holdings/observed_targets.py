"""The keys of targets in ``holdings.observation``: what is published and what is new, seen together.

The key of a source depends on all observations of it and of its neighbours, so every change looks at them
all, by name and position alone; only rows whose key is another one now are written anew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc

from tap_schema import Table
from vo_service.holdings.changes import read_where
from vo_service.holdings.finish import numbers
from vo_service.holdings.target_keys import target_keys
from vo_service.store import Draft, Snapshot

TABLE = "holdings.observation"

_KEY = "canonical_target"
_SEEN = ["target_name", "s_ra", "s_dec"]


def insert_observations(
    draft: Draft, base: Snapshot | None, gone: Collection[str], rows: pa.Table, table: Table
) -> None:
    """Add observations to the draft with the keys of their targets, and bring those of others up to date.

    ``gone`` are the member uids whose former observations have been removed from the draft.
    """
    keys = _key_all(draft, base, gone, rows.select(_SEEN), table)
    if rows.num_rows:
        draft.change(TABLE, insert=_keyed(rows, keys))


def spool_observations(
    draft: Draft,
    base: Snapshot | None,
    gone: Collection[str],
    batches: Iterable[pa.Table],
    table: Table,
    spool: Path,
) -> None:
    """The same for more observations than should be held at once: they wait in the file ``spool``, which is
    removed."""
    schema = table.arrow_schema()
    seen: list[pa.Table] = []
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.OSFile(str(spool), "wb") as sink, pa.ipc.new_stream(sink, schema, options=options) as writer:
        for rows in batches:
            seen.append(rows.select(_SEEN))
            writer.write_table(rows)
    whole = pa.concat_tables(seen) if seen else schema.empty_table().select(_SEEN)
    draft.change(TABLE, insert=_spooled(spool, _key_all(draft, base, gone, whole, table)))
    spool.unlink()


def _spooled(spool: Path, keys: pa.Array) -> Iterator[pa.Table]:
    at = 0
    with pa.OSFile(str(spool), "rb") as file, pa.ipc.open_stream(file) as reader:
        for batch in reader:
            yield _keyed(pa.Table.from_batches([batch]), keys.slice(at, batch.num_rows))
            at += batch.num_rows


def _key_all(
    draft: Draft, base: Snapshot | None, gone: Collection[str], fresh: pa.Table, table: Table
) -> pa.Array:
    """The keys of the ``fresh`` observations; those of the others are put right in the draft."""
    former = _former(base, gone, table)
    both = pa.concat_tables([former.select(_SEEN), fresh]).combine_chunks()
    keys = target_keys(_one(both["target_name"]), numbers(both["s_ra"]), numbers(both["s_dec"]))
    mine = keys.slice(0, former.num_rows)
    same = pc.or_(
        pc.fill_null(pc.equal(mine, _one(former[_KEY])), False),
        pc.and_(pc.is_null(mine), pc.is_null(_one(former[_KEY]))),
    )
    other = pc.invert(same)
    changed = former["observation_id"].filter(other).to_pylist()
    if changed:
        became = dict(zip(changed, mine.filter(other).to_pylist()))
        rows = read_where(base, {TABLE: table}, TABLE, "observation_id", changed)
        keyed = pa.array([became[name] for name in rows["observation_id"].to_pylist()], pa.string())
        draft.change(TABLE, delete=rows.select(["observation_id"]), insert=_keyed(rows, keyed))
    return keys.slice(former.num_rows)


def _former(base: Snapshot | None, gone: Collection[str], table: Table) -> pa.Table:
    """The observations that stay, with what tells their targets."""
    names = ["observation_id", "member_ous_uid", *_SEEN, _KEY]
    if base is None:
        schema = table.arrow_schema()
        return pa.schema([schema.field(name) for name in names]).empty_table()
    rows = base.read(TABLE, names)
    lost = pc.is_in(_one(rows["member_ous_uid"]), pa.array(list(gone), pa.string()))
    return rows.filter(pc.invert(lost))


def _keyed(rows: pa.Table, keys: pa.Array) -> pa.Table:
    at = rows.schema.get_field_index(_KEY)
    return rows.set_column(at, rows.schema.field(at), keys)


def _one(values: pa.ChunkedArray) -> pa.Array:
    return values.combine_chunks()
