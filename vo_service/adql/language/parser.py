"""The whole grammar: FROM, joins, SELECT, set operators, WITH; and ``parse``, the door to it."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches

from vo_service.adql.errors import AdqlError
from vo_service.adql.language.features import LANGUAGES, SEMICOLON
from vo_service.adql.language.parser_predicates import PredicateParser
from vo_service.adql.language.tokens import Token, hint_for_name
from vo_service.adql.language.tree import (
    Body,
    CommonTable,
    DerivedTable,
    Item,
    Join,
    Name,
    Query,
    Select,
    SetOperation,
    SortTerm,
    Star,
    TableExpression,
    TableName,
    Tree,
    Value,
)
from vo_service.adql.language.words import ALIASES_LIKE_JOINS, INSTEAD_OF_TAILS

MAX_TABLES = 60
MAX_OPERANDS = 60

_LATE_CLAUSES = {
    "WHERE": "WHERE stands right after FROM",
    "GROUP": "GROUP BY stands after WHERE and before HAVING",
    "HAVING": "HAVING stands after GROUP BY and before ORDER BY",
    "ORDER": "ORDER BY stands before OFFSET",
    "FROM": "there is one FROM",
}
_CLAUSES = ("WHERE", "GROUP", "HAVING", "ORDER", "OFFSET", "UNION", "EXCEPT", "INTERSECT", "JOIN", "FROM")
# words that go on with a query, which nobody takes for a label
_NO_LABELS = frozenset(
    "ALL AND ANY AS ASC BETWEEN BY CROSS DESC EXCEPT EXISTS FULL IN INNER INTERSECT INTO IS JOIN LEFT LIKE "
    "ILIKE NATURAL NOT NULL OFFSET ON OR OUTER RIGHT SELECT TOP UNION USING WITH".split()
)


def parse(text: str, version: str = "2.1") -> Tree:
    """The tree of one ADQL query of version 2.1, 2.0, or ``2.1-strict`` (without our extensions).

    Raises AdqlError (line, column, message, hint) if the text is no query of that version. Names and types
    are not looked at: ``resolve`` does that.
    """
    if version not in LANGUAGES:
        raise ValueError(f"no such version of ADQL: {version}")
    return QueryParser(text, version).tree()


class QueryParser(PredicateParser):
    """Queries and what they select from."""

    def __init__(self, text: str, version: str) -> None:
        super().__init__(text, version)
        self._tables = 0
        self._warnings: list[str] = []

    def tree(self) -> Tree:
        """The only query of the text."""
        common: list[CommonTable] = []
        if self.at_word("WITH"):
            self.require("WITH", self.token.place)
            self.advance()
            common.append(self._common_table())
            while self.take_mark(","):
                common.append(self._common_table())
        elif not self.at_word("SELECT") and not self.opens_query():
            self.fail("SELECT", "a query begins with SELECT or WITH; nothing else can be asked")
        query = self.query()
        semicolon = self.take_mark(";")
        if semicolon:
            if self.token.kind != "end":
                self.fail("the end of the query", "one query at a time")
            self.require(SEMICOLON, semicolon.place)
        if self.token.kind != "end":
            self._refuse_rest()
        return Tree(query, tuple(common), tuple(self._warnings), self.version)

    def _refuse_rest(self) -> None:
        token, before = self.token, self.tokens[self.position - 1]
        for one in (before, token):
            if one.kind in ("name", "word") and one.text.upper() in INSTEAD_OF_TAILS:
                self.fail("the end of the query", INSTEAD_OF_TAILS[one.text.upper()])
        if token.kind == "word" and token.text in _LATE_CLAUSES:
            self.fail("the end of the query", _LATE_CLAUSES[token.text])
        self.fail("the end of the query", self._hint_for_typing(*_CLAUSES) or self._hint_for_label())

    def _common_table(self) -> CommonTable:
        name = self.name("the name of a common table")
        if self.token.kind == "name" and name.text.upper() == "RECURSIVE":
            self.fail("AS", "ADQL has no recursion")
        if self.at_mark("("):
            self.fail("AS", "columns are named inside the query: SELECT a AS name")
        self.expect_word("AS", "after the name of a common table")
        return CommonTable(name, self.subquery(), name.place)

    # --- set expressions ------------------------------------------------------------------------------------

    def subquery(self) -> Query:
        start = self.expect_mark("(", "before a query")
        with self.nested(start.place):
            if self.at_word("WITH"):
                self.fail("SELECT", "WITH stands at the very start of the whole query only")
            query = self.query()
            self.expect_mark(")", "after the query")
        return query

    def query(self) -> Query:
        """Set expression, ORDER BY, OFFSET."""
        place = self.token.place
        body = self._set_expression()
        order_by: tuple[SortTerm, ...] = ()
        if self.take_word("ORDER"):
            self.expect_word("BY", "after ORDER")
            terms = [self._sort_term()]
            while self.take_mark(","):
                terms.append(self._sort_term())
            order_by = tuple(terms)
        offset = None
        if self.at_word("OFFSET"):
            self.require("OFFSET", self.advance().place)
            offset = self.unsigned_integer("after OFFSET")
            if self.at_word("ROWS"):
                self.fail("the end of the query", "write OFFSET n, without ROWS")
        return Query(body, order_by, offset, place)

    def _sort_term(self) -> SortTerm:
        start = self.token.place
        value = self.value()
        word = self.take_word("ASC", "DESC")
        if self.token.kind == "name" and self.token.text.upper() == "NULLS":
            self.fail("a comma or the end", "NULLs sort as larger than every value; ADQL has no NULLS FIRST")
        return SortTerm(value, word is not None and word.text == "DESC", start)

    def _set_expression(self) -> Body:
        left = self._set_term()
        count = 1
        while self.at_word("UNION", "EXCEPT"):
            left = self._operation(self.advance(), left, self._set_term)
            count += 1
            self._check_operands(count)
        return left

    def _set_term(self) -> Body:
        left = self._operand()
        count = 1
        while self.at_word("INTERSECT"):
            left = self._operation(self.advance(), left, self._operand)
            count += 1
            self._check_operands(count)
        return left

    def _check_operands(self, count: int) -> None:
        if count > MAX_OPERANDS:
            raise AdqlError.at(self.token.place, f"more than {MAX_OPERANDS} set operands")

    def _operation(self, word: Token, left: Body, operand: Callable[[], Body]) -> SetOperation:
        self.require(word.text, word.place)
        keep_all = self.take_word("ALL") is not None
        if self.at_word("DISTINCT"):
            self.fail("SELECT", f"{word.text} alone already removes duplicates")
        return SetOperation(word.text, left, operand(), keep_all, word.place)

    def _operand(self) -> Body:
        if self.at_mark("("):
            return self.subquery()
        if self.at_word("WITH"):
            self.fail("SELECT", "WITH stands at the very start of the whole query only")
        return self._select()

    # --- one SELECT -----------------------------------------------------------------------------------------

    def _select(self) -> Select:
        start = self.expect_word("SELECT", "at the start of a query")
        quantifier = self.take_word("ALL", "DISTINCT")
        top = None
        if self.take_word("TOP"):
            top = self.unsigned_integer("after TOP")
        if self.at_word("DISTINCT", "ALL"):
            self.fail("a value", f"write SELECT {self.token.text} TOP n")
        items = self._select_list()
        if not self.at_word("FROM"):
            self._refuse_missing_from()
        self.advance()
        tables = [self._table_expression()]
        while self.take_mark(","):
            tables.append(self._table_expression())
        where = self.condition() if self.take_word("WHERE") else None
        group_by = self._group_by() if self.take_word("GROUP") else ()
        having = self.condition() if self.take_word("HAVING") else None
        distinct = quantifier is not None and quantifier.text == "DISTINCT"
        return Select(items, tuple(tables), distinct, top, where, group_by, having, start.place)

    def _refuse_missing_from(self) -> None:
        if self.token.kind == "end":
            self.fail("FROM", "every query selects FROM a table")
        if self.token.kind == "mark" and self.token.text in ("=", "<", ">", "<=", ">=", "<>", "!="):
            self.fail("a comma or FROM", "a comparison is no value in ADQL; put it into WHERE")
        hint = INSTEAD_OF_TAILS.get(self.tokens[self.position - 1].text.upper())
        self.fail("a comma or FROM", hint or self._hint_for_typing("FROM") or self._hint_for_label())

    def _hint_for_typing(self, *words: str) -> str | None:
        """The keyword that was meant by the name before this token, which was taken for a label."""
        before = self.tokens[self.position - 1]
        if before.kind != "name":
            return None
        close = get_close_matches(before.text.upper(), words, n=1, cutoff=0.7)
        return f"did you mean {close[0]} instead of {before.text}?" if close else None

    def _hint_for_label(self) -> str | None:
        """The hint where a reserved word stands as a label, or as the name of a table."""
        token, before = self.token, self.tokens[self.position - 1]
        ends = before.kind in ("name", "quoted", "integer", "decimal", "string") or before.text == ")"
        labels = token.kind == "word" and ends and token.text not in _NO_LABELS
        return hint_for_name(token.text) if labels else None

    def _select_list(self) -> tuple[Star | Item, ...]:
        if self.at_mark("*"):
            place = self.advance().place
            if self.at_mark(","):
                self.fail("FROM", "* stands alone; write table.* beside other values")
            return (Star((), place),)
        items = [self._select_item()]
        while self.take_mark(","):
            if self.at_mark("*"):
                self.fail("a value", "* stands alone; write table.* beside other values")
            items.append(self._select_item())
        return tuple(items)

    def _select_item(self) -> Star | Item:
        star = self._qualified_star()
        if star:
            return star
        start = self.token.place
        value = self.value()
        if self.take_word("AS"):
            return Item(value, self.name("a name after AS"), start)
        if self.token.kind in ("name", "quoted"):
            return Item(value, self.name("a label"), start)
        return Item(value, None, start)

    def _qualified_star(self) -> Star | None:
        """``a.b.*`` if that comes next."""
        ahead, start = 0, self.position
        while self.peek(ahead).kind in ("name", "quoted") and self.peek(ahead + 1).text == ".":
            ahead += 2
            if self.peek(ahead).kind == "mark" and self.peek(ahead).text == "*":
                named = self.tokens[start : start + ahead : 2]
                parts = tuple(Name(token.text, token.kind == "quoted", token.place) for token in named)
                if len(parts) > 3:
                    self.fail("a table name with three parts at most")
                for _ in range(ahead + 1):
                    self.advance()
                return Star(parts, named[0].place)
        return None

    def _group_by(self) -> tuple[Value, ...]:
        self.expect_word("BY", "after GROUP")
        values = [self.value()]
        while self.take_mark(","):
            values.append(self.value())
        return tuple(values)

    # --- FROM -----------------------------------------------------------------------------------------------

    def _table_expression(self) -> TableExpression:
        table = self._table_primary()
        while self._at_join():
            table = self._join(table)
        return table

    def _at_join(self) -> bool:
        if self.at_word("CROSS"):
            self.fail("a join", "there is no CROSS JOIN; separate the tables by a comma")
        if self.at_word("OUTER", "UNION") and self.peek().text == "JOIN":
            self.fail("LEFT, RIGHT or FULL", "write LEFT, RIGHT or FULL before OUTER JOIN")
        return self.at_word("NATURAL", "INNER", "LEFT", "RIGHT", "FULL", "JOIN")

    def _join(self, left: TableExpression) -> Join:
        place = self.token.place
        natural = self.take_word("NATURAL") is not None
        kind = self.take_word("INNER", "LEFT", "RIGHT", "FULL")
        if kind is not None and kind.text != "INNER":
            self.take_word("OUTER")
        self.expect_word("JOIN", "here")
        right = self._table_primary()
        if not natural:
            while self._at_join():
                right = self._join(right)
        word = kind.text if kind is not None else "INNER"
        if natural:
            if self.at_word("ON", "USING"):
                self.fail("the end of the join", "NATURAL takes neither ON nor USING")
            return Join(word, left, right, natural=True, place=place)
        if self.take_word("ON"):
            return Join(word, left, right, on=self.condition(), place=place)
        if self.take_word("USING"):
            return Join(word, left, right, using=self._using(), place=place)
        return self.fail("ON or USING", "a join needs a condition; use a comma for a cross product")

    def _using(self) -> tuple[Name, ...]:
        self.expect_mark("(", "after USING")
        names = [self.name("a column name")]
        while self.take_mark(","):
            names.append(self.name("a column name"))
        if self.at_mark("."):
            self.fail(")", "USING takes column names without a table")
        self.expect_mark(")", "after the columns of USING")
        return tuple(names)

    def _table_primary(self) -> TableExpression:
        start = self.token
        if not self.at_mark("("):
            self._count_table()
            return self._table_name()
        if self.opens_query():
            self._count_table()
            query = self.subquery()
            alias = self._alias()
            if alias is None:
                self.fail("a name for the derived table", "write (SELECT ...) AS name")
            return DerivedTable(query, alias, start.place)
        self.advance()
        with self.nested(start.place):
            joined = self._table_expression()
            if not isinstance(joined, Join):
                self.fail("a join", "only a join may stand in parentheses here")
            self.expect_mark(")", "after the join")
        alias = self._alias() or joined.alias
        return Join(
            joined.kind,
            joined.left,
            joined.right,
            joined.natural,
            joined.on,
            joined.using,
            enclosed=True,
            alias=alias,
            place=joined.place,
        )

    def _count_table(self) -> None:
        self._tables += 1
        if self._tables > MAX_TABLES:
            raise AdqlError.at(self.token.place, f"more than {MAX_TABLES} tables in one query")

    def _table_name(self) -> TableName:
        parts = [self.name("a table name")]
        while self.at_mark(".") and len(parts) < 3:
            self.advance()
            parts.append(self.name("a name after the dot"))
        if self.at_mark("("):
            self.fail("a table", "ADQL has no table functions")
        return TableName(tuple(parts), self._alias(), parts[0].place)

    def _alias(self) -> Name | None:
        if self.take_word("AS"):
            alias = self.name("a name after AS")
        elif self.token.kind in ("name", "quoted"):
            alias = self.name("a name")
            self._warn_of_joins(alias)
        else:
            return None
        if self.at_mark("("):
            self.fail("the end of the table", "columns are named inside the query: SELECT a AS name")
        return alias

    def _warn_of_joins(self, alias: Name) -> None:
        """``a SEMI JOIN b`` is a join of a table called SEMI (ADQL-042)."""
        if not alias.quoted and alias.text.upper() in ALIASES_LIKE_JOINS and self.at_word("JOIN"):
            self._warnings.append(
                f"{alias.text} (line {alias.place.line}) is the name of the table before it: ADQL has no "
                f"{alias.text.upper()} JOIN"
            )
