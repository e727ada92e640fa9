"""The engine ``reproject``: fields on tiles by bilinear interpolation with the library of that name, here and
now, one part at a time.

Places come from `mapping`, so the library is handed two plain grids whose common world is the pixel plane of
the image: it need not know the sky, and none of its time goes into finding places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from astropy.wcs.wcsapi import BaseLowLevelWCS
from numpy.typing import NDArray

from hips.images.engine import Part, Sheet, Sheets, Wanted
from hips.images.errors import EngineMissing
from hips.images.field import Field, Plane, Span, Values
from hips.images.mapping import Mapping as PixelMapping
from hips.tiles.grid import WIDTH
from hips.tiles.parents import blank_tile

NAME = "reproject"
ALGORITHM = "1"
"""Goes up with every change here that changes pixels."""
BOX_PIXELS = 1 << 24
"""Pixels of an image that are read at a time, at most."""
_MARGIN = 2
"""Pixels that are read beyond those that the tile needs, so that the edge of the box is never taken for that
of the image."""

Doubles = NDArray[np.float64]


class Reproject:
    """The engine. Raises EngineMissing where the library is not there."""

    name = NAME

    def __init__(self) -> None:
        try:
            self.version = f"{ALGORITHM}/{version('reproject').partition('.dev')[0]}"
        except PackageNotFoundError as error:
            raise EngineMissing("the library reproject is not installed") from error

    def prepare(self, wanted: Sequence[Wanted], scratch: Path, told: Callable[[int, int], None]) -> Sheets:
        """There is nothing to prepare."""
        told(len(wanted), len(wanted))
        return OpenSheets()


@dataclass(frozen=True, slots=True)
class OpenSheets:
    """Fields that are resampled when a part of them is asked for."""

    failed: Mapping[str, str] = field(default_factory=dict)

    @contextmanager
    def open(self, one: Field) -> Iterator[Sheet]:
        """The field's own pixels."""
        with one.open() as plane:
            yield PlaneSheet(plane)


@dataclass(frozen=True, slots=True)
class PlaneSheet:
    """A plane, resampled on demand."""

    plane: Plane

    def part(self, order: int, cell: int) -> Part | None:
        """See `Sheet.part`."""
        return resample(self.plane, order, cell)


def resample(plane: Plane, order: int, cell: int) -> Part | None:
    """A plane on a tile; None where it has no valid pixel there. Raises what the plane raises.

    The tile's pixels should not be larger than those of the plane (HIPS-006), else some of these are left
    out; how much of the plane is read at a time is bounded all the same.
    """
    mapping = PixelMapping(plane.sky, order, cell)
    rows, columns = _near(mapping, plane.size)
    if rows.start == rows.stop:
        return None
    target = _Target(blank_tile(), None)
    _fill(target, plane, mapping, rows, columns)
    if np.isnan(target.values).all():
        return None
    return Part(target.values, target.weights)


@dataclass(slots=True)
class _Target:
    values: Values
    weights: Values | None


def _near(mapping: PixelMapping, size: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of a tile outside of which no pixel lies on the image, perhaps none inside either."""
    if not mapping.smooth:
        return slice(0, WIDTH), slice(0, WIDTH)
    places = mapping.corners
    patches = np.stack([places[:, :-1, :-1], places[:, :-1, 1:], places[:, 1:, :-1], places[:, 1:, 1:]])
    low, high = patches.min(axis=0), patches.max(axis=0)
    slack = 0.25 * (high - low) + _MARGIN
    ends = np.array(size, dtype=np.float64)[:, None, None] - 0.5
    meets = ((high + slack >= -0.5) & (low - slack <= ends)).all(axis=0)
    step = WIDTH // len(meets)
    found = [np.flatnonzero(meets.any(axis=axis)) * step for axis in (1, 0)]
    rows, columns = (slice(*((at[0], at[-1] + step) if len(at) else (0, 0))) for at in found)
    return rows, columns


def _fill(target: _Target, plane: Plane, mapping: PixelMapping, rows: slice, columns: slice) -> None:
    """Set a block of the tile, in parts where it needs too many pixels of the image at a time."""
    places = mapping.places(rows, columns)
    inside = _inside(places, plane.size)
    lines, across = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    if not len(lines):
        return
    tight = slice(lines[0], lines[-1] + 1), slice(across[0], across[-1] + 1)
    places, inside = places[:, *tight], inside[tight]
    block = tuple(
        slice(at.start + part.start, at.start + part.stop) for at, part in zip((rows, columns), tight)
    )
    counted = places if inside.all() else places[:, inside]
    x, y = (_span(counted[axis], plane.size[axis]) for axis in (0, 1))
    if (x[1] - x[0]) * (y[1] - y[0]) > BOX_PIXELS:
        for half in _halves(*block):
            _fill(target, plane, mapping, *half)
        return
    _interpolate(target, plane, (x, y), places, block)


def _inside(places: Doubles, size: tuple[int, int]) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        x, y = places
        found: NDArray[np.bool_] = (x >= -0.5) & (x <= size[0] - 0.5) & (y >= -0.5) & (y <= size[1] - 0.5)
        return found


def _span(places: Doubles, length: int) -> Span:
    low, high = int(np.floor(places.min())), int(np.ceil(places.max()))
    return max(0, low - _MARGIN), min(length, high + _MARGIN + 1)


def _halves(rows: slice, columns: slice) -> list[tuple[slice, slice]]:
    if rows.stop - rows.start >= columns.stop - columns.start:
        middle = (rows.start + rows.stop) // 2
        return [(slice(rows.start, middle), columns), (slice(middle, rows.stop), columns)]
    middle = (columns.start + columns.stop) // 2
    return [(rows, slice(columns.start, middle)), (rows, slice(middle, columns.stop))]


def _interpolate(
    target: _Target, plane: Plane, box: tuple[Span, Span], places: Doubles, block: tuple[slice, ...]
) -> None:
    values, weights = plane.values(*box), plane.weights(*box)
    values = np.where(np.isfinite(values), values, np.float32(np.nan))
    shift = np.array([box[0][0], box[1][0]], dtype=np.float64)[:, None, None]
    layers = values if weights is None else np.stack([values, np.where(weights > 0.0, weights, np.nan)])
    found = reprojected(layers, places - shift)
    if weights is None:
        target.values[block] = found
        return
    if target.weights is None:
        target.weights = blank_tile()
    counted = ~np.isnan(found).any(axis=0)
    target.values[block] = np.where(counted, found[0], np.nan)
    target.weights[block] = np.where(counted, found[1], np.nan)


def reprojected(layers: Values, places: Doubles) -> Values:
    """Bilinear values of layers ``(..., rows, columns)`` at places ``(2, n, m)``, x and y; NaN beside them,
    off the projection, and where one of the four neighbours is blank."""
    # here alone: it brings dask, for which nobody who only reads trees waits
    from reproject import reproject_interp  # type: ignore[import-untyped]

    if not np.isfinite(places).all():
        places = np.where(np.isfinite(places).all(axis=0), places, -10.0)
    found = np.empty((*layers.shape[:-2], *places.shape[1:]), dtype=np.float32)
    reproject_interp(
        (np.asarray(layers, dtype=np.float32), _ImageGrid()),
        _TileGrid(places),
        shape_out=found.shape,
        order="bilinear",
        roundtrip_coords=False,
        return_footprint=False,
        output_array=found,
    )
    return found


class _Place:
    """A place in the pixel plane of an image: the one kind of world coordinates of the two grids."""

    def __init__(self, *parts: Any) -> None:
        self.x, self.y = (parts[0].x, parts[0].y) if len(parts) == 1 else parts


class _Grid(BaseLowLevelWCS):  # type: ignore[misc]  # astropy has no types
    """A grid whose world is the pixel plane of an image (APE 14)."""

    pixel_n_dim = 2
    world_n_dim = 2
    world_axis_physical_types = ("custom:pixel.x", "custom:pixel.y")
    world_axis_units = ("pix", "pix")
    world_axis_object_components = (("place", 0, "x"), ("place", 1, "y"))
    world_axis_object_classes: Mapping[str, Any] = {"place": (_Place, (), {})}

    def pixel_to_world_values(self, *pixels: Any) -> Any:
        return pixels

    def world_to_pixel_values(self, *world: Any) -> Any:
        return world


class _ImageGrid(_Grid):
    """The image itself."""


class _TileGrid(_Grid):
    """All pixels of a block of a tile, in the order in which the library asks for them."""

    def __init__(self, places: Doubles) -> None:
        self._places = places.reshape(2, -1)

    def pixel_to_world_values(self, *pixels: Any) -> Any:
        return self._places[0], self._places[1]

    def world_to_pixel_values(self, *world: Any) -> Any:
        raise NotImplementedError("a block of a tile is only ever resampled onto")
