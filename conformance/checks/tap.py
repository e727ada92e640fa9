"""TAP 1.1 on sync: languages, formats, limits."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from conformance.evidence import is_error_document, is_result, refused, sound_query, where_queries_work
from conformance.findings import judged, not_applicable
from conformance.model import Check, Finding, Level, requirement
from conformance.service import Answer, Service, rows_of


def _three(service: Service) -> str:
    """A query that is answered with three rows."""
    return sound_query(service, 3, "table_name, description")


@requirement("TAP-030", clause="TAP 1.1, 2.7.1", level=Level.MUST, service="tap")
def lang_adql(service: Service) -> Iterator[Finding]:
    """LANG=ADQL is understood"""
    answer = service.query(_three(service))
    yield judged(is_result(service, answer, 3), "a query with LANG=ADQL gives the rows asked for", answer)


@requirement("TAP-031", clause="TAP 1.1, 2.7.1", level=Level.MUST, service="tap")
def declared_versions_work(service: Service) -> Iterator[Finding]:
    """Every declared version of ADQL works as LANG=ADQL-version"""
    capability = service.tap_capability
    versions = [] if capability is None else [(v.text or "").strip() for v in capability.iter("version")]
    if not versions:
        yield not_applicable("no versions are declared")
    for version in versions:
        params = {"LANG": f"ADQL-{version}", "QUERY": _three(service)}
        answer = service.post(f"{service.tap_path}/sync", params)
        yield judged(is_result(service, answer, 3), f"LANG=ADQL-{version} is understood", answer)


@requirement("TAP-032", clause="TAP 1.1, 3.3", level=Level.SHOULD, service="tap")
@where_queries_work
def unknown_language(service: Service) -> Iterator[Finding]:
    """An unknown language is an error that begins with 'unknown query language'"""
    for lang in ("PQL", "ADQL-9.9"):
        answer = service.post(f"{service.tap_path}/sync", {"LANG": lang, "QUERY": _three(service)})
        yield refused(answer, f"LANG={lang}")
        yield judged(
            b"unknown query language" in answer.body.lower(), f"the message for {lang} says so", answer
        )


@requirement("TAP-035", clause="TAP 1.1, 2.7.2", level=Level.MUST, service="tap")
@where_queries_work
def missing_query(service: Service) -> Iterator[Finding]:
    """A request without QUERY, or with an empty one, is an error document"""
    for params in ({"LANG": "ADQL"}, {"LANG": "ADQL", "QUERY": ""}, {}):
        yield refused(service.get(f"{service.tap_path}/sync", params), str(params))


@requirement("TAP-051", clause="TAP 1.1, 2.7.3", level=Level.MUST, service="tap")
def votable_by_default(service: Service) -> Iterator[Finding]:
    """VOTable is what comes when no format is asked"""
    answer = service.query(_three(service))
    yield judged(
        answer.media_type in ("application/x-votable+xml", "text/xml"), f"got {answer.media_type}", answer
    )
    yield judged(is_result(service, answer, 3), "it can be read", answer)


@requirement("TAP-055", clause="TAP 1.1, 2.7.3; DALI 1.1, 4.3.3", level=Level.MUST, service="tap")
def asked_media_type_comes_back(service: Service) -> Iterator[Finding]:
    """text/xml is answered as text/xml"""
    answer = service.query(_three(service), RESPONSEFORMAT="text/xml")
    yield judged(answer.media_type == "text/xml", f"got {answer.media_type}", answer)
    yield judged(is_result(service, answer, 3), "it can be read", answer)


def _lines(answer: Answer) -> list[list[str]]:
    """A CSV answer in cells."""
    return list(csv.reader(io.StringIO(answer.body.decode("utf-8"), newline="")))


@requirement("TAP-050", clause="TAP 1.1, 2.7.3", level=Level.MUST, service="tap")
def format_is_responseformat(service: Service) -> Iterator[Finding]:
    """FORMAT means the same as RESPONSEFORMAT"""
    answer = service.query(_three(service), FORMAT="csv")
    probes = [line[-1:] for line in _lines(answer)[1:]]
    yield judged(answer.media_type == "text/csv", "FORMAT=csv gives CSV", answer)
    yield judged(probes == [[str(service.number)]] * 3, "it holds the rows asked for", answer)


@requirement("TAP-059", clause="TAP 1.1, 3.2", level=Level.SHOULD, service="tap")
def csv_equals_votable(service: Service) -> Iterator[Finding]:
    """CSV has a header line with the column names and the same values"""
    answer = service.query(_three(service), RESPONSEFORMAT="csv")
    lines = _lines(answer)
    rows = rows_of(service.query(_three(service)))
    yield judged(
        lines[:1] == [["table_name", "description", "probe"]], "the first line names the columns", answer
    )
    expected = [[str(row["table_name"]), str(row["description"] or ""), str(row["probe"])] for row in rows]
    yield judged(len(rows) == 3 and lines[1:] == expected, "the rows are the same", answer)


@requirement("TAP-072", clause="TAP 1.1, 2.7.4", level=Level.MUST, service="tap")
def top_and_maxrec(service: Service) -> Iterator[Finding]:
    """The smaller of TOP and MAXREC counts; only MAXREC makes an overflow"""
    for maxrec, rows, overflow in (("10", 3, False), ("2", 2, True)):
        answer = service.query(_three(service), MAXREC=maxrec)
        yield judged(
            is_result(service, answer, rows), f"TOP 3 with MAXREC={maxrec} gives {rows} rows", answer
        )
        marked = "OVERFLOW" in [value for value, _ in answer.info("QUERY_STATUS")]
        yield judged(marked == overflow, f"MAXREC={maxrec}: overflow marked: {marked}", answer)


@requirement("TAP-111", clause="TAP 1.1, 2.2", level=Level.MUST, service="tap")
@where_queries_work
def no_rows_is_a_result(service: Service) -> Iterator[Finding]:
    """A query without matching rows gives a table with fields and no rows"""
    answer = service.query("SELECT table_name FROM TAP_SCHEMA.tables WHERE table_name = 'no such table'")
    yield judged(answer.status == 200 and not rows_of(answer), "the table is empty", answer)
    yield judged([f.name for f in answer.table().fields] == ["table_name"], "the field is there", answer)


@requirement("TAP-109", clause="TAP 1.1, 3.2", level=Level.MUST, service="tap")
def generated_names_are_unique(service: Service) -> Iterator[Finding]:
    """Unnamed expressions get names, each its own"""
    answer = service.query("SELECT COUNT(*), MAX(table_index), MIN(table_index) FROM TAP_SCHEMA.tables")
    names = [f.name for f in answer.table().fields]
    yield judged(len(rows_of(answer)) == 1, "the query gives one row", answer)
    yield judged(len(names) == len(set(names)) == 3 and all(names), f"names are {names}", answer)
    ids = [e.get("ID") for e in answer.xml().iter("{*}FIELD") if e.get("ID")]
    yield judged(len(ids) == len(set(ids)), f"IDs are unique: {ids}", answer)


@requirement("TAP-128", clause="practice", level=Level.PRACTICE, service="tap")
@where_queries_work
def errors_name_the_place(service: Service) -> Iterator[Finding]:
    """The message for an unknown column names it, and no trace of the program leaks out"""
    answer = service.query("SELECT no_such_column FROM TAP_SCHEMA.tables")
    yield judged(is_error_document(answer), "it is an error document", answer)
    yield judged(b"no_such_column" in answer.body, "the column is named", answer)
    yield judged(b"Traceback" not in answer.body, "no traceback", answer)


CHECKS: tuple[Check, ...] = (
    lang_adql,
    declared_versions_work,
    unknown_language,
    missing_query,
    format_is_responseformat,
    votable_by_default,
    asked_media_type_comes_back,
    csv_equals_votable,
    top_and_maxrec,
    generated_names_are_unique,
    no_rows_is_a_result,
    errors_name_the_place,
)
