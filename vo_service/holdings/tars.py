"""Release dates of tars in ``holdings.product``: that of the last of its members and itself.

The bytes of a tar are those of its members, which may be in other units than the tar. Its row stays one of
origin ``file``; the date is that from which everything in it is public. Where something in it follows the
setting for unlisted files and something else is not released, no date says that: it is ``NOT_YET`` until the
row is made anew. The gate of ``/files`` does not go by this row alone, it asks for each member's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tap_schema import Table
from vo_service.holdings.changes import read_where
from vo_service.holdings.facts import NOT_YET, shared_release
from vo_service.holdings.group import Place
from vo_service.store import Draft, Snapshot

TABLE = "holdings.product"

_MEDIA_TYPE = "application/x-tar"
_MEMBER = ["product_id", "root", "_container", "origin", "obs_release_date"]

Claim = tuple[str | None, datetime | None]
"""Origin and release date."""


@dataclass(frozen=True, slots=True)
class Tars:
    """``made`` are rows of ``holdings.product`` with those of tars put right, ``changed`` rows of tars that
    are not made anew."""

    made: pa.Table
    changed: pa.Table | None = None

    def apply(self, draft: Draft) -> None:
        """Put the rows of other tars right."""
        if self.changed is not None:
            draft.change(TABLE, delete=self.changed.select(["product_id"]), insert=self.changed)


def settle_tars(
    base: Snapshot | None,
    made: pa.Table | None,
    former: Collection[str],
    tables: Mapping[str, Table],
    now: datetime,
) -> Tars:
    """Release dates of the tars that are made anew, or whose members are.

    ``made`` are the new rows of ``holdings.product``, ``former`` the products that the run takes out, ``now``
    the time of the run (UTC).
    """
    if made is None:
        made = tables[TABLE].arrow_schema().empty_table()
    members = made.filter(pc.is_valid(made["_container"])).select(_MEMBER).to_pylist()
    old = read_where(base, tables, TABLE, "product_id", former, ["root", "_container"])
    old = old.filter(pc.is_valid(old["_container"]))
    touched = {(row["root"], row["_container"]) for row in (*members, *old.to_pylist())}
    tars = made.filter(pc.fill_null(pc.starts_with(made["media_type"], _MEDIA_TYPE), False))
    mine = {(row["root"], row["path"]): row for row in tars.select([*_MEMBER, "path"]).to_pylist()}
    if not touched and not mine:
        return Tars(made)
    anew = {*former, *(row["product_id"] for row in members)}
    names = sorted({path for _root, path in (*touched, *mine)})
    others = read_where(base, tables, TABLE, "_container", names, _MEMBER).to_pylist()
    held: dict[Place, list[Claim]] = defaultdict(list)
    for row in (*members, *(each for each in others if each["product_id"] not in anew)):
        held[row["root"], row["_container"]].append((row["origin"], row["obs_release_date"]))
    dates = {
        row["product_id"]: _last([(row["origin"], row["obs_release_date"]), *held[place]], now)
        for place, row in mine.items()
        if place in held
    }
    changed = _changed(base, touched - mine.keys(), held, tables, now)
    if changed is not None:
        changed = changed.filter(
            pc.invert(pc.is_in(changed["product_id"], pa.array(sorted(anew), pa.string())))
        )
    return Tars(_dated(made, dates), changed)


def _changed(
    base: Snapshot | None,
    places: Collection[Place],
    held: Mapping[Place, Sequence[Claim]],
    tables: Mapping[str, Table],
    now: datetime,
) -> pa.Table | None:
    """Rows of tars at some places that the snapshot lists with another release date; None without any."""
    rows = read_where(base, tables, TABLE, "path", sorted({path for _root, path in places}))
    listed = [row for row in rows.to_pylist() if (row["root"], row["path"]) in places]
    uids = sorted({row["member_ous_uid"] for row in listed if row["member_ous_uid"] is not None})
    columns = ["member_ous_uid", "obs_release_date"]
    released: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for fact in read_where(base, tables, "holdings.archive_row", "member_ous_uid", uids, columns).to_pylist():
        released[fact["member_ous_uid"]].append(fact)
    changed = []
    for row in listed:
        itself = shared_release(released.get(row["member_ous_uid"] or "", []))
        date = _last([("file", itself), *held.get((row["root"], row["path"]), [])], now)
        if date != row["obs_release_date"]:
            changed.append(row | {"obs_release_date": date})
    return pa.Table.from_pylist(changed, schema=rows.schema) if changed else None


def _last(claims: Sequence[Claim], now: datetime) -> datetime | None:
    """The date from which all these claims are open; None where that is a matter of unlisted files alone."""
    dates = [NOT_YET if date is None else date for origin, date in claims if date or origin != "file"]
    if len(dates) == len(claims):
        return max(dates)
    return None if all(date <= now for date in dates) else NOT_YET


def _dated(rows: pa.Table, dates: Mapping[str, datetime | None]) -> pa.Table:
    """The rows with these release dates of some products."""
    if not dates:
        return rows
    both = zip(rows["product_id"].to_pylist(), rows["obs_release_date"].to_pylist())
    column = pa.array([dates.get(name, date) for name, date in both], pa.timestamp("us"))
    at = rows.schema.get_field_index("obs_release_date")
    return rows.set_column(at, rows.schema.field(at), column)
