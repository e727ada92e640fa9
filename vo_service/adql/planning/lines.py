"""Line coverage as a range of wavelengths in front of the exact test of windows (design 4.4).

The windows of ``em_support`` lie between ``em_min`` and ``em_max`` of the same row, so that rows whose hull
is off the line need no look at their windows. A row without a hull is always tested.
"""

from __future__ import annotations

from collections.abc import Mapping

from vo_service.adql.meaning.constants import constant_number
from vo_service.adql.nodes.kinds import Facts, Kind
from vo_service.adql.nodes.resolved import (
    Apply,
    Both,
    Compare,
    Condition,
    Constant,
    Either,
    Missing,
    Reference,
    Value,
)
from vo_service.adql.nodes.resolved_queries import BaseTable, Source

_FUNCTIONS = frozenset(("line_covered", "line_covered_all"))
_POSITIVE = {("=", 1.0), (">", 0.0), (">=", 1.0), ("<>", 0.0)}
"""Comparisons of 0 and 1 that only 1 meets."""
_TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
_SLACK = 1e-9
"""Part of a wavelength by which hull and windows may differ in rounding."""
_METRES = Facts(Kind.DOUBLE, "m")


def narrow_line(compare: Compare, leaves: Mapping[str, Source]) -> Condition:
    """The comparison, behind a range of wavelengths where it says that a line is covered."""
    call = _covered(compare)
    if call is None:
        return compare
    wavelength, zmin, zmax = (constant_number(argument) for argument in call.arguments[:3])
    support = call.arguments[3]
    if wavelength is None or zmin is None or zmax is None or not isinstance(support, Reference):
        return compare
    leaf = leaves.get(support.source)
    if not isinstance(leaf, BaseTable) or support.column != "em_support":
        return compare
    if not (leaf.table.has("em_min") and leaf.table.has("em_max")):
        return compare
    lowest, highest = (Reference(leaf.alias, name, _METRES) for name in ("em_min", "em_max"))
    first = Constant(wavelength * (1.0 + zmin) * (1.0 - _SLACK), _METRES)
    last = Constant(wavelength * (1.0 + zmax) * (1.0 + _SLACK), _METRES)
    meets = Both((Compare(">=", highest, first), Compare("<=", lowest, last)))
    unknown = (Missing(lowest, negated=False), Missing(highest, negated=False))
    return Both((Either((meets, *unknown)), compare))


def _covered(compare: Compare) -> Apply | None:
    """The call that has to be 1 for the comparison to hold, if there is one."""
    for call, other, operator in (
        (compare.left, compare.right, compare.operator),
        (compare.right, compare.left, _TURNED.get(compare.operator, compare.operator)),
    ):
        if isinstance(call, Apply) and call.function in _FUNCTIONS and _positive(operator, other):
            return call
    return None


def _positive(operator: str, other: Value) -> bool:
    return (operator, constant_number(other)) in _POSITIVE
