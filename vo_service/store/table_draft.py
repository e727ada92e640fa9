"""One table of a draft: its Parquet files and its copy in the engine file, changed together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import pyarrow as pa

from tap_schema import Table
from vo_service.store.disk import disk_errors, flush_file
from vo_service.store.engine_file import (
    check_keys,
    create_table,
    delete_removed,
    duckdb_type,
    insert_rows,
    key_names,
    literal,
    name_of,
    quoted,
    removed_rows,
)
from vo_service.store.manifest import Change, TableState, column_types
from vo_service.store.sorting import Runs, read_part, write_merged
from vo_service.store.staging import fit_rows, write_keys

_BATCH_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Policy:
    """When files are put in order again, and how much memory a writer may take (DuckDB; a run of a sort).

    ``rewrite_share``: share of a table's rows that may lie outside its sorted part; ``longest_tail``: number
    of small changes after it; ``free_share``: share of empty blocks in the engine file.
    """

    memory_bytes: int = 256 << 20
    run_bytes: int = 20 << 20
    rewrite_share: float = 0.25
    longest_tail: int = 16
    free_share: float = 0.5


class TableDraft:
    """A table while it is changed. ``place`` is the directory of its Parquet files, ``scratch`` one for files
    that do not stay."""

    def __init__(
        self,
        table: Table,
        state: TableState | None,
        place: Path,
        scratch: Path,
        connection: duckdb.DuckDBPyConnection,
        policy: Policy,
    ) -> None:
        self.table = table
        self.state = state or TableState(columns=column_types(table))
        self._place = place
        self._scratch = scratch
        self._connection = connection
        self._policy = policy
        self._schema = table.arrow_schema()
        self._staged = Runs(table.sort_by, scratch, policy.run_bytes)
        self._new_parts: list[Path] = []
        if state is None:
            place.mkdir(parents=True, exist_ok=True)
            create_table(connection, table)
        elif state.columns != column_types(table):
            self._carry_over()

    @property
    def rows(self) -> int:
        """Number of rows with the changes so far."""
        return self.state.rows + self._staged.rows

    def add(self, rows: Iterable[pa.RecordBatch] | pa.Table | pa.RecordBatch) -> None:
        """Stage rows; they are sorted in with the next :meth:`flush`."""
        batches = (rows,) if isinstance(rows, pa.Table | pa.RecordBatch) else rows
        for batch in batches:
            with disk_errors(f"writing rows of {self.table.qualified}"):
                self._staged.append(fit_rows(batch, self.table, self._schema))

    def remove(self, keys: pa.Table) -> None:
        """Remove the rows whose values are in ``keys``, staged ones too."""
        self.flush()
        number = self.state.next_number
        path = self._place / f"removed-{number:06d}.parquet"
        write_keys(keys, self.table, path)
        dropped = delete_removed(self._connection, self.table, tuple(keys.schema.names), path)
        if dropped == 0:
            path.unlink()
            return
        flush_file(path)
        self.state = self.state.followed_by(Change(number, removed=(path.name,), dropped=dropped))

    def replace(self, rows: pa.Table) -> None:
        """Make ``rows`` the whole contents."""
        self.abandon()
        self._unlink(self.state.changes)
        self.state = self.state.rewritten_as(Change(self.state.next_number))
        self.add(rows)
        self._rewrite()

    def flush(self) -> None:
        """Bring staged rows into the table: appended when they are few, else with a rewrite of the table."""
        added = self._staged.rows
        if added == 0:
            return
        if not self.state.changes or added + self._loose_rows() > self._policy.rewrite_share * self.rows:
            self._rewrite()
            return
        part = self._place_part()
        self._load(self._merged(self._staged.streams(), part), part)
        self._new_parts.append(part)
        self.state = self.state.followed_by(Change(self.state.next_number, part.name, added))
        self._staged.clear()

    def finish(self) -> None:
        """Flush, check the primary key of what is new, and put the files in order.

        Raises DuplicateKey.
        """
        self.flush()
        if self.table.primary_key and self._new_parts:
            check_keys(self._connection, self.table, self._new_parts)
        if self._loose_rows() > self._policy.rewrite_share * max(self.state.rows, 1):
            self._rewrite()
        elif len(self.state.tail) > self._policy.longest_tail:
            self._merge_tail()

    def abandon(self) -> None:
        """Forget the staged rows."""
        self._staged.clear()

    def _loose_rows(self) -> int:
        return sum(change.added + change.dropped for change in self.state.tail)

    def _rewrite(self) -> None:
        """Write the table whole and sorted, staged rows included, and load it anew."""
        rows = self.rows
        streams = [*self._remaining(self.state.changes), *self._staged.streams()]
        part = self._place_part() if rows else None
        create_table(self._connection, self.table)
        if part is not None:
            self._load(self._merged(streams, part), part)
        self._unlink(self.state.changes)
        whole = Change(self.state.next_number, part.name if part else None, rows)
        self.state = self.state.rewritten_as(whole)
        self._new_parts = [part] if part else []
        self._staged.clear()

    def _remaining(self, changes: Sequence[Change]) -> list[Iterator[pa.RecordBatch]]:
        """The rows that ``changes`` leave of their own parts, each part a sorted stream."""
        streams = []
        for index, change in enumerate(changes):
            if change.part is not None:
                later = [self._place / name for other in changes[index + 1 :] for name in other.removed]
                part = self._place / change.part
                streams.append(read_part(part, removed_rows(self._connection, part, later)))
        return streams

    def _place_part(self) -> Path:
        return self._place / f"part-{self.state.next_number:06d}.parquet"

    def _merged(self, streams: Sequence[Iterator[pa.RecordBatch]], part: Path) -> Iterator[pa.RecordBatch]:
        """The rows of the sorted streams, each once it stands in the Parquet file ``part``."""
        return write_merged(streams, self.table.sort_by, self._schema, part)

    def _load(self, rows: Iterator[pa.RecordBatch], part: Path) -> None:
        insert_rows(self._connection, self.table, rows)
        flush_file(part)

    def _carry_over(self) -> None:
        """Rows of a former version's table in the present columns; new columns are null."""
        known = {name for name, _ in self.state.columns}
        columns = ", ".join(
            quoted(one.name)
            if one.name in known
            else f"CAST(NULL AS {duckdb_type(one.arrow_type)}) AS {quoted(one.name)}"
            for one in self.table.stored
        )
        former = self._connection.sql(f"SELECT {columns} FROM {name_of(self.table)}")
        self.add(former.to_arrow_reader(_BATCH_ROWS))
        self._unlink(self.state.changes)
        empty = Change(self.state.next_number)
        self.state = replace(self.state, columns=column_types(self.table)).rewritten_as(empty)
        self._rewrite()

    def _merge_tail(self) -> None:
        """Make one change of all those after the first; the engine file holds the same rows already."""
        tail = self.state.tail
        number = self.state.next_number
        streams = self._remaining(tail)
        part = self._place_part()
        added = sum(batch.num_rows for batch in self._merged(streams, part))
        if added:
            flush_file(part)
        else:
            part.unlink()
        removed = self._merge_removed(tail, number)
        dropped = added - sum(change.added - change.dropped for change in tail)
        merged = Change(number, part.name if added else None, added, removed, dropped)
        self._unlink(tail)
        self.state = self.state.rewritten_as(self.state.changes[0], merged)

    def _merge_removed(self, tail: Sequence[Change], number: int) -> tuple[str, ...]:
        """One file of removed keys for each set of key columns."""
        groups: dict[tuple[str, ...], list[str]] = {}
        for name in (name for change in tail for name in change.removed):
            path = self._place / name
            groups.setdefault(key_names(self._connection, path), []).append(literal(path))
        files = []
        for index, (keys, sources) in enumerate(groups.items()):
            path = self._place / f"removed-{number:06d}-{index}.parquet"
            columns = ", ".join(quoted(key) for key in keys)
            self._connection.execute(
                f"COPY (SELECT DISTINCT {columns} FROM read_parquet([{', '.join(sources)}])) "
                f"TO {literal(path)} (FORMAT parquet, COMPRESSION zstd)"
            )
            flush_file(path)
            files.append(path.name)
        return tuple(files)

    def _unlink(self, changes: Iterable[Change]) -> None:
        for change in changes:
            for name in change.files:
                (self._place / name).unlink()
