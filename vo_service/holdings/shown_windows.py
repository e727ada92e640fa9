"""Which of the windows that the archive lists for a field a data set shows (ALMA-039, ALMA-084)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vo_service.holdings.names import canonical
from vo_service.spectral import C, SupportComponent, match_component, parse_frequency_support

Row = dict[str, Any]

_SAME = 0.6  # of the union of two ranges that are one window, as in ``supports``
_MOST = 0.5  # of a window that has to be there to be shown


def add_windows(row: Row, fact: Mapping[str, Any] | None, siblings: Iterable[Mapping[str, Any]]) -> Row:
    """The row of a data set with ``frequency_support``: the components of the archive's text that it shows,
    as the archive spells them; and, for a cube of one whole window, with the archive's noise in 10 km/s of
    that window where no archive row of its own gave it.

    ``fact`` is its own archive row, ``siblings`` are those of its member set: any of the same source has the
    text of the whole field.
    """
    text = _text_of(row, fact, siblings)
    support = row.get("em_support")
    components = parse_frequency_support(text)
    if text is None or components is None or not support:
        return row
    spellings = re.split(r"\s+U\s+", text.strip())
    edges = [(C / high, C / low) for low, high in zip(support[::2], support[1::2])]
    shown = sorted({index for low, high in edges for index in _shown(components, low, high)})
    if not shown:
        return row
    added = row | {"frequency_support": " U ".join(spellings[index] for index in shown)}
    if row["dataproduct_type"] != "cube" or row.get("sensitivity_10kms") is not None:
        return added
    if len(shown) == len(edges) == 1 and _likeness(components[shown[0]], *edges[0]) >= _SAME:
        added["sensitivity_10kms"] = components[shown[0]].sensitivity_10kms
    return added


def _text_of(row: Row, fact: Mapping[str, Any] | None, siblings: Iterable[Mapping[str, Any]]) -> str | None:
    if fact is not None:
        return fact.get("frequency_support")
    own = canonical(row["target_name"])
    texts = (each.get("frequency_support") for each in siblings if canonical(each.get("target_name")) == own)
    return next((text for text in texts if text is not None), None)


def _shown(components: Sequence[SupportComponent], low: float, high: float) -> list[int]:
    """Positions of the windows within a range: the one that it is, else those that lie in it for the most
    part, else the one that it is cut from."""
    best = match_component(components, low, high)
    if best is None:
        return []
    if _likeness(best, low, high) < _SAME:
        inside = [
            index
            for index, each in enumerate(components)
            if min(each.f_max, high) - max(each.f_min, low) >= _MOST * (each.f_max - each.f_min)
        ]
        if inside:
            return inside
    return [components.index(best)]


def _likeness(component: SupportComponent, low: float, high: float) -> float:
    overlap = min(component.f_max, high) - max(component.f_min, low)
    return overlap / (max(component.f_max, high) - min(component.f_min, low))
