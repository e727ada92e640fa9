"""What this archive publishes: schemas, tables and columns as data, and the one loader that hands them out.

The YAML files beside this module are Felis documents, one a schema; ``storage.yaml`` adds how the tables are
kept. Everybody else takes names, types, units, UCDs, utypes and descriptions from :func:`published`.
"""

from tap_schema.lint import Finding, lint
from tap_schema.loader import SchemaError, load, published
from tap_schema.model import Column, ForeignKey, Published, Schema, Table
from tap_schema.rows import tap_schema_rows

__all__ = [
    "Column",
    "Finding",
    "ForeignKey",
    "Published",
    "Schema",
    "SchemaError",
    "Table",
    "lint",
    "load",
    "published",
    "tap_schema_rows",
]
