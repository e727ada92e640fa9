"""Places on the sky that hang together: groups in which each is near another one, by plain numpy.

Unit vectors are sorted into a grid of cubes as wide as the distance asked for, so that only those in cubes
that touch are compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]

_PAIRS_AT_ONCE = 1 << 20
_SLACK = 1e-12
"""Of a chord: what rounding adds to the distance of two places that lie exactly the radius apart."""


def close_groups(vectors: NDArray[np.float64], radius: float, among: Indices | None = None) -> Indices:
    """For each of the ``vectors`` (n, 3), of unit length, the first that it hangs together with.

    Two are linked that are at most ``radius`` (degrees) apart and have the same number in ``among``, if that
    is given. What is linked through others is one group.
    """
    count = len(vectors)
    labels: Indices = np.arange(count, dtype=np.int64)
    if not count:
        return labels
    chord = 2.0 * np.sin(np.radians(radius) / 2.0) + _SLACK
    keys, steps = _cells(vectors, chord, among)
    order = np.argsort(keys, kind="stable")
    placed, sorted_keys = vectors[order], keys[order]
    for step in steps:
        for one, other in _pairs(sorted_keys, step):
            open_ = labels[order[one]] != labels[order[other]]
            one, other = one[open_], other[open_]
            apart = placed[one] - placed[other]
            near = np.einsum("ij,ij->i", apart, apart) <= chord * chord
            labels = _join(labels, order[one[near]], order[other[near]])
    return labels


def _cells(
    vectors: NDArray[np.float64], size: float, among: Indices | None
) -> tuple[Indices, tuple[int, ...]]:
    """A number for the cube of each vector, and what must be added to it for the cube itself (0) and one of
    each two opposite cubes that touch it."""
    width = int(2.0 / size) + 4
    cubes = np.floor((vectors + 1.0) / size).astype(np.int64) + 1
    keys = (cubes[:, 0] * width + cubes[:, 1]) * width + cubes[:, 2]
    if among is not None:
        keys += among * width**3
    offsets = [place for place in product((-1, 0, 1), repeat=3) if place >= (0, 0, 0)]
    return keys, tuple((x * width + y) * width + z for x, y, z in offsets)


def _pairs(keys: Indices, step: int) -> Iterator[tuple[Indices, Indices]]:
    """Pairs of places in the sorted ``keys`` whose keys differ by ``step``, each pair once, some at a
    time."""
    count = len(keys)
    if step:
        start = np.searchsorted(keys, keys + step, "left")
        having = np.flatnonzero(keys[np.minimum(start, count - 1)] == keys + step)
    else:
        start = np.arange(1, count + 1)
        having = np.flatnonzero(keys[1:] == keys[:-1])
    partners = np.zeros(count, dtype=np.int64)
    partners[having] = np.searchsorted(keys, keys[having] + step, "right") - start[having]
    ends = np.cumsum(partners[having])
    first = 0
    while first < len(having):
        done = int(ends[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(ends, done + _PAIRS_AT_ONCE, "right")))
        some = having[first:last]
        counts = partners[some]
        begins = np.cumsum(counts) - counts
        nth = np.arange(int(counts.sum())) - np.repeat(begins, counts)
        yield np.repeat(some, counts), np.repeat(start[some], counts) + nth
        first = last


def _join(labels: Indices, one: Indices, other: Indices) -> Indices:
    """The labels with the groups of each pair made one, which has the lesser label of the two."""
    while True:
        left, right = labels[one], labels[other]
        differ = left != right
        if not differ.any():
            return labels
        one, other, left, right = one[differ], other[differ], left[differ], right[differ]
        labels = labels.copy()
        np.minimum.at(labels, np.maximum(left, right), np.minimum(left, right))
        while True:
            rooted = labels[labels]
            if np.array_equal(rooted, labels):
                break
            labels = rooted
