"""What identifiers name, many at a time: data sets with their files, loose files of a member, archive rows.

A few questions to the engine answer for all identifiers of a request, however many there are, and none for
those that were asked for before (`remembered`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.engines import StoredRows
from vo_service.products.identifiers import Name, name_of
from vo_service.products.named_sets import (
    ROW_COLUMNS,
    NamedDataSet,
    Row,
    archive_rows,
    complete,
    described,
    grouped,
    listed_rows,
)
from vo_service.products.remembered import Remembered
from vo_service.products.stored import (
    StoredFile,
    WithdrawnFile,
    find_files,
    find_withdrawn_files,
)
from vo_service.products.withdrawn import no_file

__all__ = ["ROW_COLUMNS", "Named", "NamedDataSet", "Row", "find_named"]


@dataclass(frozen=True, slots=True)
class Named:
    """What one identifier names; ``text`` is as it was sent.

    ``datasets``: one, or all of a member. ``file``: where the identifier is that of a file, that file;
    ``members``: where it is a tar, the files in it. ``loose``: files of no data set: the file itself, or
    those of a member (documents, tables, scripts). ``beside``: of a data set, such files of its member.
    ``archive``: rows of an archive that no data set of ours answers for, each ROW_COLUMNS of its row in
    ``ivoa.obscore`` and its ``archive_row_id``. ``is_member``: the identifier is the uid of a member.
    ``fault``: why there is nothing of all this: 400 for a text that is no identifier, 404 for one that the
    holdings don't have, 410 for one of which they know that it was ``withdrawn``.
    """

    text: str
    datasets: tuple[NamedDataSet, ...] = ()
    file: StoredFile | None = None
    loose: tuple[StoredFile, ...] = ()
    archive: tuple[Row, ...] = ()
    fault: ServiceError | None = None
    withdrawn: WithdrawnFile | None = None
    members: tuple[StoredFile, ...] = ()
    beside: tuple[StoredFile, ...] = ()
    is_member: bool = False

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


def find_named(
    rows: StoredRows,
    texts: Sequence[str],
    authority: str,
    address: str,
    remembered: Remembered | None = None,
) -> list[Named]:
    """What each of these texts names, in their order. ``address`` is that of the service, for links;
    ``remembered`` is of the snapshot of the rows. Raises EngineError."""
    names: dict[str, Name | ServiceError] = {}
    for text in texts:
        if text not in names:
            try:
                names[text] = name_of(text, authority)
            except ServiceError as fault:
                names[text] = fault
    wanted = [name for name in names.values() if isinstance(name, Name)]
    known = _look_up(rows, wanted, Remembered() if remembered is None else remembered)
    return [known.named(text, names[text], address) for text in texts]


@dataclass(frozen=True, slots=True)
class _Known:
    """What the holdings have for the names of a request: by name, and by the uid of a member. Members of tars
    are by the product_id of the tar."""

    datasets: Mapping[str, NamedDataSet]
    files: Mapping[str, StoredFile]
    archive: Mapping[str, Row]
    withdrawn: Mapping[str, WithdrawnFile]
    datasets_of: Mapping[str, Sequence[str]]
    loose_of: Mapping[str, Sequence[StoredFile]]
    archive_of: Mapping[str, Sequence[Row]]
    members_of: Mapping[str, Sequence[StoredFile]]

    def named(self, text: str, name: Name | ServiceError, address: str) -> Named:
        if isinstance(name, ServiceError):
            return Named(text, fault=name)
        if name.name is None:
            return self._member(text, name.uids)
        if name.name in self.datasets:
            return self._data_set(text, self.datasets[name.name])
        file = self.files.get(name.name)
        if file is not None:
            dataset = self.datasets.get(file.dataset_id or "")
            if dataset is not None:
                return self._data_set(text, dataset, file)
            return Named(text, (), file, (file,), members=tuple(self.members_of.get(file.product_id, ())))
        if name.name in self.archive:
            return Named(text, archive=(self.archive[name.name],))
        stone = self.withdrawn.get(name.name)
        return Named(text, fault=no_file(stone, None, address), withdrawn=stone)

    def _data_set(self, text: str, dataset: NamedDataSet, file: StoredFile | None = None) -> Named:
        return Named(text, (dataset,), file, beside=tuple(self.loose_of.get(dataset.member or "", ())))

    def _member(self, text: str, uids: Sequence[str]) -> Named:
        found = Named(
            text,
            tuple(self.datasets[each] for uid in uids for each in self.datasets_of.get(uid, ())),
            loose=tuple(each for uid in uids for each in self.loose_of.get(uid, ())),
            archive=tuple(each for uid in uids for each in self.archive_of.get(uid, ())),
            is_member=True,
        )
        if found.is_known:
            return found
        return Named(text, fault=ServiceError(ErrorKind.NOT_FOUND, "The holdings have nothing of this uid."))


def _look_up(rows: StoredRows, names: Sequence[Name], remembered: Remembered) -> _Known:
    wanted = {name.name for name in names if name.name is not None}
    uids = sorted({uid for name in names for uid in name.uids})
    of_members = described(rows, {"member_ous_uid": uids})
    known = remembered.datasets.among(wanted | of_members.keys())
    sets = {name: row for name, row in of_members.items() if name not in known}
    sets |= described(rows, {"dataset_id": sorted(wanted - known.keys() - sets.keys())})
    unknown = wanted - known.keys() - sets.keys()
    files = {file.product_id: file for file in find_files(rows, {"product_id": sorted(unknown)})}
    parents = {file.dataset_id for file in files.values() if file.dataset_id is not None}
    known |= remembered.datasets.among(parents - known.keys())
    sets |= described(rows, {"dataset_id": sorted(parents - known.keys() - sets.keys())})
    made = complete(rows, sets)
    remembered.datasets.keep(made)
    known |= made
    unknown -= files.keys()
    archive = _archive(rows, unknown, uids)
    return _Known(
        known,
        files,
        archive,
        _withdrawn(rows, sorted(unknown - archive.keys())),
        {uid: [row["dataset_id"] for row in each] for uid, each in _by_member(of_members.values()).items()},
        _loose(rows, {*uids, *(each.member for each in known.values() if each.member)}, remembered),
        _by_member(archive.values()),
        _members(rows, files.values()),
    )


def _by_member(items: Iterable[Row]) -> dict[str, list[Row]]:
    return grouped(items, lambda row: row["member_ous_uid"])


def _archive(rows: StoredRows, names: Iterable[str], uids: Sequence[str]) -> dict[str, Row]:
    """Rows of archives that no data set answers for: with these names, and those of members."""
    alone = archive_rows(rows, {"archive_row_id": sorted(names)})
    alone += [row for row in archive_rows(rows, {"member_ous_uid": uids}) if not row["matched_dataset_id"]]
    listed = listed_rows(rows, (str(row["obs_publisher_did"]) for row in alone))
    return {
        row["archive_row_id"]: {**listed[row["obs_publisher_did"]], "archive_row_id": row["archive_row_id"]}
        for row in alone
        if row["obs_publisher_did"] in listed
    }


def _loose(
    rows: StoredRows, uids: Iterable[str], remembered: Remembered
) -> dict[str, tuple[StoredFile, ...]]:
    """Files of no data set by the member that they are of."""
    known = remembered.loose.among(uids)
    asked = sorted(set(uids) - known.keys())
    found = grouped(find_files(rows, {"member_ous_uid": asked, "dataset_id": None}), lambda file: file.member)
    new = {uid: tuple(found.get(uid, ())) for uid in asked}
    remembered.keep_loose(new)
    return known | new


def _members(rows: StoredRows, files: Iterable[StoredFile]) -> dict[str, list[StoredFile]]:
    """The files in tars, by the product_id of the tar; only tars have claims within."""
    tars = {(file.found.root, file.found.path): file.product_id for file in files if file.held}
    within = find_files(rows, {"_container": sorted({path for _, path in tars})})
    return grouped(within, lambda file: tars.get((file.found.root, file.found.container or "")))


def _withdrawn(rows: StoredRows, names: Sequence[str]) -> dict[str, WithdrawnFile]:
    """Tombstones by the name of the file, and of the data set that it was; one that leads on comes first."""
    found: dict[str, WithdrawnFile] = {}
    of_sets = find_withdrawn_files(rows, {"dataset_id": names})
    for stone in sorted(of_sets, key=lambda stone: stone.successor is None):
        found.setdefault(str(stone.dataset_id), stone)
    return found | {stone.product_id: stone for stone in find_withdrawn_files(rows, {"product_id": names})}
