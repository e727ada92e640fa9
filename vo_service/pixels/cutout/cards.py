"""Header cards as they are stored, 80 characters each, changed where a cut changes them and nowhere else.

What was written stays to the letter: of all cards of the coordinate system a cut touches CRPIX alone (FITS
4.0, section 8).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from astropy.io.fits import Card

from vo_service.pixels.cutout.box import Box
from vo_service.pixels.fits_header import BLOCK, CARD, FitsError

_END = b"END".ljust(CARD)
_CRPIX = re.compile(rb"CRPIX([1-9]\d{0,2})([A-Z]?) *$")
_NAXIS = re.compile(rb"NAXIS([1-9]\d{0,2}) *$")
_ALTERNATE = re.compile(rb"(?:CTYPE|CRVAL|CDELT|CUNIT|CRPIX)[1-9]\d{0,2}([A-Z]) *$")
OF_THE_WHOLE = frozenset({b"CHECKSUM", b"DATASUM ", b"DATAMIN ", b"DATAMAX "})
"""What these say is true of all pixels together, and of no part of them."""
_REMEMBERED = 8192
"""Cards of which it is remembered what they are: many cuts of an image have the same ones."""
_HEADERS = 64
_SHORT = 1 << 18
"""Headers of which the cards are remembered, since many cuts are made of one image, and bytes of the longest
of them."""
_VALUE = re.compile(rb"= *('(?:[^']|'')*'|[^/]*)")


def cards_of(raw: bytes) -> list[bytes]:
    """The cards of header blocks, without END and what comes after it."""
    return list(_split(raw) if len(raw) <= _SHORT else _split.__wrapped__(raw))


@lru_cache(_HEADERS)
def _split(raw: bytes) -> tuple[bytes, ...]:
    cards = [raw[start : start + CARD] for start in range(0, len(raw) - CARD + 1, CARD)]
    end = next((place for place, card in enumerate(cards) if card.rstrip(b" \0") == b"END"), len(cards))
    return tuple(cards[:end])


def header_of(cards: Iterable[bytes]) -> bytes:
    """Header blocks of cards: END and blanks are added."""
    text = b"".join((*cards, _END))
    return text.ljust(-(-len(text) // BLOCK) * BLOCK)


def cut_cards(cards: list[bytes], box: Box, spectral: int | None = None) -> list[bytes]:
    """The cards of an image of which a box is kept: NAXISn of the box, CRPIXn (of every alternate, too)
    smaller by the pixels that are gone before it, without what was said of all pixels together.

    ALTRPIX, where AIPS and CASA say a second value of the axis numbered ``spectral``, is such a pixel, too.
    A CRPIX that is not stated is 0 (FITS 4.0, 8.2): where pixels are gone before the box it becomes one that
    is. Raises FitsError ``bad_header`` for a CRPIX that is no number and would have to change.
    """
    stated = set()
    result = []
    shape, starts = box.shape, box.starts
    for card in cards:
        kind, axis, alternate = _kind_of(card)
        if kind == "whole":
            continue
        if kind == "length" and axis <= len(shape):
            card = with_value(card, str(shape[axis - 1]))
        elif kind == "reference" and axis <= len(starts):
            stated.add((axis, alternate))
            card = _shifted(card, starts[axis - 1])
        elif kind == "second reference" and spectral is not None:
            card = _shifted(card, starts[spectral - 1])
        result.append(card)
    return result + list(_unstated(cards, box, stated))


@lru_cache(_REMEMBERED)
def _kind_of(card: bytes) -> tuple[str, int, str]:
    """What a card is for a cut, the number of the axis that it speaks of, and its alternate: "" and 0 where
    it is of no axis."""
    name = name_of(card)
    if name in OF_THE_WHOLE:
        return "whole", 0, ""
    if length := _NAXIS.match(name):
        return "length", int(length[1]), ""
    if reference := _CRPIX.match(name):
        return "reference", int(reference[1]), reference[2].decode()
    return ("second reference" if name == b"ALTRPIX " else ""), 0, ""


def _unstated(cards: list[bytes], box: Box, stated: set[tuple[int, str]]) -> Iterator[bytes]:
    alternates = {alternate for card in cards if (alternate := _alternate_of(card))}
    for alternate in ("", *sorted(alternates)):
        for axis, start in enumerate(box.starts, 1):
            if start and (axis, alternate) not in stated:
                yield number_card(f"CRPIX{axis}{alternate}", f"-{start}.0")


@lru_cache(_REMEMBERED)
def _alternate_of(card: bytes) -> str | None:
    match = _ALTERNATE.match(name_of(card))
    return match[1].decode() if match else None


def _shifted(card: bytes, start: int) -> bytes:
    """A CRPIX card for pixels counted from ``start`` on; to the letter as it was where that is the first."""
    if start == 0:
        return card
    keyword = name_of(card).decode("ascii").strip()
    text = value_text(card)
    try:
        value = float(text.upper().replace("D", "E")) - start
        if not math.isfinite(value):
            raise ValueError(text)
    except ValueError as error:
        raise FitsError("bad_header", f"{keyword} is {text!r}, not a number", keyword) from error
    return with_value(card, repr(value).upper())


@lru_cache(_REMEMBERED)
def name_of(card: bytes) -> bytes:
    """The keyword as the reader of headers takes it, also where it is not written in its eight columns."""
    return card[:9].partition(b"=")[0].strip().upper().ljust(8)


def value_text(card: bytes) -> str:
    """What a card states, of a text without its quotes."""
    match = _VALUE.search(card)
    return match[1].decode("ascii", "replace").strip().strip("'").strip() if match else ""


def with_value(card: bytes, value: str) -> bytes:
    """A card with another number, its comment kept as far as there is room."""
    match = _VALUE.search(card)
    comment = card[match.end() :].rstrip() if match else b""
    text = name_of(card) + b"= " + value.rjust(20).encode("ascii")
    return (text + (b" " + comment if comment else b""))[:CARD].ljust(CARD)


def number_card(keyword: str, value: str) -> bytes:
    """A card with a number as it is to be written."""
    return f"{keyword:<8}= {value:>20}".encode("ascii").ljust(CARD)


def text_cards(keyword: str, text: str) -> list[bytes]:
    """A card with a text of printable ASCII, with as many CONTINUE cards as it takes (FITS 4.0, 4.2.1.2)."""
    image = _text_image(keyword, text)
    return [image[start : start + CARD] for start in range(0, len(image), CARD)]


@lru_cache(_REMEMBERED)
def _text_image(keyword: str, text: str) -> bytes:
    return str(Card(keyword, text).image).encode("ascii")


def history_cards(text: str) -> list[bytes]:
    """HISTORY cards of a text of printable ASCII, with as many as it takes."""
    width = CARD - 8
    lines = [text[start : start + width] for start in range(0, max(len(text), 1), width)]
    return [f"HISTORY {line}".encode("ascii").ljust(CARD) for line in lines]
