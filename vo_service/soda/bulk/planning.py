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
from vo_service.products.selection import Constraints
from vo_service.products.stored import StoredFile
from vo_service.sky import Circle, Region, centroid
from vo_service.soda.bulk.matching import Bounds, Place, datasets_at
from vo_service.soda.bulk.rows import InputRow
from vo_service.soda.bulk.targets import Target, Targets, version_of
from vo_service.soda.bulk.tasks import Outcome, Task, wanted_of
from vo_service.spectral import C, Frame


@dataclass(frozen=True, slots=True)
class Choice:
    """What the request says of the data sets: ``ids`` for rows that name none and say no place, ``kinds`` and
    ``most`` of those that a place may lie in, whether results are FITS alone, and how many ``cuts`` one job
    may have."""

    ids: tuple[str, ...]
    kinds: tuple[str, ...]
    most: int
    as_fits: bool
    cuts: int


@dataclass(frozen=True, slots=True)
class Finding:
    """How data sets are found: by identifiers, and by places."""

    targets: Callable[[Sequence[str]], Mapping[str, Targets]]
    queries: Queries
    asker: Asker
    cancellation: Cancellation


@dataclass(slots=True)
class _Draft:
    """A row on its way to tasks."""

    row: InputRow
    fault: str | None = None
    sought: Place | None = None
    middle: tuple[float, float] = (0.0, 0.0)
    roles: tuple[str, ...] = ()
    names: tuple[str, ...] = field(default=())


def plan_tasks(rows: Iterable[InputRow], choice: Choice, finding: Finding) -> list[Task]:
    """The tasks of all rows in the order in which they are best done; each row has one at least.

    Raises ServiceError: 400 for more cut-outs than one job may have, 503 where nobody answers.
    """
    drafts = [_drafted(row, choice) for row in rows]
    asked = [draft for draft in drafts if draft.sought is not None]
    places = [draft.sought for draft in asked if draft.sought is not None]
    bounds = Bounds(choice.most, choice.cuts)
    found = datasets_at(places, choice.kinds, bounds, finding.queries, finding.asker, finding.cancellation)
    for number, draft in enumerate(asked):
        if number in found:
            draft.names, draft.fault = tuple(found[number].names), found[number].fault
    known = finding.targets([name for draft in drafts for name in draft.names])
    tasks: list[tuple[_Order, Task]] = []
    for draft in drafts:
        tasks += _tasks(draft, known, choice.most)
    if len(tasks) > choice.cuts:
        raise usage(
            f"The rows of the table are {len(tasks)} cut-outs; one job has at most {choice.cuts}.",
            "Make several jobs of it, or give MOST.",
        )
    numbered = [(order, replace(task, number=number)) for number, (order, task) in enumerate(tasks, 1)]
    return [task for _, task in sorted(numbered, key=lambda pair: (pair[0], pair[1].number))]


_Order = tuple[str, str, int, str, str, float, float]


def _drafted(row: InputRow, choice: Choice) -> _Draft:
    """A row, understood as far as that needs no data set."""
    if row.fault is not None:
        return _Draft(row, row.fault)
    try:
        asked = wanted_of(row.pairs, choice.as_fits)
    except ServiceError as error:
        return _Draft(row, " ".join(error.text.split()))
    wanted = asked.constraints
    draft = _Draft(row, middle=_middle(wanted.shape), roles=asked.companions)
    if row.id is not None:
        draft.names = (row.id,)
    elif choice.ids:
        draft.names = choice.ids
    elif wanted.shape is not None:
        draft.sought = Place(wanted.shape, _wavelengths(wanted))
    else:
        draft.fault = "The row names no data set and has no position."
    return draft


def _middle(shape: Region | None) -> tuple[float, float]:
    """The middle of what is wanted; of all the sky as good as any."""
    if isinstance(shape, Circle):
        return shape.lon, shape.lat
    middle = None if shape is None else centroid(shape)
    return (0.0, 0.0) if middle is None else (float(middle[0]), float(middle[1]))


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
        task = replace(blank, dataset=target.name, version=version_of(target.found, draft.roles))
        tasks.append((_order(science, draft.middle), task))
    if len(targets) > most:
        text = f"The row stands for more than {most} data sets, of which so many are cut; MOST may be larger."
        tasks.append((_LAST, replace(blank, fault=Outcome("error", text))))
    return tasks


def _nowhere(draft: _Draft) -> str:
    if draft.sought is not None and draft.sought.wavelengths is not None:
        return "No data set has anything of this region and these wavelengths."
    return "No data set has anything of this region."


_LAST: Final[_Order] = ("\U0010ffff", "", 0, "", "", 0.0, 0.0)


def _order(file: StoredFile, middle: tuple[float, float]) -> _Order:
    """Files as they lie on the disk, and places from south to north, as rows of pixels mostly lie."""
    found = file.found
    return (
        found.root,
        found.container or found.path,
        found.offset or 0,
        found.path,
        file.product_id,
        middle[1],
        middle[0],
    )
