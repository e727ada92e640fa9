"""Archive rows and data sets that describe the same observation of the same window (design 4.1).

A row matches when member uid, source and spectral window are the same and the data set is that window's cube,
or its image where the window has no cube. Aggregates of several windows match none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vo_service.holdings.group import DataSet
from vo_service.holdings.names import spellings


@dataclass(frozen=True, slots=True)
class WindowRow:
    """The part of an archive row that tells which window it describes."""

    archive_row_id: str
    member_ous_uid: str | None
    target_name: str | None
    window: str | None


@dataclass(frozen=True, slots=True)
class Matches:
    """``rows``: archive row -> the data set it is listed as. ``datasets``: data set -> the row whose facts it
    takes. Several data sets (two weightings of a window) may take the facts of one row."""

    rows: Mapping[str, str]
    datasets: Mapping[str, str]


def match_rows(datasets: Iterable[DataSet], rows: Iterable[WindowRow]) -> Matches:
    """Pairs of archive row and data set; the first in order of identifiers where several would do."""
    windows: dict[tuple[str, str, str], list[DataSet]] = {}
    for dataset in sorted(datasets, key=lambda each: each.dataset_id):
        for key in _keys(dataset):
            windows.setdefault(key, []).append(dataset)
    by_row: dict[str, str] = {}
    by_dataset: dict[str, str] = {}
    for row in sorted(rows, key=lambda each: each.archive_row_id):
        for dataset in sorted(_window_datasets(row, windows), key=lambda each: each.dataset_id):
            by_row.setdefault(row.archive_row_id, dataset.dataset_id)
            by_dataset.setdefault(dataset.dataset_id, row.archive_row_id)
    return Matches(by_row, by_dataset)


def _keys(dataset: DataSet) -> list[tuple[str, str, str]]:
    identity = dataset.primary.identity
    uid = identity.member_ous_uid
    if uid is None or len(identity.windows) != 1 or dataset.role not in {"cube", "image"}:
        return []
    return [(uid, name, identity.windows[0]) for name in spellings(identity.target_name)]


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
