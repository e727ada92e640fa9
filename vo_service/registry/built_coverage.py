"""What the holdings cover as their coverage maps have it, where these are built and may be shown (MOC-084 to
MOC-087)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from capabilities.records import Extent
from hips.mocs.frequencies import frequency_of
from hips.mocs.kept import Build
from hips.mocs.maps import JointMap, SpaceMap
from hips.mocs.names import HOLDINGS, Dimension
from hips.mocs.times import mjd_of
from hips.mocs.writing import ascii_of
from vo_service.registry.coverage import MOC_ORDER, near_days_merged, near_octaves_merged
from vo_service.spectral import C

WholeMap = Callable[[], Build | None]
"""The build whose map of all holdings may be shown now. Raises ServiceError (503) where that cannot be
told."""


def no_maps() -> Build | None:
    """Where nothing is built."""
    return None


def extent_of_maps(extent: Extent, number: int, build: Build, address: str) -> Extent:
    """The extent of the snapshot ``number``, with what the maps of all holdings know better; ``address`` is
    that of the whole service.

    Maps of another snapshot know less than the queries do: rows that came since would lie outside of them
    (MOC-089). They are only pointed to.
    """
    space = build.moc(HOLDINGS, Dimension.SPACE)
    if not isinstance(space, SpaceMap) or not space.moc.count:
        return extent
    footprint = f"{address}/moc/holdings.fits"
    if build.pointer.snapshot != number:
        return replace(extent, footprint=footprint)
    time, frequency = (build.moc(HOLDINGS, each) for each in (Dimension.TIME, Dimension.FREQUENCY))
    assert isinstance(time, JointMap)
    assert isinstance(frequency, JointMap)
    return replace(
        extent,
        moc=ascii_of(space.degraded(MOC_ORDER)).strip(),
        times=_times(time) or extent.times,
        wavelengths=_wavelengths(frequency) or extent.wavelengths,
        footprint=footprint,
    )


def _times(one: JointMap) -> tuple[tuple[float, float], ...]:
    """Spans of MJD (UTC), near ones joined."""
    starts, stops = (mjd_of(ends).tolist() for ends in one.outer())
    return near_days_merged(zip(starts, stops))


def _wavelengths(one: JointMap) -> tuple[tuple[float, float], ...]:
    """Spans of wavelengths in metres, near ones joined."""
    starts, stops = (C / np.array([frequency_of(end) for end in ends.tolist()]) for ends in one.outer())
    return near_octaves_merged(zip(stops.tolist(), starts.tolist()))
