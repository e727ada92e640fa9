"""The trees of ``vo-service hips`` that are made of rows, which are public whatever becomes of pixels: how
many data sets there are where, for how long they were exposed, and a catalogue of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa

from hips.catalogue.sheet import READ
from hips.catalogue.trees import catalogue_tree
from hips.density.tallies import COLUMNS
from hips.density.trees import density_trees
from hips.images.errors import TreeRefused
from hips.trees.description import Description
from hips.trees.wholes import Report
from tap_schema import published
from vo_service.atlas import ARCHIVE_COLUMNS, archive_description, archive_facts
from vo_service.commands.tree_verdict import passes
from vo_service.commands.tree_work import TreeWork, counted

_TABLE = "ivoa.obscore"
_REGION = "s_region"
"""What headers and archives tell, for everybody: such trees have no members whose pixels could be closed."""


def make_row_trees(work: TreeWork) -> bool:
    """See tree_work.Make."""

    def rows(columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        return work.snapshot.read_batches(_TABLE, columns)

    facts = archive_facts(rows(ARCHIVE_COLUMNS))

    def describe(kind: str, name: str) -> Description:
        return archive_description(name, kind, facts, work.publisher)

    verdicts: dict[str, bool] = {}
    refused: set[str] = set()

    def look_at(name: str, tree: Path) -> bool:
        verdicts[name] = False
        try:
            verdicts[name] = passes(work, name, tree)
        except TreeRefused as error:
            work.console.complain(f"{name}: {error}")
            refused.add(name)
        return name not in refused

    judge = look_at if work.judged else None
    density = partial(density_trees, moment=work.now, told=work.progress, look_at=judge)
    catalogue = partial(catalogue_tree, moment=work.now, told=work.progress)
    for report in density(work.trees, rows((_REGION, *COLUMNS)), _REGION, partial(describe, "Image")):
        if report.name not in refused:
            _tell(work, report)
    columns = {column.name: column for column in published()[_TABLE].columns}
    _tell(work, catalogue(work.trees, rows(READ), columns, partial(describe, "Catalog")))
    return all(verdicts.values())


def _tell(work: TreeWork, report: Report) -> None:
    if report.build is None:
        said = "withdrawn, no row shows anything in it" if report.changed else "no row to show"
    else:
        said = counted(report.tiles, "tile") if report.changed else "nothing changed"
    work.console.say(f"{report.name}: {said}")
