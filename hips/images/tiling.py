"""All tiles of a tree, by processes: parts of the tree at once, then what is above them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from hips.images import work
from hips.images.crew import crew
from hips.images.field import Values
from hips.images.plan import Before, Node, tasks_of
from hips.images.work import Job, Made
from hips.trees.held import TileRecord

_PARTS = 8
"""Parts of a tree for each process: few enough that little is put together in between, and enough that no
process waits long for the last."""


@dataclass(slots=True)
class Tiled:
    """Tiles that lie in a tree: records of those that were made, those of order 3 as they stand in the
    Allsky, and by number the fields that failed, with which they are not right."""

    records: list[TileRecord] = field(default_factory=list)
    allsky: dict[int, Values] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)


def make_tiles(job: Job, roots: Sequence[Node], processes: int, told: Callable[[int, int], None]) -> Tiled:
    """Make, or take over, all tiles of a plan; ``told`` is called with the leaves that are made and how many
    there will be. Raises OSError, TileLost, ImagesError."""
    tasks = list(tasks_of(roots, processes * _PARTS))
    pending = _pending(roots, {(task.order, task.cell) for task in tasks})
    tiled, done, total = Tiled(), 0, sum(root.leaves for root in roots)
    with crew(min(processes, len(tasks)), job) as making:
        for task in tasks:
            making.hand(task, work.make, task)
        for node, made in making.results():
            _collect(tiled, made)
            if (node.order, node.cell) not in pending:
                done += node.leaves
                told(done, total)
            above = pending.get((node.order - 1, node.cell >> 2))
            if above is not None and above.complete_with(node, made):
                making.hand(above.node, work.join, above.node, above.halves)
                above.halves = {}
    return tiled


def taken_over(roots: Sequence[Node], before: Before, numbers: Mapping[int, int]) -> Iterator[TileRecord]:
    """Records of the tiles that the build before has; ``numbers`` says how its members are numbered now."""
    for root in roots:
        for node in root.below():
            if node.unchanged:
                record = before[node.order, node.cell]
                members = tuple(sorted(numbers[number] for number in record.members))
                yield record if members == record.members else record.with_members(members)


@dataclass(slots=True)
class _Pending:
    """A tile that waits for its children."""

    node: Node
    missing: int
    halves: dict[int, Values] = field(default_factory=dict)

    def complete_with(self, child: Node, made: Made) -> bool:
        """Take a child; whether it was the last."""
        self.missing -= 1
        if made.half is not None:
            self.halves[child.cell & 3] = made.half
        return self.missing == 0


def _pending(roots: Sequence[Node], tasks: set[tuple[int, int]]) -> dict[tuple[int, int], _Pending]:
    found: dict[tuple[int, int], _Pending] = {}
    nodes = list(roots)
    while nodes:
        node = nodes.pop()
        if (node.order, node.cell) not in tasks:
            found[node.order, node.cell] = _Pending(node, len(node.children))
            nodes += node.children
    return found


def _collect(tiled: Tiled, made: Made) -> None:
    tiled.records += made.records
    tiled.allsky.update(made.allsky)
    for number, reason in made.failed.items():
        tiled.failed.setdefault(number, reason)
