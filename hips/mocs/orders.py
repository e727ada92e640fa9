"""How fine maps are: from field and beam for one data set, by their volume for all others.

A data set's own map has cells of about a 64th of its field, none smaller than its beam. Maps of many data
sets begin at the orders of `Orders`, space at 14 (cells of 12.9 arcsec), and are lowered until a file of one
lists no more than a million numbers (MOC-015): 8 MB of FITS.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

DEFAULT_SPACE: Final = 14
DEFAULT_FREQUENCY: Final = 19

_CELL_DEG: Final = math.degrees(math.sqrt(math.pi / 3.0))  # side of a square of the area of a cell of order 0
_CELLS_ACROSS: Final = 64
_PER_OCTAVE: Final = 64.47  # cells of order 0 of the axis of frequencies, over f / df (MOC-013)
_DEEPEST: Final = 29
_OF_UNKNOWN_FRAME: Final = 19  # MOC-014


@dataclass(frozen=True, slots=True)
class Orders:
    """Where maps of many data sets begin: ``space`` alone; ``joint_space`` where there is a second axis.

    ``time`` 31 is a cell of 18 minutes, as long as what is not known of the place of a clock (MOC-008);
    ``frequency`` 19 is 37 km/s, as much as what is not known of its frame (MOC-014). ``volume``: numbers in a
    file.
    """

    space: int = DEFAULT_SPACE
    joint_space: int = 12
    time: int = 31
    frequency: int = DEFAULT_FREQUENCY
    volume: int = 1_000_000


def order_of_field(width_deg: float | None, beam_arcsec: float | None, unknown: int = DEFAULT_SPACE) -> int:
    """Order of the map of one data set: of its field (diameter) and its beam; ``unknown`` without a field."""
    if not _is_size(width_deg):
        return unknown
    assert width_deg is not None
    order = math.ceil(math.log2(_CELL_DEG * _CELLS_ACROSS / width_deg))
    if _is_size(beam_arcsec):
        assert beam_arcsec is not None
        order = min(order, math.floor(math.log2(_CELL_DEG * 3600.0 / beam_arcsec)))
    return min(_DEEPEST, max(0, order))


def order_of_band(low_hz: float, high_hz: float, resolving_power: float | None, frame_is_known: bool) -> int:
    """Order on the axis of frequencies for one data set: a 64th of its width, no finer than a channel."""
    middle, width = 0.5 * (low_hz + high_hz), high_hz - low_hz
    order = order_of_step(middle, width / _CELLS_ACROSS) if width > 0.0 else DEFAULT_FREQUENCY
    if _is_size(resolving_power):
        assert resolving_power is not None
        order = min(order, math.floor(math.log2(_PER_OCTAVE * resolving_power)))
    return max(0, min(order, DEFAULT_FREQUENCY + 11 if frame_is_known else _OF_UNKNOWN_FRAME))


def order_of_step(frequency_hz: float, step_hz: float) -> int:
    """The coarsest order with cells no wider than a step (MOC-013)."""
    return max(0, math.ceil(math.log2(_PER_OCTAVE * frequency_hz / step_hz)))


def _is_size(value: float | None) -> bool:
    return value is not None and math.isfinite(value) and value > 0.0
