"""The rule as expressions over stored columns, for the query planner: rights, links, masked columns."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from sqlglot import exp

from tap_schema import Column, Table
from vo_service.access.rights import PROPRIETARY, PUBLIC, READ_ALL, Rights
from vo_service.access.viewer import Viewer

RELEASE_DATE = "obs_release_date"
ORIGIN = "origin"
PATH = "_access_path"


def column_sources(
    tables: Mapping[str, Table], viewer: Viewer, rights: Rights, now: datetime, base_url: str
) -> dict[tuple[str, str], exp.Expression]:
    """For every computed or masked column (qualified table, column) its expression over stored columns.

    ``now`` is UTC; ``base_url`` has no slash at its end.
    """
    sources: dict[tuple[str, str], exp.Expression] = {}
    for name, table in tables.items():
        for column in table.columns:
            expression = _source(column, viewer, rights, now, base_url)
            if expression is not None:
                sources[name, column.name] = expression
    return sources


def _source(
    column: Column, viewer: Viewer, rights: Rights, now: datetime, base_url: str
) -> exp.Expression | None:
    if column.computed == "rights":
        return rights_expression(rights, now)
    if column.computed == "link":
        return link_expression(base_url)
    if column.restricted and READ_ALL not in viewer.scopes:
        return exp.Case(ifs=[exp.If(this=_is_open(rights, now), true=_column(column.name))])
    return None


def rights_expression(rights: Rights, now: datetime) -> exp.Expression:
    """``Public`` or ``Proprietary`` from the stored release date and origin, at ``now``."""
    public = exp.If(this=_is_open(rights, now), true=exp.Literal.string(PUBLIC))
    return exp.Case(ifs=[public], default=exp.Literal.string(PROPRIETARY))


def link_expression(base_url: str) -> exp.Expression:
    """A stored path as an address: itself where it is one, else below ``base_url``; null stays null."""
    absolute = exp.Like(this=_column(PATH), expression=exp.Literal.string("http%://%"))
    below = exp.DPipe(this=exp.Literal.string(f"{base_url}/"), expression=_column(PATH), safe=False)
    return exp.Case(ifs=[exp.If(this=absolute, true=_column(PATH))], default=below)


def _is_open(rights: Rights, now: datetime) -> exp.Condition:
    moment = now.astimezone(UTC) if now.tzinfo else now
    literal = exp.cast(exp.Literal.string(moment.strftime("%Y-%m-%d %H:%M:%S.%f")), "timestamp")
    released = exp.LTE(this=_column(RELEASE_DATE), expression=literal)
    if not rights.unlisted_open:
        return released
    unlisted = exp.and_(
        exp.Is(this=_column(RELEASE_DATE), expression=exp.null()),
        exp.EQ(this=_column(ORIGIN), expression=exp.Literal.string("file")),
    )
    return exp.or_(released, unlisted)


def _column(name: str) -> exp.Expression:
    return exp.column(name, quoted=True)
