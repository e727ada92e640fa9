"""What is worked out of regions and kept for the next who asks: never of long ones.

Coverage maps that come with a question have up to millions of numbers, and whoever keeps some hundred of them
has no memory left. So whatever keeps coverage maps, or something made of them, asks ``is_long`` first.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Final, ParamSpec, Protocol, TypeVar, runtime_checkable

P = ParamSpec("P")
R = TypeVar("R")

_NUMBERS: Final = 2000
_CHARACTERS: Final = 4000


@runtime_checkable
class Sized(Protocol):
    """A region, of which this room's lowest modules know no more than how many numbers describe it."""

    @property
    def size(self) -> int:
        """As `Region.size`."""
        ...


def is_long(what: Sized | str) -> bool:
    """Whether a region, or the text of one, is too long to be kept."""
    return len(what) > _CHARACTERS if isinstance(what, str) else what.size > _NUMBERS


def keep_short(most: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A decorator for functions without side effects, as ``lru_cache(most)``; but of a call with a long
    region or text (by position) nothing is kept."""

    def decorate(work: Callable[P, R]) -> Callable[P, R]:
        kept: Callable[..., R] = lru_cache(maxsize=most)(work)

        @wraps(work)
        def asked(*given: P.args, **named: P.kwargs) -> R:
            if any(isinstance(value, Sized | str) and is_long(value) for value in given):
                return work(*given, **named)
            return kept(*given, **named)

        return asked

    return decorate
