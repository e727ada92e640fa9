"""A small made-up table to store, and a home directory to store it in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from tap_schema import Column, Published, Schema, Table
from vo_service.store import Catalogue, Mirror, Policy, Snapshot, Snapshots


def column(name: str, datatype: str, **facts: Any) -> Column:
    """A column with the facts that matter to the store."""
    plain: dict[str, Any] = dict.fromkeys(("arraysize", "xtype", "unit", "ucd", "utype"))
    return Column(name=name, datatype=datatype, description=name, **{**plain, **facts})


def star_table(*more: Column) -> Table:
    """``sky.star``: every kind of column that the published tables have, sorted by a hidden one."""
    return Table(
        schema="sky",
        name="star",
        description="stars",
        utype=None,
        table_type="table",
        index=1,
        columns=(
            column("name", "char", arraysize="*", nullable=False),
            column("band", "short"),
            column("flux", "double"),
            column("title", "unicodeChar", arraysize="*"),
            column("spans", "double", arraysize="2x*"),
            column("seen", "char", arraysize="*", xtype="timestamp"),
            column("rights", "char", arraysize="*", computed="rights"),
            *more,
        ),
        hidden=(column("_cell", "long"),),
        primary_key=("name",),
        sort_by=("_cell", "name"),
        lookup=("name",),
    )


def plain_table() -> Table:
    """``_hidden.note``: no key, no order, not published."""
    return Table(
        schema="_hidden",
        name="note",
        description="notes",
        utype=None,
        table_type="table",
        index=0,
        columns=(column("text", "char", arraysize="*"), column("line", "long")),
    )


def made_up(star: Table | None = None) -> Published:
    """The made-up tables as a published set."""
    sky = Schema("sky", "sky", None, 1, (star or star_table(),))
    return Published((sky,), (plain_table(),))


def star_rows(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows of ``sky.star``; what is not given is null."""
    schema = star_table().arrow_schema()
    return pa.Table.from_pylist(
        [{name: row.get(name) for name in schema.names} for row in rows], schema=schema
    )


class Shelf:
    """A home directory with its catalogue; ``small`` limits make every path of the store be taken."""

    def __init__(self, home: Path, mirror: Mirror | None = None) -> None:
        self.home = home
        self.catalogue = Catalogue.open_in(home)
        self.small = Policy(run_bytes=300, rewrite_share=0.6, longest_tail=2)
        self.snapshots = Snapshots(home, self.catalogue, made_up(), self.small, mirror)

    def publish(self, *changes: Mapping[str, Any], table: str = "sky.star") -> Snapshot:
        """Publish one snapshot with the changes given as keywords of ``Draft.change``."""
        with self.snapshots.writer("a test", 0.0):
            draft = self.snapshots.draft()
            for change in changes:
                draft.change(table, **change)
            return self.snapshots.publish(draft, draft.base)

    def close(self) -> None:
        self.snapshots.close()
        self.catalogue.close()
