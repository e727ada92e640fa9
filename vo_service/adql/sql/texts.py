"""Texts in the SQL of each engine: letter case, order, texts of numbers and times, what texts say of them.

Engines read more texts as numbers and times than ADQL has (``epoch``, ``1_000``, offsets that are ignored),
and each its own. So a text is held against a pattern before it is cast; what does not fit it ends the query
with a sentence that shows the text.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from vo_service.adql.nodes.kinds import INTEGERS, Kind
from vo_service.adql.sql import nodes as sql
from vo_service.adql.sql.nodes import Sql

REFUSAL = "ADQL: "
"""In front of the sentence of a failing cast, so that the engine's message is known to be ours."""

BLANKS = " \t\n\r\f\v"
"""The whitespace of ADQL, which may stand round what is read off a text."""

_WHOLE_NUMBER = "[+-]?[0-9]+"
_NUMBER = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?"
_NOT_ZERO = r"[+-]?[0-9.]*[1-9][0-9.]*([eE].*)?"
_BEYOND_NUMBERS = "[nN][aA][nN]|[+-]?[iI][nN][fF]([iI][nN][iI][tT][yY])?"
_DAY = "([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?Z?"
_TIMESTAMP = f"{_DAY}(T{_TIME})?"
_MICROSECONDS = len("YYYY-MM-DDThh:mm:ss.ffffff")
_LONGEST_SHOWN = 60
_WHOLE = 2.0**53  # doubles from here on have no fraction
_BIGGEST = 2.0**63  # of a BIGINT


def matches(text: Sql, pattern: str, dialect: str) -> Sql:
    """Whether a whole text has the form of a regular expression that both engines read alike."""
    if dialect == "duckdb":
        return sql.call("regexp_full_match", text, exp.Literal.string(pattern))
    whole = exp.Literal.string(f"^({pattern})$")
    return exp.RegexpLike(this=sql.wrapped(text), expression=whole)


def by_code_point(text: Sql, dialect: str) -> Sql:
    """Text that compares by code point (ADQL-078)."""
    return _collated(text, "C") if dialect == "postgres" else text


def lower(arguments: Sequence[Sql], dialect: str) -> Sql:
    """Lower case, letter by letter as Unicode has it (ADQL-088, ADQL-120)."""
    return folded(arguments[0], "lower", dialect)


def upper(arguments: Sequence[Sql], dialect: str) -> Sql:
    """Upper case, letter by letter as Unicode has it; of what becomes two letters only the sharp s does."""
    sharp, letters = exp.Literal.string("ß"), exp.Literal.string("SS")
    return folded(sql.call("replace", arguments[0], sharp, letters), "upper", dialect)


def folded(text: Sql, name: str, dialect: str) -> Sql:
    """``lower`` or ``upper`` of a text; PostgreSQL does it by the collation, whatever the database has."""
    if dialect == "postgres":
        return _collated(sql.call(name, _collated(text, "C.utf8")), "C")
    return sql.call(name, text)


def padded(text: Sql, length: int) -> Sql:
    """Exactly so many characters: cut, or blanks behind (ADQL-124)."""
    return sql.call("rpad", text, exp.Literal.number(length), exp.Literal.string(" "))


def cut(text: Sql, length: int) -> Sql:
    """So many characters at most."""
    return sql.call("left", text, exp.Literal.number(length))


def trimmed(text: Sql) -> Sql:
    """A text without :data:`BLANKS` at its ends. Left to itself one engine strips whatever Unicode has for a
    blank, the other the blank alone."""
    return sql.call("trim", text, exp.Literal.string(BLANKS))


def of_number(value: Sql, kind: Kind) -> Sql:
    """The text of a number: of a double the shortest that reads back, written alike by all engines.

    Whole numbers have neither point nor exponent as far as a BIGINT reaches: from 2**54 on one engine takes
    for the shortest what lies halfway to the next double, the other does not. NaN, Infinity and -Infinity are
    written so.
    """
    if kind in INTEGERS:
        return _as_text(value)
    edge = 1e6 if kind is Kind.REAL else 1e15  # from here on PostgreSQL writes exponents, DuckDB from 1e16 on
    x = sql.as_double(value)
    whole = sql.call("trunc", x)
    size = sql.absolute(x)
    digits = _as_text(sql.absolute(sql.minus(x, whole)))
    fraction = exp.Substring(this=digits, start=exp.Literal.number(2))
    sign = sql.case((sql.below(x, sql.zero()), exp.Literal.string("-")), otherwise=exp.Literal.string(""))
    integer = _as_text(exp.Cast(this=sql.call("trunc", size), to=exp.DataType(this=exp.DType.BIGINT)))
    return sql.case(
        (sql.is_null(x), exp.Null()),
        (sql.equal(x, sql.nan()), exp.Literal.string("NaN")),
        (sql.equal(x, sql.infinity()), exp.Literal.string("Infinity")),
        (sql.equal(x, sql.number(float("-inf"))), exp.Literal.string("-Infinity")),
        (
            sql.both([sql.below(size, sql.number(_BIGGEST)), sql.equal(x, whole)]),
            exp.DPipe(this=sql.paren(sign), expression=integer),
        ),
        (
            sql.both([sql.at_least(size, sql.number(edge)), sql.below(size, sql.number(_WHOLE))]),
            exp.DPipe(this=exp.DPipe(this=sql.paren(sign), expression=sql.own(integer)), expression=fraction),
        ),
        otherwise=_as_text(value),
    )


def of_time(value: Sql) -> Sql:
    """The text of a time as DALI has it: a T in the middle, no zeros at the end of it (ADQL-165)."""
    return sql.call("replace", _as_text(value), exp.Literal.string(" "), exp.Literal.string("T"))


def to_number(text: Sql, kind: Kind, rounded: Sql | None, dialect: str) -> Sql:
    """The number that a text says, blanks round it aside (ADQL-124).

    ``rounded`` is the same text as a double, rounded, for texts such as ``1.5`` that are to be an integer.
    """
    number = trimmed(text)
    target = exp.DataType(this=sql.TYPES[kind])
    accepted = _WHOLE_NUMBER if kind in INTEGERS else f"{_NUMBER}|{_BEYOND_NUMBERS}"
    branches: list[tuple[Sql, Sql]] = []
    branches += [(matches(number, accepted, dialect), exp.Cast(this=sql.own(number), to=target))]
    if dialect == "duckdb" and kind not in INTEGERS:
        branches.insert(0, (_is_beyond(number, target, dialect), _refused_number(number, kind, target)))
    if rounded is not None:
        branches.append((matches(number, _NUMBER, dialect), exp.Cast(this=rounded, to=target.copy())))
    return sql.case(
        (sql.is_null(text), exp.Null()),
        *branches,
        otherwise=_refused(text, _noun(kind.value), target),
    )


def to_timestamp(text: Sql, dialect: str) -> Sql:
    """The time that a text says in DALI's form (ADQL-125); fractions are cut to microseconds."""
    time = trimmed(text)
    target = exp.DataType(this=exp.DType.TIMESTAMP)
    digits = cut(sql.call("rtrim", time, exp.Literal.string("Z")), _MICROSECONDS)
    return sql.case(
        (sql.is_null(text), exp.Null()),
        (matches(time, _TIMESTAMP, dialect), exp.Cast(this=digits, to=target)),
        otherwise=_refused(text, "a TIMESTAMP of the form YYYY-MM-DDThh:mm:ss", target),
    )


def to_numbers(text: Sql, count: str, kind: Kind, dialect: str) -> Sql:
    """The numbers of a text with blanks between them, as an array of doubles (ADQL-126).

    ``count`` is the regular expression's word for how many follow the first.
    """
    numbers = trimmed(text)
    blanks = exp.Literal.string(f"[{BLANKS}]+")
    split = "string_split_regex" if dialect == "duckdb" else "regexp_split_to_array"
    array = _array()
    parsed = exp.Cast(this=sql.call(split, numbers, blanks), to=array)
    return sql.case(
        (sql.is_null(text), exp.Null()),
        (matches(numbers, f"({_NUMBER})([{BLANKS}]+({_NUMBER})){count}", dialect), parsed),
        otherwise=_refused(text, _noun(kind.value), array),
    )


def no_numbers() -> Sql:
    """NULL of the type of :func:`to_numbers`."""
    return exp.Cast(this=exp.Null(), to=_array())


def _array() -> exp.DataType:
    number = exp.DataType(this=exp.DType.DOUBLE)
    return exp.DataType(this=exp.DType.ARRAY, expressions=[number], nested=True)


def _is_beyond(text: Sql, target: exp.DataType, dialect: str) -> Sql:
    """Whether a number in a text is too large for its type, or so small that nothing is left of it.

    DuckDB would go on with infinity and 0, where PostgreSQL ends the query.
    """
    tried = exp.TryCast(this=sql.own(text), to=target.copy())
    size = sql.absolute(exp.Cast(this=tried, to=exp.DataType(this=exp.DType.DOUBLE)))
    nothing = [sql.equal(sql.own(size), sql.zero()), matches(sql.own(text), _NOT_ZERO, dialect)]
    lost = sql.either([sql.equal(size, sql.infinity()), sql.both(nothing)])
    return sql.both([matches(sql.own(text), _NUMBER, dialect), lost])


def _refused_number(text: Sql, kind: Kind, target: exp.DataType) -> Sql:
    shown = sql.call("left", text, exp.Literal.number(_LONGEST_SHOWN))
    return _ended(f"{REFUSAL}the number ", shown, f" is beyond {_noun(kind.value)}", target)


def _refused(text: Sql, what: str, target: exp.DataType) -> Sql:
    """The end of the query, with the text in a sentence of ours; of the type that would have come."""
    shown = sql.call("left", text, exp.Literal.number(_LONGEST_SHOWN))
    return _ended(f"{REFUSAL}the text '", shown, f"' is not {what}", target)


def _ended(before: str, shown: Sql, after: str, target: exp.DataType) -> Sql:
    opened = exp.DPipe(this=exp.Literal.string(before), expression=shown)
    sentence = exp.DPipe(this=opened, expression=exp.Literal.string(after))
    failing = exp.Cast(this=exp.Paren(this=sentence), to=exp.DataType(this=exp.DType.INT))
    if target.this in sql.INTEGER_TYPES:
        return failing
    return sql.case((sql.is_null(failing), exp.Cast(this=exp.Null(), to=target.copy())))


def _noun(name: str) -> str:
    return f"{'an' if name.startswith('I') else 'a'} {name}"


def _as_text(value: Sql) -> Sql:
    return exp.Cast(this=sql.own(value), to=exp.DataType(this=exp.DType.TEXT))


def _collated(text: Sql, collation: str) -> Sql:
    return exp.Collate(this=sql.paren(text), expression=exp.to_identifier(collation, quoted=True))
