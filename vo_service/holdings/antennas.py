"""What an archive row's list of antennas says about the array (ALMA-093, ALMA-094, RAD-046, RAD-048)."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

_PAIR = re.compile(r"[A-Z]\d+:(DA|DV|PM|CM)\d\d")

# The archive cuts its column at 660 characters; a list that long may go on.
_CUT_LENGTH = 659


@dataclass(frozen=True, slots=True)
class Array:
    """``number`` of distinct antennas, None where the list is cut or tells none; ``diameter`` of the largest
    in metres; ``kind`` one of ``12m 7m TP``."""

    number: int | None
    diameter: float | None
    kind: str | None


UNKNOWN = Array(None, None, None)


def read_antennas(text: str | None) -> Array:
    """The array that a list of ``PAD:ANTENNA`` pairs describes; words that are no pair are left out."""
    if not text:
        return UNKNOWN
    names = {word.partition(":")[2] for word in text.split() if _PAIR.fullmatch(word)}
    if not names:
        return UNKNOWN
    prefixes = {name[:2] for name in names}
    number = None if len(text) >= _CUT_LENGTH else len(names)
    diameter = 7.0 if prefixes == {"CM"} else 12.0
    if prefixes & {"DA", "DV"}:
        kind: str | None = "12m"
    elif prefixes == {"CM"}:
        kind = "7m"
    elif prefixes == {"PM"}:
        kind = "TP"
    else:
        kind = None  # 7 m and total-power antennas in one list: neither word is right
    return Array(number, diameter, kind)


def read_arrays(texts: pa.Array) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Number, diameter and kind for every list; each distinct text is read once."""
    coded = pc.dictionary_encode(texts)
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks()
    arrays = [read_antennas(text) for text in coded.dictionary.to_pylist()]
    return (
        pa.array([each.number for each in arrays], pa.int32()).take(coded.indices),
        pa.array([each.diameter for each in arrays], pa.float64()).take(coded.indices),
        pa.array([each.kind for each in arrays], pa.string()).take(coded.indices),
    )
