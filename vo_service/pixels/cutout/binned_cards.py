"""The cards of an image of which pixels are put together in bins: each world coordinate stays where it was.

With f pixels to a bin along axis j a pixel coordinate p becomes (p - 0.5) / f + 0.5, so that CRPIXj does, and
what belongs to a step along it is multiplied by f (FITS 4.0, section 8.1): the column j of CD; of PC with
CDELT the products CDELTi PCi_j, each exactly once; CDELTj with CROTA.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from vo_service.pixels.cutout.cards import OF_THE_WHOLE, name_of, number_card, value_text, with_value
from vo_service.pixels.fits_header import FitsError

_AXIS_CARD = re.compile(rb"(NAXIS|CRPIX|CDELT|CTYPE|CRVAL|CUNIT)([1-9]\d{0,2})([A-Z]?) *$")
_MATRIX = re.compile(rb"(PC|CD)(?:0*([1-9]\d{0,2})_0*([1-9]\d{0,2})|(\d{3})(\d{3}))([A-Z]?) *$")
_DISTORTION = re.compile(
    rb"(?:(?:A|B|AP|BP)_(?:ORDER|DMAX|\d+_\d+)|(?:CPDIS|CQDIS|DP|DQ|CPERR|CQERR)[1-9]\d{0,2}[A-Z]?) *$"
)
_STORED_AS = frozenset({b"BSCALE  ", b"BZERO   ", b"BLANK   "})


def binned_cards(
    cards: list[bytes], factors: tuple[int, ...], bitpix: int, spectral: int | None = None
) -> list[bytes]:
    """The cards of an image whose pixels are binned by ``factors`` (FITS order) into floats of ``bitpix``;
    the last bin of an axis may be incomplete. ``spectral`` as of `cut_cards`.

    What was said of all pixels together, and of how they were stored, is left out. Raises FitsError
    ``bad_header`` for a card that is no number and would have to change, and where distortions are told in
    pixels.
    """
    if any(factor > 1 for factor in factors):
        _check_distortions(cards)
    has_cd = {match[6] for card in cards if (match := _MATRIX.match(name_of(card))) and match[1] == b"CD"}
    result = []
    stated = set()
    for card in cards:
        name = name_of(card)
        if name in OF_THE_WHOLE or name in _STORED_AS:
            continue
        if name == b"BITPIX  ":
            card = with_value(card, str(bitpix))
        elif name == b"ALTRPIX " and spectral is not None:
            card = _moved(card, factors[spectral - 1])
        elif match := _AXIS_CARD.match(name):
            stated.add((match[1], int(match[2]), match[3]))
            card = _binned(card, match[1], int(match[2]), factors)
        elif match := _MATRIX.match(name):
            row, column = int(match[2] or match[4]), int(match[3] or match[5])
            card = _turned(card, match[1], row, column, factors)
        result.append(card)
    return result + list(_unstated(factors, stated, has_cd))


def _check_distortions(cards: list[bytes]) -> None:
    for card in cards:
        if _DISTORTION.match(card[:8]) or (card.startswith(b"CTYPE") and b"-SIP'" in card.replace(b" ", b"")):
            keyword = card[:8].decode("ascii", "replace").strip()
            message = f"{keyword} tells of distortions in pixels, which bins would not keep"
            raise FitsError("bad_header", message, keyword)


def _binned(card: bytes, kind: bytes, axis: int, factors: tuple[int, ...]) -> bytes:
    """NAXISn, CRPIXn or CDELTn for the bins of the axis."""
    factor = factors[axis - 1] if axis <= len(factors) else 1
    if factor == 1 or kind not in (b"NAXIS", b"CRPIX", b"CDELT"):
        return card
    if kind == b"NAXIS":
        return with_value(card, str(-(-int(_number(card)) // factor)))
    return _moved(card, factor) if kind == b"CRPIX" else _scaled(card, factor)


def _turned(card: bytes, matrix: bytes, row: int, column: int, factors: tuple[int, ...]) -> bytes:
    """An element of CD, which has the step in it, or of PC, whose row has it in its CDELT."""
    across = factors[column - 1] if column <= len(factors) else 1
    along = factors[row - 1] if row <= len(factors) and matrix == b"PC" else 1
    return card if across == along else _scaled(card, across, along)


def _unstated(
    factors: tuple[int, ...], stated: set[tuple[bytes, int, bytes]], has_cd: set[bytes]
) -> Iterator[bytes]:
    """What the standard takes for a card that is not there, CRPIX 0 and CDELT 1, has to be said of bins."""
    alternates = sorted({b""} | {each[2] for each in stated})
    for alternate in alternates:
        for axis, factor in enumerate(factors, 1):
            if factor == 1:
                continue
            if (b"CRPIX", axis, alternate) not in stated:
                yield number_card(f"CRPIX{axis}{alternate.decode()}", repr(_place(0.0, factor)))
            if (b"CDELT", axis, alternate) not in stated and alternate not in has_cd:
                yield number_card(f"CDELT{axis}{alternate.decode()}", repr(float(factor)))


def _place(pixel: float, factor: int) -> float:
    return (pixel - 0.5) / factor + 0.5


def _moved(card: bytes, factor: int) -> bytes:
    return card if factor == 1 else with_value(card, repr(_place(_number(card), factor)).upper())


def _scaled(card: bytes, times: int, over: int = 1) -> bytes:
    return with_value(card, repr(_number(card) * times / over).upper())


def _number(card: bytes) -> float:
    keyword = card[:8].decode("ascii", "replace").strip()
    text = value_text(card)
    try:
        value = float(text.upper().replace("D", "E"))
        if not math.isfinite(value):
            raise ValueError(text)
    except ValueError as error:
        raise FitsError("bad_header", f"{keyword} is {text!r}, not a number", keyword) from error
    return value
