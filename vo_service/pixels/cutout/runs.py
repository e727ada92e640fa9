"""Where the bytes of a box lie in a file: runs of equal length at regular distances (FITS 4.0, 3.3.2).

The first axis varies fastest. Axes that are kept whole join the run of those before them; the rest are
counted through like the digits of a number, so that any part of the box can be found without going through
what lies before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from vo_service.pixels.cutout.box import Box

MOST_READ = 1.1
"""Rows that follow each other closely are read with what lies between them, as long as all that is at most so
many times what is wanted."""


@dataclass(frozen=True, slots=True)
class Piece:
    """``count`` runs of ``length`` bytes, ``stride`` bytes from one to the next, the first at ``offset``."""

    offset: int
    length: int
    count: int
    stride: int

    @property
    def extent(self) -> int:
        """Bytes from the first to the last one."""
        return self.stride * (self.count - 1) + self.length

    @property
    def size(self) -> int:
        """Bytes that are wanted."""
        return self.length * self.count


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs of a box in stored order: ``length`` bytes each. ``counts`` and ``strides`` (bytes) of the
    axes that are counted through, the fastest first.
    """

    offset: int
    length: int
    counts: tuple[int, ...]
    strides: tuple[int, ...]

    @classmethod
    def of(cls, box: Box, axes: tuple[int, ...], item_bytes: int, data_offset: int) -> Runs:
        """The runs of a box in the image of these ``axes`` (FITS order), whose data begin at
        ``data_offset``. Raises ValueError where the box lies outside.
        """
        if not box.fits(axes):
            raise ValueError(f"a box of {box.spans} does not lie within an image of {axes} pixels")
        strides = [item_bytes * prod(axes[:place]) for place in range(len(axes))]
        offset = data_offset + sum(start * stride for start, stride in zip(box.starts, strides, strict=True))
        joined = 0
        while joined < len(axes) - 1 and box.shape[joined] == axes[joined]:
            joined += 1
        length = item_bytes * prod(box.shape[: joined + 1])
        return cls(offset, length, box.shape[joined + 1 :], tuple(strides[joined + 1 :]))

    @property
    def count(self) -> int:
        """Number of runs."""
        return prod(self.counts)

    @property
    def size(self) -> int:
        """Bytes of the box."""
        return self.length * self.count

    @property
    def end(self) -> int:
        """Where the last run ends in the file."""
        last = sum((count - 1) * stride for count, stride in zip(self.counts, self.strides, strict=True))
        return self.offset + last + self.length

    def place_of(self, number: int) -> int:
        """Where a run begins in the file."""
        place = self.offset
        for count, stride in zip(self.counts, self.strides, strict=True):
            number, digit = divmod(number, count)
            place += digit * stride
        return place

    def pieces(self, start: int, stop: int) -> Iterator[Piece]:
        """What has to be read for the bytes ``start`` to ``stop`` of the box: runs of the first axis that is
        counted through together, cut where the range begins and ends.
        """
        together = self.counts[0] if self.counts else 1
        while start < stop:
            number, within = divmod(start, self.length)
            place = self.place_of(number)
            whole = min(together - number % together, (stop - start) // self.length)
            if within or whole < 1:
                length = min(self.length - within, stop - start)
                yield Piece(place + within, length, 1, length)
                start += length
            else:
                yield Piece(place, self.length, whole, self.strides[0] if self.strides else self.length)
                start += whole * self.length
