"""Rows picked by values of their columns: the same from both engines."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
import pytest
from two_engines import Engines, TwoEngines

from tap_schema import published
from vo_service.engines import EngineError, StoredRows

TABLE = "holdings.product"
BLANKS = {"string": "", "double": 0.0, "int16": 0, "int32": 0, "int64": 0}
DAYS = [datetime(2021, 1, 1), datetime(2021, 1, 2, 3, 4, 5), datetime(2021, 2, 1)]
STONES = {"gone": [1, 0], "left'; --": [0, 2, 1], "set-1": [2], None: [0]}
"""When data sets were withdrawn; one of them is there all the same."""
NAMES = ["a", "b", 'c"; DROP', "d'e", "f"]


def product(number: int, name: str) -> dict[str, object]:
    schema = published().storage[TABLE].arrow_schema()
    row: dict[str, object] = {
        field.name: None if field.nullable else BLANKS[str(field.type)] for field in schema
    }
    release = datetime(2020, 1, 1 + number) if number % 2 else None
    return row | {
        "product_id": name,
        "dataset_id": f"set-{number // 2}",
        "root": "main",
        "_container": "tar" if number > 2 else None,
        "version": number,
        "obs_release_date": release,
    }


def tombstones() -> pa.Table:
    schema = published().storage["holdings.tombstone"].arrow_schema()
    blank = {field.name: None if field.nullable else BLANKS.get(str(field.type)) for field in schema}
    places = [(name, at) for name, days in STONES.items() for at in days]
    told = [
        blank | {"product_id": f"p-{number}", "dataset_id": name, "withdrawn": DAYS[at]}
        for number, (name, at) in enumerate(places)
    ]
    return pa.Table.from_pylist(told, schema)


@pytest.fixture(scope="module")
def both(engines: Engines) -> TwoEngines:
    schema = published().storage[TABLE].arrow_schema()
    rows = pa.Table.from_pylist([product(*each) for each in enumerate(NAMES)], schema)
    return engines.on({TABLE: rows, "holdings.tombstone": tombstones()})


@pytest.mark.parametrize("which", [0, 1], ids=["duckdb", "postgresql"])
class TestStoredRows:
    @pytest.fixture
    def rows(self, both: TwoEngines, which: int) -> StoredRows:
        return StoredRows(tuple(both)[which], both.snapshot.tables)

    def test_one_value_picks_its_row(self, rows: StoredRows) -> None:
        for number, name in enumerate(NAMES):
            found = rows.find(TABLE, ["product_id", "version", "obs_release_date"], {"product_id": name})
            wanted = datetime(2020, 1, 1 + number) if number % 2 else None
            assert found.to_pylist() == [{"product_id": name, "version": number, "obs_release_date": wanted}]
            assert (
                found.schema.field("version").type
                == published().storage[TABLE].arrow_schema().field("version").type
            )

    def test_what_is_empty_is_picked_too(self, rows: StoredRows) -> None:
        found = rows.find(TABLE, ["product_id"], {"_container": None, "dataset_id": ["set-0", "set-1"]})
        assert sorted(found["product_id"].to_pylist()) == sorted(NAMES[:3])
        assert rows.find(TABLE, ["product_id"], {"_container": None}).num_rows == 3
        assert rows.find(TABLE, ["product_id"], {"_container": None, "dataset_id": []}).num_rows == 0

    def test_several_values_and_several_columns(self, rows: StoredRows) -> None:
        found = rows.find(TABLE, ["product_id"], {"dataset_id": ["set-0", "set-1"], "root": "main"})
        assert sorted(found["product_id"].to_pylist()) == sorted(NAMES[:4])
        found = rows.find(TABLE, ["product_id"], {"root": "main", "_container": "tar"})
        assert sorted(found["product_id"].to_pylist()) == sorted(NAMES[3:])

    def test_very_many_values_pick_their_rows(self, rows: StoredRows) -> None:
        many = [f"none-{number}" for number in range(100_000)]
        found = rows.find_among(
            TABLE, ["product_id", "version"], "product_id", [*many, *NAMES[1:], *NAMES[1:]]
        )
        wanted = [{"product_id": name, "version": number} for number, name in enumerate(NAMES)][1:]
        assert sorted(found.to_pylist(), key=lambda row: row["version"]) == wanted
        for none in ([], ["a' OR '1'='1"]):
            nothing = rows.find_among(TABLE, ["product_id", "version"], "dataset_id", none)
            assert nothing.num_rows == 0 and nothing.column_names == ["product_id", "version"]
        with pytest.raises(KeyError):
            rows.find_among(TABLE, ["product_id"], "no_column", ["a"])

    def test_nothing_is_found_where_nothing_is(self, rows: StoredRows) -> None:
        for wanted in ({"product_id": "none"}, {"product_id": []}, {"product_id": "a' OR '1'='1"}):
            found = rows.find(TABLE, ["product_id", "version"], wanted)
            assert found.num_rows == 0 and found.column_names == ["product_id", "version"]

    def test_the_latest_moments_of_what_another_table_lacks(self, rows: StoredRows) -> None:
        found = rows.latest_beyond("holdings.tombstone", "dataset_id", "withdrawn", TABLE)
        wanted = {name: max(DAYS[at] for at in STONES[name]) for name in ("gone", "left'; --")}
        assert dict(zip(*(found[name].to_pylist() for name in found.column_names), strict=True)) == wanted
        assert found.column_names == ["dataset_id", "withdrawn"]
        with pytest.raises(KeyError):
            rows.latest_beyond("holdings.tombstone", "dataset_id", "no_column", TABLE)

    def test_all_rows_are_not_asked_for(self, rows: StoredRows) -> None:
        with pytest.raises(ValueError, match="all rows"):
            rows.find(TABLE, ["product_id"], {})

    def test_what_is_not_stored_is_not_asked_for(self, rows: StoredRows) -> None:
        with pytest.raises(KeyError):
            rows.find(TABLE, ["no_column"], {"product_id": "a"})
        with pytest.raises(KeyError):
            rows.find(TABLE, ["product_id"], {"no_column": "a"})
        with pytest.raises(KeyError):
            rows.find("no.table", ["product_id"], {"product_id": "a"})


def test_a_look_up_has_a_limit_of_time(both: TwoEngines) -> None:
    rows = StoredRows(both.duckdb, both.snapshot.tables, seconds=0.0)
    with pytest.raises(EngineError):
        rows.find(TABLE, ["product_id"], {"product_id": NAMES * 2000})
