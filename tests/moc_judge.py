"""A strict reader of coverage maps, written from the standard alone: the checks CHK-M02 to CHK-M08.

It shares no code with what it judges. A map comes out as an order (or two) and ranges of deepest indices.
"""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from astropy.io import fits

Range = tuple[int, int]
DEEPEST = {"s": 29, "t": 61, "f": 51}
BITS = {"s": 2, "t": 1, "f": 1}
ROOTS = {"s": 12, "t": 2, "f": 2}
FLAG = 1 << 63


@dataclass(frozen=True)
class Space:
    """A map of space."""

    order: int
    ranges: tuple[Range, ...]


@dataclass(frozen=True)
class Joint:
    """A map with an outer axis (``t`` or ``f``): sets of outer ranges and ranges of space."""

    letter: str
    orders: tuple[int, int]
    sets: tuple[tuple[tuple[Range, ...], tuple[Range, ...]], ...]


def judge_fits(content: bytes) -> Space | Joint:
    """A FITS file of MOC 2.0; AssertionError where it breaks a rule."""
    assert len(content) % 2880 == 0  # CHK-M02
    with fits.open(io.BytesIO(content)) as hdus:
        hdus.verify("exception")
        primary, table = hdus
        assert primary.header["NAXIS"] == 0 and primary.header["EXTEND"] is True  # MOC-040
        header = table.header
        assert header["TFIELDS"] == 1 and header["TFORM1"] in ("K", "1K") and header["TTYPE1"]
        assert header["MOCVERS"] == "2.0" and header["COORDSYS"] == "C"  # CHK-M03
        assert isinstance(header["MOCORD_S"], int) and 0 <= header["MOCORD_S"] <= 29
        words = (
            [int(word) % (1 << 64) for word in np.asarray(table.data.field(0))] if header["NAXIS2"] else []
        )
        if header["MOCDIM"] == "SPACE":
            assert header["ORDERING"] == "NUNIQ" and header["TTYPE1"] == "UNIQ"
            assert header["MOCORDER"] == header["MOCORD_S"]  # MOC-050
            return _of_uniq(words, header["MOCORD_S"])
        assert header["ORDERING"] == "RANGE"  # MOC-046
        letter = {"TIME.SPACE": "t", "FREQUENCY.SPACE": "f"}[header["MOCDIM"]]
        assert header.get("TIMESYS") == ("TCB" if letter == "t" else None)  # MOC-048
        outer_order = header[f"MOCORD_{letter.upper()}"]
        assert isinstance(outer_order, int) and 0 <= outer_order <= DEEPEST[letter]
        return _of_words(words, letter, (outer_order, header["MOCORD_S"]))


def _of_uniq(words: list[int], order: int) -> Space:
    assert words == sorted(set(words))  # MOC-041
    cells: dict[int, list[int]] = {}
    for word in words:
        at = (word.bit_length() - 3) // 2
        assert 0 <= at <= order  # CHK-M04
        cells.setdefault(at, []).append(word - 4 * 4**at)
        assert 4 * 4**at + cells[at][-1] == word  # CHK-M06
    return Space(order, _checked_cells("s", cells))


def _of_words(words: list[int], letter: str, orders: tuple[int, int]) -> Joint:
    assert len(words) % 2 == 0
    pairs = list(zip(words[::2], words[1::2]))
    sets: list[tuple[list[Range], list[Range]]] = []
    was_outer = False
    for start, stop in pairs:
        is_outer = start >= FLAG
        assert is_outer == (stop >= FLAG)  # MOC-052
        if is_outer and not was_outer:
            sets.append(([], []))
        assert sets  # CHK-M07: the first word is flagged
        sets[-1][0 if is_outer else 1].append((start % FLAG, stop % FLAG))
        was_outer = is_outer
    return _checked_sets(letter, orders, sets)


def _checked_sets(letter: str, orders: tuple[int, int], sets: list[tuple[list[Range], list[Range]]]) -> Joint:
    """CHK-M07: outer ranges ascend and do not overlap, each set has cells, neighbours differ."""
    outer_before = -1
    for outer, space in sets:
        assert outer and space
        _check_ranges(letter, outer, orders[0])
        _check_ranges("s", space, orders[1])
        assert outer[0][0] >= outer_before
        outer_before = outer[-1][1]
    assert all(one[1] != two[1] for one, two in pairwise(sets))
    return Joint(letter, orders, tuple((tuple(outer), tuple(space)) for outer, space in sets))


def _check_ranges(letter: str, ranges: list[Range], order: int) -> None:
    """CHK-M04, CHK-M05: aligned to the order, in range, ascending, not even touching."""
    step = 1 << (BITS[letter] * (DEEPEST[letter] - order))
    most = ROOTS[letter] << (BITS[letter] * DEEPEST[letter])
    before = -1
    for start, stop in ranges:
        assert before < start < stop <= most
        assert start % step == 0 == stop % step
        before = stop


def _checked_cells(letter: str, cells: dict[int, list[int]]) -> tuple[Range, ...]:
    """Cells in canonical form (CHK-M05), as ranges: ascending, none inside another, siblings merged."""
    siblings = 1 << BITS[letter]
    ranges = []
    for order, numbers in cells.items():
        assert numbers == sorted(set(numbers))
        assert all(0 <= number < ROOTS[letter] << (BITS[letter] * order) for number in numbers)
        groups = Counter(number // siblings for number in numbers)
        assert order == 0 or max(groups.values(), default=0) < siblings
        shift = BITS[letter] * (DEEPEST[letter] - order)
        ranges += [(number << shift, (number + 1) << shift) for number in numbers]
    ranges.sort()
    assert all(one[1] <= two[0] for one, two in pairwise(ranges))
    joined: list[list[int]] = []
    for start, stop in ranges:
        if joined and joined[-1][1] == start:
            joined[-1][1] = stop
        else:
            joined.append([start, stop])
    return tuple((start, stop) for start, stop in joined)


ONE = re.compile(r"(?:(?:[0-9]{1,2}/(?:[0-9]+(?:-[0-9]+)?(?: [0-9]+(?:-[0-9]+)?)*)?)(?: |$))*")


def _cells_of(text: str) -> tuple[dict[int, list[int]], int]:
    """Cells by order, and the last order that is named; orders ascend (MOC-060)."""
    assert ONE.fullmatch(text), text[:200]
    cells: dict[int, list[int]] = {}
    order = -1
    for word in text.split():
        if "/" in word:
            named, word = word.split("/")
            assert int(named) > order
            order = int(named)
            cells[order] = []
        if word:
            first, _, last = word.partition("-")
            assert not last or int(last) > int(first)
            cells[order] += range(int(first), int(last or first) + 1)
    return {at: numbers for at, numbers in cells.items() if numbers}, order


def judge_ascii(content: bytes) -> Space | Joint:
    """An ASCII file (CHK-M08): no prefix for one dimension; two are blocks in turn, closed by the orders."""
    text = content.decode("ascii").rstrip("\n")
    if text[:1] not in ("t", "f"):
        cells, order = _cells_of(text)
        return Space(order, _checked_cells("s", cells))
    letter = text[0]
    blocks = re.findall(rf"{letter}([^s]*) s([^{letter}]*?)(?: |$)(?={letter}|$)", text)
    assert " ".join(f"{letter}{outer} s{space}" for outer, space in blocks) == text
    orders = tuple(int(each.removesuffix("/")) for each in blocks[-1])
    sets = []
    for outer, space in blocks[:-1]:
        ranges = [_checked_cells(*one) for one in ((letter, _cells_of(outer)[0]), ("s", _cells_of(space)[0]))]
        sets.append((list(ranges[0]), list(ranges[1])))
    return _checked_sets(letter, (orders[0], orders[1]), sets)


def judge_json(content: bytes) -> Space | Joint:
    """A JSON file (MOC-066, MOC-067)."""
    told = json.loads(content)
    if isinstance(told, dict):
        order = max(map(int, told))
        return Space(order, _checked_cells("s", _by_order(told)))
    letter = next(iter(told[-1]))
    sets = [
        (
            list(_checked_cells(letter, _by_order(each[letter]))),
            list(_checked_cells("s", _by_order(each["s"]))),
        )
        for each in told[:-1]
    ]
    assert all(set(each) == {letter, "s"} for each in told)
    orders = [next(iter(told[-1][axis].items())) for axis in (letter, "s")]
    assert all(cells == [] for _, cells in orders)
    return _checked_sets(letter, (int(orders[0][0]), int(orders[1][0])), sets)


def _by_order(told: dict[str, Any]) -> dict[int, list[int]]:
    return {int(order): cells for order, cells in told.items() if cells}


def holds(ranges: tuple[Range, ...], index: int) -> bool:
    """Whether a deepest index is in sorted ranges."""
    return any(start <= index < stop for start, stop in ranges)
