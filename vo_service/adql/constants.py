"""What a value is when it is known before the query runs."""

from __future__ import annotations

import math

import numpy as np

from vo_service.adql.functions import FUNCTIONS
from vo_service.adql.kinds import INTEGERS, NUMBERS
from vo_service.adql.resolved import (
    Apply,
    Arithmetic,
    Constant,
    Negative,
    Value,
)


def constant_number(value: Value) -> float | None:
    """The number a constant expression gives; None where it depends on rows or is NULL."""
    found = _evaluate(value)
    return None if found is None else float(found)


def _evaluate(value: Value) -> int | float | None:
    match value:
        case Constant():
            return value.value if isinstance(value.value, int | float) else None
        case Negative():
            operand = _evaluate(value.operand)
            return None if operand is None else -operand
        case Arithmetic():
            return _arithmetic(value)
        case Apply() if value.facts.kind in NUMBERS:
            reference = FUNCTIONS[value.function].reference
            arguments = [_evaluate(argument) for argument in value.arguments]
            if reference is None or any(argument is None for argument in arguments):
                return None
            result = float(np.asarray(reference(*arguments)))
            return None if math.isnan(result) else result
    return None


def _arithmetic(value: Arithmetic) -> int | float | None:
    left, right = _evaluate(value.left), _evaluate(value.right)
    if left is None or right is None:
        return None
    match value.operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
    if right == 0:
        return None
    if value.facts.kind in INTEGERS and isinstance(left, int) and isinstance(right, int):
        quotient = abs(left) // abs(right)
        return quotient if (left < 0) == (right < 0) else -quotient
    return left / right
