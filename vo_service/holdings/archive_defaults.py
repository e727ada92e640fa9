"""What rows of ``ivoa.obscore`` are to tell and some tables of an archive leave out, as older layouts do.

Each value filled in here is on record once for a harvested table: a repair row for each of a million rows
would tell no more.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from vo_service.holdings.finish import Columns
from vo_service.holdings.records import Repair

CALIBRATED = 2
"""``calib_level`` of data that are calibrated and in a form of general use (OBS-062)."""

ALMA_NAMES = {"obs_collection": "ALMA", "facility_name": "JAO", "instrument_name": "ALMA"}
"""How ALMA's archive calls itself (ALMA-003)."""

_UID = r"^uid://A\d+/X[0-9a-fA-F]+/X[0-9a-fA-F]+$"
_PUBLISHER = "JAO.ALMA"
_LAYOUT = '"layout":"(archive-form|almasim|alminer-display|member-sets)"'

_ITEMS = ("calib_level", *ALMA_NAMES, "s_resolution")
_KINDS = ("alma", "other")


def filled_columns(rows: pa.Table) -> Columns:
    """Columns of ``ivoa.obscore`` that ``rows`` (of ``holdings.archive_row``) may leave out in places, whole.

    Level 2, as ObsCore lets it be unknown nowhere (OBS-003); ALMA's names where the row is ALMA's and says
    nothing else; for the collection of others the name of the table; the resolution under its other name.
    """
    alma = _is_alma(rows)
    nothing = pa.scalar(None, pa.string())
    columns = {"calib_level": pc.fill_null(_one(rows, "calib_level"), CALIBRATED)}
    for name, word in ALMA_NAMES.items():
        columns[name] = pc.coalesce(_one(rows, name), pc.if_else(alma, pa.scalar(word), nothing))
    columns["obs_collection"] = pc.coalesce(columns["obs_collection"], _one(rows, "source"))
    columns["s_resolution"] = pc.coalesce(_one(rows, "s_resolution"), _one(rows, "spatial_resolution"))
    return columns


def default_repairs(rows: pa.Table, source: str) -> dict[str, Repair]:
    """What is on record of the values that ``rows`` of one table had filled in, by a name for each kind."""
    gaps = [name for name in _ITEMS if rows[name].null_count]
    if not gaps:
        return {}
    alma, columns = _is_alma(rows), filled_columns(rows)
    found: dict[str, Repair] = {}
    for name in gaps:
        filled = pc.and_(pc.is_null(_one(rows, name)), pc.is_valid(columns[name]))
        whose = (alma, pc.invert(alma)) if name != "s_resolution" else (filled,)
        for kind, their in zip(_KINDS, whose):
            mine = columns[name].filter(pc.and_(filled, their))
            if len(mine):
                found[f"{name}-{kind}"] = _repair(name, kind, mine, source)
    return found


def default_names() -> list[str]:
    """Every name that :func:`default_repairs` may give."""
    return [f"{name}-{kind}" for name in _ITEMS for kind in _KINDS]


def _repair(item: str, kind: str, values: pa.Array, source: str) -> Repair:
    if item == "s_resolution":
        why = f"rows of {source} tell it as spatial_resolution alone, in arcsec too: that is taken"
        return Repair(item, None, None, "ARCH-OTHER-NAME", why)
    became = str(values[0].as_py())
    if item == "calib_level":
        why = f"rows of {source} do not tell it, and ObsCore has no row without: calibrated data"
        if kind == "alma":
            return Repair(item, None, became, "ARCH-DEFAULT", f"{why}, as all that ALMA's archive lists", 0.8)
        return Repair(item, None, became, "ARCH-DEFAULT", f"{why} are what such tables list", 0.3)
    if kind == "alma":
        why = f"rows of {source} do not tell it, but their uids, identifiers or columns are ALMA's own"
        return Repair(item, None, became, "ARCH-DEFAULT", why, 0.95)
    why = f"rows of {source} do not tell it, and ObsCore has no row without: the name of the table"
    return Repair(item, None, became, "ARCH-DEFAULT", why, 0.3)


def _is_alma(rows: pa.Table) -> pa.Array:
    """Which rows are ALMA's by uid, identifier, collection or layout of their table, and say nothing else."""
    shown = [
        pc.match_substring_regex(_one(rows, "member_ous_uid"), _UID),
        pc.match_substring(_one(rows, "archive_publisher_did"), _PUBLISHER),
        pc.match_substring_regex(_one(rows, "other"), _LAYOUT),
        pc.equal(_one(rows, "obs_collection"), "ALMA"),
    ]
    alma = pc.fill_null(shown[0], False)
    for each in shown[1:]:
        alma = pc.or_(alma, pc.fill_null(each, False))
    for name, word in ALMA_NAMES.items():
        alma = pc.and_(alma, pc.fill_null(pc.equal(_one(rows, name), word), True))
    return alma


def _one(rows: pa.Table, name: str) -> pa.Array:
    return rows[name].combine_chunks()
