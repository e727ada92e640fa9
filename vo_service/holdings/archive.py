"""Rows of an archive's ObsCore table brought to the columns of ``holdings.archive_row``.

Names are matched without case, text that stands for null becomes null (ALMA-147, ALMA-149), numbers and times
are read strictly, and everything else stays as the archive wrote it. A row that cannot be mapped is told by
its number in the table with the reason. All of it works on whole Arrow columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tap_schema import Table
from vo_service import sky
from vo_service.holdings.cells import as_json, read_column
from vo_service.holdings.finish import numbers
from vo_service.holdings.ids import hashes, slugs

# Columns that change their name, because ours of that name says something else.
RENAMED = {"obs_publisher_did": "archive_publisher_did", "obs_id": "archive_obs_id"}

# Account names are personal data without a use here (ALMA-061); the nameless column is pandas' index.
DROPPED = frozenset({"pi_userid", "", "unnamed: 0", "__index_level_0__"})

UNREADABLE = "\x00unreadable"
"""A column that a reader adds: why a row could not be read at all, null for all others."""

ROW_KEY = "\x00key"
"""A column that a layout adds: what keeps its rows apart where they have no obs_id of a window."""

ROW_NUMBER = "\x00number"
"""A column that a layout adds where it makes several rows of one: which one of the table (from 0) it was."""

OBS_ID = (
    r"^(?P<mous>uid://A\d{3}/X[0-9a-f]+/X[0-9a-f]+)"
    r"(?P<window>\.source\.(?P<src>.+)\.spw\.(?P<spw>\d+))?$"
)


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that cannot be mapped: its number in the table (from 1), the class of error and the reason."""

    line: int
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class Mapped:
    """``rows`` has the columns of ``holdings.archive_row`` that come from the archive, ``archive_row_id``
    and, for the steps that follow, ``_window`` (label of the spectral window) and ``_line``."""

    rows: pa.Table
    rejects: tuple[Reject, ...]


def map_rows(raw: pa.Table, table: Table, first_line: int, units: Mapping[str, str]) -> Mapped:
    """``raw`` as the archive has it, as columns of ``table`` (``holdings.archive_row``).

    ``units`` are those that the source declares; a column in another unit than ours is converted.
    """
    count = raw.num_rows
    reasons = np.full(count, None, dtype=object)
    raw, key_texts = _split_off(raw, ROW_KEY)
    raw, offsets = _split_off(raw, ROW_NUMBER)
    lines = first_line + (np.arange(count) if offsets is None else offsets.to_numpy())
    columns = {column.name.lower(): column for column in table.columns}
    mapped: dict[str, pa.Array] = {}
    others: dict[str, pa.Array] = {}
    for name, values in zip(raw.column_names, raw.columns):
        if name == UNREADABLE:
            bad = values.is_valid().combine_chunks().to_numpy(zero_copy_only=False)
            note(reasons, bad, values.drop_null().to_pylist())
            continue
        key = name.strip().lower()
        own = key in _OURS or (key in RENAMED.values())
        key = RENAMED.get(key, key)
        if key in DROPPED:
            continue
        if key not in columns or own:
            others[name.strip()] = values
            continue
        column = columns[key]
        cells = read_column(values, column, units.get(name))
        mapped[column.name] = cells.values
        note(reasons, cells.bad, [f"{name} is {text!r}, {cells.expected}" for text in cells.texts])
    for column in table.columns:
        if column.name not in mapped:
            mapped[column.name] = pa.nulls(count, column.arrow_type)
    mapped["other"] = as_json(others, count)
    _fill_uid(mapped)
    _check_name(mapped, reasons, keyed=key_texts is not None)
    _check_values(mapped, reasons)
    rows = _with_ids(mapped, lines, key_texts)
    return Mapped(*split_rejects(rows, reasons, lines))


def split_rejects(
    rows: pa.Table, reasons: NDArray[np.object_], lines: NDArray[np.int64]
) -> tuple[pa.Table, tuple[Reject, ...]]:
    """The rows without a reason against them, and the others as rejects."""
    good = np.array([reason is None for reason in reasons], dtype=bool)
    rejects = tuple(Reject(int(lines[row]), "bad_row", str(reasons[row])) for row in np.flatnonzero(~good))
    return rows if not rejects else rows.filter(pa.array(good)), rejects


def _split_off(raw: pa.Table, name: str) -> tuple[pa.Table, pa.Array | None]:
    """The table without a column that a layout added, and that column if it is there."""
    if name not in raw.column_names:
        return raw, None
    return raw.drop_columns([name]), raw[name].combine_chunks()


_OURS = frozenset({"archive_row_id", "source", "run_id", "matched_dataset_id", "other"})


def note(reasons: NDArray[np.object_], bad: NDArray[np.bool_], texts: list[str]) -> None:
    """Write the text of each bad row, unless an earlier reason stands there."""
    for row, text in zip(np.flatnonzero(bad), texts):
        if reasons[row] is None:
            reasons[row] = text


def window_of(obs_ids: pa.Array) -> pa.Array:
    """Label of the spectral window in an archive's obs_id; null for one that names a member set only."""
    return _part(pc.extract_regex(obs_ids, OBS_ID), "spw")


def _part(parts: pa.Array, field: str) -> pa.Array:
    text = pc.struct_field(parts, field)
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


def _fill_uid(mapped: dict[str, pa.Array]) -> None:
    """The member uid from the archive's obs_id where its own column is empty; window and source beside it."""
    parts = pc.extract_regex(mapped["archive_obs_id"], OBS_ID)
    mapped["member_ous_uid"] = pc.coalesce(mapped["member_ous_uid"], _part(parts, "mous"))
    mapped["_window"] = _part(parts, "spw")
    mapped["_source"] = _part(parts, "src")


def _check_name(mapped: Mapping[str, pa.Array], reasons: NDArray[np.object_], *, keyed: bool) -> None:
    """Refuse rows that nothing names. In a layout without uids (``keyed``) the position is enough."""
    nameless = pc.and_(pc.is_null(mapped["archive_obs_id"]), pc.is_null(mapped["member_ous_uid"]))
    text = "obs_id and member_ous_uid are both empty: nothing names the observation"
    if keyed:
        nameless = pc.and_(nameless, pc.is_null(mapped["s_ra"]))
        text = "neither a member uid nor a position: nothing tells which observation this is"
    note(reasons, nameless.to_numpy(zero_copy_only=False), [text] * int(pc.sum(nameless).as_py() or 0))


def _check_values(mapped: Mapping[str, pa.Array], reasons: NDArray[np.object_]) -> None:
    """Refuse rows whose values contradict themselves: nothing right could be published from them."""

    def values(name: str) -> NDArray[np.float64]:
        return numbers(mapped[name])

    def refuse(bad: NDArray[np.bool_], text: str, *names: str) -> None:
        rows = np.flatnonzero(bad)
        cells = [mapped[name].take(pa.array(rows)).to_pylist() for name in names]
        note(reasons, bad, [text.format(*each) for each in zip(*cells)])

    ra, dec = values("s_ra"), values("s_dec")
    refuse(~np.isnan(ra) & ~((ra >= 0) & (ra <= 360)), "s_ra is {}, it must lie in 0 to 360 degrees", "s_ra")
    refuse(~np.isnan(dec) & ~(abs(dec) <= 90), "s_dec is {}, it must lie in -90 to 90 degrees", "s_dec")
    refuse(
        np.isnan(ra) != np.isnan(dec), "s_ra is {} and s_dec {}, both or none must be there", "s_ra", "s_dec"
    )
    low, high = values("em_min"), values("em_max")
    refuse(
        (low <= 0) | (low > high) | (np.isnan(low) != np.isnan(high)),
        "em_min is {} and em_max {}, both must be there with 0 < em_min <= em_max (metres)",
        "em_min",
        "em_max",
    )
    start, end = values("t_min"), values("t_max")
    refuse(start > end, "t_min is {}, after t_max {}", "t_min", "t_max")
    level = values("calib_level")
    refuse(~np.isnan(level) & ~((level >= 0) & (level <= 4)), "calib_level is {}, not 0 to 4", "calib_level")
    regions = mapped["s_region"]
    distinct = pc.dictionary_encode(regions)
    good = pa.array(sky.caps_of(distinct.dictionary)["ok"], pa.bool_()).take(distinct.indices)
    refuse(
        pc.equal(good, False).fill_null(False).to_numpy(zero_copy_only=False),
        "s_region is no region: {!r}",
        "s_region",
    )


def _with_ids(mapped: dict[str, pa.Array], lines: NDArray[np.int64], key_texts: pa.Array | None) -> pa.Table:
    """The rows with an identifier made from member uid, source and window, and hashed from what is unique."""
    named = pc.is_valid(mapped["_window"])
    long_key = pc.binary_join_element_wise(
        mapped["archive_obs_id"],
        mapped["archive_publisher_did"],
        mapped["member_ous_uid"],
        mapped["target_name"],
        mapped["em_min"].cast(pa.string()),
        mapped["em_max"].cast(pa.string()),
        "\x1f",
        null_handling="replace",
        null_replacement="\x00",
    )
    if key_texts is not None:
        long_key = pc.binary_join_element_wise(long_key, key_texts, "\x1f")
    keys = pc.if_else(named, mapped["archive_obs_id"], long_key)
    source = pc.coalesce(mapped["target_name"], mapped.pop("_source"))
    window = pc.binary_join_element_wise("spw", mapped["_window"], "")
    mapped["archive_row_id"] = pc.binary_join_element_wise(
        _slugs_of_distinct(mapped["member_ous_uid"]),
        _slugs_of_distinct(source),
        window,
        hashes(keys.to_pylist()),
        "-",
        null_handling="skip",
    )
    mapped["_line"] = pa.array(lines, pa.int64())
    return pa.table(mapped)


def _slugs_of_distinct(texts: pa.Array) -> pa.Array:
    coded = pc.dictionary_encode(texts)
    return slugs(coded.dictionary).take(coded.indices)
