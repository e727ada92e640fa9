"""Read the Felis documents and ``storage.yaml`` into typed tables.

Ids are resolved once, here; whatever does not fit raises :class:`SchemaError` with the file and the place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tap_schema.model import DATATYPES, Column, ForeignKey, Published, Schema, Table

DIRECTORY = Path(__file__).resolve().parent
DOCUMENTS = ("ivoa.yaml", "holdings.yaml", "tap_schema.yaml")
"""The Felis documents, in the order in which schemas are listed."""

# The safe loader, in its compiled form where PyYAML has it: commands start ten times as fast.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# What a Felis data type is in VOTable, where the document does not say it itself.
_FELIS = {
    "boolean": "boolean",
    "byte": "unsignedByte",
    "short": "short",
    "int": "int",
    "long": "long",
    "float": "float",
    "double": "double",
    "char": "char",
    "string": "char",
    "unicode": "unicodeChar",
    "text": "char",
    "timestamp": "char",
}


class SchemaError(ValueError):
    """A schema file that cannot be used: ``path`` names the file, ``message`` the place and what is wrong."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(f"{path.name}: {message}")
        self.path = path
        self.message = message


class _Reader:
    """Takes values out of one YAML document and complains with file and place."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def document(self) -> Mapping[str, Any]:
        try:
            content = yaml.load(self.path.read_text(encoding="utf-8"), _LOADER)  # noqa: S506
        except OSError as error:
            raise SchemaError(self.path, f"cannot be read: {error.strerror}") from error
        except yaml.YAMLError as error:
            raise SchemaError(self.path, f"is no YAML: {error}") from error
        return self.mapping(content, "document")

    def mapping(self, content: object, place: str) -> Mapping[str, Any]:
        if not isinstance(content, Mapping):
            raise SchemaError(self.path, f"{place}: expected a mapping, found {type(content).__name__}")
        return content

    def sequence(self, content: object, place: str) -> Sequence[Any]:
        if not isinstance(content, list):
            raise SchemaError(self.path, f"{place}: expected a list, found {type(content).__name__}")
        return content

    def text(self, content: Mapping[str, Any], key: str, place: str) -> str:
        value = content.get(key)
        if not isinstance(value, str) or not value.strip():
            raise SchemaError(self.path, f"{place}: {key} is missing")
        return value

    def names(self, content: object, place: str) -> tuple[str, ...]:
        values = self.sequence(content, place)
        for value in values:
            if not isinstance(value, str):
                raise SchemaError(self.path, f"{place}: expected names, found {value!r}")
        return tuple(values)


@cache
def published() -> Published:
    """The tables of this package, read once; raises SchemaError."""
    return load(DIRECTORY)


def load(directory: Path) -> Published:
    """Read the Felis documents and ``storage.yaml`` of a directory; raises SchemaError."""
    schemas = tuple(_read_schema(directory / name, index) for index, name in enumerate(DOCUMENTS, start=1))
    return _with_storage(schemas, _Reader(directory / "storage.yaml"))


def _read_schema(path: Path, index: int) -> Schema:
    reader = _Reader(path)
    document = reader.document()
    name = reader.text(document, "name", "schema")
    contents = reader.sequence(document.get("tables"), "tables")
    tables = [_read_table(reader, name, content, place) for place, content in enumerate(contents, start=1)]
    schema = Schema(
        name=name,
        description=reader.text(document, "description", name),
        utype=document.get("votable:utype"),
        index=index,
        tables=tuple(sorted(tables, key=lambda table: table.index)),
    )
    alone = Published((schema,))
    for key in alone.foreign_keys:
        _check_key(reader, key, alone)
    return schema


def _read_table(reader: _Reader, schema: str, content: object, number: int) -> Table:
    fields = reader.mapping(content, f"table {number}")
    name = reader.text(fields, "name", f"table {number}")
    columns = tuple(
        _read_column(reader, column, f"{name}, column {place}")
        for place, column in enumerate(reader.sequence(fields.get("columns"), name), start=1)
    )
    table = Table(
        schema=schema,
        name=name,
        description=reader.text(fields, "description", name),
        utype=fields.get("votable:utype"),
        table_type="table",
        index=int(fields.get("tap:table_index", number)),
        columns=columns,
        primary_key=_read_primary_key(reader, fields.get("primaryKey"), name),
    )
    keys = tuple(
        _read_foreign_key(reader, table, constraint)
        for constraint in reader.sequence(fields.get("constraints", []), f"{name}, constraints")
        if reader.mapping(constraint, f"{name}, constraint").get("@type") == "ForeignKey"
    )
    return replace(table, foreign_keys=keys)


def _read_column(reader: _Reader, content: object, place: str) -> Column:
    fields = reader.mapping(content, place)
    name = reader.text(fields, "name", place)
    felis = reader.text(fields, "datatype", place)
    datatype = fields.get("votable:datatype", _FELIS.get(felis))
    if datatype not in DATATYPES:
        raise SchemaError(reader.path, f"{place} ({name}): unknown data type {datatype or felis!r}")
    return Column(
        name=name,
        datatype=datatype,
        arraysize=_arraysize(fields, felis),
        xtype=fields.get("votable:xtype", "timestamp" if felis == "timestamp" else None),
        unit=fields.get("ivoa:unit"),
        ucd=fields.get("ivoa:ucd"),
        utype=fields.get("votable:utype"),
        description=reader.text(fields, "description", f"{place} ({name})"),
        std=bool(fields.get("tap:std", 0)),
        principal=bool(fields.get("tap:principal", 0)),
        nullable=bool(fields.get("nullable", True)),
    )


def _arraysize(fields: Mapping[str, Any], felis: str) -> str | None:
    """Array size as VOTable writes it, with Felis's defaults (a length of 1 gives none)."""
    written = fields.get("votable:arraysize")
    if written is not None:
        return str(written)
    if felis in ("text", "timestamp"):
        return "*"
    length = fields.get("length")
    if length is None or int(length) == 1:
        return None
    return str(length) if felis == "char" else f"{length}*"


def _read_primary_key(reader: _Reader, content: object, table: str) -> tuple[str, ...]:
    if content is None:
        return ()
    ids = (content,) if isinstance(content, str) else reader.names(content, f"{table}, primaryKey")
    return tuple(_split_id(reader, one, f"{table}, primaryKey")[1] for one in ids)


def _split_id(reader: _Reader, text: str, place: str) -> tuple[str, str]:
    """Table and column of a Felis id such as ``#product.dataset_id``."""
    table, dot, column = text.removeprefix("#").partition(".")
    if not text.startswith("#") or not dot:
        raise SchemaError(reader.path, f"{place}: {text!r} is not of the form #table.column")
    return table, column


def _read_foreign_key(reader: _Reader, table: Table, content: Mapping[str, Any]) -> ForeignKey:
    name = reader.text(content, "name", f"{table.name}, constraint")
    sources = [_split_id(reader, one, name) for one in reader.names(content.get("columns"), name)]
    targets = [_split_id(reader, one, name) for one in reader.names(content.get("referencedColumns"), name)]
    if not sources or len(sources) != len(targets) or len({one for one, _ in targets}) != 1:
        raise SchemaError(reader.path, f"{name}: columns and referencedColumns do not pair up")
    return ForeignKey(
        name=name,
        from_table=table.qualified,
        columns=tuple(column for _, column in sources),
        target_table=f"{table.schema}.{targets[0][0]}",
        target_columns=tuple(column for _, column in targets),
        description=reader.text(content, "description", name),
    )


def _with_storage(schemas: tuple[Schema, ...], reader: _Reader) -> Published:
    """The schemas with what ``storage.yaml`` says of their tables, checked to name only what exists."""
    document = reader.document()
    notes = dict(reader.mapping(document.get("tables"), "tables"))
    links = [_read_link(reader, content) for content in reader.sequence(document.get("keys", []), "keys")]
    finished = tuple(
        replace(
            schema,
            tables=tuple(
                _apply(reader, table, notes.pop(table.qualified, None), links) for table in schema.tables
            ),
        )
        for schema in schemas
    )
    if notes:
        raise SchemaError(reader.path, f"tables: nothing is published as {', '.join(sorted(notes))}")
    contents = reader.mapping(document.get("hidden_tables", {}), "hidden_tables")
    result = Published(finished, tuple(_hidden_table(reader, name, one) for name, one in contents.items()))
    for key in links:
        _check_key(reader, key, result)
    return result


def _apply(reader: _Reader, table: Table, content: object, links: list[ForeignKey]) -> Table:
    if content is None:
        raise SchemaError(reader.path, f"tables: {table.qualified} is missing")
    place = table.qualified
    notes = reader.mapping(content, place)
    hidden = tuple(
        _stored_column(reader, one, place) for one in reader.sequence(notes.get("hidden", []), place)
    )
    computed = reader.mapping(notes.get("computed", {}), f"{place}, computed")
    restricted = reader.names(notes.get("restricted", []), f"{place}, restricted")
    measured = reader.mapping(notes.get("measured", {}), f"{place}, measured")
    unlisted = reader.names(notes.get("unlisted", []), f"{place}, unlisted")
    indexed = reader.names(notes.get("indexed", []), f"{place}, indexed")
    sort_by = reader.names(notes.get("sort_by", []), f"{place}, sort_by")
    lookup = reader.names(notes.get("lookup", []), f"{place}, lookup")
    position = reader.names(notes.get("position", []), f"{place}, position")
    if len(position) not in (0, 2):
        raise SchemaError(reader.path, f"{place}, position: expected a longitude and a latitude column")
    region = notes.get("region")
    guarded = notes.get("guarded")
    if guarded not in (None, "all", "marked"):
        raise SchemaError(reader.path, f"{place}, guarded: expected all or marked, not {guarded!r}")
    published_names = {column.name for column in table.columns}
    for name in (*computed, *restricted, *unlisted, *indexed, *position, *([region] if region else [])):
        if name not in published_names:
            raise SchemaError(reader.path, f"{place}: no published column {name}")
    stored_names = published_names | {column.name for column in hidden}
    for name in (*measured, *measured.values()):
        if name in computed or name not in stored_names:
            raise SchemaError(reader.path, f"{place}, measured: no stored column {name}")
    for key, names in (("sort_by", sort_by), ("lookup", lookup)):
        for name in names:
            if name in computed or name not in stored_names:
                raise SchemaError(reader.path, f"{place}, {key}: no stored column {name}")
    return replace(
        table,
        columns=tuple(
            replace(
                column,
                indexed=column.name in indexed,
                restricted=column.name in restricted,
                computed=computed.get(column.name),
                measured=measured.get(column.name),
                unlisted=column.name in unlisted,
            )
            for column in table.columns
        ),
        hidden=tuple(replace(column, measured=measured.get(column.name)) for column in hidden),
        sort_by=sort_by,
        lookup=lookup,
        position=(position[0], position[1]) if position else None,
        region=region,
        guarded=guarded,
        foreign_keys=(*table.foreign_keys, *(one for one in links if one.from_table == place)),
    )


def _stored_column(reader: _Reader, content: object, place: str) -> Column:
    """A column of ``storage.yaml``, which says VOTable's words themselves."""
    fields = reader.mapping(content, place)
    name = reader.text(fields, "name", place)
    datatype = reader.text(fields, "datatype", f"{place}, {name}")
    if datatype not in DATATYPES:
        raise SchemaError(reader.path, f"{place}, {name}: unknown data type {datatype!r}")
    return Column(
        name=name,
        datatype=datatype,
        arraysize=fields.get("arraysize"),
        xtype=fields.get("xtype"),
        unit=fields.get("unit"),
        ucd=None,
        utype=None,
        description=reader.text(fields, "description", f"{place}, {name}"),
        nullable=bool(fields.get("nullable", True)),
    )


def _hidden_table(reader: _Reader, qualified: str, content: object) -> Table:
    fields = reader.mapping(content, qualified)
    schema, dot, name = qualified.partition(".")
    if not dot:
        raise SchemaError(reader.path, f"hidden_tables: {qualified} is not of the form schema.table")
    columns = tuple(
        _stored_column(reader, one, qualified) for one in reader.sequence(fields.get("columns"), qualified)
    )
    return Table(
        schema=schema,
        name=name,
        description=reader.text(fields, "description", qualified),
        utype=None,
        table_type="table",
        index=0,
        columns=columns,
        primary_key=reader.names(fields.get("primary_key", []), qualified),
        sort_by=reader.names(fields.get("sort_by", []), qualified),
    )


def _read_link(reader: _Reader, content: object) -> ForeignKey:
    fields = reader.mapping(content, "keys")
    source = reader.text(fields, "from", "keys")
    columns = reader.names(fields.get("columns"), f"keys, {source}")
    return ForeignKey(
        name=f"{source.partition('.')[2]}_{'_'.join(columns)}",
        from_table=source,
        columns=columns,
        target_table=reader.text(fields, "to", f"keys, {source}"),
        target_columns=reader.names(fields.get("referenced"), f"keys, {source}"),
        description=reader.text(fields, "description", f"keys, {source}"),
    )


def _check_key(reader: _Reader, key: ForeignKey, tables: Published) -> None:
    """A key joins published columns of published tables (TAP-247)."""
    if len(key.columns) != len(key.target_columns):
        raise SchemaError(reader.path, f"key {key.name}: columns do not pair up")
    for table, columns in ((key.from_table, key.columns), (key.target_table, key.target_columns)):
        if table not in tables:
            raise SchemaError(reader.path, f"key {key.name}: no table {table}")
        known = {column.name for column in tables[table].columns}
        for name in columns:
            if name not in known:
                raise SchemaError(reader.path, f"key {key.name}: no column {name} in {table}")
