"""What is found out of a field before tiles are made: where it lies, that it has data, how bright it is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from hips.images.errors import FieldFailed
from hips.images.field import Field, Plane, Span, Values
from hips.tiles.grid import Cells, order_for
from hips.tiles.pictures import SMALLEST, Transfer
from hips.tiles.touched import touched_cells
from vo_service.store.disk import is_full

_WHOLE = 1 << 20
"""Pixels of an image up to which all are looked at."""
_BOX = 256
_BOXES = 4
"""Along each side of a larger one, evenly spaced, and one in the middle."""
_STRIP = 1 << 22
"""Pixels that are read at a time where a valid one has yet to be found."""
_TO_SIGMA = 1.4826
_LOW_SIGMAS = 3.0
_HIGH_SHARE = 0.9
"""Share of the fields whose brightest pixel is not brighter than where greys end."""
_NEARLY_ALL = (0.5, 99.5)
"""Hundredths of the values of a field that lie below."""
_PROPORTIONAL = 30.0
"""Softening, in the largest of the values, at which greys differ from a straight line by hardly anything."""
_MAY_BE_OFF = 10.0
"""Factor by which the noise, and where greys end, may be off before pictures are made anew."""
_RANGE = 1e7
"""Greys end at most this many times the softening above zero: a float32 tells no more."""


@dataclass(frozen=True, slots=True)
class Brightness:
    """Of a field: the deviation of most of its pixels (0 where all are the same), and the brightest."""

    sigma: float
    peak: float


@dataclass(frozen=True, slots=True)
class Surveyed:
    """The order that a field needs, the cells at it that it may touch, how bright it is, and the two values
    that nearly all of its pixels lie between."""

    order: int
    cells: Cells
    brightness: Brightness
    common: tuple[float, float]


def survey(field: Field) -> Surveyed:
    """Raises FieldFailed for a field without a place on the sky, without a valid pixel, or that cannot be
    read, whatever the reason; OSError where the disk is full."""
    try:
        for word, number in (("resolution", field.resolution), ("weight", field.weight)):
            if not (math.isfinite(number) and number > 0.0):
                raise FieldFailed(field.name, f"its {word} is {number}; it must be a number above 0")
        order = order_for(field.pixel_scale)
        with field.open() as plane:
            cells = touched_cells(plane.sky, plane.size, order)
            if not len(cells):
                raise FieldFailed(field.name, "none of its pixels has a place on the sky")
            sample = _sample(plane)
    except Exception as error:
        raise FieldFailed(field.name, reason_of(error)) from error
    if not len(sample):
        raise FieldFailed(field.name, "no pixel has a value and a weight: all are blank")
    low, high = np.percentile(sample.astype(np.float64), _NEARLY_ALL).tolist()
    return Surveyed(order, cells, _brightness(sample), (low, high))


def reason_of(error: Exception) -> str:
    """One line on what is wrong with a field, without paths: it may be shown. A full disk is none of that, as
    what is laid aside of a field is written to it: that error is raised again."""
    if isinstance(error, FieldFailed):
        return error.reason
    if isinstance(error, OSError):
        if is_full(error):
            raise error
        if error.strerror:
            return error.strerror
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def find_transfer(all_of_them: Iterable[Brightness]) -> Transfer:
    """One transfer function for a tree, from the fields that it is first made of, in whatever order.

    Linear within the noise of the middlemost field, greys from some sigma of it below zero to the brightest
    pixel of nearly all fields.
    """
    known = list(all_of_them)
    peaks = np.sort([one.peak for one in known])
    peak = float(peaks[min(len(peaks) - 1, int(_HIGH_SHARE * len(peaks)))])
    sigmas = [one.sigma for one in known if one.sigma > 0.0]
    top = max(abs(peak), float(np.abs(peaks).max()) * 1e-3)
    softening = float(np.median(sigmas)) if sigmas else top / 1000.0
    softening = max(softening, top / _RANGE, SMALLEST) if top > SMALLEST else 1.0
    low = -_LOW_SIGMAS * softening
    return Transfer(low=low, high=max(peak, low + 10.0 * softening), softening=softening)


def find_linear(low: float, high: float) -> Transfer:
    """Greys in proportion to the values between two, for what is neither noise nor sources on it: velocities
    and indices lie far from zero, or are more often below it. Of a single value a grey in the middle."""
    middle = (low + high) / 2.0
    half = (high - low) / 2.0 or abs(middle) * 1e-3 or 1.0
    low, high = middle - half, middle + half
    return Transfer(low, high, max(_PROPORTIONAL * max(abs(low), abs(high)), SMALLEST))


def still_fits(kept: Transfer, found: Transfer) -> bool:
    """Whether pictures by a transfer function that fields were given once are much like those by the one that
    would be found for them now. To change it means to make all tiles anew."""
    return all(
        new / _MAY_BE_OFF <= old <= new * _MAY_BE_OFF
        for old, new in ((kept.softening, found.softening), (kept.high, found.high))
    )


def _sample(plane: Plane) -> Values:
    """Values of pixels all over a plane, those that are valid; of a plane where few are, the first found."""
    boxes = list(_sample_boxes(plane.size))
    found = [_valid(plane, x, y) for x, y in boxes]
    sample = np.concatenate(found)
    if len(sample) or plane.size[0] * plane.size[1] <= _WHOLE:
        return sample
    for x, y in _strips(plane.size):
        sample = _valid(plane, x, y)
        if len(sample):
            break
    return sample


def _valid(plane: Plane, x: Span, y: Span) -> Values:
    values, weights = plane.values(x, y), plane.weights(x, y)
    valid = np.isfinite(values)
    if weights is not None:
        with np.errstate(invalid="ignore"):
            valid &= (weights > 0.0) & np.isfinite(weights)
    return np.asarray(values[valid], dtype=np.float32)


def _sample_boxes(size: tuple[int, int]) -> Iterator[tuple[Span, Span]]:
    if size[0] * size[1] <= _WHOLE:
        yield (0, size[0]), (0, size[1])
        return
    across, up = (_spread(length) for length in size)
    for y in up:
        for x in across:
            yield x, y
    x, y = (((length - min(length, _BOX)) // 2, (length + min(length, _BOX)) // 2) for length in size)
    yield x, y


def _spread(length: int) -> list[Span]:
    if length <= _BOXES * _BOX:
        return [(0, length)] if length <= _BOX else [(0, _BOX), (length - _BOX, length)]
    firsts = np.linspace(0, length - _BOX, _BOXES).astype(int)
    return [(int(first), int(first) + _BOX) for first in firsts]


def _strips(size: tuple[int, int]) -> Iterator[tuple[Span, Span]]:
    wide = min(size[0], _STRIP)
    rows = max(1, _STRIP // wide)
    for y in range(0, size[1], rows):
        for x in range(0, size[0], wide):
            yield (x, min(size[0], x + wide)), (y, min(size[1], y + rows))


def _brightness(sample: Values) -> Brightness:
    values = sample.astype(np.float64)
    middle = float(np.median(values))
    sigma = _TO_SIGMA * float(np.median(np.abs(values - middle)))
    return Brightness(sigma or float(values.std()), float(values.max()))
