"""truth.json: what harmonisation must recover from the sample, and by which conventions.

* A *group* is a science image or cube (its primary: the primary-beam corrected one) with its companions of
  the same window and kind. A multi-frequency image is a group of its own, role image. Derived maps are
  groups of one file whose parent is the group they were made from. Failed files and side files belong to no
  group.
* Values of a product come from its bytes (:mod:`measure`); ``em_min``/``em_max`` are barycentric where the
  frame is known (TOPOCENT at DATE-OBS), else in the frame of the file with ``specsys`` null.
* An archive row matches the group of the same member uid, target and window: its cube, or its image where
  the window has no cube. Continuum over several windows and images of windows that have a cube match none.
* Of pixels (:mod:`pixel_truth`) there are ``content_hash``, the counts, ``valid_area`` and the peak of every
  image; ``noise`` (its rms), ``noise_robust``, ``noise_channels`` and ``noise_off_source`` of the noise
  drawn, as it stands in the file; ``line_frequency`` (barycentric, Hz), ``line_channels`` and ``line_snr``
  of a planted line. A cube whose ``line`` is null has none. ``redshift`` is that of the source: a file
  states it only where ``redshift_stated`` says by which card.
* A copy (``duplicate_of``) is a group of its own. One whose name still tells its observation shares the facts
  and disagreements of the archive's row; the row itself is listed with the original.
* A tar is a side file of role unknown, each of its members a product under the path of the tar.
* ``obscore`` of a data set holds what its row must say once files and rows are both in; ``member_facts``
  what the archive knows of its member OUS and target although no row matches the data set itself;
  ``id_words`` what can be read in its identifier.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from vo_service.sample.archive import ArchiveRow
from vo_service.sample.drafts import Draft
from vo_service.sample.lines import LINES, SPEED_OF_LIGHT, receiver_band
from vo_service.sample.measure import Measured
from vo_service.sample.observations import Observation

Json = dict[str, object]

# Archive columns that hold for every product of a member OUS and target.
_MEMBER_COLUMNS = (
    "proposal_id",
    "obs_release_date",
    "t_min",
    "t_max",
    "t_exptime",
    "antenna_arrays",
    "obs_title",
    "pi_name",
    "proposal_authors",
    "scientific_category",
    "science_keyword",
    "type",
    "schedblock_name",
    "scan_intent",
    "science_observation",
    "qa2_passed",
    "pwv",
    "asdm_uid",
    "is_mosaic",
    "cont_sensitivity_bandwidth",
)


@dataclass(frozen=True, slots=True)
class Listed:
    """A file that was written, with what was read back from it (None for failed and side files)."""

    draft: Draft
    measured: Measured | None


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A planted difference: what the archive's row says, what the file says, and which one is published."""

    archive_row: int
    group: str
    column: str
    archive: object
    file: object
    winner: str


def canonical(name: str) -> str:
    """A target's name without case, blanks, ``_``, ``+`` and ``-``."""
    return "".join(letter for letter in name.lower() if letter not in " _+-")


def number_groups(drafts: Sequence[Draft]) -> dict[str, str]:
    """Short names g0001... for the keys of all groups, in order of first appearance."""
    names: dict[str, str] = {}
    for draft in drafts:
        if draft.group is not None and draft.group not in names:
            names[draft.group] = f"g{len(names) + 1:04d}"
    return names


def match_groups(drafts: Sequence[Draft]) -> dict[tuple[str, str, str], str]:
    """(member uid, canonical target, window) -> key of the group that an archive row of these matches."""
    found: dict[tuple[str, str, str], tuple[str, str]] = {}
    for draft in drafts:
        seen = draft.observation
        if (
            seen is None
            or not draft.is_primary
            or draft.role not in ("cube", "image")
            or len(draft.windows) != 1
        ):
            continue
        key = (seen.member_uid, canonical(draft.target_name or seen.object_name), draft.windows[0])
        if key not in found or (found[key][1] == "image" and draft.role == "cube"):
            found[key] = (draft.group or "", draft.role)
    return {key: group for key, (group, _) in found.items()}


def _target(draft: Draft) -> str | None:
    if draft.target_name is not None:
        return draft.target_name or None
    return draft.observation.object_name if draft.observation is not None else None


def _uid(observation: Observation | None, name: str) -> object:
    return getattr(observation, name) if observation is not None else None


def product_entry(listed: Listed, names: Mapping[str, str]) -> Json:
    """The entry of one file."""
    draft, measured = listed.draft, listed.measured
    seen = draft.observation
    entry: Json = {
        "path": draft.path,
        "role": draft.role,
        "state": draft.state,
        "error_class": draft.error_class,
        "group": names[draft.group] if draft.group is not None else None,
        "is_primary": draft.is_primary,
        "profile": draft.profile,
        "quirks": list(draft.quirks),
        "side": draft.side,
        "project_code": draft.project_code or (seen.project.code if seen is not None else None),
        "science_goal_uid": _uid(seen, "science_goal_uid"),
        "group_ous_uid": _uid(seen, "group_uid"),
        "member_ous_uid": _uid(seen, "member_uid"),
        "target_name": None if draft.side or draft.state == "failed" else _target(draft),
        "spectral_windows": " ".join(draft.windows) or None,
        "unit": draft.unit,
        "redshift": draft.redshift,
        "line": draft.line,
        "noise": None,
        "corrections": [asdict(correction) for correction in draft.corrections],
        **draft.notes,
    }
    if measured is not None:
        found = asdict(measured)
        pixels = found.pop("pixels")
        entry.update({**found, **pixels, "axes": list(measured.axes)})
    if draft.noise is not None:
        entry.update(
            noise=draft.noise.rms,
            noise_robust=draft.noise.robust,
            noise_flat=draft.noise.flat,
            noise_channels=list(draft.noise.channels),
            noise_off_source=draft.noise.off_source,
        )
    if draft.planted is not None and draft.line is not None and draft.redshift is not None:
        entry.update(
            line_frequency=LINES[draft.line].observed(draft.redshift),
            line_snr=draft.planted.snr,
            line_channels=[draft.planted.first, draft.planted.last],
        )
    return entry


def _own_values(draft: Draft, measured: Measured) -> Json:
    """Columns of ivoa.obscore that the primary file alone decides."""
    seen = draft.observation
    values: Json = {
        "obs_id": _uid(seen, "member_uid"),
        "dataproduct_type": "cube" if measured.n_chan > 1 else "image",
        "target_name": _target(draft),
        "s_ra": measured.s_ra,
        "s_dec": measured.s_dec,
        "s_resolution": measured.s_resolution,
        "s_xel1": measured.axes[0],
        "s_xel2": measured.axes[1],
        "em_xel": measured.n_chan,
        "em_min": measured.em_min,
        "em_max": measured.em_max,
        "pol_states": measured.pol_states,
        "specsys": measured.specsys,
        "rest_frequency": measured.rest_frequency,
        "proposal_id": draft.project_code or (seen.project.code if seen is not None else None),
        "member_ous_uid": _uid(seen, "member_uid"),
        "t_min": measured.t_min,
        "origin": "file",
    }
    if "full_stokes" in draft.quirks:
        values.pop("dataproduct_type")  # one channel of four Stokes planes: image or polarisation cube
    if measured.em_min is not None and measured.em_max is not None:
        low, high = SPEED_OF_LIGHT / measured.em_max, SPEED_OF_LIGHT / measured.em_min
        values["frequency"] = 0.5 * (low + high) / 1e9
        values["bandwidth"] = high - low
        values["band_list"] = str(receiver_band(0.5 * (low + high)))
    return values


def id_words(draft: Draft, target: str | None) -> list[str] | None:
    """What can be read in the identifier of a data set, in this order: uid, source, windows.

    None without a uid: then nothing is promised but that the identifier is made of the file's own path.
    """
    if draft.observation is None:
        return None
    windows = [f"spw{'-'.join(draft.windows)}"] if draft.windows else []
    words = [draft.observation.member_uid, *([target] if target else []), *windows]
    return [re.sub("[^a-z0-9]+", "-", word.lower()).strip("-") for word in words]


def dataset_entries(
    listed: Sequence[Listed],
    names: Mapping[str, str],
    matches: Mapping[str, Sequence[int]],
    rows: Sequence[ArchiveRow],
) -> list[Json]:
    """One entry per group; ``matches`` gives the archive rows (indices into ``rows``) of each group's key."""
    members: dict[str, list[Listed]] = {}
    for item in listed:
        if item.draft.group is not None:
            members.setdefault(item.draft.group, []).append(item)
    facts = _facts_by_member(rows)
    entries: list[Json] = []
    for key, files in members.items():
        primary = next(item for item in files if item.draft.is_primary)
        draft, measured = primary.draft, primary.measured
        if measured is None:
            raise ValueError(f"the primary of a group cannot be a failed file: {draft.path}")
        own = list(matches.get(key, ()))
        values = _own_values(draft, measured)
        if own:
            row = rows[own[0]]
            values.update({name: row[name] for name in (*_MEMBER_COLUMNS, "sensitivity_10kms")})
            values.update(
                target_name=row["target_name"], origin="both", archive_publisher_did=row["obs_publisher_did"]
            )
        seen = draft.observation
        fact_key = (seen.member_uid, canonical(_target(draft) or "")) if seen is not None else ("", "")
        entries.append(
            {
                "group": names[key],
                "primary": draft.path,
                "members": [item.draft.path for item in files],
                "role": draft.role,
                "parent": names[draft.parent] if draft.parent is not None else None,
                "obs_id": _uid(seen, "member_uid"),
                "project_code": draft.project_code or (seen.project.code if seen is not None else None),
                "target_name": _target(draft),
                "spectral_windows": " ".join(draft.windows) or None,
                "id_words": id_words(draft, _target(draft)),
                "origin": "both" if own else "file",
                "archive_rows": own,
                "obscore": {name: value or None if value == "" else value for name, value in values.items()},
                "member_facts": facts.get(fact_key) if not own else None,
            }
        )
    return entries


def _facts_by_member(rows: Sequence[ArchiveRow]) -> dict[tuple[str, str], Json]:
    facts: dict[tuple[str, str], Json] = {}
    for row in rows:
        key = (str(row["member_ous_uid"] or ""), canonical(str(row["target_name"])))
        facts.setdefault(key, {name: row[name] if row[name] != "" else None for name in _MEMBER_COLUMNS})
    facts.pop(("", ""), None)
    return facts


def _constituents(draft: Draft) -> list[list[float]]:
    """Barycentric edges (Hz) of the windows that an aggregate is made of, by frequency."""
    if len(draft.windows) < 2 or draft.observation is None:
        return []
    return sorted([window.f_min, window.f_max] for window in draft.observation.windows)


def window_entries(
    listed: Sequence[Listed],
    names: Mapping[str, str],
    matches: Mapping[str, Sequence[int]],
    rows: Sequence[ArchiveRow],
    rejected: set[int],
) -> list[Json]:
    """Windows known from science images with a spectral axis, and from the archive rows that matched none of
    them.

    ``aggregate`` marks images over several windows: their hull is no window of the correlator,
    ``constituents`` are (barycentric, and in the continuum image of a member OUS all of its windows).
    Frequencies of files are in the file's frame, those of archive rows barycentric.
    """
    entries: list[Json] = []
    for item in listed:
        draft, measured = item.draft, item.measured
        science = draft.is_primary and draft.role in ("cube", "image")
        if science and measured is not None and draft.group is not None and measured.f_min is not None:
            entries.append(
                {
                    "group": names[draft.group],
                    "archive_row": next(iter(matches.get(draft.group, ())), None),
                    "window": " ".join(draft.windows) or None,
                    "aggregate": len(draft.windows) > 1,
                    "constituents": _constituents(draft),
                    "f_min": measured.f_min,
                    "f_max": measured.f_max,
                    "specsys": measured.specsys,
                    "n_chan": measured.n_chan,
                }
            )
    taken = {index for indices in matches.values() for index in indices}
    for index, row in enumerate(rows):
        if index in taken or index in rejected:
            continue
        label = str(row["obs_id"]).partition(".spw.")[2] or None
        entries.append(
            {
                "group": None,
                "archive_row": index,
                "window": label,
                "aggregate": False,
                "constituents": [],
                "f_min": SPEED_OF_LIGHT / float(row["em_max"] or 0.0),
                "f_max": SPEED_OF_LIGHT / float(row["em_min"] or 0.0),
                "specsys": None,
                "n_chan": row["em_xel"],
            }
        )
    return entries
