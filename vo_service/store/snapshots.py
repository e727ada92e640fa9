"""The numbered snapshots under HOME: read the current one, write the next one beside it, flip.

Nothing that readers see is ever changed. The next snapshot is written into a draft directory; its files are
on the disk before the directory gets its number; then one UPDATE moves the pointer in the catalogue, where
it still points at the snapshot that the draft was made from. A writer killed at any moment leaves either the
old state or the new one, and at most a directory that the next writer sweeps away.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import sqlalchemy as sa

from tap_schema import Published, Table, published, tap_schema_rows
from vo_service.store.catalogue import Catalogue
from vo_service.store.catalogue_tables import CURRENT, pointer
from vo_service.store.catalogue_tables import snapshot as snapshot_table
from vo_service.store.disk import disk_errors, flush_directory, remove_tree
from vo_service.store.draft import Draft, build_engine_file
from vo_service.store.errors import CatalogueError, SnapshotConflict, StoreError
from vo_service.store.leases import Leases, leased_numbers, void_dead_leases
from vo_service.store.lock import hold_writer_lock
from vo_service.store.manifest import read_manifest
from vo_service.store.mirror import Mirror
from vo_service.store.moments import plain_now
from vo_service.store.pointer import Pointer
from vo_service.store.runs import RunLog, finish_run, run_tables
from vo_service.store.snapshot import Snapshot
from vo_service.store.table_draft import Policy

_DRAFT_PREFIX = ".draft-"


class Snapshots:
    """All snapshots of one home directory. Safe for several threads; each process makes its own.

    What is published is copied to ``mirror`` first, and what is dropped is dropped there as well.
    """

    def __init__(
        self,
        home: Path,
        catalogue: Catalogue,
        tables: Published | None = None,
        policy: Policy = Policy(),  # noqa: B008 - immutable
        mirror: Mirror | None = None,
    ) -> None:
        self._home = home
        self._directory = home / "snapshots"
        self._catalogue = catalogue
        self._published = tables if tables is not None else published()
        self._policy = policy
        self._mirror = mirror
        self._leases = Leases(catalogue)
        self._pointer = Pointer(catalogue)
        self._writing = False
        self._described: str | None = None
        with disk_errors("preparing the home directory"):
            self._directory.mkdir(parents=True, exist_ok=True)

    @property
    def tables(self) -> Mapping[str, Table]:
        """All tables that are stored, hidden ones too."""
        return self._published.storage

    def close(self) -> None:
        """Stop renewing leases, and let go of the catalogue."""
        self._leases.close()
        self._pointer.close()

    def current_number(self) -> int | None:
        """Number of the current snapshot, None before the first."""
        return self._pointer.number()

    def current(self) -> Snapshot | None:
        """The current snapshot, None before the first. Hold a :meth:`lease` to read from it for longer."""
        number = self.current_number()
        return None if number is None else self.at(number)

    def at(self, number: int) -> Snapshot:
        """The snapshot with that number; raises StoreError when its directory is missing or damaged."""
        directory = self._place(number)
        if not directory.is_dir():
            raise StoreError(f"snapshot {number} has no directory snapshots/{directory.name}")
        return Snapshot(number, directory, read_manifest(directory), self.tables)

    @contextmanager
    def lease(self) -> Iterator[Snapshot | None]:
        """The current snapshot, which cannot be dropped for the block; None where there is none."""
        with self._leases.current() as leased:
            yield None if leased is None else self.at(leased)

    @contextmanager
    def writer(self, holder: str, wait: float) -> Iterator[None]:
        """Be the only writer for the block, and clear away what killed writers left.

        ``holder`` is the command as a person would name it. Raises WriterBusy when somebody else still writes
        after ``wait`` seconds.
        """
        with hold_writer_lock(self._home / "writer.lock", holder, wait):
            self._sweep()
            RunLog(self._catalogue).mark_interrupted()
            self._writing = True
            try:
                yield
            finally:
                self._writing = False

    def draft(self, run_id: str | None = None) -> Draft:
        """Start the next snapshot from the current one; only within :meth:`writer`.

        ``run_id`` names the run in the run log that is done when the draft is published. Whoever does not
        publish the draft discards it.
        """
        if not self._writing:
            raise StoreError("a draft can only be started by the holder of the writer lock")
        place = self._directory / f"{_DRAFT_PREFIX}{uuid.uuid4().hex[:12]}"
        try:
            return Draft(place, self.current(), self.tables, self._policy, run_id)
        except BaseException:
            remove_tree(place)
            raise

    def publish(self, draft: Draft, after: Snapshot | None) -> Snapshot:
        """Make the draft the current snapshot.

        ``after`` is the snapshot that must still be current. The mirror has the snapshot before anybody is
        sent to it. Raises SnapshotConflict when another one is current, DuplicateKey, DiskFull, StoreError;
        then nothing has changed and the draft is gone.
        """
        expected = after.number if after else None
        number = self._next_number()
        place = self._place(number)
        renamed = False
        try:
            self._describe(draft)
            self._copy_runs(draft, number)
            draft.seal(number, plain_now().isoformat(timespec="seconds") + "Z", self._digest())
            with disk_errors("publishing a snapshot"):
                if place.exists():
                    raise SnapshotConflict(expected, self.current_number())
                draft.directory.rename(place)
                renamed = True
                flush_directory(self._directory)
            if self._mirror is not None:
                self._mirror.load(self.at(number))
            self._flip(expected, number, draft.run_id)
        except BaseException:
            draft.discard()
            with suppress(CatalogueError):  # else the next writer sweeps it away
                if renamed and self.current_number() != number:
                    remove_tree(place)
            raise
        return self.at(number)

    def is_outdated(self, snapshot: Snapshot) -> bool:
        """Whether a snapshot is of another version of this software: it lacks what is stored today, or its
        TAP_SCHEMA describes something else than what is published."""
        return bool(snapshot.lacks) or snapshot.manifest.described != self._digest()

    def prune(self, keep: int) -> list[int]:
        """Drop all but the newest ``keep`` snapshots and those in use; returns what was dropped."""
        with self._catalogue.writing() as connection:
            void_dead_leases(connection)
            current = connection.scalar(CURRENT.with_for_update())
            numbers = list(
                connection.scalars(
                    sa.select(snapshot_table.c.number)
                    .where(snapshot_table.c.state == "published")
                    .order_by(snapshot_table.c.number.desc())
                )
            )
            needed = {*numbers[: max(keep, 1)], *leased_numbers(connection), current}
            dropped = [number for number in numbers if number not in needed]
            connection.execute(
                sa.update(snapshot_table).where(snapshot_table.c.number.in_(dropped)).values(state="dropped")
            )
        for number in dropped:
            remove_tree(self._place(number))
        if self._mirror is not None:
            left = (number for number in numbers if number not in dropped)
            self._mirror.keep([self.at(number) for number in left if self._place(number).is_dir()])
        return dropped

    def rebuild(self, number: int) -> None:
        """Build the engine file of a snapshot anew from its Parquet files alone.

        Raises StoreError, as for a snapshot that another version of this software made.
        """
        snapshot = self.at(number)
        if snapshot.lacks:
            raise StoreError(f"snapshot {number} is of another version: it has no {snapshot.lacks[0]}")
        build_engine_file(snapshot.directory, self.tables, snapshot.manifest.tables, self._policy)

    def _place(self, number: int) -> Path:
        return self._directory / f"{number:06d}"

    def _next_number(self) -> int:
        with self._catalogue.reading() as connection:
            last = connection.scalar(sa.select(sa.func.max(snapshot_table.c.number)))
        return (last or 0) + 1

    def _sweep(self) -> None:
        """Remove drafts of killed writers and snapshots that never were, or no longer are, published."""
        with self._catalogue.reading() as connection:
            known = set(
                connection.scalars(
                    sa.select(snapshot_table.c.number).where(snapshot_table.c.state == "published")
                )
            )
        for place in self._directory.iterdir():
            is_snapshot = place.name.isdigit() and int(place.name) in known
            if not is_snapshot and (place.name.isdigit() or place.name.startswith(_DRAFT_PREFIX)):
                remove_tree(place)

    def _describe(self, draft: Draft) -> None:
        """Fill TAP_SCHEMA from what is published, where that differs from what the base had."""
        base = draft.base
        if base is not None and base.manifest.described == self._digest():
            return
        if "tap_schema.schemas" in self.tables:
            for name, rows in tap_schema_rows(self._published).items():
                draft.replace(name, rows)

    def _digest(self) -> str:
        """What a snapshot has whose TAP_SCHEMA says what is published now: a digest of those rows, whatever
        they are made from."""
        if self._described is None:
            rows = tap_schema_rows(self._published) if "tap_schema.schemas" in self.tables else {}
            told = repr([(name, rows[name].to_pylist()) for name in sorted(rows)])
            self._described = hashlib.blake2b(told.encode(), digest_size=16).hexdigest()
        return self._described

    def _copy_runs(self, draft: Draft, number: int) -> None:
        if "holdings.run" not in self.tables:
            return
        known = draft.read("holdings.run", ["run_id"])["run_id"].to_pylist()
        schemas = [self.tables[name].arrow_schema() for name in ("holdings.run", "holdings.run_product")]
        with self._catalogue.reading() as connection:
            runs, products = run_tables(connection, known, draft.run_id, number, schemas)
        draft.change("holdings.run", insert=runs)
        draft.change("holdings.run_product", insert=products)

    def _flip(self, expected: int | None, number: int, run_id: str | None) -> None:
        unmoved = pointer.c.number.is_(None) if expected is None else pointer.c.number == expected
        with self._catalogue.writing() as connection:
            moved = connection.execute(
                sa.update(pointer).where(pointer.c.name == "current", unmoved).values(number=number)
            )
            if moved.rowcount == 0:
                raise SnapshotConflict(expected, connection.scalar(CURRENT))
            connection.execute(
                sa.insert(snapshot_table).values(
                    number=number, state="published", created=plain_now().isoformat(timespec="seconds") + "Z"
                )
            )
            if run_id is not None:
                finish_run(connection, run_id, "done", number, plain_now())
