"""Lookup columns have their index in every engine file, whatever happened to the table before."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pyarrow as pa
from shelves import Shelf, made_up, star_rows

from vo_service.store import Policy, Snapshot, Snapshots


def indexes(engine_file: Path) -> list[str]:
    with duckdb.connect(str(engine_file), read_only=True) as connection:
        found = connection.execute("SELECT table_name || expressions FROM duckdb_indexes()").fetchall()
    return [re.sub(r"[^a-z]+", " ", text).strip() for (text,) in found]


def plan(snapshot: Snapshot, name: str) -> str:
    with duckdb.connect(str(snapshot.engine_file), read_only=True) as connection:
        query = "EXPLAIN ANALYZE SELECT flux FROM sky.star WHERE name = ?"
        return str(connection.execute(query, [name]).fetchall())


def stars(*numbers: int) -> pa.Table:
    return star_rows([{"name": f"s{n}", "flux": float(n), "_cell": n} for n in numbers])


def test_a_first_snapshot_looks_rows_up_by_the_index(shelf: Shelf) -> None:
    snapshot = shelf.publish({"insert": stars(*range(5000))})
    assert indexes(snapshot.engine_file) == ["star name"]
    assert "Index Scan" in plan(snapshot, "s77")


def test_the_index_follows_changes_rewrites_and_rebuilding(shelf: Shelf) -> None:
    shelf.publish({"insert": stars(*range(100))})
    gone = pa.table({"name": ["s3", "s4"]})
    changed = shelf.publish({"delete": gone, "insert": stars(3, 200)})  # few: in place
    assert len(indexes(changed.engine_file)) == 1
    assert changed.read("sky.star", ["flux"], "name = 's3'")["flux"].to_pylist() == [3.0]
    assert changed.read("sky.star", ["flux"], "name = 's4'").num_rows == 0
    rewritten = shelf.publish({"insert": stars(*range(1000, 2000))})  # many: the table is written whole
    assert len(indexes(rewritten.engine_file)) == 1
    rewritten.engine_file.unlink()
    shelf.snapshots.rebuild(rewritten.number)
    assert len(indexes(rewritten.engine_file)) == 1
    assert rewritten.read("sky.star", ["flux"], "name = 's200'")["flux"].to_pylist() == [200.0]


def test_an_index_that_memory_does_not_hold_is_left_out(shelf: Shelf) -> None:
    first = shelf.publish({"insert": stars(*range(10))})
    assert len(indexes(first.engine_file)) == 1
    limit = 32 << 20
    tight = Snapshots(shelf.home, shelf.catalogue, made_up(), Policy(memory_bytes=limit))
    with tight.writer("a test", 0.0):
        draft = tight.draft()
        draft.change("sky.star", insert=stars(*range(1000, 1000 + limit // 128)))
        large = tight.publish(draft, draft.base)
    assert indexes(large.engine_file) == []
    assert large.read("sky.star", ["flux"], "name = 's5'")["flux"].to_pylist() == [5.0]
    tight.close()
