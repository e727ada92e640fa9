"""A snapshot in the making: the changes since the one before, in a directory beside it.

The draft starts as the former snapshot: its Parquet files are linked, its engine file is cloned. A change is
written to Parquet first and applied to the engine file from there, so that both hold the same, and its cost
goes by what changes and not by what there is. Three things keep the files in good order (:class:`Policy`):
a change that touches much of a table rewrites it, sorted; small changes that pile up are merged into one; an
engine file that has become mostly empty blocks is built anew from the Parquet files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from tap_schema import Table
from vo_service.store.disk import (
    clone_file,
    disk_errors,
    flush_directory,
    flush_file,
    link_file,
    remove_tree,
    write_durably,
)
from vo_service.store.engine_file import (
    create_table,
    free_share,
    index_lookups,
    open_for_writing,
    quoted,
    replay,
)
from vo_service.store.errors import StoreError
from vo_service.store.manifest import ENGINE_FILE, MANIFEST_FILE, Manifest, TableState
from vo_service.store.snapshot import Snapshot, schema_of, stream_rows
from vo_service.store.table_draft import Policy, TableDraft

_BATCH_ROWS = 50_000


class Draft:
    """The next snapshot while it is written. Made by ``Snapshots.draft``; used by one thread."""

    def __init__(
        self,
        directory: Path,
        base: Snapshot | None,
        tables: Mapping[str, Table],
        policy: Policy,
        run_id: str | None = None,
    ) -> None:
        self.base = base
        self.directory = directory
        self.run_id = run_id
        self._tables = tables
        self._policy = policy
        self._scratch = directory / "scratch"
        with disk_errors("starting a new snapshot"):
            self._scratch.mkdir(parents=True)
            if base is not None:
                clone_file(base.engine_file, directory / ENGINE_FILE)
                _link_parts(base, directory)
            self._connection = open_for_writing(directory / ENGINE_FILE, self._scratch, policy.memory_bytes)
            self._drafts = self._open_tables(dict(base.manifest.tables) if base else {})

    def change(
        self,
        table: str,
        *,
        delete: pa.Table | None = None,
        insert: Iterable[pa.RecordBatch] | pa.Table | pa.RecordBatch | None = None,
    ) -> None:
        """Remove the rows whose values are in ``delete`` (by its own columns), then add ``insert``.

        Rows have the stored columns of the table in any order. Many inserts may follow each other cheaply; a
        delete after an insert first sorts what was inserted, so deletes of a table best come before its
        inserts. Raises StoreError where rows do not fit, and whatever an iterator of rows raises.
        """
        found = self._draft_of(table)
        if delete is not None and delete.num_rows:
            with disk_errors(f"removing rows from {table}"):
                found.remove(delete)
        if insert is not None:
            found.add(insert)

    def replace(self, table: str, rows: pa.Table) -> None:
        """Make ``rows`` the whole contents of a table."""
        with disk_errors(f"writing {table}"):
            self._draft_of(table).replace(rows)

    def read(
        self,
        table: str,
        columns: Sequence[str] | None = None,
        where: str | None = None,
        params: Sequence[object] = (),
    ) -> pa.Table:
        """Rows of a table with the changes so far, as ``Snapshot.read``. Sorts in what was inserted."""
        with disk_errors(f"writing {table}"):
            self._draft_of(table).flush()
        batches = stream_rows(self._connection, self._tables, table, columns, where, params, _BATCH_ROWS)
        return pa.Table.from_batches(list(batches), schema=schema_of(self._tables, table, columns))

    def count_rows(self, table: str) -> int:
        """Number of rows of a table with the changes so far."""
        return self._draft_of(table).rows

    def seal(self, number: int, created: str, described: str) -> Manifest:
        """Finish all files and put them on the disk; afterwards the draft takes no more changes.

        ``described`` is the digest of what TAP_SCHEMA was filled from. Raises DuplicateKey when rows would
        share a primary key, DiskFull, StoreError.
        """
        with disk_errors("writing a snapshot"):
            for draft in self._drafts.values():
                draft.finish()
            states = {name: draft.state for name, draft in self._drafts.items()}
            for name, state in states.items():
                index_lookups(self._connection, self._tables[name], state.rows, self._policy.memory_bytes)
            self._connection.execute("CHECKPOINT")
            wasteful = free_share(self._connection) > self._policy.free_share
            self._connection.close()
            if wasteful:
                build_engine_file(self.directory, self._tables, states, self._policy)
            remove_tree(self._scratch)
            manifest = Manifest(number, created, described, states)
            write_durably(self.directory / MANIFEST_FILE, manifest.write())
            flush_file(self.directory / ENGINE_FILE)
            for name in states:
                flush_directory(self.directory / "tables" / name)
            flush_directory(self.directory / "tables")
            flush_directory(self.directory)
        return manifest

    def discard(self) -> None:
        """Close and remove everything; harmless after publishing."""
        for draft in self._drafts.values():
            draft.abandon()
        self._connection.close()
        remove_tree(self.directory)

    def _draft_of(self, table: str) -> TableDraft:
        found = self._drafts.get(table)
        if found is None:
            raise StoreError(f"there is no table {table}")
        return found

    def _open_tables(self, states: dict[str, TableState]) -> dict[str, TableDraft]:
        """A draft for every table of today; tables that exist no longer are dropped."""
        drafts = {
            name: TableDraft(
                table,
                states.pop(name, None),
                self.directory / "tables" / name,
                self._scratch,
                self._connection,
                self._policy,
            )
            for name, table in self._tables.items()
        }
        for name in states:
            self._connection.execute(f"DROP TABLE {quoted(*name.split('.', 1))}")
            remove_tree(self.directory / "tables" / name)
        return drafts


def build_engine_file(
    directory: Path, tables: Mapping[str, Table], states: Mapping[str, TableState], policy: Policy
) -> None:
    """Build the engine file of a snapshot from its Parquet files alone, and put it in place."""
    scratch = directory / "scratch"
    with disk_errors("building an engine file"):
        scratch.mkdir(exist_ok=True)
        fresh = scratch / ENGINE_FILE
        fresh.unlink(missing_ok=True)
        connection = open_for_writing(fresh, scratch, policy.memory_bytes)
        try:
            for name, state in states.items():
                create_table(connection, tables[name])
                replay(connection, tables[name], state, directory / "tables" / name)
                index_lookups(connection, tables[name], state.rows, policy.memory_bytes)
            connection.execute("CHECKPOINT")
        finally:
            connection.close()
        flush_file(fresh)
        fresh.replace(directory / ENGINE_FILE)
        flush_directory(directory)
        remove_tree(scratch)


def _link_parts(base: Snapshot, directory: Path) -> None:
    for name, state in base.manifest.tables.items():
        place = directory / "tables" / name
        place.mkdir(parents=True)
        for change in state.changes:
            for file in change.files:
                link_file(base.directory / "tables" / name / file, place / file)
