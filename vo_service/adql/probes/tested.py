"""Exact tests of candidates, a piece at a time, with a look at the clock in between."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vo_service.adql.probes.asking import Ask
from vo_service.sky.shapes import Shapes
from vo_service.sky.tests_of_pairs import test_pairs

_AT_ONCE = 10_000


def tested(
    test: Literal["intersects", "covers", "inside"],
    left: Shapes,
    right: Shapes,
    ask: Ask,
) -> NDArray[np.int8]:
    """As `sky.tests_of_pairs.test_pairs`; raises what ends the question."""
    count = max(len(left), len(right)) if len(left) and len(right) else 0
    verdicts = [np.empty(0, np.int8)]
    for start in range(0, count, _AT_ONCE):
        ask.check()
        here = np.arange(start, min(start + _AT_ONCE, count))
        one, other = (side if len(side) == 1 else side.take(here) for side in (left, right))
        verdicts.append(test_pairs(test, one, other, ask.check))
    return np.concatenate(verdicts)
