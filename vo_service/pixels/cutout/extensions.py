"""Headers of images that move from one place of a file to another (FITS 4.0, sections 4.4.1 and 4.4.2)."""

from __future__ import annotations

import re

from vo_service.pixels.cutout.cards import number_card, text_cards, with_value

_AXES = re.compile(rb"NAXIS(?:[1-9]\d{0,2})? *$")
_XTENSION = b"XTENSION= 'IMAGE   '           / an image that belongs to the first".ljust(80)
_MOVED = frozenset({b"SIMPLE  ", b"XTENSION", b"PCOUNT  ", b"GCOUNT  ", b"EXTEND  ", b"BLOCKED "})
_NAMES = frozenset({b"EXTNAME ", b"EXTVER  "})


def as_extension(cards: list[bytes], name: str, version: int = 1) -> list[bytes]:
    """The cards of an image for the place of an extension of that EXTNAME and EXTVER; all others stay to the
    letter."""
    kept = [card for card in cards if card[:8] not in _MOVED | _NAMES]
    layout = [card for card in kept if card[:8] == b"BITPIX  " or _AXES.match(card[:8])]
    rest = [card for card in kept if card not in layout]
    groups = [number_card("PCOUNT", "0"), number_card("GCOUNT", "1")]
    return [_XTENSION, *layout, *groups, *named(rest, name, version)]


def named(cards: list[bytes], name: str, version: int) -> list[bytes]:
    """Cards of an extension with another EXTNAME and EXTVER, which stand before them."""
    rest = [card for card in cards if card[:8] not in _NAMES]
    return [*text_cards("EXTNAME", name), number_card("EXTVER", str(version)), *rest]


def with_extensions(cards: list[bytes]) -> list[bytes]:
    """The cards of a primary HDU that others follow: an EXTEND that denies it is put right."""
    return [
        with_value(card, "T") if card[:8] == b"EXTEND  " and b"T" not in card[9:30] else card
        for card in cards
    ]
