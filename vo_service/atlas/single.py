"""One data set by itself, in its own unit: an image, or a cube channel by channel."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np

from vo_service.atlas.fields import OpenField, PlaneOf, as_it_was_looked_at, open_plane, own_values
from vo_service.atlas.intensity import first_of
from vo_service.atlas.looks import ALGORITHM
from vo_service.atlas.opening import Origin, Workbench, view_of
from vo_service.holdings.image_view import ImageView
from vo_service.products.stored import StoredFile
from vo_service.store import RootPlace

_EVEN = 1e-2
"""Of a channel: an axis of which the middle of each lies so near to a straight line is described as one."""


@dataclass(frozen=True, slots=True)
class CubeAxis:
    """What the frames of a cube are (HIPS-101): frame z, counted from 0, is at ``crval3 + (z + 1 - crpix3)
    cdelt3`` in ``bunit3``, in the frame of ``specsys`` (None where that is not known)."""

    crpix3: float
    crval3: float
    cdelt3: float
    bunit3: str
    specsys: str | None


@dataclass(frozen=True, slots=True)
class PlaneField:
    """One channel in the unit of the image: implements hips.images.field.Field."""

    name: str
    state: str
    pixel_scale: float
    resolution: float
    origin: Origin
    channel: int
    bench: Workbench

    @property
    def weight(self) -> float:
        """As of Field; nothing overlaps."""
        return 1.0

    @contextmanager
    def open(self) -> Iterator[OpenField]:
        """As of Field."""
        with ExitStack() as stack, as_it_was_looked_at(self.origin):
            view = view_of(self.origin)
            planes = first_of(view)
            image = PlaneOf(self.origin, planes, self.channel, partial(own_values, stack=planes))
            read = open_plane(image, self.bench, self.state, stack)
            assert view.sky is not None  # or there were no planes
            yield OpenField(planes.size, view.sky, read)


@dataclass(frozen=True, slots=True)
class SingleDataset:
    """An image or cube of the holdings.

    ``unit`` is that of its values, ``polarisation`` the one that is shown: intensity where it has that, else
    the first; both None where the header does not say. ``axis`` describes its ``channels``, None for an image
    and where they have no frequencies, or lie unevenly. ``size`` in pixels, resolution and ``pixel_scale``,
    the shorter side of a pixel, in degrees.
    """

    name: str
    unit: str | None
    polarisation: str | None
    size: tuple[int, int]
    channels: int
    axis: CubeAxis | None
    pixel_scale: float
    resolution: float
    origin: Origin
    bench: Workbench

    def plane(self, channel: int) -> PlaneField:
        """A channel, counted from 0. Raises IndexError where there is none."""
        if not 0 <= channel < self.channels:
            raise IndexError(f"{self.name} has the channels 0 to {self.channels - 1}, not {channel}")
        told = (ALGORITHM, "plane", self.origin.file.etag, channel)
        state = hashlib.blake2b(repr(told).encode("utf-8"), digest_size=20).hexdigest()
        return PlaneField(
            self.name, state, self.pixel_scale, self.resolution, self.origin, channel, self.bench
        )


def single_dataset(name: str, file: StoredFile, place: RootPlace, bench: Workbench) -> SingleDataset:
    """What a file of the holdings shows of the sky; ``name`` is that of its data set. Raises NoMap where it
    has no place there, or axes that nobody can name, and OSError and FitsError where it cannot be read."""
    origin = Origin(file, place)
    view = view_of(origin)
    planes = first_of(view)
    assert view.sky is not None  # or there were no planes
    pixel, beam = view.sky.celestial.finest_side(), view.product.beam
    return SingleDataset(
        name=name,
        unit=view.product.unit,
        polarisation=planes.polarisation,
        size=planes.size,
        channels=planes.channels,
        axis=_axis(view) if planes.channels > 1 else None,
        pixel_scale=pixel,
        resolution=pixel if beam is None else math.sqrt(beam.major * beam.minor) / 3600.0,
        origin=origin,
        bench=bench,
    )


def _axis(view: ImageView) -> CubeAxis | None:
    if view.spectral is None:
        return None
    edges = view.spectral.edges
    middles = (edges[:-1] + edges[1:]) / 2.0
    step = float(middles[-1] - middles[0]) / (len(middles) - 1)
    straight = middles[0] + step * np.arange(len(middles))
    if not (np.abs(middles - straight) <= _EVEN * abs(step)).all():
        return None
    frame = view.spectral.frame
    return CubeAxis(1.0, float(middles[0]), step, "Hz", None if frame is None else frame.value)
