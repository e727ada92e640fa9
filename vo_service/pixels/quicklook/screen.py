"""A plane at the size of the screen: its own pixels, each as a square of screen pixels, or means of some."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vo_service.pixels.decoding import Values
from vo_service.pixels.quicklook.survey import Plate


@dataclass(frozen=True, slots=True)
class Screen:
    """``values`` (rows, columns), one for each pixel of the screen, as the image stores them; they show
    ``columns`` x ``rows`` pixels of the image (the last block may reach beyond it). ``is_to_scale`` unless a
    strip was made broader to be seen."""

    values: Values
    columns: int
    rows: int
    is_to_scale: bool


def fit_screen(plate: Plate, side: int, thinnest: int) -> Screen:
    """The longer side takes at most ``side`` pixels of the screen (and more than half of it), the shorter at
    least ``thinnest``."""
    values = plate.values
    rows, columns = values.shape
    longest = max(rows, columns)
    if longest > side:
        ratio = side / max(plate.columns, plate.rows)
        width, height = (max(1, round(length * ratio)) for length in (plate.columns, plate.rows))
        values = _shrunk(values, width, height, plate.columns / plate.block, plate.rows / plate.block)
        shown = plate.columns, plate.rows
    else:
        times = side // longest
        values = values.repeat(times, axis=0).repeat(times, axis=1)
        shown = columns * plate.block, rows * plate.block
    height, width = values.shape
    broader = [-(-thinnest // length) if length < thinnest else 1 for length in (height, width)]
    values = values.repeat(broader[0], axis=0).repeat(broader[1], axis=1)
    return Screen(values, *shown, is_to_scale=broader[0] == broader[1])


def _shrunk(values: Values, width: int, height: int, columns: float, rows: float) -> NDArray[np.float64]:
    """Means over equal areas of the first ``columns`` x ``rows`` cells, blank where all of one is blank."""
    known = np.isfinite(values)
    middle = float(np.median(values[known]))  # single precision is enough for what is left
    parts = (np.where(known, values - middle, 0.0), known)
    area = (0.0, 0.0, columns, rows)
    total, weight = (
        np.asarray(
            Image.fromarray(part.astype(np.float32)).resize((width, height), Image.Resampling.BOX, area),
            dtype=np.float64,
        )
        for part in parts
    )
    return np.where(weight > 0.0, total / np.where(weight > 0.0, weight, 1.0) + middle, np.nan)
