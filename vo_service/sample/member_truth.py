"""The part of truth.json that goes by member OUS and by archive row.

All of it comes from the plans and from what was written, by rules of the sample's own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from vo_service.sample.archive import ArchiveRow
from vo_service.sample.observations import Observation
from vo_service.sample.sources import Source
from vo_service.sample.truth import Json, canonical

Key = tuple[str, str]  # member uid, canonical target


def row_entries(
    rows: Sequence[ArchiveRow], matches: Mapping[str, Sequence[int]], names: Mapping[str, str]
) -> list[Json]:
    """Every row of the archive's table by its number: what names it, and the group that it belongs to."""
    groups = {index: names[key] for key, indices in matches.items() for index in indices}
    return [
        {
            "row": index,
            "obs_id": row["obs_id"] or None,
            "member_ous_uid": row["member_ous_uid"] or None,
            "target_name": row["target_name"],
            "window": str(row["obs_id"]).partition(".spw.")[2] or None,
            "group": groups.get(index),
        }
        for index, row in enumerate(rows)
    ]


def observation_entries(
    archived: Iterable[Observation],
    rows: Sequence[ArchiveRow],
    rejected: set[int],
    datasets: Sequence[Mapping[str, object]],
) -> list[Json]:
    """One entry for each member OUS and target with rows or data sets.

    The facts are the plan's. ``target_names`` are all spellings that the archive's rows have of the target;
    ``canonical_target`` is the name that most observations of the source have, of equals the first in the
    alphabet; ``science_goal_uid`` is known from the paths of files alone.
    """
    archived = list(archived)
    counted: dict[Key, list[int]] = {}
    for index, row in enumerate(rows):
        if index not in rejected:
            counted.setdefault(_key(row["member_ous_uid"], row["target_name"]), []).append(index)
    made: dict[Key, int] = {}
    for entry in datasets:
        if entry["obs_id"] is not None:
            key = _key(entry["obs_id"], entry["target_name"])
            made[key] = made.get(key, 0) + 1
    common = _common_names(archived)
    entries: list[Json] = []
    for seen in archived:
        key = _key(seen.member_uid, seen.archive_name)
        own, data = counted[key], made.get(key, 0)
        entries.append(
            {
                "member_ous_uid": seen.member_uid,
                "canonical_target": common[seen.source],
                "target_names": sorted({str(rows[index]["target_name"]) for index in own}),
                "group_ous_uid": seen.group_uid,
                "science_goal_uid": seen.science_goal_uid if data else None,
                "proposal_id": seen.project.code,
                "s_ra": seen.source.ra,
                "s_dec": seen.source.dec,
                "t_min": seen.start,
                "t_max": seen.end,
                "t_exptime": seen.exposure,
                "band_list": str(seen.band),
                "array_kinds": seen.array,
                "antenna_count": len(seen.antennas),
                "obs_release_date": seen.project.release,
                "pi_name": seen.project.pi_name,
                "obs_title": seen.project.title,
                "dataset_count": data,
                "archive_row_count": len(own),
                "origin": "both" if data else "archive",
            }
        )
    return entries


def _common_names(archived: Iterable[Observation]) -> dict[Source, str]:
    """For each source the name that most of its observations have."""
    used: dict[Source, Counter[str]] = {}
    for seen in archived:
        used.setdefault(seen.source, Counter())[_key(seen.member_uid, seen.archive_name)[1]] += 1
    return {
        source: min(names.items(), key=lambda item: (-item[1], item[0]))[0] for source, names in used.items()
    }


def _key(uid: object, target: object) -> Key:
    return str(uid or ""), canonical(str(target or ""))
