"""What the right to see the members of a tree, or rows of it, goes by, as the current snapshot has it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import pyarrow.compute as pc

from hips.trees.held import Member
from vo_service.atlas.looks import is_of
from vo_service.engines import StoredRows
from vo_service.products.standing import Standing
from vo_service.products.stored import FILE_COLUMNS, Claim, StoredFile, stored_file
from vo_service.trees.names import NO_NAMES, Names

_ROW: Final = ("dataset_id", "origin", "obs_release_date")


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Data sets that are not in the holdings any more, and when the last of them was withdrawn (UTC; None of
    none), which is when the ingest that did it began: its snapshot may be hours younger."""

    names: Names = NO_NAMES
    last: datetime | None = None


def find_standings(rows: StoredRows, members: Sequence[Member]) -> Iterator[Standing]:
    """How all members stand, asked for with two questions.

    A member is a data set by its dataset_id. Pixels of a file in another state than it is in now are those of
    a version that was replaced, which no door gives out any more (design 4.2). Raises EngineError.
    """
    names = [member.name for member in members]
    sets = {
        row["dataset_id"]: Claim(row["origin"], row["obs_release_date"])
        for row in rows.find_among("ivoa.obscore", _ROW, "dataset_id", names).to_pylist()
    }
    files: dict[str, StoredFile] = {}
    for row in rows.find_among("holdings.product", FILE_COLUMNS, "dataset_id", names).to_pylist():
        file = stored_file(row)
        if file.is_primary and file.dataset_id is not None:
            files[file.dataset_id] = file
    for member in members:
        listed, science = sets.get(member.name), files.get(member.name)
        if listed is None or science is None or not is_of(member.state, science):
            yield Standing(member.name)
        else:
            yield Standing(member.name, (listed, *science.claims))


def find_withdrawn(rows: StoredRows) -> Withdrawn:
    """All data sets that have ever left the holdings, but for those that have returned, asked for with one
    question. Which of them a tree may still have rows of no date tells. Raises EngineError."""
    found = rows.latest_beyond("holdings.tombstone", "dataset_id", "withdrawn", "ivoa.obscore")
    last = pc.max(found.column("withdrawn")).as_py()
    return Withdrawn(Names(found.column("dataset_id")), None if last is None else last.replace(tzinfo=UTC))
