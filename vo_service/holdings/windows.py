"""Rows of ``holdings.spectral_window``: the windows of data sets and of archive rows, in one form.

A window of a file lies in the file's own frame (``specsys``); of an archive row no frame is known. A window
that both describe is one row with origin ``both``.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from tap_schema import Table
from vo_service.holdings.archive_obscore import spanned_of
from vo_service.holdings.finish import complete, nullable, numbers, text_of
from vo_service.holdings.supports import Supports
from vo_service.spectral import C


def archive_windows(rows: pa.Table, obscore: pa.Table, supports: Supports, table: Table) -> pa.Table:
    """One window for each archive row that describes one; ``obscore`` has the rows that were made from all of
    them, in their order."""
    em_min, em_max = numbers(rows["em_min"]), numbers(rows["em_max"])
    power = numbers(rows["em_res_power"])
    known = np.isfinite(em_min)
    known[list(spanned_of(rows))] = False  # a range with gaps is no window
    identifiers = rows["archive_row_id"].combine_chunks()
    columns = {
        "window_id": identifiers,
        "obs_publisher_did": obscore["obs_publisher_did"],
        "archive_row_id": identifiers,
        "member_ous_uid": rows["member_ous_uid"],
        "target_name": rows["target_name"],
        "window": rows["_window"],
        "origin": text_of("archive", rows.num_rows),
        "f_min": nullable(C / em_max),
        "f_max": nullable(C / em_min),
        "em_min": rows["em_min"],
        "em_max": rows["em_max"],
        "em_xel": rows["em_xel"],
        "f_resolution": nullable(numbers(obscore["frequency"]) * 1e6 / power),
        "velocity_resolution": nullable(C / power),
        "pol_states": rows["pol_states"],
        "sensitivity_10kms": rows["sensitivity_10kms"],
        "sensitivity_native": nullable(supports.noise_native),
        "band_list": obscore["band_list"],
    }
    made = complete(columns, table, rows.num_rows)
    return made if known.all() else made.filter(pa.array(known))
