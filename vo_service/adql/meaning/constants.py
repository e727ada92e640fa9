"""What a value is when it is known before the query runs."""

from __future__ import annotations

import math

import numpy as np

from vo_service.adql.functions.table import FUNCTIONS
from vo_service.adql.nodes.kinds import INTEGERS, NUMBERS, Kind
from vo_service.adql.nodes.resolved import (
    Apply,
    Arithmetic,
    Coalesce,
    Collected,
    Constant,
    Conversion,
    Negative,
    Value,
)

_BITS = {Kind.SMALLINT: 16, Kind.INTEGER: 32, Kind.BIGINT: 64}


def constant_number(value: Value) -> float | None:
    """The number a constant expression gives; None where it depends on rows or is NULL."""
    found = _evaluate(value)
    return None if found is None else float(found)


def overflow(value: Value) -> int | None:
    """The whole number of a constant expression where it is beyond the expression's type, else None."""
    bits = _BITS.get(value.facts.kind)
    if bits is None:
        return None
    found = _evaluate(value)
    return found if isinstance(found, int) and not -(2 ** (bits - 1)) <= found < 2 ** (bits - 1) else None


def is_literal(value: Value) -> bool:
    """Whether a value is a plain number: a literal, or made of literals only, without a unit of its own."""
    return value.facts.unit is None and constant_number(value) is not None


def is_plain_number(value: Value) -> bool:
    """Whether a value counts, and measures nothing: a literal, a COUNT, or what is made of them alone."""
    if value.facts.unit is not None:
        return False
    match value:
        case Collected():
            return value.function == "COUNT"
        case Arithmetic():
            return is_plain_number(value.left) and is_plain_number(value.right)
        case Negative() | Conversion():
            return is_plain_number(value.operand)
    return constant_number(value) is not None


def _evaluate(value: Value) -> int | float | None:
    match value:
        case Constant():
            return value.value if isinstance(value.value, int | float) else None
        case Negative():
            operand = _evaluate(value.operand)
            return None if operand is None else -operand
        case Arithmetic():
            return _arithmetic(value)
        case Conversion():
            return _converted(value)
        case Coalesce():
            # a NULL in front may be one of a row, so only what comes first for certain counts
            return _evaluate(value.arguments[0])
        case Apply() if value.facts.kind in NUMBERS:
            return _applied(value)
    return None


def _applied(value: Apply) -> int | float | None:
    reference = FUNCTIONS[value.function].reference
    if reference is None:
        return None
    arguments = [_evaluate(argument) for argument in value.arguments]
    if any(argument is None for argument in arguments):
        return None
    result = float(np.asarray(reference(*arguments)))
    if math.isnan(result):
        return None
    return int(result) if value.facts.kind in INTEGERS else result


def _converted(value: Conversion) -> int | float | None:
    number = _evaluate(value.operand)
    kind = value.facts.kind
    if number is None or kind not in NUMBERS:
        return None
    if kind in INTEGERS:
        if isinstance(number, int) or not math.isfinite(number):
            return number if isinstance(number, int) else None
        rounded = FUNCTIONS["ROUND"].reference
        assert rounded is not None
        return int(rounded(number))
    return float(np.float32(number)) if kind is Kind.REAL else float(number)


def _arithmetic(value: Arithmetic) -> int | float | None:
    left, right = _evaluate(value.left), _evaluate(value.right)
    if left is None or right is None:
        return None
    if value.facts.kind not in INTEGERS:
        left, right = float(left), float(right)
    match value.operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
    if right == 0:
        return None
    if isinstance(left, int) and isinstance(right, int):
        quotient = abs(left) // abs(right)
        return quotient if (left < 0) == (right < 0) else -quotient
    return left / right
