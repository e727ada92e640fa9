"""The trees of all maps of an archive's rows: how many data sets look where, and for how long."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from hips.density.footprints import Touched, cover_footprints, cover_pixels
from hips.density.maps import Map, is_name_of_map, maps_of
from hips.density.observations import observed
from hips.density.tallies import Places, Tallies, tally
from hips.density.tiles import Limits, Sums
from hips.density.writing import Before, MapWriter
from hips.trees.description import Description
from hips.trees.held import read_held
from hips.trees.versions import Build, Trees
from hips.trees.wholes import (
    Contents,
    Report,
    Told,
    contents_of,
    dates_after,
    digest_of,
    silent,
    write_contents,
)
from vo_service.store.disk import disk_errors

LookAt = Callable[[str, Path], bool]
"""Whether a tree of a name is to be served, which is all there on the disk."""


def density_trees(
    trees: Trees,
    batches: Iterable[pa.RecordBatch],
    region: str,
    describe: Callable[[str], Description],
    *,
    moment: datetime | None = None,
    told: Told = silent,
    look_at: LookAt | None = None,
) -> list[Report]:
    """Build the trees ``density``, ``density-band-N``, ``exposure`` and ``exposure-band-N`` of all rows and
    serve them, each once it is there. Only who holds the lock of ``trees``.

    ``batches`` have `tallies.COLUMNS`, and the text of the region, as everybody sees it, in the column
    ``region``. ``describe`` gives, for the name of a tree, its identifier and what is true of all trees, with
    the name of the archive as the title. Trees of the same rows stay as they are, those with nothing to show
    any more go. ``moment`` (with its time zone) stands for now; ``look_at`` is asked before a new tree is
    served, and one that it is against is as it was before. Raises KeyError for a column that is not
    there, DiskFull and StoreError: trees that were not done yet are then served as they were before.
    """
    tallies = tally(batches, region)
    told("rows counted", int(tallies.rows.sum()), int(tallies.rows.sum()))
    wanted = [_Wanted(one, one.describe(describe(one.name), tallies)) for one in maps_of(tallies)]
    reports, due = [], []
    for one in wanted:
        current = trees.current(one.map.name)
        known = contents_of(current)
        if known is not None and known.digest == one.digest(tallies):
            reports.append(Report(one.map.name, current, False, known.tiles))
        else:
            due.append(one)
    if due:
        with disk_errors("counting data sets"), tempfile.TemporaryFile(dir=trees.directory) as file:
            looked = _look(tallies, Touched(file), told)
            build = partial(_build, trees, looked, moment or datetime.now(UTC), told, look_at or _take)
            reports += [build(one) for one in due]
    names = {one.map.name for one in wanted}
    for name in [name for name in trees.served() if is_name_of_map(name) and name not in names]:
        trees.withdraw(name)
        reports.append(Report(name, None, True))
    return sorted(reports, key=lambda report: report.name)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A map, and what its tree says of itself."""

    map: Map
    said: Description

    def digest(self, tallies: Tallies) -> str:
        return digest_of(self.said, self.map.digest(tallies))


@dataclass(frozen=True, slots=True, eq=False)
class _Looked:
    """Tallies with their pixels: ``owner`` is whose pixels each of them counts in, of so many ``owners``; -1
    where that is nobody."""

    tallies: Tallies
    touched: Touched
    owner: Places
    owners: int

    def sums(self, of: Map) -> Sums:
        """What a map counts, owner by owner."""
        owner = self.owner[of.tallies]
        counts, amounts, observation = of.counted(self.tallies)
        alone, known = (owner >= 0) & (observation == 0), (owner >= 0) & (observation != 0)
        single, times, shared = observed(owner[known], observation[known], amounts[known], self.owners)
        single += np.bincount(owner[alone], counts[alone], self.owners)
        times += np.bincount(owner[alone], amounts[alone], self.owners)
        return Sums(self.touched, single, times, shared)


def _look(tallies: Tallies, touched: Touched, told: Told) -> _Looked:
    """The owners of pixels are the footprints, and behind them single pixels of what has no footprint."""
    count = len(tallies.texts)
    known = cover_footprints(tallies.texts, touched, lambda done: told("footprints covered", done, count))
    by_footprint = (tallies.text >= 0) & np.append(known, False)[tallies.text]
    by_pixel = ~by_footprint & (tallies.pixel >= 0)
    pixels, number = np.unique(tallies.pixel[by_pixel], return_inverse=True)
    cover_pixels(pixels, count, touched)
    owner = np.where(by_footprint, tallies.text, -1)
    owner[by_pixel] = count + number
    return _Looked(tallies, touched, owner, count + len(pixels))


def _take(name: str, tree: Path) -> bool:
    """Nobody looks at it."""
    return True


def _build(
    trees: Trees, looked: _Looked, moment: datetime, told: Told, look_at: LookAt, wanted: _Wanted
) -> Report:
    name, sums = wanted.map.name, looked.sums(wanted.map)
    limits, leaves = Limits(), []
    for cell in looked.touched.tiles().tolist():
        runs = sums.tile(cell)
        if runs is not None:
            limits.see(runs.values())
            leaves.append(cell)
    current = trees.current(name)
    if not leaves:
        trees.withdraw(name)
        return Report(name, None, current is not None)
    with trees.draft(name) as draft:
        writer = MapWriter(
            draft,
            _before(current),
            sums,
            leaves,
            wanted.map.unit,
            limits.transfer(),
            lambda done: told(f"tiles of {name}", done, len(leaves)),
        )
        writer.write()
        known = contents_of(current)
        created, released = dates_after(known, moment)
        writer.finish(wanted.said, created, released)
        count = len(writer.records)
        write_contents(draft.directory, Contents(wanted.digest(looked.tallies), created, released, count))
        if not look_at(name, draft.tree):
            return Report(name, current, False, 0 if known is None else known.tiles)
        trees.publish(draft)
    return Report(name, draft, True, count)


def _before(current: Build | None) -> Before | None:
    if current is None:
        return None
    try:
        held = read_held(current.directory)
    except OSError:
        return None
    return Before(current.tree, {(tile.order, tile.cell): tile.digest for tile in held.tiles()})
