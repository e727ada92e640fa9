"""Coverage maps of the sky as files have them: numbers of a FITS column, JSON, ASCII (MOC 2.0, sections 4.3
and 6).

What is not as the standard wants it, and can be read all the same, is read without loss: cells in any order,
that overlap, or are finer than the header says (MPY-19), padding, orders that are told twice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

import numpy as np

from vo_service.sky.cell_ranges import CELLS, ORDER, Numbers, of_uniq
from vo_service.sky.errors import RegionError
from vo_service.sky.moc_texts import parse_moc
from vo_service.sky.mocs import Moc

_ICRS: Final = ("C", "ICRS")
_JSON: Final = 'right is {"4": [30, 31], "5": [136]}'
_LAST_UNIQ: Final = 4 * 4**ORDER + CELLS


class MapFault(ValueError):
    """A file that is no coverage map of the sky; the message says why."""


def map_of_column(keywords: Mapping[str, object], numbers: Numbers) -> Moc:
    """The map of a FITS table of one column of integers, by the keywords of its header.

    Raises:
        MapFault: for another dimension, frame or ordering, and for numbers that are no cells.
    """
    words = {key: str(value).strip().upper() for key, value in keywords.items() if value is not None}
    if words.get("MOCDIM", "SPACE") != "SPACE":
        raise MapFault("the coverage map is one of time or frequency; one of the sky is wanted")
    if words.get("COORDSYS", "C") not in _ICRS:
        raise MapFault("the coverage map is not in ICRS")
    ordering = words.get("ORDERING", "NUNIQ")
    if ordering == "NUNIQ":
        return _of_uniq(numbers)
    if ordering in ("RANGE", "RANGE29"):
        return _of_ranges(numbers)
    raise MapFault(f"a coverage map with ORDERING {ordering!r} is not read, only NUNIQ and RANGE")


def _of_uniq(numbers: Numbers) -> Moc:
    """Cells as ``4 * 4**order + cell``, in any order; 0 is none (MOC-041, MOC-056)."""
    cells = numbers[numbers != 0]
    if len(cells) and (cells.min() < 4 or cells.max() >= _LAST_UNIQ):
        raise MapFault("the FITS file holds a number that is no cell of a coverage map")
    orders, indices = of_uniq(cells)
    return _joined(np.stack([indices, indices + 1], axis=1) << 2 * (ORDER - orders)[:, None])


def _of_ranges(numbers: Numbers) -> Moc:
    """Half-open ranges of cells of order 29, start and end in turn (MOC-042)."""
    if len(numbers) % 2:
        raise MapFault(
            f"the coverage map has ORDERING 'RANGE' and {len(numbers)} numbers; ranges are start and end in"
            " turn, an even count"
        )
    if (numbers < 0).any():
        raise MapFault("the coverage map has ORDERING 'RANGE' and a negative number, which is no cell")
    pairs = numbers.reshape(-1, 2)
    if (pairs[:, 0] >= pairs[:, 1]).any():
        raise MapFault("the coverage map has a range that ends before it begins")
    return _joined(pairs)


def _joined(pairs: Numbers) -> Moc:
    try:
        return Moc(pairs)
    except RegionError as error:
        raise MapFault(f"the file is no coverage map: {error}") from None


def map_of_json(text: str) -> Moc:
    """The map of ``{"4": [30, 31], "8": []}``, or of the same below ``"s"`` (MOC-066, MOC-067). Raises
    MapFault."""
    try:
        content = json.loads(text, object_pairs_hook=_each_key)
    except (ValueError, RecursionError) as error:
        raise MapFault(f"the file is no coverage map in JSON; {_JSON}") from error
    if isinstance(content, dict) and list(content) == ["s"]:
        content = content["s"]
    if isinstance(content, list) or (isinstance(content, dict) and {"t", "f", "s"} & set(content)):
        raise MapFault("the coverage map is no coverage map of the sky alone: it has time or frequency")
    if not isinstance(content, dict) or not all(map(_is_order, content.items())):
        raise MapFault(f"the file is no coverage map in JSON; {_JSON}")
    return map_of_ascii(" ".join(f"{order}/{' '.join(map(str, cells))}" for order, cells in content.items()))


def _each_key(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object with the lists of a name that comes again as one. Raises ValueError where that is no list."""
    found: dict[str, object] = {}
    for name, value in pairs:
        known = found.setdefault(name, value)
        if known is value:
            continue
        if not isinstance(known, list) or not isinstance(value, list):
            raise ValueError(f"the name {name} is there twice")
        known += value
    return found


def _is_order(item: tuple[str, object]) -> bool:
    order, cells = item
    return order.isdecimal() and isinstance(cells, list) and all(type(cell) is int for cell in cells)


def map_of_ascii(text: str) -> Moc:
    """The map of ``4/30-33 38 5/136 8/``, with or without an ``s`` before it (MOC-060, MOC-062). Raises
    MapFault."""
    try:
        return parse_moc(text)
    except RegionError as error:
        raise MapFault(f"the file is no coverage map: {error}") from None
