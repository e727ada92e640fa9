"""The typed form of what is published: columns, tables, foreign keys, schemas. Everything is immutable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from tap_schema.reserved import is_regular

_SCALARS: Mapping[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "unsignedByte": pa.uint8(),
    "short": pa.int16(),
    "int": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "char": pa.string(),
    "unicodeChar": pa.string(),
}

DATATYPES = frozenset(_SCALARS)
"""VOTable data types that columns here may have."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column, in VOTable's terms (TAP 1.1 section 4.3).

    ``arraysize`` is None for single values, a char without one is a single character. ``restricted`` columns
    are measured from pixels and read as null without the right to the data. ``computed`` names what makes
    the column when a query is answered (``rights``, ``link``), None for stored ones. ``measured`` names the
    hidden column with what pixels tell, which stands in for the stored value for those with the right.
    ``unlisted`` columns can be named in a query, but are neither in ``*`` nor in TAP_SCHEMA. Positions and
    times of ``unplaced`` columns, which come from users, are in systems that nobody here knows.
    """

    name: str
    datatype: str
    arraysize: str | None
    xtype: str | None
    unit: str | None
    ucd: str | None
    utype: str | None
    description: str
    std: bool = False
    principal: bool = False
    indexed: bool = False
    nullable: bool = True
    restricted: bool = False
    computed: str | None = None
    measured: str | None = None
    unlisted: bool = False
    unplaced: bool = False

    @property
    def is_text(self) -> bool:
        """Whether values are character strings (timestamps are not text here)."""
        return self.datatype in ("char", "unicodeChar") and self.xtype != "timestamp"

    @property
    def arrow_type(self) -> pa.DataType:
        """Type of the values in Arrow: text is string, timestamps are microseconds (UTC, without a zone),
        numeric arrays are lists."""
        if self.xtype == "timestamp":
            return pa.timestamp("us")
        scalar = _SCALARS[self.datatype]
        if self.arraysize is None or self.is_text:
            return scalar
        return pa.list_(scalar)

    @property
    def arrow_field(self) -> pa.Field:
        """Name, Arrow type and nullability."""
        return pa.field(self.name, self.arrow_type, nullable=self.nullable)

    @property
    def adql_name(self) -> str:
        """The name as a query writes it: in double quotes where it is no regular identifier (ADQL-009)."""
        return quoted(self.name)


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """Columns of one table that refer to columns of another, both named ``schema.table``."""

    name: str
    from_table: str
    columns: tuple[str, ...]
    target_table: str
    target_columns: tuple[str, ...]
    description: str


@dataclass(frozen=True)
class Table:
    """One table: what is published of it and how it is kept.

    ``hidden`` columns are stored and never published. ``position`` names the columns of longitude and
    latitude (degrees, ICRS), ``region`` the column of STC-S text that the hidden geometry columns stand for.
    Queries pick single rows by each column of ``lookup``. Of a ``guarded`` table (``all`` or ``marked``)
    all rows, or those with an origin, are there only for those with the right to the data.
    """

    schema: str
    name: str
    description: str
    utype: str | None
    table_type: str
    index: int
    columns: tuple[Column, ...]
    hidden: tuple[Column, ...] = ()
    primary_key: tuple[str, ...] = ()
    sort_by: tuple[str, ...] = ()
    lookup: tuple[str, ...] = ()
    position: tuple[str, str] | None = None
    region: str | None = None
    guarded: str | None = None
    foreign_keys: tuple[ForeignKey, ...] = ()

    @property
    def qualified(self) -> str:
        """``schema.table``."""
        return f"{self.schema}.{self.name}"

    @property
    def adql_name(self) -> str:
        """``schema.table`` as a query writes it, each part in double quotes where it needs them."""
        return f"{quoted(self.schema)}.{quoted(self.name)}"

    @cached_property
    def _by_name(self) -> dict[str, Column]:
        every = (*self.hidden, *self.columns)
        # columns of users may differ in case only: the very spelling counts before the name in any case
        return {column.name.lower(): column for column in every} | {column.name: column for column in every}

    def column(self, name: str) -> Column:
        """The column of that very name, else of that name in any case, hidden ones too; raises KeyError."""
        found = self._by_name.get(name)
        return self._by_name[name.lower()] if found is None else found

    def has(self, name: str) -> bool:
        """Whether there is a column of that name in any case, hidden ones included."""
        return name in self._by_name or name.lower() in self._by_name

    @cached_property
    def made(self) -> Mapping[str, Column]:
        """The columns that are not for everybody what is stored under their names: computed, measured or
        restricted ones, by name."""
        return {
            column.name: column
            for column in self.columns
            if column.restricted or column.computed is not None or column.measured is not None
        }

    @cached_property
    def stored(self) -> tuple[Column, ...]:
        """The columns that the store keeps: published ones that are not computed, then hidden ones."""
        return (*(column for column in self.columns if column.computed is None), *self.hidden)

    @cached_property
    def listed(self) -> tuple[Column, ...]:
        """The columns that TAP_SCHEMA tells of, in its order, which is that of ``*``."""
        return tuple(column for column in self.columns if not column.unlisted)

    def arrow_schema(self) -> pa.Schema:
        """Arrow schema of the stored columns, in their order."""
        return pa.schema([column.arrow_field for column in self.stored])


@dataclass(frozen=True, slots=True)
class Schema:
    """One published schema and its tables in their suggested order."""

    name: str
    description: str
    utype: str | None
    index: int
    tables: tuple[Table, ...]


class Published(Mapping[str, Table]):
    """The published tables under their lower-case names ``schema.table``, in the suggested order.

    Tables that are stored but never published are in :attr:`storage` alone, so that nothing which resolves
    names against this mapping can reach them.
    """

    def __init__(self, schemas: tuple[Schema, ...], hidden: tuple[Table, ...] = ()) -> None:
        self.schemas = schemas
        self._tables = {table.qualified.lower(): table for schema in schemas for table in schema.tables}
        self._hidden = {table.qualified.lower(): table for table in hidden}

    def __getitem__(self, name: str) -> Table:
        return self._tables[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)

    @property
    def hidden(self) -> Mapping[str, Table]:
        """The tables that are stored and never published."""
        return dict(self._hidden)

    @property
    def storage(self) -> Mapping[str, Table]:
        """All tables that are stored: published and hidden ones."""
        return {**self._tables, **self._hidden}

    @property
    def foreign_keys(self) -> tuple[ForeignKey, ...]:
        """The foreign keys of all published tables."""
        return tuple(key for table in self._tables.values() for key in table.foreign_keys)


def quoted(name: str) -> str:
    """``name`` as ADQL writes it: plain where it is a regular identifier, else in double quotes."""
    if is_regular(name):
        return name
    return '"' + name.replace('"', '""') + '"'
