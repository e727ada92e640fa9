"""How the file of a cut-out becomes extensions of another file: its headers change where they stand, its data
stay as they are (FITS 4.0, sections 3.4 and 4.4.1).

The image is called as its row is. What belongs to it (companions, beams) keeps its name. All HDUs of a
cut-out have one EXTVER, its place in the table of states, so that they find each other; of several with one
name, in whatever case, the image has it, else the first, and the others are counted in the name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count
from math import prod
from typing import Final

from vo_service.dali.sending import OpenBytes
from vo_service.pixels.cutout.cards import cards_of, header_of, number_card, text_cards, value_text
from vo_service.pixels.cutout.extensions import as_extension
from vo_service.pixels.fits_header import BLOCK, CARD

PRIMARY: Final = header_of(
    [
        number_card("SIMPLE", "T"),
        number_card("BITPIX", "8"),
        number_card("NAXIS", "0"),
        number_card("EXTEND", "T"),
    ]
)
"""What stands before all extensions."""

_STEP: Final = 1 << 20
_HEADER_BLOCKS: Final = 16  # read at a time
_NAMES: Final = (b"EXTNAME ", b"EXTVER  ")
_BEFORE_NAMES: Final = (b"TFIELDS ", b"GCOUNT  ")
"""The last of the cards whose order is fixed, of a table and of an image."""


@dataclass(frozen=True, slots=True)
class _Hdu:
    cards: list[bytes]
    data_offset: int
    data_bytes: int  # with what fills the last block

    @property
    def is_table(self) -> bool:
        return value_text(self.cards[0]).endswith("TABLE")


def as_extensions(handle: OpenBytes, size: int, name: str, version: int) -> Iterator[bytes | memoryview]:
    """The bytes of a FITS file of ``size`` bytes as they stand behind others. Raises what reading raises, and
    ValueError for what is no FITS file."""
    offset, is_named = 0, False
    taken = {name.upper()}
    while offset < size:
        hdu = _read(handle, offset, size)
        if hdu.data_bytes and not is_named:
            own, is_named = name, True
        else:
            own = _free(_text(hdu.cards, "EXTNAME") or f"{name}_PRIMARY", taken)
        yield header_of(_renamed(hdu, own, version))
        offset = hdu.data_offset
        end = offset + hdu.data_bytes
        while offset < end:
            part = handle.read_at(offset, min(_STEP, end - offset))
            if not len(part):
                raise ValueError("the file ends within its data")
            offset += len(part)
            yield part


def _free(name: str, taken: set[str]) -> str:
    """A name that no HDU of the cut-out has yet, which is taken from now on: names differ by more than case
    (FITS 4.0, section 4.4.2.6)."""
    names = chain((name,), (f"{name}_{number}" for number in count(2)))
    own = next(each for each in names if each.upper() not in taken)
    taken.add(own.upper())
    return own


def _renamed(hdu: _Hdu, name: str, version: int) -> list[bytes]:
    if not hdu.is_table:
        return as_extension(hdu.cards, name, version)
    rest = [card for card in hdu.cards if card[:8] not in _NAMES]
    last = max(place for place, card in enumerate(rest) if card[:8] in _BEFORE_NAMES)
    return [
        *rest[: last + 1],
        *text_cards("EXTNAME", name),
        number_card("EXTVER", str(version)),
        *rest[last + 1 :],
    ]


def _read(handle: OpenBytes, offset: int, size: int) -> _Hdu:
    raw, start = b"", offset
    while True:
        block = bytes(handle.read_at(offset, min(_HEADER_BLOCKS * BLOCK, size - offset)))
        if not block:
            raise ValueError("the file ends within a header")
        raw += block
        offset += len(block)
        cards = cards_of(raw)
        if len(cards) * CARD + CARD <= len(raw) and raw[len(cards) * CARD :][:8].rstrip() == b"END":
            break
    data_offset = start + -(-(len(cards) + 1) * CARD // BLOCK) * BLOCK
    return _Hdu(cards, data_offset, _data_bytes(cards))


def _data_bytes(cards: Sequence[bytes]) -> int:
    axes = _number(cards, "NAXIS", 0)
    if not axes:
        return 0
    pixels = prod(_number(cards, f"NAXIS{axis}", 0) for axis in range(1, axes + 1))
    items = _number(cards, "GCOUNT", 1) * (_number(cards, "PCOUNT", 0) + pixels)
    return -(-items * abs(_number(cards, "BITPIX", 8)) // 8 // BLOCK) * BLOCK


def _number(cards: Sequence[bytes], keyword: str, default: int) -> int:
    text = _text(cards, keyword)
    return default if text is None else int(text)


def _text(cards: Sequence[bytes], keyword: str) -> str | None:
    name = keyword.ljust(8).encode("ascii")
    return next((value_text(card) for card in cards if card[:8] == name), None)
