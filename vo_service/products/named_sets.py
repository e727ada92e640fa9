"""Data sets as identifiers name them, many at a time: their files, their kin, the archive's rows for them.

All that belongs to the data sets of a request is asked for at once, each kind with one question.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from vo_service.engines import StoredRows
from vo_service.products.datasets import COLUMNS, DataSet
from vo_service.products.stored import StoredFile, find_files

T = TypeVar("T")

ROW_COLUMNS: Final = (
    *COLUMNS,
    "dataproduct_subtype",
    "obs_id",
    "obs_collection",
    "access_format",
    "access_estsize",
    "member_ous_uid",
    "proposal_id",
    "bib_reference",
    "origin",
    "obs_release_date",
    "_access_path",
)
"""What is read of the row of a data set, or of an archive's, in ``ivoa.obscore``."""

_DATASET_COLUMNS: Final = (
    "dataset_id",
    "obs_publisher_did",
    "role",
    "member_ous_uid",
    "primary_product_id",
    "parent_dataset_id",
    "spectral_windows",
)
_ARCHIVE_COLUMNS: Final = (
    "archive_row_id",
    "obs_publisher_did",
    "matched_dataset_id",
    "access_url",
    "access_format",
    "member_ous_uid",
    "proposal_id",
    "bib_reference",
    "obs_release_date",
)
_EMPTY: Final = "no_valid_pixels"
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NamedDataSet:
    """A data set with all of its files, the primary one first, and what was made of it.

    ``row``: ROW_COLUMNS of its row in ``ivoa.obscore``. ``member``: the uid of the member it is of.
    ``windows``: its spectral windows, as the holdings write them. ``parent``: the data set that it was
    derived from, ``derived``: the data sets that were made of it, by their names; ``parent_file`` and
    ``derived_files`` are the primary ones of these. ``archive``: the archive rows that it answers for.
    ``is_empty``: its image was read, and holds no number.
    """

    dataset_id: str
    did: str
    role: str
    parent: str | None
    derived: tuple[str, ...]
    row: Row
    files: tuple[StoredFile, ...]
    archive: tuple[Row, ...]
    member: str | None = None
    windows: str | None = None
    parent_file: StoredFile | None = None
    derived_files: tuple[StoredFile, ...] = ()
    is_empty: bool = False

    @property
    def science(self) -> StoredFile | None:
        """The file that is the data set itself; None where the holdings have no file of it."""
        return next((file for file in self.files if file.is_primary), None)

    @property
    def is_cube(self) -> bool:
        """Whether it has a spectral axis of several channels."""
        channels = self.row.get("em_xel")
        return channels is not None and channels > 1

    def as_dataset(self, science: StoredFile) -> DataSet:
        """The same with one of its files as the one that is asked for."""
        companions: dict[str, list[StoredFile]] = {}
        for file in self.files:
            if file.product_id != science.product_id:
                companions.setdefault(file.role, []).append(file)
        return DataSet(science, companions, self.row)


def described(rows: StoredRows, wanted: Mapping[str, Sequence[str]]) -> dict[str, Row]:
    """Rows of data sets, by their names. Raises EngineError, as all functions here."""
    return {row["dataset_id"]: row for row in read_rows(rows, "holdings.dataset", _DATASET_COLUMNS, wanted)}


def archive_rows(rows: StoredRows, wanted: Mapping[str, Sequence[str]]) -> list[Row]:
    """Rows of archives."""
    return read_rows(rows, "holdings.archive_row", _ARCHIVE_COLUMNS, wanted)


def listed_rows(rows: StoredRows, dids: Iterable[str]) -> dict[str, Row]:
    """ROW_COLUMNS of ``ivoa.obscore`` by the identifiers of publishers."""
    found = read_rows(rows, "ivoa.obscore", ROW_COLUMNS, {"obs_publisher_did": sorted(set(dids))})
    return {row["obs_publisher_did"]: row for row in found}


def read_rows(
    rows: StoredRows, table: str, columns: Sequence[str], wanted: Mapping[str, Sequence[str]]
) -> list[Row]:
    """Rows of a stored table in the order of their first column."""
    found: list[Row] = rows.find(table, columns, wanted).to_pylist()
    return sorted(found, key=lambda row: str(row[columns[0]]))


def grouped(items: Iterable[T], key: Callable[[T], str | None]) -> dict[str, list[T]]:
    """Things by a key; those without one are left out."""
    groups: dict[str, list[T]] = defaultdict(list)
    for item in items:
        name = key(item)
        if name is not None:
            groups[name].append(item)
    return dict(groups)


def complete(rows: StoredRows, sets: Mapping[str, Row]) -> dict[str, NamedDataSet]:
    """Data sets with all that belongs to them, from their rows as `described` gives them."""
    names = sorted(sets)
    if not names:
        return {}
    listed = listed_rows(rows, (row["obs_publisher_did"] for row in sets.values()))
    matched = [
        name for name in names if listed.get(sets[name]["obs_publisher_did"], {}).get("origin") != "file"
    ]
    archive = grouped(
        archive_rows(rows, {"matched_dataset_id": matched}), lambda row: row["matched_dataset_id"]
    )
    children = grouped(
        described(rows, {"parent_dataset_id": names}).values(), lambda row: row["parent_dataset_id"]
    )
    kin = {child["dataset_id"] for each in children.values() for child in each}
    kin |= {row["parent_dataset_id"] for row in sets.values() if row["parent_dataset_id"] is not None}
    files = grouped(find_files(rows, {"dataset_id": sorted(kin.union(names))}), lambda file: file.dataset_id)
    primary = {name: file for name, each in files.items() for file in each if file.is_primary}
    empty = _empty(rows, [primary[name].product_id for name in names if name in primary])

    def completed(name: str, row: Row) -> NamedDataSet:
        derived = tuple(child["dataset_id"] for child in children.get(name, ()))
        parent = row["parent_dataset_id"]
        return NamedDataSet(
            dataset_id=name,
            did=row["obs_publisher_did"],
            role=row["role"],
            parent=parent,
            derived=derived,
            row=listed.get(row["obs_publisher_did"], {}),
            files=tuple(sorted(files.get(name, ()), key=lambda file: not file.is_primary)),
            archive=tuple(archive.get(name, ())),
            member=row["member_ous_uid"],
            windows=row["spectral_windows"],
            parent_file=primary.get(parent) if parent is not None else None,
            derived_files=tuple(primary[each] for each in derived if each in primary),
            is_empty=name in primary and primary[name].product_id in empty,
        )

    return {name: completed(name, row) for name, row in sets.items()}


def _empty(rows: StoredRows, products: Sequence[str]) -> set[str]:
    """The products whose images were read and hold no number."""
    wanted = {"product_id": products, "error_class": _EMPTY}
    found = rows.find("holdings.measurement", ("product_id",), wanted)
    return set(found["product_id"].to_pylist())
