"""A file that a profile has made: its bytes and everything about it that its header does not tell."""

from __future__ import annotations

from dataclasses import dataclass, field

from vo_service.sample.images import Exposed, robust_rms
from vo_service.sample.observations import Observation


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
    there is one; ``flat`` its rms before correction; ``channels`` the robust value of every channel.
    """

    rms: float
    robust: float
    flat: float
    channels: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """A file below products/ and its truth.

    ``group`` and ``parent`` are keys that only need to be unique in one sample; ``unit`` is the unit as
    parsed; ``rest_known`` is False where the rest frequency of the header is of another line; ``line`` is
    the line planted in the pixels, at ``redshift``; ``side`` marks documents and the like that are no FITS
    products.
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
    rest_known: bool = True
    side: bool = False
    notes: dict[str, object] = field(default_factory=dict)


def realised_noise(image: Exposed, corrected: bool = True) -> Noise:
    """Measure the noise realisation of an image as it stands in the file."""
    valid = image.valid
    flat = image.noise[:, valid]
    standing = flat / image.primary_beam[valid] if corrected else flat
    return Noise(
        rms=float(standing.std()),
        robust=robust_rms(standing),
        flat=float(flat.std()),
        channels=tuple(float(f"{robust_rms(plane):.6g}") for plane in standing),
    )
