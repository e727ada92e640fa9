"""The images that a run is given: two axes, floats with NaN for no data, a WCS that the tool reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hips.images.field import Span, Values
from hips.images.hipsgen.lots import Box
from hips.images.hipsgen.zenithal import Zenithal

_BLOCK = 2880
_CARD = 80
RIM = 1
"""Pixels that are repeated on each side: before the middles of the first ones, the tool would go on along the
line through two of them, while up to their edges it is the outermost ones that count."""
_STRIP = 1 << 22
"""Pixels that are read at a time."""

Cards = dict[str, str | float]
Read = Callable[[Span, Span], Values | None]


def write_image(path: Path, read: Read, box: Box, wcs: Zenithal) -> bool:
    """Write a part of a plane, as ``read`` gives it, with its outermost pixels repeated beyond its edges.

    Returns whether it has any number; if not, or if ``read`` gives None, no file is there. Raises what
    ``read`` raises, and OSError.
    """
    (left, right), (low, high) = box
    width, height = right - left + 2 * RIM, high - low + 2 * RIM
    any_number = False
    with path.open("wb") as file:
        file.write(_header(width, height, wcs.cards((left - RIM, low - RIM))))
        for strip in _strips(read, box):
            known = np.isfinite(strip)
            any_number = any_number or bool(known.any())
            file.write(np.where(known, strip, np.float32(np.nan)).astype(">f4").tobytes())
        file.write(b"\0" * (-file.tell() % _BLOCK))
    if not any_number:
        path.unlink()
    return any_number


def pixels_of(path: Path) -> NDArray[np.float32]:
    """The pixels ``(rows, columns)`` of a file that `write_image` wrote, without those repeated, mapped into
    memory."""
    with path.open("rb") as file:
        head = file.read(_BLOCK).decode("ascii")
    width, height = (int(head[at * _CARD + 10 : at * _CARD + 30]) for at in (3, 4))
    mapped = np.memmap(path, dtype=">f4", mode="r", offset=_BLOCK, shape=(height, width))
    return mapped[RIM:-RIM, RIM:-RIM]


def _strips(read: Read, box: Box) -> Iterator[Values]:
    """All rows, from the first of the file to the last."""
    x, (low, high) = box
    step = max(1, _STRIP // (x[1] - x[0]))
    for first in range(low, high, step):
        last = min(high, first + step)
        strip = read(x, (first, last))
        if strip is None:
            return
        yield np.pad(strip, ((RIM * (first == low), RIM * (last == high)), (RIM, RIM)), mode="edge")


def _header(width: int, height: int, cards: Cards) -> bytes:
    """One block of cards."""
    structure: Cards = {"SIMPLE": "T", "BITPIX": -32, "NAXIS": 2, "NAXIS1": width, "NAXIS2": height}
    lines = [f"{name:8}= {value:>20}" for name, value in structure.items()]
    lines += [f"{name:8}= {_written(value)}" for name, value in cards.items()]
    header = "".join(f"{line:80}" for line in [*lines, "END"])
    assert len(header) <= _BLOCK
    return f"{header:{_BLOCK}}".encode("ascii")


def _written(value: str | float) -> str:
    return f"'{value:8}'" if isinstance(value, str) else f"{value:>20.17G}"
