"""One new file, written piece by piece: known bytes, runs of a source, and what is computed as it goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from vo_service.pixels.cutout.plan import Held, Stored, read_runs

_STEP = 4 << 20
"""Bytes of a piece: as many as are asked for at once where each request costs."""


class ByteSink(Protocol):
    """Where a file is written to."""

    def write(self, data: bytes | bytearray, /) -> object:
        """Append bytes."""


@dataclass(frozen=True, slots=True)
class Computed:
    """``size`` bytes that ``pieces`` gives one after the other, each time it is called."""

    size: int
    pieces: Callable[[], Iterator[bytes]]


Part = Held | Stored | Computed


class UnfitRequest(Exception):
    """What was asked for cannot be made of this image; ``str()`` is a sentence that says why."""


def pieces_of(part: Part) -> Iterator[bytes | bytearray]:
    """The bytes of a part, some at a time. Raises what reading the sources raises."""
    if isinstance(part, Held):
        yield part.content
    elif isinstance(part, Computed):
        yield from part.pieces()
    else:
        for start in range(0, part.size, _STEP):
            buffer = bytearray(min(_STEP, part.size - start))
            read_runs(part.source, part.runs, start, start + len(buffer), memoryview(buffer))
            yield buffer
