"""Cubes of a line whose spectral axis is not frequency: optical velocity, wavelength in air, and the
velocities of AIPS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from vo_service.sample.drafts import Correction, Draft, planted_line
from vo_service.sample.fitsfile import image_bytes
from vo_service.sample.headers import HeaderText, SpectralAxis, build_header
from vo_service.sample.images import Array
from vo_service.sample.imaging import beams_of, channel_frequencies, expose_channels, lay_out, spectral_axis
from vo_service.sample.lines import SPEED_OF_LIGHT, Line
from vo_service.sample.measure import vacuum_wavelength
from vo_service.sample.observations import Window
from vo_service.sample.profiles.spare import FOLDER, Kind, Spare, header_of, image_of


def _line_of(window: Window) -> Line:
    if window.line is None:
        raise ValueError("a velocity axis needs a line")
    return window.line


@dataclass(frozen=True, slots=True)
class Labelled:
    """Channels of a window on an axis that is not frequency: the cards, and the frequencies (Hz, LSRK)."""

    axis: SpectralAxis
    frequencies: Array


def label_optical(plain: SpectralAxis, rest: float) -> Labelled:
    """Channels equal in optical velocity (CTYPE VOPT)."""
    ends = plain.value + plain.step * np.array([0.0, plain.channels - 1.0])
    velocity = SPEED_OF_LIGHT * (rest / ends - 1.0)
    step = float(velocity[1] - velocity[0]) / (plain.channels - 1)
    first = float(velocity[0])
    axis = replace(plain, value=first, step=step, ctype="VOPT")
    velocities: Array = first + step * np.arange(plain.channels, dtype=float)
    return Labelled(axis, rest / (1.0 + velocities / SPEED_OF_LIGHT))


def label_air(plain: SpectralAxis, rest: float) -> Labelled:
    """Channels equal in wavelength in air (CTYPE AWAV), as software for the optical writes them."""
    ends = SPEED_OF_LIGHT / (plain.value + plain.step * np.array([0.0, plain.channels - 1.0]))
    in_air = ends * ends / vacuum_wavelength(ends)
    step = float(in_air[1] - in_air[0]) / (plain.channels - 1)
    axis = replace(plain, value=float(in_air[0]), step=step, ctype="AWAV")
    wavelengths: Array = in_air[0] + step * np.arange(plain.channels, dtype=float)
    return Labelled(axis, SPEED_OF_LIGHT / vacuum_wavelength(wavelengths))


def label_aips_optical(plain: SpectralAxis, rest: float) -> Labelled:
    """Channels equal in frequency, labelled by the optical velocity at the first (CTYPE FELO-LSR)."""
    velocity = SPEED_OF_LIGHT * (rest / plain.value - 1.0)
    step = -SPEED_OF_LIGHT * rest / plain.value**2 * plain.step
    axis = replace(plain, value=velocity, step=step, specsys=None, ctype="FELO-LSR")
    return Labelled(axis, channel_frequencies(plain))


def line_cube(label: Callable[[SpectralAxis, float], Labelled], quirk: str, *corrections: Correction) -> Kind:
    """Cubes of a line on a spectral axis of another kind, which state the redshift of the source."""

    def make(spare: Spare) -> Iterator[Draft]:
        seen = spare.observation
        field = lay_out(spare.rng, seen, limit=64)
        window = seen.windows[0]
        line = _line_of(window)
        plain = spectral_axis(seen, window, "LSRK", frame="LSRK", falling=True)
        labelled = label(plain, line.rest)
        beams = beams_of(spare.rng, seen, plain, False)
        planes = expose_channels(spare.rng, seen, window, field, labelled.frequencies, beams)
        header = build_header(header_of(seen, field, labelled.axis, "CASA 4.7.2-REL (r39762)"))
        _without_radio_velref(header)
        header.put("ZSOURCE", seen.redshift)
        header.put("SSYSSRC", "BARYCENT")
        path = f"{FOLDER}/{spare.target}_{line.tag}_{quirk}{spare.number}.image.pbcor.fits"
        draft = image_of(spare, path, planes, image_bytes(header, planes.corrected[None]), quirk)
        yield replace(
            draft,
            role="cube",
            corrections=corrections,
            redshift=seen.redshift,
            line=line.name,
            planted=planted_line(planes),
            notes={"redshift_stated": "header ZSOURCE"},
        )

    return make


def _without_radio_velref(header: HeaderText) -> None:
    if "VELREF" in header.cards:
        header.put("VELREF", 1, "1 LSR, 2 HEL, 3 OBS, +256 Radio")
