"""An image in which only what stands out is seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vo_service.pixels.compute.reader import PixelReader
from vo_service.pixels.cutout.box import Box
from vo_service.pixels.decoding import Values


@dataclass(frozen=True, slots=True)
class ClippedReader:
    """The pixels of another reader; those below ``low`` are NaN."""

    whole: PixelReader
    low: float

    @property
    def axes(self) -> tuple[int, ...]:
        """As of the other."""
        return self.whole.axes

    def read(self, box: Box) -> Values:
        """As of the other, clipped."""
        values = self.whole.read(box)
        with np.errstate(invalid="ignore"):
            return np.where(values < self.low, values.dtype.type(np.nan), values)
