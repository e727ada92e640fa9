"""Whatever the changes, a snapshot holds what a dictionary would, and so does its rebuilt engine file."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shelves import Shelf, star_rows, star_table

from vo_service.store import DuplicateKey, Snapshot, StoreError

NAMES = [f"s{i}" for i in range(12)]

stars = st.fixed_dictionaries(
    {
        "band": st.none() | st.integers(1, 3),
        "flux": st.none() | st.floats(allow_nan=True, width=64),
        "title": st.none()
        | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5),
        "spans": st.none() | st.lists(st.floats(0, 1), max_size=4),
        "seen": st.none() | st.datetimes(datetime(1980, 1, 1), datetime(2060, 1, 1)),
        "_cell": st.none() | st.integers(-1, 2**62),
    }
)
changes = st.tuples(
    st.sampled_from(["none", "names", "bands"]),
    st.sets(st.sampled_from(NAMES), max_size=6),
    st.dictionaries(st.sampled_from(NAMES), stars, max_size=8),
)


def rows_of(snapshot: Snapshot) -> dict[str, dict[str, Any]]:
    return {row.pop("name"): row for row in snapshot.read("sky.star").to_pylist()}


def cleaned(row: dict[str, Any]) -> dict[str, Any]:
    """What the store keeps: no NaN."""
    flux = row["flux"]
    return {**row, "flux": None if flux is not None and math.isnan(flux) else flux}


def master_is_sorted(snapshot: Snapshot) -> bool:
    """Every Parquet file of the master copy is in the order of the table, nulls last."""
    for part in (snapshot.directory / "tables" / "sky.star").glob("part-*.parquet"):
        rows = pq.read_table(part).select(["_cell", "name"]).to_pylist()
        keys = [(row["_cell"] is None, row["_cell"] or 0, row["name"]) for row in rows]
        if keys != sorted(keys):
            return False
    return True


@settings(max_examples=15, deadline=None)
@given(st.lists(st.lists(changes, min_size=1, max_size=3), min_size=1, max_size=4))
def test_random_changes_equal_a_dictionary(drafts: list[list[Any]]) -> None:
    with TemporaryDirectory() as home:
        shelf = Shelf(Path(home))
        model: dict[str, dict[str, Any]] = {}
        for draft_changes in drafts:
            given_changes = []
            for kind, gone, new in draft_changes:
                delete = None
                if kind == "names":
                    # names that come again have to go first
                    gone = gone | new.keys()
                    delete = pa.table({"name": pa.array(sorted(gone), pa.string())})
                    model = {name: row for name, row in model.items() if name not in gone}
                elif kind == "bands":
                    delete = pa.table({"band": pa.array([None, 1], pa.int16())})
                    model = {name: row for name, row in model.items() if row["band"] not in (None, 1)}
                fresh = {name: row for name, row in new.items() if name not in model}
                model |= {name: cleaned(row) for name, row in fresh.items()}
                rows = star_rows([{"name": name, **row} for name, row in fresh.items()])
                given_changes.append({"delete": delete, "insert": rows})
            snapshot = shelf.publish(*given_changes)
            assert rows_of(snapshot) == model
            assert snapshot.count_rows("sky.star") == len(model)
            assert master_is_sorted(snapshot)
        shelf.snapshots.rebuild(snapshot.number)
        assert rows_of(snapshot) == model
        shelf.close()


def test_many_small_changes_leave_few_files_and_all_rows(shelf: Shelf) -> None:
    shelf.publish({"insert": star_rows([{"name": f"old{i:03d}", "_cell": i} for i in range(200)])})
    for i in range(9):
        gone = pa.table({"name": pa.array([f"old{i:03d}"])})
        snapshot = shelf.publish({"delete": gone, "insert": star_rows([{"name": f"new{i}", "_cell": i}])})
    names = set(rows_of(snapshot))
    assert names == {f"new{i}" for i in range(9)} | {f"old{i:03d}" for i in range(9, 200)}
    files = [path.name for path in (snapshot.directory / "tables" / "sky.star").iterdir()]
    assert len(files) <= 2 + 2 * shelf.small.longest_tail
    shelf.snapshots.rebuild(snapshot.number)
    assert set(rows_of(snapshot)) == names


def test_a_large_change_rewrites_the_table_sorted(shelf: Shelf) -> None:
    shelf.publish({"insert": star_rows([{"name": f"a{i}", "_cell": 2 * i} for i in range(10)])})
    more = star_rows([{"name": f"b{i}", "_cell": 2 * i + 1} for i in range(40)])
    snapshot = shelf.publish({"insert": more})
    (state,) = [snapshot.manifest.tables["sky.star"]]
    assert len(state.changes) == 1
    # the engine file has the rows in the same order: that is what makes position queries fast
    cells = snapshot.read("sky.star", ["_cell"])["_cell"].to_pylist()
    assert cells == sorted(cells)
    assert len(cells) == 50


def test_rows_arrive_in_batches_of_any_size_and_in_any_column_order(shelf: Shelf) -> None:
    rows = star_rows([{"name": f"s{i:04d}", "_cell": -i, "title": "µ" * 20} for i in range(500)])
    mixed = rows.select(rows.column_names[::-1])
    snapshot = shelf.publish({"insert": iter(mixed.to_batches(max_chunksize=7))})
    assert rows_of(snapshot) == {row.pop("name"): row for row in rows.to_pylist()}
    assert master_is_sorted(snapshot)


def test_a_draft_reads_its_own_changes(shelf: Shelf) -> None:
    with shelf.snapshots.writer("a test", 0.0):
        draft = shelf.snapshots.draft()
        draft.change("sky.star", insert=star_rows([{"name": "a", "band": 1}, {"name": "b", "band": 2}]))
        assert draft.count_rows("sky.star") == 2
        found = draft.read("sky.star", ["name"], where="band = ?", params=[2])
        assert found.to_pylist() == [{"name": "b"}]
        draft.discard()
    assert shelf.snapshots.current() is None


def test_a_table_without_key_and_order_keeps_rows_as_they_come(shelf: Shelf) -> None:
    lines = pa.table({"text": ["b", "a", "a"], "line": pa.array([None, 2, 2], pa.int64())})
    snapshot = shelf.publish({"insert": lines}, table="_hidden.note")
    assert snapshot.read("_hidden.note").to_pylist() == lines.to_pylist()


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (pa.table({"name": ["a"]}), "missing band"),
        (star_rows([{"name": "a"}]).append_column("extra", pa.array([1])), "unknown extra"),
        (star_rows([{"name": "a"}]).set_column(1, "band", pa.array([70000])), "sky.star.band"),
        (star_rows([{"name": "a"}]).set_column(0, "name", pa.array([None], pa.string())), "may not be null"),
    ],
)
def test_rows_that_do_not_fit_are_refused_with_table_and_column(
    shelf: Shelf, rows: pa.Table, words: str
) -> None:
    with pytest.raises(StoreError, match=words):
        shelf.publish({"insert": rows})
    assert shelf.snapshots.current() is None


def test_no_row_twice(shelf: Shelf) -> None:
    before = shelf.publish({"insert": star_rows([{"name": "a", "band": 1}])})
    with pytest.raises(DuplicateKey, match=r"sky\.star: name must name one row.*: a"):
        shelf.publish({"insert": star_rows([{"name": "a", "band": 2}])})
    with pytest.raises(DuplicateKey):
        shelf.publish({"insert": star_rows([{"name": "b"}, {"name": "b"}])})
    current = shelf.snapshots.current()
    assert current is not None and current.number == before.number
    assert rows_of(current)["a"]["band"] == 1


def test_what_an_iterator_raises_comes_through(shelf: Shelf) -> None:
    def broken() -> Any:
        yield star_rows([{"name": "a"}]).to_batches()[0]
        raise ZeroDivisionError("half-way")

    with pytest.raises(ZeroDivisionError, match="half-way"):
        shelf.publish({"insert": broken()})


def test_unknown_names_are_named(shelf: Shelf) -> None:
    snapshot = shelf.publish({"insert": star_rows([{"name": "a"}])})
    with pytest.raises(StoreError, match="no stored column rights"):
        snapshot.read("sky.star", ["rights"])
    with pytest.raises(StoreError, match=r"no table sky\.planet"):
        snapshot.read("sky.planet")
    with pytest.raises(StoreError, match=r"no column colour"):
        shelf.publish({"delete": pa.table({"colour": ["red"]})})


def test_computed_columns_are_not_stored() -> None:
    assert "rights" not in star_table().arrow_schema().names
