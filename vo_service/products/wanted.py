"""What is to be made of a data set: the pixels that are wanted of it, and what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from vo_service.products.selection import Constraints, VelocityDefinition

FORMAT_VERSION = 1
"""Raised when the same request on the same source gives other bytes than before."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The pixels themselves, as FITS."""


@dataclass(frozen=True, slots=True)
class HeaderOf:
    """The header that the cut would have, as text."""


@dataclass(frozen=True, slots=True)
class MomentOf:
    """A map of what the spectrum of each pixel adds up to: 0 integral, 1 mean velocity, 2 dispersion, 8 peak.
    Velocities by ``definition``."""

    order: Literal[0, 1, 2, 8]
    definition: VelocityDefinition = "radio"


@dataclass(frozen=True, slots=True)
class SpectrumOf:
    """The spectrum of the region: mean, sum, or flux within it, as VOTable or FITS. Velocities by
    ``definition``."""

    kind: Literal["mean", "sum", "flux"]
    form: Literal["votable", "fits"] = "votable"
    definition: VelocityDefinition = "radio"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One result of one data set.

    ``companions``: roles of the files of the data set that are cut the same way into extensions. ``blank``:
    pixels outside the shape have no value. ``rebin``: pixels that become one along the first and second axis
    of the sky and the spectral one. ``said``: the request in canonical words, names and values in fixed
    order, as it stands in the result and in its entity tag.
    """

    constraints: Constraints
    said: tuple[tuple[str, str], ...]
    companions: tuple[str, ...] = ()
    blank: bool = False
    rebin: tuple[int, int, int] = (1, 1, 1)
    result: Cut | HeaderOf | MomentOf | SpectrumOf = field(default_factory=Cut)

    @property
    def canonical(self) -> str:
        """``said`` as one text."""
        return "&".join(f"{name}={value}" for name, value in self.said)
