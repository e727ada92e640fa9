"""What harvested tables of projects tell, in the rows of ``ivoa.obscore`` that do not tell it themselves.

A project's title, abstract, category, keywords and PI are the same for all its data, so a row with its code
that lacks one of them takes it from ``holdings.project``, and a repair row says so. What a row's own archive
row tells always stands.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from tap_schema import Table
from vo_service.holdings.finish import complete, text_of
from vo_service.store import Snapshot

FACTS = ("obs_title", "proposal_abstract", "scientific_category", "science_keyword", "pi_name")
RULE = "PROJECT-FACT"
_COLUMNS = ("proposal_id", *FACTS, "source")


@dataclass(frozen=True, slots=True)
class Projects:
    """``rows``: the facts by ``proposal_id``, and the ``source`` they come from."""

    rows: pa.Table

    def fill(self, obscore: pa.Table, repair: Table) -> tuple[pa.Table, pa.Table]:
        """Rows of ``ivoa.obscore`` with the facts that they lack, and the repair rows that say so."""
        if not self.rows.num_rows:
            return obscore, complete({}, repair, 0)
        codes = _one(obscore["proposal_id"])
        repairs = []
        for name in FACTS:
            ours = _one(obscore[name])
            theirs = self.fact(name, codes)
            filled = pc.and_(pc.is_null(ours), pc.is_valid(theirs))
            if not pc.any(filled).as_py():
                continue
            obscore = _with(obscore, name, pc.coalesce(ours, theirs))
            sources = self.fact("source", codes)
            repairs.append(_repairs(obscore.filter(filled), name, sources.filter(filled), repair))
        return obscore, pa.concat_tables([complete({}, repair, 0), *repairs])

    def rename(self, observations: pa.Table, former: Projects) -> pa.Table:
        """Those rows of ``holdings.observation`` whose title or PI changes: where they have none, or the one
        that the ``former`` projects told."""
        changed = pa.array([False] * observations.num_rows, pa.bool_())
        codes = _one(observations["proposal_id"])
        for name in ("obs_title", "pi_name"):
            ours = _one(observations[name])
            before, now = former.fact(name, codes), self.fact(name, codes)
            taken = pc.or_(pc.is_null(ours), pc.fill_null(pc.equal(ours, before), False))
            new = pc.and_(taken, pc.fill_null(pc.not_equal(now, pc.fill_null(ours, "")), False))
            observations = _with(observations, name, pc.if_else(new, now, ours))
            changed = pc.or_(changed, new)
        return observations.filter(changed)

    def fact(self, name: str, codes: pa.Array) -> pa.Array:
        """One fact of each of the projects with these codes, null where it is not known."""
        at = pc.index_in(codes, value_set=_one(self.rows["proposal_id"]))
        return _one(self.rows[name]).take(at)

    def changed_by(self, rows: pa.Table) -> Projects:
        """These projects with those of ``rows`` in place of the former ones."""
        others = self.rows.filter(pc.invert(pc.is_in(self.rows["proposal_id"], _one(rows["proposal_id"]))))
        return Projects(pa.concat_tables([others, rows.select(_COLUMNS).cast(_SCHEMA)]))


_SCHEMA = pa.schema([(name, pa.string()) for name in _COLUMNS])
NO_PROJECTS = Projects(_SCHEMA.empty_table())


def read_projects(snapshot: Snapshot | None) -> Projects:
    """The projects that a snapshot knows of."""
    if snapshot is None:
        return NO_PROJECTS
    return Projects(snapshot.read("holdings.project", list(_COLUMNS)).cast(_SCHEMA))


def _repairs(rows: pa.Table, item: str, sources: pa.Array, table: Table) -> pa.Table:
    """One repair row for each row that took a fact."""
    names = owners_of(rows)
    ours = pc.is_valid(_one(rows["dataset_id"]))
    nothing = pa.scalar(None, pa.string())
    why = pc.binary_join_element_wise("no other source tells it: from the table of projects ", sources, "")
    columns = {
        "repair_id": pc.binary_join_element_wise(names, "project", item.replace("_", "-"), "-"),
        "dataset_id": pc.if_else(ours, names, nothing),
        "archive_row_id": pc.if_else(ours, nothing, names),
        "item": text_of(item, rows.num_rows),
        "became": _one(rows[item]),
        "rule_id": text_of(RULE, rows.num_rows),
        "why": why,
        "confidence": pa.repeat(pa.scalar(1.0), rows.num_rows),
    }
    return complete(columns, table, rows.num_rows)


def owners_of(rows: pa.Table) -> pa.Array:
    """Which data set or archive row each row of ``ivoa.obscore`` or ``holdings.repair`` is of."""
    if "obs_publisher_did" in rows.column_names:
        return pc.replace_substring_regex(_one(rows["obs_publisher_did"]), r"^[^?]*\?", "")
    return pc.coalesce(_one(rows["dataset_id"]), _one(rows["archive_row_id"]))


def _one(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def without_project_facts(obscore: pa.Table, filled: pa.Table) -> pa.Table:
    """Rows of ``ivoa.obscore`` as they were before they took facts; ``filled`` are the repair rows that say
    which (with item, dataset_id, archive_row_id)."""
    names, takers = owners_of(obscore), owners_of(filled)
    for item in FACTS:
        mine = takers.filter(pc.equal(_one(filled["item"]), item))
        if len(mine):
            nothing = pa.scalar(None, pa.string())
            kept = pc.if_else(pc.is_in(names, value_set=mine), nothing, _one(obscore[item]))
            obscore = _with(obscore, item, kept)
    return obscore


def _with(rows: pa.Table, name: str, values: pa.Array) -> pa.Table:
    at = rows.schema.get_field_index(name)
    return rows.set_column(at, rows.schema.field(name), values)
