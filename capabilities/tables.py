"""The VOSI tables documents: all tables, or one (VOSI 1.1 section 3.3). They say what TAP_SCHEMA says."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal

from capabilities.documents import write_document
from capabilities.vodataservice import (
    ColumnElement,
    DataTypeElement,
    ForeignKeyElement,
    KeyColumnElement,
    SchemaElement,
    TableDocument,
    TableElement,
    TableSetDocument,
    TableSetElement,
)
from tap_schema import Column, Published, Table

Detail = Literal["min", "max"]
"""How much a tables document tells: ``min`` leaves out columns and keys."""


def tables_document(published: Published, detail: Detail = "max") -> bytes:
    """The tableset of all published tables (TAP-260 to TAP-266)."""
    return write_document(TableSetDocument(schemas=schema_elements(published, published, detail)))


def table_document(table: Table, published: Published) -> bytes:
    """One table in full (TAP-267); ``published`` spells the tables that its keys lead to."""
    return write_document(TableDocument(**_fields(table, published, published, "max")))


def tableset_element(published: Published, names: Collection[str], detail: Detail) -> TableSetElement:
    """The tables of these names (``schema.table``) for the record of a resource; keys that lead elsewhere are
    left out (REG-127)."""
    return TableSetElement(schemas=schema_elements(published, names, detail))


def schema_elements(published: Published, names: Collection[str], detail: Detail) -> list[SchemaElement]:
    """The schemas that have any of the tables of these names, with those tables."""
    return [
        SchemaElement(
            name=schema.name,
            description=schema.description,
            utype=schema.utype,
            tables=[TableElement(**_fields(table, published, names, detail)) for table in kept],
        )
        for schema in published.schemas
        if (kept := [table for table in schema.tables if table.qualified in names])
    ]


def _fields(table: Table, published: Published, names: Collection[str], detail: Detail) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "type": table.table_type,
        "name": table.adql_name,
        "description": table.description,
        "utype": table.utype,
    }
    if detail == "max":
        fields["columns"] = [_column(table, column) for column in table.listed]
        fields["foreign_keys"] = _foreign_keys(table, published, names)
    return fields


def _column(table: Table, column: Column) -> ColumnElement:
    flags = {
        "indexed": column.indexed,
        "primary": column.name in table.primary_key,
        "nullable": column.nullable,
        "principal": column.principal,
    }
    return ColumnElement(
        std=True if column.std else None,
        name=column.adql_name,
        description=column.description,
        unit=column.unit,
        ucd=column.ucd,
        utype=column.utype,
        data_type=DataTypeElement(
            arraysize=column.arraysize, extended_type=column.xtype, value=column.datatype
        ),
        flags=[name for name, holds in flags.items() if holds],
    )


def _foreign_keys(table: Table, published: Published, names: Collection[str]) -> list[ForeignKeyElement]:
    keys = []
    for key in table.foreign_keys:
        if key.target_table not in names:
            continue
        target = published[key.target_table]
        pairs = [
            KeyColumnElement(
                from_column=table.column(own).adql_name, target_column=target.column(other).adql_name
            )
            for own, other in zip(key.columns, key.target_columns, strict=True)
        ]
        keys.append(
            ForeignKeyElement(target_table=target.adql_name, columns=pairs, description=key.description)
        )
    return keys
