"""What goes into a quick look beside pixels, and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class NothingToDraw(Exception):
    """There is no picture of this image; ``str()`` says why."""


class Kind(StrEnum):
    """What the numbers of a map are, which decides its colours and their scale.

    ``brightness``: more is brighter (images, moments 0 and 8, primary beams), and the peak over the channels
    of any cube. ``signed``: both signs mean something and zero is nothing (Stokes Q, U and V, residuals).
    ``velocity``: to and fro about a middle (moment 1). ``plain``: neither noise nor a middle (moment 2,
    spectral indices, weights).
    """

    BRIGHTNESS = "brightness"
    SIGNED = "signed"
    VELOCITY = "velocity"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Words:
    """``title`` and below it ``detail`` (line, frequency, telescope); ``quantity`` and ``unit`` stand at the
    colour bar, or at the axis of a spectrum."""

    title: str
    detail: str = ""
    quantity: str = ""
    unit: str | None = None

    def label(self, unit: str) -> str:
        """What stands at a scale whose numbers are in ``unit``."""
        return f"{self.quantity} ({unit})".strip() if unit else self.quantity


@dataclass(frozen=True, slots=True)
class Beam:
    """Full widths at half maximum in arcsec; ``angle`` of the longer one in degrees from north through east
    in the frame of the header, None where it is not known."""

    major: float
    minor: float
    angle: float | None


@dataclass(frozen=True, slots=True)
class LineMark:
    """A line, or what may be one, at a frequency in Hz in the frame of the spectrum; ``low`` and ``high`` are
    its edges where they are known. An empty name is a line that nobody knows."""

    name: str
    frequency: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG and its description in words, which also stands in it as text ``Description``.

    ``frame``: left, top, width and height of the part that shows data, in pixels of the PNG. ``limits``: the
    lowest and the highest value of the colour bar, or of the axis of a spectrum, in the unit of the image.
    """

    png: bytes
    alt: str
    frame: tuple[int, int, int, int]
    limits: tuple[float, float]
