"""What is wrong with a field, and what is not: a disk that is full, a file that changes while it is read."""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from built_trees import House
from made_fields import FileField

from hips.hipsgen.tool import Tool
from hips.images.errors import FieldFailed
from hips.images.hipsgen.lots import Job as Lot
from hips.images.hipsgen.lots import Reach
from hips.images.hipsgen.runs import Described, Run, opened
from hips.images.hipsgen.zenithal import zenithal
from hips.images.plan import Node
from hips.images.resample import OpenSheets, Reproject
from hips.images.work import Job, Worker
from hips.tiles.grid import order_for
from hips.tiles.pictures import Transfer
from hips.tiles.touched import touched_cells
from hips.trees.held import read_held
from vo_service.pixels.fits_header import FitsError
from vo_service.store.errors import DiskFull

NAME = "continuum-band-6"
CHANGED = "this file has changed since it was ingested"
PLACE = (50.0, 10.0)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@dataclass(frozen=True)
class Flagged(FileField):
    """A field that has something to tell as soon as a flag is there."""

    flag: Path = Path()

    def tell(self) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class Full(Flagged):
    """It has to be laid aside to be read, and there is no room."""

    @contextmanager
    def open(self):
        if self.flag.exists():
            raise OSError(errno.ENOSPC, "No space left on device", str(self.path))
        with super().open() as plane:
            yield plane


@dataclass(frozen=True)
class Away(Flagged):
    """Its disk is not there."""

    @contextmanager
    def open(self):
        if self.flag.exists():
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(self.path))
        with super().open() as plane:
            yield plane


@dataclass(frozen=True)
class Changed(Flagged):
    """It changes while it is read, which is told when it is closed."""

    @contextmanager
    def open(self):
        with super().open() as plane:
            yield plane
        if self.flag.exists():
            raise FitsError("changed", CHANGED)


class Flagging(Reproject):
    """The engine, which raises a flag before tiles are made."""

    def __init__(self, flag: Path) -> None:
        super().__init__()
        self.flag = flag

    def prepare(self, wanted, scratch, told):
        self.flag.touch()
        return super().prepare(wanted, scratch, told)


Make = Callable[..., Flagged]


@pytest.fixture
def make(house: House) -> Make:
    """A field of some class in the middle of the others; one flag for all."""

    def one(kind: type[Flagged], name: str = "odd", place: tuple[float, float] = PLACE) -> Flagged:
        return kind(**house.field(name, place, 2.0).__dict__ | {"flag": house.directory / "flag"})

    return one


def members(house: House) -> tuple[str, ...]:
    build = house.trees.current(NAME)
    return () if build is None else read_held(build.directory).names


@pytest.mark.parametrize("processes", [1, 2])
def test_a_disk_that_is_full_when_fields_are_looked_at_takes_nothing_out_of_a_tree(house, make, processes):
    plain = [house.field(f"plain{n}", (10.0 + n, 10.0), 2.0) for n in range(processes)]
    full = make(Full)
    first = house.build([*plain, full])
    full.flag.touch()
    with pytest.raises(DiskFull, match=NAME):
        house.build([*(one.changed("2") for one in plain), full.changed("2")], processes=processes)
    with pytest.raises(DiskFull, match=NAME):
        house.build([full.changed("2")])
    assert house.trees.current(NAME) == first.build
    assert "odd" in members(house)


def test_a_tree_stays_while_none_of_its_fields_can_be_read(house, make):
    away = make(Away)
    first = house.build([away])
    away.flag.touch()
    report = house.build([away.changed("2")])
    assert (report.build, report.changed) == (first.build, False)
    assert dict(report.left_out) == {"odd": "No such file or directory"}
    (first.build.directory / "build.json").write_text("{}")  # of another version, say
    assert house.build([away.changed("2")]).build == first.build
    assert members(house) == ("odd",)
    # nothing of it is asked for any more: then it goes, whether or not the others can be read
    (house.directory / "flag").unlink()
    house.build([away.changed("3")])
    away.flag.touch()
    assert house.build([make(Away, "other").changed("2")]).build is None
    assert house.trees.served() == {}


@pytest.mark.parametrize("processes", [1, 2])
def test_a_file_that_changes_while_it_is_read_is_left_out_and_no_other(house, make, processes):
    plain, odd = house.field("plain", (10.0, 10.0), 2.0), make(Changed)
    report = house.build([plain, odd], engine=Flagging(odd.flag), processes=processes)
    assert dict(report.left_out) == {"odd": CHANGED}
    assert members(house) == ("plain",)  # what it gave before it was closed is in no tile
    order = order_for(plain.pixel_scale)
    cells = {tile.cell for tile in read_held(report.build.directory).tiles() if tile.order == order}
    odd.flag.unlink()
    with odd.open() as plane:
        assert cells.isdisjoint(touched_cells(plane.sky, plane.size, order).tolist())


def test_a_file_that_changed_is_told_by_its_own_name_when_another_is_opened(house, make, tmp_path):
    # 17 fields on one tile: the first is closed to make room for the last
    fields = [make(Changed), *(house.field(f"f{n:02d}", PLACE, 2.0) for n in range(16))]
    order = order_for(fields[0].pixel_scale)
    with fields[0].open() as plane:
        cell = int(touched_cells(plane.sky, plane.size, order)[0])
    fields[0].flag.touch()
    (tmp_path / "tree").mkdir()
    transfer = Transfer(low=0.0, high=1.0, softening=0.1)
    worker = Worker(Job(fields, OpenSheets(), tmp_path / "tree", None, transfer, "Jy"))
    made = worker.make(Node(order, cell, b"", fields=tuple(range(17))))
    assert made.failed == {0: CHANGED}


def test_what_hipsgen_is_to_read_fails_with_the_same_words(house, make):
    flag = house.directory / "flag"
    with opened(make(Changed)) as plane:
        assert plane.size == (90, 80)
    flag.touch()
    with pytest.raises(FieldFailed) as changed, opened(make(Changed)):
        pass
    assert (changed.value.name, changed.value.reason) == ("odd", CHANGED)
    with pytest.raises(FieldFailed) as away, opened(make(Away)):
        pass
    assert away.value.reason == "No such file or directory"  # and no path
    with pytest.raises(OSError, match="No space left") as full, opened(make(Full)):
        pass
    assert full.value.errno == errno.ENOSPC


def test_no_image_of_a_field_that_changed_is_left_for_hipsgen(house, make, tmp_path):
    odd = make(Changed)
    with odd.open() as plane:
        sky, size = plane.sky, plane.size
    wcs = zenithal(sky, size)
    assert wcs is not None
    order = order_for(odd.pixel_scale)
    cells = np.asarray(touched_cells(sky, size, order), dtype=np.int64)
    box = ((0, size[0]), (0, size[1]))
    lot = Lot(0, order, cells, box, Reach(order, frozenset()))
    odd.flag.touch()
    failed: dict[int, str] = {}
    run = Run(
        Tool(Path("java"), Path("none.jar"), "12"), tmp_path / "run", {0: Described(odd, sky, size, wcs)}
    )
    assert list(run.parts([lot], failed)) == []
    assert failed == {0: CHANGED}
    assert [path for path in (tmp_path / "run").rglob("*") if path.is_file()] == []
