"""Search conditions: OR over AND over one NOT over a predicate (ADQL 2.1 section 2.2.3).

A parenthesis may enclose a value or a condition; ``_either`` reads what is there and never reads twice.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import NoReturn

from vo_service.adql.language.features import LIKE_ESCAPES, NULL_OF_EXPRESSION
from vo_service.adql.language.parser_expressions import ExpressionParser
from vo_service.adql.language.tree import (
    And,
    Between,
    Call,
    ColumnName,
    Comparison,
    Condition,
    Exists,
    InList,
    InQuery,
    IsNull,
    Like,
    Not,
    Or,
    Parenthesised,
    Query,
    String,
    Value,
)
from vo_service.adql.language.words import INSTEAD_OF_TAILS

_OPERATORS = {"=": "=", "<>": "<>", "!=": "<>", "<": "<", ">": ">", "<=": "<=", ">=": ">="}
_CONDITIONS = (Comparison, Between, InList, InQuery, IsNull, Like, Exists, Not, And, Or)


class PredicateParser(ExpressionParser):
    """Conditions of WHERE, HAVING and ON."""

    @abstractmethod
    def subquery(self) -> Query:
        """A query in parentheses."""

    def condition(self) -> Condition:
        """A search condition."""
        return self._or(None)

    def _or(self, first: Condition | None) -> Condition:
        term = self._and(first)
        if not self.at_word("OR"):
            return term
        terms = [term]
        while self.take_word("OR"):
            terms.append(self._and(None))
        return Or(tuple(terms), term.place)

    def _and(self, first: Condition | None) -> Condition:
        term = self._negation() if first is None else first
        if not self.at_word("AND"):
            return term
        terms = [term]
        while self.take_word("AND"):
            terms.append(self._negation())
        return And(tuple(terms), term.place)

    def _negation(self) -> Condition:
        word = self.take_word("NOT")
        if not word:
            return self._predicate()
        if self.at_word("NOT"):
            self.fail("a condition", "one NOT only; write NOT (NOT ...)")
        return Not(self._predicate(), word.place)

    def _predicate(self) -> Condition:
        start = self.token
        if self.take_word("EXISTS"):
            return Exists(self.subquery(), start.place)
        found = self._either()
        if isinstance(found, _CONDITIONS):
            return found
        return self._comparison(found)

    def _either(self) -> Value | Condition:
        """A whole value, or a condition that stood in parentheses."""
        if not self.at_mark("(") or self.opens_query():
            return self.value()
        start = self.advance()
        with self.nested(start.place):
            if self.at_word("NOT", "EXISTS"):
                inner: Value | Condition = self.condition()
            else:
                inner = self._either()
                if isinstance(inner, _CONDITIONS):
                    inner = self._or(inner)
                elif not self.at_mark(")"):
                    inner = self._or(self._comparison(inner))
            self.expect_mark(")", "here")
        if isinstance(inner, _CONDITIONS):
            return inner
        return self.value(Parenthesised(inner, start.place))

    def _comparison(self, left: Value) -> Condition:
        token = self.token
        if token.kind == "mark" and token.text in _OPERATORS:
            self.advance()
            if self.at_word("ALL", "ANY", "SOME"):
                self.fail("a value", "ADQL has no comparison with ALL, ANY, SOME; use IN or EXISTS")
            right = self.value()
            if self.token.kind == "mark" and self.token.text in _OPERATORS:
                self.fail(
                    "AND, OR or the end of the condition", "comparisons do not chain; write a < b AND b < c"
                )
            return Comparison(_OPERATORS[token.text], left, right, token.place)
        if self.take_word("IS"):
            negated = self.take_word("NOT") is not None
            if not self.take_word("NULL"):
                self.fail("NULL", "ADQL knows IS NULL and IS NOT NULL only")
            if not isinstance(left, ColumnName):
                self.require(NULL_OF_EXPRESSION, token.place)
            return IsNull(left, negated, token.place)
        negated = self.take_word("NOT") is not None
        if self.take_word("BETWEEN"):
            low = self.value()
            self.expect_word("AND", "between the ends of BETWEEN")
            return Between(left, low, self.value(), negated, token.place)
        if self.take_word("LIKE", "ILIKE"):
            return self._like(left, negated)
        if self.take_word("IN"):
            return self._in(left, negated)
        return self._refuse_bare(left)

    def _like(self, left: Value, negated: bool) -> Like:
        word = self.tokens[self.position - 1]
        folded = word.text == "ILIKE"
        if folded:
            self.require("ILIKE", word.place)
        pattern = self.value()
        if isinstance(pattern, String) and ("\\_" in pattern.value or "\\%" in pattern.value):
            self.require(LIKE_ESCAPES, pattern.place)
        if self.at_word("ESCAPE"):
            self.fail(
                "the end of the pattern", "there is no ESCAPE; \\_ and \\% stand for the plain characters"
            )
        return Like(left, pattern, negated, folded, word.place)

    def _in(self, left: Value, negated: bool) -> Condition:
        place = self.tokens[self.position - 1].place
        if self.opens_query():
            return InQuery(left, self.subquery(), negated, place)
        self.expect_mark("(", "after IN")
        with self.nested(place):
            items = [self.value()]
            while self.take_mark(","):
                items.append(self.value())
            self.expect_mark(")", "after the list of IN")
        return InList(left, tuple(items), negated, place)

    def _refuse_bare(self, left: Value) -> NoReturn:
        """A value where a condition should be."""
        hint = INSTEAD_OF_TAILS.get(self.token.text.upper())
        if isinstance(left, Call) and left.name in ("CONTAINS", "INTERSECTS"):
            hint = f"{left.name} is a number: compare with 1, as in 1 = {left.name}(...)"
        elif hint is None and self.token.kind in ("end", "mark", "word"):
            hint = "a value is no condition; compare it, as in flag = 1"
        self.fail("a comparison", hint)
