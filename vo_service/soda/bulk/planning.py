"""From the rows of a table to tasks: every row is read, every data set found, and tasks are put in the order
of the files, so that each file is opened once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

from vo_service.asking.queries import Asker, Queries
from vo_service.dali.errors import ServiceError, usage
from vo_service.dali.streams import Cancellation
from vo_service.products.provenance import source_version
from vo_service.products.selection import Constraints
from vo_service.products.stored import StoredFile
from vo_service.sky import Circle, centroid
from vo_service.soda.bulk.matching import Position, datasets_at
from vo_service.soda.bulk.rows import InputRow
from vo_service.soda.bulk.targets import Target, Targets
from vo_service.soda.bulk.tasks import Outcome, Task, wanted_of
from vo_service.spectral import C, Frame

MOST_CUTS: Final = 200_000
"""Cut-outs of one job."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What the request says of the data sets: ``ids`` for rows that name none and say no place, ``kinds`` and
    ``most`` of those that a position may lie in, and whether results are FITS alone."""

    ids: tuple[str, ...]
    kinds: tuple[str, ...]
    most: int
    as_fits: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """How data sets are found: by identifiers, and by positions."""

    targets: Callable[[Sequence[str]], Mapping[str, Targets]]
    queries: Queries
    asker: Asker
    cancellation: Cancellation


@dataclass(slots=True)
class _Draft:
    """A row on its way to tasks."""

    row: InputRow
    fault: str | None = None
    position: Position | None = None
    place: tuple[float, float] = (0.0, 0.0)
    names: tuple[str, ...] = field(default=())


def plan_tasks(rows: Iterable[InputRow], choice: Choice, finding: Finding) -> list[Task]:
    """The tasks of all rows in the order in which they are best done; each row has one at least.

    Raises ServiceError: 400 for more cut-outs than one job may have, 503 where nobody answers.
    """
    drafts = [_drafted(row, choice) for row in rows]
    asked = [draft for draft in drafts if draft.position is not None]
    positions = [draft.position for draft in asked if draft.position is not None]
    found = datasets_at(
        positions, choice.kinds, MOST_CUTS, finding.queries, finding.asker, finding.cancellation
    )
    for number, draft in enumerate(asked):
        draft.names = tuple(found.get(number, ()))
    known = finding.targets([name for draft in drafts for name in draft.names])
    tasks: list[tuple[_Order, Task]] = []
    for draft in drafts:
        tasks += _tasks(draft, known, choice.most)
    if len(tasks) > MOST_CUTS:
        raise usage(
            f"The rows of the table are {len(tasks)} cut-outs; one job has at most {MOST_CUTS}.",
            "Make several jobs of it.",
        )
    numbered = [(order, replace(task, number=number)) for number, (order, task) in enumerate(tasks, 1)]
    return [task for _, task in sorted(numbered, key=lambda pair: (pair[0], pair[1].number))]


_Order = tuple[str, str, int, str, str, float, float]


def _drafted(row: InputRow, choice: Choice) -> _Draft:
    """A row, understood as far as that needs no data set."""
    if row.fault is not None:
        return _Draft(row, row.fault)
    try:
        wanted = wanted_of(row.pairs, choice.as_fits).constraints
    except ServiceError as error:
        return _Draft(row, " ".join(error.text.split()))
    place = _place(wanted)
    draft = _Draft(row, place=place or (0.0, 0.0))
    if row.id is not None:
        draft.names = (row.id,)
    elif choice.ids:
        draft.names = choice.ids
    elif place is not None:
        draft.position = Position(*place, _wavelengths(wanted))
    else:
        draft.fault = "The row names no data set and has no position."
    return draft


def _place(wanted: Constraints) -> tuple[float, float] | None:
    """The middle of the shape that is wanted."""
    shape = wanted.shape
    if shape is None:
        return None
    if isinstance(shape, Circle):
        return shape.lon, shape.lat
    middle = centroid(shape)
    return None if middle is None else (float(middle[0]), float(middle[1]))


def _wavelengths(wanted: Constraints) -> tuple[float, float] | None:
    """The band that is wanted as rows tell theirs, m; None for all, or one that depends on the data set."""
    frequencies = wanted.frequencies if wanted.frame is Frame.BARY else None
    if wanted.line is not None and wanted.line.redshift is not None:
        frequencies = wanted.line.frequencies(wanted.line.redshift)
    if frequencies is None:
        return None
    low, high = frequencies
    return C / high if high > 0.0 else 0.0, C / low if low > 0.0 else float("inf")


def _tasks(draft: _Draft, known: Mapping[str, Targets], most: int) -> list[tuple[_Order, Task]]:
    row = draft.row
    blank = Task(0, row.number, row.label, row.id, pairs=row.pairs)
    if draft.fault is not None:
        return [(_LAST, replace(blank, fault=Outcome("error", draft.fault)))]
    if not draft.names:
        return [(_LAST, replace(blank, fault=Outcome("outside", _nowhere(draft))))]
    targets: dict[str, Target] = {}
    faults = []
    for name in draft.names:
        found = known[name]
        targets.update((target.name, target) for target in found.found)
        if found.fault is not None:
            faults.append(replace(blank, id=name, fault=Outcome("error", found.fault)))
    tasks = [(_LAST, fault) for fault in faults]
    for target in islice(targets.values(), most):
        science = target.found.science
        task = replace(blank, dataset=target.name, version=source_version(science))
        tasks.append((_order(science, draft.place), task))
    if len(targets) > most:
        text = f"The row stands for {len(targets)} data sets, of which {most} are cut; MOST may be larger."
        tasks.append((_LAST, replace(blank, fault=Outcome("error", text))))
    return tasks


def _nowhere(draft: _Draft) -> str:
    if draft.position is not None and draft.position.wavelengths is not None:
        return "No data set holds this position and these wavelengths."
    return "No data set holds this position."


_LAST: Final[_Order] = ("\U0010ffff", "", 0, "", "", 0.0, 0.0)


def _order(file: StoredFile, place: tuple[float, float]) -> _Order:
    """Files as they lie on the disk, and places from south to north, as rows of pixels mostly lie."""
    found = file.found
    return (
        found.root,
        found.container or found.path,
        found.offset or 0,
        found.path,
        file.product_id,
        place[1],
        place[0],
    )
