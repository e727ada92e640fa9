"""Harvested tables that describe no observations: projects, their spectral windows, facts by source.

Such a table is told by its column names. Its rows go to tables of their own (``holdings.project``,
``holdings.project_window``, ``holdings.supplement``), whole: cells without a place there are kept as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tap_schema import Table
from vo_service.holdings.archive import DROPPED, UNREADABLE, Reject, note, split_rejects
from vo_service.holdings.archive_layouts import Take
from vo_service.holdings.cells import as_json, plain, read_column
from vo_service.holdings.finish import complete, numbers, text_of
from vo_service.holdings.ids import hashes, slugs
from vo_service.holdings.names import canonicals

Columns = dict[str, pa.Array]


@dataclass(frozen=True, slots=True)
class SideTable:
    """A kind of table: ``marks`` are columns (lower case) that it has all of, ``unless`` those of tables of
    observations. Rows without a value in one of ``needed`` are refused; ``check`` refuses more. ``finish``
    adds what follows from the other columns, the identifier first of all."""

    kind: str
    table: str
    marks: frozenset[str]
    columns: Mapping[str, Take]
    finish: Callable[[Columns, int], Columns]
    needed: tuple[str, ...] = ()
    check: Callable[[Mapping[str, pa.Array], NDArray[np.object_]], None] | None = None
    rest: str = "other"
    unless: frozenset[str] = field(
        default=frozenset({"member_ous_uid", "obs_id", "archive_obs_id", "member ous id"})
    )

    def fits(self, names: frozenset[str]) -> bool:
        """Whether a table with these columns (lower case) is of this kind."""
        return self.marks <= names and not self.unless & names


@dataclass(frozen=True, slots=True)
class SideRows:
    """``rows`` in the stored columns of their table, and what could not be mapped."""

    rows: pa.Table
    rejects: tuple[Reject, ...]


def side_table_of(names: Sequence[str]) -> SideTable | None:
    """The kind of table that has these columns; None for tables of observations and for unknown ones."""
    low = frozenset(name.strip().lower() for name in names)
    return next((each for each in SIDE_TABLES if each.fits(low)), None)


def map_side_rows(
    raw: pa.Table, kind: SideTable, table: Table, first_line: int, units: Mapping[str, str], source: str
) -> SideRows:
    """The rows of one batch; ``units`` are those that the source declares, ``source`` is its name."""
    count = raw.num_rows
    reasons = np.full(count, None, dtype=object)
    lines = np.arange(first_line, first_line + count)
    mapped: Columns = {}
    others: Columns = {}
    for name, values in zip(raw.column_names, raw.columns):
        if name == UNREADABLE:
            bad = values.is_valid().combine_chunks().to_numpy(zero_copy_only=False)
            note(reasons, bad, values.drop_null().to_pylist())
            continue
        key = name.strip().lower()
        take = kind.columns.get(key)
        if take is not None:
            column = table.column(take.to)
            cells = read_column(_converted(values, take), column, units.get(name, take.unit))
            mapped[column.name] = cells.values
            note(reasons, cells.bad, [f"{name} is {text!r}, {cells.expected}" for text in cells.texts])
        if key not in DROPPED and (take is None or take.read is not None or kind.rest == "facts"):
            others[name.strip()] = values
    for name in kind.needed:
        bad = mapped[name].is_null().to_numpy(zero_copy_only=False)
        note(reasons, bad, [f"{name} is empty: nothing tells what the row is about"] * count)
    if kind.check is not None:
        kind.check(mapped, reasons)
    mapped[kind.rest] = as_json(others, count)
    mapped = kind.finish(mapped, count)
    mapped["source"] = text_of(source, count)
    if table.has("line"):
        mapped["line"] = pa.array(lines, pa.int64())
    if table.has("kind") and "kind" not in mapped:
        mapped["kind"] = text_of(kind.kind, count)
    mapped["run_id"] = text_of("", count)
    return SideRows(*split_rejects(complete(mapped, table, count), reasons, lines))


def _converted(values: pa.ChunkedArray, take: Take) -> pa.Array:
    whole, _garbled = plain(values.combine_chunks())
    if take.read is None:
        return whole
    texts = whole.cast(pa.string()).to_pylist()
    return pa.array([None if text is None else take.read(text.strip()) for text in texts], pa.string())


def _band(text: str) -> str | None:
    """``6`` for a band that a data frame has made a number of (``6.0``)."""
    return text.removesuffix(".0") or None


def _as_it_is(columns: Columns, _count: int) -> Columns:
    return columns


def _named_windows(columns: Columns, _count: int) -> Columns:
    """Windows are known by project, edges and kind, wherever they were harvested from."""
    texts = [columns[name].cast(pa.string()) for name in ("proposal_id", "f_min", "f_max", "kind")]
    keys = pc.binary_join_element_wise(*texts, "\x1f", null_handling="replace", null_replacement="\x00")
    name = pc.binary_join_element_wise(
        slugs(columns["proposal_id"]), hashes(keys.to_pylist()), "-", null_handling="skip"
    )
    return {**columns, "project_window_id": name}


def _named_supplements(kind: str) -> Callable[[Columns, int], Columns]:
    """Supplements are known by what they say: an equal row of another copy is the same."""

    def finish(columns: Columns, count: int) -> Columns:
        target = columns.get("target_name", pa.nulls(count, pa.string()))
        facts = [json.dumps([kind, text]) for text in columns["facts"].to_pylist()]
        name = pc.binary_join_element_wise(
            pa.repeat(pa.scalar(kind), count), slugs(target), hashes(facts), "-", null_handling="skip"
        )
        return {**columns, "supplement_id": name, "canonical_target": canonicals(target)}

    return finish


def _check_edges(columns: Mapping[str, pa.Array], reasons: NDArray[np.object_]) -> None:
    low, high = numbers(columns["f_min"]), numbers(columns["f_max"])
    bad = ~((low > 0) & (low <= high))
    texts = [
        f"its edges are {a} and {b} Hz, both must be there with 0 < low <= high" for a, b in zip(low, high)
    ]
    note(reasons, bad, [text for text, wrong in zip(texts, bad) if wrong])


def _check_place(columns: Mapping[str, pa.Array], reasons: NDArray[np.object_]) -> None:
    ra, dec = numbers(columns["s_ra"]), numbers(columns["s_dec"])
    nowhere = np.isnan(ra) & np.isnan(dec)
    bad = ~nowhere & ~((ra >= 0) & (ra <= 360) & (abs(dec) <= 90))
    text = "its position is {}, {}: not in 0 to 360 and -90 to 90 degrees"
    note(reasons, bad, [text.format(*place) for place in zip(ra[bad], dec[bad])])


SIDE_TABLES = (
    SideTable(
        "projects",
        "holdings.project",
        frozenset({"project_code", "project_title", "project_abstract"}),
        {
            "project_code": Take("proposal_id"),
            "project_title": Take("obs_title"),
            "project_abstract": Take("proposal_abstract"),
            "science_category": Take("scientific_category"),
            "science_keyword": Take("science_keyword"),
            "pi_name": Take("pi_name"),
        },
        _as_it_is,
        needed=("proposal_id",),
    ),
    SideTable(
        "project-windows",
        "holdings.project_window",
        frozenset({"project_code", "fs_type", "low_freq", "high_freq"}),
        {
            "project_code": Take("proposal_id"),
            "fs_type": Take("kind"),
            "low_freq": Take("f_min", unit="GHz"),
            "high_freq": Take("f_max", unit="GHz"),
            "band": Take("band_list", _band),
        },
        _named_windows,
        needed=("proposal_id",),
        check=_check_edges,
    ),
    SideTable(
        "image-parameters",
        "holdings.supplement",
        frozenset({"source", "obsra", "obsdec"}),
        {"source": Take("target_name"), "obsra": Take("s_ra"), "obsdec": Take("s_dec")},
        _named_supplements("image-parameters"),
        needed=("target_name",),
        check=_check_place,
        rest="facts",
    ),
    SideTable(
        "continuum-ranges",
        "holdings.supplement",
        frozenset({"source", "contrange_spw0_7m"}),
        {"source": Take("target_name")},
        _named_supplements("continuum-ranges"),
        needed=("target_name",),
        rest="facts",
    ),
    # Uids without their first part (X1590_X30aa): which uid://A.../ they begin with is not told.
    SideTable(
        "member-sets",
        "holdings.supplement",
        frozenset({"12m mous id", "7m mous id", "tp mous id"}),
        {},
        _named_supplements("member-sets"),
        rest="facts",
    ),
)
