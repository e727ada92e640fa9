"""An image tree from its fields: what has changed since the build before is made, the rest taken over."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path

from hips.images import work
from hips.images.crew import crew
from hips.images.depth import Extent
from hips.images.engine import Engine
from hips.images.errors import ImagesError
from hips.images.facts import Facts, read_facts, write_facts
from hips.images.field import Field
from hips.images.finish import Finished, finish
from hips.images.plan import Before, Ingredients, Node, contents_of, in_order, plan_tree, wanted_of
from hips.images.survey import Brightness, Surveyed, find_transfer, still_fits
from hips.images.tiling import Tiled, make_tiles, taken_over
from hips.images.work import Job, TileLost
from hips.tiles.pictures import Transfer
from hips.trees.description import Description
from hips.trees.held import Member, TileRecord, read_held, write_held
from hips.trees.versions import Build, Trees
from vo_service.store.disk import disk_errors, remove_tree

Describe = Callable[[Sequence[str]], Description]
"""From the names of its members, in order, to what a tree says of itself. The unit is the same for all."""
Told = Callable[[str, int, int], None]
"""Of progress: what is being done, how much of it is done, of how much."""


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a tree. ``build`` is what is served from now on, None where there is no tree: no field
    could be had, and none that is asked for is in the tree before. ``changed`` says whether it is another
    than before."""

    name: str
    build: Build | None
    changed: bool
    order: int = 0
    """hips_order."""
    made: int = 0
    """Tiles with data that were made; ``kept`` those that were taken over."""
    kept: int = 0
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Names of the fields that could not be had, and why."""


def build_tree(
    name: str,
    fields: Sequence[Field],
    engine: Engine,
    trees: Trees,
    describe: Describe,
    *,
    processes: int = 1,
    moment: datetime | None = None,
    told: Told | None = None,
    transfer: Transfer | None = None,
    look_at: Callable[[Path], object] | None = None,
) -> Report:
    """Build, or build anew, the tree of that name and serve it. Only who holds the lock of ``trees``. Before
    a new one is served ``look_at`` is called with it, which raises TreeRefused where it should not be.

    Whatever the order of the fields and the number of processes, the same fields give the same tiles. The
    transfer function of pictures, unless one is given, stays that of the first build as long as it fits (see
    `survey.still_fits`) and all fields that it was found from are among the fields: it tells their noise and
    peak. ``moment`` (with its time zone) stands for now. Raises ValueError for two fields of one name,
    EngineFailed, DiskFull and StoreError, ImagesError where a process died, TreeRefused; the tree that was
    served before is then served still, and each ImagesError tells the fields that were left out by then.
    """
    look = look_at or _take
    building = _Building(name, engine, trees, describe, processes, told or _silent, look, transfer)
    try:
        return building.run(in_order(fields), moment or datetime.now(UTC))
    except ImagesError as error:
        error.left_out = building.left_out
        raise


def _silent(doing: str, done: int, of: int) -> None:
    """Nobody wants to know."""


def _take(tree: Path) -> None:
    """Nobody looks at it."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What a build knows: its tree, its tiles, the names of its members by number."""

    tree: Path | None = None
    tiles: Before = field(default_factory=dict)
    members: Sequence[Member] = ()
    facts: Facts | None = None


_NOTHING = _Known()


@dataclass(frozen=True, slots=True)
class _Tree:
    """Tiles that are all there."""

    fields: Sequence[Field]
    records: Sequence[TileRecord]
    made: Tiled
    contents: str


@dataclass(slots=True)
class _Building:
    """One build of one tree."""

    name: str
    engine: Engine
    trees: Trees
    describe: Describe
    processes: int
    told: Told
    look_at: Callable[[Path], object]
    given: Transfer | None
    left_out: dict[str, str] = field(default_factory=dict)
    surveyed: dict[str, Surveyed | Member] = field(default_factory=dict)
    brightness: dict[str, Brightness] = field(default_factory=dict)
    transfer_from: list[str] = field(default_factory=list)
    lost: bool = False
    """Whether tiles of the build before turned out not to be there."""

    def run(self, fields: Sequence[Field], moment: datetime) -> Report:
        current = self.trees.current(self.name)
        unit = self.describe([one.name for one in fields]).unit
        known = _known(current, unit)
        asked = {one.name for one in fields}
        fields = self._survey(fields, known)
        if not fields:
            return self._nothing(current, known, asked)
        transfer = self.given or self._transfer(fields, asked, known.facts)
        contents = contents_of(self._plan(fields, unit, transfer, known.tiles))
        if current is not None and self._is_as_before(known, contents, fields, list(known.tiles.values())):
            return self._unchanged(current, known)
        with self.trees.draft(self.name) as draft:
            tree = self._make(draft, fields, unit, transfer, known)
            if not any(record.filled for record in tree.records):
                return self._nothing(current, known, asked)
            if current is not None and self._is_as_before(known, tree.contents, tree.fields, tree.records):
                return self._unchanged(current, known)
            order = self._finish(draft, tree, unit, transfer, known, moment)
            self.look_at(draft.tree)
            self.trees.publish(draft)
        made = sum(record.filled for record in tree.made.records)
        kept = sum(record.filled for record in tree.records) - made
        return Report(self.name, draft, True, order, made, kept, self.left_out)

    def _is_as_before(
        self, known: _Known, contents: str, fields: Sequence[Field], records: Sequence[TileRecord]
    ) -> bool:
        """Whether all tiles, and what the tree says of itself, are the same again. With the same tiles,
        members have the numbers that they had."""
        facts = known.facts
        if facts is None or self.lost or facts.contents != contents:
            return False
        return facts.said == self._said(fields, records)

    def _unchanged(self, current: Build, known: _Known) -> Report:
        order = 0 if known.facts is None else known.facts.order
        kept = sum(tile.filled for tile in known.tiles.values())
        return Report(self.name, current, False, order, 0, kept, self.left_out)

    def _nothing(self, current: Build | None, known: _Known, asked: Set[str]) -> Report:
        """No field can be had. The tree before goes where nothing is asked for that is in it; files that
        cannot be read this time take no tree with them."""
        gone = not asked or (known.facts is not None and asked.isdisjoint(one.name for one in known.members))
        if current is not None and not gone:
            return self._unchanged(current, known)
        self.trees.withdraw(self.name)
        return Report(self.name, None, current is not None, left_out=self.left_out)

    def _survey(self, fields: Sequence[Field], known: _Known) -> list[Field]:
        """The fields that can be had; those that the build before had in this state are not looked at."""
        members = {member.name: member for member in known.members}
        brightness = {} if known.facts is None else known.facts.brightness
        new = []
        for one in fields:
            member = members.get(one.name)
            if member is not None and member.state == one.state and one.name in brightness:
                self.surveyed[one.name], self.brightness[one.name] = member, brightness[one.name]
            else:
                new.append(one)
        looking_at = disk_errors(f"looking at the fields of the tree {self.name}")
        with looking_at, crew(min(self.processes, len(new)), None) as looking:
            for one in new:
                looking.hand(one.name, work.survey_one, one)
            for done, (name, found) in enumerate(looking.results(), 1):
                if isinstance(found, str):
                    self.left_out[name] = found
                else:
                    self.surveyed[name], self.brightness[name] = found, found.brightness
                self.told("fields looked at", done, len(new))
        return [one for one in fields if one.name in self.surveyed]

    def _transfer(self, fields: Sequence[Field], asked: Set[str], before: Facts | None) -> Transfer:
        """That of the build before as long as it fits, and tells of no field that is not asked for any more;
        else another."""
        found = find_transfer(self.brightness[one.name] for one in fields)
        all_asked = before is not None and asked >= set(before.transfer_from)
        if before is not None and all_asked and still_fits(before.transfer, found):
            self.transfer_from = before.transfer_from
            return before.transfer
        self.transfer_from = sorted(one.name for one in fields)
        return found

    def _plan(self, fields: Sequence[Field], unit: str, transfer: Transfer, before: Before) -> list[Node]:
        extents = [Extent(found.order, found.cells) for found in (self.surveyed[one.name] for one in fields)]
        engine = f"{self.engine.name}/{self.engine.version}"
        return plan_tree(fields, extents, Ingredients(engine, unit, repr(transfer)), before)

    def _make(
        self, draft: Build, fields: Sequence[Field], unit: str, transfer: Transfer, known: _Known
    ) -> _Tree:
        """All tiles, of the fields that can be had. Where some turn out not to be, once more without them:
        then what was made the first time is what tiles are taken over from."""
        while True:
            roots = self._plan(fields, unit, transfer, known.tiles)
            scratch = draft.directory / "scratch"
            scratch.mkdir()
            sheets = self.engine.prepare(wanted_of(roots, fields), scratch, self._told_of("fields prepared"))
            failed = dict(sheets.failed)
            if not failed:
                job = Job(fields, sheets, draft.tree, known.tree, transfer, unit)
                try:
                    tiled = make_tiles(job, roots, self.processes, self._told_of("tiles made"))
                except TileLost:  # somebody has had a hand in the build before
                    _empty(draft.tree)
                    remove_tree(scratch)
                    known, self.lost = _NOTHING, True
                    continue
                numbers = _numbers(known.members, fields)
                records = [*tiled.records, *taken_over(roots, known.tiles, numbers)]
                failed = {fields[number].name: reason for number, reason in tiled.failed.items()}
                if failed:
                    known = self._aside(draft, fields, records)
            remove_tree(scratch)
            if not failed:
                return _Tree(fields, records, tiled, contents_of(roots))
            self.left_out |= failed
            fields = [one for one in fields if one.name not in failed]

    def _aside(self, draft: Build, fields: Sequence[Field], records: Sequence[TileRecord]) -> _Known:
        """Tiles that were made with fields that failed, put where they can be taken over from."""
        aside = draft.directory / "aside"
        remove_tree(aside)
        draft.tree.rename(aside)
        draft.tree.mkdir()
        tiles = {(record.order, record.cell): record for record in records}
        return _Known(aside, tiles, self._members(fields))

    def _told_of(self, doing: str) -> Callable[[int, int], None]:
        return lambda done, of: self.told(doing, done, of)

    def _finish(
        self, draft: Build, tree: _Tree, unit: str, transfer: Transfer, known: _Known, moment: datetime
    ) -> int:
        """All that is beside the tiles; hips_order."""
        remove_tree(draft.directory / "aside")
        released = moment.replace(second=0, microsecond=0)
        created = released
        if known.facts is not None:
            created = known.facts.created
            released = max(released, known.facts.released + timedelta(minutes=1))
        members = self._members(tree.fields)
        told = self.describe(_shown(tree.fields, tree.records))
        finished = Finished(draft.tree, known.tree, tree.records, members, tree.made.allsky, transfer)
        found = finish(finished, told, f"{self.engine.name} {self.engine.version}", created, released)
        write_held(draft.directory, tree.records, members)
        said = self._said(tree.fields, tree.records)
        facts = Facts(
            contents=tree.contents,
            said=said,
            unit=unit,
            transfer=transfer,
            order=found.order,
            created=created,
            released=released,
            left_out=self.left_out,
            transfer_from=self.transfer_from,
            brightness={one.name: self.brightness[one.name] for one in tree.fields},
        )
        write_facts(draft.directory, facts)
        return found.order

    def _members(self, fields: Sequence[Field]) -> list[Member]:
        return [
            Member(one.name, one.state, self.surveyed[one.name].order, self.surveyed[one.name].cells)
            for one in fields
        ]

    def _said(self, fields: Sequence[Field], records: Sequence[TileRecord]) -> str:
        told = self.describe(_shown(fields, records))
        return blake2b(json.dumps(asdict(told), sort_keys=True).encode(), digest_size=16).hexdigest()


def _known(build: Build | None, unit: str) -> _Known:
    """What the build that is served knows; nothing where it cannot be read or has another unit."""
    if build is None:
        return _NOTHING
    try:
        facts, held = read_facts(build.directory), read_held(build.directory)
    except OSError:
        return _NOTHING
    if facts.unit != unit:
        return _NOTHING
    tiles = {(tile.order, tile.cell): tile for tile in held.tiles()}
    return _Known(build.tree, tiles, held.members(), facts)


def _numbers(members: Sequence[Member], fields: Sequence[Field]) -> dict[int, int]:
    """From the numbers that members had to those that they have."""
    now = {one.name: number for number, one in enumerate(fields)}
    return {number: now[one.name] for number, one in enumerate(members) if one.name in now}


def _shown(fields: Sequence[Field], records: Sequence[TileRecord]) -> list[str]:
    """Names of the fields of which any tile shows a pixel."""
    numbers = {number for record in records for number in record.members}
    return sorted(fields[number].name for number in numbers)


def _empty(directory: Path) -> None:
    remove_tree(directory)
    directory.mkdir()
