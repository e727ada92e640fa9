"""What a snapshot consists of: for each table the Parquet files in the order in which they take effect.

The rows of a table are what remains when its changes are replayed in order: a change first removes the rows
whose keys are in one of its ``removed`` files, then adds the rows of its ``part``. Files are immutable, so a
snapshot shares with the one before all that did not change.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from tap_schema import Table
from vo_service.store.errors import StoreError

FORMAT = 1
MANIFEST_FILE = "manifest.json"
ENGINE_FILE = "snapshot.duckdb"


@dataclass(frozen=True, slots=True)
class Change:
    """One step in the life of a table; ``added`` and ``dropped`` count rows. Names are of files in the
    directory of the table."""

    number: int
    part: str | None = None
    added: int = 0
    removed: tuple[str, ...] = ()
    dropped: int = 0

    @property
    def files(self) -> tuple[str, ...]:
        """All files of this change."""
        return (*self.removed, *([self.part] if self.part else ()))


@dataclass(frozen=True, slots=True)
class TableState:
    """A table in a snapshot: its columns (name and Arrow type as text) and its changes, oldest first."""

    columns: tuple[tuple[str, str], ...]
    changes: tuple[Change, ...] = ()
    next_number: int = 1

    @property
    def rows(self) -> int:
        """Number of rows after the last change."""
        return sum(change.added - change.dropped for change in self.changes)

    @property
    def tail(self) -> tuple[Change, ...]:
        """The changes since the table was last written whole."""
        return self.changes[1:]

    def followed_by(self, change: Change) -> Self:
        """The state after one more change."""
        return replace(self, changes=(*self.changes, change), next_number=change.number + 1)

    def rewritten_as(self, *changes: Change) -> Self:
        """The same rows in other files."""
        return replace(self, changes=changes, next_number=changes[-1].number + 1)


@dataclass(frozen=True, slots=True)
class Manifest:
    """The contents of ``manifest.json``. ``described`` is a digest of what TAP_SCHEMA was filled from."""

    number: int
    created: str
    described: str
    tables: Mapping[str, TableState] = field(default_factory=dict)

    def write(self) -> str:
        """The manifest as JSON text."""
        document = {
            "format": FORMAT,
            "number": self.number,
            "created": self.created,
            "described": self.described,
            "tables": {name: _write_state(state) for name, state in self.tables.items()},
        }
        return json.dumps(document, indent=1) + "\n"


def read_manifest(directory: Path) -> Manifest:
    """The manifest of a snapshot; raises StoreError when it is missing, damaged or of another format."""
    place = f"snapshots/{directory.name}/{MANIFEST_FILE}"
    try:
        document = json.loads((directory / MANIFEST_FILE).read_text(encoding="utf-8"))
    except OSError as error:
        raise StoreError(f"{place}: {error.strerror}") from error
    except ValueError as error:
        raise StoreError(f"{place} is damaged: {error}") from error
    if document.get("format") != FORMAT:
        raise StoreError(
            f"{place} has format {document.get('format')}, this version of vo-service reads {FORMAT}"
        )
    return Manifest(
        number=document["number"],
        created=document["created"],
        described=document["described"],
        tables={name: _read_state(content) for name, content in document["tables"].items()},
    )


def column_types(table: Table) -> tuple[tuple[str, str], ...]:
    """Names and Arrow types of the stored columns of a table, as the manifest keeps them."""
    return tuple((column.name, str(column.arrow_type)) for column in table.stored)


def lacking(table: Table, held: Mapping[str, str] | None) -> Iterator[str]:
    """Which of the stored columns of a table are not among those ``held`` (name and Arrow type), in full; the
    table itself where it is not there at all."""
    if held is None:
        yield table.qualified
        return
    for name, kind in column_types(table):
        if held.get(name) != kind:
            yield f"{table.qualified}.{name}"


def _write_state(state: TableState) -> dict[str, Any]:
    return {
        "rows": state.rows,
        "next_number": state.next_number,
        "columns": [list(column) for column in state.columns],
        "changes": [
            {
                "number": change.number,
                "part": change.part,
                "added": change.added,
                "removed": list(change.removed),
                "dropped": change.dropped,
            }
            for change in state.changes
        ],
    }


def _read_state(content: Mapping[str, Any]) -> TableState:
    return TableState(
        columns=tuple((name, kind) for name, kind in content["columns"]),
        changes=tuple(
            Change(one["number"], one["part"], one["added"], tuple(one["removed"]), one["dropped"])
            for one in content["changes"]
        ),
        next_number=content["next_number"],
    )
