"""Query text to tokens (ADQL 2.1 section 2.1), each with its place, in one pass."""

from __future__ import annotations

import re
from typing import NamedTuple, NoReturn

from vo_service.adql.errors import AdqlError, Place
from vo_service.adql.language.words import (
    INSTEAD,
    INSTEAD_OF_MARKS,
    NEW_IN_21,
    RESERVED,
    STRANGERS,
    published_spelling,
)

MAX_TEXT = 100_000
MAX_NAME = 128

_TOKEN = re.compile(
    r"""(?P<blank>[ \t\r\n\f\v]+|--[^\r\n]*)
    |(?P<name>[A-Za-z][A-Za-z0-9_]*)
    |(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    |(?P<mark><>|!=|<=|>=|\|\||[-+*/=<>(),.;])
    |(?P<string>'[^']*(?:''[^']*)*')
    |(?P<quoted>"[^"]*(?:""[^"]*)*")""",
    re.VERBOSE,
)
_END_OF_LINE = re.compile(r"\r\n|\r|\n")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_GLUED = re.compile(r"[A-Za-z0-9_.]")


class Token(NamedTuple):
    """``kind``: name, word (reserved, upper case), quoted, string, integer, decimal, mark, end.

    ``text`` is the name as written, the word in upper case, or the content of the quotes.
    """

    kind: str
    text: str
    place: Place


def tokenize(text: str, version: str = "2.1") -> list[Token]:
    """All tokens of a query, the last one of kind ``end``. Raises AdqlError at the first bad character."""
    if len(text) > MAX_TEXT:
        raise AdqlError(f"the query has {len(text)} characters, more than the {MAX_TEXT} allowed", 1, 1)
    _refuse_surrogates(text)
    reserved = RESERVED[version]
    tokens: list[Token] = []
    scan = _TOKEN.match
    offset, line, line_start, size = 0, 1, 0, len(text)
    while offset < size:
        found = scan(text, offset)
        place = Place(line, offset - line_start + 1)
        if found is None:
            _refuse_character(text, offset, place)
        kind = found.lastgroup
        piece = found.group()
        end = found.end()
        if kind == "name":
            tokens.append(_word_or_name(text, piece, end, place, reserved))
        elif kind == "mark":
            _check_mark(text, piece, end, place)
            tokens.append(Token("mark", piece, place))
        elif kind == "number":
            tokens.append(_number(text, piece, end, place))
        elif kind != "blank":
            tokens.append(_quotation(kind, piece, place))
        if kind in ("blank", "string", "quoted") and ("\n" in piece or "\r" in piece):
            for newline in _END_OF_LINE.finditer(piece):
                line += 1
                line_start = offset + newline.end()
        offset = end
    tokens.append(Token("end", "", Place(line, size - line_start + 1)))
    return tokens


def _refuse_surrogates(text: str) -> None:
    """Half a character, which no engine and no answer can take; wherever it stands, comments too."""
    found = _SURROGATE.search(text)
    if found is not None:
        lines = _END_OF_LINE.split(text[: found.start()])
        raise AdqlError(
            f"U+{ord(found[0]):04X} is no character, only half of one", len(lines), len(lines[-1]) + 1
        )


def _word_or_name(text: str, piece: str, end: int, place: Place, reserved: frozenset[str]) -> Token:
    upper = piece.upper()
    if upper in reserved:
        return Token("word", upper, place)
    if len(piece) > MAX_NAME:
        raise AdqlError.at(place, f"a name may have {MAX_NAME} characters at most")
    if text[end : end + 1] == "'" or (upper == "U" and text[end : end + 2] in ("&'", '&"')):
        raise AdqlError.at(place, f"{piece} stands right before a string", "ADQL has no string prefixes")
    return Token("name", piece, place)


def _check_mark(text: str, piece: str, end: int, place: Place) -> None:
    follower = text[end : end + 1]
    if piece == "/" and follower == "*":
        raise AdqlError.at(place, "/* */ comments do not exist in ADQL", "a comment starts with --")
    hint = INSTEAD_OF_MARKS.get(piece + follower)
    if hint is not None:
        raise AdqlError.at(place, f"{piece + follower} is no operator of ADQL", hint)


def _number(text: str, piece: str, end: int, place: Place) -> Token:
    follower = text[end : end + 1]
    if follower and _GLUED.match(follower):
        if piece == "0" and follower in "xX":
            raise AdqlError.at(place, "ADQL 2.1 has no hexadecimal numbers", "write the number in decimal")
        raise AdqlError.at(
            place,
            f"{piece}{follower} is neither a number nor a name",
            "put a blank between a number and a word; a name starts with a letter",
        )
    return Token("integer" if piece.isdigit() else "decimal", piece, place)


def _quotation(kind: str | None, piece: str, place: Place) -> Token:
    mark = piece[0]
    content = piece[1:-1].replace(mark * 2, mark)
    if "\x00" in content:
        raise AdqlError.at(place, "a NUL character is not allowed in a query")
    if kind == "string":
        return Token("string", content, place)
    if not content:
        raise AdqlError.at(place, 'an empty name ""')
    if _CONTROL.search(content):
        raise AdqlError.at(place, "control characters are not allowed in a name")
    if len(content) > MAX_NAME:
        raise AdqlError.at(place, f"a name may have {MAX_NAME} characters at most")
    return Token("quoted", content, place)


def _refuse_character(text: str, offset: int, place: Place) -> NoReturn:
    character = text[offset]
    if character == "'":
        raise AdqlError.at(place, "this string is not closed", "end it with '")
    if character == '"':
        raise AdqlError.at(place, "this quoted name is not closed", 'end it with "')
    if character.isspace() or character in "\u200b\u200c\u200d\ufeff\u2060":
        raise AdqlError.at(
            place, f"the blank U+{ord(character):04X} is not allowed", "replace it by a plain blank"
        )
    shown = character if character.isprintable() else f"U+{ord(character):04X}"
    hint = "write <>" if text[offset : offset + 2] in ("^=", "~=") else STRANGERS.get(character)
    if hint is None and ord(character) > 127:
        hint = "names and strings with other than ASCII characters need quotes"
    raise AdqlError.at(place, f"the character {shown} is not allowed here", hint)


def hint_for_word(word: str) -> str:
    """What to do about a reserved word that stands where a value should."""
    return INSTEAD.get(word) or hint_for_name(word)


def hint_for_name(word: str) -> str:
    """How a reserved word is written as a name (quotes make it exact, so as it is published)."""
    hint = f'{word} is a reserved word; as a name write it in double quotes: "{published_spelling(word)}"'
    return f"{hint} (reserved since ADQL 2.1)" if word in NEW_IN_21 else hint
