"""What a process does of a tree: makes tiles from the bottom up, in memory, and writes them."""

from __future__ import annotations

import errno
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hips.images.coadd import Coadd
from hips.images.engine import Sheet, Sheets
from hips.images.errors import FieldFailed
from hips.images.field import Field, Values
from hips.images.plan import Node
from hips.images.survey import Surveyed, reason_of, survey
from hips.tiles import allsky
from hips.tiles.files import as_kept, fits_tile, kept_file, read_tile
from hips.tiles.parents import halved, put_together
from hips.tiles.pictures import Transfer, png_tile
from hips.trees.held import TileRecord, blocks_of
from hips.trees.layout import TileName, keep_file
from vo_service.store.disk import link_file

FORMATS = ("fits", "png")
_OPEN_AT_MOST = 16
"""Fields that a process holds open."""


class TileLost(Exception):
    """A tile that the build before should have is not there: nothing of that build can be relied on."""


@dataclass(frozen=True, slots=True)
class Job:
    """All that is the same for all tiles of a build; it is sent to each process once."""

    fields: Sequence[Field]
    sheets: Sheets
    tree: Path
    before: Path | None
    """The tree of the build before."""
    transfer: Transfer
    unit: str


@dataclass(slots=True)
class Made:
    """What became of a part of a tree: records of the tiles that were made, what its topmost tile is for its
    parent (None without data), its tiles of order 3 as they stand in the Allsky, the fields that failed."""

    records: list[TileRecord] = field(default_factory=list)
    half: Values | None = None
    allsky: dict[int, Values] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)


def survey_one(one: Field) -> Surveyed | str:
    """What a field is like, or why it cannot be had. Raises OSError where the disk is full."""
    try:
        return survey(one)
    except FieldFailed as error:
        return error.reason


class Worker:
    """Makes parts of one tree. Fields stay open no longer than a part is made: some tell only when they are
    closed that they have changed meanwhile."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._open: OrderedDict[int, tuple[AbstractContextManager[Sheet], Sheet]] = OrderedDict()
        self._folders: set[Path] = set()
        self._failed: dict[int, str] = {}

    def make(self, node: Node) -> Made:
        """A tile with all below it. Raises OSError where it cannot be written, TileLost."""
        made = Made()
        self._failed = made.failed
        try:
            values = self._make(node, made)
        finally:
            while self._open:
                self._close_one()
        made.half = None if values is None else halved(values)
        return made

    def join(self, node: Node, halves: Mapping[int, Values]) -> Made:
        """A tile whose children are made: halves of those with data, by their cells modulo 4."""
        made = Made()
        values = put_together(halves) if halves else None
        self._keep(node, values, (), made)
        made.half = None if values is None else halved(values)
        return made

    def _make(self, node: Node, made: Made) -> Values | None:
        if node.unchanged:
            return self._take_over(node, made)
        members: Sequence[int] = ()
        if node.fields:
            values, members = self._coadd(node)
        else:
            found = {child.cell & 3: self._make(child, made) for child in node.children}
            halves = {place: halved(child) for place, child in found.items() if child is not None}
            values = put_together(halves) if halves else None
        self._keep(node, values, members, made)
        return values

    def _coadd(self, node: Node) -> tuple[Values | None, Sequence[int]]:
        coadd = Coadd()
        for number in node.fields:
            one = self._job.fields[number]
            if not coadd.wants(one.resolution):
                break  # and none of the others, which are coarser
            if number in self._failed:
                continue
            try:
                part = self._sheet(number).part(node.order, node.cell)
                if part is not None:
                    coadd.add(number, one.resolution, one.weight, part)
            except Exception as error:  # whatever is wrong with a field is never the end of the others
                self._failed[number] = reason_of(error)
        return coadd.values(), coadd.members

    def _sheet(self, number: int) -> Sheet:
        known = self._open.get(number)
        if known is not None:
            self._open.move_to_end(number)
            return known[1]
        while len(self._open) >= _OPEN_AT_MOST:
            self._close_one()
        opening = self._job.sheets.open(self._job.fields[number])
        sheet = opening.__enter__()
        self._open[number] = opening, sheet
        return sheet

    def _close_one(self) -> None:
        number, (opening, _) = self._open.popitem(last=False)
        try:
            opening.__exit__(None, None, None)
        except Exception as error:  # of this field, whichever is opened in its place
            self._failed[number] = reason_of(error)

    def _keep(self, node: Node, values: Values | None, members: Sequence[int], made: Made) -> None:
        leaf = bool(node.fields)
        if values is None:
            made.records.append(_record(node, leaf, 0, (np.nan, np.nan), 0, (), filled=False))
            return
        size = self._write(node, values)
        if node.order == allsky.ORDER:
            made.allsky[node.cell] = allsky.reduced(values)
        blocks = blocks_of(values) if leaf else 0
        ends = (float(np.nanmin(values)), float(np.nanmax(values))) if leaf else (np.nan, np.nan)
        made.records.append(_record(node, leaf, blocks, ends, size, tuple(members), filled=True))

    def _write(self, node: Node, values: Values) -> int:
        fits = fits_tile(node.order, node.cell, values, self._job.unit)
        name, content = as_kept(self._name(node, "fits"), fits, float(np.isnan(values).mean()))
        picture = png_tile(self._job.transfer.greys(values))
        self._place(name)
        keep_file(self._job.tree, self._job.before, name, content)
        keep_file(self._job.tree, self._job.before, self._name(node, "png"), picture)
        return len(content) + len(picture)

    @staticmethod
    def _name(node: Node, extension: str) -> str:
        return str(TileName(node.order, node.cell, extension))

    def _place(self, name: str) -> Path:
        """The path of a file in the tree, whose directory is there."""
        path = self._job.tree / name
        if path.parent not in self._folders:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._folders.add(path.parent)
        return path

    def _take_over(self, node: Node, made: Made) -> Values | None:
        """Tiles of the build before, under a second name: their files are the same, with their times."""
        before = self._job.before
        assert before is not None
        for tile in node.below():
            if tile.filled:
                for extension in FORMATS:
                    self._link(before, tile, extension)
                if tile.order == allsky.ORDER:
                    made.allsky[tile.cell] = allsky.reduced(self._read(tile))
        return self._read(node) if node.filled else None

    def _read(self, node: Node) -> Values:
        return read_tile(self._job.tree / self._name(node, "fits"))

    def _link(self, before: Path, tile: Node, extension: str) -> None:
        name = self._name(tile, extension)
        source = kept_file(before / name)
        if source is None:
            raise TileLost(name)
        try:
            link_file(source, self._place(name).with_name(source.name))
        except OSError as error:
            if error.errno == errno.ENOENT:
                raise TileLost(source.name) from error
            raise


def _record(
    node: Node,
    leaf: bool,
    blocks: int,
    ends: tuple[float, float],
    size: int,
    members: tuple[int, ...],
    filled: bool,
) -> TileRecord:
    return TileRecord(node.order, node.cell, node.digest, leaf, filled, blocks, *ends, size, members)


_worker: list[Worker] = []


def begin(job: Job | None) -> None:
    """The work that this process will be asked for; None ends what it was asked for before."""
    _worker[:] = [] if job is None else [Worker(job)]


def make(node: Node) -> Made:
    """`Worker.make` of the work that was begun."""
    return _worker[0].make(node)


def join(node: Node, halves: Mapping[int, Values]) -> Made:
    """`Worker.join` of the work that was begun."""
    return _worker[0].join(node, halves)
