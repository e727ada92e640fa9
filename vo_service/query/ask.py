"""From a question to an answer: parse, resolve, plan, write, probe the footprints, run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from tap_schema import Column, published
from vo_service.access import column_sources
from vo_service.adql import Plan, Probe, parse, plan_query, resolve, write
from vo_service.engines import Engine, Limits, Statement
from vo_service.query.model import Answer, Context, Question
from vo_service.sky import parse_region
from vo_service.store import Snapshot


@contextmanager
def ask(question: Question, context: Context, snapshot: Snapshot, engine: Engine) -> Iterator[Answer]:
    """The answer to ``question`` on ``snapshot``; leaving the context ends the query.

    Raises AdqlError for a question that is none, EngineError for one that cannot be answered.
    """
    limit = None if question.maxrec is None else question.maxrec + 1
    plan = plan_query(resolve(parse(question.adql, question.version), published()), limit)
    if question.maxrec == 0:
        yield Answer(plan.columns, iter(()), question, snapshot.number, plan.warnings, cancel=lambda: None)
        return
    with engine.run(_statement(plan, context, engine), context.limits) as batches:
        typed = _as_declared(batches.stream, plan.columns)
        yield Answer(plan.columns, typed, question, snapshot.number, plan.warnings, batches.cancel)


def _statement(plan: Plan, context: Context, engine: Engine) -> Statement:
    """The plan in the engine's words, with the footprints that passed its probes."""
    sources = column_sources(published(), context.viewer, context.rights, context.now, context.base_url)
    written = write(plan, engine.dialect, sources)
    passed = {probe.name: _run_probe(probe, engine, context.limits) for probe in written.probes}
    return Statement(written.sql, tables=passed)


def _run_probe(probe: Probe, engine: Engine, limits: Limits) -> pa.Table:
    """The footprints that pass: those whose caps decide it, and those that the exact test lets pass."""
    ids: list[int] = []
    with engine.run(Statement(probe.sql, probe.parameters), limits) as candidates:
        for batch in candidates.stream:
            columns = batch.to_pydict()
            for footprint, region, decisive in zip(
                columns["footprint_id"], columns["region"], columns["decisive"], strict=True
            ):
                if decisive or probe.passes(parse_region(region)):
                    ids.append(footprint)
    return pa.table({"footprint_id": pa.array(ids, pa.int64())})


def _as_declared(batches: Iterator[pa.RecordBatch], columns: tuple[Column, ...]) -> Iterator[pa.RecordBatch]:
    """Batches with exactly the types and names that the columns declare."""
    names = [column.name for column in columns]
    types = [column.arrow_type for column in columns]
    for batch in batches:
        arrays = [a if a.type == t else a.cast(t) for a, t in zip(batch.columns, types, strict=True)]
        yield pa.RecordBatch.from_arrays(arrays, names=names)
