"""The spectrum of a region: mean, sum or flux density of its pixels, channel by channel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.compute.brightness import flux_scale
from vo_service.pixels.compute.channel_beams import ChannelBeams
from vo_service.pixels.compute.channels import ChannelScale, NotComputable, VelocityDefinition
from vo_service.pixels.compute.pixel_areas import PixelAreas
from vo_service.pixels.compute.reader import SLAB_BYTES, PixelReader, Values, slabs_of
from vo_service.pixels.cutout.box import Box
from vo_service.pixels.cutout.select_sky import centres_in
from vo_service.pixels.sky_plane import SkyPlane
from vo_service.sky import Region

Doubles = NDArray[np.float64]
Flags = NDArray[np.bool_]
Span = tuple[int, int]
Kind = Literal["mean", "sum", "flux"]

PIECE_PIXELS: Final = 1 << 20
"""Pixels of the sky that are done together, through all channels: no pixel is read twice."""
_STRIP_PIXELS: Final = 1 << 17
"""Pixels whose places on the sky are held together."""


@dataclass(frozen=True, slots=True)
class Aperture:
    """Which pixels count: those with their centres in ``shape`` (ICRS), all where there is none. ``axes`` are
    the numbers (from 1) of the two axes of the sky, the faster first; ``plane`` is None where the image does
    not lie on the sky.
    """

    axes: tuple[int, int]
    plane: SkyPlane | None
    shape: Region | None = None


@dataclass(frozen=True, slots=True)
class RegionSpectrum:
    """One entry per channel: ``channel`` is its number in the source (from 1), ``frequency`` (Hz) its middle
    in the frame of the file, ``barycentric`` (Hz) that of the barycentre, ``velocity`` (km/s) by
    ``definition`` relative to ``reference`` (Hz); both NaN where they cannot be had.

    ``values`` (planes, channels) in ``unit`` (None where the image's is not known), NaN where there is no
    pixel with a value, of which there are ``pixels`` (planes, channels). Planes are the polarisations
    ``labels``, None for one of which the name is not known.
    """

    kind: Kind
    unit: str | None
    channel: NDArray[np.int64]
    frequency: Doubles
    barycentric: Doubles
    velocity: Doubles
    definition: VelocityDefinition
    reference: float | None
    labels: tuple[str | None, ...]
    values: Doubles
    pixels: NDArray[np.int64]


def region_spectrum(
    reader: PixelReader,
    box: Box,
    spectral: int,
    scale: ChannelScale,
    aperture: Aperture,
    kind: Kind,
    *,
    unit: str | None = None,
    beams: ChannelBeams | None = None,
    labels: tuple[str | None, ...] = (None,),
    barycentric: Doubles | None = None,
    piece_pixels: int = PIECE_PIXELS,
    slab_bytes: int = SLAB_BYTES,
) -> RegionSpectrum:
    """The spectrum of the pixels of a box that the aperture takes, along the axis numbered ``spectral``.

    ``unit`` is that of the image, ``beams`` are those of the box (needed for the flux of values per beam);
    ``labels`` (of the box) name the planes along the axes that are neither spectral nor the sky's. ``mean``
    and ``sum`` are in the unit of the image, ``flux`` is in Jy, each pixel with its own solid angle.

    Memory: ``piece_pixels`` on the sky, some times ``slab_bytes``. Raises NotComputable for a flux that
    cannot be had, and what the reader raises; ValueError where ``scale`` or ``labels`` do not fit the box.
    """
    start, stop = box.spans[spectral - 1]
    sums = _Sums(box, spectral, aperture.axes)
    if len(scale) != stop - start or len(labels) != sums.planes:
        raise ValueError(f"{len(scale)} channels of {len(labels)} planes do not fit a box of {box.spans}")
    flux = flux_scale(unit, scale.frequencies, beams) if kind == "flux" else None
    by_area = flux is not None and flux.by_area
    for piece, wanted, weights in _pieces(box, aperture, by_area, piece_pixels):
        for slab in slabs_of(piece, slab_bytes):
            sums.add(reader.read(slab), slab, piece, wanted, weights)
    pixels, totals = sums.finish()
    values = np.where(pixels > 0, totals, np.nan)
    if kind == "mean":
        values = values / np.maximum(pixels, 1)
    elif flux is not None:
        values = values * flux.factors
    unknown = np.full(len(scale), np.nan)
    return RegionSpectrum(
        kind=kind,
        unit=unit if flux is None else "Jy",
        channel=np.arange(start + 1, stop + 1),
        frequency=scale.frequencies,
        barycentric=unknown if barycentric is None else barycentric,
        velocity=unknown if scale.reference is None else scale.velocities,
        definition=scale.definition,
        reference=scale.reference,
        labels=labels,
        values=values,
        pixels=pixels,
    )


def _pieces(
    box: Box, aperture: Aperture, by_area: bool, most: int
) -> Iterator[tuple[Box, Flags, Doubles | None]]:
    """Rows of the sky of a box, through all its other axes: the piece, (rows, columns) which of its pixels
    count, and their solid angles (sr) where those are asked for. Pieces without a pixel are left out."""
    (faster, slower), plane = aperture.axes, aperture.plane
    x, y = box.spans[faster - 1], box.spans[slower - 1]
    if plane is None and (by_area or aperture.shape is not None):
        raise NotComputable("The image has no coordinates on the sky.")
    areas = PixelAreas(plane, x, y) if by_area and plane is not None else None
    together = max(1, most // (x[1] - x[0]))
    for first in range(*y, together):
        rows = (first, min(first + together, y[1]))
        wanted = _wanted(aperture, x, rows)
        weights = None
        if areas is not None:
            weights = areas.within(x, rows)
            wanted &= np.isfinite(weights)
        if wanted.any():
            yield box.with_span(slower - 1, *rows), wanted, weights


def _wanted(aperture: Aperture, x: Span, rows: Span) -> Flags:
    if aperture.shape is None or aperture.plane is None:
        return np.ones((rows[1] - rows[0], x[1] - x[0]), dtype=bool)
    strip = max(1, _STRIP_PIXELS // (x[1] - x[0]))
    return np.concatenate(
        [
            centres_in(aperture.plane, aperture.shape, x, (first, min(first + strip, rows[1])))
            for first in range(*rows, strip)
        ]
    )


class _Sums:
    """What is gathered of a box: sums and numbers of values by channel and by the axes that are neither
    spectral nor the sky's."""

    def __init__(self, box: Box, spectral: int, sky: tuple[int, int]) -> None:
        count = len(box.spans)
        others = [number for number in range(count, 0, -1) if number not in (spectral, *sky)]
        self._numbers = (spectral, *others)
        self._sky = sky
        self._order = [count - number for number in (spectral, *others, sky[1], sky[0])]
        self._box = box
        shape = tuple(box.shape[number - 1] for number in self._numbers)
        self._totals, self._pixels = np.zeros(shape), np.zeros(shape, np.int64)
        self.planes = self._totals[0].size

    def add(self, values: Values, slab: Box, piece: Box, wanted: Flags, weights: Doubles | None) -> None:
        """Takes the values of a slab of a piece; ``wanted`` and ``weights`` (rows, columns) are those of the
        piece."""
        here = tuple(_within(slab, piece, number) for number in self._sky[::-1])
        chosen = wanted[here]
        picked = _picked(values.transpose(self._order), chosen)
        known = np.isfinite(picked)
        filled = np.where(known, picked, 0.0).astype(np.float64)
        if weights is not None:
            filled *= weights[here][chosen]
        place = tuple(_within(slab, self._box, number) for number in self._numbers)
        self._totals[place] += filled.sum(axis=-1)
        self._pixels[place] += np.count_nonzero(known, axis=-1)

    def finish(self) -> tuple[NDArray[np.int64], Doubles]:
        """(planes, channels) numbers of values, and their sums."""
        channels = len(self._totals)
        return self._pixels.reshape(channels, -1).T, self._totals.reshape(channels, -1).T


def _picked(values: Values, chosen: Flags) -> Values:
    """(..., pixels) of (..., rows, columns): the chosen ones."""
    return values.reshape(*values.shape[:-2], -1) if chosen.all() else values[..., chosen]


def _within(slab: Box, whole: Box, number: int) -> slice:
    """Where a box lies in another along one axis."""
    origin = whole.starts[number - 1]
    start, stop = slab.spans[number - 1]
    return slice(start - origin, stop - origin)
