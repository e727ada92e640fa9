"""Rows of ``holdings.observation``: a member set and target, from whatever rows of ``ivoa.obscore`` it
has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from tap_schema import Table
from vo_service.holdings.antennas import read_arrays
from vo_service.holdings.finish import complete
from vo_service.holdings.ids import hashes, slugs
from vo_service.holdings.names import canonicals

# What is needed of a row of ivoa.obscore to describe its observation.
PARTS = (
    "obs_publisher_did member_ous_uid group_ous_uid proposal_id target_name s_ra s_dec t_min t_max t_exptime "
    "band_list antenna_arrays obs_release_date pi_name obs_title dataset_id origin"
).split()

_ORDER = {"archive": 1, "both": 0, "file": 2}


def part_of(obscore: pa.Table, archive_rows: pa.Array, goals: pa.Array | None = None) -> pa.Table:
    """What rows of ``obscore`` tell of observations, one row for each member uid and target.

    ``archive_rows`` counts for each row the archive rows behind it, ``goals`` has science goal uids.
    """
    columns = {name: obscore[name] for name in PARTS}
    arrays = read_arrays(_one(columns.pop("antenna_arrays")))
    count = obscore.num_rows
    columns |= {
        "antenna_count": arrays.number,
        "array_kind": arrays.kind,
        "canonical_target": canonicals(_one(columns["target_name"])),
        "archive_rows": archive_rows,
        "datasets": pc.is_valid(columns.pop("dataset_id")).cast(pa.int64()),
        "science_goal_uid": pa.nulls(count, pa.string()) if goals is None else goals,
        "rank": _ranks(_one(columns["origin"])),
    }
    part = pa.table(columns).filter(pc.is_valid(columns["member_ous_uid"]))
    return reduce_parts([part]) or part


def reduce_parts(parts: Iterable[pa.Table]) -> pa.Table | None:
    """The parts brought to one row for each member uid and target; may be applied again to its own results.

    Text comes from the row that knows most (``rank``), times are extremes, words of lists are collected.
    """
    pieces = [part for part in parts if part.num_rows]
    if not pieces:
        return None
    whole = pa.concat_tables(pieces).sort_by(
        [(name, "ascending") for name in ("member_ous_uid", "canonical_target", "rank", "obs_publisher_did")]
    )
    grouped = whole.group_by(["member_ous_uid", "canonical_target"], use_threads=False).aggregate(
        [*((name, how) for how, names in _HOW.items() for name in names)]
    )
    columns = {name: grouped[f"{name}_{how}"] for how, names in _HOW.items() for name in names}
    for name in _HOW["distinct"]:
        columns[name] = _joined(columns[name])
    columns |= {name: grouped[name] for name in ("member_ous_uid", "canonical_target")}
    return pa.table({name: columns[name].cast(whole.schema.field(name).type) for name in whole.column_names})


class Parts:
    """Parts as they come in batches.

    They are reduced whenever they have doubled: so they take the memory of observations and not of rows, and
    each is sorted a few times at most.
    """

    def __init__(self, parts: Iterable[pa.Table] = ()) -> None:
        self._parts = list(parts)
        self._limit = _FEW

    def add(self, part: pa.Table) -> None:
        """Take one more part."""
        self._parts.append(part)
        if sum(each.num_rows for each in self._parts) > self._limit:
            reduced = reduce_parts(self._parts)
            self._parts = [] if reduced is None else [reduced]
            self._limit = _FEW + 2 * sum(each.num_rows for each in self._parts)

    def __iter__(self) -> Iterator[pa.Table]:
        return iter(self._parts)


_FEW = 50_000

_HOW = {
    "first": (
        "group_ous_uid proposal_id target_name s_ra s_dec pi_name obs_title science_goal_uid rank "
        "obs_publisher_did"
    ).split(),
    "min": ["t_min"],
    "max": ["t_max", "t_exptime", "antenna_count", "obs_release_date"],
    "distinct": ["band_list", "array_kind", "origin"],
    "sum": ["datasets", "archive_rows"],
}


def observation_batches(parts: Iterable[pa.Table], table: Table) -> Iterator[pa.Table]:
    """The rows of ``holdings.observation`` of :func:`observation_rows`, some ten thousand at a time.

    All parts of a member uid are in one batch, so memory goes by the batch.
    """
    pieces = [part for part in parts if part.num_rows]
    shares = sum(part.num_rows for part in pieces) // _FEW + 1
    uids = [_one(part["member_ous_uid"]) for part in pieces]
    coded = pc.dictionary_encode(pa.concat_arrays(uids)).indices.to_numpy() if uids else []
    for share in range(shares):
        start = 0
        mine = []
        for part in pieces:
            end = start + part.num_rows
            mine.append(part.filter(pa.array(coded[start:end] % shares == share)))
            start = end
        yield observation_rows(mine, table)


def observation_rows(parts: Iterable[pa.Table], table: Table) -> pa.Table:
    """One row of ``holdings.observation`` for each member uid and target in the parts."""
    reduced = reduce_parts(parts)
    if reduced is None:
        return complete({}, table, 0)
    same = (
        "group_ous_uid science_goal_uid proposal_id target_name s_ra s_dec pi_name obs_title t_min t_max "
        "t_exptime antenna_count obs_release_date band_list member_ous_uid canonical_target"
    )
    columns = {name: _one(reduced[name]) for name in same.split()}
    columns |= {
        "observation_id": _identifiers(columns["member_ous_uid"], columns["canonical_target"]),
        "dataset_count": reduced["datasets"],
        "archive_row_count": reduced["archive_rows"],
        "array_kinds": reduced["array_kind"],
        "origin": _origins(_one(reduced["origin"])),
    }
    return complete(columns, table, reduced.num_rows)


def _identifiers(uid: pa.Array, target: pa.Array) -> pa.Array:
    exact = pc.binary_join_element_wise(uid, pc.fill_null(target, "\x00"), "\x1f")
    return pc.binary_join_element_wise(
        slugs(uid), slugs(target), hashes(exact.to_pylist()), "-", null_handling="skip"
    )


def _ranks(origins: pa.Array) -> pa.Array:
    coded = pc.dictionary_encode(origins)
    ranks = [_ORDER.get(origin, len(_ORDER)) for origin in coded.dictionary.to_pylist()]
    return pa.array(ranks, pa.int8()).take(coded.indices)


def _joined(lists: pa.ChunkedArray) -> pa.Array:
    """The distinct words of each list, in order (numbers by value), with single blanks; null for none."""
    whole = _one(lists)
    filled = pa.ListArray.from_arrays(whole.offsets, pc.fill_null(whole.values, ""))
    coded = pc.dictionary_encode(pc.binary_join(filled, " "))
    texts = [" ".join(sorted(set(text.split()), key=_order)) or None for text in coded.dictionary.to_pylist()]
    return pa.array(texts, pa.string()).take(coded.indices)


def _order(word: str) -> tuple[int, str]:
    return (int(word), word) if word.isdigit() else (0, word)


def _origins(words: pa.Array) -> pa.Array:
    """``both`` where files and archive rows describe the observation, in one row or in several."""
    return pc.if_else(pc.match_substring(words, " "), "both", words)


def _one(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
