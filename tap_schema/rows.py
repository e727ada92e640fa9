"""The rows of TAP_SCHEMA itself (TAP 1.1 section 4), as Arrow tables for the store to load."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import pyarrow as pa

from tap_schema.model import Column, Published, Table

Row = Mapping[str, object]

_FIXED_OR_LIMITED = re.compile(r"(\d+)\*?\Z")


def tap_schema_rows(published: Published) -> dict[str, pa.Table]:
    """Rows of the five tables of TAP_SCHEMA under ``tap_schema.schemas`` ... ``tap_schema.key_columns``.

    Each table has the Arrow schema that ``published`` gives it, TAP_SCHEMA's own rows included (TAP-241).
    """
    rows = {
        "tap_schema.schemas": _schemas(published),
        "tap_schema.tables": _tables(published),
        "tap_schema.columns": _columns(published),
        "tap_schema.keys": _keys(published),
        "tap_schema.key_columns": _key_columns(published),
    }
    return {
        name: pa.Table.from_pylist([dict(row) for row in content], schema=published[name].arrow_schema())
        for name, content in rows.items()
    }


def size_of(column: Column) -> int | None:
    """The deprecated ``"size"``: the number in a one-dimensional array size, else None (TAP-202)."""
    found = _FIXED_OR_LIMITED.match(column.arraysize or "")
    return int(found.group(1)) if found else None


def _schemas(published: Published) -> Iterator[Row]:
    for schema in published.schemas:
        yield {
            "schema_name": schema.name,
            "utype": schema.utype,
            "description": schema.description,
            "schema_index": schema.index,
        }


def _tables(published: Published) -> Iterator[Row]:
    for table in published.values():
        yield {
            "schema_name": table.schema,
            "table_name": table.adql_name,
            "table_type": table.table_type,
            "utype": table.utype,
            "description": table.description,
            "table_index": table.index,
        }


def _columns(published: Published) -> Iterator[Row]:
    for table in published.values():
        for index, column in enumerate(table.listed, start=1):
            yield _column_row(table, column, index)


def _column_row(table: Table, column: Column, index: int) -> Row:
    return {
        "table_name": table.adql_name,
        "column_name": column.adql_name,
        "datatype": column.datatype,
        "arraysize": column.arraysize,
        "xtype": column.xtype,
        "size": size_of(column),
        "description": column.description,
        "utype": column.utype,
        "unit": column.unit,
        "ucd": column.ucd,
        "indexed": int(column.indexed),
        "principal": int(column.principal),
        "std": int(column.std),
        "column_index": index,
    }


def _keys(published: Published) -> Iterator[Row]:
    for key in published.foreign_keys:
        yield {
            "key_id": key.name,
            "from_table": published[key.from_table].adql_name,
            "target_table": published[key.target_table].adql_name,
            "description": key.description,
            "utype": None,
        }


def _key_columns(published: Published) -> Iterator[Row]:
    for key in published.foreign_keys:
        source, target = published[key.from_table], published[key.target_table]
        for own, other in zip(key.columns, key.target_columns, strict=True):
            yield {
                "key_id": key.name,
                "from_column": source.column(own).adql_name,
                "target_column": target.column(other).adql_name,
            }
