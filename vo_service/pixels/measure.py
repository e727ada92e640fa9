"""Everything that is measured on the pixels of an image, in one reading of them."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.blocks import Block, PixelStream, Shape
from vo_service.pixels.coverage import cover_valid
from vo_service.pixels.fits_file import Hdu
from vo_service.pixels.fits_header import FitsError
from vo_service.pixels.sky_plane import SkyPlane, solid_angle
from vo_service.pixels.sources import ByteSource
from vo_service.pixels.spectrum import PlaneSpectrum, SpectrumBuilder
from vo_service.pixels.statistics import PixelStatistics, StatisticsBuilder
from vo_service.pixels.valid import ValidMask
from vo_service.pixels.valid_region import outline_valid
from vo_service.sky import Region

MAXIMUM_ROW_BYTES = 32 * 1024**2
MAXIMUM_PLANES = 2_000_000


@dataclass(frozen=True, slots=True)
class PixelLimits:
    """What one image may cost: pixels (uncompressed bytes) and time on the clock (s)."""

    bytes: int = 32 * 1024**3
    seconds: float = 3600.0


@dataclass(frozen=True, slots=True)
class ValidPart:
    """The valid part of the sky: its outline (None where no pixel is valid, or their border is no outline),
    solid angle (deg2) and cover as MOC ASCII to ``moc_order``.
    """

    outline: Region | None
    area: float
    moc: str | None
    moc_order: int | None


@dataclass(frozen=True, slots=True)
class ImageMeasurement:
    """``planes`` has the entries of the planes asked for, in their order; ``statistics`` (None without valid
    pixels) and the counts are of all planes. ``valid`` is None for an image whose first two axes do not lie
    on the sky. ``blanked`` counts floats that BLANK says are none.
    """

    content_hash: str
    pixel_count: int
    valid_count: int
    statistics: PixelStatistics | None
    planes: PlaneSpectrum
    valid: ValidPart | None
    blanked: int = 0


def measure_image(
    source: ByteSource,
    hdu: Hdu,
    *,
    compressed: bool,
    limits: PixelLimits,
    sky: SkyPlane | None = None,
    planes: NDArray[np.int64] | None = None,
) -> ImageMeasurement:
    """Reads the pixels of ``hdu`` once, in blocks; at most some 200 MB of memory for an image of any size.

    ``sky`` tells where the first two axes lie; ``planes`` are the numbers (from 0, all axes beyond the second
    counted as one) of the planes whose peaks and noise are wanted: all of them by default.

    Raises FitsError: ``too_large`` (before reading for an image beyond ``limits.bytes``, or of rows or planes
    beyond what memory is kept for; while reading beyond ``limits.seconds``) and all of PixelStream; OSError.
    """
    stream = PixelStream(source, hdu, compressed=compressed)
    _check_size(stream, limits, f"HDU {hdu.index}", source.name)
    wanted = np.arange(stream.shape.planes) if planes is None else planes
    pass_ = _Pass(stream.shape, wanted)
    deadline = time.monotonic() + limits.seconds
    for block in stream:
        pass_.add(block)
        if time.monotonic() > deadline:
            raise FitsError(
                "too_large",
                f"the pixels of {source.name} were not read within {limits.seconds:g} s: it came to plane "
                f"{block.plane + 1} of {stream.shape.planes}",
                f"HDU {hdu.index}",
            )
    spectrum = pass_.spectrum.finish()
    selected = spectrum.of_planes(wanted)
    peak = selected.image_peak
    return ImageMeasurement(
        content_hash=stream.content_hash,
        pixel_count=stream.shape.columns * stream.shape.rows * stream.shape.planes,
        valid_count=int(spectrum.valid.sum()),
        statistics=pass_.statistics.finish(None if peak is None else (peak.x, peak.y)),
        planes=selected,
        valid=None if sky is None else _measure_valid(pass_.mask, sky),
        blanked=stream.blanked,
    )


def _check_size(stream: PixelStream, limits: PixelLimits, item: str, name: str) -> None:
    shape = stream.shape
    row_bytes = stream.byte_count // (shape.rows * shape.planes)
    if stream.byte_count > limits.bytes:
        reason = f"{stream.byte_count} bytes of pixels, the limit is {limits.bytes}"
    elif row_bytes > MAXIMUM_ROW_BYTES:
        reason = f"rows of {row_bytes} bytes, the limit is {MAXIMUM_ROW_BYTES}"
    elif shape.planes > MAXIMUM_PLANES:
        reason = f"{shape.planes} planes, the limit is {MAXIMUM_PLANES}"
    else:
        return
    raise FitsError("too_large", f"{name} has {reason}", item)


class _Pass:
    """All that is gathered while the blocks come by."""

    def __init__(self, shape: Shape, wanted: NDArray[np.int64]) -> None:
        chosen = np.zeros(shape.planes, np.bool_)
        chosen[wanted] = True
        self.mask = ValidMask(shape)
        self.spectrum = SpectrumBuilder(shape, chosen)
        self.statistics = StatisticsBuilder(shape)

    def add(self, block: Block) -> None:
        self.mask.add(block)
        for part in block.parts():
            self.spectrum.add(part)
            self.statistics.add(part)


def _measure_valid(mask: ValidMask, sky: SkyPlane) -> ValidPart:
    if mask.empty:
        return ValidPart(None, 0.0, None, None)
    order, moc = cover_valid(mask, sky) or (None, None)
    return ValidPart(outline_valid(mask, sky), solid_angle(mask, sky), moc, order)
