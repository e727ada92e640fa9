"""A sheet to draw on, in pixels, and its way into a PNG whose bytes depend on what is drawn alone.

Fonts are those that come with matplotlib, its settings its own defaults whatever the machine has, and the PNG
says neither when nor by what it was made. One sheet at a time in a process: settings are matplotlib's own.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, get_font
from matplotlib.text import Text
from matplotlib.transforms import IdentityTransform
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

DPI = 100
INK = "#1a1a1a"
FAINT_INK = "#555555"
_POINTS = 72.0 / DPI
_DEFAULTS: Any = {key: value for key, value in matplotlib.rcParamsDefault.items() if key != "backend"}
_FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
_SMALLEST = 11.0


@contextmanager
def own_settings() -> Iterator[None]:
    """matplotlib's own defaults for as long as something is drawn, whatever a file of the machine says."""
    with matplotlib.rc_context(_DEFAULTS):
        yield


class Sheet:
    """A figure of ``width`` x ``height`` pixels; places are pixels from the left and from the bottom."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="white")
        self._canvas: Any = FigureCanvasAgg(self.figure)  # whose methods have no types

    def part(
        self, left: float, bottom: float, width: float, height: float
    ) -> tuple[float, float, float, float]:
        """A part of the sheet, as axes want it."""
        return left / self.width, bottom / self.height, width / self.width, height / self.height

    def write(
        self, text: str, left: float, bottom: float, size: float, room: float, color: str = INK, **more: Any
    ) -> float:
        """A line of text of so many pixels in size, made smaller and then shorter where it needs more than
        ``room`` pixels; returns how many it takes then."""
        bold = bool(more.pop("bold", False))
        text, size = self.fit(text, size, room, bold)
        line = Text(
            left, bottom, text, fontproperties=font(size, bold), color=color, parse_math=False, **more
        )
        line.set_transform(IdentityTransform())
        self.figure.add_artist(line)
        return self.length_of(text, size, bold)

    def fit(self, text: str, size: float, room: float, bold: bool = False) -> tuple[str, float]:
        """A line of text on one line, and its size, so that it needs no more than ``room`` pixels."""
        text = printable(text)
        while (needed := self.length_of(text, size, bold)) > room and size > _SMALLEST:
            size = max(_SMALLEST, min(size - 0.5, size * room / needed))
        kept = text
        while (needed := self.length_of(text, size, bold)) > room and len(kept) > 1:
            kept = kept[: max(1, min(len(kept) - 1, int(len(kept) * room / needed)))].rstrip()
            text = kept + "…"
        return text, size

    def length_of(self, text: str, size: float, bold: bool = False) -> float:
        """Pixels that a line of text of so many pixels in size takes along its direction."""
        renderer = self._canvas.get_renderer()
        width, _, _ = renderer.get_text_width_height_descent(printable(text), font(size, bold), ismath=False)
        return float(width)

    def draw(self) -> NDArray[np.uint8]:
        """(rows from the top, columns, 3): what is on it now."""
        self._canvas.draw()
        return np.array(self._canvas.buffer_rgba())[..., :3]

    def ends_of(self, axes: Axes) -> tuple[float, float]:
        """Where axes with all their labels begin and end, from the left, once they are drawn."""
        box = axes.get_tightbbox(self._canvas.get_renderer())
        return (0.0, float(self.width)) if box is None else (float(box.x0), float(box.x1))


def png_of(pixels: NDArray[np.uint8], alt: str) -> bytes:
    """A PNG of (rows from the top, columns, 3 or 4) bytes."""
    info = PngInfo()
    info.add_itxt("Description", alt)
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(out, "PNG", pnginfo=info)
    return out.getvalue()


def points(pixels: float) -> float:
    """A size in the unit that matplotlib counts it in."""
    return pixels * _POINTS


def font(size: float, bold: bool = False) -> FontProperties:
    """A face that comes with matplotlib, by its size in pixels."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return FontProperties(fname=_FONTS / name, size=points(size))


@lru_cache(maxsize=1)
def _letters() -> frozenset[int]:
    return frozenset(get_font(_FONTS / "DejaVuSans.ttf").get_charmap())


def printable(text: str) -> str:
    """The text on one line, with a box for each letter that the face does not have."""
    text = " ".join(text.split())
    known = _letters()
    return "".join(letter if ord(letter) in known else "\N{WHITE SQUARE}" for letter in text)
