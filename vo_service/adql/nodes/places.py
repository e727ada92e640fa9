"""Where a test stands in the query, put into what became of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar, cast

from vo_service.adql.errors import Place
from vo_service.adql.nodes.resolved import DiscTest, InCross, Near, Negation, PairTest, WherePresent
from vo_service.adql.nodes.resolved_shapes import Measured, Point, Separation, WhenKnown

_Node = TypeVar("_Node")


def placed(node: _Node, place: Place) -> _Node:
    """The condition or value with that place in its test, or in what is measured, of shapes."""
    return cast(_Node, _placed(node, place))


def _placed(node: Any, place: Place) -> Any:
    match node:
        case Near() | InCross() | DiscTest() | PairTest() | Separation() | Measured():
            return replace(node, place=place) if node.place is None else node
        case Negation() | WherePresent():
            return replace(node, condition=_placed(node.condition, place))
        case WhenKnown():
            return replace(node, value=_placed(node.value, place))
        case Point(lon=Measured(), lat=Measured()):
            return replace(node, lon=_placed(node.lon, place), lat=_placed(node.lat, place))
    return node
