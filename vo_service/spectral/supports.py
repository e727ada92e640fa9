"""The archive's ``frequency_support``: all spectral windows of an observation as one text.

``[243.06..244.93GHz,976.56kHz,590.1uJy/beam@10km/s,16.1mJy/beam@native, XX YY] U [...]``: range, channel
width, line and native sensitivity, polarisations.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_NUMBER = r"(\d+(?:\.\d+)?)"
_COMPONENT = re.compile(
    rf"\[{_NUMBER}\.\.{_NUMBER}GHz,\s*{_NUMBER}kHz,"
    rf"\s*{_NUMBER}([um]?)Jy/beam@10km/s,\s*{_NUMBER}([um]?)Jy/beam@native,\s*([A-Z]+(?: [A-Z]+)*)\s*\]"
)
_MILLIJANSKY = {"u": 1e-3, "m": 1.0, "": 1e3}


@dataclass(frozen=True, slots=True)
class SupportComponent:
    """One window: edges in Hz (the archive rounds them to 10 MHz), channel width in kHz, sensitivities in
    mJy/beam (in 10 km/s and in a channel), polarisation labels."""

    f_min: float
    f_max: float
    resolution_khz: float
    sensitivity_10kms: float
    sensitivity_native: float
    polarisations: tuple[str, ...]


def parse_frequency_support(text: str | None) -> tuple[SupportComponent, ...] | None:
    """The windows of a ``frequency_support``; None for a text of any other form (ALMA-081)."""
    if text is None or not text.strip():
        return None
    components = []
    for part in re.split(r"\s+U\s+", text.strip()):
        found = _COMPONENT.fullmatch(part)
        if found is None:
            return None
        low, high, width, line, line_prefix, native, native_prefix, labels = found.groups()
        components.append(
            SupportComponent(
                f_min=float(low) * 1e9,
                f_max=float(high) * 1e9,
                resolution_khz=float(width),
                sensitivity_10kms=float(line) * _MILLIJANSKY[line_prefix],
                sensitivity_native=float(native) * _MILLIJANSKY[native_prefix],
                polarisations=tuple(labels.split(" ")),
            )
        )
    return tuple(components)


def match_component(
    components: Sequence[SupportComponent], f_min: float, f_max: float
) -> SupportComponent | None:
    """The window that is the one from ``f_min`` to ``f_max`` (Hz); None where none overlaps it.

    By overlap divided by union: the largest overlap alone takes a wide window for the narrow one inside it
    (ALMA-084).
    """

    def likeness(component: SupportComponent) -> float:
        overlap = min(component.f_max, f_max) - max(component.f_min, f_min)
        union = max(component.f_max, f_max) - min(component.f_min, f_min)
        return overlap / union if overlap > 0.0 else 0.0

    best = max(components, key=likeness, default=None)
    return best if best is not None and likeness(best) > 0.0 else None


def write_frequency_support(components: Sequence[SupportComponent]) -> str:
    """The text of these windows in the form that the archive's clients parse (ALMA-086), noise in mJy."""
    return " U ".join(
        f"[{one.f_min / 1e9:.2f}..{one.f_max / 1e9:.2f}GHz,{one.resolution_khz:.2f}kHz,"
        f"{one.sensitivity_10kms:.4g}mJy/beam@10km/s,{one.sensitivity_native:.4g}mJy/beam@native, "
        f"{' '.join(one.polarisations)}]"
        for one in components
    )
