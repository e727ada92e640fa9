"""Exact tests of candidates, a piece at a time, with a look at the clock in between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vo_service.adql.probes.asking import Ask
from vo_service.sky import Region
from vo_service.sky.tests_of_pairs import test_pairs

_AT_ONCE = 1000


def tested(
    test: Literal["intersects", "covers", "inside"],
    left: Sequence[Region | None],
    right: Sequence[Region | None],
    ask: Ask,
) -> NDArray[np.int8]:
    """As `sky.tests_of_pairs.test_pairs`; raises what ends the question."""
    count = max(len(left), len(right)) if left and right else 0
    verdicts = [np.empty(0, np.int8)]
    for start in range(0, count, _AT_ONCE):
        ask.check()
        here = slice(start, start + _AT_ONCE)
        one = left if len(left) == 1 and count > 1 else left[here]
        other = right if len(right) == 1 and count > 1 else right[here]
        verdicts.append(test_pairs(test, one, other))
    return np.concatenate(verdicts)
