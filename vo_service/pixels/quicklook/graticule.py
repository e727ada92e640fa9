"""Axes of a picture with their grid: of a field on the sky, of a map of more than a hemisphere, of pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import units
from astropy.visualization.wcsaxes import WCSAxes
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from vo_service.pixels.quicklook.drawn_sky import DrawnSky
from vo_service.pixels.quicklook.sheet import INK, font, points

FRAME_INK = "#333333"
_MINUS = "\N{MINUS SIGN}"
_WIDE_STEPS = (60.0, 30.0)
_MOST_MARKS, _APART = 6, 120  # pixels of the screen

Rect = tuple[float, float, float, float]


def sky_axes(figure: Figure, rect: Rect, sky: DrawnSky, size: tuple[int, int], ink: str) -> Axes:
    """Axes with right ascension and declination, and a grid drawn in ``ink``. ``size``: pixels of the image
    across and up the picture.

    Where a corner of the picture is beyond the sky there is nothing to number along the frame: a map of such
    a size has its numbers along the equator and a meridian instead.
    """
    axes: Any = WCSAxes(figure, rect, wcs=sky)
    figure.add_axes(axes)
    right, top = size[0] - 0.5, size[1] - 0.5
    corners = sky.pixel_to_world_values([-0.5, right, right, -0.5], [-0.5, -0.5, top, top])
    if np.isfinite(corners).all():
        _number_frame(axes, (rect[2] * figure.bbox.width, rect[3] * figure.bbox.height))
    else:
        _number_sky(axes, sky, size)
    for coordinate in axes.coords:
        coordinate.grid(color=ink, alpha=0.3, linewidth=0.7, linestyle="solid")
    axes.coords.frame.set_color(FRAME_INK)
    return axes  # type: ignore[no-any-return]  # astropy has no types


def _number_frame(axes: Any, lengths: tuple[float, float]) -> None:
    names = ("Right ascension (ICRS)", "Declination (ICRS)")
    for coordinate, name, length in zip(axes.coords, names, lengths):
        coordinate.set_axislabel(name, fontproperties=font(13), color=INK)
        number = max(2, min(_MOST_MARKS, int(length // _APART)))
        coordinate.set_ticks(number=number, color=FRAME_INK, size=5)
        coordinate.set_ticklabel(fontproperties=font(12), color=INK, exclude_overlapping=True)


def _number_sky(axes: Any, sky: DrawnSky, size: tuple[int, int]) -> None:
    for coordinate, step in zip(axes.coords, _WIDE_STEPS):
        coordinate.set_ticks(spacing=step * units.deg)
        coordinate.set_ticks_visible(False)
        coordinate.set_ticklabel_visible(False)
        coordinate.set_axislabel("")
    middle = float(sky.pixel_to_world_values((size[0] - 1.0) / 2.0, (size[1] - 1.0) / 2.0)[0])
    meridian = 0.0 if np.isnan(middle) else middle
    hours = np.arange(0.0, 360.0, _WIDE_STEPS[0])
    degrees = np.array([-60.0, -30.0, 30.0, 60.0])
    marks = [(lon, 0.0, f"{lon / 15.0:.0f}h") for lon in hours]
    marks += [(meridian, lat, f"{lat:+.0f}°".replace("-", _MINUS)) for lat in degrees]
    corner = axes.text(0.99, 0.97, "ICRS", transform=axes.transAxes, fontproperties=font(12), color="white")
    labels = [(corner, "right", "top")]
    x, y = sky.world_to_pixel_values([mark[0] for mark in marks], [mark[1] for mark in marks])
    for across, up, (_, _, text) in zip(x, y, marks):
        if 0.0 <= across <= size[0] - 1.0 and 0.0 <= up <= size[1] - 1.0:
            label = axes.text(across, up, text, fontproperties=font(12), color="white", clip_on=True)
            labels.append((label, "center", "center"))
    for label, across_at, up_at in labels:
        label.set(horizontalalignment=across_at, verticalalignment=up_at)
        label.set_path_effects([withStroke(linewidth=2.0, foreground=INK)])


def pixel_axes(figure: Figure, rect: Rect) -> Axes:
    """Axes that count pixels from 1, as FITS does."""
    axes = figure.add_axes(rect)
    axes.set_xlabel("Pixel along the first axis", fontproperties=font(13), color=INK)
    axes.set_ylabel("Pixel along the second axis", fontproperties=font(13), color=INK)
    axes.tick_params(color=FRAME_INK, labelcolor=INK, labelsize=points(12))
    return axes
