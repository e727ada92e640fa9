"""Reading coverage maps as ASCII (MOC 2.0, section 4.3.2)."""

from __future__ import annotations

import re
from typing import Final

import numpy as np

from vo_service.sky.cell_ranges import ORDER, Numbers, Pair
from vo_service.sky.errors import RegionError
from vo_service.sky.mocs import Moc

MOC_CHARACTERS: Final = 16 << 20
"""Of a text with a coverage map that comes from outside."""
MOC_CELLS: Final = 2_000_000
"""Of a coverage map that comes from outside; ranges of order 29 can mean many more cells than characters."""

_ORDER_AT_END = re.compile(r"(?:.*[^0-9])?([0-9]{1,2})", re.DOTALL)
_CELLS = re.compile(r"[0-9\s,-]*+")
_DASH = re.compile(r"(?<!\s)\s*+-\s*+")
_ITEM = re.compile(r"([0-9]++)\s*+/|([0-9]++)(?:\s*+-\s*+([0-9]++))?+(?!\s*+/)")
_ITEMS = re.compile(r"(?:[0-9]++(?:\s*+-\s*+[0-9]++)?+(?!\s*+/)[\s,]*+){16,4096}+")
_BETWEEN = re.compile(r"[\s,]*")
_ORDERS_AT_MOST: Final = 100_000
"""Times that a text may name an order; thirty are enough, and each takes as long as many cells."""


def parse_moc(text: str, at: int = 0) -> Moc:
    """The coverage that an ASCII MOC means, such as ``4/30-33 38 5/136``; commas count as blanks.

    Reads from character ``at`` on.

    An order without cells says how fine the map is and adds nothing.

    Raises:
        RegionError: with the place and what was expected there.
    """
    at = len(text) - len(text[at:].lstrip())
    if text[at : at + 1] in ("s", "S"):
        at += 1
    cells = _cells_by_order(text[at:])
    starts, stops = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for order, parts in (cells or {}).items():
        runs = _runs(parts, order)
        if runs is None:
            raise _fault(text, at)
        starts.append(runs[0])
        stops.append(runs[1])
    if not cells:
        raise _fault(text, at)
    return Moc(np.stack([np.concatenate(starts), np.concatenate(stops)], axis=1))


def _cells_by_order(text: str) -> dict[int, list[str]] | None:
    """The texts behind each mention of an order; None where what stands before a slash is no number of one or
    two digits. Empty for a text without a slash.

    Raises RegionError for a text that names orders too often.
    """
    if text.count("/") > _ORDERS_AT_MOST:
        raise RegionError(text, -1, f"at most {_ORDERS_AT_MOST} orders: each once, with all its cells")
    found: dict[int, list[str]] = {}
    order: int | None = None
    *pieces, rest = text.split("/")
    for piece in pieces:
        piece = piece.rstrip()
        tail = _ORDER_AT_END.fullmatch(piece[-3:])
        if tail is None:
            return None
        cells = piece[: -len(tail[1])]
        if order is not None:
            found[order].append(cells)
        elif cells:
            return None
        order = int(tail[1])
        found.setdefault(order, [])
    if order is not None:
        found[order].append(rest)
    return found


def _runs(pieces: list[str], order: int) -> Pair | None:
    """The runs of cells behind each mention of an order, as ranges; None where they are not as they should
    be."""
    if order > ORDER or not all(_CELLS.fullmatch(cells) for cells in pieces):
        return None
    text = " ".join(_DASH.sub("-", cells).replace(",", " ") for cells in pieces)
    if "--" in text:  # int() takes -0 for 0
        return None
    words = text.split()
    firsts, lasts = words, words
    if any("-" in cells for cells in pieces):
        parts = [word.partition("-") for word in words]
        firsts = [first for first, _, _ in parts]
        lasts = [last if dash else first for first, dash, last in parts]
    try:
        low, high = _numbers(firsts), _numbers(lasts)
    except (ValueError, OverflowError):
        return None
    if (low < 0).any() or (high < low).any() or (high >= 12 * 4**order).any():
        return None
    shift = 2 * (ORDER - order)
    return low << shift, (high + 1) << shift


def _numbers(words: list[str]) -> Numbers:
    return np.fromiter(map(int, words), np.int64, len(words))


def _fault(text: str, at: int) -> RegionError:
    """What is wrong with a text that is no map: its items are looked at one by one, but for long rows of
    cells that are right."""
    order: int | None = None
    while at < len(text):
        found = _ITEM.match(text, at)
        if found is None or (found.group(1) is None and order is None):
            expected = "an order and /, such as 4/30-33" if order is None else "cells, such as 30 or 30-33"
            return RegionError(text, at, expected + _hint(text, at))
        if found.group(1) is not None:
            if len(found.group(1)) > 2 or int(found.group(1)) > ORDER:
                return RegionError(text, at, f"an order from 0 to {ORDER}")
            order = int(found.group(1))
        else:
            expected = _wanted_of(found, order or 0)
            if expected:
                return RegionError(text, at, expected)
        after = _BETWEEN.match(text, found.end())
        at = after.end() if after else found.end()
        if found.group(1) is not None and order is not None:
            at = _behind_good(text, at, order)
    return RegionError(text, at, "an order and /, such as 4/30-33")


def _behind_good(text: str, at: int, order: int) -> int:
    """Where some cells of an order end that are right, or ``at``; a wrong one is not far behind."""
    while (some := _ITEMS.match(text, at)) is not None and _runs([some[0]], order) is not None:
        at = some.end()
    return at


def _hint(text: str, at: int) -> str:
    word = text[at : at + 1].lower()
    if word in ("t", "f"):
        return "; maps of time or frequency are no region"
    return "; a JSON map must be written as ASCII" if word == "{" else ""


def _wanted_of(found: re.Match[str], order: int) -> str:
    """What is wanted instead of a run of cells that is none; nothing where it is one."""
    most = 12 * 4**order
    first, last = found.group(2), found.group(3) or found.group(2)
    if max(len(first), len(last)) > 20 or int(first) >= most or int(last) >= most:
        return f"cells below {most} at order {order}"
    return "a run of cells with the lower one first" if int(last) < int(first) else ""
