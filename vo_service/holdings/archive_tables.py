"""Everything that archive rows without a data set of ours contribute to the published tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tap_schema import Published
from vo_service.holdings.archive import window_of
from vo_service.holdings.archive_obscore import archive_only_rows
from vo_service.holdings.finish import complete, numbers, text_of
from vo_service.holdings.observations import part_of
from vo_service.holdings.projects import NO_PROJECTS, Projects
from vo_service.holdings.radio_rows import Reach, radio_rows
from vo_service.holdings.supports import Supports, read_supports
from vo_service.holdings.windows import archive_windows
from vo_service.spectral import C


@dataclass(frozen=True, slots=True)
class ArchiveTables:
    """``tables``: rows by qualified name. ``parts``: what they tell of observations."""

    tables: Mapping[str, pa.Table]
    parts: pa.Table


def with_windows(rows: pa.Table) -> pa.Table:
    """Rows of ``holdings.archive_row`` with ``_window``, the label of the spectral window in their obs_id."""
    if "_window" in rows.column_names:
        return rows
    return rows.append_column("_window", window_of(rows["archive_obs_id"].combine_chunks()))


def supports_of(rows: pa.Table) -> Supports:
    """What ``frequency_support`` says of each row's field and own window."""
    low, high = C / numbers(rows["em_max"]), C / numbers(rows["em_min"])
    return read_supports(rows["frequency_support"].combine_chunks(), low, high)


def archive_tables(
    rows: pa.Table, published: Published, authority: str, projects: Projects = NO_PROJECTS
) -> ArchiveTables:
    """Rows of ``ivoa.obscore``, its radio extension, windows and repairs for archive rows listed as
    themselves.

    ``rows`` has the columns of ``holdings.archive_row`` and ``_window``; ``projects`` fill what they lack.
    """
    rows = rows.combine_chunks()
    storage = published.storage
    obscore = archive_only_rows(rows, storage["ivoa.obscore"], authority)
    obscore, filled = projects.fill(obscore, storage["holdings.repair"])
    supports = supports_of(rows)
    own_low, own_high = C / numbers(rows["em_max"]), C / numbers(rows["em_min"])
    low = np.where(np.isfinite(supports.low), supports.low, own_low)
    high = np.where(np.isfinite(supports.high), supports.high, own_high)
    unmeasured = np.full(rows.num_rows, np.nan)
    reach = Reach(
        f_low=low,
        f_high=high,
        f_nominal=(low + high) / 2,
        beam_min=unmeasured,
        beam_max=unmeasured,
        f_resolution_khz=numbers(obscore["spectral_resolution"]),
        fields_scale=np.asarray(
            pc.fill_null(pc.equal(obscore["is_mosaic"].combine_chunks(), "F"), False).to_numpy(
                zero_copy_only=False
            ),
            dtype=bool,
        ),
    )
    tables = {
        "ivoa.obscore": obscore,
        "ivoa.obscore_radio": radio_rows(obscore, reach, storage["ivoa.obscore_radio"]),
        "holdings.spectral_window": archive_windows(
            rows, obscore, supports, storage["holdings.spectral_window"]
        ),
        "holdings.repair": pa.concat_tables([_type_repairs(rows, obscore, published), filled]),
    }
    return ArchiveTables(tables, part_of(obscore, pa.repeat(pa.scalar(1, pa.int64()), rows.num_rows)))


def _type_repairs(rows: pa.Table, obscore: pa.Table, published: Published) -> pa.Table:
    """A repair for every row whose product type is not the archive's (OBS-061)."""
    was, became = rows["dataproduct_type"], obscore["dataproduct_type"]
    changed = pc.fill_null(pc.not_equal(was, became), False)
    identifiers = rows["archive_row_id"].filter(changed).combine_chunks()
    count = len(identifiers)
    columns = {
        "repair_id": pc.binary_join_element_wise(identifiers, "dataproduct-type", "-"),
        "archive_row_id": identifiers,
        "item": text_of("dataproduct_type", count),
        "was": was.filter(changed),
        "became": became.filter(changed),
        "rule_id": text_of("ARCH-TYPE", count),
        "why": text_of("a spectral axis of more than one channel makes a cube", count),
        "confidence": pa.repeat(pa.scalar(1.0), count),
    }
    return complete(columns, published.storage["holdings.repair"], count)
