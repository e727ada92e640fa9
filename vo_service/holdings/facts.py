"""What an archive row tells of a data set, and where file and archive disagree.

The file's measures win for position, frequency, beam, channels and axes; the archive wins for proposal,
release date, times, exposure, antennas, quality and sensitivity. Every value that lost is a repair row,
unless the two agree within what an estimate is good for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from vo_service.holdings.names import canonical
from vo_service.holdings.records import Repair
from vo_service.spectral import merge_intervals

Row = dict[str, Any]

# One value for all windows of a member set and target (ALMA-129): true of aggregates and derived maps too.
FIELD_FACTS = (
    "t_min t_max t_exptime t_resolution antenna_arrays is_mosaic qa2_passed pwv spatial_scale_max asdm_uid "
    "schedblock_name scan_intent type collections cont_sensitivity_bandwidth"
).split()
PROPOSAL_FACTS = (
    "proposal_id group_ous_uid obs_title pi_name proposal_authors proposal_abstract science_keyword "
    "scientific_category bib_reference pub_title first_author authors pub_abstract publication_year "
    "obs_release_date archive_publisher_did"
).split()
WINDOW_FACTS = ["sensitivity_10kms"]

NOT_YET = datetime(3000, 1, 1)  # UTC, as all dates in tables, without a zone
_POSITION_ARCSEC = 1.0
_FREQUENCY_RELATIVE = 1e-4
_RESOLUTION_RELATIVE = 0.2

# Facts that a file states itself; for the others it has stand-ins that are no statement.
_STATED = frozenset({"proposal_id", "group_ous_uid", "t_min", "t_exptime"})


def merge_facts(row: Row, archive: Mapping[str, Any]) -> tuple[Row, list[Repair]]:
    """The data set's row with the facts of its own window's archive row, and the disagreements."""
    repairs = disagreements(row, archive)
    merged = dict(row)
    merged["origin"] = "both"
    named = archive.get("target_name")
    if named is not None:
        if row["target_name"] is not None and named != row["target_name"]:
            repairs.append(
                Repair(
                    "target_name",
                    row["target_name"],
                    named,
                    "ARCH-TARGET",
                    "the archive spells the target differently, and clients filter by the archive's spelling",
                )
            )
        merged["target_name"] = named
    repairs += _supersede(merged, archive, (*PROPOSAL_FACTS, *FIELD_FACTS, *WINDOW_FACTS))
    for name in ("facility_name", "instrument_name", "obs_collection", "science_observation"):
        if archive.get(name) is not None:
            merged[name] = archive[name]
    repairs += _fill_from_archive(merged, archive)
    return merged, repairs


def share_facts(row: Row, siblings: Iterable[Mapping[str, Any]]) -> Row:
    """The row of a data set without an archive row of its own, with what the archive says of its whole field.

    ``siblings`` are the archive rows of its member set. Proposal and release date are the same for all of
    them, with the latest date if not; times and antennas are taken from rows of the same source.
    """
    rows = list(siblings)
    if not rows:
        return row
    shared = dict(row)
    for name in PROPOSAL_FACTS:
        value = next((each[name] for each in rows if each.get(name) is not None), None)
        if value is not None:
            shared[name] = value
    shared["obs_release_date"] = shared_release(rows)
    own = canonical(row["target_name"])
    field = next((each for each in rows if canonical(each.get("target_name")) == own), None)
    if field is not None:
        _supersede(shared, field, FIELD_FACTS)
        if field.get("science_observation") is not None:
            shared["science_observation"] = field["science_observation"]
    return shared


def shared_release(siblings: Iterable[Mapping[str, Any]]) -> datetime | None:
    """When the last of a member set's rows becomes public; None where there is no row.

    A row without a date keeps its whole member set closed: the date is then the archive's own word for "not
    yet" (ALMA-032), since no date at all would read as a file that no archive row speaks for.
    """
    dates = [each.get("obs_release_date") for each in siblings]
    if not dates:
        return None
    return max(NOT_YET if date is None else date for date in dates)


def aggregate_support(row: Row, windows: Sequence[str], siblings: Iterable[Mapping[str, Any]]) -> Row:
    """The real windows of an image that aggregates several, where the archive lists all of them.

    The hull from its lowest to its highest channel would claim lines that fall between two sidebands
    (design 4.4). The windows are cut to the range of the file.
    """
    if len(windows) < 2 or row["em_min"] is None:
        return row
    own = canonical(row["target_name"])
    ranges = {
        each["_window"]: (max(each["em_min"], row["em_min"]), min(each["em_max"], row["em_max"]))
        for each in siblings
        if each["_window"] in windows and each["em_min"] is not None and canonical(each["target_name"]) == own
    }
    pairs = [pair for pair in ranges.values() if pair[0] < pair[1]]
    if len(pairs) != len(set(windows)):
        return row
    return row | {"em_support": [edge for pair in merge_intervals(pairs) for edge in pair]}


def disagreements(row: Row, archive: Mapping[str, Any]) -> list[Repair]:
    """Measures of the file that differ from the archive's by more than estimates do; the file's stand."""
    found: list[Repair] = []

    def note(item: str, rule: str, why: str) -> None:
        found.append(Repair(item, _text(archive.get(item)), _text(row.get(item)), rule, why))

    for item, apart in _offsets_arcsec(row, archive).items():
        if apart > _POSITION_ARCSEC:
            note(item, "ARCH-POSITION", f"{apart:.1f} arcsec apart: the file's coordinates stand")
    if _differs(row["frequency"], archive.get("frequency"), _FREQUENCY_RELATIVE):
        note(
            "frequency",
            "ARCH-FREQUENCY",
            "middle of the file's channels, more than a change of frame from the archive's",
        )
    if row["s_resolution"] is not None and _differs(
        row["s_resolution"], archive.get("s_resolution"), _RESOLUTION_RELATIVE
    ):
        note(
            "s_resolution",
            "ARCH-RESOLUTION",
            "the file's restoring beam, more than 20 % from the archive's estimate",
        )
    channels = archive.get("em_xel")
    if channels is not None and row.get("em_support") is not None and row["em_xel"] != channels:
        note("em_xel", "ARCH-CHANNELS", "the file's own number of channels")
    bands, band = archive.get("band_list"), row.get("band_list")
    if bands is not None and band is not None and band not in bands.split():
        note("band_list", "ARCH-BAND", "the band that the file's frequencies lie in")
    return found


def _fill_from_archive(merged: Row, archive: Mapping[str, Any]) -> list[Repair]:
    """Values that the file does not tell, from the archive."""
    repairs = []
    if merged["s_resolution"] is None and archive.get("s_resolution") is not None:
        for name in ("s_resolution", "spatial_resolution"):
            merged[name] = archive.get(name)
        repairs.append(
            Repair(
                "s_resolution",
                None,
                _text(archive["s_resolution"]),
                "ARCH-NO-BEAM",
                "the file has no beam: the archive's estimate for the field",
                0.7,
            )
        )
    if merged["em_min"] is None and archive.get("em_min") is not None:
        for name in ("em_min", "em_max", "frequency", "bandwidth"):
            merged[name] = archive.get(name)
        merged["em_support"] = [archive["em_min"], archive["em_max"]]
        merged["band_list"] = archive.get("band_list")
        repairs.append(
            Repair(
                "em_min",
                None,
                _text(archive["em_min"]),
                "ARCH-NO-SPECTRUM",
                "the file has no spectral axis: the archive's range of the window",
                0.8,
            )
        )
    return repairs


def _supersede(merged: Row, archive: Mapping[str, Any], names: Iterable[str]) -> list[Repair]:
    """Take the archive's facts; a value of the file that was another is a repair."""
    repairs = []
    for name in names:
        fact, ours = archive.get(name), merged.get(name)
        if fact is None:
            continue
        merged[name] = fact
        if name in _STATED and ours is not None and _unlike(ours, fact):
            repairs.append(
                Repair(
                    name,
                    _text(ours),
                    _text(fact),
                    "ARCH-FACT",
                    "the archive's record of the observation stands",
                )
            )
    return repairs


def _unlike(ours: object, fact: object) -> bool:
    if isinstance(ours, float) and isinstance(fact, int | float):
        return not math.isclose(ours, fact, rel_tol=1e-9, abs_tol=1e-6)
    return ours != fact


def _differs(ours: float | None, theirs: float | None, relative: float) -> bool:
    if ours is None or theirs is None or theirs == 0:
        return False
    return abs(ours - theirs) > relative * abs(theirs)


def _offsets_arcsec(row: Row, archive: Mapping[str, Any]) -> dict[str, float]:
    """How far apart the two positions are along each coordinate; where only their sum is too far, along the
    one that differs more. None of it where a position is unknown."""
    places = [row["s_ra"], row["s_dec"], archive.get("s_ra"), archive.get("s_dec")]
    known = [float(value) for value in places if value is not None]
    if len(known) < len(places):
        return {}
    lon1, lat1, lon2, lat2 = known
    turn = abs((lon1 - lon2 + 180.0) % 360.0 - 180.0)
    across = turn * math.cos(math.radians((lat1 + lat2) / 2)) * 3600.0
    along = abs(lat1 - lat2) * 3600.0
    offsets = {"s_ra": across, "s_dec": along}
    if max(across, along) <= _POSITION_ARCSEC:
        return {max(offsets, key=lambda item: offsets[item]): math.hypot(across, along)}
    return offsets


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return value.isoformat() if isinstance(value, datetime) else repr(value)
