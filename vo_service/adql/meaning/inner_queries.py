"""What a derived table or a common table shows to the query round it (ADQL-058).

A geometry leaves a query in its parts, one output column each, and is made again outside: so a position keeps
its unit vector and pixel, and a region column its key. Out of a set operation it comes as one value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from vo_service.adql.nodes.kinds import SHAPES, Facts
from vo_service.adql.nodes.resolved import Reference, Value
from vo_service.adql.nodes.resolved_queries import Output, ResolvedBody, ResolvedQuery, ResolvedSelect
from vo_service.adql.nodes.resolved_shapes import Footprint, Geometry, Stored, parts, rebuild
from vo_service.adql.nodes.systems import facts_as_column


@dataclass(frozen=True, slots=True)
class Shown:
    """A column of an inner query: its name, and the output columns that it is made of with their facts."""

    name: str
    made_of: tuple[tuple[str, Facts], ...]
    geometry: Geometry | None = None
    exact: bool = False

    def seen_as(self, alias: str) -> Value:
        """The value of the column in a query that knows the inner one by that alias."""
        values = [Reference(alias, output, facts) for output, facts in self.made_of]
        return values[0] if self.geometry is None else rebuild(self.geometry, values)


def show(query: ResolvedQuery) -> tuple[ResolvedQuery, tuple[Shown, ...]]:
    """A query with its geometries in parts, and its columns as they are seen from outside."""
    body, columns = _show(query.body)
    return replace(query, body=body), columns


def _show(body: ResolvedBody) -> tuple[ResolvedBody, tuple[Shown, ...]]:
    if isinstance(body, ResolvedQuery):
        return show(body)
    if isinstance(body, ResolvedSelect):
        return _spread(body)
    exact = body.exact
    return body, tuple(_whole(name, alias, facts, alias in exact) for name, alias, facts in body.columns)


def _whole(name: str, alias: str, facts: Facts, exact: bool) -> Shown:
    """A column that is one value, be it a geometry."""
    value = Stored(Reference("", alias, facts), facts) if facts.kind in SHAPES else None
    return Shown(name, ((alias, facts),), value, exact)


def _spread(select: ResolvedSelect) -> tuple[ResolvedSelect, tuple[Shown, ...]]:
    taken = {output.alias.lower() for output in select.outputs}
    outputs: list[Output] = []
    columns: list[Shown] = []
    for output in select.outputs:
        if not isinstance(output.value, Geometry):
            outputs.append(output)
            columns.append(_whole(output.name, output.alias, facts_as_column(output.value), output.exact))
            continue
        geometry: Geometry = output.value
        if select.distinct and isinstance(geometry, Footprint):
            geometry = Stored(geometry.text, geometry.facts)  # regions are the same where their texts are
        aliases = _free(output.alias, taken)
        spread = [Output(alias, alias, part) for alias, part in zip(aliases, parts(geometry))]
        outputs += spread
        made_of = tuple((part.alias, facts_as_column(part.value)) for part in spread)
        columns.append(Shown(output.name, made_of, geometry, output.exact))
    return replace(select, outputs=tuple(outputs)), tuple(columns)


def _free(alias: str, taken: set[str]) -> Iterator[str]:
    """``alias.1``, ``alias.2`` and so on; a label in double quotes may hold such a name already."""
    number = 0
    while True:
        number += 1
        name = f"{alias}.{number}"
        if name.lower() not in taken:
            taken.add(name.lower())
            yield name
