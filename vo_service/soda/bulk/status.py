"""``status.vot``: what became of each row of the table, as it is at the moment at which it is asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import yaml

from vo_service.dali.column_words import column_of
from vo_service.formats import OK, Info, TableDescription, find_format
from vo_service.soda.bulk.journal import Record
from vo_service.soda.bulk.parts import framing_of
from vo_service.soda.bulk.tasks import Outcome, Task
from vo_service.store.jobs import FINAL, Phase

ID: Final = "status.vot"
MEDIA_TYPE: Final = "application/x-votable+xml"
_FORMAT: Final = "application/x-votable+xml;serialization=tabledata"
_BATCH: Final = 8192
_FILE: Final = Path(__file__).resolve().parent / "status_columns.yaml"
COLUMNS: Final = tuple(map(column_of, yaml.safe_load(_FILE.read_text(encoding="utf-8"))))
_SCHEMA: Final = pa.schema([(column.name, column.arrow_type) for column in COLUMNS])


def status_table(record: Record, phase: Phase) -> bytes:
    """The table of a job in a phase; rows in the order of the input."""
    encoder = find_format(_FORMAT).make()
    counts = Counter(_told(task, record, phase)[0] for task in record.tasks)
    infos = (
        Info("phase", phase.value, "Phase of the job."),
        Info("planned", "yes" if record.is_planned else "no", "Whether all rows are listed."),
        *(Info(state, str(count), "Rows of this state.") for state, count in sorted(counts.items())),
    )
    pieces = [*encoder.begin(TableDescription(COLUMNS, infos, "status", "What became of each row."))]
    rows = list(_rows(record, phase))
    for start in range(0, len(rows), _BATCH):
        pieces += encoder.rows(pa.RecordBatch.from_pylist(rows[start : start + _BATCH], _SCHEMA))
    pieces += encoder.end(OK)
    encoder.close()
    return b"".join(pieces)


def _rows(record: Record, phase: Phase) -> Iterator[Mapping[str, Any]]:
    framing = None if record.make is None else framing_of(record.make.kind)
    for task in sorted(record.tasks, key=lambda task: task.number):
        state, reason, outcome = _told(task, record, phase)
        row = {
            "number": task.number,
            "input_row": task.row,
            "label": task.label,
            "id": task.id,
            "dataset": task.dataset,
            "state": state,
            "reason": reason,
        }
        placed = None if outcome is None else outcome.placed
        if placed is not None and framing is not None:
            row |= {
                "part": framing.name_of_part(placed.part),
                "file": placed.name,
                "offset": placed.offset,
                "size": placed.size,
                "sha256": placed.sha256,
            }
        yield row


def _told(task: Task, record: Record, phase: Phase) -> tuple[str, str | None, Outcome | None]:
    """State and reason of a task, and its outcome where that counts: what lies in a part that was never
    closed is lost with a job that goes on no more."""
    outcome = record.outcomes.get(task.number)
    has_ended = phase in FINAL
    is_lost = (
        has_ended
        and outcome is not None
        and outcome.placed is not None
        and outcome.placed.part not in record.closed
    )
    if outcome is not None and not is_lost:
        return outcome.state, outcome.reason, outcome
    return "waiting", f"The job ended before ({phase.value})." if has_ended else None, None
