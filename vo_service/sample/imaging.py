"""From an observation to pixels: field, cell and channels as an imaging pipeline would choose them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.time import Time

from vo_service.sample.fitsfile import Beam
from vo_service.sample.frames import barycentric_factor
from vo_service.sample.headers import Grid, SpectralAxis
from vo_service.sample.images import Array, Exposed, Scene, expose, primary_beam
from vo_service.sample.observations import Observation, Window


@dataclass(frozen=True, slots=True)
class Field:
    """The grid of all images of one observation, with its primary beam response (ny, nx) and source shape."""

    grid: Grid
    response: Array
    size: float
    angle: float


@dataclass(frozen=True, slots=True)
class Imaged:
    """One image or cube: pixels, spectral axis and beams (one, or one per channel)."""

    planes: Exposed
    axis: SpectralAxis
    beams: list[Beam]


def observing_date(observation: Observation) -> str:
    """Start of the observation as CASA writes DATE-OBS: ISO with microseconds."""
    return str(Time(observation.start, format="mjd", scale="utc", precision=6).isot)


def written_date(observation: Observation) -> str:
    """When the images were made: some months later."""
    return str(Time(observation.start + 140.25, format="mjd", scale="utc", precision=6).isot)


def lay_out(
    rng: np.random.Generator,
    observation: Observation,
    *,
    projection: str = "SIN",
    radesys: str | None = "ICRS",
    written_in: str = "icrs",
    limit: int = 112,
) -> Field:
    """Choose cell (a third of the beam) and size (80 % of the 0.2 level, at most ``limit`` pixels).

    ``written_in`` is the frame of the reference position, ``radesys`` what the header says of it (None:
    nothing).
    """
    frequency = observation.windows[0].centre
    width = observation.primary_beam_width(frequency)
    sampling = 3.1 if observation.array == "12m" else 5.0  # keeps half a pixel well below an arcsec
    cell = float(f"{observation.beam[1] / sampling:.3g}")
    full = int(np.clip(8 * round(0.1 * 1.523 * width / cell), 64, limit))
    nx, ny = full, full - int(rng.choice([0, 0, 8]))
    centre = SkyCoord(observation.source.ra * u.deg, observation.source.dec * u.deg, frame="icrs")
    if written_in == "fk5":
        centre = centre.transform_to("fk5")
    step = 0.45 * width
    pointings = [(0.0, 0.0)]
    if observation.mosaic:
        pointings = [(-step, 0.0), (step, 0.0), (0.0, 0.9 * step), (0.0, -0.9 * step)]
    grid = Grid(float(centre.ra.deg), float(centre.dec.deg), cell, nx, ny, projection, radesys)
    size = float(min(rng.uniform(3.0, 6.0) * observation.beam[0], 0.22 * ny * cell))
    return Field(grid, primary_beam(grid.shape, cell, width, pointings), size, float(rng.uniform(0.0, 180.0)))


def spectral_axis(
    observation: Observation,
    window: Window,
    specsys: str | None,
    *,
    frame: str,
    falling: bool,
    channels: int = 0,
) -> SpectralAxis:
    """The frequency axis of a window in ``frame``, the card SPECSYS saying ``specsys`` (None: absent).

    ``channels`` other than 0 bins the whole window into so many (1 = one channel of the full width).
    """
    factor = barycentric_factor(
        frame, observation.source.ra, observation.source.dec, observing_date(observation)
    )
    count = channels or window.channels
    step = (window.f_max - window.f_min) / count / factor
    first = window.f_min / factor + 0.5 * step
    if falling:
        return SpectralAxis(window.f_max / factor - 0.5 * step, -step, count, specsys)
    return SpectralAxis(first, step, count, specsys)


def beams_of(
    rng: np.random.Generator, observation: Observation, axis: SpectralAxis, varying: bool
) -> list[Beam]:
    """The restoring beam; where ``varying``, one per channel that shrinks with frequency and scatters a
    little.
    """
    major, minor, angle = observation.beam
    if not varying:
        return [(major, minor, angle)]
    frequencies = channel_frequencies(axis)
    scale = frequencies.mean() / frequencies * (1.0 + 0.002 * rng.standard_normal(len(frequencies)))
    return [(major * float(f), minor * float(f), angle + float(rng.normal(0.0, 0.1))) for f in scale]


def channel_frequencies(axis: SpectralAxis) -> Array:
    """Centres of the channels in Hz of a frequency axis."""
    return axis.value + axis.step * np.arange(axis.channels, dtype=float)


def image_window(
    rng: np.random.Generator,
    observation: Observation,
    window: Window,
    field: Field,
    *,
    specsys: str | None = "LSRK",
    frame: str = "LSRK",
    varying: bool = False,
    falling: bool = False,
    channels: int = 0,
    depth: float = 1.0,
) -> Imaged:
    """Image a window; ``depth`` divides the noise (a continuum image is deeper than a channel)."""
    axis = spectral_axis(observation, window, specsys, frame=frame, falling=falling, channels=channels)
    beams = beams_of(rng, observation, axis, varying)
    planes = expose_channels(
        rng, observation, window, field, channel_frequencies(axis), beams, frame=frame, depth=depth
    )
    return Imaged(planes, axis, beams)


def expose_channels(
    rng: np.random.Generator,
    observation: Observation,
    window: Window,
    field: Field,
    frequencies: Array,
    beams: list[Beam],
    *,
    frame: str = "LSRK",
    depth: float = 1.0,
) -> Exposed:
    """Planes of a window at ``frequencies`` (Hz, in ``frame``), its line where the redshift puts it."""
    factor = barycentric_factor(
        frame, observation.source.ra, observation.source.dec, observing_date(observation)
    )
    line = window.line.observed(observation.redshift) / factor if window.line is not None else None
    scene = Scene(
        size=field.size,
        angle=field.angle,
        line=float(rng.uniform(15.0, 40.0)) if window.line is not None and len(frequencies) > 1 else 0.0,
        continuum=float(rng.uniform(4.0, 9.0)) * depth,
        line_frequency=line,
        line_width=observation.source.width * 1000.0,
    )
    return expose(
        rng,
        scene,
        field.grid.shape,
        field.grid.cell,
        frequencies,
        beams,
        observation.noise / depth,
        field.response,
    )
