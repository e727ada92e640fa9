"""From a question to an answer: parse, resolve, plan, write, settle the probes, run."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial

import pyarrow as pa

from tap_schema import Column, published
from vo_service.access import ColumnSources
from vo_service.adql import Plan, Written, parse, plan_query, resolve, write
from vo_service.engines import Engine, Limits, QueryFailed, Statement
from vo_service.query.model import Answer, Context, Question
from vo_service.query.plans import PlanKey
from vo_service.query.probing import Asking, Deadline, settle
from vo_service.query.stopping import Stop
from vo_service.query.uploads import Uploads
from vo_service.store import Snapshot

_BATCH_CELLS = 300_000
_LEAST_ROWS = 1024


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
    deadline = Deadline(context.limits)
    inquiry = _Inquiry(question, Uploads(question.uploads), context, snapshot, engine, stop or Stop())
    plan = inquiry.plan(deadline)
    with closing(inquiry.batches(plan, deadline.limits())) as batches:
        rows = _batch_rows(plan, context.limits)
        yield Answer(
            plan.columns,
            batches,
            question,
            snapshot.number,
            plan.warnings,
            inquiry.stop.ask,
            rows,
            plan.origins,
        )


def engine_plan(question: Question, context: Context, snapshot: Snapshot, engine: Engine) -> str:
    """How the engine would run the statement of a question, in its own words; only its probes are run.

    Raises AdqlError and EngineError.
    """
    deadline = Deadline(context.limits)
    inquiry = _Inquiry(question, Uploads(question.uploads), context, snapshot, engine, Stop())
    return engine.explain(inquiry.statement(inquiry.plan(deadline), deadline))


@dataclass(frozen=True, slots=True)
class _Inquiry:
    """A question with all that it is asked with, and the way from it to an answer."""

    question: Question
    uploaded: Uploads
    context: Context
    snapshot: Snapshot
    engine: Engine
    stop: Stop

    @property
    def place(self) -> str:
        """What stands for the snapshot where something is kept for it."""
        return str(self.snapshot.engine_file)

    def plan(self, deadline: Deadline) -> Plan:
        """What the question means. Raises AdqlError; QueryTimeout and QueryCancelled between two stages, and
        while a resolver of names is waited for."""
        question = self.question
        if question.uploads:  # the same names may stand for other tables
            return self._planned(deadline)
        key = PlanKey(question.adql, question.version, question.maxrec, self.place)
        return self.context.plans.plan(key, lambda: self._planned(deadline))

    def _planned(self, deadline: Deadline) -> Plan:
        def left() -> float:
            self.stop.check()
            return deadline.limits().seconds

        question, uploaded = self.question, self.uploaded
        limit = None if question.maxrec is None else question.maxrec + 1
        tables = uploaded.tables_with(published())
        tree = parse(question.adql, question.version)
        left()
        resolved = resolve(tree, tables, self.context.targets.on(self.snapshot, left), uploaded.constants)
        left()
        plan = plan_query(resolved, limit)
        left()
        return plan

    def batches(self, plan: Plan, left: Limits) -> Generator[pa.RecordBatch, None, None]:
        """The rows of a plan, with the types that its columns declare; ``left`` is what its making left."""
        if self.question.maxrec == 0:
            return
        deadline = Deadline(left)
        statement = self.statement(plan, deadline)
        limits = replace(deadline.limits(), batch_rows=_batch_rows(plan, self.context.limits))
        with self.engine.run(statement, limits) as batches, self.stop.ending(batches.cancel):
            yield from _as_declared(batches.stream, plan.columns)

    def statement(self, plan: Plan, deadline: Deadline) -> Statement:
        """The statement of a plan with the tables that it reads, the answers of its probes among them."""
        written = self._written(plan)
        given = {**self.uploaded.rows, **written.tables}
        asking = Asking(self.engine, deadline, self.stop, given, self.context.probes)
        asking.check()
        known = settle(written.probes, asking, partial(self.context.answers.answer, self.place))
        return Statement(written.sql, tables={name: known[name] for name in written.reads})

    def _written(self, plan: Plan) -> Written:
        context = self.context
        sources = ColumnSources(published(), context.viewer, context.rights, context.now, context.base_url)
        return write(
            plan,
            self.engine.dialect,
            sources,
            sources.rows,
            sources.staged,
            schemas=self.engine.schemas,
            uploads=self.uploaded.written,
        )


def _batch_rows(plan: Plan, limits: Limits) -> int:
    """Rows of a batch: fewer of wide ones, which would take as much memory as they are wide."""
    return min(limits.batch_rows, max(_LEAST_ROWS, _BATCH_CELLS // max(1, len(plan.columns))))


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
