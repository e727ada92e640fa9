"""What is known of a value as a column of a result: whether its numbers are of the archive's systems, too.

Positions of the archive are ICRS and its times are MJD of UTC. A user's own columns are in systems that only
the user knows, and so is what is made of these alone, unless the query names a frame for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace

from tap_schema import Table
from vo_service.adql.nodes.coordinate_systems import OF_TABLES, is_transformed, plain_name
from vo_service.adql.nodes.kinds import Facts
from vo_service.adql.nodes.resolved import Reference, Value
from vo_service.adql.nodes.resolved_shapes import Cross, Disc, Geometry
from vo_service.sky import Region
from vo_service.sky.frames import ICRS


def facts_as_column(value: Value) -> Facts:
    """Facts of a value that leaves a query: with the mark of a shape whose numbers are not the tables', and
    with what is known of its systems."""
    facts = value.facts
    if isinstance(value, Geometry) and is_transformed(value.frame):
        facts = replace(facts, frame=value.frame)
    unplaced = _is_unplaced(value, facts)
    return facts if facts.unplaced == unplaced else replace(facts, unplaced=unplaced)


def _is_unplaced(value: Value, facts: Facts) -> bool:
    frame = facts.frame or (value.frame if isinstance(value, Geometry) else "")
    if is_transformed(frame):
        return plain_name(frame) != ICRS
    if frame not in ("", OF_TABLES):
        return False  # the query says what it is, and it has been turned to the tables' frame
    if isinstance(value, Geometry):  # a constant beside it may have become a column of a derived table
        position = value.centre if isinstance(value, Disc | Cross) else value
        return any(column.facts.unplaced for column in _columns_in(position))
    columns = list(_columns_in(value))
    return len(columns) > 0 and all(column.facts.unplaced for column in columns)


def _columns_in(node: object) -> Iterator[Reference]:
    """All columns that a value is made of, those of subqueries in it too."""
    if isinstance(node, Reference):
        yield node
    elif isinstance(node, tuple):
        for part in node:
            yield from _columns_in(part)
    elif is_dataclass(node) and not isinstance(node, Facts | Region | Table):
        for each in fields(node):
            yield from _columns_in(getattr(node, each.name))
