"""Sorted runs and their merge: the rows of a plain sort, whatever their number and the size of a run."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vo_service.store import sorting

SCHEMA = pa.schema(
    [("cell", pa.int64()), ("name", pa.string()), ("value", pa.float64()), ("spans", pa.list_(pa.float64()))]
)
KEYS = ("cell", "name")

rows = st.fixed_dictionaries(
    {
        "cell": st.none() | st.integers(-1, 6),
        "name": st.none() | st.sampled_from(["a", "b", "é", "zz"]),
        "value": st.none() | st.integers(0, 9).map(float),
        "spans": st.none() | st.lists(st.just(0.5), max_size=2),
    }
)


def order(row: dict[str, Any]) -> tuple[Any, ...]:
    """Nulls last; text by its bytes."""
    cell, name = row["cell"], row["name"]
    return (cell is None, cell or 0, name is None, (name or "").encode())


def cells(row: dict[str, Any]) -> str:
    """The whole row, to sort by."""
    return repr([row[name] for name in SCHEMA.names])


def merged(
    batches: list[list[dict[str, Any]]], place: Path, keys: tuple[str, ...]
) -> tuple[list[Any], list[Any]]:
    """What is handed on, and what stands in the Parquet file."""
    runs = sorting.Runs(keys, place, run_bytes=200)
    for batch in batches:
        runs.append(pa.Table.from_pylist(batch, schema=SCHEMA))
    part = place / "part.parquet"
    handed = list(sorting.write_merged(runs.streams(), keys, SCHEMA, part))
    assert runs.rows == sum(len(batch) for batch in batches)
    return [row for batch in handed for row in batch.to_pylist()], pq.read_table(part).to_pylist()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(rows, max_size=12), max_size=8),
    st.sampled_from([1, 300, 1 << 20]),
    st.sampled_from([1, 200]),
)
def test_the_merge_equals_a_sort(batches: list[list[Any]], piece_bytes: int, batch_bytes: int) -> None:
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as place:
        patch.setattr(sorting, "_PIECE_BYTES", piece_bytes)
        patch.setattr(sorting, "_BATCH_BYTES", batch_bytes)
        handed, kept = merged(batches, Path(place), KEYS)
    flat = [row for batch in batches for row in batch]
    assert [order(row) for row in handed] == [order(row) for row in sorted(flat, key=order)]
    assert sorted(handed, key=cells) == sorted(flat, key=cells)
    assert kept == handed


def test_without_keys_rows_stay_as_they_came(tmp_path: Path) -> None:
    batches = [[{"cell": 5 - i, "name": None, "value": 1.0, "spans": None}] for i in range(4)]
    handed, kept = merged(batches, tmp_path, ())
    assert handed == kept == [row for batch in batches for row in batch]


def test_equal_keys_spread_over_many_runs_are_all_kept(tmp_path: Path) -> None:
    batches = [
        [{"cell": 1, "name": "same", "value": float(i * 50 + j), "spans": None} for j in range(50)]
        for i in range(10)
    ]
    handed, _kept = merged(batches, tmp_path, KEYS)
    assert sorted(row["value"] for row in handed) == [float(i) for i in range(500)]


def test_what_a_stream_raises_comes_through(tmp_path: Path) -> None:
    def broken() -> Any:
        yield pa.Table.from_pylist([{"cell": 1}], schema=SCHEMA).to_batches()[0]
        raise ZeroDivisionError("half-way")

    with pytest.raises(ZeroDivisionError, match="half-way"):
        list(sorting.write_merged([broken(), broken()], KEYS, SCHEMA, tmp_path / "part.parquet"))
