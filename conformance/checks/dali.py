"""DALI: parameters, errors, and HTTP manners as every service should have them."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from conformance.findings import judged, not_checked, passed
from conformance.model import Check, Finding, Level, requirement
from conformance.service import Answer, Service, rows_of

QUERY = "SELECT TOP 2 table_name FROM TAP_SCHEMA.tables ORDER BY table_name"


def _sync(service: Service) -> str:
    return f"{service.tap_path}/sync"


def _names(answer: Answer) -> list[object]:
    return [row["table_name"] for row in rows_of(answer)]


def is_error_document(answer: Answer) -> bool:
    """An error as DALI wants it: plain text, or a VOTable whose QUERY_STATUS is ERROR."""
    if answer.media_type == "text/plain":
        return bool(answer.body.strip())
    try:
        return [value for value, _ in answer.info("QUERY_STATUS")] == ["ERROR"]
    except etree.XMLSyntaxError:
        return False


@requirement("DALI-006", clause="DALI 1.1, 2.2", level=Level.MUST, service="dali")
def get_equals_post(service: Service) -> Iterator[Finding]:
    """GET and POST on sync give the same table"""
    params = {"LANG": "ADQL", "QUERY": QUERY}
    got, posted = service.get(_sync(service), params), service.post(_sync(service), params)
    yield judged(got.status == posted.status == 200, "both answer with 200", got)
    yield judged(_names(got) == _names(posted), "both give the same rows", posted)


@requirement("DALI-005", clause="DALI 1.2, 2", level=Level.MUST, service="dali")
def multipart_is_read(service: Service) -> Iterator[Finding]:
    """POST reads multipart/form-data as well as urlencoded forms"""
    answer = service.post(_sync(service), {"LANG": "ADQL", "QUERY": QUERY}, files={"unused": ("x", b"x")})
    yield judged(answer.status == 200, "a multipart POST is answered", answer)


@requirement("DALI-040", clause="DALI 1.1, 4.1", level=Level.MUST, service="dali")
def names_in_any_case(service: Service) -> Iterator[Finding]:
    """Parameter names are read in any case"""
    answer = service.get(_sync(service), {"lang": "ADQL", "Query": QUERY, "mAxReC": "1"})
    yield judged(
        answer.status == 200 and len(_names(answer)) == 1, "lang, Query and mAxReC are understood", answer
    )


@requirement("DALI-041", clause="DALI 1.1, 4.2", level=Level.MUST, service="dali")
def repeated_parameters_are_errors(service: Service) -> Iterator[Finding]:
    """Two values of a single-valued parameter are an error, equal ones too"""
    for values in (("1", "2"), ("1", "1")):
        answer = service.get(
            _sync(service), [("LANG", "ADQL"), ("QUERY", QUERY), *(("MAXREC", v) for v in values)]
        )
        yield judged(
            answer.status >= 400 and is_error_document(answer), f"MAXREC={values} is refused", answer
        )


@requirement("DALI-043", clause="TAP 1.1, 2.7", level=Level.MUST, service="dali")
def unknown_parameters_are_ignored(service: Service) -> Iterator[Finding]:
    """Unknown parameters change nothing"""
    answer = service.get(_sync(service), {"LANG": "ADQL", "QUERY": QUERY, "FOO": "1", "REQUEST": "doQuery"})
    yield judged(
        answer.status == 200 and len(_names(answer)) == 2, "FOO=1 and REQUEST=doQuery are ignored", answer
    )


@requirement("DALI-060", clause="DALI 1.1, 4.3.4", level=Level.MUST, service="dali")
def bad_maxrec_is_an_error(service: Service) -> Iterator[Finding]:
    """MAXREC that is no whole number from 0 up is an error, a huge one is not"""
    for text in ("-1", "1.5", "abc"):
        answer = service.query(QUERY, MAXREC=text)
        yield judged(answer.status >= 400 and is_error_document(answer), f"MAXREC={text} is refused", answer)
    answer = service.query(QUERY, MAXREC="1000000000000")
    yield judged(answer.status == 200, "MAXREC=1000000000000 means the limit of the service", answer)


@requirement("DALI-062", clause="DALI 1.1, 4.3.4", level=Level.MUST, service="dali")
def overflow_is_marked(service: Service) -> Iterator[Finding]:
    """Rows cut by MAXREC are marked as overflow, and only then"""
    total = len(rows_of(service.query("SELECT table_name FROM TAP_SCHEMA.tables")))
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
    fields = [(f.name, f.datatype, f.arraysize) for f in answer.table().fields]
    yield judged(
        fields == [(f.name, f.datatype, f.arraysize) for f in full.table().fields],
        "the fields are there",
        answer,
    )
    yield judged(not rows_of(answer), "there are no rows", answer)
    yield judged("OVERFLOW" in [v for v, _ in answer.info("QUERY_STATUS")], "overflow is marked", answer)


@requirement("DALI-051", clause="DALI 1.1, 4.3.3", level=Level.SHOULD, service="dali")
def unknown_formats_are_errors(service: Service) -> Iterator[Finding]:
    """A format that is not offered is an error that names it"""
    answer = service.query(QUERY, RESPONSEFORMAT="application/x-no-such-format")
    yield judged(
        answer.status >= 400 and is_error_document(answer), "it is refused with an error document", answer
    )
    yield judged("no-such-format" in answer.excerpt + str(answer.body), "the message names the value", answer)


@requirement("DALI-093", clause="DALI 1.1, 5.2", level=Level.SHOULD, service="dali")
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
def errors_are_documents(service: Service) -> Iterator[Finding]:
    """An error comes as VOTable with QUERY_STATUS ERROR or as plain text"""
    for query in ("SELECT FROM", "SELECT no_such_column FROM TAP_SCHEMA.tables"):
        answer = service.query(query)
        yield judged(is_error_document(answer), f"{query!r} gives an error document", answer)


@requirement("DALI-100", clause="practice", level=Level.PRACTICE, service="dali")
def errors_are_escaped(service: Service) -> Iterator[Finding]:
    """Error texts never repeat markup of the request unescaped"""
    answer = service.query("SELECT '<script>alert(1)</script>' FROM <script>")
    yield judged(
        b"<script>" not in answer.body or answer.media_type == "text/plain",
        "<script> comes back escaped",
        answer,
    )


@requirement("DALI-111", clause="DALI 1.1, 5.4", level=Level.MUST, service="dali")
def one_results_resource(service: Service) -> Iterator[Finding]:
    """A VOTable answer has one RESOURCE of type results, with QUERY_STATUS before its TABLE"""
    answer = service.query(QUERY)
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
    answers = {
        "a result": service.get(
            _sync(service), {"LANG": "ADQL", "QUERY": QUERY}, Origin="https://example.org"
        ),
        "an error": service.get(
            _sync(service), {"LANG": "ADQL", "QUERY": "SELECT"}, Origin="https://example.org"
        ),
    }
    for what, answer in answers.items():
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
