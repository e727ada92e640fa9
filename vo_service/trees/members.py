"""What the right to see the members of a tree goes by, as the current snapshot has it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from hips.trees.held import Member
from vo_service.atlas.looks import is_of
from vo_service.engines import StoredRows
from vo_service.products.standing import Standing
from vo_service.products.stored import FILE_COLUMNS, Claim, StoredFile, stored_file

_ROW: Final = ("dataset_id", "origin", "obs_release_date")


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
