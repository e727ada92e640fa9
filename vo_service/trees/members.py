"""What the right to see the members of a tree, or rows of it, goes by, as the current snapshot has it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from hips.trees.held import Member
from vo_service.atlas.looks import is_of
from vo_service.engines import StoredRows
from vo_service.products.standing import Standing
from vo_service.products.stored import FILE_COLUMNS, Claim, StoredFile, stored_file

_ROW: Final = ("dataset_id", "origin", "obs_release_date")
_STONE: Final = ("dataset_id", "withdrawn")
_BEFORE: Final = timedelta(hours=1)
"""A tree is made of rows that were read before the moment that it tells."""


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


def find_withdrawn(rows: StoredRows, built: datetime) -> Iterator[tuple[str, datetime]]:
    """The data sets that have left the holdings since rows for a tree were read, and when, asked for with two
    questions; those that were withdrawn shortly before may be among them. Raises EngineError."""
    first = built.astimezone(UTC).replace(tzinfo=None) - _BEFORE
    stones = rows.find("holdings.tombstone", _STONE, {}).to_pylist()
    last: dict[str, datetime] = {}
    for stone in stones:
        name, withdrawn = stone["dataset_id"], stone["withdrawn"].replace(tzinfo=None)
        if name is not None and withdrawn >= first:
            last[name] = max(withdrawn, last.get(name, withdrawn))
    there = rows.find_among("ivoa.obscore", ("dataset_id",), "dataset_id", list(last))
    left = set(there.column("dataset_id").to_pylist())
    return ((name, withdrawn) for name, withdrawn in last.items() if name not in left)
