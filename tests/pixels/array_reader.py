"""An image in memory as the reader of computed results sees it, and cubes of any order of axes."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from vo_service.pixels.cutout.box import Box


class ArrayReader:
    """The pixels of an array, last axis of FITS first; ``reads`` counts how often each was asked for."""

    def __init__(self, data: np.ndarray) -> None:
        self.data = data
        self.axes = data.shape[::-1]
        self.reads = np.zeros(data.shape, int)

    def read(self, box: Box) -> np.ndarray:
        place = tuple(slice(*span) for span in box.spans[::-1])
        self.reads[place] += 1
        return self.data[place].copy()


@st.composite
def cubes(draw: st.DrawFn) -> tuple[np.ndarray, tuple[str, ...], Box]:
    """Values with holes, what its axes are in FITS order, and a box in it."""
    lengths = {"x": 7, "y": 6, "channel": draw(st.integers(1, 9)), "stokes": draw(st.sampled_from([1, 2]))}
    order = tuple(draw(st.permutations(list(lengths))))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    data = rng.normal(0.3, 1.0, [lengths[name] for name in order[::-1]])
    data[rng.random(data.shape) < draw(st.sampled_from([0.0, 0.2, 0.8]))] = np.nan
    data[rng.random(data.shape) < draw(st.sampled_from([0.0, 0.05]))] = np.inf
    spans = []
    for name in order:
        start = draw(st.integers(0, lengths[name] - 1))
        spans.append((start, draw(st.integers(start + 1, lengths[name]))))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    return data.astype(dtype), order, Box(tuple(spans))


@st.composite
def edges(draw: st.DrawFn, channels: int) -> np.ndarray:
    """Borders of channels of unequal width, in Hz, rising or falling."""
    widths = draw(st.lists(st.floats(1e5, 3e6), min_size=channels, max_size=channels))
    rising = 100e9 + np.concatenate([[0.0], np.cumsum(widths)])
    return rising[::-1] if draw(st.booleans()) else rising
