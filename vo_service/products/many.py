"""Many results of one data set, one after the other: its files are opened once, and what has to be computed
shares a process.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from vo_service.access import Viewer
from vo_service.dali.errors import ServiceError
from vo_service.pixels.cutout.plan import PlannedBytes
from vo_service.pixels.cutout.select_sky import SkyBox, boxes_by_border, sky_box
from vo_service.pixels.sky_plane import SkyPlane
from vo_service.products.cutting import OpenFile
from vo_service.products.datasets import DataSet
from vo_service.products.derived import ResultFile, write_result
from vo_service.products.faults import faults_told
from vo_service.products.making import Making, open_input
from vo_service.products.planning import Planner, files_wanted
from vo_service.products.selection import NoOverlap
from vo_service.products.shelf import Shelf
from vo_service.products.stored import OpenSource, StoredFile
from vo_service.products.wanted import Wanted
from vo_service.sky import Region

Fault = ServiceError | NoOverlap
"""Why there is no result."""


class ManyResults:
    """A data set, each file of which is opened when it is first wanted, and stays open. For one thread."""

    def __init__(self, planner: Planner, shelf: Shelf, found: DataSet) -> None:
        self._planner = planner
        self._shelf = shelf
        self._found = found
        self._facts = found.facts()
        self._opened: dict[str, OpenSource] = {}
        self._shapes: list[Region] = []
        self._boxes: dict[SkyPlane, dict[Region, SkyBox]] = {}

    def expect(self, shapes: Sequence[Region]) -> None:
        """These shapes will be asked for: the pixels of all are found at once when the first one is."""
        self._shapes = list(dict.fromkeys(shapes))
        self._boxes.clear()

    def require_open(self, wanted: Wanted, viewer: Viewer) -> None:
        """The gate, at this moment. Raises Closed where the viewer may not have one of the files."""
        for file in files_wanted(self._found, wanted):
            self._shelf.require_open(file, viewer)

    def plan(self, wanted: Wanted, viewer: Viewer) -> PlannedBytes | None:
        """A result that lies in the files as it is, good until this is closed; None for one that has to be
        computed. The gate is asked each time.

        Raises Closed where the viewer may not have one of the files, NoOverlap, and ServiceError as
        `Results.make`.
        """
        self.require_open(wanted, viewer)
        files = files_wanted(self._found, wanted)
        opened = [self._open(file) for file in files]
        return self._planner.planned(self._found, wanted, files, opened, _nothing, self._facts, self._box_of)

    def making(self, wanted: Sequence[Wanted]) -> ManyMaking:
        """How several results are computed together. Whoever computes them asks the gate before, and once
        more before a result is given away (`require_open`). Raises ServiceError."""
        makings = []
        for one in wanted:
            files = files_wanted(self._found, one)
            opened = [self._open(file) for file in files]
            makings.append(self._planner.making(self._found, one, files, opened))
        return ManyMaking(tuple(makings))

    def close(self) -> None:
        """Close the files."""
        for each in self._opened.values():
            each.close()
        self._opened.clear()

    def _box_of(self, plane: SkyPlane, shape: Region) -> SkyBox | None:
        boxes = self._boxes.get(plane)
        if boxes is None:
            boxes = self._boxes[plane] = boxes_by_border(plane, self._shapes)
        return boxes.get(shape) or sky_box(plane, shape)

    def _open(self, file: StoredFile) -> OpenSource:
        opened = self._opened.get(file.product_id)
        if opened is None:
            opened = self._opened[file.product_id] = self._shelf.open_source(file)
        return opened


@dataclass(frozen=True, slots=True)
class ManyMaking:
    """Results of one data set that are made one after the other, of files that are opened once. Fit to be
    handed to a process."""

    makings: tuple[Making, ...]

    def __call__(self, folder: Path) -> list[Fault | None]:
        """Write the results into new files of ``folder``, called by their places from 0, each as `Derived`
        keeps it; why there is none of those that are not there.

        Raises ServiceError where the files cannot be read, or have changed: then no result counts. OSError of
        a full disk.
        """
        with faults_told(), ExitStack() as stack:
            inputs = {each.file.product_id: each for making in self.makings for each in making.inputs}
            opened = {name: stack.enter_context(open_input(each, folder)) for name, each in inputs.items()}
            return [
                _made(making, [opened[each.file.product_id] for each in making.inputs], folder / str(place))
                for place, making in enumerate(self.makings)
            ]


def _made(making: Making, opened: Sequence[OpenFile], out: Path) -> Fault | None:
    aside = out.with_suffix(".binned")

    def write(file: ResultFile) -> None:
        making.write_opened(opened, aside, file)

    try:
        with faults_told():
            write_result(out, write, making.most_bytes)
    except (ServiceError, NoOverlap) as fault:
        out.unlink(missing_ok=True)
        return fault
    return None


def _nothing() -> None:
    """The files stay open."""
