"""The tables documents: valid, and equal to TAP_SCHEMA."""

from __future__ import annotations

import io

import pytest
from lxml import etree
from pyvo.io.vosi import parse_tables

from capabilities import table_document, tables_document
from tap_schema import published, tap_schema_rows

XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
VOSI = "{http://www.ivoa.net/xml/VOSITables/v1.0}"
TABLES = published()


def test_full_document_is_valid(validate):
    # TAP-260, VOSI-030, VOSI-036
    root = validate(tables_document(TABLES))
    assert root.tag == VOSI + "tableset"
    assert root.get("version") is None
    assert [one.findtext("name") for one in root] == ["ivoa", "holdings", "tap_schema"]


def test_full_document_says_what_tap_schema_says():
    # TAP-261, TAP-262, TAP-263, TAP-265, VOSI-035
    root = etree.fromstring(tables_document(TABLES))
    said = {}
    for table in root.iter("table"):
        for column in table.iterfind("column"):
            kind = column.find("dataType")
            flags = {flag.text for flag in column.iterfind("flag")}
            assert kind.get(XSI + "type") == "vs:VOTableType"
            said[table.findtext("name"), column.findtext("name")] = {
                "datatype": kind.text,
                "arraysize": kind.get("arraysize"),
                "xtype": kind.get("extendedType"),
                "description": column.findtext("description"),
                "utype": column.findtext("utype"),
                "unit": column.findtext("unit"),
                "ucd": column.findtext("ucd"),
                "indexed": int("indexed" in flags),
                "principal": int("principal" in flags),
                "std": int(column.get("std") == "true"),
            }
    rows = tap_schema_rows(TABLES)["tap_schema.columns"].to_pylist()
    expected = {(row["table_name"], row["column_name"]): row for row in rows}
    assert said.keys() == expected.keys()
    for name, facts in said.items():
        assert facts == {key: expected[name][key] for key in facts}, name


def test_keys_are_those_of_tap_schema():
    root = etree.fromstring(tables_document(TABLES))
    said = {
        (
            table.findtext("name"),
            key.findtext("targetTable"),
            pair.findtext("fromColumn"),
            pair.findtext("targetColumn"),
        )
        for table in root.iter("table")
        for key in table.iterfind("foreignKey")
        for pair in key.iterfind("fkColumn")
    }
    rows = tap_schema_rows(TABLES)
    keys = {row["key_id"]: row for row in rows["tap_schema.keys"].to_pylist()}
    assert said == {
        (
            keys[row["key_id"]]["from_table"],
            keys[row["key_id"]]["target_table"],
            row["from_column"],
            row["target_column"],
        )
        for row in rows["tap_schema.key_columns"].to_pylist()
    }


def test_short_document_has_tables_and_nothing_below(validate):
    # TAP-266, VOSI-032
    root = validate(tables_document(TABLES, "min"))
    assert {one.findtext("name") for one in root.iter("table")} == set(TABLES)
    assert root.find(".//column") is None
    assert root.find(".//foreignKey") is None
    assert all(one.findtext("description") for one in root.iter("table"))


@pytest.mark.parametrize("name", sorted(TABLES))
def test_document_of_one_table(validate, name):
    # TAP-267, VOSI-033
    root = validate(table_document(TABLES[name], TABLES))
    assert root.tag == VOSI + "table"
    assert root.findtext("name") == name
    assert len(root.findall("column")) == len(TABLES[name].listed)


def test_reserved_words_keep_their_quotes():
    # TAP-250
    root = etree.fromstring(table_document(TABLES["tap_schema.columns"], TABLES))
    assert '"size"' in [one.findtext("name") for one in root.iterfind("column")]


def test_text_is_escaped_once():
    root = etree.fromstring(table_document(TABLES["holdings.archive_row"], TABLES))
    assert root.findtext("description").startswith("Rows of the archive's own table")


def test_pyvo_reads_both_forms():
    found = parse_tables(io.BytesIO(tables_document(TABLES)))
    assert {table.name for table in found.iter_tables()} == set(TABLES)
    one = parse_tables(io.BytesIO(table_document(TABLES["ivoa.obscore"], TABLES)))
    (table,) = list(one.iter_tables())
    region = next(column for column in table.columns if column.name == "s_region")
    assert region.datatype.content == "char"
    assert region.utype == "obscore:Char.SpatialAxis.Coverage.Support.Area"
