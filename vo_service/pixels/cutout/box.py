"""A box of pixels: what a cut keeps of an image, axis by axis."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod


@dataclass(frozen=True, slots=True)
class Box:
    """First pixel and the one behind the last along each axis, in FITS order, counted from 0.

    Raises ValueError for a span that keeps nothing or begins before the first pixel.
    """

    spans: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        for start, stop in self.spans:
            if not 0 <= start < stop:
                raise ValueError(f"a box keeps at least one pixel along each axis, not {start} to {stop}")

    @classmethod
    def whole(cls, axes: tuple[int, ...]) -> Box:
        """All pixels of an image."""
        return cls(tuple((0, length) for length in axes))

    @property
    def shape(self) -> tuple[int, ...]:
        """Pixels along each axis, in FITS order."""
        return tuple(stop - start for start, stop in self.spans)

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return prod(self.shape)

    @property
    def starts(self) -> tuple[int, ...]:
        """First pixel along each axis, from 0: what CRPIX becomes smaller by."""
        return tuple(start for start, _ in self.spans)

    def fits(self, axes: tuple[int, ...]) -> bool:
        """Whether it lies within an image of these axes."""
        return len(axes) == len(self.spans) and all(
            stop <= length for (_, stop), length in zip(self.spans, axes, strict=True)
        )

    def with_span(self, axis: int, start: int, stop: int) -> Box:
        """The same with another span along one axis (from 0)."""
        return Box((*self.spans[:axis], (start, stop), *self.spans[axis + 1 :]))
