"""How values of parameters are read and written: numbers and intervals (DALI 1.1, section 3).

All readers raise ValueError with what would be right. Numbers are those of VOTable's TABLEDATA: decimal, with
a point where it is wanted; NaN is none, and one that no double can hold is none either. Infinity in any case,
with or without sign, is read where an interval may be open, and nowhere else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import TypeVar

from vo_service.dali.parameters import shortened

T = TypeVar("T")
Pair = tuple[float, float]

_REAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.IGNORECASE | re.ASCII)
_INFINITE = re.compile(r"([+-]?)inf(?:inity)?", re.IGNORECASE | re.ASCII)
_WHOLE = re.compile(r"\+?[0-9]{1,18}|0x[0-9a-f]{1,15}", re.IGNORECASE | re.ASCII)


def real(text: str) -> float:
    """One finite number; -0 is 0."""
    value = float(text) if _REAL.fullmatch(text) else math.nan
    if not math.isfinite(value):
        raise ValueError(f"{shortened(text)!r} is no number that can be used")
    return value + 0.0


def open_real(text: str) -> float:
    """One number, which may be infinite."""
    found = _INFINITE.fullmatch(text)
    if found is None:
        return real(text)
    return -math.inf if found[1] == "-" else math.inf


def whole(text: str) -> int:
    """A whole number of at most 18 digits, decimal or, as TABLEDATA may have it, hexadecimal (``0x1F``)."""
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{shortened(text)!r} is no whole number that can be used")
    return int(text, 16 if text[:2].lower() == "0x" else 10)


def listed(text: str, count: int, names: str, read: Callable[[str], T]) -> tuple[T, ...]:
    """So many values with blanks between; ``names`` tells which they are."""
    words = text.split()
    if len(words) != count:
        raise ValueError(f"{count} numbers are wanted ({names}), got {len(words)}")
    return tuple(read(word) for word in words)


def interval(text: str) -> Pair:
    """Two numbers, the lower one first, with ``-Inf`` and ``+Inf`` for open ends; both ends belong to it."""
    low, high = listed(text, 2, "low high", open_real)
    if low == math.inf or high == -math.inf:
        raise ValueError("open intervals have -Inf as their lower end and +Inf as their upper one")
    if low > high:
        raise ValueError(f"the lower end comes first, {low!r} is above {high!r}")
    return low, high


def written(*values: float) -> str:
    """Numbers as canonical texts have them: each double in the shortest way, infinities with a sign."""
    return " ".join(_written(value) for value in values)


def _written(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0.0 else "-Inf"
    return repr(value) if isinstance(value, int) else repr(float(value))
