"""Identifiers looked up many at a time, compared with the tables of the snapshot as they are stored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

from vo_service.app import create_app
from vo_service.dali.errors import ErrorKind
from vo_service.engines import StoredRows
from vo_service.products.named import Named
from vo_service.products.remembered import Last, Remembered, RememberedNow
from vo_service.products.shelf import Shelf
from vo_service.settings import Settings

ADDRESS = "http://x"
AUTHORITY = "vo-service.invalid"
Tables = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def shelf(holdings: Any) -> Iterator[Shelf]:
    app = create_app(Settings.load(home=holdings.home, environ={}, overrides={"unlisted": "open"}))
    yield app.state.service.shelf
    app.state.close()


@pytest.fixture(scope="module")
def tables(shelf: Shelf) -> Tables:
    names = ("holdings.product", "holdings.dataset", "holdings.archive_row", "ivoa.obscore")
    with shelf._current.use() as (snapshot, _):
        return {name: snapshot.read(name).to_pylist() for name in names}


def find(shelf: Shelf, *texts: str) -> list[Named]:
    found = shelf.find_named(texts, AUTHORITY, ADDRESS)
    assert [each.text for each in found] == list(texts)
    return found


def by(rows: list[dict[str, Any]], column: str) -> dict[str, set[str]]:
    """Names of files by the values of a column."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        found[row[column]].add(row["product_id"])
    return found


def test_data_sets_have_what_the_tables_say(shelf: Shelf, tables: Tables) -> None:
    files = by(tables["holdings.product"], "dataset_id")
    children: dict[str, set[str]] = defaultdict(set)
    for row in tables["holdings.dataset"]:
        children[row["parent_dataset_id"]].add(row["dataset_id"])
    matched: dict[str, set[str]] = defaultdict(set)
    for row in tables["holdings.archive_row"]:
        matched[row["matched_dataset_id"]].add(row["archive_row_id"])
    listed = {row["obs_publisher_did"]: row for row in tables["ivoa.obscore"]}
    primary = {row["dataset_id"]: row["primary_product_id"] for row in tables["holdings.dataset"]}
    rows = tables["holdings.dataset"]
    assert any(matched[row["dataset_id"]] for row in rows) and any(
        children[row["dataset_id"]] for row in rows
    )
    for row, named in zip(rows, find(shelf, *(row["dataset_id"] for row in rows)), strict=True):
        (found,) = named.datasets
        name = row["dataset_id"]
        assert named.fault is None and not named.is_member
        assert {file.product_id for file in found.files} == files[name]
        assert found.files[0].is_primary and found.science is found.files[0]
        assert found.science.product_id == primary[name]
        assert set(found.derived) == children[name] and found.parent == row["parent_dataset_id"]
        assert {file.product_id for file in found.derived_files} == {primary[each] for each in children[name]}
        parent_file = None if found.parent_file is None else found.parent_file.product_id
        assert parent_file == primary.get(row["parent_dataset_id"])
        assert {each["archive_row_id"] for each in found.archive} == matched[name]
        assert found.member == row["member_ous_uid"] and found.windows == row["spectral_windows"]
        for column, value in found.row.items():
            assert value == listed[row["obs_publisher_did"]][column]
        loose = {file.product_id for file in named.beside}
        assert loose == {
            each["product_id"]
            for each in tables["holdings.product"]
            if each["dataset_id"] is None and each["member_ous_uid"] == row["member_ous_uid"] is not None
        }


def test_files_name_their_data_set_or_themselves(shelf: Shelf, tables: Tables) -> None:
    rows = tables["holdings.product"]
    within: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in rows:
        within[row["root"], row["_container"]].add(row["product_id"])
    for row, named in zip(rows, find(shelf, *(row["product_id"] for row in rows)), strict=True):
        assert named.file is not None and named.file.product_id == row["product_id"]
        assert [each.dataset_id for each in named.datasets] == [row["dataset_id"]][
            : row["dataset_id"] is not None
        ]
        assert {each.product_id for each in named.files} == {row["product_id"]}
        assert {each.product_id for each in named.members} == within[row["root"], row["path"]]
        assert bool(named.file.held) == bool(named.members)


def test_members_have_all_that_is_of_them(shelf: Shelf, tables: Tables) -> None:
    files = by(tables["holdings.product"], "member_ous_uid")
    unmatched = [row for row in tables["holdings.archive_row"] if row["matched_dataset_id"] is None]
    uids = sorted({row["member_ous_uid"] for row in (*tables["holdings.product"], *unmatched)} - {None})
    other = [uid.replace("://", "___").replace("/", "_") for uid in uids]
    for uid, named, spelt in zip(uids, find(shelf, *uids), find(shelf, *other), strict=True):
        assert named.is_member and {file.product_id for file in named.files} == files[uid]
        assert {row["archive_row_id"] for row in named.archive} == {
            row["archive_row_id"] for row in unmatched if row["member_ous_uid"] == uid
        }
        assert (spelt.datasets, spelt.loose, spelt.archive) == (named.datasets, named.loose, named.archive)


def test_archive_rows_stand_for_themselves(shelf: Shelf, tables: Tables) -> None:
    rows = [row for row in tables["holdings.archive_row"] if row["matched_dataset_id"] is None]
    for row, named in zip(rows, find(shelf, *(row["obs_publisher_did"] for row in rows)), strict=True):
        (found,) = named.archive
        assert found["archive_row_id"] == row["archive_row_id"] and not named.datasets and not named.files
        assert found["_access_path"] == row["access_url"]


def test_images_without_numbers_are_known(shelf: Shelf, tables: Tables) -> None:
    rows = tables["holdings.dataset"]
    empty = {
        named.text: each.is_empty
        for named in find(shelf, *(row["dataset_id"] for row in rows))
        for each in named.datasets
    }
    assert {name for name, is_empty in empty.items() if is_empty} == {
        name for name in empty if ".empty." in _path(tables, name)
    }
    assert any(empty.values())


def _path(tables: Tables, dataset_id: str) -> str:
    return next(
        row["path"]
        for row in tables["holdings.product"]
        if row["dataset_id"] == dataset_id and row["is_primary"] == 1
    )


def test_faults_stand_with_their_identifiers(shelf: Shelf, tables: Tables) -> None:
    name = tables["holdings.dataset"][0]["dataset_id"]
    wrong, unknown, fine, nobody = find(shelf, "Not One", "nothing-here", name, "uid://A009/X1/X2")
    assert wrong.fault is not None and wrong.fault.kind is ErrorKind.USAGE
    assert unknown.fault is not None and unknown.fault.kind is ErrorKind.NOT_FOUND
    assert nobody.fault is not None and nobody.fault.kind is ErrorKind.NOT_FOUND
    assert fine.fault is None and not wrong.is_known and fine.is_known
    assert find(shelf) == []


def test_what_is_remembered_is_the_same(
    shelf: Shelf, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [row["dataset_id"] for row in tables["holdings.dataset"]]
    uids = sorted({row["member_ous_uid"] for row in tables["holdings.dataset"]} - {None})[:5]
    shelf._remembered = RememberedNow()
    first = find(shelf, *names, *uids)
    asked: list[str] = []
    find_rows = StoredRows.find

    def counted(self: StoredRows, table: str, columns: Any, wanted: Any) -> Any:
        asked.append(table)
        return find_rows(self, table, columns, wanted)

    monkeypatch.setattr(StoredRows, "find", counted)
    assert find(shelf, *names, *uids) == first
    cold = len(asked)
    shelf._remembered = RememberedNow()
    assert find(shelf, *names, *uids) == first
    assert len(asked) - cold < 25  # however many identifiers there are


def test_another_snapshot_is_looked_at_anew() -> None:
    now = RememberedNow()
    first = now.of(3)
    assert now.of(3) is first and now.of(4) is not first
    older = now.of(3)
    assert older is not first and now.of(3) is not older  # nothing is kept of what is past


def test_only_so_much_is_remembered() -> None:
    last: Last[int] = Last(3)
    last.keep({"a": 1, "b": 2, "c": 3})
    assert last.among(["a", "x"]) == {"a": 1}
    last.keep({"d": 4})
    assert last.among("abcd") == {"a": 1, "c": 3, "d": 4}
    remembered = Remembered()
    remembered.keep_loose({"few": (), "many": tuple(range(101))})  # type: ignore[dict-item]
    assert set(remembered.loose.among(["few", "many"])) == {"few"}
