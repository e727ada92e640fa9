"""What is known of a value that an expression makes: type, unit, UCD, by rule and not from the engine.

Columns, labels and values in parentheses keep all that is known of them; what is here is for everything else
(ADQL-058, ADQL-069, ADQL-094, ADQL-128). A unit that is not known is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vo_service.adql.functions.forms import Form, Function
from vo_service.adql.meaning import units
from vo_service.adql.nodes.coordinate_systems import frame_of_rows
from vo_service.adql.nodes.kinds import INTEGERS, NUMBERS, SHAPES, Facts, Kind, result_of_arithmetic, widest

COUNT = Facts(Kind.BIGINT, ucd="meta.number")
"""Of a COUNT."""

_STATISTICS = {"MIN": "stat.min", "MAX": "stat.max", "AVG": "stat.mean"}


def of_literal(text: str) -> Facts:
    """Of a string literal; VOTable's ``char`` is ASCII."""
    if text.isascii():
        return Facts(Kind.TEXT)
    return Facts(Kind.TEXT, datatype="unicodeChar", arraysize="*")


def of_negative(operand: Facts) -> Facts:
    """Of ``-x``: the unit stays, what the number means does not."""
    return Facts(operand.kind, operand.unit)


def of_sum(left: Facts, right: Facts, literal_left: bool, literal_right: bool) -> Facts:
    """Of ``a + b`` and ``a - b``; a literal without a unit takes that of the other side."""
    kind = result_of_arithmetic(left.kind, right.kind)
    if literal_right and right.unit is None:
        return Facts(kind, left.unit)
    if literal_left and left.unit is None:
        return Facts(kind, right.unit)
    return Facts(kind, left.unit if units.same_unit(left.unit, right.unit) else None)


def of_product(operator: str, left: Facts, right: Facts, literal_left: bool, literal_right: bool) -> Facts:
    """Of ``a * b`` and ``a / b``; literals and COUNTs are plain numbers, all else without a unit is unknown.

    A plain number changes no unit: ``s_ra*3600`` is in degrees, too (``IN_UNIT`` converts).
    """
    kind = result_of_arithmetic(left.kind, right.kind)
    if literal_right and right.unit is None:
        return Facts(kind, left.unit)
    if operator == "*" and literal_left and left.unit is None:
        return Facts(kind, right.unit)
    known = (left.unit is not None or literal_left) and right.unit is not None
    return Facts(kind, units.product(left.unit, right.unit, divided=operator == "/") if known else None)


def of_call(function: Function, form: Form, arguments: Sequence[Facts], exponent: float | None) -> Facts:
    """Of a call of a function; ``exponent`` is the constant that POWER raises to."""
    first = arguments[0] if arguments else Facts(Kind.NULL)
    if function.name in ("SQRT", "POWER"):
        exponent = 0.5 if function.name == "SQRT" else exponent
        return Facts(form.result, None if exponent is None else units.power(first.unit, exponent))
    unit = first.unit if function.unit == "same" else function.unit
    ucd = first.ucd if function.ucd == "same" else function.ucd
    if form.result is Kind.TEXT:
        texts = [facts for facts in arguments if facts.kind is Kind.TEXT]
        return replace(of_texts(texts), unit=unit, ucd=ucd)
    return Facts(form.result, unit, ucd)


def of_texts(texts: Sequence[Facts]) -> Facts:
    """Of a text made of texts: any length, and beyond ASCII where one of them is."""
    if any(facts.datatype == "unicodeChar" for facts in texts):
        return Facts(Kind.TEXT, datatype="unicodeChar", arraysize="*")
    return Facts(Kind.TEXT)


def of_aggregate(name: str, argument: Facts) -> Facts:
    """Of SUM, AVG, MIN, MAX."""
    if name == "SUM":
        kind = Kind.BIGINT if argument.kind in INTEGERS else Kind.DOUBLE
        return Facts(Kind.NULL if argument.kind is Kind.NULL else kind, argument.unit)
    ucd = _statistic(_STATISTICS[name], argument.ucd)
    if name == "AVG":
        kind = Kind.NULL if argument.kind is Kind.NULL else Kind.DOUBLE
        return Facts(kind, argument.unit, ucd)
    return replace(argument, ucd=ucd, utype=None, description="")


def of_first_known(values: Sequence[Facts], literals: Sequence[bool], kind: Kind) -> Facts:
    """Of COALESCE: the common type, the unit and the UCD on which all agree that are no constants."""
    typed = [facts for facts in values if facts.kind is kind]
    columns = [facts for facts, literal in zip(values, literals) if not literal] or list(values[:1])
    unit = columns[0].unit
    if not all(units.same_unit(unit, facts.unit) for facts in columns):
        unit = None
    ucd = columns[0].ucd if len({facts.ucd for facts in columns}) == 1 else None
    if kind is Kind.TEXT:
        return replace(of_texts(typed), ucd=ucd)
    form = typed[0] if typed and kind not in NUMBERS else Facts(kind)
    return Facts(kind, unit, ucd, None, "", form.datatype, form.arraysize, form.xtype)


def of_cast(operand: Facts, target: Kind, length: int | None, padded: bool) -> Facts:
    """Of CAST: a number that stays one keeps unit and UCD, a time that stays one all of it."""
    if target is Kind.TEXT:
        size = "*" if length is None else f"{length}" if padded else f"{length}*"
        datatype = operand.datatype if operand.kind is Kind.TEXT and operand.datatype else "char"
        return Facts(Kind.TEXT, datatype=datatype, arraysize=size)
    if target in NUMBERS and operand.kind in NUMBERS:
        return Facts(target, operand.unit, operand.ucd)
    return operand if target is operand.kind is Kind.TIMESTAMP else Facts(target)


def of_set(left: Facts, right: Facts) -> Facts | None:
    """Of a column of UNION, EXCEPT, INTERSECT: what fits both sides, the rest from the left (ADQL-064).

    None where the types do not agree (ADQL-063). Shapes of several frames are of no one's UCD, and where the
    systems of one side are not known, those of the column are not.
    """
    return _of_set(replace(left, unplaced=left.unplaced or right.unplaced), right)


def _of_set(left: Facts, right: Facts) -> Facts | None:
    kind = widest([left.kind, right.kind])
    if kind is None:
        return None
    if kind in SHAPES and left.kind is right.kind and left.frame != right.frame:
        return replace(left, ucd=None, frame=frame_of_rows(left.frame, right.frame))
    if kind is Kind.TEXT and left.kind is right.kind:
        size = left.arraysize if left.arraysize == right.arraysize else "*"
        datatype = of_texts((left, right)).datatype or "char"
        return replace(left, datatype=datatype, arraysize=size or "*")
    if kind is left.kind:
        return left
    form = right if kind is right.kind and kind not in NUMBERS else Facts(kind)
    made = replace(left, kind=kind, datatype=form.datatype, arraysize=form.arraysize, xtype=form.xtype)
    return replace(made, frame=form.frame)


def _statistic(word: str, ucd: str | None) -> str | None:
    """Own words, then that of the statistic, which UCDs have behind others; it is no main column any more."""
    words = [part for part in (ucd or "").split(";") if part and part not in ("meta.main", word)]
    return ";".join([*words, word]) if words else None
