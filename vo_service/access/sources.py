"""The rule as expressions over stored columns, for the query planner: rights, links, masked columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from sqlglot import exp

from tap_schema import Column, Table
from vo_service.access.rights import PROPRIETARY, PUBLIC, Rights
from vo_service.access.scopes import READ_ALL
from vo_service.access.viewer import Viewer

RELEASE_DATE = "obs_release_date"
ORIGIN = "origin"
PATH = "_access_path"


class ColumnSources(Mapping[tuple[str, str], exp.Expression]):
    """For every computed or masked column (qualified table, column) its expression over stored columns.

    ``now`` is UTC; ``base_url`` has no slash at its end. An expression is made when it is asked for: a query
    uses few of them.
    """

    def __init__(
        self, tables: Mapping[str, Table], viewer: Viewer, rights: Rights, now: datetime, base_url: str
    ) -> None:
        self._tables = tables
        self._viewer = viewer
        self._rights = rights
        self._now = now
        self._base_url = base_url

    def __getitem__(self, key: tuple[str, str]) -> exp.Expression:
        table, column = key
        made = self._expression(self._tables[table].made[column])
        if made is None:
            raise KeyError(key)
        return made

    def __iter__(self) -> Iterator[tuple[str, str]]:
        for name, table in self._tables.items():
            yield from ((name, column.name) for column in table.made.values() if self._is_made(column))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, tuple) or len(key) != 2:
            return False
        table = self._tables.get(key[0])
        column = None if table is None else table.made.get(key[1])
        return column is not None and self._is_made(column)

    @property
    def rows(self) -> dict[str, exp.Condition]:
        """For each guarded table the condition under which its rows are there for the viewer."""
        if READ_ALL in self._viewer.scopes:
            return {}
        opened = _is_open(self._rights, self._now)
        unmarked = exp.Is(this=_column(ORIGIN), expression=exp.null())
        conditions = {"all": opened, "marked": exp.or_(unmarked, opened)}
        return {
            name: conditions[table.guarded]
            for name, table in self._tables.items()
            if table.guarded is not None
        }

    @property
    def staged(self) -> exp.Expression:
        """Which of the two regions of a row of ``_hidden.staged_footprint`` the viewer sees."""
        return self._measured(_column("measured_id"), _column("public_id"))

    def _is_made(self, column: Column) -> bool:
        masked = column.restricted and READ_ALL not in self._viewer.scopes
        return masked or column.computed is not None or column.measured is not None

    def _expression(self, column: Column) -> exp.Expression | None:
        if column.computed == "rights":
            return rights_expression(self._rights, self._now)
        if column.computed == "link":
            return link_expression(self._base_url)
        if column.measured is not None:
            return self._measured(_column(column.measured), _column(column.name))
        if self._is_made(column):
            opened = _is_open(self._rights, self._now)
            return exp.Case(ifs=[exp.If(this=opened, true=_column(column.name))])
        return None

    def _measured(self, measured: exp.Expression, stored: exp.Expression) -> exp.Expression:
        """What pixels tell, where there is that and the viewer may have it; else the stored value."""
        known: exp.Condition = exp.not_(exp.Is(this=measured, expression=exp.null()))
        if READ_ALL not in self._viewer.scopes:
            known = exp.and_(known, _is_open(self._rights, self._now))
        return exp.Case(ifs=[exp.If(this=known, true=measured.copy())], default=stored)


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
    text = exp.Literal.string(moment.strftime("%Y-%m-%d %H:%M:%S.%f"))
    literal = exp.Cast(this=text, to=exp.DataType(this=exp.DType.TIMESTAMP))
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
