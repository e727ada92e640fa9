"""A run of the tool on some fields: their images are written, it makes tiles, parts are taken off these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hips.hipsgen.run import run
from hips.hipsgen.tool import Tool
from hips.images.engine import Part
from hips.images.errors import FieldFailed
from hips.images.field import Field, Plane, Span, Values
from hips.images.hipsgen.harvest import check_owner, data_on, read_tile
from hips.images.hipsgen.inputs import Read, pixels_of, write_image
from hips.images.hipsgen.lots import Cells, Job
from hips.images.hipsgen.zenithal import Zenithal
from hips.images.survey import reason_of
from hips.tiles.grid import pixel_side
from vo_service.pixels.sky_plane import SkyPlane

_OVERLOOKED = 4.0
"""Pixels of an image on a tile that is not there: the tool overlooks corners of images, and no more."""
_PARAMETERS = {
    "in": "in",
    "out": "out",
    "creator_did": "ivo://not.published/parts",
    "hips_pixel_bitpix": "-32",
    "maxRatio": "0",  # of the sides of an image: others are left out
    "partitioning": "false",  # it has wrong pixels beside the borders of its blocks
}


@dataclass(frozen=True, slots=True)
class Described:
    """A field, with what was found of it when it was opened first."""

    field: Field
    sky: SkyPlane
    size: tuple[int, int]
    wcs: Zenithal


@dataclass(frozen=True, slots=True)
class _Written:
    """A job whose images are in files; that of the weights where its plane has any."""

    job: Job
    weighed: bool


class Run:
    """A run in an empty directory."""

    def __init__(self, tool: Tool, folder: Path, fields: Mapping[int, Described]) -> None:
        self._tool = tool
        self._fields = fields
        self._values, self._weights = folder / "values", folder / "weights"

    def parts(self, jobs: Sequence[Job], failed: dict[int, str]) -> Iterator[tuple[Job, int, Part]]:
        """Each part with its job and cell. ``jobs`` are of one order and share no tile. Fields that turn out
        not to be had are put into ``failed`` with the reason. Raises HipsgenError, EngineFailed, OSError."""
        for folder in (self._values, self._weights):
            (folder / "in").mkdir(parents=True)
        written = [
            one for job in jobs if (one := self._attempt(job, failed)) is not None and self._holds(one)
        ]
        self._make_tiles(self._values, written)
        self._make_tiles(self._weights, [one for one in written if one.weighed])
        for one in written:
            try:
                yield from ((one.job, cell, part) for cell, part in self._parts_of(one))
            except FieldFailed as error:
                failed[one.job.number] = error.reason

    def _attempt(self, job: Job, failed: dict[int, str]) -> _Written | None:
        if job.number in failed:
            return None
        try:
            with opened(self._fields[job.number].field) as plane:
                return self._write(job, plane)
        except FieldFailed as error:
            failed[job.number] = error.reason
            for folder in (self._values, self._weights):  # the tool looks at all images that are there
                (folder / _source(job)).unlink(missing_ok=True)
            return None

    def _write(self, job: Job, plane: Plane) -> _Written | None:
        """None where there are no numbers for the job."""
        field, name = self._fields[job.number], _source(job)
        (left, _), (low, _) = job.box
        if not write_image(self._values / name, _failing(field.field, plane.values), job.box, field.wcs):
            return None
        weights = _failing(field.field, _counted(plane))
        if weights((left, left + 1), (low, low + 1)) is None:
            return _Written(job, weighed=False)
        if not write_image(self._weights / name, weights, job.box, field.wcs):
            return None
        return _Written(job, weighed=True)

    def _holds(self, one: _Written) -> bool:
        """Whether any of the cells has data: the tool ends with an error where none of a run has."""
        layers = self._layers(one)
        return any(self._data(one.job, cell, layers).any() for cell in one.job.cells.tolist())

    def _layers(self, one: _Written) -> list[Values]:
        return [pixels_of(folder / _source(one.job)) for folder in self._folders(one)]

    def _folders(self, one: _Written) -> list[Path]:
        return [self._values, self._weights] if one.weighed else [self._values]

    def _data(self, job: Job, cell: int, layers: Sequence[Values]) -> NDArray[np.bool_]:
        field = self._fields[job.number]
        return data_on(job.order, cell, field.sky, field.size, job.box, layers)

    def _make_tiles(self, folder: Path, written: Sequence[_Written]) -> None:
        if not written:
            return
        order = written[0].job.order
        region = _ranges(np.concatenate([one.job.cells for one in written]))
        parameters = _PARAMETERS | {
            "hips_order": str(order),
            "region": f"{order}/{region}",
            "maxThread": str(self._tool.threads),
        }
        run(self._tool, ("INDEX", "TILES"), parameters, folder)

    def _parts_of(self, one: _Written) -> Iterator[tuple[int, Part]]:
        job, field = one.job, self._fields[one.job.number]
        folders, layers = self._folders(one), self._layers(one)
        for cell in job.cells.tolist():
            data = self._data(job, cell, layers)
            tiles = [self._tile(folder, job, cell) for folder in folders]
            found = [np.where(data, tile, np.float32(np.nan)) for tile in tiles if tile is not None]
            if len(found) == len(folders):
                yield cell, Part(found[0], found[1] if one.weighed else None)
            else:
                _check_overlooked(field.field, job, cell, int(np.count_nonzero(data)))

    def _tile(self, folder: Path, job: Job, cell: int) -> Values | None:
        check_owner(folder / "out", job.order, cell, _source(job))
        return read_tile(folder / "out", job.order, cell)


@contextmanager
def opened(field: Field) -> Iterator[Plane]:
    """A field, open; what it raises when it is opened or closed is FieldFailed, but for a full disk."""
    with ExitStack() as stack:
        with _faults_of(field):
            plane = stack.enter_context(field.open())
        yield plane
        with _faults_of(field):
            stack.close()


@contextmanager
def _faults_of(field: Field) -> Iterator[None]:
    """What a field raises as FieldFailed; a full disk is none of its faults."""
    try:
        yield
    except Exception as error:
        raise FieldFailed(field.name, reason_of(error)) from error


def _failing(field: Field, read: Read) -> Read:
    """The same, with what it raises as FieldFailed."""

    def attempt(x: Span, y: Span) -> Values | None:
        with _faults_of(field):
            return read(x, y)

    return attempt


def _counted(plane: Plane) -> Read:
    """Weights of a plane that has some, NaN where they count nothing."""

    def read(x: Span, y: Span) -> Values | None:
        weights = plane.weights(x, y)
        return None if weights is None else np.where(weights > 0.0, weights, np.float32(np.nan))

    return read


def _check_overlooked(field: Field, job: Job, cell: int, data: int) -> None:
    """Raises FieldFailed for a tile that should be there."""
    lost = data * (pixel_side(job.order) / field.pixel_scale) ** 2
    if lost > _OVERLOOKED:
        raise FieldFailed(
            field.name, f"hipsgen made no tile {job.order}/{cell}, on which {lost:.0f} pixels lie"
        )


def _source(job: Job) -> str:
    """Name of the image of a job below its folder, as in the tool's index."""
    return f"in/{job.number}-{job.cells[0]}.fits"


def _ranges(cells: Cells) -> str:
    """Cells as the ASCII form of a MOC has them: ``4-7 9``."""
    runs = []
    for _, run_of in groupby(enumerate(np.unique(cells).tolist()), lambda pair: pair[1] - pair[0]):
        members = [cell for _, cell in run_of]
        runs.append(f"{members[0]}-{members[-1]}" if len(members) > 1 else str(members[0]))
    return " ".join(runs)
