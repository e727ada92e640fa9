"""Texts of the IVOA catalogue: matches and words (ADQL-182 to 184), sexagesimal angles (ADQL-189, ADQL-190).

All of them are NULL where an argument is.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from vo_service.adql.functions.forms import Called, Form, Function
from vo_service.adql.nodes.kinds import Facts, Kind
from vo_service.adql.nodes.resolved import Apply, Constant, Matches, Truth, Value
from vo_service.adql.sql import nodes as sql
from vo_service.adql.sql.nodes import Sql
from vo_service.adql.sql.texts import upper

_WORDS = string.ascii_letters + string.digits
_GAPS = "".join(chr(code) for code in range(1, 128) if chr(code) not in _WORDS)
"""ASCII that parts words; letters beyond ASCII belong to them."""
_FROM = _GAPS + string.ascii_uppercase
_TO = " " * len(_GAPS) + string.ascii_lowercase


def _no_case_match(called: Called) -> Value:
    """ILIKE as a function: value first, pattern second."""
    value, pattern = called.arguments
    return Truth(Matches(value, pattern, negated=False, folded=True), Facts(Kind.INTEGER))


def _refused(arguments: Sequence[Sql], dialect: str) -> Sql:
    raise TypeError("calls of this function are resolved to a condition")


def _one_or_zero(known: Sequence[Sql], condition: Sql) -> Sql:
    """1 where the condition holds, else 0; NULL where an argument is."""
    unknown = sql.either([sql.is_null(value) for value in known])
    return sql.case(
        (unknown, exp.Null()), (condition, exp.Literal.number(1)), otherwise=exp.Literal.number(0)
    )


def _has_word(arguments: Sequence[Sql], dialect: str) -> Sql:
    """Every word of the needle is one of the haystack; no word at all is in nothing."""
    blank = exp.Literal.string(" ")
    haystack, needle = (_spaced(text) for text in arguments)
    # the pieces between blanks of either are words and empty texts: those are in the haystack by its end
    padded = exp.DPipe(this=haystack, expression=exp.Literal.string("  "))
    if dialect == "duckdb":
        split = [sql.call("string_split", text, blank) for text in (padded, needle)]
        holds: Sql = sql.call("list_has_all", *split)
    else:
        split = [sql.call("string_to_array", text, blank) for text in (padded, needle)]
        holds = exp.ArrayContainsAll(this=split[0], expression=split[1])
    letters = sql.call("replace", sql.own(needle), sql.own(blank), exp.Literal.string(""))
    some = exp.NEQ(this=letters, expression=exp.Literal.string(""))
    return _one_or_zero(arguments, sql.both([some, holds]))


def _spaced(text: Sql) -> Sql:
    """The words of a text in small letters, blanks between."""
    return sql.call("translate", text, exp.Literal.string(_FROM), exp.Literal.string(_TO))


def _hash_list_has(arguments: Sequence[Sql], dialect: str) -> Sql:
    """Whether ``#item#`` stands in ``#list#``."""
    hashlist, item = (upper([text], dialect) for text in arguments)
    held = sql.call("strpos", _between_hashes(hashlist), _between_hashes(item))
    inside = sql.call("strpos", sql.own(item), exp.Literal.string("#"))
    nothing = exp.Literal.number(0)
    plain = [
        sql.above(held, nothing),
        sql.equal(inside, sql.own(nothing)),
        exp.NEQ(this=sql.own(item), expression=exp.Literal.string("")),
    ]
    return _one_or_zero(arguments, sql.both(plain))


def _between_hashes(text: Sql) -> Sql:
    left = exp.DPipe(this=exp.Literal.string("#"), expression=sql.wrapped(text))
    return exp.DPipe(this=left, expression=exp.Literal.string("#"))


# --- sexagesimal angles ---


@dataclass(frozen=True, slots=True)
class _Sexagesimal:
    """How angles are written: regular expressions with groups for sign, whole, minutes and seconds."""

    patterns: tuple[str, ...]
    seconds_of_degree: float

    def emit(self, arguments: Sequence[Sql], dialect: str) -> Sql:
        """The first way of writing that fits, as degrees; NULL where none does."""
        read = [self._value(arguments[0], pattern, dialect) for pattern in self.patterns]
        return exp.Coalesce(this=read[0], expressions=read[1:])

    def degrees(self, text: str) -> float | None:
        """The same for a text that is known."""
        for pattern in self.patterns:
            match = re.fullmatch(pattern.removeprefix("^").removesuffix("$"), text, re.ASCII)
            if match:
                sign, whole, minutes, seconds = match.groups()
                size = (
                    float(whole) * 3600.0 + float(minutes) * 60.0 + float(seconds)
                ) / self.seconds_of_degree
                return -size if sign == "-" else size
        return None

    def _value(self, text: Sql, pattern: str, dialect: str) -> Sql:
        whole, minutes, seconds = (_group_number(text, pattern, group, dialect) for group in (2, 3, 4))
        total = sql.plus(
            sql.plus(sql.times(whole, sql.number(3600.0)), sql.times(minutes, sql.number(60.0))), seconds
        )
        size = sql.over(total, sql.number(self.seconds_of_degree))
        negative = sql.equal(_group(text, pattern, 1, dialect), exp.Literal.string("-"))
        return sql.case((negative, exp.Neg(this=sql.paren(size))), otherwise=sql.own(size))

    def make(self, called: Called) -> Value:
        """The angle; of a literal it is known now, so that shapes made of it are constant."""
        facts, text = Facts(Kind.DOUBLE, "deg"), called.arguments[0]
        if isinstance(text, Constant) and isinstance(text.value, str):
            angle = self.degrees(text.value)
            if angle is not None:
                return Constant(angle, facts)
            called.warn(f"{called.name.lower()} cannot read '{text.value}': it gives NULL")
        return Apply(called.name.lower(), called.arguments, facts)


def _group(text: Sql, pattern: str, group: int, dialect: str) -> Sql:
    """What a group of the pattern matched; NULL (or an empty text) where the pattern does not."""
    literal = exp.Literal.string(pattern)
    if dialect == "duckdb":
        return sql.call("regexp_extract", text, literal, exp.Literal.number(group))
    found = exp.Paren(this=sql.call("regexp_match", text, literal))
    return exp.Bracket(this=found, expressions=[exp.Literal.number(group)], offset=1)


def _group_number(text: Sql, pattern: str, group: int, dialect: str) -> Sql:
    double = exp.DataType(this=exp.DType.DOUBLE)
    found = _group(text, pattern, group, dialect)
    return exp.TryCast(this=found, to=double) if dialect == "duckdb" else exp.Cast(this=found, to=double)


_SIXTY = "[0-5]?[0-9]"
_SECONDS = r"[0-5]?[0-9](?:\.[0-9]{0,20})?"  # a text of hundreds of zeros is no double for one engine
_PAIR, _PAIR_SECONDS = "[0-5][0-9]", r"[0-5][0-9](?:\.[0-9]{0,20})?"


def _patterns(sign: str, most: int, letter: str) -> tuple[str, ...]:
    """``h:m:s``, ``XhXmXs`` in either case, and digits alone, two of each."""
    return (
        f"^ *({sign})([0-9]{{1,{most}}}):({_SIXTY}):({_SECONDS}) *$",
        f"^ *({sign})([0-9]{{1,{most}}})[{letter}]({_SIXTY})[mM]({_SECONDS})[sS] *$",
        f"^ *({sign})([0-9]{{2}})({_PAIR})({_PAIR_SECONDS}) *$",
    )


_HOURS = _Sexagesimal(_patterns("", 2, "hH"), 240.0)
_ARC = _Sexagesimal(_patterns("[+-]?", 3, "dD"), 3600.0)
_INTEGER_OF_TWO = (Form(("text", "text"), Kind.INTEGER),)

FUNCTIONS_OF_TEXT: tuple[Function, ...] = (
    Function(
        "ivo_nocasematch",
        (Form(("text", "text"), Kind.INTEGER, _no_case_match),),
        "1 if the value is LIKE the pattern when case is ignored, else 0.",
        _refused,
        None,
        declared="ivo_nocasematch(value VARCHAR, pattern VARCHAR) -> INTEGER",
    ),
    Function(
        "ivo_hasword",
        _INTEGER_OF_TWO,
        "1 if every word of the needle is a word of the haystack, else 0. Words are runs of letters and "
        "digits; ASCII case is ignored, word forms are not reduced.",
        _has_word,
        None,
        declared="ivo_hasword(haystack VARCHAR, needle VARCHAR) -> INTEGER",
    ),
    Function(
        "ivo_hashlist_has",
        _INTEGER_OF_TWO,
        "1 if the item is one of the words of a list with # between them, case ignored, else 0.",
        _hash_list_has,
        None,
        declared="ivo_hashlist_has(hashlist VARCHAR, item VARCHAR) -> INTEGER",
    ),
    Function(
        "ivo_hms_to_degrees",
        (Form(("text",), Kind.DOUBLE, _HOURS.make),),
        "Degrees of hours, minutes and seconds: 3:34:45.4, 3h34m45.4s or 033445.4; NULL for any other text.",
        _HOURS.emit,
        None,
        "deg",
        "ivo_hms_to_degrees(hms VARCHAR) -> DOUBLE PRECISION",
    ),
    Function(
        "ivo_dms_to_degrees",
        (Form(("text",), Kind.DOUBLE, _ARC.make),),
        "Degrees of degrees, minutes and seconds of arc, with a sign or without: -0:15:00, -0d15m0s or "
        "-001500; NULL for any other text.",
        _ARC.emit,
        None,
        "deg",
        "ivo_dms_to_degrees(dms VARCHAR) -> DOUBLE PRECISION",
    ),
)
