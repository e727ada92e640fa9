"""Archive rows and data sets that describe the same observation of the same window (design 4.1).

A row matches when member uid, source and spectral window are the same and the data set is that window's cube,
or its image where the window has no cube. Aggregates of several windows match none.

Position and frequency are the check. Of several pairs the one that agrees in both is taken. Where one of them
contradicts, names still decide and the disagreement is on record; where both do, the names must be wrong: row
and data set stay apart, and that is on record too. What is unknown contradicts nothing.

A source may have another name in the file than in the archive. Then its position tells it: of the rows and
the data sets of one member set and window that no name has brought together, the last one of each is a pair
if position and frequency are known and agree. Calibrators are told by their names alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from vo_service.holdings.group import DataSet
from vo_service.holdings.names import spellings

# Of the smaller of two fields: how far apart their centres may lie to be of one source whatever its name.
# Several sources of a survey may lie in one field.
_SAME_PLACE = 0.1

# A change of frame moves a frequency by up to 1e-4 of it (30 km/s), and both sides may have changed it.
_FRAMES = 2e-4


@dataclass(frozen=True, slots=True)
class WindowRow:
    """The part of an archive row that tells which window it describes, and what its check needs: position and
    diameter of the field in degrees, range of wavelengths in metres."""

    archive_row_id: str
    member_ous_uid: str | None
    target_name: str | None
    window: str | None
    s_ra: float | None = None
    s_dec: float | None = None
    s_fov: float | None = None
    em_min: float | None = None
    em_max: float | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a row is not taken for a data set that it seems to describe; ``elsewhere`` where it has its names
    but lies in another field."""

    archive_row_id: str
    why: str
    elsewhere: bool


@dataclass(frozen=True, slots=True)
class Matches:
    """``rows``: archive row -> the data set it is listed as. ``datasets``: data set -> the row whose facts it
    takes. Several data sets (two weightings of a window) may take the facts of one row. ``refused``: data set
    -> the row that seems to be its own and is not taken for it."""

    rows: Mapping[str, str]
    datasets: Mapping[str, str]
    refused: Mapping[str, Refusal]


def match_rows(datasets: Iterable[DataSet], rows: Iterable[WindowRow]) -> Matches:
    """Pairs of archive row and data set; the first in order of identifiers where several agree as well."""
    ordered = sorted(datasets, key=lambda each: each.dataset_id)
    windows: dict[tuple[str, str, str], list[DataSet]] = {}
    for dataset in ordered:
        for key in _keys(dataset):
            windows.setdefault(key, []).append(dataset)
    rows = sorted(rows, key=lambda each: each.archive_row_id)
    pairs: list[tuple[int, str, str]] = []
    refused: dict[str, Refusal] = {}
    for row in rows:
        for dataset in _window_datasets(row, windows):
            contradictions = [
                text for text in (_place_apart(dataset, row), _band_apart(dataset, row)) if text
            ]
            if len(contradictions) < 2:
                pairs.append((len(contradictions), row.archive_row_id, dataset.dataset_id))
            else:
                why = "member uid, source and window are the same, but they are " + " and ".join(
                    contradictions
                )
                refused.setdefault(dataset.dataset_id, Refusal(row.archive_row_id, why, elsewhere=True))
    by_row: dict[str, str] = {}
    by_dataset: dict[str, str] = {}
    for _contradictions, name, dataset_id in sorted(pairs):
        by_row.setdefault(name, dataset_id)
        by_dataset.setdefault(dataset_id, name)
    for dataset, near, several in _left_over(ordered, rows, by_dataset, by_row):
        if several is None:
            by_row[near.archive_row_id] = dataset.dataset_id
            by_dataset[dataset.dataset_id] = near.archive_row_id
        else:
            refused.setdefault(dataset.dataset_id, Refusal(near.archive_row_id, several, elsewhere=False))
    refused = {name: told for name, told in refused.items() if name not in by_dataset}
    return Matches(by_row, by_dataset, refused)


def _left_over(
    datasets: Iterable[DataSet],
    rows: Iterable[WindowRow],
    by_dataset: Mapping[str, str],
    by_row: Mapping[str, str],
) -> Iterator[tuple[DataSet, WindowRow, str | None]]:
    """Data sets and rows of one window that no name brings together, but position and frequency do; with why
    they are no pair, where several are left of the window."""
    images: dict[tuple[str, str], list[DataSet]] = {}
    for dataset in datasets:
        if _is_window(dataset) and dataset.primary.identity.intent in {None, "sci"}:
            images.setdefault(_window_of(dataset), []).append(dataset)
    open_rows: dict[tuple[str, str], list[WindowRow]] = {}
    for row in rows:
        if row.archive_row_id not in by_row and row.member_ous_uid and row.window:
            open_rows.setdefault((row.member_ous_uid, row.window), []).append(row)
    for key in sorted(images.keys() & open_rows.keys()):
        left = [each for each in _standing_for(images[key]) if each.dataset_id not in by_dataset]
        for dataset in left:
            near = [row for row in open_rows[key] if _same_place(dataset, row) and _same_band(dataset, row)]
            if not near:
                continue
            alone = len(left) == len(open_rows[key]) == 1
            why = (
                "member uid, window, position and frequency are the same, but the name of the source is not"
                f" ({near[0].target_name!r}), and no name brings together {len(left)} data sets and"
                f" {len(open_rows[key])} rows of this window"
            )
            yield dataset, near[0], None if alone else why


def _standing_for(datasets: Iterable[DataSet]) -> list[DataSet]:
    """Those data sets of one window that stand for it: cubes, and images of sources without a cube."""
    datasets = list(datasets)
    cubes = {name for each in datasets if each.role == "cube" for name in _names(each)}
    return [each for each in datasets if each.role == "cube" or not cubes & _names(each)]


def _names(dataset: DataSet) -> frozenset[str]:
    return spellings(dataset.primary.identity.target_name) or frozenset({""})


def _same_place(dataset: DataSet, row: WindowRow) -> bool:
    """Whether both positions are known and so close that they are of one source, whatever its name."""
    sky = dataset.primary.sky
    if sky is None or row.s_ra is None or row.s_dec is None:
        return False
    field = sky.field_of_view if row.s_fov is None else min(sky.field_of_view, row.s_fov)
    return separation(sky.ra, sky.dec, row.s_ra, row.s_dec) <= _SAME_PLACE * field


def _same_band(dataset: DataSet, row: WindowRow) -> bool:
    """Whether both ranges of wavelengths are known and have one in common."""
    known = dataset.primary.spectral is not None and None not in (row.em_min, row.em_max)
    return known and _band_apart(dataset, row) is None


def _place_apart(dataset: DataSet, row: WindowRow) -> str | None:
    """What is to be said where the two fields do not touch; None where they do or nobody knows."""
    sky = dataset.primary.sky
    if sky is None or row.s_ra is None or row.s_dec is None:
        return None
    apart = separation(sky.ra, sky.dec, row.s_ra, row.s_dec)
    reach = (sky.field_of_view + (sky.field_of_view if row.s_fov is None else row.s_fov)) / 2
    return f"{apart * 3600:.0f} arcsec apart, fields that do not touch" if apart > reach else None


def _band_apart(dataset: DataSet, row: WindowRow) -> str | None:
    """What is to be said where the two have no frequency in common; None where they have or nobody knows."""
    ours = dataset.primary.spectral
    if ours is None or row.em_min is None or row.em_max is None:
        return None
    common = ours.em_min <= row.em_max * (1 + _FRAMES) and row.em_min <= ours.em_max * (1 + _FRAMES)
    return None if common else "without a frequency in common"


def separation(lon1: float, lat1: float, lon2: float, lat2: float) -> float:
    """Angle in degrees between two positions in degrees."""
    one, two, turn = math.radians(lat1), math.radians(lat2), math.radians(lon1 - lon2)
    across = math.cos(one) * math.cos(two) * math.sin(turn / 2) ** 2
    return math.degrees(2 * math.asin(min(1.0, math.sqrt(math.sin((one - two) / 2) ** 2 + across))))


def _is_window(dataset: DataSet) -> bool:
    """Whether this is an image or cube of one window of a member set."""
    identity = dataset.primary.identity
    return (
        identity.member_ous_uid is not None
        and len(identity.windows) == 1
        and dataset.role in {"cube", "image"}
    )


def _window_of(dataset: DataSet) -> tuple[str, str]:
    identity = dataset.primary.identity
    return identity.member_ous_uid or "", identity.windows[0]


def _keys(dataset: DataSet) -> list[tuple[str, str, str]]:
    if not _is_window(dataset):
        return []
    uid, window = _window_of(dataset)
    return [(uid, name, window) for name in spellings(dataset.primary.identity.target_name)]


def _window_datasets(row: WindowRow, windows: Mapping[tuple[str, str, str], list[DataSet]]) -> list[DataSet]:
    """Cubes of the row's window, or its images where it has no cube."""
    if row.member_ous_uid is None or row.window is None:
        return []
    found: dict[str, DataSet] = {}
    for name in spellings(row.target_name):
        for dataset in windows.get((row.member_ous_uid, name, row.window), []):
            found[dataset.dataset_id] = dataset
    cubes = [dataset for dataset in found.values() if dataset.role == "cube"]
    return cubes or list(found.values())
