"""The tree of a catalogue of data sets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Final

import pyarrow as pa

from hips.catalogue.branches import Branches, place_rows
from hips.catalogue.metadata import metadata_document
from hips.catalogue.rows import Rows, gather
from hips.catalogue.sheet import Field, Published, fields_of, header_line
from hips.catalogue.writing import CatalogueWriter
from hips.trees.description import Description
from hips.trees.versions import Trees
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

NAME: Final = "datasets"
ALGORITHM: Final = "1"
"""Goes up with every change to what is made of the same rows."""
_TEXT: Final = (
    "All data sets that have a position, a row each, as in the table ivoa.obscore. The longest exposures"
    " (t_exptime) come first: they are in the tiles of low orders, those without a time of exposure below."
)


def catalogue_tree(
    trees: Trees,
    batches: Iterable[pa.RecordBatch],
    published: Mapping[str, Published],
    describe: Callable[[str], Description],
    *,
    moment: datetime | None = None,
    told: Told = silent,
) -> Report:
    """Build the tree ``datasets`` of all rows that have a position, and serve it. Only who holds the lock of
    ``trees``.

    ``batches`` have the columns `sheet.READ`, ``published`` says of each by its name what it is. ``describe``
    gives, for the name of the tree, its identifier and what is true of all trees, with the name of the
    archive as the title. A tree of the same rows stays as it is; without any row there is none. ``moment``
    (with its time zone) stands for now. Raises KeyError for a column that is not there, DiskFull and
    StoreError: the tree that was served before is then served still."""
    current = trees.current(NAME)
    fields = fields_of(published)
    with trees.draft(NAME) as draft:
        spool = draft.directory / "lines"
        rows = gather(batches, spool)
        told("rows read", len(rows), len(rows))
        if not len(rows):
            trees.withdraw(NAME)
            return Report(NAME, None, current is not None)
        branches = place_rows(rows.cells)
        said = _said(describe(NAME), rows)
        digest = digest_of(said, _digest(rows, branches, fields))
        known = contents_of(current)
        if known is not None and known.digest == digest:
            return Report(NAME, current, False, known.tiles)
        count = len(branches.cell)
        before = None if current is None else current.tree
        writer = CatalogueWriter(
            draft.tree, before, rows, branches, lambda done: told("tiles of data sets", done, count)
        )
        writer.write()
        created, released = dates_after(known, moment or datetime.now(UTC))
        writer.finish(said, NAME, fields, created, released)
        write_contents(draft.directory, Contents(digest, created, released, count))
        spool.unlink()
        trees.publish(draft)
    return Report(NAME, draft, True, count)


def _said(archive: Description, rows: Rows) -> Description:
    ends = rows.extent
    return replace(
        archive,
        title=f"{archive.title}: data sets",
        text=_TEXT,
        unit="",
        ucds=(),
        t_min=ends["t_min"],
        t_max=ends["t_max"],
        em_min=ends["em_min"],
        em_max=ends["em_max"],
    )


def _digest(rows: Rows, branches: Branches, fields: tuple[Field, ...]) -> bytes:
    """Of all that the files of the tree depend on, but for what it says of itself."""
    found = blake2b(f"{ALGORITHM}|{header_line()}".encode(), digest_size=16)
    found.update(metadata_document(NAME, "", fields))
    for column in (branches.order, branches.cell, branches.stop):
        found.update(column.tobytes())
    for content, ends in rows.blocks(branches.rows):
        found.update(content[: int(ends[-1])])
    return found.digest()
