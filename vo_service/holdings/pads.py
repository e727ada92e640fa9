"""Distances between antennas on the ground, from the pads that they stood on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

_FILE = Path(__file__).resolve().parent / "pads.yaml"

Doubles = NDArray[np.float64]


@cache
def positions() -> dict[str, tuple[float, float, float]]:
    """Metres east, north and up of every pad of ALMA, from the reference point of the array."""
    content = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return {name: (float(x), float(y), float(z)) for name, (x, y, z) in content.items()}


def baselines(pads: Sequence[str]) -> Doubles | None:
    """All distances between these pads in metres, shortest first; None for fewer than two pads, one that is
    listed twice, and one whose place is not known."""
    known = positions()
    if len(pads) < 2 or len(set(pads)) < len(pads) or not known.keys() >= set(pads):
        return None
    places = np.array([known[pad] for pad in pads])
    one, other = np.triu_indices(len(pads), 1)
    return np.sort(np.linalg.norm(places[one] - places[other], axis=1))
