"""Cells without a column of their own as JSON: one text a row, whatever is empty."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from ingest_homes import open_home

from vo_service.holdings.cells import as_json

cells = st.none() | st.sampled_from(["", "--", "k", 'a "b",', "ä"])
rows = st.lists(st.tuples(cells, cells, st.none() | st.integers(-5, 5)), max_size=6)


def test_rows_without_a_value_are_null_and_stay_rows() -> None:
    assert as_json({"a": pa.array([""])}, 1).to_pylist() == [None]
    assert as_json({"a": pa.array(["", "k"])}, 2).to_pylist() == [None, '{"a":"k"}']
    assert as_json({"a": pa.nulls(2, pa.float64())}, 2).to_pylist() == [None, None]
    assert as_json({}, 2).to_pylist() == [None, None]


@given(rows)
def test_every_row_reads_back_as_what_it_has(rows: list[tuple[str | None, str | None, int | None]]) -> None:
    one, two, three = ([row[at] for row in rows] for at in range(3))
    columns = {
        "one": pa.array(one, pa.string()),
        'tw"o': pa.array(two, pa.string()),
        "n": pa.array(three, pa.int64()),
    }
    found = as_json(columns, len(rows)).to_pylist()
    assert len(found) == len(rows)
    for text, row in zip(found, rows):
        told = {key: cell for key, cell in zip(("one", 'tw"o', "n"), row) if cell not in (None, "", "--")}
        assert (json.loads(text) if text else {}) == told


def test_a_table_whose_strange_columns_are_empty_is_harvested(tmp_path: Path) -> None:
    table = tmp_path / "rows.csv"
    table.write_text(
        "obs_publisher_did,obs_id,member_ous_uid,target_name,s_ra,s_dec,strange\n"
        "ADS/1,uid://A001/X1/X2.source.A.spw.1,uid://A001/X1/X2,A,10.0,5.0,\n"
        "ADS/1,uid://A001/X1/X2.source.A.spw.3,uid://A001/X1/X2,A,10.0,5.0,\n"
    )
    home = open_home(tmp_path / "home")
    try:
        assert home.harvest(table).kept == 2
        assert [row["other"] for row in home.rows("holdings.archive_row")] == [None, None]
    finally:
        home.snapshots.close()
        home.catalogue.close()
