"""The identifiers that a query gives, asked like every query: with the caller's rights, within the limits of
all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tap_schema import published
from vo_service.adql import Origin
from vo_service.asking.answers import answered, counted
from vo_service.asking.queries import Asker, Queries
from vo_service.asking.tables import Told
from vo_service.dali.errors import ServiceError, usage
from vo_service.dali.streams import Cancellation
from vo_service.packages.request import Request
from vo_service.query import Answer, Question

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
    told = Told()
    question = Question(asked.adql, queries.limits.rows(None), asked.version)
    context = queries.context(asker, asker.seconds)
    with (
        counted(told, queries.account, asked.runid, cancellation),
        answered(question, context, queries.current, cancellation) as answer,
    ):
        found, nulls = _identifiers(answer, most, told)
        if answer.overflowed:
            raise usage(
                f"The query has more than {told.rows} rows, of which this service reads no more.",
                "Ask for the identifiers alone, by SELECT DISTINCT.",
            )
        return Identifiers(sorted(found), nulls)


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
