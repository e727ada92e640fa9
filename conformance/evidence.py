"""What counts as evidence. A check passes on what a service was seen to do, never on what it did not do.

A service that refuses everything would keep every rule of the form "such a request is refused", and one that
sends the same page to everybody every rule of the form "such a request is answered". So results must repeat a
number that was made up for this run, and a refusal counts only where a sound query was answered before.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import wraps

from lxml import etree

from conformance.findings import failed, judged, not_checked
from conformance.model import CheckFunction, Finding
from conformance.service import VOSI_CAPABILITIES, Answer, Service, rows_of

SILENT = "a sound query is not answered here, so that this says nothing"


def sound_query(service: Service, rows: int = 2, columns: str = "table_name") -> str:
    """A query that every TAP service can answer with ``rows`` rows; its column ``probe`` holds a number of
    this run.
    """
    return (
        f"SELECT TOP {rows} {columns}, {service.number} AS probe FROM TAP_SCHEMA.tables ORDER BY table_name"
    )


def is_result(service: Service, answer: Answer, rows: int | None = None) -> bool:
    """Whether an answer is a VOTable without an error, whose rows answer a `sound_query` of this run.

    ``rows`` is how many it must have; None asks for one at least.
    """
    if answer.status != 200:
        return False
    try:
        if "ERROR" in [value for value, _ in answer.info("QUERY_STATUS")]:
            return False
        found = rows_of(answer)
    except (etree.XMLSyntaxError, ValueError):
        return False
    right = bool(found) and all(row.get("probe") == service.number for row in found)
    return right and (rows is None or len(found) == rows)


def is_error_document(answer: Answer) -> bool:
    """An error as DALI wants it: a VOTable whose QUERY_STATUS is ERROR, or plain text with an error
    status.
    """
    if answer.media_type == "text/plain":
        return answer.status >= 400 and bool(answer.body.strip())
    try:
        return [value for value, _ in answer.info("QUERY_STATUS")] == ["ERROR"]
    except etree.XMLSyntaxError:
        return False


def is_capabilities(answer: Answer) -> bool:
    """Whether an answer is a VOSI capabilities document."""
    try:
        return answer.status == 200 and answer.xml().tag == VOSI_CAPABILITIES
    except etree.XMLSyntaxError:
        return False


def refused(answer: Answer, what: str) -> Finding:
    """The finding on a request that must be refused: by an error document.

    TAP 1.1 (3.3) leaves its status to the service; DALI-093 is about that.
    """
    return judged(is_error_document(answer), f"{what} is refused", answer)


def where_queries_work(function: CheckFunction) -> CheckFunction:
    """Judge only where a sound query is answered: for checks of which a refusal is the evidence."""

    @wraps(function)
    def judge(service: Service) -> Iterator[Finding]:
        if answers_queries(service):
            yield from function(service)
        else:
            yield not_checked(SILENT)

    return judge


def answers_queries(service: Service) -> bool:
    """Whether the service answered a sound query; asked once."""
    return service.remember(
        "answers_queries", lambda: is_result(service, service.query(sound_query(service)), 2)
    )


def rows_breaking(service: Service, table: str, name: str, condition: str, rule: str) -> Iterator[Finding]:
    """Pass where the service counts no row of a condition that none may fulfil; else some are named.

    ``name`` is the column that rows are named by.
    """
    answer = service.query(f"SELECT COUNT(*) AS n, {service.number} AS probe FROM {table} WHERE {condition}")
    if answer.status != 200:
        yield failed(f"the query for {rule!r} is refused", answer)
        return
    counted = rows_of(answer)[0]
    if counted["probe"] != service.number or counted["n"] == 0:
        yield judged(counted["probe"] == service.number, rule, answer)
        return
    examples = service.query(f"SELECT TOP 3 {name} FROM {table} WHERE {condition}")
    named = ", ".join(str(row[name]) for row in rows_of(examples))
    yield failed(f"not so: {rule}; broken by {counted['n']} rows: {named}", examples)


def has_rows(service: Service, table: str, column: str) -> bool:
    """Whether a table holds anything to be judged; asked once. Raises ValueError where it cannot be read."""

    def ask() -> bool:
        answer = service.query(f"SELECT TOP 1 {column}, {service.number} AS probe FROM {table}")
        if answer.status != 200:
            raise ValueError(f"SELECT TOP 1 {column} FROM {table} is answered with {answer.status}")
        return any(row["probe"] == service.number for row in rows_of(answer))

    return service.remember(f"rows of {table}", ask)
