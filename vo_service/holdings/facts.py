"""What an archive row tells of a data set, and where file and archive disagree.

The file's measures win for position, frequency, beam, channels and axes; the archive wins for proposal,
release date, times, exposure, antennas, quality and sensitivity. Every value that lost is a repair row,
unless the two agree within what an estimate is good for.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from vo_service.holdings.match import Refusal, separation
from vo_service.holdings.names import canonical, spellings
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
_SPECTRUM = ("em_min", "em_max", "frequency", "bandwidth", "band_list")

NOT_YET = datetime(3000, 1, 1)  # UTC, as all dates in tables, without a zone
_POSITION_ARCSEC = 1.0
_FREQUENCY_RELATIVE = 1e-4
_RESOLUTION_RELATIVE = 0.2

# Where position or frequency contradict what the names say, either may be wrong.
_DOUBT = "; the match stands by member uid, source and window alone"
_DOUBTFUL = 0.5
_BY_PLACE = 0.8

# Facts that a file states itself, or has a stand-in on record for.
_STATED = frozenset(
    "proposal_id group_ous_uid t_min t_max t_exptime facility_name instrument_name obs_collection".split()
)
# The archive's words for observatory and telescope win as well.
_NAMES = ("facility_name", "instrument_name", "obs_collection")


def merge_facts(
    row: Row,
    archive: Mapping[str, Any],
    siblings: Iterable[Mapping[str, Any]],
    rules: Collection[str] = (),
) -> tuple[Row, list[Repair]]:
    """The data set's row with the facts of its own window's archive row, and the disagreements.

    ``siblings`` are the archive rows of its member set, ``rules`` those by which its file's header was
    repaired.
    """
    archive = with_resolution(archive)
    repairs = disagreements(row, archive)
    merged = dict(row)
    merged["origin"] = "both"
    repairs += _rename(merged, archive)
    # a file of another telescope below ALMA's paths never becomes one of ALMA
    names = () if "NAME-CONTRADICTION" in rules else _NAMES
    repairs += _supersede(merged, archive, (*PROPOSAL_FACTS, *FIELD_FACTS, *WINDOW_FACTS, *names), rules)
    if archive.get("science_observation") is not None:
        merged["science_observation"] = archive["science_observation"]
    repairs += _fill_from_archive(merged, archive, rules)
    if _fields_apart(row, archive):
        repairs += _hold_release(merged, archive, siblings)
    return merged, repairs


def _rename(merged: Row, archive: Mapping[str, Any]) -> list[Repair]:
    """Take the archive's name of the source; on record where it was written otherwise, or was another."""
    ours, named = merged["target_name"], archive.get("target_name")
    if named is None or named == ours:
        return []
    merged["target_name"] = named
    if not spellings(ours) & spellings(named):
        why = (
            "the source has no name, or another one, in the file: the only row and the only data set that are"
            " left of this member set and window agree in position and frequency"
        )
        return [Repair("target_name", ours, named, "ARCH-PLACE", why, _BY_PLACE)]
    why = "the archive spells the target differently, and clients filter by the archive's spelling"
    return [Repair("target_name", ours, named, "ARCH-TARGET", why)]


def _hold_release(
    merged: Row, archive: Mapping[str, Any], siblings: Iterable[Mapping[str, Any]]
) -> list[Repair]:
    """Rights where the row describes another field than the file: the row may be of another observation, so
    that its date alone opens nothing. The latest date of the whole member set counts, if other rows tell
    one, else none, which is closed (design 4.3)."""
    rows = list(siblings)
    others = [each for each in rows if each["archive_row_id"] != archive["archive_row_id"]]
    date = archive.get("obs_release_date")
    merged["obs_release_date"] = shared_release([*others, archive]) if others else None
    if merged["obs_release_date"] == date:
        return []
    why = "the row describes another field than the file's and may be of another observation" + (
        ": the latest date of the member set" if others else ", and no other row of the member set tells it"
    )
    became = merged["obs_release_date"]
    return [Repair("obs_release_date", _text(date), _text(became), "ARCH-RELEASE", why, _DOUBTFUL)]


def with_resolution(archive: Mapping[str, Any]) -> Mapping[str, Any]:
    """The archive row with ``s_resolution``, which some tables have under its older name alone."""
    if archive.get("s_resolution") is not None:
        return archive
    return {**archive, "s_resolution": archive.get("spatial_resolution")}


def share_facts(
    row: Row,
    siblings: Iterable[Mapping[str, Any]],
    rules: Collection[str] = (),
    refused: Refusal | None = None,
) -> tuple[Row, list[Repair]]:
    """The row of a data set without an archive row of its own, with what the archive says of its whole field;
    and what of it the file had stated otherwise.

    ``siblings`` are the archive rows of its member set. Proposal and release date are the same for all of
    them, with the latest date if not; times and antennas are taken from rows of the same source. ``rules``
    are as in :func:`merge_facts`. Where the only row that speaks for the member set is ``refused`` because it
    lies elsewhere, the data stay closed.
    """
    rows = list(siblings)
    if not rows:
        return row, []
    shared = dict(row)
    stated = {
        name: next((each[name] for each in rows if each.get(name) is not None), None)
        for name in PROPOSAL_FACTS
    }
    repairs = _supersede(shared, stated, PROPOSAL_FACTS, rules)
    shared["obs_release_date"] = shared_release(rows)
    if refused is not None and refused.elsewhere and len(rows) == 1:
        shared["obs_release_date"] = NOT_YET
    own = canonical(row["target_name"])
    field = next((each for each in rows if canonical(each.get("target_name")) == own), None)
    if field is not None:
        repairs += _supersede(shared, field, FIELD_FACTS, rules)
        if field.get("science_observation") is not None:
            shared["science_observation"] = field["science_observation"]
    return shared, repairs


def shared_release(siblings: Iterable[Mapping[str, Any]]) -> datetime | None:
    """When the last of a member set's rows becomes public; None where there is no row.

    A row without a date keeps its whole member set closed: the date is then the archive's own word for "not
    yet" (ALMA-032), since no date at all would read as a file that no archive row speaks for.
    """
    dates = [each.get("obs_release_date") for each in siblings]
    if not dates:
        return None
    return max(NOT_YET if date is None else date for date in dates)


def unmatched(refused: Refusal | None) -> list[Repair]:
    """The record of an archive row that seems to be of a data set's window and is not taken for it."""
    if refused is None:
        return []
    why = f"{refused.why}: listed apart"
    return [Repair("archive_row_id", refused.archive_row_id, None, "ARCH-NO-MATCH", why, 0.9)]


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

    def note(item: str, rule: str, why: str, confidence: float = 1.0) -> None:
        found.append(Repair(item, _text(archive.get(item)), _text(row.get(item)), rule, why, confidence))

    beyond = _fields_apart(row, archive)
    for item, apart in _offsets_arcsec(row, archive).items():
        if apart > _POSITION_ARCSEC:
            why = f"{apart:.1f} arcsec apart: the file's coordinates stand"
            note(item, "ARCH-POSITION", f"{why}{_DOUBT if beyond else ''}", _DOUBTFUL if beyond else 1.0)
    if _differs(row["frequency"], archive.get("frequency"), _FREQUENCY_RELATIVE):
        why = "middle of the file's channels, more than a change of frame from the archive's"
        disjoint = _bands_apart(row, archive)
        note(
            "frequency",
            "ARCH-FREQUENCY",
            f"{why}, with no frequency in common{_DOUBT}" if disjoint else why,
            _DOUBTFUL if disjoint else 1.0,
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


def _fill_from_archive(merged: Row, archive: Mapping[str, Any], rules: Collection[str]) -> list[Repair]:
    """Values that the file does not tell, from the archive; one repair for each column."""
    repairs: list[Repair] = []

    def fill(values: Mapping[str, Any], rule: str, why: str, confidence: float) -> None:
        for name, value in values.items():
            if value is not None and merged.get(name) != value:
                repairs.append(Repair(name, _text(merged.get(name)), _text(value), rule, why, confidence))
            merged[name] = value

    if merged["s_resolution"] is None and archive.get("s_resolution") is not None:
        why = "the file has no beam: the archive's estimate for the field"
        values = {name: archive.get(name) for name in ("s_resolution", "spatial_resolution")}
        fill(values, "ARCH-NO-BEAM", why, 0.7)
    if merged["em_min"] is None and archive.get("em_min") is not None:
        why = "the file has no spectral axis: the archive's range of the window"
        spectrum = {name: archive.get(name) for name in _SPECTRUM}
        spectrum["em_support"] = [archive["em_min"], archive["em_max"]]
        fill(spectrum, "ARCH-NO-SPECTRUM", why, 0.8)
    states = archive.get("pol_states")
    if merged.get("pol_states") is None and states is not None and "POL-CODE" not in rules:
        why = "the file has no Stokes axis: the archive's polarisations of the window"
        fill({"pol_states": states, "pol_xel": states.count("/") - 1}, "ARCH-NO-STOKES", why, 0.7)
    return repairs


def _supersede(
    merged: Row, archive: Mapping[str, Any], names: Iterable[str], rules: Collection[str]
) -> list[Repair]:
    """Take the archive's facts; a value of the file that was another is a repair."""
    repairs = []
    for name in names:
        fact, ours = archive.get(name), merged.get(name)
        if fact is None:
            continue
        merged[name] = fact
        assumed = name == "t_max" and "DATE-END" in rules
        if name in _STATED and (ours is not None or assumed) and _unlike(ours, fact):
            rule = "DATE-END" if assumed else "ARCH-FACT"
            why = "the archive's record of the observation stands"
            repairs.append(Repair(name, _text(ours), _text(fact), rule, why))
    return repairs


def _unlike(ours: object, fact: object) -> bool:
    if isinstance(ours, float) and isinstance(fact, int | float):
        return not math.isclose(ours, fact, rel_tol=1e-9, abs_tol=1e-6)
    return ours != fact


def _differs(ours: float | None, theirs: float | None, relative: float) -> bool:
    if ours is None or theirs is None or theirs == 0:
        return False
    return abs(ours - theirs) > relative * abs(theirs)


def _fields_apart(row: Row, archive: Mapping[str, Any]) -> bool:
    """Whether the two fields are both known and do not touch."""
    places = [row["s_ra"], row["s_dec"], archive.get("s_ra"), archive.get("s_dec"), row.get("s_fov")]
    known = [float(value) for value in places if value is not None]
    if len(known) < len(places):
        return False
    lon1, lat1, lon2, lat2, field = known
    theirs = archive.get("s_fov")
    return separation(lon1, lat1, lon2, lat2) > (field + (field if theirs is None else theirs)) / 2


def _bands_apart(row: Row, archive: Mapping[str, Any]) -> bool:
    """Whether both ranges of wavelengths are known and share nothing."""
    edges = [row["em_min"], row.get("em_max"), archive.get("em_min"), archive.get("em_max")]
    known = [float(value) for value in edges if value is not None]
    if len(known) < len(edges):
        return False
    low1, high1, low2, high2 = known
    return low1 > high2 or low2 > high1


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
    if isinstance(value, list):
        return " ".join(repr(each) for each in value)
    return value.isoformat() if isinstance(value, datetime) else repr(value)
