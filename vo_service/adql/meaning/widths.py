"""How many columns a query may have, inside as well: PostgreSQL has 1664 values for a row at most."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from vo_service.adql.errors import AdqlError, Place
from vo_service.adql.language import tree
from vo_service.adql.nodes.grouping import parts_of
from vo_service.adql.nodes.resolved import Collected
from vo_service.adql.nodes.resolved_queries import Order, ResolvedQuery, ResolvedSelect

MOST_COLUMNS: Final = 1600


def check_width(node: tree.Select, count: int) -> None:
    """Raise AdqlError for too many columns; those by which rows are sorted and grouped are among them."""
    if count > MOST_COLUMNS:
        raise _refused(node.items[0].place, f"{count} columns to select, group and sort by")


def check_inside(shown: ResolvedQuery, node: tree.Query | tree.Body) -> None:
    """Raise AdqlError where geometries in parts make an inner query too wide; ``node`` is what it was."""
    body, count = shown.body, len(shown.order)
    while isinstance(body, ResolvedQuery):
        count += len(body.order)
        body = body.body
    if not isinstance(body, ResolvedSelect):
        return
    count += len(body.outputs) + len(body.group_by)
    if count > MOST_COLUMNS:
        while not isinstance(node, tree.Select):
            node = node.left if isinstance(node, tree.SetOperation) else node.body
        raise _refused(
            node.items[0].place,
            f"{count} columns to select, group and sort by, each number of a geometry being one of them",
        )


def check_groups(node: tree.Select, select: ResolvedSelect, order: tuple[Order, ...] = ()) -> None:
    """Raise AdqlError where groups are made of too many values, which may be columns of an inner query."""
    made = (*(output.value for output in select.outputs), select.having, *(each.term for each in order))
    values = {*select.group_by, *(found for value in made for found in _aggregates(value))}
    if len(values) > MOST_COLUMNS:
        raise _refused(node.items[0].place, f"{len(values)} aggregates and terms of GROUP BY")


def _aggregates(node: Any) -> Iterator[Collected]:
    if isinstance(node, Collected):
        yield node
    elif node is not None and not isinstance(node, str):
        for part in parts_of(node):
            yield from _aggregates(part)


def _refused(place: Place, what: str) -> AdqlError:
    return AdqlError.at(place, f"{what}, more than the {MOST_COLUMNS} allowed", "select fewer columns")
