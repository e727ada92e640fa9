"""From a question to an answer: parse, resolve, plan, write, probe the footprints, run."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

import pyarrow as pa

from tap_schema import Column, published
from vo_service.access import ColumnSources
from vo_service.adql import Plan, Probe, Written, parse, plan_query, resolve, write
from vo_service.engines import Engine, Limits, QueryFailed, Statement
from vo_service.query.model import Answer, Context, Question
from vo_service.query.stopping import Stop
from vo_service.sky import parse_region
from vo_service.store import Snapshot

_CANDIDATES = 1000  # footprints that are tested between two looks at the clock


@contextmanager
def ask(question: Question, context: Context, snapshot: Snapshot, engine: Engine) -> Iterator[Answer]:
    """The answer to ``question`` on ``snapshot``; leaving the context ends the query.

    Raises AdqlError for a question that is none. Nothing runs before the first batch is asked for; reading
    raises EngineError for a question that cannot be answered.
    """
    limit = None if question.maxrec is None else question.maxrec + 1
    plan = plan_query(resolve(parse(question.adql, question.version), published()), limit)
    stop = Stop()
    with closing(_batches(plan, question, context, engine, stop)) as batches:
        yield Answer(plan.columns, batches, question, snapshot.number, plan.warnings, stop.ask)


def _batches(
    plan: Plan, question: Question, context: Context, engine: Engine, stop: Stop
) -> Generator[pa.RecordBatch, None, None]:
    """The rows of a plan, with the types that its columns declare."""
    if question.maxrec == 0:
        return
    statement = _statement(_written(plan, context, engine), context.limits, engine, stop)
    with engine.run(statement, context.limits) as batches, stop.ending(batches.cancel):
        yield from _as_declared(batches.stream, plan.columns)


def _written(plan: Plan, context: Context, engine: Engine) -> Written:
    sources = ColumnSources(published(), context.viewer, context.rights, context.now, context.base_url)
    return write(plan, engine.dialect, sources, sources.rows, sources.staged)


def _statement(written: Written, limits: Limits, engine: Engine, stop: Stop) -> Statement:
    """The statement with the footprints that passed its probes."""
    passed = {probe.name: _run_probe(probe, engine, limits, stop) for probe in written.probes}
    return Statement(written.sql, tables=passed)


def _run_probe(probe: Probe, engine: Engine, limits: Limits, stop: Stop) -> pa.Table:
    """The footprints that pass: those whose caps decide it, and those that the exact test lets pass."""
    ids: list[int] = []
    looked_at = replace(limits, batch_rows=_CANDIDATES)
    statement = Statement(probe.sql, probe.parameters)
    with engine.run(statement, looked_at) as candidates, stop.ending(candidates.cancel):
        for batch in candidates.stream:
            columns = batch.to_pydict()
            for footprint, region, decisive in zip(
                columns["footprint_id"], columns["region"], columns["decisive"], strict=True
            ):
                if decisive or probe.passes(parse_region(region)):
                    ids.append(footprint)
    return pa.table({"footprint_id": pa.array(ids, pa.int64())})


def _as_declared(batches: Iterator[pa.RecordBatch], columns: tuple[Column, ...]) -> Iterator[pa.RecordBatch]:
    """Batches with exactly the types and names that the columns declare; QueryFailed for values beyond."""
    names = [column.name for column in columns]
    types = [column.arrow_type for column in columns]
    for batch in batches:
        try:
            arrays = [a if a.type == t else a.cast(t) for a, t in zip(batch.columns, types, strict=True)]
        except pa.ArrowInvalid as error:  # a number that the engine could compute, but not the declared type
            raise QueryFailed(str(error), _beyond(str(error))) from error
        yield pa.RecordBatch.from_arrays(arrays, names=names)


def _beyond(message: str) -> str | None:
    """Which number Arrow could not take into a column's type."""
    found = re.search(r"value (\S+) not in range: (\S+) to (\S+)", message)
    return f"the number {found[1]} is beyond the column's type ({found[2]} to {found[3]})" if found else None
