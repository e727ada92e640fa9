"""Pixels: rotating sources seen through a beam and a primary beam, with noise as an interferometer makes it.

The observed plane is sky times primary beam, convolved with the restoring beam, plus noise of constant rms
that is correlated like the beam; the corrected plane is that divided by the primary beam, NaN where it
falls below 0.2. Convolutions are products with the analytic transform of a Gaussian (numpy FFT), so edges
wrap around: sources are kept well inside.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_service.sample.fitsfile import Beam
from vo_service.sample.lines import SPEED_OF_LIGHT

Array = NDArray[np.float64]
SIGMA = 1.0 / math.sqrt(8.0 * math.log(2.0))  # standard deviation of a Gaussian of unit FWHM
PB_LIMIT = 0.2


@dataclass(frozen=True, slots=True)
class Scene:
    """What is on the sky: a rotating Gaussian source with a line and a continuum.

    ``size`` is its FWHM in arcsec, ``angle`` its position angle in degrees; ``line`` and ``continuum`` the
    peaks in units of the noise; ``line_frequency`` in Hz in the frame of the axis, ``line_width`` the FWHM
    in m/s.
    """

    size: float
    angle: float
    line: float
    continuum: float
    line_frequency: float | None = None
    line_width: float = 0.0


@dataclass(frozen=True, slots=True)
class Exposed:
    """Planes (channel, y, x) of an image or cube: observed, corrected, signal, noise, mask; beam (y, x)."""

    observed: Array
    corrected: Array
    signal: Array
    noise: Array
    primary_beam: Array
    mask: NDArray[np.bool_]

    @property
    def valid(self) -> NDArray[np.bool_]:
        """Pixels (y, x) inside the primary beam limit."""
        return self.primary_beam >= PB_LIMIT


def offsets(shape: tuple[int, int], cell: float) -> tuple[Array, Array]:
    """Offsets in arcsec east and north of the reference pixel, each of ``shape`` (ny, nx)."""
    ny, nx = shape
    north, east = np.mgrid[0:ny, 0:nx].astype(float)
    return -(east - nx // 2) * cell, (north - ny // 2) * cell


def beam_transfer(shape: tuple[int, int], cell: float, beam: Beam) -> Array:
    """Transform of a Gaussian beam normalised to unit area, on the half plane of ``numpy.fft.rfft2``."""
    ny, nx = shape
    v = np.fft.fftfreq(ny, cell)[:, None]
    u = -np.fft.rfftfreq(nx, cell)[None, :]  # east grows to the left
    angle = math.radians(beam[2])
    along = u * math.sin(angle) + v * math.cos(angle)
    across = u * math.cos(angle) - v * math.sin(angle)
    exponent = (along * beam[0] * SIGMA) ** 2 + (across * beam[1] * SIGMA) ** 2
    transfer: Array = np.exp(-2.0 * math.pi**2 * exponent)
    return transfer


def _filtered(planes: Array, transfers: Array, shape: tuple[int, int]) -> Array:
    return np.fft.irfft2(np.fft.rfft2(planes) * transfers, s=shape)


def correlated_noise(rng: np.random.Generator, shape: tuple[int, int], transfers: Array, rms: float) -> Array:
    """Noise planes, one per transfer, correlated like the beams, of expected rms ``rms``."""
    white = rng.standard_normal((len(transfers), *shape))
    noise: Array = _filtered(white, transfers, shape)
    full = np.concatenate((transfers**2, transfers[:, :, 1 : (shape[1] + 1) // 2] ** 2), axis=2)
    scale: Array = rms / np.sqrt(full.mean(axis=(1, 2)))
    return noise * scale[:, None, None]


def primary_beam(
    shape: tuple[int, int], cell: float, width: float, pointings: list[tuple[float, float]]
) -> Array:
    """Response (ny, nx) of pointings at offsets in arcsec, each a Gaussian of FWHM ``width``, peak 1."""
    east, north = offsets(shape, cell)
    total = np.zeros(shape)
    for x, y in pointings:
        total += np.exp(-((east - x) ** 2 + (north - y) ** 2) / (width * SIGMA) ** 2)
    response: Array = np.sqrt(total / total.max())
    return response


def _sky(scene: Scene, shape: tuple[int, int], cell: float, frequencies: Array) -> Array:
    east, north = offsets(shape, cell)
    angle = math.radians(scene.angle)
    along = east * math.sin(angle) + north * math.cos(angle)
    across = east * math.cos(angle) - north * math.sin(angle)
    width = scene.size * SIGMA
    body = np.exp(-0.5 * ((along / width) ** 2 + (across / (0.6 * width)) ** 2))
    planes = np.repeat(body[None] * scene.continuum, len(frequencies), axis=0)
    if scene.line_frequency is not None and scene.line > 0:
        velocity = (1.0 - frequencies / scene.line_frequency) * SPEED_OF_LIGHT
        spread = scene.line_width * SIGMA
        centre = 0.8 * spread * np.tanh(along / width)
        profile = np.exp(-0.5 * ((velocity[:, None, None] - centre) / (0.7 * spread)) ** 2)
        planes += scene.line * body * profile
    return planes


def expose(
    rng: np.random.Generator,
    scene: Scene,
    shape: tuple[int, int],
    cell: float,
    frequencies: Array,
    beams: list[Beam],
    rms: float,
    response: Array,
) -> Exposed:
    """Image a scene in channels at ``frequencies`` (Hz, in the frame of the line's); ``rms`` in image units.

    ``beams`` holds one beam per channel or a single one; every plane has the rms ``rms`` before correction.
    """
    transfers = np.stack([beam_transfer(shape, cell, beam) for beam in beams])
    if len(beams) == 1:
        transfers = np.repeat(transfers, len(frequencies), axis=0)
    sky = _filtered(_sky(scene, shape, cell, frequencies) * response, transfers, shape)
    # Peaks are stated in units of the noise after the beam; a compact source is diluted by it.
    major, minor, _ = beams[len(beams) // 2]
    dilution = (
        scene.size * 0.6 * scene.size / (np.hypot(scene.size, major) * np.hypot(0.6 * scene.size, minor))
    )
    signal = sky * (rms / dilution)
    noise = correlated_noise(rng, shape, transfers, rms)
    observed = signal + noise
    with np.errstate(divide="ignore", invalid="ignore"):
        corrected = np.where(response >= PB_LIMIT, observed / response, np.nan)
    mask = (signal > 4.0 * rms) & (response >= PB_LIMIT)
    return Exposed(observed, corrected, signal, noise, response, mask)


def robust_rms(values: Array) -> float:
    """1.4826 times the median absolute deviation of the finite values."""
    finite = values[np.isfinite(values)]
    return float(1.482602218505602 * np.median(np.abs(finite - np.median(finite))))
