"""Numbers, the flip, leases, pruning, rebuilding, columns that change between versions."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa
from shelves import Shelf, column, made_up, star_rows, star_table

from tap_schema import published
from vo_service.store import Catalogue, SnapshotConflict, Snapshots, StoreError
from vo_service.store.catalogue_tables import lease, pointer
from vo_service.store.processes import Process, is_dead, this_process


def stars(*names: str) -> pa.Table:
    return star_rows([{"name": name} for name in names])


def test_numbers_grow_and_the_pointer_follows(shelf: Shelf) -> None:
    assert shelf.snapshots.current() is None
    with shelf.snapshots.lease() as nothing:
        assert nothing is None
    first = shelf.publish({"insert": stars("a")})
    second = shelf.publish({"insert": stars("b")})
    assert (first.number, second.number) == (1, 2)
    assert shelf.snapshots.current_number() == 2
    # the former one is untouched
    assert first.read("sky.star", ["name"]).to_pylist() == [{"name": "a"}]


def test_unchanged_parquet_is_shared_between_snapshots(shelf: Shelf) -> None:
    first = shelf.publish({"insert": stars("a", "b", "c")})
    second = shelf.publish({"insert": pa.table({"text": ["x"], "line": [1]})}, table="_hidden.note")
    (part,) = (first.directory / "tables" / "sky.star").iterdir()
    (same,) = (second.directory / "tables" / "sky.star").iterdir()
    assert part.samefile(same)


def test_a_draft_of_an_older_snapshot_is_refused(shelf: Shelf) -> None:
    base = shelf.publish({"insert": stars("a")})
    with shelf.snapshots.writer("a test", 0.0):
        draft = shelf.snapshots.draft()
        draft.change("sky.star", insert=stars("late"))
        with shelf.catalogue.writing() as connection:  # somebody on another host was quicker
            connection.execute(sa.update(pointer).values(number=None))
        with pytest.raises(SnapshotConflict) as conflict:
            shelf.snapshots.publish(draft, base)
        with shelf.catalogue.writing() as connection:
            connection.execute(sa.update(pointer).values(number=base.number))
    assert (conflict.value.expected, conflict.value.found) == (1, None)
    assert [place.name for place in (shelf.home / "snapshots").iterdir()] == ["000001"]
    assert shelf.publish({"insert": stars("b")}).number == 2


def test_a_leased_snapshot_is_not_dropped(shelf: Shelf) -> None:
    shelf.publish({"insert": stars("a")})
    with shelf.snapshots.lease() as held:
        assert held is not None
        for name in ("b", "c", "d"):
            shelf.publish({"insert": stars(name)})
        assert shelf.snapshots.prune(keep=2) == [2]
        assert held.read("sky.star", ["name"]).to_pylist() == [{"name": "a"}]
    assert shelf.snapshots.prune(keep=1) == [3, 1]
    assert sorted(place.name for place in (shelf.home / "snapshots").iterdir()) == ["000004"]
    assert shelf.snapshots.prune(keep=0) == []  # the current one stays whatever is asked


def test_the_lease_of_a_dead_process_is_void(shelf: Shelf) -> None:
    shelf.publish({"insert": stars("a")})
    script = (
        "import os, sys; from pathlib import Path; sys.path.insert(0, sys.argv[2]); "
        "from shelves import Shelf\n"
        "with Shelf(Path(sys.argv[1])).snapshots.lease(): os._exit(9)"
    )
    here = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", script, str(shelf.home), here],
        env={"PYTHONPATH": str(Path(__file__).resolve().parents[2]), "PATH": ""},
    )
    assert done.returncode == 9
    with shelf.catalogue.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(lease)) == 1
    shelf.publish({"insert": stars("b")})
    assert shelf.snapshots.prune(keep=1) == [1]


def test_the_lease_of_another_host_is_void_when_silent(shelf: Shelf) -> None:
    shelf.publish({"insert": stars("a")})
    shelf.publish({"insert": stars("b")})
    row = {"lease_id": "x", "number": 1, "host": "elsewhere", "pid": 1, "started": 0}
    with shelf.catalogue.writing() as connection:
        connection.execute(sa.insert(lease).values(**row, heartbeat=sys.float_info.max))
    assert shelf.snapshots.prune(keep=1) == []
    with shelf.catalogue.writing() as connection:
        connection.execute(sa.update(lease).values(heartbeat=0.0))
    assert shelf.snapshots.prune(keep=1) == [1]


def test_a_process_number_used_again_is_another_process() -> None:
    here = this_process()
    assert not is_dead(here)
    assert is_dead(replace(here, started=here.started + 1))
    assert not is_dead(Process("another host", 1, 1))


def test_readers_never_wait_for_a_writer(shelf: Shelf) -> None:
    shelf.publish({"insert": stars(*(f"s{i}" for i in range(50)))})
    seen: list[int] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            with shelf.snapshots.lease() as snapshot:
                assert snapshot is not None
                seen.append(snapshot.read("sky.star", ["name"]).num_rows - snapshot.count_rows("sky.star"))

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        for i in range(3):
            shelf.publish({"insert": stars(f"n{i}")})
            shelf.snapshots.prune(keep=1)
        stop.set()
        reading.result()
    assert seen and set(seen) == {0}


def test_an_engine_file_is_rebuilt_from_parquet_alone(shelf: Shelf) -> None:
    snapshot = shelf.publish({"insert": stars("a", "b")})
    snapshot.engine_file.unlink()
    shelf.snapshots.rebuild(snapshot.number)
    assert snapshot.read("sky.star", ["name"])["name"].to_pylist() == ["a", "b"]


def test_tables_of_another_version_are_carried_over(shelf: Shelf) -> None:
    shelf.publish({"insert": star_rows([{"name": "a", "band": 3, "title": "t", "_cell": 7}])})
    table = star_table(column("colour", "double", arraysize="*"), column("year", "int"))
    changed = replace(table, columns=tuple(c for c in table.columns if c.name != "title"))
    newer = Snapshots(shelf.home, shelf.catalogue, made_up(changed), shelf.small)
    with newer.writer("a newer version", 0.0):
        draft = newer.draft()
        snapshot = newer.publish(draft, draft.base)
    row = {"name": "a", "band": 3, "flux": None, "spans": None, "seen": None}
    row |= {"colour": None, "year": None, "_cell": 7}
    assert snapshot.read("sky.star").to_pylist() == [row]
    newer.rebuild(snapshot.number)
    assert snapshot.read("sky.star").to_pylist() == [row]


def test_tap_schema_describes_what_is_published(tmp_path: Path) -> None:
    catalogue = Catalogue.open_in(tmp_path)
    snapshots = Snapshots(tmp_path, catalogue)
    with snapshots.writer("a test", 0.0):
        draft = snapshots.draft()
        snapshot = snapshots.publish(draft, None)
    names = set(snapshot.read("tap_schema.tables", ["table_name"])["table_name"].to_pylist())
    assert names == set(published())
    columns = snapshot.count_rows("tap_schema.columns")
    assert columns == sum(len(table.listed) for table in published().values())
    assert snapshot.count_rows("ivoa.obscore") == 0
    with snapshots.writer("a test", 0.0):
        draft = snapshots.draft()
        again = snapshots.publish(draft, draft.base)
    assert again.count_rows("tap_schema.columns") == columns
    catalogue.close()


def test_a_manifest_of_another_format_is_refused(shelf: Shelf) -> None:
    snapshot = shelf.publish({"insert": stars("a")})
    manifest = snapshot.directory / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"format": 1', '"format": 99'))
    with pytest.raises(StoreError, match="has format 99"):
        shelf.snapshots.current()
    manifest.write_text("{")
    with pytest.raises(StoreError, match=r"manifest\.json is damaged"):
        shelf.snapshots.current()
