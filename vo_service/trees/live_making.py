"""The tree of one data set, made in a process of its own: what there is to know of it with its first frame,
or a run of other frames. Fit to be handed to a process."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hips.frames.making import HeldPlane, MaskPlane, make_frame, measured
from hips.frames.packed import FrameWriter
from hips.images.errors import FieldFailed
from hips.images.field import Plane
from hips.images.survey import Brightness, Surveyed, find_linear, find_transfer, survey
from hips.tiles.grid import order_for
from hips.tiles.pictures import Transfer
from hips.tiles.touched import touched_cells
from hips.trees.cell_sets import CellSet
from hips.trees.held import BLOCK_STEPS
from vo_service.atlas import NoMap, SingleDataset, Workbench, single_dataset
from vo_service.atlas.opening import view_of
from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.pixels import FitsError
from vo_service.pixels.compute.channels import NotComputable
from vo_service.pixels.sky_plane import SkyPlane
from vo_service.products.derived import ResultFile, write_result
from vo_service.products.faults import changed, unreadable
from vo_service.products.stored import StoredFile
from vo_service.sky.vectors import angle_of, positions
from vo_service.store import RootPlace
from vo_service.store.disk import is_full
from vo_service.trees.live_facts import NoTree, Told, TreeFacts
from vo_service.trees.live_survey import Looked, look_over, read_run

Doubles = NDArray[np.float64]

PRELOADED: Final = ("vo_service.trees.live_making", "reproject")
"""What the processes that make trees have loaded when they begin."""
_MOST_TILES: Final = 8192
"""Tiles at the deepest order that a plane may touch."""
_UNIT_LENGTH: Final = 60
_VIEW: Final = 2.2
"""How much wider than what it shows, from its middle to its rim, the first view is."""
_WIDEST: Final = 180.0
_NARROWEST: Final = 1e-7
_LOOKS: Final = 17
"""Places along each side at which it is looked for where an image lies."""
_NEARLY_NONE: Final = 1e-3
_BRIGHTNESS: Final = frozenset(("image", "cube", "moment0", "peak"))
"""Roles of images that show sources on noise."""
_FEW_GREYS: Final = 64
"""Fewer of them show nothing of an image, of whatever role: its values lie far from zero, or all below it."""
_MARGIN: Final = 0.05
"""Of the values that nearly all pixels have: greys go beyond by that."""
_PASSING: Final = ("changed", "unreadable", "permission")
"""Errors of files that say nothing of what these are when they can be read."""


@dataclass(frozen=True, slots=True)
class Source:
    """A data set by its name, its science file, where that lies, and where indexes of gzip files are kept."""

    name: str
    file: StoredFile
    place: RootPlace
    indexes: Path

    def open(self, scratch: Path) -> SingleDataset:
        """What it shows of the sky; what has to be laid aside lies in ``scratch``. Raises as
        `single_dataset`."""
        return single_dataset(self.name, self.file, self.place, Workbench(self.indexes, scratch))


@dataclass(frozen=True, slots=True)
class TreeMaking:
    """All that is known of a tree, and its first frame; or why there is no tree. Planes have at most
    ``most_pixels``, the result ``most_bytes``."""

    source: Source
    told: Told
    most_pixels: int
    most_bytes: int

    def __call__(self, out: Path) -> None:
        """Write the result into a new file. Raises ServiceError: 409 and 503; OSError of a full disk."""
        with _faults_told():
            write_result(out, partial(self._write, out.parent), self.most_bytes)

    def _write(self, scratch: Path, file: ResultFile) -> None:
        writer = FrameWriter(file.write)
        try:
            found: TreeFacts | NoTree = self._make(scratch, writer)
        except (NoMap, NotComputable) as error:
            found = NoTree(str(error))
        except FitsError as error:
            if error.kind in _PASSING:
                raise
            found = NoTree(error.message)
        writer.end(found.note())

    def _make(self, scratch: Path, writer: FrameWriter) -> TreeFacts:
        single = self.source.open(scratch)
        _require_bounded(single, self.most_pixels)
        looked = look_over(single, self.told.first)
        first = looked.brightest
        if first is None:
            raise NoMap("none of its pixels is a number")
        surveyed = _surveyed(single, first)
        transfer, greys_by = _transfer(self.told, single, surveyed, looked, first)
        sky = _sky_of(single)
        with single.plane(first).open() as plane:
            cells = make_frame(plane, surveyed.order, surveyed.cells, writer)
            is_all = single.channels == 1 or np.array_equal(
                looked.mask, np.isfinite(plane.values((0, single.size[0]), (0, single.size[1])))
            )
        most_bytes = writer.size
        if not is_all:
            any_of_them = MaskPlane(sky, looked.mask)
            cells, most_bytes = measured(any_of_them, surveyed.order, surveyed.cells)
        if len(looked.channels) < single.channels:  # others may hold data anywhere
            everywhere = MaskPlane(sky, np.ones_like(looked.mask))
            _, most_bytes = measured(everywhere, surveyed.order, surveyed.cells)
        if not cells:
            raise NoMap("none of its pixels with a value fills a pixel of a tile")
        covered = CellSet.of(np.full(len(cells), surveyed.order + BLOCK_STEPS), np.array(cells, np.int64))
        position, view = _view_of(sky, looked.mask)
        return TreeFacts(
            order=surveyed.order,
            frames=single.channels,
            first=first,
            looked_at=len(looked.channels),
            blank=looked.blank,
            unit=_unit(single),
            polarisation=single.polarisation,
            axis=single.axis,
            low=looked.lowest,
            high=float(np.nanmax(looked.highest)),
            transfer=transfer,
            greys_by=greys_by,
            position=position,
            view=view,
            frame_bytes=writer.size,
            most_bytes=most_bytes,
            plane_pixels=looked.mask.size,
            starts=tuple(covered.starts.tolist()),
            stops=tuple(covered.stops.tolist()),
        )


@dataclass(frozen=True, slots=True)
class FrameMaking:
    """Frames of a cube, counted from 0, ascending: one, or a run of several that are held together."""

    source: Source
    frames: tuple[int, ...]
    most_bytes: int

    def __call__(self, out: Path) -> None:
        """As `TreeMaking`, and ServiceError (404) where these frames cannot be had."""
        with _faults_told():
            write_result(out, partial(self._write, out.parent), self.most_bytes)

    def _write(self, scratch: Path, file: ResultFile) -> None:
        single = self.source.open(scratch)
        order = order_for(single.pixel_scale)
        cells = touched_cells(_sky_of(single), single.size, order)
        writer = FrameWriter(file.write)
        for place, plane in enumerate(_planes(single, self.frames)):
            if place:
                writer.next_plane()
            make_frame(plane, order, cells, writer)
        writer.end()


def _planes(single: SingleDataset, frames: tuple[int, ...]) -> Iterator[Plane]:
    """One after the other."""
    if len(frames) == 1:
        with single.plane(frames[0]).open() as plane:
            yield plane
        return
    start = frames[0]
    values = read_run(single, start, frames[-1] + 1)
    for frame in frames:
        yield HeldPlane(_sky_of(single), values[frame - start])


@contextmanager
def _faults_told() -> Iterator[None]:
    """Errors of files as a client is to see them; a full disk is left to whoever keeps the result."""
    try:
        yield
    except FitsError as error:
        if error.kind == "changed":
            raise changed() from error
        if error.kind in _PASSING:
            raise unreadable() from error
        raise ServiceError(ErrorKind.NOT_FOUND, f"These frames cannot be had: {error.message}.") from error
    except OSError as error:
        if is_full(error):
            raise
        raise unreadable() from error


def _require_bounded(single: SingleDataset, most: int) -> None:
    columns, rows = single.size
    if columns * rows > most:
        raise NoMap(
            f"its planes have {columns} x {rows} pixels; trees are made here of planes of up to {most} pixels"
        )


def _surveyed(single: SingleDataset, first: int) -> Surveyed:
    """Order, cells and brightness of the first frame. Raises NoMap, and what reading raises."""
    try:
        found = survey(single.plane(first))
    except FieldFailed as error:
        if isinstance(error.__cause__, FitsError | OSError | MemoryError):
            raise error.__cause__ from error
        raise NoMap(error.reason) from error
    if len(found.cells) > _MOST_TILES:
        raise NoMap(f"it touches {len(found.cells)} tiles of order {found.order}, more than {_MOST_TILES}")
    return found


def _transfer(
    told: Told, single: SingleDataset, surveyed: Surveyed, looked: Looked, first: int
) -> tuple[Transfer, str]:
    """The one transfer function of all frames, and what it was chosen by (HIPS-029)."""
    lowest, highest = looked.lowest, float(np.nanmax(looked.highest))
    if single.origin.file.role in _BRIGHTNESS:
        by_noise = _by_noise(told, single, surveyed, highest)
        first_grey, last_grey = by_noise.greys(np.array([[lowest, highest]], np.float32))[0].tolist()
        if last_grey - first_grey >= _FEW_GREYS:
            measured_ones = "chosen by the measured noise and peak"
            seen = f"chosen by the statistics of {_seen(single, looked, first)}"
            return by_noise, measured_ones if _is_measured(told, single) else seen
    if single.channels == 1:
        low, high = surveyed.common
        margin = _MARGIN * (high - low)
        lowest, highest = max(lowest, low - margin), min(highest, high + margin)
    seen = "the image" if single.channels == 1 else f"{len(looked.channels)} frames"
    return find_linear(lowest, highest), f"chosen so that greys are in proportion to the values of {seen}"


def _by_noise(told: Told, single: SingleDataset, surveyed: Surveyed, highest: float) -> Transfer:
    """As of an image of sources on noise."""
    if _is_measured(told, single):
        assert told.rms is not None and told.peak is not None
        return find_transfer([Brightness(told.rms, told.peak)])
    return find_transfer([Brightness(surveyed.brightness.sigma, highest)])


def _is_measured(told: Told, single: SingleDataset) -> bool:
    """Whether noise and peak are those of the values as they are shown."""
    return told.rms is not None and told.peak is not None and told.rms > 0.0 and told.unit == single.unit


def _seen(single: SingleDataset, looked: Looked, first: int) -> str:
    if single.channels == 1:
        return "the image"
    return f"frame {first} and the highest value of {len(looked.channels)}"


def _unit(single: SingleDataset) -> str | None:
    """As it can stand in a FITS header."""
    unit = single.unit
    return unit if unit and unit.isascii() and unit.isprintable() and len(unit) <= _UNIT_LENGTH else None


def _sky_of(single: SingleDataset) -> SkyPlane:
    sky = view_of(single.origin).sky
    assert sky is not None  # or there were no data set
    return sky


def _view_of(sky: SkyPlane, mask: NDArray[np.bool_]) -> tuple[tuple[float, float], float]:
    """The middle of the pixels with a value, and how wide a view of all of them is, in degrees."""
    x, y = (_places(np.asarray(mask.any(axis=axis))) for axis in (0, 1))
    places = sky.grid(x, y).reshape(-1, 3)
    places = places[np.isfinite(places[:, 0])]
    total = places.mean(axis=0) if len(places) else np.array([1.0, 0.0, 0.0])
    length = float(np.linalg.norm(total))
    centre = total / length if length > _NEARLY_NONE else places[0]
    radius = float(np.max(angle_of(np.linalg.norm(places - centre, axis=1)), initial=0.0))
    lon, lat = positions(centre[None])
    view = min(_WIDEST, max(_NARROWEST, math.degrees(_VIEW * radius)))
    return (round(float(lon[0]), 7), round(float(lat[0]), 7)), float(f"{view:.4g}")


def _places(held: NDArray[np.bool_]) -> Doubles:
    """Pixel coordinates, the first is 1, evenly over those that hold anything."""
    found = np.flatnonzero(held)
    return np.linspace(found[0] + 0.5, found[-1] + 1.5, _LOOKS)
