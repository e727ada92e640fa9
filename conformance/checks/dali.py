"""DALI: parameters, errors, and HTTP manners as every service should have them."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from conformance.evidence import is_error_document, is_result, refused, sound_query, where_queries_work
from conformance.findings import judged, not_checked, passed
from conformance.model import Check, Finding, Level, requirement
from conformance.service import Service, rows_of


def _sync(service: Service) -> str:
    return f"{service.tap_path}/sync"


def _sound(service: Service) -> dict[str, str]:
    """Parameters of a query that is answered with two rows."""
    return {"LANG": "ADQL", "QUERY": sound_query(service)}


@requirement("DALI-006", clause="DALI 1.1, 2.2", level=Level.MUST, service="dali")
def get_equals_post(service: Service) -> Iterator[Finding]:
    """GET and POST on sync give the same table"""
    params = _sound(service)
    got, posted = service.get(_sync(service), params), service.post(_sync(service), params)
    yield judged(is_result(service, got, 2), "GET gives the rows asked for", got)
    yield judged(is_result(service, posted, 2), "POST gives the rows asked for", posted)
    yield judged(rows_of(got) == rows_of(posted), "both give the same rows", posted)


@requirement("DALI-005", clause="DALI 1.2, 2", level=Level.MUST, service="dali")
def multipart_is_read(service: Service) -> Iterator[Finding]:
    """POST reads multipart/form-data as well as urlencoded forms"""
    answer = service.post(_sync(service), _sound(service), files={"unused": ("x", b"x")})
    yield judged(
        is_result(service, answer, 2), "a multipart POST is answered with the rows asked for", answer
    )


@requirement("DALI-040", clause="DALI 1.1, 4.1", level=Level.MUST, service="dali")
def names_in_any_case(service: Service) -> Iterator[Finding]:
    """Parameter names are read in any case"""
    answer = service.get(_sync(service), {"lang": "ADQL", "Query": sound_query(service), "mAxReC": "1"})
    yield judged(is_result(service, answer, 1), "lang, Query and mAxReC are understood", answer)


@requirement("DALI-041", clause="DALI 1.1, 4.2", level=Level.MUST, service="dali")
@where_queries_work
def repeated_parameters_are_errors(service: Service) -> Iterator[Finding]:
    """Two values of a single-valued parameter are an error, equal ones too"""
    for values in (("1", "2"), ("1", "1")):
        params = [*_sound(service).items(), *(("MAXREC", value) for value in values)]
        yield refused(service.get(_sync(service), params), f"MAXREC={values}")


@requirement("DALI-043", clause="TAP 1.1, 2.7", level=Level.MUST, service="dali")
def unknown_parameters_are_ignored(service: Service) -> Iterator[Finding]:
    """Unknown parameters change nothing"""
    answer = service.get(_sync(service), {**_sound(service), "FOO": "1", "REQUEST": "doQuery"})
    yield judged(is_result(service, answer, 2), "FOO=1 and REQUEST=doQuery are ignored", answer)


@requirement("DALI-060", clause="DALI 1.1, 4.3.4", level=Level.MUST, service="dali")
def bad_maxrec_is_an_error(service: Service) -> Iterator[Finding]:
    """MAXREC that is no whole number from 0 up is an error, a huge one is not"""
    answer = service.query(sound_query(service), MAXREC="1000000000000")
    yield judged(is_result(service, answer, 2), "MAXREC=1000000000000 means the limit of the service", answer)
    for text in ("-1", "1.5", "abc"):
        yield refused(service.query(sound_query(service), MAXREC=text), f"MAXREC={text}")


@requirement("DALI-062", clause="DALI 1.1, 4.3.4", level=Level.MUST, service="dali")
def overflow_is_marked(service: Service) -> Iterator[Finding]:
    """Rows cut by MAXREC are marked as overflow, and only then"""
    total = len(rows_of(service.query("SELECT table_name FROM TAP_SCHEMA.tables")))
    if total < 2:
        yield not_checked(f"TAP_SCHEMA.tables has {total} rows: too few to cut")
        return
    for limit, wanted in ((total, False), (total - 1, True)):
        answer = service.query("SELECT table_name FROM TAP_SCHEMA.tables", MAXREC=str(limit))
        marks = [value for value, _ in answer.info("QUERY_STATUS")]
        yield judged(
            ("OVERFLOW" in marks) == wanted, f"MAXREC={limit} of {total} rows: QUERY_STATUS {marks}", answer
        )
        yield judged(len(rows_of(answer)) == limit, f"MAXREC={limit} gives {limit} rows", answer)


@requirement("DALI-063", clause="DALI 1.1, 4.3.4", level=Level.MUST, service="dali")
def maxrec_zero_gives_fields(service: Service) -> Iterator[Finding]:
    """MAXREC=0 gives the fields, no rows and the overflow mark"""
    answer = service.query("SELECT * FROM TAP_SCHEMA.tables", MAXREC="0")
    full = service.query("SELECT * FROM TAP_SCHEMA.tables", MAXREC="1")
    yield judged(len(rows_of(full)) == 1, "MAXREC=1 gives one row", full)
    fields = [(f.name, f.datatype, f.arraysize) for f in answer.table().fields]
    yield judged(
        fields == [(f.name, f.datatype, f.arraysize) for f in full.table().fields],
        "the fields are there",
        answer,
    )
    yield judged(not rows_of(answer), "there are no rows", answer)
    yield judged("OVERFLOW" in [v for v, _ in answer.info("QUERY_STATUS")], "overflow is marked", answer)


@requirement("DALI-051", clause="DALI 1.1, 4.3.3", level=Level.SHOULD, service="dali")
@where_queries_work
def unknown_formats_are_errors(service: Service) -> Iterator[Finding]:
    """A format that is not offered is an error that names it"""
    answer = service.query(sound_query(service), RESPONSEFORMAT="application/x-no-such-format")
    yield refused(answer, "application/x-no-such-format")
    yield judged(b"no-such-format" in answer.body, "the message names the value", answer)


@requirement("DALI-093", clause="DALI 1.1, 5.2", level=Level.SHOULD, service="dali")
@where_queries_work
def errors_have_a_fitting_status(service: Service) -> Iterator[Finding]:
    """Mistakes in a request are answered with a status of 400 to 499"""
    for query in (
        "SELECT FROM",
        "SELECT x FROM no_such_schema.no_such_table",
        "SELECT no_such_column FROM TAP_SCHEMA.tables",
    ):
        answer = service.query(query)
        yield judged(400 <= answer.status < 500, f"{query!r} is answered with {answer.status}", answer)


@requirement("DALI-094", clause="DALI 1.1, 5.2", level=Level.MUST, service="dali")
@where_queries_work
def errors_are_documents(service: Service) -> Iterator[Finding]:
    """An error comes as VOTable with QUERY_STATUS ERROR or as plain text"""
    for query in ("SELECT FROM", "SELECT no_such_column FROM TAP_SCHEMA.tables"):
        answer = service.query(query)
        yield judged(is_error_document(answer), f"{query!r} gives an error document", answer)


@requirement("DALI-100", clause="practice", level=Level.PRACTICE, service="dali")
@where_queries_work
def errors_are_escaped(service: Service) -> Iterator[Finding]:
    """Error texts never repeat markup of the request unescaped"""
    answer = service.query("SELECT '<script>alert(1)</script>' FROM <script>")
    yield judged(is_error_document(answer), "the query gives an error document", answer)
    yield judged(
        b"<script>" not in answer.body or answer.media_type == "text/plain",
        "<script> comes back escaped",
        answer,
    )


@requirement("DALI-111", clause="DALI 1.1, 5.4", level=Level.MUST, service="dali")
def one_results_resource(service: Service) -> Iterator[Finding]:
    """A VOTable answer has one RESOURCE of type results, with QUERY_STATUS before its TABLE"""
    answer = service.query(sound_query(service))
    yield judged(is_result(service, answer, 2), "the query is answered", answer)
    results = [r for r in answer.xml().iter("{*}RESOURCE") if r.get("type", "results") == "results"]
    yield judged(len(results) == 1, f"there is one results RESOURCE (found {len(results)})", answer)
    for resource in results:
        names = [(etree.QName(c).localname, c.get("name")) for c in resource if isinstance(c.tag, str)]
        before = names[: next((i for i, (tag, _) in enumerate(names) if tag == "TABLE"), len(names))]
        yield judged(
            before.count(("INFO", "QUERY_STATUS")) == 1, "one INFO QUERY_STATUS stands before TABLE", answer
        )


@requirement("DALI-119", clause="practice", level=Level.PRACTICE, service="dali")
def browsers_may_read(service: Service) -> Iterator[Finding]:
    """Answers and errors allow any origin (CORS), as browser clients need"""
    here = {"Origin": "https://example.org"}
    result = service.get(_sync(service), _sound(service), **here)
    yield judged(is_result(service, result, 2), "the query is answered", result)
    error = service.get(_sync(service), {"LANG": "ADQL", "QUERY": "SELECT"}, **here)
    yield judged(is_error_document(error), "a broken query is answered with an error document", error)
    for what, answer in (("a result", result), ("an error", error)):
        allowed = answer.headers.get("Access-Control-Allow-Origin")
        yield judged(
            allowed in ("*", "https://example.org"), f"{what} allows the origin (header: {allowed})", answer
        )


@requirement("DALI-016", clause="practice", level=Level.PRACTICE, service="dali")
def products_can_be_resumed(service: Service) -> Iterator[Finding]:
    """Files named by access_url answer HEAD and Range with a strong ETag"""
    if not service.obscore_columns:
        yield not_checked("no ivoa.obscore to take an access_url from")
        return
    rows = rows_of(
        service.query(
            "SELECT TOP 3 access_url FROM ivoa.obscore WHERE access_url LIKE 'http%' "
            "AND data_rights = 'Public' AND access_format NOT LIKE '%datalink%'"
        )
    )
    urls = [
        str(row["access_url"])
        for row in rows
        if str(row["access_url"]).startswith(service.base_url.split("/tap")[0])
    ]
    if not urls:
        yield not_checked("no public file with an access_url on this service")
    for url in urls:
        head = service.head(url)
        yield judged(
            head.status == 200 and "Content-Length" in head.headers, f"HEAD {url} gives a length", head
        )
        tag = head.headers.get("ETag", "")
        yield judged(tag.startswith('"'), f"the ETag is strong ({tag})", head)
        part = service.get(url, Range="bytes=0-9")
        yield judged(part.status == 206 and len(part.body) == 10, "Range bytes=0-9 gives ten bytes", part)
        yield passed(f"{url} can be resumed")


CHECKS: tuple[Check, ...] = (
    multipart_is_read,
    get_equals_post,
    products_can_be_resumed,
    names_in_any_case,
    repeated_parameters_are_errors,
    unknown_parameters_are_ignored,
    unknown_formats_are_errors,
    bad_maxrec_is_an_error,
    overflow_is_marked,
    maxrec_zero_gives_fields,
    errors_have_a_fitting_status,
    errors_are_documents,
    errors_are_escaped,
    one_results_resource,
    browsers_may_read,
)
