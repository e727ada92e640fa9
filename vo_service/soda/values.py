"""How values are read: numbers, intervals and words (DALI 1.1, section 3; SODA 1.0, section 3.3).

All readers raise ValueError with what would be right (SODA-034). Numbers are those of VOTable's TABLEDATA:
decimal, with a point where it is wanted; NaN is none, and one that no double can hold is none either.
Infinity in any case, with or without sign, is read where an interval may be open, and nowhere else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from vo_service.dali.parameters import shortened
from vo_service.spectral import C, Frame, Line, frame_of, line

T = TypeVar("T")
Pair = tuple[float, float]
Span = tuple[int, int]

WIDEST: Final = 300_000.0
"""The largest full width of a band round a line, km/s."""
WIDTH: Final = 1_000.0
"""The full width of a band round a line where none is given, km/s."""
_NAME_LENGTH: Final = 80

_REAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.IGNORECASE | re.ASCII)
_INFINITE = re.compile(r"([+-]?)inf(?:inity)?", re.IGNORECASE | re.ASCII)
_WHOLE = re.compile(r"\+?[0-9]{1,18}|0x[0-9a-f]{1,15}", re.IGNORECASE | re.ASCII)
_ROLE = re.compile(r"[a-z][a-z0-9_]{0,39}", re.IGNORECASE | re.ASCII)


def real(text: str) -> float:
    """One finite number; -0 is 0."""
    value = float(text) if _REAL.fullmatch(text) else math.nan
    if not math.isfinite(value):
        raise ValueError(f"{shortened(text)!r} is no number that can be used")
    return value + 0.0


def open_real(text: str) -> float:
    """One number, which may be infinite."""
    found = _INFINITE.fullmatch(text)
    if found is None:
        return real(text)
    return -math.inf if found[1] == "-" else math.inf


def whole(text: str) -> int:
    """A whole number of at most 18 digits, decimal or, as TABLEDATA may have it, hexadecimal (``0x1F``)."""
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{shortened(text)!r} is no whole number that can be used")
    return int(text, 16 if text[:2].lower() == "0x" else 10)


def listed(text: str, count: int, names: str, read: Callable[[str], T]) -> tuple[T, ...]:
    """So many values with blanks between; ``names`` tells which they are."""
    words = text.split()
    if len(words) != count:
        raise ValueError(f"{count} numbers are wanted ({names}), got {len(words)}")
    return tuple(read(word) for word in words)


def interval(text: str) -> Pair:
    """Two numbers, the lower one first, with ``-Inf`` and ``+Inf`` for open ends; both ends belong to it."""
    low, high = listed(text, 2, "low high", open_real)
    if low == math.inf or high == -math.inf:
        raise ValueError("open intervals have -Inf as their lower end and +Inf as their upper one")
    if low > high:
        raise ValueError(f"the lower end comes first, {low!r} is above {high!r}")
    return low, high


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


def written(*values: float) -> str:
    """Numbers as canonical texts have them: each double in the shortest way, infinities with a sign."""
    return " ".join(_written(value) for value in values)


def _written(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0.0 else "-Inf"
    return repr(value) if isinstance(value, int) else repr(float(value))
