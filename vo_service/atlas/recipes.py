"""Which maps a data set gives, and which family each of them belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from vo_service.atlas.public_sets import PublicSet, Row
from vo_service.spectral import C, Frame, frame_of
from vo_service.spectral.lines import LINES

Span = tuple[int, int]
"""From the first to behind the last, counted from 0."""


class Quantity(StrEnum):
    """What the values of a map are."""

    CONTINUUM = "continuum"
    MOMENT0 = "moment0"
    PEAK = "peak"


@dataclass(frozen=True, slots=True, order=True)
class FamilyKey:
    """What the fields of one tree have in common: the quantity, and the line or the receiver bands (as in
    ``band_list``, empty where they are not known)."""

    quantity: Quantity
    bands: str = ""
    line: str = ""

    @property
    def name(self) -> str:
        """The name of the tree: letters, digits and hyphens."""
        if self.line:
            return f"{self.quantity}-{line_slug(self.line)}"
        if self.bands:
            return f"{self.quantity}-band-{'-'.join(self.bands.split())}"
        return f"{self.quantity}-other"


@dataclass(frozen=True, slots=True)
class Recipe:
    """One map of an image.

    ``runs`` are the channels that a moment or a peak is made over, None for all of them; of a continuum image
    it is None. ``line_hz`` is the barycentric frequency that velocities are relative to, None where no line
    says it. ``wavelengths`` (m, vacuum, barycentre) are those of the channels, where they are known.
    """

    quantity: Quantity
    runs: tuple[Span, ...] | None = None
    line_hz: float | None = None
    wavelengths: tuple[float, float] | None = None


def recipes_of(one: PublicSet) -> dict[FamilyKey, Recipe]:
    """The maps of a data set by their families: of an image itself; of a cube the integral and the peak of
    each line that a candidate is identified with, and without any those of the whole cube."""
    bands = one.row["band_list"] or ""
    if one.science.role == "image":
        return {FamilyKey(Quantity.CONTINUUM, bands): Recipe(Quantity.CONTINUUM)}
    lines = _identified(one.candidates)
    along = (Quantity.MOMENT0, Quantity.PEAK)
    if not lines:
        return {FamilyKey(each, bands): Recipe(each) for each in along}
    return {
        FamilyKey(each, line=name): Recipe(each, _runs(rows), _sky_hz(name, rows), _wavelengths(rows))
        for name, rows in lines.items()
        for each in along
    }


def _identified(candidates: Iterable[Row]) -> dict[str, list[Row]]:
    """The candidates that may be one line of the list and no other, by its name. Several may be the same one:
    the two horns of a disc."""
    found: dict[str, list[Row]] = {}
    for row in candidates:
        name = (row["lines"] or "").strip()
        if name in _REST:
            found.setdefault(name, []).append(row)
    return dict(sorted(found.items()))


def _runs(rows: Iterable[Row]) -> tuple[Span, ...]:
    """The channels of candidates, from 0; those that touch as one run."""
    runs: list[Span] = []
    for start, stop in sorted((row["channel_first"] - 1, row["channel_last"]) for row in rows):
        if runs and start <= runs[-1][1]:
            runs[-1] = (runs[-1][0], max(runs[-1][1], stop))
        else:
            runs.append((start, stop))
    return tuple(runs)


def _sky_hz(name: str, rows: list[Row]) -> float | None:
    """Where the line lies at the redshift that it was identified by."""
    redshift = rows[0]["redshift"]
    return None if redshift is None else _REST[name] / (1.0 + redshift)


def _wavelengths(rows: list[Row]) -> tuple[float, float] | None:
    """Of the channels of candidates; None where their frequencies are not those at the barycentre."""
    if any(frame_of(row["specsys"]) is not Frame.BARY for row in rows):
        return None
    low = min((row["f_low"] for row in rows if row["f_low"]), default=None)
    high = max((row["f_high"] for row in rows if row["f_high"]), default=None)
    return None if low is None or high is None else (C / high, C / low)


def line_slug(name: str) -> str:
    """A line's name in letters, digits and hyphens: ``CO(2-1)`` is ``co-2-1``, ``HCO+(1-0)`` is ``hcop-1-0``.
    No two lines of the list have the same."""
    word = name.lower().replace("+", "p").replace("=", "-")
    return re.sub(r"[^a-z0-9]+", "-", word).strip("-")


_REST = {line.name: line.rest_hz for line in LINES}
