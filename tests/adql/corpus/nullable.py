"""Values as ADQL has them, in plain Python: NULL goes through every operator, conditions have three values.

A case writes ``[(o.obs_id, o.t_exptime * 2) for o in obscore if o.s_resolution < 1]`` and means what the
query means, for ``if`` keeps rows whose condition is true and not unknown.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any


def plain(value: Any) -> Any:
    """The Python value within."""
    return value.value if isinstance(value, Nullable) else value


def _rank(value: Any) -> Any:
    """NaN equals itself and is above every number, infinity too (ADQL-077)."""
    if isinstance(value, float):
        return (1, 0.0) if math.isnan(value) else (0, value)
    if isinstance(value, bool):
        raise TypeError("a condition is no value (ADQL-080)")
    if isinstance(value, int):
        return (0, value)
    return value


def _moments(a: Any, b: Any) -> tuple[Any, Any]:
    """A moment may be compared with its DALI text (ADQL-083)."""
    if isinstance(a, datetime) and isinstance(b, str):
        return a, datetime.fromisoformat(b.removesuffix("Z"))
    if isinstance(b, datetime) and isinstance(a, str):
        return datetime.fromisoformat(a.removesuffix("Z")), b
    return a, b


_PLAINLY_ORDERED = (int, str, datetime)
"""Types whose values Python orders as ADQL does; doubles have a NaN."""


class Nullable:
    """One value or NULL; operators are those of ADQL."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = plain(value)

    def _with(self, other: Any, operation: Callable[[Any, Any], Any]) -> Nullable:
        a, b = self.value, plain(other)
        return NULL if a is None or b is None else Nullable(operation(a, b))

    def _compared(self, other: Any, operation: Callable[[Any, Any], bool]) -> Nullable:
        a, b = self.value, plain(other)
        if a is None or b is None:
            return NULL
        if not (type(a) is type(b) and type(a) in _PLAINLY_ORDERED):  # joins compare a million times
            a, b = (_rank(value) for value in _moments(a, b))
        return TRUE if operation(a, b) else FALSE

    def __repr__(self) -> str:
        return f"Nullable({self.value!r})"

    def __bool__(self) -> bool:
        return self.value is True

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> Nullable:  # type: ignore[override]
        return self._compared(other, operator.eq)

    def __ne__(self, other: object) -> Nullable:  # type: ignore[override]
        return self._compared(other, operator.ne)

    def __lt__(self, other: Any) -> Nullable:
        return self._compared(other, operator.lt)

    def __le__(self, other: Any) -> Nullable:
        return self._compared(other, operator.le)

    def __gt__(self, other: Any) -> Nullable:
        return self._compared(other, operator.gt)

    def __ge__(self, other: Any) -> Nullable:
        return self._compared(other, operator.ge)

    def __and__(self, other: Any) -> Nullable:
        values = (self.value, plain(other))
        return Nullable(False if False in values else None if None in values else True)

    def __or__(self, other: Any) -> Nullable:
        values = (self.value, plain(other))
        return Nullable(True if True in values else None if None in values else False)

    def __invert__(self) -> Nullable:
        return Nullable(None if self.value is None else not self.value)

    def __add__(self, other: Any) -> Nullable:
        return self._with(other, lambda a, b: a + b)

    def __radd__(self, other: Any) -> Nullable:
        return self._with(other, lambda a, b: b + a)

    def __sub__(self, other: Any) -> Nullable:
        return self._with(other, lambda a, b: a - b)

    def __rsub__(self, other: Any) -> Nullable:
        return self._with(other, lambda a, b: b - a)

    def __mul__(self, other: Any) -> Nullable:
        return self._with(other, lambda a, b: a * b)

    def __rmul__(self, other: Any) -> Nullable:
        return self._with(other, lambda a, b: b * a)

    def __truediv__(self, other: Any) -> Nullable:
        return self._with(other, _divided)

    def __rtruediv__(self, other: Any) -> Nullable:
        return self._with(other, lambda a, b: _divided(b, a))

    def __neg__(self) -> Nullable:
        return Nullable(None if self.value is None else -self.value)

    def cat(self, other: Any) -> Nullable:
        """``||``."""
        return self._with(other, lambda a, b: a + b)

    def is_null(self) -> bool:
        return self.value is None

    def between(self, low: Any, high: Any) -> Nullable:
        return (self >= low) & (self <= high)

    def among(self, *values: Any) -> Nullable:
        """``IN``: unknown where a NULL might have been it."""
        found = Nullable(False)
        for value in values:
            found = found | (self == value)
        return found

    def like(self, pattern: Any, *, folded: bool = False) -> Nullable:
        r"""``LIKE`` with ``\_`` and ``\%`` for the plain characters (ADQL-087)."""

        def matches(text: str, like: str) -> bool:
            if folded:
                text, like = text.lower(), like.lower()
            parts = re.findall(r"\\[_%]|.", like, re.DOTALL)
            wild = {"%": ".*", "_": "."}
            expression = "".join(wild.get(part) or re.escape(part[-1]) for part in parts)
            return re.fullmatch(expression, text, re.DOTALL) is not None

        return self._with(pattern, matches)

    def starts(self, text: str) -> bool:
        return self.value is not None and self.value.startswith(text)


def _divided(a: Any, b: Any) -> Any:
    """Whole numbers are cut toward zero (ADQL-093), nothing is divided by zero (ADQL-095)."""
    if b == 0:
        return None
    if isinstance(a, int) and isinstance(b, int):
        quotient = abs(a) // abs(b)
        return quotient if (a < 0) == (b < 0) else -quotient
    return a / b


NULL, TRUE, FALSE = Nullable(None), Nullable(True), Nullable(False)
