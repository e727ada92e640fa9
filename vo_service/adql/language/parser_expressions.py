"""Values: ``||`` over ``+ -`` over ``* /`` over one sign over a primary (ADQL 2.1, appendix A)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from vo_service.adql.errors import AdqlError, Place
from vo_service.adql.language.features import GEOMETRY, OURS_IN_CAPITALS, declared
from vo_service.adql.language.parser_cursor import CALL_HEIGHT, MAX_HEIGHT, MAX_SHAPES, Cursor
from vo_service.adql.language.signatures import AGGREGATES, CALL_FORMS, check_call
from vo_service.adql.language.tokens import hint_for_word
from vo_service.adql.language.tree import (
    Aggregate,
    Binary,
    Call,
    Cast,
    ColumnName,
    Null,
    Number,
    Parenthesised,
    Signed,
    String,
    Value,
)

_SHAPES = frozenset(feature.name for feature in declared()[GEOMETRY])
_SIMPLE_TARGETS = ("SMALLINT", "INTEGER", "BIGINT", "REAL", "TIMESTAMP", "POINT", "CIRCLE", "POLYGON")
_BEHIND_LISTS = frozenset("FROM WHERE GROUP HAVING ORDER OFFSET UNION EXCEPT INTERSECT".split())
_CAST_HINT = (
    "the types are SMALLINT INTEGER BIGINT REAL DOUBLE PRECISION CHAR CHAR(n) VARCHAR VARCHAR(n) TIMESTAMP "
    "POINT CIRCLE POLYGON"
)


class ExpressionParser(Cursor):
    """Value expressions. ``first`` arguments are a primary that was read already."""

    def __init__(self, text: str, version: str) -> None:
        super().__init__(text, version)
        self._height = 0
        self._shapes = 0

    def value(self, first: Value | None = None) -> Value:
        """A value expression."""
        left = self._sum(first)
        height = self._height
        while self.at_mark("||"):
            operator = self.advance()
            _refuse_null(left)
            right = self._sum(None)
            _refuse_null(right)
            left = Binary("||", left, right, operator.place)
            height = self._taller(height, operator.place)
        self._height = height
        return left

    def _sum(self, first: Value | None) -> Value:
        left = self._term(first)
        height = self._height
        while self.at_mark("+") or self.at_mark("-"):
            operator = self.advance()
            _refuse_null(left)
            right = self._term(None)
            _refuse_null(right)
            left = Binary(operator.text, left, right, operator.place)
            height = self._taller(height, operator.place)
        self._height = height
        return left

    def _term(self, first: Value | None) -> Value:
        left = self._factor() if first is None else first
        height = self._height
        while self.at_mark("*") or self.at_mark("/"):
            operator = self.advance()
            _refuse_null(left)
            right = self._factor()
            _refuse_null(right)
            left = Binary(operator.text, left, right, operator.place)
            height = self._taller(height, operator.place)
        self._height = height
        return left

    def _taller(self, height: int, place: Place, step: int = 1) -> int:
        height = max(height, self._height) + step
        if height > MAX_HEIGHT:
            raise AdqlError.at(
                place,
                f"more than {MAX_HEIGHT} operators inside each other",
                f"split the query; a call counts as {CALL_HEIGHT}",
            )
        return height

    def _factor(self) -> Value:
        if not (self.at_mark("+") or self.at_mark("-")):
            return self.primary()
        sign = self.advance()
        if self.at_mark("+") or self.at_mark("-"):
            self.fail("a value", "one sign only; write -(-x)")
        operand = self.primary()
        _refuse_null(operand)
        return Signed(sign.text, operand, sign.place)

    def primary(self) -> Value:
        """A literal, a column, a call, or a value in parentheses."""
        token = self.token
        self._height = 1
        if token.kind in ("name", "quoted"):
            return self._column_or_call()
        if token.kind in ("integer", "decimal"):
            self.advance()
            return Number(token.text, token.place)
        if token.kind == "string":
            self.advance()
            return String(token.text, token.place)
        if token.kind == "word":
            return self._word(token.text, token.place)
        if self.at_mark("("):
            if self.opens_query():
                self.fail(
                    "a value",
                    "ADQL has no scalar subqueries; join with a derived table, or use IN (SELECT ...)",
                )
            self.advance()
            with self.nested(token.place):
                inner = self.value()
                self.expect_mark(")", "after the value")
            return Parenthesised(inner, token.place)
        return self.fail("a value")

    def _word(self, word: str, place: Place) -> Value:
        if word == "NULL":
            self.advance()
            return Null(place)
        if word in AGGREGATES:
            return self._aggregate()
        if word == "CAST":
            return self._cast()
        if word in CALL_FORMS:
            self.advance()
            if not self.at_mark("("):
                raise AdqlError.at(place, f"the function {word} needs parentheses", hint_for_word(word))
            return self._call(word, place)
        return self.fail("a value", self._hint_for_missing(word) or hint_for_word(word))

    def _hint_for_missing(self, word: str) -> str | None:
        """The hint where a keyword follows at once what a value should stand behind."""
        if self.position > 0 and self.tokens[self.position - 1].text == "," and word in _BEHIND_LISTS:
            return "a comma too many"
        return f"a value is missing before {word}" if word in ("FROM", "WHERE", "AND", "OR") else None

    def _column_or_call(self) -> Value:
        first = self.name("a column name")
        if self.at_mark("("):
            if first.quoted:
                self.fail("an operator", "a function name stands without quotes")
            return self._call(_in_capitals(first.text), first.place)
        parts = [first]
        while self.at_mark(".") and len(parts) < 4:
            self.advance()
            parts.append(self.name("a column name after the dot"))
        return ColumnName(tuple(parts), first.place)

    def _call(self, name: str, place: Place) -> Call:
        self.expect_mark("(", "after the function name")
        self.require(name, place)
        arguments: list[Value] = []
        height = 0
        with self.nested(place), self._inside_shape(name, place):
            if not self.at_mark(")"):
                arguments.append(self._argument(name))
                height = self._height
                while self.take_mark(","):
                    arguments.append(self._argument(name))
                    height = max(height, self._height)
            self.expect_mark(")", f"after the arguments of {name}")
        self._height = self._taller(height, place, CALL_HEIGHT)
        call = Call(name, tuple(arguments), place)
        if name in CALL_FORMS:
            check_call(call, self.version)
        return call

    @contextmanager
    def _inside_shape(self, name: str, place: Place) -> Iterator[None]:
        """One geometry deeper, if the call makes or measures one; raises where there are too many."""
        counted = name in _SHAPES or name not in CALL_FORMS
        self._shapes += counted
        if self._shapes > MAX_SHAPES:
            raise AdqlError.at(
                place, f"more than {MAX_SHAPES} geometries inside each other", "simplify the query"
            )
        yield
        self._shapes -= counted

    def _argument(self, name: str) -> Value:
        if self.at_word("DISTINCT"):
            self.fail("a value", f"DISTINCT is for COUNT SUM AVG MIN MAX, not for {name}")
        return self.value()

    def _aggregate(self) -> Aggregate:
        function = self.advance()
        self.expect_mark("(", f"after {function.text}")
        with self.nested(function.place):
            if self.at_mark("*"):
                if function.text != "COUNT":
                    self.fail("a value", f"only COUNT takes *, not {function.text}")
                self.advance()
                self.expect_mark(")", "after COUNT(*")
                return Aggregate("COUNT", None, place=function.place)
            quantifier = self.take_word("DISTINCT", "ALL")
            argument = self.value()
            if self.at_mark(","):
                self.fail(")", f"{function.text} takes one value")
            self.expect_mark(")", f"after the argument of {function.text}")
        self._height = self._taller(self._height, function.place, CALL_HEIGHT)
        distinct = quantifier is not None and quantifier.text == "DISTINCT"
        return Aggregate(function.text, argument, distinct, function.place)

    def _cast(self) -> Cast:
        start = self.advance()
        self.require("CAST", start.place)
        self.expect_mark("(", "after CAST")
        with self.nested(start.place):
            operand = self.value()
            self.expect_word("AS", "in CAST(value AS type)")
            target, length = self._target()
            self.expect_mark(")", "after the type of CAST")
        self._height = self._taller(self._height, start.place, CALL_HEIGHT)
        return Cast(operand, target, length, start.place)

    def _target(self) -> tuple[str, int | None]:
        token = self.token
        if self.take_word(*_SIMPLE_TARGETS):
            return token.text, None
        if self.take_word("DOUBLE"):
            if not self.take_word("PRECISION"):
                self.fail("PRECISION", "the type is DOUBLE PRECISION, two words")
            return "DOUBLE PRECISION", None
        if not self.take_word("CHAR", "VARCHAR"):
            self.fail("a type", _CAST_HINT)
        if not self.take_mark("("):
            return token.text, None
        length = self.unsigned_integer("as length")
        if not 0 < length < 2**31:
            raise AdqlError.at(token.place, "the length of a string type is 1 or more, below 2147483648")
        self.expect_mark(")", "after the length")
        return token.text, length


def _in_capitals(name: str) -> str:
    """The name of a call as the compiler knows it: COT is not reserved in ADQL 2.0, and a function yet."""
    upper = name.upper()
    return upper if upper in CALL_FORMS or upper in OURS_IN_CAPITALS else name


def _refuse_null(value: Value) -> None:
    if isinstance(value, Null):
        raise AdqlError.at(value.place, "NULL takes no operator", "NULL may only stand alone as a value")
