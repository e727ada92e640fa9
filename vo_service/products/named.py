"""What identifiers name, many at a time: data sets with their files, loose files of a member, archive rows.

A few questions to the engine answer for all identifiers of a request, however many there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.engines import StoredRows
from vo_service.products.datasets import COLUMNS, DataSet
from vo_service.products.identifiers import Name, name_of
from vo_service.products.stored import (
    StoredFile,
    WithdrawnFile,
    find_files,
    find_withdrawn_files,
)
from vo_service.products.withdrawn import no_file

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
)
_ARCHIVE_COLUMNS: Final = (
    "archive_row_id",
    "obs_publisher_did",
    "matched_dataset_id",
    "access_url",
    "member_ous_uid",
    "proposal_id",
    "bib_reference",
    "obs_release_date",
)
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NamedDataSet:
    """A data set with all of its files, the primary one first, and what was made of it.

    ``row``: ROW_COLUMNS of its row in ``ivoa.obscore``. ``parent``: the data set that it was derived from.
    ``derived``: the data sets that were made of it. ``archive``: the archive rows that it answers for. All by
    their names here.
    """

    dataset_id: str
    did: str
    role: str
    parent: str | None
    derived: tuple[str, ...]
    row: Row
    files: tuple[StoredFile, ...]
    archive: tuple[Row, ...]

    @property
    def science(self) -> StoredFile | None:
        """The file that is the data set itself; None where the holdings have no file of it."""
        return next((file for file in self.files if file.is_primary), None)

    def as_dataset(self, science: StoredFile) -> DataSet:
        """The same with one of its files as the one that is asked for."""
        companions: dict[str, list[StoredFile]] = {}
        for file in self.files:
            if file.product_id != science.product_id:
                companions.setdefault(file.role, []).append(file)
        return DataSet(science, companions, self.row)


@dataclass(frozen=True, slots=True)
class Named:
    """What one identifier names; ``text`` is as it was sent.

    ``datasets``: one, or all of a member. ``file``: where the identifier is that of a file, that file.
    ``loose``: files of no data set: the file itself, or those of a member (documents, tables, scripts).
    ``archive``: rows of an archive that no data set of ours answers for, each ROW_COLUMNS of its row in
    ``ivoa.obscore`` and its ``archive_row_id``. ``fault``: why there is nothing of all this: 400 for a text
    that is no identifier, 404 for one that the holdings don't have, 410 for one of which they know that it
    was ``withdrawn``.
    """

    text: str
    datasets: tuple[NamedDataSet, ...] = ()
    file: StoredFile | None = None
    loose: tuple[StoredFile, ...] = ()
    archive: tuple[Row, ...] = ()
    fault: ServiceError | None = None
    withdrawn: WithdrawnFile | None = None

    @property
    def files(self) -> tuple[StoredFile, ...]:
        """All files that the identifier stands for: the one that it names, else those of its data sets and
        the loose ones."""
        if self.file is not None:
            return (self.file,)
        return (*(file for each in self.datasets for file in each.files), *self.loose)

    @property
    def is_known(self) -> bool:
        """Whether it names anything that the holdings have."""
        return bool(self.datasets or self.loose or self.archive)


def find_named(rows: StoredRows, texts: Sequence[str], authority: str, address: str) -> list[Named]:
    """What each of these texts names, in their order. ``address`` is that of the service, for links. Raises
    EngineError."""
    names: dict[str, Name | ServiceError] = {}
    for text in texts:
        try:
            names[text] = name_of(text, authority)
        except ServiceError as fault:
            names[text] = fault
    known = _look_up(rows, [name for name in names.values() if isinstance(name, Name)])
    return [known.named(text, names[text], address) for text in texts]


@dataclass(frozen=True, slots=True)
class _Known:
    """What the holdings have for the names of a request: by name, and by the uid of a member."""

    datasets: Mapping[str, NamedDataSet]
    files: Mapping[str, StoredFile]
    archive: Mapping[str, Row]
    withdrawn: Mapping[str, WithdrawnFile]
    datasets_of: Mapping[str, Sequence[NamedDataSet]]
    loose_of: Mapping[str, Sequence[StoredFile]]
    archive_of: Mapping[str, Sequence[Row]]

    def named(self, text: str, name: Name | ServiceError, address: str) -> Named:
        if isinstance(name, ServiceError):
            return Named(text, fault=name)
        if name.name is None:
            return self._member(text, name.uids)
        if name.name in self.datasets:
            return Named(text, (self.datasets[name.name],))
        file = self.files.get(name.name)
        if file is not None:
            dataset = self.datasets.get(file.dataset_id or "")
            return Named(text, (), file, (file,)) if dataset is None else Named(text, (dataset,), file)
        if name.name in self.archive:
            return Named(text, archive=(self.archive[name.name],))
        stone = self.withdrawn.get(name.name)
        return Named(text, fault=no_file(stone, None, address), withdrawn=stone)

    def _member(self, text: str, uids: Sequence[str]) -> Named:
        found = Named(
            text,
            tuple(each for uid in uids for each in self.datasets_of.get(uid, ())),
            loose=tuple(each for uid in uids for each in self.loose_of.get(uid, ())),
            archive=tuple(each for uid in uids for each in self.archive_of.get(uid, ())),
        )
        if found.is_known:
            return found
        return Named(text, fault=ServiceError(ErrorKind.NOT_FOUND, "The holdings have nothing of this uid."))


def _look_up(rows: StoredRows, names: Sequence[Name]) -> _Known:
    wanted = {name.name for name in names if name.name is not None}
    uids = sorted({uid for name in names for uid in name.uids})
    described = _described(rows, {"dataset_id": sorted(wanted)}) | _described(rows, {"member_ous_uid": uids})
    unknown = wanted - described.keys()
    files = {file.product_id: file for file in find_files(rows, {"product_id": sorted(unknown)})}
    parents = {file.dataset_id for file in files.values() if file.dataset_id is not None}
    described |= _described(rows, {"dataset_id": sorted(parents - described.keys())})
    unknown -= files.keys()
    answered = _archive(rows, {"matched_dataset_id": sorted(described)})
    alone = _archive(rows, {"archive_row_id": sorted(unknown)})
    alone += [row for row in _archive(rows, {"member_ous_uid": uids}) if row["matched_dataset_id"] is None]
    dids = sorted({str(row["obs_publisher_did"]) for row in (*described.values(), *alone)})
    shown = _read(rows, "ivoa.obscore", ROW_COLUMNS, {"obs_publisher_did": dids})
    listed = {row["obs_publisher_did"]: row for row in shown}
    datasets = _datasets(rows, described, listed, answered)
    archive = {
        row["archive_row_id"]: {**listed[row["obs_publisher_did"]], "archive_row_id": row["archive_row_id"]}
        for row in alone
        if row["obs_publisher_did"] in listed
    }
    members = find_files(rows, {"member_ous_uid": uids})
    return _Known(
        datasets,
        files,
        archive,
        _withdrawn(rows, sorted(unknown - archive.keys())),
        _grouped(datasets.values(), lambda each: described[each.dataset_id]["member_ous_uid"]),
        _grouped((file for file in members if file.dataset_id is None), lambda file: file.member),
        _grouped(archive.values(), lambda row: row["member_ous_uid"]),
    )


def _described(rows: StoredRows, wanted: Mapping[str, Sequence[str]]) -> dict[str, Row]:
    """Rows of data sets, by their names."""
    return {row["dataset_id"]: row for row in _read(rows, "holdings.dataset", _DATASET_COLUMNS, wanted)}


def _archive(rows: StoredRows, wanted: Mapping[str, Sequence[str]]) -> list[Row]:
    return _read(rows, "holdings.archive_row", _ARCHIVE_COLUMNS, wanted)


def _read(
    rows: StoredRows, table: str, columns: Sequence[str], wanted: Mapping[str, Sequence[str]]
) -> list[Row]:
    found: list[Row] = rows.find(table, columns, wanted).to_pylist()
    return sorted(found, key=lambda row: str(row[columns[0]]))


def _datasets(
    rows: StoredRows, described: Mapping[str, Row], listed: Mapping[str, Row], answered: Sequence[Row]
) -> dict[str, NamedDataSet]:
    names = sorted(described)
    files = _grouped(find_files(rows, {"dataset_id": names}), lambda file: file.dataset_id)
    derived = _grouped(
        _described(rows, {"parent_dataset_id": names}).values(), lambda row: row["parent_dataset_id"]
    )
    archive = _grouped(answered, lambda row: row["matched_dataset_id"])
    return {
        name: NamedDataSet(
            dataset_id=name,
            did=row["obs_publisher_did"],
            role=row["role"],
            parent=row["parent_dataset_id"],
            derived=tuple(child["dataset_id"] for child in derived.get(name, ())),
            row=listed.get(row["obs_publisher_did"], {}),
            files=tuple(sorted(files.get(name, ()), key=lambda file: not file.is_primary)),
            archive=tuple(archive.get(name, ())),
        )
        for name, row in described.items()
    }


def _withdrawn(rows: StoredRows, names: Sequence[str]) -> dict[str, WithdrawnFile]:
    """Tombstones by the name of the file, and of the data set that it was; one that leads on comes first."""
    found: dict[str, WithdrawnFile] = {}
    of_sets = find_withdrawn_files(rows, {"dataset_id": names})
    for stone in sorted(of_sets, key=lambda stone: stone.successor is None):
        found.setdefault(str(stone.dataset_id), stone)
    return found | {stone.product_id: stone for stone in find_withdrawn_files(rows, {"product_id": names})}


def _grouped(items: Iterable[T], key: Callable[[T], str | None]) -> dict[str, list[T]]:
    groups: dict[str, list[T]] = defaultdict(list)
    for item in items:
        name = key(item)
        if name is not None:
            groups[name].append(item)
    return dict(groups)
