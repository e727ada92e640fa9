"""The identifiers that a query gives, asked like every query: with the caller's rights, within the limits of
all."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from tap_schema import published
from vo_service.adql import AdqlError, Origin
from vo_service.asking.answers import Told, tell_end
from vo_service.asking.errors import service_error
from vo_service.asking.queries import Asker, Queries
from vo_service.dali.errors import ServiceError, usage
from vo_service.dali.streams import Cancellation
from vo_service.engines import EngineError
from vo_service.formats import EncodingError
from vo_service.packages.request import Request
from vo_service.query import Answer, Question, Stop, ask
from vo_service.store import StoreError

IDENTIFIERS: Final = ("obs_publisher_did", "dataset_id", "product_id", "member_ous_uid")
"""The columns of published tables that name what a package can hold."""


@dataclass(frozen=True, slots=True)
class Identifiers:
    """The different identifiers in the answer to a query, sorted, and how many of its rows have none."""

    ids: list[str]
    nulls: int


def identifiers_of(
    asked: Request, most: int, queries: Queries, asker: Asker, cancellation: Cancellation
) -> Identifiers:
    """The different identifiers in the answer to a query, sorted. Raises ServiceError: 400 for a query that
    is wrong, has no column of identifiers, or gives more than ``most`` of them; those of queries else."""
    told, started, state = Told(), time.perf_counter(), "failed"
    try:
        with _asked(asked, queries, asker, cancellation) as answer:
            found, nulls = _identifiers(answer, most, told)
            if answer.overflowed:
                raise usage(
                    f"The query has more than {told.rows} rows, of which this service reads no more.",
                    "Ask for the identifiers alone, by SELECT DISTINCT.",
                )
        state = "done"
        return Identifiers(sorted(found), nulls)
    finally:
        state = "gone" if cancellation.requested else state
        tell_end(state, time.perf_counter() - started, told, queries.account, asked.runid)


@contextmanager
def _asked(asked: Request, queries: Queries, asker: Asker, cancellation: Cancellation) -> Iterator[Answer]:
    question = Question(asked.adql, queries.limits.rows(None), asked.version)
    context = queries.context(asker, asker.seconds)
    stop = Stop()
    try:
        with queries.current.use() as (snapshot, engine):
            cancellation.on_cancel(stop.ask)
            try:
                with ask(question, context, snapshot, engine, stop) as answer:
                    yield answer
            finally:
                cancellation.on_cancel(None)
    except (AdqlError, EngineError, EncodingError, StoreError) as error:
        raise service_error(error) from error


def _identifiers(answer: Answer, most: int, told: Told) -> tuple[set[str], int]:
    place = _place(answer.origins)
    found: set[str] = set()
    nulls = 0
    for batch in answer.batches:
        told.rows += batch.num_rows
        for each in batch.column(place).value_counts().to_pylist():
            if each["values"]:
                found.add(each["values"])
            else:
                nulls += each["counts"]
        if len(found) > most:
            raise usage(
                f"The query gives more than {most} identifiers, the most that a request may have.",
                "Divide it, by project for example.",
            )
    return found, nulls


def _place(origins: Sequence[Origin]) -> int:
    """The first column of identifiers, by what it is, whatever its name. Raises ServiceError (400)."""
    for place, origin in enumerate(origins):
        if origin and all(column in IDENTIFIERS and table in published() for table, column in origin):
            return place
    raise _without_identifiers()


def _without_identifiers() -> ServiceError:
    return usage(
        "The answer to the query has no column that names data sets or files.",
        f"Select {', '.join(IDENTIFIERS[:-1])} or {IDENTIFIERS[-1]} of a published table as it is.",
    )
