"""Positions in constant polygons as SQL text: a polygon takes hundreds of terms, too many to build nodes of.

The text holds numbers that are ours and the vector's own SQL, nothing of what a user wrote.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
from sqlglot import exp

from vo_service.adql.sql.nodes import Sql
from vo_service.sky import ALLOWANCE, Polygon, unit_vectors

_AT_BASE: Final = 1e-12
"""Radians from the base of a polygon's arcs within which their direction is lost in rounding."""
_KEPT: Final = 500
_NAMES: Final = re.compile(r"\{[xyz]\}")

Floats = npt.NDArray[np.float64]


def in_polygon(point: Sequence[Sql], polygon: Polygon, slack: float, dialect: str) -> Sql:
    """Whether a unit vector lies in a polygon: closed with a positive slack, without its border otherwise."""
    written = {
        f"{{{name}}}": f"({part.sql(dialect=dialect, identify=True, comments=False)})"
        for name, part in zip("xyz", point)
    }
    # one pass: what has been put in is not looked through again
    text = _NAMES.sub(lambda found: written[found[0]], _template(polygon, slack > 0.0))
    return exp.Var(this=text)


@lru_cache(maxsize=_KEPT)
def _template(polygon: Polygon, closed: bool) -> str:
    """The test with ``{x} {y} {z}`` for the vector.

    Even-odd count of the edges that an arc away from ``base`` crosses; an edge counts as inside. Each sign is
    that of a sum linear in the unit vector. The arc leads from the point to the place opposite of ``base``,
    which is outside; at ``base`` itself there is no arc, but its side is known. Polygons too wide for that
    have no such test: see ``geometry_sql.has_test``.
    """
    base, base_inside = _base(polygon)
    start = unit_vectors([v[0] for v in polygon.vertices], [v[1] for v in polygon.vertices])
    end = np.roll(start, -1, axis=0)
    normal = np.cross(start, end - start)
    normal /= np.sqrt(np.einsum("ij,ij->i", normal, normal))[:, None]
    left = [f"{_dot(weights)} >= 0e0" for weights in np.cross(start, base)]
    sides = [_dot(weights) for weights in normal]
    after, before = np.cross(normal, start), np.cross(end, normal)
    crossed, on_edge = [], []
    for index, side in enumerate(sides):
        here, there = left[index], left[(index + 1) % len(left)]
        crossed.append(f"CASE WHEN ({here}) <> ({there}) AND ({here}) = ({side} < 0e0) THEN 1 ELSE 0 END")
        on_edge.append(
            f"(ABS({side}) <= {_text(ALLOWANCE)} AND {_dot(after[index])} >= {_text(-ALLOWANCE)} "
            f"AND {_dot(before[index])} >= {_text(-ALLOWANCE)})"
        )
    odd = f"({' + '.join(crossed)}) % 2 = 1"
    at_base = f"{_squared_chord(base)} <= {_text(_AT_BASE**2)}"
    inside = f"CASE WHEN {at_base} THEN {'TRUE' if base_inside else 'FALSE'} ELSE {odd} END"
    border = " OR ".join(on_edge)
    cap = polygon.cap()
    reach = (2.0 * math.sin(cap.radius / 2.0) + 1e-12) ** 2
    near = f"{_squared_chord(np.array([cap.x, cap.y, cap.z]))} <= {_text(reach)}"
    found = f"({inside}) OR {border}" if closed else f"({inside}) AND NOT ({border})"
    return f"CASE WHEN {near} THEN {found} WHEN {{x}} IS NOT NULL THEN FALSE END"


def _text(value: float) -> str:
    """A double as a literal that both engines read as one beside a double."""
    text = repr(float(value))
    text = text if "e" in text else f"{text}e0"
    return f"({text})" if text.startswith("-") else text


def _dot(weights: Floats) -> str:
    x, y, z = (_text(weight) for weight in weights.tolist())
    return f"({{x}} * {x} + {{y}} * {y} + {{z}} * {z})"


def _squared_chord(place: Floats) -> str:
    parts = [f"({{{name}}} - {_text(v)})" for name, v in zip("xyz", place.tolist())]
    return "(" + " + ".join(f"{part} * {part}" for part in parts) + ")"


def _base(polygon: Polygon) -> tuple[Floats, bool]:
    """A place near the middle of the cap and off all edges, and whether it is inside."""
    cap = polygon.cap()
    centre = np.array([cap.x, cap.y, cap.z])
    axis = np.eye(3)[int(np.argmin(np.abs(centre)))]
    one = np.cross(centre, axis)
    one /= math.sqrt(float(one @ one))
    other = np.cross(centre, one)
    turns = np.linspace(0.0, 2.0 * math.pi, 7, endpoint=False)
    step = math.tan(0.3 * cap.radius)
    places = np.vstack(
        [centre, centre + step * (np.outer(np.cos(turns), one) + np.outer(np.sin(turns), other))]
    )
    places /= np.sqrt(np.einsum("ij,ij->i", places, places))[:, None]
    margins = np.maximum(polygon.depth(places), polygon.distance(places))
    best = int(np.argmax(margins))
    return places[best], bool(polygon.contains(places[best][None, :])[0])
