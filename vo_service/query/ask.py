"""From a question to an answer: parse, resolve, plan, write, settle the probes, run."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager

import pyarrow as pa

from tap_schema import Column, published
from vo_service.access import ColumnSources
from vo_service.adql import Plan, Written, parse, plan_query, resolve, write
from vo_service.engines import Engine, Limits, QueryFailed, Statement
from vo_service.query.model import Answer, Context, Question
from vo_service.query.probing import Deadline, settle
from vo_service.query.stopping import Stop
from vo_service.query.uploads import Uploads
from vo_service.store import Snapshot


@contextmanager
def ask(
    question: Question, context: Context, snapshot: Snapshot, engine: Engine, stop: Stop | None = None
) -> Iterator[Answer]:
    """The answer to ``question`` on ``snapshot``; leaving the context ends the query, as ``stop`` does from
    the beginning, while there is no answer yet to be cancelled.

    Raises AdqlError for a question that is none, QueryTimeout for one that takes too long to understand.
    Nothing runs before the first batch is asked for; reading raises EngineError for a question that cannot be
    answered.
    """
    uploaded = Uploads(question.uploads)
    deadline = Deadline(context.limits)
    stop = stop or Stop()
    plan = _planned(question, uploaded, context, snapshot, deadline, stop)
    with closing(_batches(plan, question, uploaded, context, engine, stop, deadline.limits())) as batches:
        yield Answer(plan.columns, batches, question, snapshot.number, plan.warnings, stop.ask)


def engine_plan(question: Question, context: Context, snapshot: Snapshot, engine: Engine) -> str:
    """How the engine would run the statement of a question, in its own words; only its probes are run.

    Raises AdqlError and EngineError.
    """
    uploaded = Uploads(question.uploads)
    deadline = Deadline(context.limits)
    stop = Stop()
    plan = _planned(question, uploaded, context, snapshot, deadline, stop)
    return engine.explain(_statement(plan, uploaded, context, engine, deadline, stop))


def _planned(
    question: Question,
    uploaded: Uploads,
    context: Context,
    snapshot: Snapshot,
    deadline: Deadline,
    stop: Stop,
) -> Plan:
    """The plan of a question. Raises AdqlError; QueryTimeout and QueryCancelled between two stages, and while
    a resolver of names is waited for."""

    def left() -> float:
        stop.check()
        return deadline.limits().seconds

    limit = None if question.maxrec is None else question.maxrec + 1
    tables = uploaded.tables_with(published())
    tree = parse(question.adql, question.version)
    left()
    resolved = resolve(tree, tables, context.targets.on(snapshot, left), uploaded.constants)
    left()
    plan = plan_query(resolved, limit)
    left()
    return plan


def _batches(
    plan: Plan,
    question: Question,
    uploaded: Uploads,
    context: Context,
    engine: Engine,
    stop: Stop,
    left: Limits,
) -> Generator[pa.RecordBatch, None, None]:
    """The rows of a plan, with the types that its columns declare; ``left`` is what making it has left."""
    if question.maxrec == 0:
        return
    deadline = Deadline(left)
    statement = _statement(plan, uploaded, context, engine, deadline, stop)
    with engine.run(statement, deadline.limits()) as batches, stop.ending(batches.cancel):
        yield from _as_declared(batches.stream, plan.columns)


def _statement(
    plan: Plan, uploaded: Uploads, context: Context, engine: Engine, deadline: Deadline, stop: Stop
) -> Statement:
    """The statement of a plan with the tables that it reads, the answers of its probes among them."""
    written = _written(plan, uploaded, context, engine)
    deadline.limits()
    known = settle(
        written.probes, {**uploaded.rows, **written.tables}, engine, deadline, stop, context.probes
    )
    return Statement(written.sql, tables={name: known[name] for name in written.reads})


def _written(plan: Plan, uploaded: Uploads, context: Context, engine: Engine) -> Written:
    sources = ColumnSources(published(), context.viewer, context.rights, context.now, context.base_url)
    return write(
        plan,
        engine.dialect,
        sources,
        sources.rows,
        sources.staged,
        schemas=engine.schemas,
        uploads=uploaded.written,
    )


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
