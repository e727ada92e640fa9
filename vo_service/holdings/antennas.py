"""What an archive row's list of antennas says about the array (ALMA-093, ALMA-094, RAD-046 to RAD-048)."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vo_service.holdings.pads import baselines

_PAIR = re.compile(r"[A-Z]\d+:(DA|DV|PM|CM)\d\d")

# The archive cuts its column at 660 characters; a list that long may go on.
_CUT_LENGTH = 659


@dataclass(frozen=True, slots=True)
class Array:
    """``number`` of distinct antennas, None where the list is cut or tells none; ``diameter`` of the largest
    in metres; ``kind`` one of ``12m 7m TP``. ``shortest`` and ``longest`` distance on the ground and
    ``short``, than which a twentieth is shorter, in metres: None where an antenna has moved, so that the list
    is of several arrays, or not all is known."""

    number: int | None
    diameter: float | None
    kind: str | None
    shortest: float | None = None
    longest: float | None = None
    short: float | None = None


UNKNOWN = Array(None, None, None)


@dataclass(frozen=True, slots=True)
class Arrays:
    """:class:`Array` of every row, column by column."""

    number: pa.Array
    diameter: pa.Array
    kind: pa.Array
    shortest: pa.Array
    longest: pa.Array
    short: pa.Array


def read_antennas(text: str | None) -> Array:
    """The array that a list of ``PAD:ANTENNA`` pairs describes; words that are no pair are left out."""
    if not text:
        return UNKNOWN
    words = text.split()
    pairs = [word.partition(":") for word in words if _PAIR.fullmatch(word)]
    names = {antenna for _pad, _colon, antenna in pairs}
    if not names:
        return UNKNOWN
    prefixes = {name[:2] for name in names}
    whole = len(text) < _CUT_LENGTH and len(pairs) == len(words)
    number = len(names) if whole else None
    diameter = 7.0 if prefixes == {"CM"} else 12.0
    if prefixes & {"DA", "DV"}:
        kind: str | None = "12m"
    elif prefixes == {"CM"}:
        kind = "7m"
    elif prefixes == {"PM"}:
        kind = "TP"
    else:
        kind = None  # 7 m and total-power antennas in one list: neither word is right
    distances = baselines([pad for pad, _colon, _antenna in pairs]) if number == len(pairs) else None
    if distances is None:
        return Array(number, diameter, kind)
    short = float(np.quantile(distances, 0.05))
    return Array(number, diameter, kind, float(distances[0]), float(distances[-1]), short)


def read_arrays(texts: pa.Array) -> Arrays:
    """The array of every list; each distinct text is read once."""
    coded = pc.dictionary_encode(texts)
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks()
    arrays = [read_antennas(text) for text in coded.dictionary.to_pylist()]

    def column(name: str, kind: pa.DataType) -> pa.Array:
        return pa.array([getattr(each, name) for each in arrays], kind).take(coded.indices)

    return Arrays(
        number=column("number", pa.int32()),
        diameter=column("diameter", pa.float64()),
        kind=column("kind", pa.string()),
        shortest=column("shortest", pa.float64()),
        longest=column("longest", pa.float64()),
        short=column("short", pa.float64()),
    )
