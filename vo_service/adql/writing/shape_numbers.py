"""The numbers and positions that geometries, and tests of them, are made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from vo_service.adql.nodes.resolved import Condition, Value
from vo_service.adql.nodes.resolved_shapes import Geometry, Point, Turned


def numbers_in(node: Any) -> Iterator[Value]:
    """The values that the geometries in a node are made of, where they are no geometries themselves."""
    for part in _parts(node):
        if isinstance(part, Geometry | Condition):
            yield from numbers_in(part)
        elif isinstance(part, Value):
            yield part


def given_numbers_in(node: Any) -> Iterator[Value]:
    """The same, of what was turned the coordinates before."""
    for number in numbers_in(node):
        yield from (number.lon, number.lat) if isinstance(number, Turned) else (number,)


def points_in(node: Any) -> Iterator[Point]:
    """The positions in a node."""
    if isinstance(node, Point):
        yield node
    elif isinstance(node, Geometry | Condition):
        for part in _parts(node):
            yield from points_in(part)


def _parts(node: Any) -> Iterator[Any]:
    for each in fields(node):
        part = getattr(node, each.name) if each.compare else None
        yield from part if isinstance(part, tuple) else (part,)
