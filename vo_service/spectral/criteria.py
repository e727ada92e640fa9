"""QA2 criteria: does an image reach what was asked for, and how well do its flux and position hold.

The thresholds are those of Petry, "ALMA Science Products" (ALMA/Herschel workshop, ESO, April 2015), pages
"QA2 Pass Criteria" and "Tolerances and Precision in the Cycle 2 imaging products". That source has no noise
criterion for bands 1, 2 and 10, and no flux accuracy for these and band 5. What it doesn't say is None here,
and so is every answer that would need a value which isn't known: achieved and requested values are positive
finite numbers, and None, NaN, infinities, zero and less all stand for "not known".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

SOURCE = "D. Petry, ALMA Science Products, ALMA/Herschel Workshop, ESO, April 2015"
"""Where the thresholds of this module are from."""


@dataclass(frozen=True, slots=True)
class Criteria:
    """A set of limits: by band, the factor of the requested rms that the achieved one must stay below; and by
    how much, as a fraction of the requested area, the beam's area may differ."""

    name: str
    rms_factor: Mapping[int, float]
    beam_area: float


PASS = Criteria(
    name="pass",
    rms_factor=MappingProxyType({3: 1.10, 4: 1.10, 5: 1.10, 6: 1.10, 7: 1.15, 8: 1.15, 9: 1.20}),
    beam_area=0.20,
)
"""What an image must reach to pass."""

RELAXED = Criteria(
    name="relaxed",
    rms_factor=MappingProxyType({3: 1.4, 4: 1.4, 5: 1.4, 6: 1.4, 7: 1.5, 8: 1.5, 9: 1.6}),
    beam_area=0.50,
)
"""What it may be relaxed to where the science goal is still reached, which numbers alone can't tell."""

FLUX_ACCURACY: Mapping[int, float] = MappingProxyType({3: 0.05, 4: 0.05, 6: 0.10, 7: 0.10, 8: 0.20, 9: 0.20})
"""Absolute flux accuracy by band, as a fraction of the flux."""

ASTROMETRIC_ACCURACY = 0.10
"""Astrometric accuracy, as a fraction of the beam's diameter."""


class Verdict(Enum):
    """How an image stands against both sets of limits."""

    PASSED = "pass"
    RELAXED = "relaxed"
    FAIL = "fail"


def rms_within(
    band: int | None, achieved: float | None, requested: float | None, criteria: Criteria
) -> bool | None:
    """Whether the achieved rms is below the band's limit; both in one unit and over one bandwidth."""
    factor = None if band is None else criteria.rms_factor.get(band)
    got, wanted = _known(achieved), _known(requested)
    if factor is None or got is None or wanted is None:
        return None
    return got < factor * wanted


def beam_area_within(achieved: float | None, requested: float | None, criteria: Criteria) -> bool | None:
    """Whether the beam's area is near enough to the requested one; both in one unit, all bands alike."""
    got, wanted = _known(achieved), _known(requested)
    if got is None or wanted is None:
        return None
    return (1.0 - criteria.beam_area) * wanted <= got <= (1.0 + criteria.beam_area) * wanted


def verdict(strict: Iterable[bool | None], relaxed: Iterable[bool | None]) -> Verdict | None:
    """The best verdict that the answers on noise and beam allow together, under the strict and under the
    relaxed limits; None where an unknown one could change it.

    An image that misses one relaxed limit has failed whatever the other answer is.
    """
    meets_strict, meets_relaxed = _all_of(strict), _all_of(relaxed)
    if meets_relaxed is False:
        return Verdict.FAIL
    if meets_relaxed is None or meets_strict is None:
        return None
    return Verdict.PASSED if meets_strict else Verdict.RELAXED


def flux_accuracy(band: int | None) -> float | None:
    """Accuracy of absolute fluxes in a band, as a fraction of the flux."""
    return None if band is None else FLUX_ACCURACY.get(band)


def astrometric_accuracy(major: float | None, minor: float | None) -> float | None:
    """Accuracy of positions in the unit of the beam's axes (full widths at half maximum, in either order).

    The source speaks of the beam's diameter; that of an elongated one is taken as the diameter of the round
    beam of the same area.
    """
    one, other = _known(major), _known(minor)
    if one is None or other is None:
        return None
    return ASTROMETRIC_ACCURACY * math.sqrt(one) * math.sqrt(other)


def beam_area(major: float | None, minor: float | None) -> float | None:
    """Solid angle of a Gaussian beam, in the square of the unit of its full widths at half maximum."""
    one, other = _known(major), _known(minor)
    if one is None or other is None:
        return None
    return math.pi / (4.0 * math.log(2.0)) * one * other


def _known(value: float | None) -> float | None:
    """The value where it is one that an rms, an area or an axis can have."""
    return value if value is not None and math.isfinite(value) and value > 0.0 else None


def _all_of(answers: Iterable[bool | None]) -> bool | None:
    """Whether all hold, where an unknown one doesn't hide that another fails."""
    known = list(answers)
    if False in known:
        return False
    return None if None in known else True
