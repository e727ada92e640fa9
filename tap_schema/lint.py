"""Rules that every published table keeps, beyond what the loader insists on.

Findings are values, never raised.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from tap_schema.model import Column, Published, Table

_UCD = re.compile(r"[A-Za-z0-9_.:;-]+\Z")
_ARRAYSIZE = re.compile(r"(\d+x)*(\d+\*?|\*)\Z")
_LONGEST_NAME = 64
RIGHTS = ("origin", "obs_release_date")
"""Columns by which the right to what was measured from pixels is told."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that a table or column breaks: where, and what is wrong."""

    place: str
    message: str


def lint(published: Published) -> list[Finding]:
    """All findings over the published tables; an empty list means that all is well."""
    findings = [*_check_unique_names(published), *_check_radio(published)]
    for table in published.values():
        findings += _check_table(table)
    for table in published.storage.values():
        for column in (*table.columns, *table.hidden):
            findings += _check_column(table, column)
    return findings


def _check_unique_names(published: Published) -> Iterator[Finding]:
    tables = Counter(table.qualified.lower() for schema in published.schemas for table in schema.tables)
    for name in (name for name, count in tables.items() if count > 1):
        yield Finding(name, "is published twice")
    keys = Counter(key.name for key in published.foreign_keys)
    for name in (name for name, count in keys.items() if count > 1):
        yield Finding(name, "names two foreign keys")
    for table in published.storage.values():
        columns = Counter(column.name.lower() for column in (*table.columns, *table.hidden))
        for name in (name for name, count in columns.items() if count > 1):
            yield Finding(f"{table.qualified}.{name}", "stands twice in its table")


def _check_radio(published: Published) -> Iterator[Finding]:
    """The radio extension shares one column with ObsCore, so that NATURAL JOIN works (RAD-002, RAD-004)."""
    if "ivoa.obscore" not in published or "ivoa.obscore_radio" not in published:
        return
    core, radio = (
        {column.name.lower() for column in published[name].columns}
        for name in ("ivoa.obscore", "ivoa.obscore_radio")
    )
    if core & radio != {"obs_publisher_did"}:
        shared = ", ".join(sorted(core & radio))
        yield Finding("ivoa.obscore_radio", f"shares {shared} with ivoa.obscore, should be obs_publisher_did")


def _check_table(table: Table) -> Iterator[Finding]:
    if not any(column.principal for column in table.columns):
        yield Finding(table.qualified, "has no principal column")
    for name in (*table.primary_key, *table.sort_by):
        if not any(name == column.name for column in table.stored):
            yield Finding(f"{table.qualified}.{name}", "is a key or sort column that is not stored")
    if table.guarded or any(column.restricted or column.measured for column in table.columns):
        for name in RIGHTS:
            if not any(name == column.name for column in table.stored):
                yield Finding(
                    table.qualified, f"is measured from pixels and has no {name} to tell the rights by"
                )
    for column in table.columns:
        if column.name.startswith("_"):
            yield Finding(
                f"{table.qualified}.{column.name}", "is published under the name of a hidden column"
            )
    for column in table.hidden:
        if not column.name.startswith("_"):
            yield Finding(f"{table.qualified}.{column.name}", "is hidden, its name should begin with _")


def _check_column(table: Table, column: Column) -> Iterator[Finding]:
    place = f"{table.qualified}.{column.name}"
    if not column.description.isascii() or re.search(r"<\w", column.description):
        yield Finding(place, "description should be plain ASCII text without markup")
    if len(column.name) > _LONGEST_NAME:
        yield Finding(place, f"name is longer than {_LONGEST_NAME} characters")
    if column.arraysize is not None and not _ARRAYSIZE.match(column.arraysize):
        yield Finding(place, f"array size {column.arraysize!r} is not VOTable's (VOT-035)")
    if column.arraysize == "1":
        yield Finding(place, "array size 1 is read differently by clients (VOT-036)")
    if column.ucd is not None and not _UCD.match(column.ucd):
        yield Finding(place, f"UCD {column.ucd!r} holds a character it may not (VOT-042)")
    if column.unit is not None and " " in column.unit:
        yield Finding(place, f"unit {column.unit!r} holds a blank (VOT-041)")
    if column.unit is not None and (column.xtype == "adql:REGION" or column.name.lower() == "s_region"):
        yield Finding(place, "a region has no unit (taplint)")
    if column.xtype == "timestamp" and (column.datatype, column.arraysize) != ("char", "*"):
        yield Finding(place, "a timestamp is char * (DALI)")
