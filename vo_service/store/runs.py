"""The run log: what each ingest and harvest did, product by product, seen by all processes while it happens.

It lives in the catalogue, so that a run which never published leaves its traces too. With every snapshot the
runs since the one before are copied into ``holdings.run`` and ``holdings.run_product``.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import sqlalchemy as sa

from vo_service.store.catalogue import Catalogue
from vo_service.store.catalogue_tables import run, run_product
from vo_service.store.moments import plain_now
from vo_service.store.processes import Process, is_dead, this_process

COUNTS = ("product_count", "ok_count", "failed_count", "skipped_count", "row_count", "rejected_count")


@dataclass(frozen=True, slots=True)
class RunEntry:
    """What a run did with one product, or with one row of an archive table (``line`` counts from 1).

    ``state`` is ``ok failed skipped withdrawn``; ``path`` is relative to the root; ``duration`` in seconds.
    """

    root: str | None
    path: str | None
    state: str
    line: int | None = None
    product_id: str | None = None
    error_class: str | None = None
    error_message: str | None = None
    repair_count: int | None = None
    duration: float | None = None


class RunLog:
    """The runs in the catalogue. States of a run: ``running done failed interrupted``."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def start(self, kind: str, software: str) -> str:
        """Begin a run (``ingest`` or ``harvest``); returns its id, which sorts by time."""
        started = plain_now()
        run_id = f"{started:%Y%m%dt%H%M%S}-{uuid.uuid4().hex[:6]}"
        process = this_process()
        with self._catalogue.writing() as connection:
            connection.execute(
                sa.insert(run).values(
                    run_id=run_id,
                    kind=kind,
                    state="running",
                    started=started,
                    software=software,
                    host=process.host,
                    pid=process.pid,
                    process_started=process.started,
                )
            )
        return run_id

    def record(self, run_id: str, entries: Iterable[RunEntry]) -> None:
        """Append what happened to products; call it with many entries rather than often."""
        rows = [
            {"run_id": run_id, **{name: getattr(entry, name) for name in _ENTRY_FIELDS}} for entry in entries
        ]
        if rows:
            with self._catalogue.writing() as connection:
                connection.execute(sa.insert(run_product), rows)

    def count(self, run_id: str, **counts: int) -> None:
        """Set counts of a run, named as in ``COUNTS``."""
        unknown = set(counts) - set(COUNTS)
        if unknown:
            raise TypeError(f"no such count: {', '.join(sorted(unknown))}")
        with self._catalogue.writing() as connection:
            connection.execute(sa.update(run).where(run.c.run_id == run_id).values(**counts))

    def finish(self, run_id: str, state: str) -> None:
        """End a run that publishes nothing: ``done`` when there was nothing to do, else ``failed``."""
        with self._catalogue.writing() as connection:
            finish_run(connection, run_id, state, None, plain_now())

    def list_runs(self, limit: int | None = None) -> list[Mapping[str, object]]:
        """The runs, newest first, with the columns of the catalogue."""
        statement = sa.select(run).order_by(run.c.started.desc(), run.c.run_id.desc()).limit(limit)
        with self._catalogue.reading() as connection:
            return [dict(row) for row in connection.execute(statement).mappings()]

    def list_products(self, run_id: str, states: Sequence[str] = ()) -> list[Mapping[str, object]]:
        """What a run did, in the order in which it was recorded; only some ``states`` if given."""
        statement = sa.select(run_product).where(run_product.c.run_id == run_id).order_by(run_product.c.entry)
        if states:
            statement = statement.where(run_product.c.state.in_(states))
        with self._catalogue.reading() as connection:
            return [dict(row) for row in connection.execute(statement).mappings()]

    def list_appearances(self, product_id: str | None, root: str, path: str) -> list[Mapping[str, object]]:
        """What every run did with one product, or with the file at a place, oldest first; with ``kind``,
        ``started`` and ``snapshot`` of the run."""
        place = sa.and_(run_product.c.root == root, run_product.c.path == path)
        mine = place if product_id is None else sa.or_(place, run_product.c.product_id == product_id)
        return self._appearances(mine)

    def find_appearances(self, places: Collection[str]) -> list[Mapping[str, object]]:
        """The same by places: paths, or root and path with a ``/`` between."""
        whole = run_product.c.root + "/" + run_product.c.path
        return self._appearances(sa.or_(run_product.c.path.in_(places), whole.in_(places)))

    def _appearances(self, condition: sa.ColumnElement[bool]) -> list[Mapping[str, object]]:
        statement = (
            sa.select(run_product, run.c.kind, run.c.started, run.c.snapshot)
            .join(run, run.c.run_id == run_product.c.run_id)
            .where(condition)
            .order_by(run_product.c.entry)
        )
        with self._catalogue.reading() as connection:
            return [dict(row) for row in connection.execute(statement).mappings()]

    def mark_interrupted(self) -> list[str]:
        """Runs whose process has died become ``interrupted``; returns their ids."""
        with self._catalogue.writing() as connection:
            gone = [
                row.run_id
                for row in connection.execute(sa.select(run).where(run.c.state == "running")).all()
                if is_dead(Process(row.host, row.pid, row.process_started))
            ]
            for run_id in gone:
                finish_run(connection, run_id, "interrupted", None, plain_now())
        return gone


_ENTRY_FIELDS = tuple(RunEntry.__slots__)


def finish_run(
    connection: sa.Connection, run_id: str, state: str, snapshot: int | None, finished: datetime
) -> None:
    """Set the end of a run within a transaction."""
    connection.execute(
        sa.update(run).where(run.c.run_id == run_id).values(state=state, snapshot=snapshot, finished=finished)
    )


def run_tables(
    connection: sa.Connection,
    known: Iterable[str],
    finishing: str | None,
    snapshot: int,
    schemas: Sequence[pa.Schema],
) -> tuple[pa.Table, pa.Table]:
    """Rows for ``holdings.run`` and ``holdings.run_product`` of the ended runs that are not ``known`` yet.

    ``finishing`` is the run whose snapshot is about to be published; it appears as done in ``snapshot``.
    ``schemas`` are the Arrow schemas of the two tables.
    """
    listed = set(known)
    runs, entries = [], []
    for row in connection.execute(sa.select(run).order_by(run.c.run_id)).mappings():
        if row["run_id"] in listed or (row["state"] == "running" and row["run_id"] != finishing):
            continue
        record = dict(row)
        if row["run_id"] == finishing:
            record.update(state="done", snapshot=snapshot, finished=plain_now())
        runs.append({name: record[name] for name in schemas[0].names})
        found = connection.execute(
            sa.select(run_product).where(run_product.c.run_id == row["run_id"]).order_by(run_product.c.entry)
        )
        entries.append(
            pa.Table.from_pylist(
                [{name: entry[name] for name in schemas[1].names} for entry in found.mappings()],
                schema=schemas[1],
            )
        )
    return (
        pa.Table.from_pylist(runs, schema=schemas[0]),
        pa.concat_tables(entries) if entries else schemas[1].empty_table(),
    )
