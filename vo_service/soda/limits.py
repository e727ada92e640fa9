"""What can be asked of one data set: the facts that its descriptors tell as limits (SODA 1.0 section 4.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from vo_service.holdings.image_view import ImageView, SpectralView
from vo_service.products.datasets import DataSet
from vo_service.products.selection import sky_axes
from vo_service.sky import Circle, Polygon, covering_circle, covering_polygon
from vo_service.spectral import LINES, C, Frame, FrameUnknown, Line, frame_of


@dataclass(frozen=True, slots=True)
class Limits:
    """The facts of one data set; None and empty where they are not known.

    ``identifier`` is what ID is. ``wavelengths``: barycentric, m, both ends. ``times``: MJD (UTC). ``circle``
    and ``polygon`` hold all of it. ``channels``: how many there are. ``pixels``: along the first and the
    second axis of the sky. ``frames``: those in which frequencies can be told. ``redshift`` and
    ``rest_frequency`` (Hz): as the file has them. ``companions``: roles of the files beside it. ``unit``: of
    the pixels.
    """

    identifier: str
    wavelengths: tuple[float, float] | None = None
    times: tuple[float, float] | None = None
    polarisations: tuple[str, ...] = ()
    circle: Circle | None = None
    polygon: Polygon | None = None
    channels: int | None = None
    pixels: tuple[int, int] | None = None
    frames: tuple[Frame, ...] = ()
    redshift: float | None = None
    rest_frequency: float | None = None
    companions: tuple[str, ...] = ()
    unit: str | None = None

    @property
    def frequencies(self) -> tuple[float, float] | None:
        """Lowest and highest, Hz, barycentric."""
        if self.wavelengths is None:
            return None
        short, long = self.wavelengths
        return C / long, C / short

    @property
    def is_cube(self) -> bool:
        """Whether there is a spectral axis worth the name."""
        return self.channels is not None and self.channels > 1

    def lines(self) -> tuple[Line, ...]:
        """The lines of the line list that fall into it at its redshift, by their frequency; none where that
        is not known, for LINE alone would be a mistake then."""
        if self.frequencies is None or self.redshift is None:
            return ()
        low, high = (each * (1.0 + self.redshift) for each in self.frequencies)
        found = [line for line in LINES if low <= line.rest_hz <= high]
        return tuple(sorted(found, key=lambda line: line.rest_hz))


def limits_of(found: DataSet, view: ImageView | None = None) -> Limits:
    """The limits of a data set, from its row of ``ivoa.obscore`` and its files.

    ``view`` is its image where that is at hand: axes are those of the file then, and the redshift is known.
    Without it the redshift is not (no row has it), so that no lines can be told.
    """
    row, facts = found.row, found.facts()
    shape = facts.shape
    is_whole = found.science.is_primary and found.did is not None
    return Limits(
        identifier=(found.did or "") if is_whole else found.science.product_id,
        wavelengths=facts.wavelengths,
        times=facts.times,
        polarisations=_polarisations(view) or facts.polarisations or (),
        circle=None if shape is None else covering_circle(shape),
        polygon=None if shape is None else covering_polygon(shape),
        channels=row.get("em_xel") if view is None else _channels(view),
        pixels=_pair(row.get("s_xel1"), row.get("s_xel2")) if view is None else _pixels(view),
        frames=_frames_by_row(row) if view is None else _frames(view.spectral),
        redshift=None if view is None else view.product.redshift,
        rest_frequency=row.get("rest_frequency") if view is None else view.product.rest_frequency,
        companions=tuple(sorted(found.companions)),
        unit=row.get("o_unit") if view is None else view.product.unit,
    )


def _polarisations(view: ImageView | None) -> tuple[str, ...]:
    return () if view is None or view.stokes is None else tuple(filter(None, view.stokes))


def _channels(view: ImageView) -> int | None:
    axis = view.header.axes.spectral
    return None if axis is None else axis.length


def _pixels(view: ImageView) -> tuple[int, int] | None:
    if len(view.hdu.axes) < 2:
        return None
    first, second = sky_axes(view)
    return view.hdu.axes[first], view.hdu.axes[second]


def _pair(first: int | None, second: int | None) -> tuple[int, int] | None:
    return None if first is None or second is None else (first, second)


def _frames_by_row(row: Mapping[str, Any]) -> tuple[Frame, ...]:
    """A cube whose frame is known was converted from it, with a direction: that leads to the standard of rest
    as well."""
    own = frame_of(row.get("specsys")) if (row.get("em_xel") or 0) > 1 else None
    return () if own is None else tuple(dict.fromkeys((Frame.BARY, Frame.LSRK, own)))


def _frames(spectral: SpectralView | None) -> tuple[Frame, ...]:
    """The frames that lead to the file's own; none where that is not known."""
    if spectral is None or spectral.frame is None:
        return ()
    found = []
    for frame in Frame:
        try:
            spectral.own(np.array([spectral.edges[0]]), frame)
        except FrameUnknown:
            continue
        found.append(frame)
    return tuple(found)
