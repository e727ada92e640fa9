"""The rows of TAP_SCHEMA."""

from __future__ import annotations

import re

import pytest

from tap_schema import Column, published, tap_schema_rows
from tap_schema.rows import size_of

TABLES = published()
ROWS = {name: table.to_pylist() for name, table in tap_schema_rows(TABLES).items()}


def test_the_five_tables_have_their_own_schema():
    # TAP-200..204, TAP-240
    assert list(ROWS) == [
        f"tap_schema.{name}" for name in ("schemas", "tables", "columns", "keys", "key_columns")
    ]
    for name, table in tap_schema_rows(TABLES).items():
        assert table.schema == TABLES[name].arrow_schema()
        table.validate(full=True)


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("schemas", "schema_name utype description schema_index"),
        ("tables", "schema_name table_name table_type utype description table_index"),
        (
            "columns",
            "table_name column_name datatype arraysize xtype size description utype unit ucd indexed"
            " principal std column_index",
        ),
        ("keys", "key_id from_table target_table description utype"),
        ("key_columns", "key_id from_column target_column"),
    ],
)
def test_columns_of_the_standard(table, columns):
    assert [column.name for column in TABLES[f"tap_schema.{table}"].columns] == columns.split()


def test_tap_schema_describes_itself():
    # TAP-241
    described = {row["table_name"] for row in ROWS["tap_schema.tables"]}
    assert set(ROWS) <= described
    own = [row for row in ROWS["tap_schema.columns"] if row["table_name"] == "tap_schema.columns"]
    assert [row["column_name"] for row in own] == [
        column.adql_name for column in TABLES["tap_schema.columns"].columns
    ]
    assert {row["std"] for row in own} == {1}


def test_every_published_column_has_a_row():
    # TAP-242, VOSI-035
    assert len(ROWS["tap_schema.columns"]) == sum(len(table.listed) for table in TABLES.values())
    assert {row["table_name"] for row in ROWS["tap_schema.tables"]} == set(TABLES)
    assert {row["table_type"] for row in ROWS["tap_schema.tables"]} == {"table"}


def test_flags_are_zero_or_one():
    # TAP-243
    for row in ROWS["tap_schema.columns"]:
        assert {row["indexed"], row["principal"], row["std"]} <= {0, 1}


def test_nothing_hidden_is_told():
    names = {row["column_name"] for row in ROWS["tap_schema.columns"]}
    assert not any(name.startswith("_") for name in names)
    assert not any(row["table_name"].startswith("_") for row in ROWS["tap_schema.tables"])


def test_descriptions_are_there():
    # ALMA-100
    assert all(
        row["description"] for name in ("schemas", "tables", "columns") for row in ROWS[f"tap_schema.{name}"]
    )


def test_index_gives_the_order():
    for table in TABLES.values():
        rows = [row for row in ROWS["tap_schema.columns"] if row["table_name"] == table.qualified]
        assert [row["column_index"] for row in rows] == list(range(1, len(table.listed) + 1))


def test_keys_lead_to_columns_that_exist():
    # TAP-246, TAP-247
    known = {(row["table_name"], row["column_name"]) for row in ROWS["tap_schema.columns"]}
    keys = {row["key_id"]: row for row in ROWS["tap_schema.keys"]}
    assert len(keys) == len(ROWS["tap_schema.keys"])
    for row in ROWS["tap_schema.key_columns"]:
        key = keys.pop(row["key_id"])
        assert (key["from_table"], row["from_column"]) in known
        assert (key["target_table"], row["target_column"]) in known
    assert not keys
    pairs = {(row["from_table"], row["target_table"]) for row in ROWS["tap_schema.keys"]}
    assert ("tap_schema.tables", "tap_schema.schemas") in pairs
    assert ("tap_schema.columns", "tap_schema.tables") in pairs
    assert ("tap_schema.key_columns", "tap_schema.keys") in pairs
    assert ("ivoa.obscore_radio", "ivoa.obscore") in pairs


def test_sizes_are_told_of_what_has_several_values():
    # TAP-245, VOT-153: a moment is a text of xtype timestamp, never one of TAP 1.0's adql:TIMESTAMP
    single = {"is_mosaic", "science_observation", "qa2_passed"}
    for row in ROWS["tap_schema.columns"]:
        assert row["xtype"] not in ("adql:TIMESTAMP", "adql:CLOB")
        if row["datatype"] in ("char", "unicodeChar"):
            wanted = r"None" if row["column_name"] in single else r"\d+|\d*\*"
            assert re.fullmatch(wanted, str(row["arraysize"])), row
            number = re.fullmatch(r"(\d+)\*?", str(row["arraysize"]))
            assert row["size"] == (int(number[1]) if number else None)
        else:
            assert row["arraysize"] is None and row["size"] is None, row


@pytest.mark.parametrize(
    ("arraysize", "size"),
    [(None, None), ("*", None), ("12", 12), ("256*", 256), ("2x*", None), ("3x4", None)],
)
def test_size_is_the_number_of_one_dimension(arraysize, size):
    # TAP-202
    assert size_of(Column("a", "char", arraysize, None, None, None, None, "text")) == size
