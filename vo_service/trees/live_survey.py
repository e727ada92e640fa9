"""One look over all channels of a data set, or over as many as cost no more than is bounded: where any of
them holds data, and which is the brightest; and some of them as they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vo_service.atlas import NoMap, SingleDataset
from vo_service.atlas.intensity import IntensityReader, Stack, first_of
from vo_service.atlas.opening import open_image
from vo_service.pixels.compute.reader import slabs_of
from vo_service.pixels.compute.unpacked import ReadOn
from vo_service.pixels.cutout.box import Box

LOOKED_BYTES: Final = 1 << 30
"""Pixels, as they are stored and unpacked, that are read of a cube at most to look over it."""

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Looked:
    """``mask`` (rows, columns): whether a pixel has a value in any channel that was looked at. ``highest``
    value of each ``channel`` that was; NaN of one that holds none. ``lowest`` of all."""

    mask: NDArray[np.bool_]
    channels: tuple[int, ...]
    highest: Doubles
    lowest: float

    @property
    def brightest(self) -> int | None:
        """The channel of the highest value; None where none of them holds any."""
        return None if np.isnan(self.highest).all() else self.channels[int(np.nanargmax(self.highest))]

    @property
    def blank(self) -> tuple[int, ...]:
        """Channels without a value."""
        return tuple(self.channels[place] for place in np.flatnonzero(np.isnan(self.highest)))


def look_over(single: SingleDataset, first: int | None, most_bytes: int = LOOKED_BYTES) -> Looked:
    """``first``, a channel, is looked at in any case. Raises NoMap for a cube of which a part cannot be had
    without the rest, and which is too large for that; OSError and FitsError."""
    with open_image(single.origin, single.bench) as image:
        planes = first_of(image.view)
        plane_bytes = single.size[0] * single.size[1] * len(planes.chosen) * abs(image.view.hdu.bitpix) // 8
        channels = _channels(single.channels, plane_bytes, first, most_bytes)
        if len(channels) < single.channels and isinstance(image.source.image.source, ReadOn):
            raise NoMap(
                f"it can only be read from its beginning on, and has {single.channels * plane_bytes} bytes "
                f"of pixels, more than the {most_bytes} that are read for that"
            )
        reader = IntensityReader(image.source.reader, planes, np.ones((1, 1)))
        columns, rows = planes.size
        found = Looked(np.zeros((rows, columns), np.bool_), channels, np.full(len(channels), np.nan), np.nan)
        places = {channel: place for place, channel in enumerate(channels)}
        lowest = np.nan
        for slab in _slabs(planes, channels):
            values = _in_order(reader.read(slab), planes)
            start, stop = (0, 1) if planes.spectral is None else slab.spans[planes.spectral]
            valid = np.isfinite(values)
            found.mask[slice(*slab.spans[planes.up]), slice(*slab.spans[planes.across])] |= valid.any(axis=0)
            for channel in range(start, stop):
                known = values[channel - start][valid[channel - start]]
                if len(known):
                    place = places[channel]
                    found.highest[place] = np.fmax(found.highest[place], known.max())
                    lowest = np.fmin(lowest, known.min())
    return Looked(found.mask, channels, found.highest, float(lowest))


def read_run(single: SingleDataset, start: int, stop: int) -> NDArray[np.float32]:
    """All values (channels, rows, columns) of the channels from ``start`` up to ``stop``, which the caller
    keeps few, read once and in stored order. Raises OSError and FitsError."""
    with open_image(single.origin, single.bench) as image:
        planes = first_of(image.view)
        assert planes.spectral is not None  # or there were no channels
        reader = IntensityReader(image.source.reader, planes, np.ones((1, 1)))
        columns, rows = planes.size
        found = np.empty((stop - start, rows, columns), np.float32)
        for slab in slabs_of(planes.box((0, columns), (0, rows), (start, stop))):
            first, last = slab.spans[planes.spectral]
            place = slice(first - start, last - start), slice(*slab.spans[planes.up])
            with np.errstate(over="ignore"):
                found[(*place, slice(*slab.spans[planes.across]))] = _in_order(reader.read(slab), planes)
    return found


def _channels(count: int, plane_bytes: int, first: int | None, most_bytes: int) -> tuple[int, ...]:
    """All, or as many, evenly spaced, as may be read."""
    most = max(3, most_bytes // max(1, plane_bytes))
    if count <= most:
        return tuple(range(count))
    chosen = set(np.linspace(0, count - 1, most).round().astype(int).tolist())
    return tuple(sorted(chosen | ({first} if first is not None and 0 <= first < count else set())))


def _slabs(planes: Stack, channels: tuple[int, ...]) -> Iterator[Box]:
    """Parts in stored order: channels that follow each other are read together."""
    columns, rows = planes.size
    ends = [at for at in range(1, len(channels)) if channels[at] != channels[at - 1] + 1]
    for start, stop in zip([0, *ends], [*ends, len(channels)], strict=True):
        run = channels[start], channels[stop - 1] + 1
        yield from slabs_of(planes.box((0, columns), (0, rows), run))


def _in_order(values: NDArray[np.floating], planes: Stack) -> NDArray[np.floating]:
    """(channels, rows, columns), however the axes lie; all others have one pixel."""
    last = values.ndim - 1
    shown = [last - planes.up, last - planes.across]
    if planes.spectral is not None:
        shown.insert(0, last - planes.spectral)
    others = [axis for axis in range(values.ndim) if axis not in shown]
    shape = [values.shape[axis] for axis in shown]
    return values.transpose([*others, *shown]).reshape([1] * (3 - len(shape)) + shape)
