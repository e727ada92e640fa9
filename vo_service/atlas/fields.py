"""Fields of image trees: maps of data sets of the holdings, opened where they lie."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from hips.images.field import Values
from vo_service.atlas.brightness import Brightness, brightness_of, channel_scale
from vo_service.atlas.intensity import IntensityReader, NoMap, Stack, first_of, intensity_of, plane_values
from vo_service.atlas.kept_planes import is_kept, kept_plane
from vo_service.atlas.maps import TimedReader, integral_parts, peak_parts, plane_parts
from vo_service.atlas.opening import Origin, Workbench, can_jump, open_image, view_of
from vo_service.atlas.recipes import Quantity, Recipe, Span
from vo_service.pixels import FitsError
from vo_service.pixels.compute.channels import NotComputable
from vo_service.pixels.compute.reader import PixelReader
from vo_service.pixels.sky_plane import SkyPlane

ReadPart = Callable[[Span, Span], Values]

LEAST_RESPONSE = 0.1
"""Of the primary beam: images that are not corrected for it have no values where it is below this."""


@dataclass(frozen=True, slots=True)
class PrimaryBeam:
    """The response of the primary beam: a file of the same pixels on the sky, and the channel (from 0) that
    holds for the map. ``state`` names its bytes; ``in_values``: the image is not corrected for it."""

    origin: Origin
    channel: int
    state: str
    in_values: bool = False


@dataclass(frozen=True, slots=True)
class OpenField:
    """A field that is open: implements hips.images.field.Plane."""

    size: tuple[int, int]
    sky: SkyPlane
    read: ReadPart
    weight: float = 1.0
    response: ReadPart | None = None

    def values(self, x: Span, y: Span) -> Values:
        """As of Plane."""
        return self.read(x, y)

    def weights(self, x: Span, y: Span) -> Values | None:
        """As of Plane: the noise of an image goes up as the response of the primary beam goes down, which is
        1 where it is highest."""
        if self.response is None:
            return None
        response = np.clip(self.response(x, y), 0.0, 1.0)
        return np.asarray(np.square(response) * np.float32(self.weight))


@dataclass(frozen=True, slots=True)
class AtlasField:
    """A map of a data set in units of brightness: implements hips.images.field.Field."""

    name: str
    state: str
    pixel_scale: float
    resolution: float
    weight: float
    origin: Origin
    recipe: Recipe
    bench: Workbench
    primary_beam: PrimaryBeam | None = None

    def laid_aside_in(self, scratch: Path) -> AtlasField:
        """The same field, whose planes are kept in another folder."""
        return replace(self, bench=replace(self.bench, scratch=scratch))

    @contextmanager
    def open(self) -> Iterator[OpenField]:
        """As of Field."""
        with ExitStack() as stack, as_it_was_looked_at(self.origin):
            view = view_of(self.origin)
            bright = brightness_of(view, intensity_of(view))
            if self.recipe.quantity is Quantity.CONTINUUM:
                image = PlaneOf(self.origin, bright.stack, 0, bright.reader)
                values = open_plane(image, self.bench, self.state, stack)
            else:
                size, parts = bright.stack.size, partial(self._parts, bright)
                values = partial(_part, kept_plane(self.bench.scratch, self.state, size, parts))
            response = None if self.primary_beam is None else self._response(self.primary_beam, stack)
            if response is not None and self.primary_beam is not None and self.primary_beam.in_values:
                values = partial(_corrected, values, response)
            assert view.sky is not None  # or there were no intensity
            yield OpenField(bright.stack.size, view.sky, values, self.weight, response)

    def _parts(self, bright: Brightness) -> Iterator[Values]:
        """The map of a cube."""
        with open_image(self.origin, self.bench) as image:
            reader = bright.reader(_timed(image.source.reader, self.origin, self.bench))
            spans = self.recipe.runs or ((0, bright.stack.channels),)
            if self.recipe.quantity is Quantity.PEAK:
                yield from peak_parts(reader, bright.stack, spans)
            else:
                runs = [(span, channel_scale(image.view, span, self.recipe.line_hz)) for span in spans]
                yield from integral_parts(reader, bright.stack, runs)

    def _response(self, beam: PrimaryBeam, stack: ExitStack) -> ReadPart:
        with as_it_was_looked_at(beam.origin):
            planes = first_of(view_of(beam.origin))
            image = PlaneOf(beam.origin, planes, beam.channel, partial(own_values, stack=planes))
            return open_plane(image, self.bench, f"{beam.state}-{beam.channel}", stack)


@dataclass(frozen=True, slots=True)
class PlaneOf:
    """One channel of an image; ``reader`` makes of its pixels those that are wanted."""

    origin: Origin
    stack: Stack
    channel: int
    reader: Callable[[PixelReader], IntensityReader]


def own_values(whole: PixelReader, stack: Stack) -> IntensityReader:
    """The planes of a stack in the unit of the image."""
    return IntensityReader(whole, stack, np.ones((1, 1)))


def open_plane(image: PlaneOf, bench: Workbench, key: str, stack: ExitStack) -> ReadPart:
    """The values of a plane, from the image itself where any part of it is as near as any other, else from a
    file that keeps the plane under the name ``key``. What it opens is closed with the stack. Raises OSError
    and FitsError."""
    if not is_kept(bench.scratch, key):
        opened = stack.enter_context(open_image(image.origin, bench))
        if can_jump(opened):
            return partial(_read_part, image.reader(opened.source.reader), image.stack, image.channel)
        reader = image.reader(_timed(opened.source.reader, image.origin, bench))
        parts = partial(plane_parts, reader, image.stack, image.channel)
        return partial(_part, kept_plane(bench.scratch, key, image.stack.size, parts))
    return partial(_part, kept_plane(bench.scratch, key, image.stack.size, tuple))


def _timed(whole: PixelReader, origin: Origin, bench: Workbench) -> TimedReader:
    return TimedReader(whole, bench.seconds, origin.file.name)


def _read_part(reader: IntensityReader, stack: Stack, channel: int, x: Span, y: Span) -> Values:
    with np.errstate(over="ignore"):
        return plane_values(reader, stack, x, y, channel).astype(np.float32)


def _corrected(values: ReadPart, response: ReadPart, x: Span, y: Span) -> Values:
    """Values over the response they were seen with; none where that is hardly anything."""
    seen = np.clip(response(x, y), None, 1.0)
    with np.errstate(over="ignore"):
        corrected = values(x, y) / np.where(seen >= LEAST_RESPONSE, seen, np.nan)
        return np.asarray(corrected, dtype=np.float32)


def _part(plane: Values, x: Span, y: Span) -> Values:
    return np.array(plane[slice(*y), slice(*x)])


@contextmanager
def as_it_was_looked_at(origin: Origin) -> Iterator[None]:
    """What keeps a map from being made was looked for before the field was made: now the image is another."""
    try:
        yield
    except (NoMap, NotComputable) as error:
        raise FitsError("changed", f"{origin.file.name}: {error}") from error
