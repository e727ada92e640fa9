"""FITS headers: 2880-byte blocks of 80-character cards, read into keywords and cards.

HISTORY and COMMENT cards, of which CASA writes thousands, are set aside as text before anything is parsed.
Bytes that FITS does not allow are decoded (UTF-8 where they are, else Latin-1) and reported, never fatal.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from astropy.io.fits import Card as AstropyCard
from astropy.io.fits.verify import VerifyError, VerifyWarning

BLOCK = 2880
CARD = 80
MAXIMUM_HEADER = 256 * 1024 * 1024
"""A header longer than this (bytes) is garbage, not a header."""

Value = str | int | float | bool
_REMARKS = (b"HISTORY ", b"COMMENT ", b"        ")
_NOT_PRINTABLE = re.compile(rb"[^\x20-\x7e]")
_PLAIN = re.compile(
    r"([A-Z0-9_-]{1,8}) *= *"
    r"(?:'((?:[^']|'')*)'|([TF])|([+-]?\d+)|([+-]?(?:\d+\.\d*|\.\d+|\d+(?=[EeDd]))(?:[EeDd][+-]?\d+)?))"
    r" *(?:/(.*))?$"
)
_RAW_VALUE = re.compile(r"=\s*([^\s/]+)")


class FitsError(Exception):
    """A file that is not the FITS it claims to be. ``kind`` is an error class of the run log, ``item`` the
    place.
    """

    def __init__(self, kind: str, message: str, item: str | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.item = item

    def __reduce__(self) -> tuple[object, ...]:
        return FitsError, (self.kind, self.message, self.item)


@dataclass(frozen=True, slots=True)
class HeaderCard:
    """One card as written: ``value`` is the text between ``=`` and the comment, strings without their
    quotes.
    """

    index: int
    keyword: str
    value: str | None
    comment: str


@dataclass(frozen=True, slots=True)
class NonAsciiCard:
    """A card with bytes outside ASCII: ``was`` shows them as escapes, ``text`` is the card's value
    decoded.
    """

    keyword: str
    was: str
    text: str
    encoding: str


@dataclass(frozen=True, slots=True)
class CardFault:
    """A card that does not give the value it should: which, its text (None where it is missing), and why."""

    keyword: str
    written: str | None
    message: str


class Keywords(Mapping[str, Value]):
    """Keyword -> value of one header, and the text of every card that states something, readable or not.

    The first of repeated cards counts as text. As a number, cards that contradict each other give none: by
    FITS 4.0 (4.1.2.3) such a value is indeterminate. ``repeated`` holds their texts in their order.
    """

    __slots__ = ("_values", "_written", "repeated")

    def __init__(
        self,
        values: Mapping[str, Value],
        written: Mapping[str, str] | None = None,
        repeated: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        self._values = dict(values)
        self._written = {key: str(value) for key, value in values.items()} | dict(written or {})
        self.repeated = dict(repeated or {})

    def __getitem__(self, key: str) -> Value:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def written(self, key: str) -> str | None:
        """The value as the card has it, also where it cannot be read; None where no card states one."""
        return self._written.get(key)

    def stated(self) -> Iterator[str]:
        """All keywords whose cards state something, also those whose values cannot be read."""
        return iter(self._written)

    def text(self, key: str) -> str | None:
        """The value as text without blanks round it; None where missing or blank."""
        value = self._values.get(key)
        if value is None:
            return None
        return str(value).strip() or None

    def number(self, key: str) -> float | None:
        """The value as a finite number, also where it was written as a string; None otherwise (number_fault
        then says why), and where cards of that name contradict each other.
        """
        value = self._values.get(key)
        if value is None or isinstance(value, bool) or key in self.repeated:
            return None
        try:
            number = float(value)
        except ValueError:
            return None
        return number if math.isfinite(number) else None

    def integer(self, key: str) -> int | None:
        """The value as a whole number, or None where it is none."""
        number = self.number(key)
        return int(number) if number is not None and number == int(number) else None

    def number_fault(self, key: str) -> CardFault | None:
        """Why a card that states something gives no number; None where it gives one, or states nothing."""
        if not (self.written(key) or "").strip() or self.number(key) is not None:
            return None
        return self.text_fault(key) or CardFault(
            key, self.written(key), f"{key} is {self.written(key)!r}, not a number"
        )

    def text_fault(self, key: str) -> CardFault | None:
        """Why a card that states something does not tell which text: unreadable, or contradicted by another
        card of its name; None where it tells one, or states nothing.
        """
        written = self.written(key)
        if key in self.repeated:
            both = ", then ".join(map(repr, self.repeated[key]))
            return CardFault(key, "; ".join(self.repeated[key]), f"{key} is given more than once: {both}")
        if written is None or key in self._values:
            return None
        return CardFault(key, written, f"{key} is written {written!r}, which is no value of FITS")

    def merged(self, below: Keywords, keys: Iterator[str] | set[str]) -> Keywords:
        """These keywords, with those of ``below`` named in ``keys`` where they are missing here."""
        missing = [key for key in keys if below.written(key) is not None and self.written(key) is None]
        values = self._values | {key: below[key] for key in missing if key in below}
        written = self._written | {key: str(below.written(key)) for key in missing}
        repeated = {key: below.repeated[key] for key in missing if key in below.repeated}
        return Keywords(values, written, self.repeated | repeated)


@dataclass(frozen=True, slots=True)
class ParsedHeader:
    """One header: its keywords, its cards, its COMMENT and HISTORY text, and what was not ASCII in it."""

    keywords: Keywords
    cards: tuple[HeaderCard, ...]
    remarks: bytes
    non_ascii: tuple[NonAsciiCard, ...]


def read_header_bytes(stream: BinaryIO, place: str, begins: bytes) -> bytes | None:
    """The blocks of the header that begins here, END card included; None at the end of the file, or where
    what comes does not start with ``begins`` (the standard allows special records behind the last HDU).

    Raises FitsError ``truncated`` where the file ends before END, ``bad_header`` where END never comes.
    """
    blocks: list[bytes] = []
    while True:
        block = stream.read(BLOCK)
        if not blocks and not block.startswith(begins):
            return None
        blocks.append(block)
        if _ends_header(block):
            return b"".join(blocks)
        if len(block) < BLOCK:
            at = sum(map(len, blocks))
            raise FitsError("truncated", f"the header of {place} stops after {at} bytes without END", "END")
        if len(blocks) * BLOCK > MAXIMUM_HEADER:
            raise FitsError(
                "bad_header", f"no END card in the first {MAXIMUM_HEADER} bytes of {place}", "END"
            )


def _ends_header(block: bytes) -> bool:
    start = block.find(b"END     ")
    while start >= 0:
        if start % CARD == 0 and not block[start : start + CARD].strip(b"END \0"):
            return True
        start = block.find(b"END     ", start + 1)
    return block.rstrip(b" \0").endswith(b"END") and len(block.rstrip(b" \0")) % CARD == 3


def parse_header(raw: bytes) -> ParsedHeader:
    """Cards and keywords of header blocks. A card that cannot be parsed keeps its text and gets no value,
    so that it can be told from a missing one (Keywords.number_fault, text_fault).
    """
    kept: list[bytes] = []
    places: list[int] = []
    remarks: list[bytes] = []
    for index in range(len(raw) // CARD):
        card = raw[index * CARD : (index + 1) * CARD]
        if card[:8] == b"END     ":
            break
        if card[:8] in _REMARKS:
            remarks.append(card)
        else:
            kept.append(card)
            places.append(index)
    text = b"".join(kept)
    non_ascii: tuple[NonAsciiCard, ...] = ()
    if _NOT_PRINTABLE.search(text):
        non_ascii = _find_non_ascii(kept)
        text = _NOT_PRINTABLE.sub(b"?", text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VerifyWarning)
        cards, keywords = _parse_cards(text.decode("ascii"), places, {c.keyword: c.text for c in non_ascii})
    return ParsedHeader(keywords, cards, b"".join(remarks), non_ascii)


def _parse_cards(
    text: str, places: list[int], decoded: Mapping[str, str]
) -> tuple[tuple[HeaderCard, ...], Keywords]:
    cards: list[HeaderCard] = []
    values: dict[str, Value] = {}
    written: dict[str, str] = {}
    repeated: dict[str, list[str]] = {}
    for start, image in _card_images(text):
        keyword, value, raw, comment = _parse_plain(image) or _parse_unusual(image)
        if keyword in decoded:
            value = raw = decoded[keyword]
        cards.append(HeaderCard(places[start], keyword, raw, comment))
        if raw is None:
            continue
        if keyword not in written:
            written[keyword] = raw
        elif not _same_value(values.get(keyword), written[keyword], value, raw):
            repeated.setdefault(keyword, [written[keyword]]).append(raw)
        if value is not None:
            values.setdefault(keyword, value)
    return tuple(cards), Keywords(values, written, {key: tuple(texts) for key, texts in repeated.items()})


def _same_value(first: Value | None, first_text: str, second: Value | None, second_text: str) -> bool:
    """Whether two cards say the same: equal texts, or numbers that differ by no more than their rounding."""
    if first_text.strip() == second_text.strip():
        return True
    if isinstance(first, int | float) and isinstance(second, int | float):
        return math.isclose(first, second, rel_tol=1e-9)
    return False


def _card_images(text: str) -> Iterator[tuple[int, str]]:
    """Cards of a header with their number; CONTINUE cards are joined to the one they belong to."""
    images = [text[start : start + CARD] for start in range(0, len(text), CARD)]
    index = 0
    while index < len(images):
        end = index + 1
        while end < len(images) and images[end].startswith("CONTINUE"):
            end += 1
        yield index, "".join(images[index:end])
        index = end


def _parse_plain(image: str) -> tuple[str, Value | None, str | None, str] | None:
    """(keyword, value, value as written, comment) of a card in the usual form, some ten times faster than
    astropy; None for every other card.
    """
    match = _PLAIN.match(image) if len(image) == CARD else None
    if match is None:
        return None
    keyword, string, logical, integer, real, comment = match.groups()
    comment = (comment or "").strip()
    if string is not None:
        text = string.replace("''", "'").rstrip()
        return keyword, text, text, comment
    if logical is not None:
        return keyword, logical == "T", logical, comment
    if integer is not None:
        return keyword, int(integer), integer, comment
    return keyword, float(real.replace("D", "E").replace("d", "e")), real, comment


def _parse_unusual(image: str) -> tuple[str, Value | None, str | None, str]:
    """Any card by astropy: long strings, HIERARCH, complex numbers, cards that break the rules."""
    card = AstropyCard.fromstring(image)
    value, raw = _card_value(card, image)
    return card.keyword, value, raw, _card_comment(card)


def _card_value(card: AstropyCard, image: str) -> tuple[Value | None, str | None]:
    """The card's value and the text it is written with; (None, text) where it cannot be read: then the text
    is taken from ``image``, since astropy puts in order what it finds.
    """
    try:
        value = card.value
    except (VerifyError, ValueError):
        return None, re.split(r"\s*/", image[10:CARD])[0].strip() or image[10:CARD].strip()
    if isinstance(value, str):
        return value, value
    if isinstance(value, bool):
        return value, "T" if value else "F"
    if isinstance(value, int | float):
        match = _RAW_VALUE.search(card.image, 8)
        return value, match.group(1) if match else str(value)
    return None, None if value is None else card.image[10:].split("/")[0].strip() or None


def _card_comment(card: AstropyCard) -> str:
    try:
        return str(card.comment)
    except (VerifyError, ValueError):
        return ""


def _find_non_ascii(cards: list[bytes]) -> tuple[NonAsciiCard, ...]:
    """What stands in cards with bytes outside printable ASCII (a NUL counts as a blank)."""
    found = []
    for card in cards:
        if not _NOT_PRINTABLE.search(card):
            continue
        try:
            text, encoding = card.decode("utf-8"), "UTF-8"
        except UnicodeDecodeError:
            text, encoding = card.decode("latin-1"), "Latin-1"
        keyword = text[:8].strip()
        quoted = re.search(r"'((?:[^']|'')*)'", text[9:])
        value = quoted.group(1) if quoted else text[10:].split("/")[0]
        clean = re.sub(r"[\x00-\x1f\x7f]+", " ", value).replace("''", "'").strip()
        raw = re.search(rb"'((?:[^']|'')*)'", card[9:])
        was = (raw.group(1) if raw else card[10:]).decode("ascii", "backslashreplace").strip()
        found.append(NonAsciiCard(keyword, was, clean, encoding))
    return tuple(found)
