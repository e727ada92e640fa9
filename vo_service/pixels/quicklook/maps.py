"""Pictures of maps: a plane on the sky with its grid, beam and colour bar; and the plane alone, small."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Polygon, Rectangle

from vo_service.pixels.decoding import Values
from vo_service.pixels.quicklook.colours import LOOKS, colours_of
from vo_service.pixels.quicklook.drawn_sky import DrawnSky
from vo_service.pixels.quicklook.graticule import FRAME_INK, pixel_axes, sky_axes
from vo_service.pixels.quicklook.marks import angle_text, mark_texts, marks_of, number_text, scale_unit
from vo_service.pixels.quicklook.screen import fit_screen
from vo_service.pixels.quicklook.sheet import FAINT_INK, INK, Sheet, font, own_settings, png_of
from vo_service.pixels.quicklook.stand import beam_outline, stand_of
from vo_service.pixels.quicklook.stretch import stretch_of
from vo_service.pixels.quicklook.survey import SIDE, Plate, mean_of, outstanding_of, plate_of
from vo_service.pixels.quicklook.words import Beam, Kind, Picture, Words
from vo_service.pixels.sky_plane import SkyPlane

THUMBNAIL = 256
THINNEST = 96
"""Pixels of the screen that a side of a picture has at least; a strip thinner than that is not to scale."""
_LEFT, _RIGHT, _BOTTOM, _TOP = 220, 200, 92, 66  # more than is needed: what is empty is cut off
_EDGE = 14
_BESIDE = 80  # that words may reach beyond the colour bar
_BAR_GAP, _BAR = 14, 18
_NARROWEST = 300
_LARGEST_BEAM, _SMALLEST_BEAM = 0.33, 2.0  # of the picture; pixels of the screen


def draw_preview(
    plate: Plate,
    sky: SkyPlane | None,
    words: Words,
    beam: Beam | None = None,
    kind: Kind = Kind.BRIGHTNESS,
) -> Picture:
    """A plane with its sky in ICRS (pixels without one), beam, colour bar and words."""
    with own_settings():
        return _Preview(plate, sky, words, beam, kind).draw()


def draw_map(
    values: Values,
    sky: SkyPlane | None,
    words: Words,
    beam: Beam | None = None,
    kind: Kind = Kind.BRIGHTNESS,
) -> Picture:
    """The same of a plane (rows, columns) in memory, such as a moment map. Raises NothingToDraw where no
    pixel is a number."""
    combine = outstanding_of if kind is Kind.BRIGHTNESS else mean_of
    return draw_preview(plate_of(values, combine), sky, words, beam, kind)


def draw_thumbnail(
    plate: Plate, sky: SkyPlane | None, alt: str, kind: Kind = Kind.BRIGHTNESS, side: int = THUMBNAIL
) -> Picture:
    """The plane alone on a square of ``side`` pixels, clear where the plane has no part."""
    screen = fit_screen(plate, side, side // 16)
    stretch = stretch_of(plate.values, kind)
    stand = stand_of(None if sky is None else sky.celestial, screen.columns, screen.rows)
    small = colours_of(stretch.scaled(stand.turn(screen.values)), kind)[::-1]
    height, width, _ = small.shape
    left, top = (side - width) // 2, (side - height) // 2
    square = np.zeros((side, side, 4), dtype=np.uint8)
    square[top : top + height, left : left + width, :3] = small
    square[top : top + height, left : left + width, 3] = 255
    return Picture(png_of(square, alt), alt, (left, top, width, height), (stretch.low, stretch.high))


class _Preview:
    """One picture in the making."""

    def __init__(
        self, plate: Plate, sky: SkyPlane | None, words: Words, beam: Beam | None, kind: Kind
    ) -> None:
        self._plate, self._sky, self._words, self._beam = plate, sky, words, beam
        self._kind, self._look = kind, LOOKS[kind]
        self._screen = fit_screen(plate, SIDE, THINNEST)
        # stands by the pixels that are shown: the last block may reach beyond the image
        self._stand = stand_of(
            None if sky is None else sky.celestial, self._screen.columns, self._screen.rows
        )
        self._values = self._stand.turn(self._screen.values)
        self._stretch = stretch_of(plate.values, kind)
        largest = max(abs(self._stretch.low), abs(self._stretch.high))
        self._factor, self._unit = scale_unit(words.unit, largest)
        height, width = self._values.shape
        self._frame = _LEFT, _BOTTOM, width, height
        self._sheet = Sheet(_LEFT + max(width, _NARROWEST) + _RIGHT, _BOTTOM + height + _TOP)

    def draw(self) -> Picture:
        left, bottom, width, height = self._frame
        axes = self._plane_axes()
        if self._beam is not None and self._sky is not None:
            self._draw_beam(axes, self._beam, self._sky)
        bar = self._draw_bar()
        ends = self._write()
        drawn = self._sheet.draw()
        begins, _ = self._sheet.ends_of(axes)
        start = max(0, math.floor(begins) - _EDGE)
        stop = math.ceil(max(ends, self._sheet.ends_of(bar)[1])) + _EDGE
        alt = self._describe()
        frame = (left - start, self._sheet.height - bottom - height, width, height)
        png = png_of(drawn[:, start:stop], alt)
        return Picture(png, alt, frame, (self._stretch.low, self._stretch.high))

    def _plane_axes(self) -> Axes:
        figure, rect = self._sheet.figure, self._sheet.part(*self._frame)
        across, up = self._stand.size
        if self._sky is None:
            axes, first = pixel_axes(figure, rect), 0.5
        else:
            sky = DrawnSky(self._sky, self._stand)
            axes, first = sky_axes(figure, rect, sky, self._stand.size, self._look.ink), -0.5
        axes.imshow(
            colours_of(self._stretch.scaled(self._values), self._kind),
            origin="lower",
            extent=(first, first + across, first, first + up),
            interpolation="nearest",
            aspect="auto",
        )
        return axes

    def _draw_beam(self, axes: Axes, beam: Beam, sky: SkyPlane) -> None:
        outline = beam_outline(beam, sky.celestial, self._stand)
        if outline is None:
            return
        _, _, width, height = self._frame
        scale = np.array([width, height]) / self._stand.size  # pixels of the screen for one of the image
        half = np.abs(outline).max(axis=0) * scale
        is_large = (2.0 * half > _LARGEST_BEAM * np.array([width, height])).any()
        if is_large or 2.0 * half.max() < _SMALLEST_BEAM:
            return
        box = np.maximum(half + 6.0, 10.0)
        centre = (box + 8.0) / scale - 0.5
        corner = centre - box / scale
        axes.add_patch(
            Rectangle(tuple(corner), *(2.0 * box / scale), facecolor="white", edgecolor=FRAME_INK, alpha=0.9)
        )
        axes.add_patch(Polygon(outline + centre, facecolor="#303030", edgecolor="black", linewidth=0.8))

    def _draw_bar(self) -> Axes:
        left, bottom, width, height = self._frame
        bar = self._sheet.figure.add_axes(self._sheet.part(left + width + _BAR_GAP, bottom, _BAR, height))
        ramp = np.linspace(0.0, 1.0, 256)[:, None]
        bar.imshow(colours_of(ramp, self._kind), origin="lower", extent=(0.0, 1.0, 0.0, 1.0), aspect="auto")
        marks = marks_of(self._stretch, most=max(2, min(8, height // 45)))
        bar.set_xticks([])
        bar.set_yticks(self._stretch.scaled(np.array(marks)), mark_texts(marks, self._factor))
        bar.yaxis.tick_right()
        bar.yaxis.set_label_position("right")
        for label in bar.get_yticklabels():
            label.set_fontproperties(font(12))
        bar.tick_params(color=FRAME_INK, labelcolor=INK)
        room = height + 2.0 * min(_BOTTOM, _TOP) - 2.0 * _EDGE
        text, size = self._sheet.fit(self._words.label(self._unit), 13, room)
        bar.set_ylabel(text, fontproperties=font(size), color=INK, parse_math=False)
        return bar

    def _write(self) -> float:
        """Title, detail and notes; returns where the longest ends."""
        sheet, words = self._sheet, self._words
        left = self._frame[0]
        room = max(self._frame[2], _NARROWEST) + _BAR_GAP + _BAR + _BESIDE
        lengths = [sheet.write(words.title, left, sheet.height - 30, 17, room, bold=True)]
        if words.detail:
            lengths.append(sheet.write(words.detail, left, sheet.height - 53, 13, room, FAINT_INK))
        lengths.append(sheet.write("  ·  ".join(self._notes()), left, 14, 12, room, FAINT_INK))
        return left + max(lengths)

    def _notes(self) -> list[str]:
        notes = []
        if self._beam is not None:
            notes.append(_beam_words(self._beam))
        if self._kind is Kind.BRIGHTNESS:
            notes.append(f"peak {number_text(self._plate.highest * self._factor)} {self._unit}".rstrip())
        notes.append("linear scale" if self._stretch.soft is None else "asinh scale")
        if np.isnan(self._values).any():
            notes.append("grey: blank")
        if not self._screen.is_to_scale:
            notes.append("not to scale")
        return notes

    def _describe(self) -> str:
        """The picture in words, for those who do not see it."""
        words = self._words
        where = "in pixels" if self._sky is None else "on the sky in ICRS"
        low, high = mark_texts((self._stretch.low, self._stretch.high), self._factor)
        parts = [
            ". ".join(part for part in (words.title, words.detail) if part),
            f"Map of {self._look.shown} {where}, {self._plate.columns} by {self._plate.rows} pixels",
            f"{words.quantity or 'values'} from {low} to {high} {self._unit}".rstrip(),
        ]
        return " ".join(". ".join([*parts, *self._notes()]).split())


def _beam_words(beam: Beam) -> str:
    size = f"beam {angle_text(beam.major)} × {angle_text(beam.minor)}"
    return (
        size if beam.angle is None or beam.major == beam.minor else f"{size}, PA {number_text(beam.angle)}°"
    )
