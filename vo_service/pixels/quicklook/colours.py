"""The colours of a map by its kind.

`inferno` for brightness (`viridis` for what is plain) rises evenly in lightness, to the eye, in grey print
and to those who tell fewer colours apart, over a wider range than `cividis`, and holds no grey: grey is what
is blank. `RdBu_r` for what has a middle (velocities, signs): red recedes, blue comes, which those who confuse
red and green tell apart too, and its middle is white rather than the grey of the blank.
"""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib
import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.quicklook.words import Kind

BLANK = (176, 176, 176)
"""Red, green, blue of what has no value."""


@dataclass(frozen=True, slots=True)
class Look:
    """Name of the colours, ink of a grid that is seen on all of them, and what is shown, in words."""

    colours: str
    ink: str
    shown: str


LOOKS = {
    Kind.BRIGHTNESS: Look("inferno", "white", "brightness"),
    Kind.SIGNED: Look("RdBu_r", "#303030", "values of both signs"),
    Kind.VELOCITY: Look("RdBu_r", "#303030", "velocity"),
    Kind.PLAIN: Look("viridis", "white", "values"),
}


def colours_of(places: NDArray[np.float64], kind: Kind) -> NDArray[np.uint8]:
    """(..., 3): the colour of each place on the scale from 0 to 1, `BLANK` for NaN."""
    table = matplotlib.colormaps[LOOKS[kind].colours](np.arange(256), bytes=True)[:, :3]
    blank = np.isnan(places)
    index = np.where(blank, 0.0, places * 255.0).round().astype(np.intp)
    return np.where(blank[..., None], np.array(BLANK, dtype=np.uint8), table[index])
