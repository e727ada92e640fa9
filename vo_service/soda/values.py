"""How the values of SODA's parameters are read: bands, spans, words (SODA 1.0, section 3.3).

All readers raise ValueError with what would be right (SODA-034); numbers are as in `dali.values`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from vo_service.dali.values import Pair, interval, listed, real, whole
from vo_service.spectral import C, Frame, Line, frame_of, line

T = TypeVar("T")
Span = tuple[int, int]

WIDEST: Final = 300_000.0
"""The largest full width of a band round a line, km/s."""
WIDTH: Final = 1_000.0
"""The full width of a band round a line where none is given, km/s."""
_NAME_LENGTH: Final = 80

MOST_AT_ALL: Final = 10_000
LEAST_PART_BYTES: Final = 1 << 20
LARGEST_PART_BYTES: Final = 1 << 34

_ROLE = re.compile(r"[a-z][a-z0-9_]{0,39}", re.IGNORECASE | re.ASCII)


def _positive(text: str, what: str) -> Pair:
    """An interval of 0 and more; one number stands for both ends (SODA-025)."""
    words = text.split()
    low, high = interval(f"{words[0]} {words[0]}" if len(words) == 1 else text)
    if low == -math.inf:
        low = 0.0
    if low < 0.0 or high == 0.0:
        raise ValueError(f"{what} are above 0; an open end is written -Inf or +Inf")
    return low, high


def frequencies(text: str) -> Pair:
    """Lowest and highest frequency, Hz, of an interval or of one frequency; 0 and infinity for open ends."""
    return _positive(text, "frequencies")


def wavelengths(text: str) -> Pair:
    """Lowest and highest frequency, Hz, of an interval of vacuum wavelengths in metres, or of one of them."""
    short, long = _positive(text, "wavelengths")
    low, high = C / long, C / short if short > 0.0 else math.inf
    if low == math.inf or high == 0.0:
        raise ValueError("no frequency belongs to so extreme a wavelength")
    return low, high


def span(text: str) -> Span:
    """First and last of things that are counted from 1, both kept."""
    first, last = listed(text, 2, "first last", whole)
    return _counted(first, last)


def pixel_box(text: str) -> tuple[Span, Span]:
    """First and last pixel along the first and the second axis of the sky."""
    x1, x2, y1, y2 = listed(text, 4, "x1 x2 y1 y2", whole)
    return _counted(x1, x2), _counted(y1, y2)


def _counted(first: int, last: int) -> Span:
    if first < 1:
        raise ValueError(f"they are counted from 1, not from {first}")
    if first > last:
        raise ValueError(f"the first comes first, {first} is above {last}")
    return first, last


def factors(text: str) -> tuple[int, int, int]:
    """How many pixels become one along x, y and the spectral axis."""
    x, y, channel = listed(text, 3, "x y channel", whole)
    if min(x, y, channel) < 1:
        raise ValueError("factors are 1 or more, 1 leaves an axis as it is")
    return x, y, channel


def redshift(text: str) -> float:
    """A redshift above -1."""
    value = real(text.strip())
    if value <= -1.0:
        raise ValueError("a redshift is above -1")
    return value


def width(text: str) -> float:
    """A full width in km/s."""
    value = real(text.strip())
    if not 0.0 < value <= WIDEST:
        raise ValueError(f"a width is above 0 and at most {WIDEST:.0f} km/s")
    return value


def radius(text: str) -> float:
    """A radius of a circle of the sky in degrees."""
    value = real(text.strip())
    if not 0.0 <= value <= 180.0:
        raise ValueError(f"a radius is from 0 to 180 degrees, not {value!r}")
    return value


def most(text: str) -> int:
    """How many data sets a row may be cut from."""
    return _between(text, 1, MOST_AT_ALL)


def part_size(text: str) -> int:
    """Bytes of a tar."""
    return _between(text, LEAST_PART_BYTES, LARGEST_PART_BYTES)


def _between(text: str, least: int, largest: int) -> int:
    value = whole(text.strip())
    if not least <= value <= largest:
        raise ValueError(f"a whole number from {least} to {largest} is wanted")
    return value


def line_of(text: str) -> Line:
    """A line of the line list, by any of the names that it goes by."""
    if len(text) > _NAME_LENGTH:
        raise ValueError(f"names of lines have at most {_NAME_LENGTH} characters")
    return line(text)


def frame(text: str) -> Frame:
    """A spectral frame that can be converted, as the FITS keyword SPECSYS names it, in any case."""
    found = frame_of(text)
    if found is None:
        raise ValueError(f"known are {', '.join(one.value for one in Frame)}")
    return found


def role(text: str) -> str:
    """The role of a companion, in lower case; whether there is one is for the data set to say."""
    word = text.strip()
    if not _ROLE.fullmatch(word):
        raise ValueError("one word is wanted, such as pb or mask; several are several parameters")
    return word.lower()


def one_of(known: Mapping[str, T]) -> Callable[[str], T]:
    """A reader of one of some words, in any case; ``known`` has them in the case that errors tell."""
    by_word = {word.lower(): value for word, value in known.items()}

    def read(text: str) -> T:
        word = text.strip().lower()
        if word not in by_word:
            raise ValueError(f"{'known are ' if len(known) > 1 else 'known is '}{', '.join(known)}")
        return by_word[word]

    return read
