"""Coverage maps of the sky as files have them: numbers of a FITS column, JSON, ASCII (MOC 2.0, sections 4.3
and 6).

What is not as the standard wants it, and can be read all the same, is read without loss and remarked upon.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from vo_service.sky.cell_ranges import CELLS, ORDER, Numbers, of_uniq
from vo_service.sky.errors import RegionError
from vo_service.sky.moc_texts import parse_moc
from vo_service.sky.mocs import Moc

_ORDERS = re.compile(r"([0-9]{1,2})\s*/")
_ICRS: Final = ("C", "ICRS")
_JSON: Final = 'right is {"4": [30, 31], "5": [136]}'
_LAST_UNIQ: Final = 4 * 4**ORDER + CELLS


class MapFault(ValueError):
    """A file that is no coverage map of the sky; the message says why."""


@dataclass(frozen=True, slots=True)
class FoundMap:
    """A map, its order (MOC-022), and what was odd about the file."""

    moc: Moc
    order: int
    remarks: tuple[str, ...] = ()


def map_of_column(keywords: Mapping[str, object], numbers: Numbers) -> FoundMap:
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
    remarks = [f"there is no {key}" for key in ("MOCVERS", "ORDERING", "COORDSYS") if key not in words]
    if ordering == "NUNIQ":
        found, deepest = _of_uniq(numbers, remarks)
    elif ordering in ("RANGE", "RANGE29") and len(numbers) % 2 == 0 and not (numbers < 0).any():
        found, deepest = _of_ranges(numbers.reshape(-1, 2), remarks)
    else:
        raise MapFault(f"a coverage map with ORDERING {ordering!r} is not read, only NUNIQ and RANGE")
    return FoundMap(found, _order(keywords, deepest, remarks), tuple(remarks))


def _order(keywords: Mapping[str, object], deepest: int, remarks: list[str]) -> int:
    """The order that the header states, unless there are finer cells (MPY-19)."""
    for key in ("MOCORD_S", "MOCORDER"):
        stated = keywords.get(key)
        if isinstance(stated, int) and 0 <= stated <= ORDER:
            if stated < deepest:
                remarks.append(f"{key} is {stated}, but there are cells of order {deepest}")
            return max(stated, deepest)
    remarks.append("the order is not stated: that of the finest cells is taken")
    return deepest


def _of_uniq(numbers: Numbers, remarks: list[str]) -> tuple[Moc, int]:
    """Cells as ``4 * 4**order + cell``, in any order (MOC-041, MOC-056)."""
    cells = numbers[numbers != 0]
    if len(cells) < len(numbers):
        remarks.append(f"{len(numbers) - len(cells)} rows are 0, which is no cell")
    if len(cells) and (cells.min() < 4 or cells.max() >= _LAST_UNIQ):
        raise MapFault("the FITS file holds a number that is no cell of a coverage map")
    orders, indices = of_uniq(cells)
    pairs = np.stack([indices, indices + 1], axis=1) << 2 * (ORDER - orders)[:, None]
    return _joined(pairs, remarks), int(orders.max(initial=0))


def _of_ranges(pairs: Numbers, remarks: list[str]) -> tuple[Moc, int]:
    """Half-open ranges ``(n, 2)`` of cells of order 29 (MOC-042)."""
    if (pairs[:, 0] >= pairs[:, 1]).any():
        raise MapFault("the coverage map has a range that ends before it begins")
    moc = _joined(pairs, remarks)
    return moc, max(moc.orders, default=0)


def _joined(pairs: Numbers, remarks: list[str]) -> Moc:
    try:
        moc = Moc(pairs)
    except RegionError as error:
        raise MapFault(f"the file is no coverage map: {error}") from None
    ascending = pairs[np.argsort(pairs[:, 0], kind="stable")]
    if (ascending[1:, 0] < np.maximum.accumulate(ascending[:, 1])[:-1]).any():
        remarks.append("cells overlap: what several have counts once")
    return moc


def map_of_json(text: str) -> FoundMap:
    """The map of ``{"4": [30, 31], "8": []}``, or of the same below ``"s"`` (MOC-066, MOC-067). Raises
    MapFault."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MapFault(f"the file is no coverage map in JSON; {_JSON}") from error
    if isinstance(content, dict) and list(content) == ["s"]:
        content = content["s"]
    if isinstance(content, list) or (isinstance(content, dict) and {"t", "f", "s"} & set(content)):
        raise MapFault("the coverage map is no coverage map of the sky alone: it has time or frequency")
    if not isinstance(content, dict) or not all(map(_is_order, content.items())):
        raise MapFault(f"the file is no coverage map in JSON; {_JSON}")
    return map_of_ascii(" ".join(f"{order}/{' '.join(map(str, cells))}" for order, cells in content.items()))


def _is_order(item: tuple[str, object]) -> bool:
    order, cells = item
    return order.isdecimal() and isinstance(cells, list) and all(type(cell) is int for cell in cells)


def map_of_ascii(text: str) -> FoundMap:
    """The map of ``4/30-33 38 5/136 8/``, with or without an ``s`` before it (MOC-060, MOC-062). Raises
    MapFault."""
    try:
        moc = parse_moc(text)
    except RegionError as error:
        raise MapFault(f"the file is no coverage map: {error}") from None
    return FoundMap(moc, max(map(int, _ORDERS.findall(text))))
