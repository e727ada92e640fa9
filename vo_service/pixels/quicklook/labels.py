"""Places for labels beside one another that would overlap at their own."""

from __future__ import annotations

from collections.abc import Sequence


def spread_labels(wanted: Sequence[float], step: float, low: float, high: float) -> list[float]:
    """Places within ``low`` to ``high``, at least ``step`` apart and in the order of ``wanted`` (rising), and
    nearest to it by the sum of squares. Raises ValueError for more labels than there is room for."""
    if not wanted:
        return []
    last = high - step * (len(wanted) - 1)
    if last < low:
        raise ValueError(f"{len(wanted)} labels {step} apart do not fit between {low} and {high}")
    groups: list[tuple[float, int]] = []  # mean and number of labels that stand shoulder to shoulder
    for number, place in enumerate(wanted):
        mean, count = place - step * number, 1
        while groups and groups[-1][0] >= mean:
            before, many = groups.pop()
            mean, count = (before * many + mean * count) / (many + count), many + count
        groups.append((mean, count))
    flat = [min(max(mean, low), last) for mean, count in groups for _ in range(count)]
    return [place + step * number for number, place in enumerate(flat)]
