"""Rows of ``ivoa.obscore`` for archive rows that have no data set of ours (design 4.1 b).

Values are the archive's; what the standard defines otherwise is computed: product type (OBS-061), resolutions
(ALMA-042, ALMA-044), the access format that the archive cuts (ALMA-010). Whole columns at a time.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tap_schema import Table
from vo_service.holdings.archive_defaults import filled_columns
from vo_service.holdings.finish import (
    Columns,
    dids,
    finish_rows,
    nullable,
    numbers,
    own_window,
    text_of,
)
from vo_service.holdings.supports import spanned_windows
from vo_service.spectral import C

DATALINK = "application/x-votable+xml;content=datalink"
PRODUCT_TYPES = pa.array(
    ["image", "cube", "spectrum", "sed", "timeseries", "visibility", "event", "measurements"]
)

# Facts that the archive knows and no file does: they go unchanged to whichever row describes the window.
PROPOSAL_FACTS = (
    "proposal_id group_ous_uid asdm_uid schedblock_name scan_intent type obs_title proposal_authors "
    "proposal_abstract science_keyword scientific_category bib_reference pub_title first_author authors "
    "pub_abstract publication_year collections obs_release_date"
).split()

# Band edges in GHz; where bands 2 and 3 overlap, 3 is meant (ALMA-090).
BANDS = (
    (2, 67.0, 116.0),
    (1, 35.0, 50.0),
    (3, 84.0, 116.0),
    (4, 125.0, 163.0),
    (5, 163.0, 211.0),
    (6, 211.0, 275.0),
    (7, 275.0, 373.0),
    (8, 385.0, 500.0),
    (9, 602.0, 720.0),
    (10, 787.0, 950.0),
)


def bands_of(frequency_hz: NDArray[np.float64]) -> pa.Array:
    """The receiver band of each frequency as text, null outside all bands (ALMA-090)."""
    ghz = frequency_hz / 1e9
    bands = np.full(len(ghz), "", dtype=object)
    for number, low, high in BANDS:
        bands[(ghz >= low) & (ghz <= high)] = str(number)
    return pa.array(bands, pa.string(), mask=np.array(bands == "", dtype=bool))


def archive_only_rows(rows: pa.Table, table: Table, authority: str) -> pa.Table:
    """One row of ``ivoa.obscore`` for each archive row, with origin ``archive``."""
    count = rows.num_rows
    taken = {name: rows[name].combine_chunks() for name in rows.column_names if table.has(name)}
    taken = {name: values for name, values in taken.items() if table.column(name).computed is None}
    columns: Columns = taken
    uid = columns["member_ous_uid"]
    identifiers = rows["archive_row_id"].combine_chunks()
    columns |= {
        "obs_id": pc.coalesce(uid, identifiers),
        "obs_publisher_did": dids(authority, identifiers),
        "publisher_id": text_of(f"ivo://{authority}", count),
        "origin": text_of("archive", count),
        "archive_publisher_did": rows["archive_publisher_did"].combine_chunks(),
        **filled_columns(rows),
        "dataproduct_type": product_types(columns["dataproduct_type"], columns["em_xel"]),
        "science_observation": science_flags(columns["science_observation"], columns["scan_intent"]),
        "pol_xel": pol_counts(columns["pol_states"], columns["pol_xel"]),
    }
    columns |= access_columns(columns.pop("access_url", rows["access_url"]), columns["access_format"])
    columns |= creator_columns(columns)
    columns |= spectral_columns(columns, spanned_of(rows))
    columns.pop("em_resolution", None)
    return finish_rows(columns, table, count)


def product_types(said: pa.Array, channels: pa.Array) -> pa.Array:
    """Cube where the spectral axis is longer than one channel, else what the archive says (OBS-060,
    OBS-061)."""
    lowered = pc.utf8_lower(said)
    legal = pc.if_else(pc.is_in(lowered, PRODUCT_TYPES), lowered, pa.scalar(None, pa.string()))
    imaged = pc.fill_null(pc.is_in(lowered, pa.array(["image", "cube"])), True)
    deep = pc.and_(imaged, pc.fill_null(pc.greater(channels, 1), False))
    return pc.if_else(deep, "cube", legal)


def science_flags(flags: pa.Array, intents: pa.Array) -> pa.Array:
    """T or F, never null (ALMA-145): without a flag, F only for rows whose intents name no target."""
    calibration = pc.invert(pc.match_substring(intents, "TARGET"))
    told = pc.if_else(calibration, "F", "T")
    return pc.coalesce(flags, told, pa.scalar("T"))


def pol_counts(states: pa.Array, counts: pa.Array) -> pa.Array:
    """Number of labels in ``pol_states`` (OBS-087); the archive's number where there are no states."""
    labels = pc.subtract(pc.count_substring(states, "/"), 1).cast(pa.int64())
    return pc.coalesce(labels, counts.cast(pa.int64()))


def access_columns(urls: pa.Array, formats: pa.Array) -> Columns:
    """Where the archive's data are to be had. Its formats are cut at nine characters: only whole ones
    count.
    """
    if isinstance(urls, pa.ChunkedArray):
        urls = urls.combine_chunks()
    web = pc.fill_null(pc.match_substring_regex(urls, r"^https?://[^\s]+$"), False)
    paths = pc.if_else(web, urls, pa.scalar(None, pa.string()))
    whole = pc.if_else(pc.match_substring(formats, "/"), formats, pa.scalar(None, pa.string()))
    links = pc.match_substring_regex(paths, r"/datalink(/|$|\?)")
    return {
        "_access_path": paths,
        "access_format": pc.case_when(
            pc.make_struct(pc.is_null(paths), pc.fill_null(links, False)),
            pa.scalar(None, pa.string()),
            pa.scalar(DATALINK),
            whole,
        ),
    }


def creator_columns(columns: Columns) -> Columns:
    """Older rows name the PI as creator (ALMA-059): the name goes to ``pi_name``, the creator is ALMA."""
    creator = columns["obs_creator_name"]
    person = pc.if_else(pc.equal(creator, "ALMA"), pa.scalar(None, pa.string()), creator)
    named = pc.and_(pc.equal(columns["obs_collection"], "ALMA"), pc.is_valid(creator))
    return {
        "pi_name": pc.coalesce(columns["pi_name"], person),
        "obs_creator_name": pc.if_else(pc.fill_null(named, False), "ALMA", creator),
    }


def spanned_of(rows: pa.Table) -> dict[int, list[float]]:
    """Which archive rows describe several windows at once, as older layouts do, and the edges of these in
    m."""
    nameless = rows["archive_obs_id"].is_null().to_numpy()
    em_min, em_max = numbers(rows["em_min"]), numbers(rows["em_max"])
    return spanned_windows(rows["frequency_support"].combine_chunks(), em_min, em_max, nameless)


def spectral_columns(columns: Columns, spanned: Mapping[int, list[float]]) -> Columns:
    """Frequency columns in the units of ALMA-037, -038, -042, from the archive's or from its wavelengths.

    Rows of several windows (``spanned``) have no frequency of their own: the middle may lie in a gap.
    """
    em_min, em_max = numbers(columns["em_min"]), numbers(columns["em_max"])
    f_min, f_max = C / em_max, C / em_min
    power = numbers(columns["em_res_power"])
    middle, width = (f_min + f_max) / 2e9, f_max - f_min
    middle[list(spanned)] = width[list(spanned)] = np.nan
    frequency = pc.coalesce(columns["frequency"], nullable(middle))
    ghz = numbers(frequency)
    return {
        "frequency": frequency,
        "bandwidth": pc.coalesce(columns["bandwidth"], nullable(width)),
        "spectral_resolution": nullable(ghz * 1e6 / power),
        "velocity_resolution": pc.coalesce(columns["velocity_resolution"], nullable(C / power)),
        "band_list": pc.coalesce(columns["band_list"], bands_of(ghz * 1e9)),
        "em_support": _supports_of(own_window(em_min, em_max), spanned),
    }


def _supports_of(own: pa.Array, spanned: Mapping[int, list[float]]) -> pa.Array:
    """``em_support`` of one window each, with all windows of the rows that have several."""
    if not spanned:
        return own
    values = own.to_pylist()
    for row, edges in spanned.items():
        values[row] = edges
    return pa.array(values, own.type)
