"""Tables in VODataService's words (VODataService 1.1/1.2, as VOSI 1.1 section 3.3 uses them).

vo-models has such classes too, but theirs know neither ``extendedType`` (where an xtype belongs) nor ``std``,
and escape descriptions twice; these are written for what :mod:`tap_schema` says.
"""

from __future__ import annotations

from pydantic_xml import BaseXmlModel, attr, element

NAMESPACES = {
    "": "",
    "vosi": "http://www.ivoa.net/xml/VOSITables/v1.0",
    "vr": "http://www.ivoa.net/xml/VOResource/v1.0",
    "vs": "http://www.ivoa.net/xml/VODataService/v1.1",
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
}

# The document element is qualified and everything below it is not (VOSI-030): hence ns="" on each child.


class DataTypeElement(BaseXmlModel, tag="dataType", nsmap=NAMESPACES):
    """A VOTable data type."""

    type: str = attr(name="type", ns="xsi", default="vs:VOTableType")
    arraysize: str | None = attr(name="arraysize", default=None)
    extended_type: str | None = attr(name="extendedType", default=None)
    value: str


class ColumnElement(BaseXmlModel, tag="column", nsmap=NAMESPACES):
    """One column."""

    std: bool | None = attr(name="std", default=None)
    name: str = element(tag="name", ns="")
    description: str = element(tag="description", ns="")
    unit: str | None = element(tag="unit", ns="", default=None)
    ucd: str | None = element(tag="ucd", ns="", default=None)
    utype: str | None = element(tag="utype", ns="", default=None)
    data_type: DataTypeElement = element(tag="dataType", ns="")
    flags: list[str] = element(tag="flag", ns="", default_factory=list)


class KeyColumnElement(BaseXmlModel, tag="fkColumn", nsmap=NAMESPACES):
    """A pair of columns that a foreign key joins."""

    from_column: str = element(tag="fromColumn", ns="")
    target_column: str = element(tag="targetColumn", ns="")


class ForeignKeyElement(BaseXmlModel, tag="foreignKey", nsmap=NAMESPACES):
    """A foreign key."""

    target_table: str = element(tag="targetTable", ns="")
    columns: list[KeyColumnElement] = element(tag="fkColumn", ns="")
    description: str | None = element(tag="description", ns="", default=None)


class TableFields(BaseXmlModel, nsmap=NAMESPACES):
    """The content of a table, whatever the element is called."""

    type: str = attr(name="type")
    name: str = element(tag="name", ns="")
    description: str = element(tag="description", ns="")
    utype: str | None = element(tag="utype", ns="", default=None)
    columns: list[ColumnElement] = element(tag="column", ns="", default_factory=list)
    foreign_keys: list[ForeignKeyElement] = element(tag="foreignKey", ns="", default_factory=list)


class TableElement(TableFields, tag="table", nsmap=NAMESPACES):
    """A table inside a schema."""


class TableDocument(TableFields, tag="table", ns="vosi", nsmap=NAMESPACES):
    """A document of one table."""


class SchemaElement(BaseXmlModel, tag="schema", nsmap=NAMESPACES):
    """A schema and its tables."""

    name: str = element(tag="name", ns="")
    description: str = element(tag="description", ns="")
    utype: str | None = element(tag="utype", ns="", default=None)
    tables: list[TableElement] = element(tag="table", ns="", default_factory=list)


class TableSetDocument(BaseXmlModel, tag="tableset", ns="vosi", nsmap=NAMESPACES):
    """A document of all schemas."""

    schemas: list[SchemaElement] = element(tag="schema", ns="")


class TableSetElement(BaseXmlModel, tag="tableset", ns="", nsmap=NAMESPACES):
    """The same inside a record."""

    schemas: list[SchemaElement] = element(tag="schema", ns="")
