"""The picture of a cube along its spectral axis: the highest pixel of each channel, the spectrum through the
brightest pixel, and the lines that may be there, marked.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, ScalarFormatter
from matplotlib.transforms import IdentityTransform
from numpy.typing import NDArray

from vo_service.pixels.quicklook.labels import spread_labels
from vo_service.pixels.quicklook.marks import scale_unit
from vo_service.pixels.quicklook.sheet import (
    FAINT_INK,
    INK,
    Sheet,
    font,
    own_settings,
    png_of,
    points,
)
from vo_service.pixels.quicklook.survey import Peaks
from vo_service.pixels.quicklook.words import LineMark, NothingToDraw, Picture, Words

WIDTH, HEIGHT = 760, 340
"""Pixels of the screen within the frame."""
_LEFT, _RIGHT, _BOTTOM, _TOP = 92, 24, 84, 62
_STEM, _LABEL_STEP, _LABEL_SIZE, _LONGEST_LABEL = 24, 15.0, 11.5, 170.0
_HIGHEST_INK, _THROUGH_INK, _LINE_INK = "#0b3c6f", "#e07b16", "#8a1c5a"  # dark, light and dark again in grey
_GIGA = 1e9
_UNKNOWN = "unidentified"

Doubles = NDArray[np.float64]


def draw_spectrum(
    peaks: Peaks,
    frequency: Doubles | None,
    words: Words,
    lines: Sequence[LineMark] = (),
    frame: str | None = None,
) -> Picture:
    """``frequency`` (Hz, one a channel, in any order) is None where channels have none: then they are
    counted from 1, and no line has a place. ``frame`` says in a word what the frequencies are relative to.
    Lines beyond the band are left out; where there is no room to name all others, those that come first are
    named, and a note counts the rest. Raises NothingToDraw for less than two channels with a number.
    """
    if frequency is None:
        place, lines = np.arange(1.0, len(peaks.highest) + 1.0), ()
        name = "Channel"
    else:
        place = frequency / _GIGA
        name = f"Frequency (GHz, {frame})" if frame else "Frequency (GHz)"
    known = np.isfinite(place)
    if np.count_nonzero(known & np.isfinite(peaks.highest)) < 2:
        raise NothingToDraw("a spectrum needs two channels or more that have a value")
    order = np.flatnonzero(known)[np.argsort(place[known], kind="stable")]
    curves = np.array([peaks.highest[order], peaks.through[order]])
    with own_settings():
        return _Spectrum(place[order], curves, name, words, lines).draw()


class _Spectrum:
    """One picture in the making; ``curves`` (2, channels) by rising ``place``."""

    def __init__(
        self, place: Doubles, curves: Doubles, name: str, words: Words, lines: Sequence[LineMark]
    ) -> None:
        self._place, self._name, self._words = place, name, words
        self._factor, self._unit = scale_unit(words.unit, float(np.nanmax(np.abs(curves))))
        self._curves = curves * self._factor
        self._band = place[0] - 0.5 * (place[1] - place[0]), place[-1] + 0.5 * (place[-1] - place[-2])
        inside = [one for one in lines if self._band[0] <= one.frequency / _GIGA <= self._band[1]]
        most = int(WIDTH // _LABEL_STEP)
        self._lines = sorted(inside[:most], key=lambda one: (one.frequency, one.name))
        self._unnamed = len(inside) - len(self._lines)
        # the sheet is as high as the longest label wants
        room = max((_length(_name_of(one)) for one in self._lines), default=-_STEM)
        self._label_room = min(room, _LONGEST_LABEL)
        self._sheet = Sheet(
            _LEFT + WIDTH + _RIGHT, round(_BOTTOM + HEIGHT + _STEM + self._label_room + 8.0 + _TOP)
        )

    def draw(self) -> Picture:
        sheet = self._sheet
        axes = sheet.figure.add_axes(sheet.part(_LEFT, _BOTTOM, WIDTH, HEIGHT))
        limits = self._scale(axes)
        axes.axhline(0.0, color="#999999", linewidth=0.8, zorder=1)
        names = ("highest pixel of each channel", "through the brightest pixel")
        for values, color, name in zip(self._curves[::-1], (_THROUGH_INK, _HIGHEST_INK), names[::-1]):
            x, y = self._path(values)
            axes.plot(x, y, color=color, linewidth=1.1, label=name, zorder=3, drawstyle="default")
        self._mark_lines(axes)
        self._write(axes)
        alt = self._describe()
        frame = (_LEFT, sheet.height - _BOTTOM - HEIGHT, WIDTH, HEIGHT)
        return Picture(png_of(sheet.draw(), alt), alt, frame, limits)

    def _scale(self, axes: Axes) -> tuple[float, float]:
        """Sets limits and marks; returns the limits of the values in the unit of the image."""
        low, high = float(np.nanmin(self._curves)), float(np.nanmax(self._curves))
        low, high = min(low, 0.0), max(high, 0.0)
        margin = 0.06 * (high - low) or 1.0
        axes.set_xlim(*self._band)
        axes.set_ylim(low - margin, high + margin)
        for axis, most in ((axes.xaxis, 7), (axes.yaxis, 6)):
            axis.set_major_locator(MaxNLocator(most, steps=[1, 2, 2.5, 5, 10]))
            axis.set_major_formatter(ScalarFormatter(useOffset=False))
        axes.ticklabel_format(style="plain", useOffset=False)
        axes.tick_params(labelsize=points(12), labelcolor=INK, direction="in", top=True, right=True)
        return (low - margin) / self._factor, (high + margin) / self._factor

    def _path(self, values: Doubles) -> tuple[Doubles, Doubles]:
        """Steps from channel to channel; of more channels than can be seen the lowest and the highest by
        pixel of the screen, so that no narrow line is lost."""
        if len(values) <= 2 * WIDTH:
            between = 0.5 * (self._place[1:] + self._place[:-1])
            edges = np.concatenate([self._band[:1], between, self._band[1:]])
            return np.repeat(edges, 2)[1:-1], np.repeat(values, 2)
        low, high = self._band
        column = np.clip((self._place - low) / (high - low) * WIDTH, 0, WIDTH - 1).astype(np.intp)
        ends = np.full((2, WIDTH), np.nan)
        np.fmin.at(ends[0], column, values)
        np.fmax.at(ends[1], column, values)
        middle = low + (np.arange(WIDTH) + 0.5) * (high - low) / WIDTH
        some = np.isfinite(ends[0])
        return np.repeat(middle[some], 2), ends.T[some].ravel()

    def _mark_lines(self, axes: Axes) -> None:
        low, high = self._band
        own = [_LEFT + (one.frequency / _GIGA - low) / (high - low) * WIDTH for one in self._lines]
        half = 0.5 * _LABEL_STEP
        places = spread_labels(own, _LABEL_STEP, _LEFT + half, _LEFT + WIDTH - half)
        top = _BOTTOM + HEIGHT
        for one, start, end in zip(self._lines, own, places):
            if one.low is not None and one.high is not None:
                axes.axvspan(one.low / _GIGA, one.high / _GIGA, color=_LINE_INK, alpha=0.13, linewidth=0.0)
            axes.axvline(
                one.frequency / _GIGA, color=_LINE_INK, linewidth=0.9, linestyle=(0, (4, 3)), zorder=2
            )
            stem = Line2D(
                [start, start, end, end],
                [top, top + 5.0, top + _STEM - 6.0, top + _STEM - 2.0],
                color=_LINE_INK,
                linewidth=0.9,
                transform=IdentityTransform(),
            )
            self._sheet.figure.add_artist(stem)
            self._sheet.write(
                _name_of(one),
                end,
                top + _STEM,
                _LABEL_SIZE,
                self._label_room,
                _LINE_INK,
                rotation=90,
                horizontalalignment="center",
                verticalalignment="bottom",
            )

    def _write(self, axes: Axes) -> None:
        sheet, words = self._sheet, self._words
        axes.set_xlabel(self._name, fontproperties=font(13), color=INK)
        text, size = sheet.fit(words.label(self._unit), 13, HEIGHT)
        axes.set_ylabel(text, fontproperties=font(size), color=INK, parse_math=False)
        room = sheet.width - _LEFT - 12
        sheet.write(words.title, _LEFT, sheet.height - 30, 17, room, bold=True)
        if words.detail:
            sheet.write(words.detail, _LEFT, sheet.height - 53, 13, room, FAINT_INK)
        axes.legend(prop=font(11.5), loc="best", framealpha=0.85, edgecolor="#cccccc", reverse=True)
        notes = self._notes()
        if notes:
            sheet.write(notes, _LEFT, 12, 12, room, FAINT_INK)

    def _notes(self) -> str:
        notes = []
        if self._lines:
            notes.append("marked lines are candidates: hints, no identifications")
        if self._unnamed:
            notes.append(f"{self._unnamed} more not marked")
        return "  ·  ".join(notes)

    def _describe(self) -> str:
        """The picture in words, for those who do not see it."""
        low, high = self._place[0], self._place[-1]
        parts = [
            ". ".join(part for part in (self._words.title, self._words.detail) if part),
            f"Peak spectrum of {len(self._place)} channels. {self._name}: {low:.7g} to {high:.7g}",
            f"Highest value {np.nanmax(self._curves):.4g} {self._unit}".rstrip(),
        ]
        if self._lines:
            parts.append("Candidate lines: " + ", ".join(_name_of(one) for one in self._lines))
        return " ".join(". ".join(parts).split())


def _name_of(line: LineMark) -> str:
    return line.name or _UNKNOWN


def _length(text: str) -> float:
    """Pixels that a label is long."""
    return Sheet(10, 10).length_of(text, _LABEL_SIZE)
