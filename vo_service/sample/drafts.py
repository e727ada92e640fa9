"""A file that a profile has made: its bytes and everything about it that its header does not tell."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from vo_service.sample.images import Exposed, robust_rms
from vo_service.sample.observations import Observation

OFF_SOURCE = 0.5  # in units of the noise


@dataclass(frozen=True, slots=True)
class Correction:
    """What a repair row must say about one card: its value as written (None = absent) and what it became."""

    item: str
    was: str | None
    became: str | None


@dataclass(frozen=True, slots=True)
class Noise:
    """The noise realisation that lies in a file, in its image unit, over its valid pixels.

    ``rms`` and ``robust`` (1.4826 MAD) as it stands in the file, so after primary beam correction where
    there is one; ``flat`` its rms before correction; ``channels`` the robust value of every channel;
    ``off_source`` the robust value where the source is fainter than half the noise (None: nowhere).
    """

    rms: float
    robust: float
    flat: float
    channels: tuple[float, ...]
    off_source: float | None


@dataclass(frozen=True, slots=True)
class PlantedLine:
    """The line that lies in the pixels of a cube: ``snr`` is its highest pixel over the robust noise, both as
    they stand in the file, and ``first`` to ``last`` are the channels (from 1, in the order of the file)
    where it has half of that.
    """

    snr: float
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Draft:
    """A file below products/ and its truth.

    ``group`` and ``parent`` are keys that only need to be unique in one sample; ``unit`` is the unit as
    parsed; ``rest_known`` is False where the rest frequency of the header is of another line; ``line`` is
    the line planted in the pixels, at ``redshift``, and ``planted`` says how it came out; ``side`` marks
    documents and the like that are no FITS products. A member of a tar has its path there, that of the tar
    before it, and no content where the tar was written whole.
    """

    path: str
    content: bytes
    role: str
    profile: str
    group: str | None = None
    is_primary: bool = False
    parent: str | None = None
    observation: Observation | None = None
    project_code: str | None = None
    target_name: str | None = None
    windows: tuple[str, ...] = ()
    unit: str | None = None
    state: str = "ok"
    error_class: str | None = None
    quirks: tuple[str, ...] = ()
    corrections: tuple[Correction, ...] = ()
    noise: Noise | None = None
    redshift: float | None = None
    line: str | None = None
    planted: PlantedLine | None = None
    tar: str | None = None
    rest_known: bool = True
    side: bool = False
    notes: dict[str, object] = field(default_factory=dict)


def realised_noise(image: Exposed, corrected: bool = True) -> Noise:
    """Measure the noise realisation of an image as it stands in the file."""
    valid = image.valid
    flat = image.noise[:, valid]
    standing = flat / image.primary_beam[valid] if corrected else flat
    empty = np.abs(image.signal[:, valid]) < OFF_SOURCE * flat.std()
    return Noise(
        rms=float(standing.std()),
        robust=robust_rms(standing),
        flat=float(flat.std()),
        channels=tuple(float(f"{robust_rms(plane):.6g}") for plane in standing),
        off_source=robust_rms(standing[empty]) if empty.any() else None,
    )


def planted_line(image: Exposed, corrected: bool = True) -> PlantedLine:
    """Find the line in the signal of a cube: above the fainter end of its spectrum at each pixel, which is
    the continuum.
    """
    valid = image.valid
    response = image.primary_beam[valid] if corrected else 1.0
    signal = image.signal[:, valid] / response
    peaks = (signal - signal.min(axis=0)).max(axis=1)
    high = np.flatnonzero(peaks >= 0.5 * peaks.max())
    snr = float(peaks.max()) / robust_rms(image.noise[:, valid] / response)
    return PlantedLine(snr, int(high[0]) + 1, int(high[-1]) + 1)
