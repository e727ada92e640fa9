"""Runs that are worth one request: where each read costs a round trip, what lies between near ones is cheaper
asked for than left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.lib.stride_tricks import as_strided

from vo_service.pixels.cutout.runs import Piece, Runs

NEAR = 1 << 16
"""Bytes between two runs that are asked for with them: a request costs about as much as these. So no more
than this is read in vain for each request that is saved."""
_MOST = 4 << 20
"""Bytes of one request, but for a run that is longer."""
_BLOCK = 2 << 20
"""Bytes of a block of an answer."""


def together(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    """The same runs in the same order, those of one list worth one request."""
    group: list[Piece] = []
    for piece in pieces:
        for part in _parts(piece) if piece.size else ():
            if group and not _joins(group, part):
                yield group
                group = []
            group.append(part)
    if group:
        yield group


def end_of(group: Sequence[Piece]) -> int:
    """Where the last run ends in the file."""
    return group[-1].offset + group[-1].extent


def pick_out(group: Sequence[Piece], whole: bytearray, view: memoryview) -> None:
    """The runs of a group, one behind the other, from ``whole``, which begins where the first one does."""
    done = 0
    for piece in group:
        start = piece.offset - group[0].offset
        if piece.count == 1:
            view[done : done + piece.size] = whole[start : start + piece.size]
        else:
            stored = np.frombuffer(whole, np.uint8, piece.extent, start)
            runs = as_strided(stored, (piece.count, piece.length), (piece.stride, 1))
            np.frombuffer(view, np.uint8, piece.size, done).reshape(runs.shape)[...] = runs
        done += piece.size


def cost_of(runs: Runs, enough: int) -> int:
    """What the first block of an answer asks for, in bytes, each request counted as `NEAR` of them; no
    further than to ``enough``. The other blocks of a box are as dear."""
    cost = 0
    for group in together(runs.pieces(0, min(runs.size, _BLOCK))):
        cost += NEAR + end_of(group) - group[0].offset
        if cost >= enough:
            break
    return cost


def _parts(piece: Piece) -> Iterator[Piece]:
    """A piece, in parts where its runs lie far apart, or are too much for one request."""
    is_dense = piece.stride - piece.length <= NEAR
    most = max(1, 1 + (_MOST - piece.length) // piece.stride) if is_dense else 1
    for first in range(0, piece.count, most):
        count = min(most, piece.count - first)
        yield Piece(piece.offset + first * piece.stride, piece.length, count, piece.stride)


def _joins(group: Sequence[Piece], part: Piece) -> bool:
    is_near = 0 <= part.offset - end_of(group) <= NEAR
    return is_near and part.offset + part.extent - group[0].offset <= _MOST
