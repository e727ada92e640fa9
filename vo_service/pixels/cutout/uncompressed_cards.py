"""The header that a tile-compressed image has uncompressed (FITS 4.0, section 10.1.2).

Cards of the image stay to the letter; those of the table that it was put into are left out, and what was kept
of its own under names with Z has its names again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from vo_service.pixels.cutout.cards import number_card
from vo_service.pixels.decoding import assumed_blank
from vo_service.pixels.fits_header import CARD, FitsError

_NUMBERED = re.compile(
    rb"(?:T(?:TYPE|FORM|UNIT|NULL|SCAL|ZERO|DISP|BCOL|DIM|CTYP|CUNI|CRPX|CRVL|CDLT|RPOS)|"
    rb"Z(?:NAXIS|TILE|NAME|VAL)|NAXIS)[1-9]\d{0,2}$"
)
_OF_THE_TABLE = frozenset(
    b"SIMPLE XTENSION BITPIX NAXIS PCOUNT GCOUNT TFIELDS THEAP EXTEND BLOCKED CHECKSUM DATASUM "
    b"ZIMAGE ZSIMPLE ZTENSION ZBITPIX ZNAXIS ZEXTEND ZBLOCKED ZPCOUNT ZGCOUNT ZHECKSUM ZDATASUM "
    b"ZCMPTYPE ZMASKCMP ZQUANTIZ ZDITHER0 ZBLANK ZSCALE ZZERO".split()
)
_DEFAULT_NAME = re.compile(rb"EXTNAME = *'COMPRESSED_IMAGE *'")
EXTENSION = b"XTENSION= 'IMAGE   '           / an image".ljust(CARD)


def was_primary(cards: list[bytes]) -> bool:
    """Whether the image was the primary one before it was compressed."""
    return b"ZSIMPLE" in _by_name(cards)


def uncompressed_cards(cards: list[bytes], primary: bool) -> list[bytes]:
    """The cards of the image that a table of tiles holds, for the place of the primary HDU or for that of an
    extension. Raises FitsError ``bad_header`` where the table does not state type and axes of the image.
    """
    named = _by_name(cards)
    count = _count(named)
    result = [_renamed(named, "BITPIX"), _renamed(named, "NAXIS")]
    result += [_renamed(named, f"NAXIS{number}") for number in range(1, count + 1)]
    if primary:
        simple = _again(named, b"SIMPLE") or number_card("SIMPLE", "T")
        extend = _again(named, b"EXTEND") or number_card("EXTEND", "T")
        blocked = _again(named, b"BLOCKED")
        result = [simple, *result, extend, *([blocked] if blocked is not None else [])]
    else:
        parameters, groups = _again(named, b"PCOUNT"), _again(named, b"GCOUNT")
        result = [
            EXTENSION,
            *result,
            parameters or number_card("PCOUNT", "0"),
            groups or number_card("GCOUNT", "1"),
        ]
    result += _blank(named)
    return result + [card for card in cards if not _is_of_the_table(card)]


def _by_name(cards: list[bytes]) -> dict[bytes, bytes]:
    """The first card of each keyword."""
    named: dict[bytes, bytes] = {}
    for card in cards:
        named.setdefault(card[:8].rstrip(), card)
    return named


def _count(named: Mapping[bytes, bytes]) -> int:
    text = named.get(b"ZNAXIS", b"").partition(b"=")[2].partition(b"/")[0].strip()
    if not text.isdigit():
        raise FitsError("bad_header", "ZNAXIS is no number of axes", "ZNAXIS")
    return int(text)


def _renamed(named: Mapping[bytes, bytes], keyword: str) -> bytes:
    """A card that has to be there, under the image's own name for it."""
    card = _again(named, keyword.encode("ascii"))
    if card is None:
        raise FitsError("bad_header", f"Z{keyword} is missing", f"Z{keyword}")
    return card


def _again(named: Mapping[bytes, bytes], keyword: bytes) -> bytes | None:
    card = named.get(b"Z" + keyword)
    return None if card is None else keyword.ljust(8) + card[8:]


def _blank(named: Mapping[bytes, bytes]) -> list[bytes]:
    """BLANK of integers where the table alone tells that some are none: what they are unpacked to then."""
    bitpix = int(named[b"ZBITPIX"].partition(b"=")[2].partition(b"/")[0])
    if bitpix < 0 or b"BLANK" in named:
        return []
    if b"ZBLANK" in named:
        return [b"BLANK   " + named[b"ZBLANK"][8:]]
    columns = (card for name, card in named.items() if name.startswith(b"TTYPE"))
    if any(re.match(rb"= *'ZBLANK *'", card[8:]) for card in columns):
        return [number_card("BLANK", str(assumed_blank(bitpix)))]
    return []


def _is_of_the_table(card: bytes) -> bool:
    name = card[:8].rstrip()
    return name in _OF_THE_TABLE or bool(_NUMBERED.match(name)) or bool(_DEFAULT_NAME.match(card))
