"""What is cut of the companions of an image, so that they go with its cut."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vo_service.dali.errors import usage
from vo_service.holdings.image_view import ImageView
from vo_service.products.selection import Constraints, LineWindow, sky_axes

_SAME_PLACE = 1e-6  # of a pixel
_SAME_CHANNEL = 1e-3  # of a channel


def constraints_on(companion: ImageView, science: ImageView, wanted: Constraints) -> Constraints:
    """The constraints for a companion: those of the image, but that one of a single channel or polarisation
    goes with all of them.

    Raises ServiceError (400) where pixels or channels are wanted by number and those of the companion are
    others.
    """
    if wanted.pixels is not None and not has_same_sky(science, companion):
        raise usage("PIXELS are those of the image, and its companion has others.", "Give a shape instead.")
    if _length(companion, "spectral") == 1:
        wanted = replace(wanted, frequencies=None, line=None, channels=None)
    elif wanted.channels is not None and not has_same_channels(science, companion):
        raise usage("CHANNELS are those of the image, and its companion has others.", "Give BAND instead.")
    if _length(companion, "stokes") == 1:
        wanted = replace(wanted, polarisations=())
    return replace(wanted, line=_told(wanted.line, science))


def bins_on(companion: ImageView, science: ImageView, rebin: tuple[int, int, int]) -> tuple[int, int, int]:
    """Pixels to a bin of a companion, so that its bins are those of the image: one without channels goes with
    all of them. Raises ServiceError (400) where bins are counted in pixels and those of the companion are
    others."""
    x, y, channels = rebin
    if (x, y) != (1, 1) and not has_same_sky(science, companion):
        raise usage("REBIN counts pixels of the image, and its companion has others.", "Leave WITH out.")
    if _length(companion, "spectral") == 1:
        return x, y, 1
    if channels != 1 and not has_same_channels(science, companion):
        raise usage("REBIN counts channels of the image, and its companion has others.", "Leave WITH out.")
    return rebin


def has_same_sky(one: ImageView, other: ImageView) -> bool:
    """Whether pixels of the same number lie at the same place of the sky."""
    if one.sky is None or other.sky is None:
        return False
    lengths = [[view.hdu.axes[axis] for axis in sky_axes(view)] for view in (one, other)]
    if lengths[0] != lengths[1]:
        return False
    columns, rows = lengths[0]
    places = np.array([[1, 1], [columns, 1], [1, rows], [columns, rows], [columns / 2, rows / 2]], np.float64)
    apart = np.abs(one.sky.vectors(places) - other.sky.vectors(places))
    known = np.isfinite(apart)
    pixel = np.radians(one.sky.celestial.pixel_scale())
    return bool(known.any() and (apart[known] <= _SAME_PLACE * pixel).all())


def has_same_channels(one: ImageView, other: ImageView) -> bool:
    """Whether channels of the same number have the same frequencies."""
    if one.spectral is None or other.spectral is None or one.spectral.frame is not other.spectral.frame:
        return False
    edges, others = one.spectral.edges, other.spectral.edges
    if len(edges) != len(others):
        return False
    return bool((np.abs(edges - others) <= _SAME_CHANNEL * np.abs(np.diff(edges)).min()).all())


def _length(view: ImageView, kind: str) -> int:
    """Pixels along an axis of that kind, one where there is none."""
    axis = view.header.axes.find(kind)
    return 1 if axis is None else axis.length


def _told(line: LineWindow | None, science: ImageView) -> LineWindow | None:
    """The window with the redshift that the image states, which its companion need not."""
    if line is None or line.redshift is not None:
        return line
    return replace(line, redshift=science.product.redshift)
