"""What PixelStatistics says of a file, computed whole in memory with astropy and numpy: the independent
oracle of the pixel pass."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from vo_service.holdings.measurement import PixelStatistics


def read_pixels(path: Path, hdu: int) -> NDArray[np.float64]:
    """The pixels of an image, NaN where it has none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with fits.open(path) as hdus:
            return np.asarray(hdus[hdu].data, dtype=np.float64)


def statistics_of(pixels: NDArray[np.float64]) -> PixelStatistics | None:
    """All of PixelStatistics, None without a valid pixel."""
    known = np.isfinite(pixels)
    values = pixels[known]
    if values.size == 0:
        return None
    height, width = pixels.shape[-2:]
    middles = pixels.reshape(-1, height, width)[:, height // 2, width // 2]
    middles = middles[np.isfinite(middles)]
    peak = np.unravel_index(np.argmax(np.where(known, pixels, -np.inf)), pixels.shape)[-2:]
    steps = np.diff(np.where(known, pixels, np.nan), axis=-1)
    steps = steps[np.isfinite(steps)]
    distinct = np.unique(values)
    deviation = float(values.std())
    return PixelStatistics(
        minimum=float(values.min()),
        maximum=float(values.max()),
        mean=float(values.mean()),
        deviation=deviation,
        zero_fraction=float(np.mean(values == 0.0)),
        one_fraction=float(np.mean(values == 1.0)),
        integral=bool(np.all(values == np.round(values))),
        distinct=distinct.size if distinct.size <= 16 else None,
        centre=float(middles[0]) if middles.size else None,
        peak_offset=float(np.hypot(peak[0] - height // 2, peak[1] - width // 2)),
        roughness=float(steps.std()) / deviation if steps.size and deviation > 0.0 else None,
        negative_fraction=float(np.mean(values < 0.0)),
    )
