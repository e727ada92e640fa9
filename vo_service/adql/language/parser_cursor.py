"""A place in the token list, the questions a grammar rule asks of it, and the limits on nesting."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from vo_service.adql.errors import AdqlError, Place
from vo_service.adql.language.features import require
from vo_service.adql.language.tokens import Token, hint_for_name, tokenize
from vo_service.adql.language.tree import Name

if TYPE_CHECKING:
    from collections.abc import Iterator

# parentheses, function calls and subqueries inside each other: ADQL-097
MAX_NESTING = 60
# operators of one kind in a row: each makes the tree one level deeper
MAX_HEIGHT = 120
# a call, as that many operators: engines have guards round most functions
CALL_HEIGHT = 4
# geometries, and functions that may make some, inside each other: what is written doubles with each
MAX_SHAPES = 8

_CLOSING = {"(": 1, ")": -1}


class Cursor:
    """Reads tokens one by one; ``token`` is the next unread one."""

    def __init__(self, text: str, version: str) -> None:
        self.version = version
        self.tokens = tokenize(text, version)
        self.position = 0
        self.token: Token = self.tokens[0]
        self._nesting = 0

    def advance(self) -> Token:
        """Take the next token."""
        taken = self.token
        if taken.kind != "end":
            self.position += 1
            self.token = self.tokens[self.position]
        return taken

    def peek(self, ahead: int = 1) -> Token:
        """The token ``ahead`` places after the next one."""
        return self.tokens[min(self.position + ahead, len(self.tokens) - 1)]

    def at_word(self, *words: str) -> bool:
        """Whether one of these reserved words comes next."""
        return self.token.kind == "word" and self.token.text in words

    def at_mark(self, mark: str) -> bool:
        """Whether this operator or delimiter comes next."""
        return self.token.kind == "mark" and self.token.text == mark

    def take_word(self, *words: str) -> Token | None:
        """The next token if it is one of these words."""
        return self.advance() if self.at_word(*words) else None

    def take_mark(self, mark: str) -> Token | None:
        """The next token if it is this mark."""
        return self.advance() if self.at_mark(mark) else None

    def expect_word(self, word: str, where: str) -> Token:
        """This word, or an error that says where it is missing."""
        return self.take_word(word) or self.fail(f"{word} {where}")

    def expect_mark(self, mark: str, where: str) -> Token:
        """This mark, or an error that says where it is missing."""
        return self.take_mark(mark) or self.fail(f"{mark} {where}")

    def fail(self, expected: str, hint: str | None = None) -> NoReturn:
        """Raise: the next token is not what was expected."""
        found = self.token
        self._refuse_newer_words()
        if found.kind == "end":
            raise AdqlError.at(found.place, f"the query ends where {expected} was expected", hint)
        shown = {"string": f"'{found.text}'", "quoted": f'"{found.text}"'}.get(found.kind, found.text)
        if hint is None and found.kind == "word" and "name" in expected:
            hint = hint_for_name(found.text)
        raise AdqlError.at(found.place, f"found {shown} where {expected} was expected", hint)

    def _refuse_newer_words(self) -> None:
        """Words of 2.1 are names in 2.0: where one stops the parser, the feature was meant (ADQL-192)."""
        for index in (self.position, self.position - 1):
            token, follower = self.tokens[index], self.tokens[min(index + 1, len(self.tokens) - 1)]
            word = token.text.upper() if token.kind == "name" else ""
            if word == "OFFSET" and follower.kind == "integer":
                self.require(word, token.place)
            if word == "ILIKE" and follower.kind in ("string", "name", "quoted"):
                self.require(word, token.place)

    def name(self, what: str) -> Name:
        """An identifier, plain or in double quotes."""
        token = self.token
        if token.kind not in ("name", "quoted"):
            self.fail(what)
        self.advance()
        return Name(token.text, token.kind == "quoted", token.place)

    def unsigned_integer(self, what: str) -> int:
        """An integer literal without a sign."""
        if self.token.kind != "integer":
            self.fail(f"an unsigned integer {what}")
        token = self.advance()
        value = int(token.text) if len(token.text) < 20 else 2**63
        if value >= 2**63:
            raise AdqlError.at(token.place, f"{token.text} is too large {what}")
        return value

    @contextmanager
    def nested(self, place: Place) -> Iterator[None]:
        """One level deeper; raises where the query nests too deep."""
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise AdqlError.at(place, f"more than {MAX_NESTING} levels of parentheses", "simplify the query")
        yield
        self._nesting -= 1

    def require(self, feature: str, place: Place) -> None:
        """Refuse, by its name, a feature that queries of this version cannot use (ADQL-192)."""
        require(feature, self.version, place)

    def opens_query(self, ahead: int = 0) -> bool:
        """Whether the parenthesis ``ahead`` tokens from here encloses a query, not a value or a join."""
        first = last = self.position + ahead
        if not _is_mark(self.tokens[first], "("):
            return False
        while _is_mark(self.tokens[last + 1], "("):
            last += 1
        inner = self.tokens[last + 1]
        if inner.kind != "word" or inner.text not in ("SELECT", "WITH"):
            return False
        # the innermost one does; each outer one does if what it holds goes on as a query
        return all(
            self._goes_on_as_query(self._matching(start) + 1)
            for start in range(first + 1, last + 1)[:MAX_NESTING]
        )

    def _goes_on_as_query(self, index: int) -> bool:
        after = self.tokens[index]
        return _is_mark(after, ")") or (
            after.kind == "word" and after.text in ("UNION", "EXCEPT", "INTERSECT", "ORDER", "OFFSET")
        )

    def _matching(self, start: int) -> int:
        """Index of the parenthesis that closes the one at ``start`` (or of the last token but one)."""
        depth = 0
        for index in range(start, len(self.tokens) - 1):
            token = self.tokens[index]
            if token.kind == "mark":
                depth += _CLOSING.get(token.text, 0)
                if depth == 0:
                    return index
        return len(self.tokens) - 2


def _is_mark(token: Token, mark: str) -> bool:
    return token.kind == "mark" and token.text == mark
