"""What a job has planned and what became of it, in one file of lines to which is only ever added (JSON).

    {"version": 1, "kind": "tar", ...}        what is made
    {"task": 3, "row": 2, ...}                each task, in the order in which they are done
    {"planned": 7}                            all of them are there
    {"did": 3, "state": "done", "part": 1, ...}
    {"closed": 1, "size": 1048576}            a part to which nothing is added any more

A line counts once it is whole. What it says is on the disk before it is written, and it is on the disk itself
before anybody acts by it: so the file is true at any moment, however the process that writes it ends.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, BinaryIO, Final

from vo_service.soda.bulk.tasks import Outcome, Placed, Task

VERSION: Final = 1
NAME: Final = "journal"
_PLACED: Final = tuple(each.name for each in fields(Placed))


@dataclass(frozen=True, slots=True)
class Make:
    """What a job makes: parts that are a ``tar`` each or one ``fits`` file, and the bytes after which the
    next part begins."""

    kind: str
    part_bytes: int


@dataclass(slots=True)
class Record:
    """A journal, read: ``make`` None of an empty one. ``is_planned``: all ``tasks`` are there. ``outcomes``
    by the number of the task; ``closed``: sizes of parts by their numbers."""

    make: Make | None = None
    is_planned: bool = False
    tasks: list[Task] = field(default_factory=list)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    closed: dict[int, int] = field(default_factory=dict)

    def open_parts(self) -> dict[int, int]:
        """The parts that were begun and not closed, and where the last cut-out in each ends."""
        ends: dict[int, int] = {}
        for outcome in self.outcomes.values():
            if outcome.placed is not None and outcome.placed.part not in self.closed:
                part = outcome.placed.part
                ends[part] = max(ends.get(part, 0), outcome.placed.end)
        return ends


class Journal:
    """A journal that is written. Its methods raise OSError."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("xb", buffering=0)
        self._lines: list[bytes] = []

    def begin(self, make: Make) -> None:
        """What is made."""
        self._add({"version": VERSION, **asdict(make)})

    def plan(self, tasks: Iterable[Task]) -> None:
        """All tasks, in the order in which they are done, and what is known of them already."""
        count = 0
        for task in tasks:
            self._add(_of_task(task))
            count += 1
        self._add({"planned": count})

    def did(self, number: int, outcome: Outcome) -> None:
        """What became of a task."""
        self._add(_of_outcome(number, outcome))

    def closed(self, part: int, size: int) -> None:
        """Nothing is added to a part any more."""
        self._add({"closed": part, "size": size})

    def flush(self) -> None:
        """What was said is on the disk when this returns, or not there at all."""
        if self._lines:
            content = memoryview(b"".join(self._lines))
            self._lines.clear()
            while content:
                content = content[self._file.write(content) :]
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Nothing is written any more; what was not flushed is lost."""
        self._file.close()

    def _add(self, values: Mapping[str, Any]) -> None:
        self._lines.append(json.dumps(values, separators=(",", ":")).encode("ascii") + b"\n")


def read_journal(path: Path) -> Record:
    """A journal as far as it goes. Raises OSError."""
    record = Record()
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break
            try:
                _take(record, json.loads(line))
            except (ValueError, KeyError, TypeError):
                break
    return record


def rewrite(record: Record, path: Path) -> Journal:
    """A journal that says the same, to be written on. Raises OSError."""
    journal = Journal(path)
    if record.make is not None:
        journal.begin(record.make)
    journal.plan(record.tasks)
    known = {task.number for task in record.tasks if task.fault is not None}
    for number, outcome in record.outcomes.items():
        if number not in known:
            journal.did(number, outcome)
    for part, size in sorted(record.closed.items()):
        journal.closed(part, size)
    journal.flush()
    return journal


def _take(record: Record, values: Mapping[str, Any]) -> None:
    if "did" in values:
        record.outcomes[values["did"]] = _outcome(values)
    elif "task" in values:
        task = _task(values)
        record.tasks.append(task)
        if task.fault is not None:
            record.outcomes[task.number] = task.fault
    elif "closed" in values:
        record.closed[values["closed"]] = values["size"]
    elif "planned" in values:
        record.is_planned = values["planned"] == len(record.tasks)
    elif values["version"] == VERSION:
        record.make = Make(values["kind"], values["part_bytes"])


def _of_task(task: Task) -> dict[str, Any]:
    values: dict[str, Any] = {"task": task.number, "row": task.row}
    for name in ("label", "id", "dataset", "version"):
        if (value := getattr(task, name)) is not None:
            values[name] = value
    if task.fault is not None:
        return {**values, "state": task.fault.state, "reason": task.fault.reason}
    return {**values, "pairs": task.pairs}


def _task(values: Mapping[str, Any]) -> Task:
    return Task(
        values["task"],
        values["row"],
        values.get("label"),
        values.get("id"),
        values.get("dataset"),
        values.get("version"),
        tuple((name, value) for name, value in values.get("pairs", ())),
        Outcome(values["state"], values["reason"]) if "state" in values else None,
    )


def _of_outcome(number: int, outcome: Outcome) -> dict[str, Any]:
    values: dict[str, Any] = {"did": number, "state": outcome.state}
    if outcome.reason is not None:
        values["reason"] = outcome.reason
    if outcome.placed is not None:
        values |= {name: getattr(outcome.placed, name) for name in _PLACED}
    return values


def _outcome(values: Mapping[str, Any]) -> Outcome:
    placed = None
    if "part" in values:
        placed = Placed(*(values[name] for name in _PLACED))
    return Outcome(values["state"], values.get("reason"), placed)
