"""Pixels that are stored as they are, by the box."""

from __future__ import annotations

from math import prod

import numpy as np

from vo_service.pixels.compute.reader import Stored
from vo_service.pixels.cutout.box import Box
from vo_service.pixels.cutout.plan import Readable, read_runs
from vo_service.pixels.cutout.runs import Runs
from vo_service.pixels.decoding import Decoder, Values
from vo_service.pixels.fits_file import Hdu
from vo_service.pixels.fits_header import FitsError


class PlainReader:
    """The pixels of an image HDU of which the bytes can be read. Raises FitsError ``bad_header`` when made
    where there are none, or BSCALE, BZERO or BLANK cannot be read."""

    def __init__(self, source: Readable, name: str, hdu: Hdu) -> None:
        if hdu.kind != "image" or not prod(hdu.axes):
            raise FitsError("bad_header", f"HDU {hdu.index} of {name} holds no image", f"HDU {hdu.index}")
        self._source = source
        self._hdu = hdu
        self._decoder = Decoder.of(hdu)

    @property
    def axes(self) -> tuple[int, ...]:
        """As of PixelReader."""
        return self._hdu.axes

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """As of StoredReader."""
        return self._decoder.stored

    def stored(self, box: Box) -> Stored:
        """As of StoredReader."""
        runs = Runs.of(box, self._hdu.axes, self.dtype.itemsize, self._hdu.data_offset)
        buffer = memoryview(bytearray(runs.size))
        read_runs(self._source, runs, 0, runs.size, buffer)
        return np.frombuffer(buffer, self.dtype).reshape(box.shape[::-1])

    def read(self, box: Box) -> Values:
        """As of PixelReader."""
        return self._decoder.values(self.stored(box))[0]
