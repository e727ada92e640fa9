"""The runner: every check ends in a verdict, whatever the service does."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from conformance.__main__ import main
from conformance.catalogue import CHECKS
from conformance.evidence import is_error_document, is_result
from conformance.findings import failed, judged, not_applicable, passed, warned
from conformance.model import Finding, Level, Verdict, requirement
from conformance.report import as_html, as_json, line
from conformance.runner import run, run_check
from conformance.service import MAX_UNANSWERED, Answer, Service, Unreachable


def check(level: Level, *findings: Finding, error: Exception | None = None):
    @requirement("OWN-001", clause="none", level=level, service="tap")
    def made(service: Service) -> Iterator[Finding]:
        """A made-up rule"""
        yield from findings
        if error:
            raise error

    return made


@pytest.mark.parametrize(
    ("level", "findings", "verdict"),
    [
        (Level.MUST, (passed("a"), passed("b")), Verdict.PASS),
        (Level.MUST, (passed("a"), failed("b")), Verdict.FAIL),
        (Level.MUST, (passed("a"), warned("b")), Verdict.WARN),
        (Level.SHOULD, (passed("a"), failed("b")), Verdict.WARN),
        (Level.PRACTICE, (failed("b"),), Verdict.WARN),
        (Level.MUST, (not_applicable("c"),), Verdict.NOT_APPLICABLE),
        (Level.MUST, (), Verdict.NOT_CHECKED),
    ],
)
def test_the_gravest_finding_is_the_verdict(level, findings, verdict) -> None:
    judgement = run_check(check(level, *findings), Service("http://unused.invalid"))
    assert judgement.verdict is verdict


def test_a_service_that_does_not_answer_is_not_checked() -> None:
    judgement = run_check(check(Level.MUST, error=Unreachable("down")), Service("http://unused.invalid"))
    assert judgement.verdict is Verdict.NOT_CHECKED


@pytest.mark.parametrize("error", [ValueError("no number"), RecursionError("no number")])
def test_an_answer_that_cannot_be_read_fails(error) -> None:
    judgement = run_check(check(Level.MUST, passed("before"), error=error), Service("http://unused.invalid"))
    assert judgement.verdict is Verdict.FAIL
    assert "no number" in judgement.findings[-1].message


def test_a_check_that_finds_nothing_to_judge_says_so() -> None:
    judgement = run_check(check(Level.MUST), Service("http://unused.invalid"))
    assert [f.message for f in judgement.findings] == ["there was nothing to judge"]


def test_reports_escape_what_a_service_sent() -> None:
    judgements = run(
        [check(Level.MUST, judged(False, "<script>alert(1)</script>"))], Service("http://x.invalid")
    )
    assert "<script>" not in as_html("http://x.invalid/?<b>", judgements)
    assert "not so: <script>" in line(judgements[0])
    assert as_json("http://x.invalid", judgements, 0)["counts"]["fail"] == 1


Answering = Callable[[BaseHTTPRequestHandler, bytes], None]


def same(status: int, media_type: str | None, body: bytes, **headers: str) -> Answering:
    """One answer for everybody."""

    def answer(request: BaseHTTPRequestHandler, _: bytes) -> None:
        request.send_response(status)
        if media_type:
            request.send_header("Content-Type", media_type)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    return answer


def echo(request: BaseHTTPRequestHandler, body: bytes) -> None:
    """Sends back what came, as an error in plain text."""
    same(400, "text/plain", request.path.encode() + b" " + body)(request, body)


@contextmanager
def serving(answer: Answering) -> Iterator[str]:
    """Address of a server that answers every request in one way."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            answer(self, body)

        do_POST = do_HEAD = do_GET

        def log_message(self, *arguments: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


VOTABLE = """<?xml version="1.0"?><VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">
<RESOURCE type="results"><INFO name="QUERY_STATUS" value="{status}">{status}</INFO><TABLE>
<FIELD name="table_name" datatype="char" arraysize="*"/><FIELD name="n" datatype="int"/>
<FIELD name="principal" datatype="int"/><FIELD name="obs_publisher_did" datatype="char" arraysize="*"/>
<DATA><TABLEDATA>{rows}</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"""
ROW = "<TR><TD>ivoa.obscore</TD><TD>0</TD><TD>1</TD><TD>ivo://x/y</TD></TR>"
XVOTABLE = "application/x-votable+xml"
ANYBODY = {"Access-Control-Allow-Origin": "*", "ETag": '"1"', "Accept-Ranges": "bytes"}


def votable(status: str, rows: str = "") -> bytes:
    return VOTABLE.format(status=status, rows=rows).encode()


RUBBISH: dict[str, Answering] = {
    "a page": same(200, "text/html", b"<html><body>Welcome</body></html>"),
    "nothing": same(200, None, b""),
    "noise": same(200, XVOTABLE, bytes(range(256)) * 40),
    "any XML": same(200, "text/xml", b"<capability/>"),
    "a table without rows": same(200, XVOTABLE, votable("OK"), **ANYBODY),
    "a table with overflow": same(200, "text/xml", votable("OVERFLOW"), **ANYBODY),
    "one row for everybody": same(200, XVOTABLE, votable("OK", ROW), **ANYBODY),
    "three rows for everybody": same(200, "text/xml", votable("OVERFLOW", ROW * 3), **ANYBODY),
    "any CSV": same(200, "text/csv", b"table_name,description,probe\r\na,b,1\r\n"),
    "no to everybody": same(400, XVOTABLE, votable("ERROR"), **ANYBODY),
    "an error with status 200": same(200, XVOTABLE, votable("ERROR"), **ANYBODY),
    "always 404": same(404, "text/plain", b"not found"),
    "always 500": same(500, "text/plain", b"internal error", **ANYBODY),
    "an echo": echo,
}


def judge(url: str, target, *options: str) -> tuple[int, dict[str, object]]:
    """The exit status and the report of one run."""
    status = main([url, "--json", str(target), "--quiet", "--parallel", "4", *options])
    return status, json.loads(target.read_text(encoding="utf-8"))


@pytest.mark.parametrize("answer", RUBBISH.values(), ids=RUBBISH.keys())
def test_a_service_of_rubbish_fails_and_nothing_passes_by_accident(answer, tmp_path) -> None:
    with serving(answer) as url:
        status, document = judge(url, tmp_path / "report.json")
    passing = {
        r["id"]: [f["message"] for f in r["findings"]]
        for r in document["requirements"]
        if r["verdict"] == "pass"
    }
    assert passing == {}
    assert status == 1
    assert document["counts"]["fail"] > 20
    assert all(r["findings"] for r in document["requirements"])


def answer_of(status: int, media_type: str, body: bytes) -> Answer:
    return Answer("GET http://x.invalid", status, {"Content-Type": media_type}, body, 0.0)


@pytest.mark.parametrize(
    ("answer", "is_error"),
    [
        (answer_of(400, XVOTABLE, votable("ERROR")), True),
        (answer_of(200, XVOTABLE, votable("ERROR")), True),  # TAP 1.1, 3.3: the status is free
        (answer_of(200, XVOTABLE, votable("OK")), False),
        (answer_of(400, XVOTABLE, votable("OK")), False),
        (answer_of(400, "text/plain; charset=utf-8", b"no such table"), True),
        (answer_of(400, "text/plain", b"  "), False),
        (answer_of(200, "text/plain", b"no such table"), False),
        (answer_of(500, "text/html", b"<html>oops</html>"), False),
    ],
)
def test_what_an_error_document_is(answer, is_error) -> None:
    assert is_error_document(answer) == is_error


@pytest.mark.parametrize(
    ("status", "rows", "off", "accepted"),
    [
        ("OK", 2, 0, True),
        ("OVERFLOW", 2, 0, True),
        ("ERROR", 2, 0, False),
        ("OK", 0, 0, False),
        ("OK", 2, 1, False),
    ],
)
def test_a_result_repeats_the_number_of_the_run(status, rows, off, accepted) -> None:
    service = Service("http://x.invalid")
    row = f"<TR><TD>t</TD><TD>{service.number + off}</TD><TD>1</TD><TD/></TR>"
    body = votable(status, row * rows).replace(b'name="n"', b'name="probe"')
    assert is_result(service, answer_of(200, XVOTABLE, body)) == accepted
    assert not is_result(service, answer_of(200, XVOTABLE, body), rows=1)


def test_a_report_has_a_fixed_shape(tmp_path) -> None:
    page = tmp_path / "report.html"
    with serving(RUBBISH["a page"]) as url:
        status, document = judge(f"{url}/", tmp_path / "report.json", "--html", str(page))
    assert status == 1
    assert list(document) == ["format", "service", "time", "requests", "counts", "requirements"]
    assert document["format"] == 1
    assert document["service"] == url
    assert str(document["time"]).endswith("+00:00")
    assert document["requests"] > len(CHECKS) / 2
    assert list(document["counts"]) == ["not_checked", "not_applicable", "pass", "warn", "fail"]
    assert sum(document["counts"].values()) == len(CHECKS)
    for entry, one in zip(document["requirements"], CHECKS, strict=True):
        assert list(entry) == ["id", "title", "clause", "level", "service", "verdict", "seconds", "findings"]
        assert entry["id"] == one.requirement.id
        assert entry["level"] in ("must", "should", "may", "practice")
        assert entry["verdict"] in document["counts"]
        for finding in entry["findings"]:
            assert list(finding) == ["verdict", "message", "request", "answer"]
        if entry["verdict"] == "fail":
            assert any(f["request"] or f["message"] for f in entry["findings"])
    text = page.read_text(encoding="utf-8")
    assert all(f"<td>{c.requirement.id}</td>" in text for c in CHECKS)


def test_only_the_services_asked_for_are_judged(tmp_path) -> None:
    with serving(RUBBISH["a page"]) as url:
        _, document = judge(url, tmp_path / "report.json", "--only", "adql, DALI")
    assert {r["service"] for r in document["requirements"]} == {"adql", "dali"}


@pytest.mark.parametrize(
    ("only", "ids"),
    [
        ("TAP-072", ["TAP-072"]),
        ("tap-072, OBS-068", ["OBS-068", "TAP-072"]),
        ("TAP-07*", [c.requirement.id for c in CHECKS if c.requirement.id.startswith("TAP-07")]),
        ("obs-", [c.requirement.id for c in CHECKS if c.requirement.id.startswith("OBS-")]),
        (
            "adql,TAP-072",
            ["TAP-072", *(c.requirement.id for c in CHECKS if c.requirement.service == "adql")],
        ),
    ],
)
def test_only_takes_requirements_and_the_first_part_of_their_ids(only, ids, tmp_path) -> None:
    with serving(echo) as url:
        _, document = judge(url, tmp_path / "report.json", "--only", only)
    assert sorted(each["id"] for each in document["requirements"]) == sorted(ids)
    assert ids


@pytest.mark.parametrize("only", ["TAP-9999", "TAP-07", "*", "tap,"])
def test_only_refuses_what_no_check_is_for(only, capsys) -> None:
    assert main(["http://127.0.0.1:9", "--only", only]) == 2
    assert "OBS-" in capsys.readouterr().err


def test_mistakes_in_the_call_are_status_2(capsys, tmp_path) -> None:
    assert main(["http://127.0.0.1:9", "--only", "nonsense"]) == 2
    assert "nonsense" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://no-such-host.invalid", "127.0.0.1:9", "x://y"])
def test_a_server_that_is_not_there_is_status_2(url, capsys) -> None:
    assert main([url, "--timeout", "2"]) == 2
    out, err = capsys.readouterr()
    assert "the service does not answer" in err and out == ""


def test_a_report_that_cannot_be_written_is_told_before_the_work(capsys, tmp_path) -> None:
    seen = []
    with serving(lambda request, body: seen.append(1) or same(404, None, b"")(request, body)) as url:
        for option in ("--json", "--html"):
            assert main([url, option, str(tmp_path / "no" / "report"), "--quiet"]) == 2
            assert str(tmp_path / "no") in capsys.readouterr().err
    assert seen == []


def hang(request: BaseHTTPRequestHandler, _: bytes) -> None:
    """No answer until the asker has left."""
    request.connection.settimeout(20)
    request.rfile.read(1)


def stall(request: BaseHTTPRequestHandler, _: bytes) -> None:
    """The beginning of an answer, and never the rest."""
    request.send_response(200)
    request.send_header("Content-Length", "100")
    request.end_headers()
    request.wfile.write(b"<")
    request.wfile.flush()
    hang(request, b"")


def drip(request: BaseHTTPRequestHandler, _: bytes) -> None:
    """An answer that always moves and never ends."""
    request.send_response(200)
    request.end_headers()
    gone = threading.Event()
    try:
        for _ in range(400):
            request.wfile.write(b"<")
            gone.wait(0.05)
    except OSError:
        gone.set()


def cut(request: BaseHTTPRequestHandler, _: bytes) -> None:
    """An answer that is shorter than it says."""
    same(200, XVOTABLE, b"<VOTABLE>", Content_Length="1000")(request, b"")
    request.close_connection = True


@pytest.mark.parametrize("answer", [hang, stall, drip, cut], ids=lambda each: each.__name__)
def test_a_server_that_does_not_finish_an_answer_is_status_2(answer, capsys) -> None:
    with serving(answer) as url:
        assert main([url, "--timeout", "0.3"]) == 2
    assert "the service does not answer" in capsys.readouterr().err


def test_a_server_that_hangs_half_way_is_asked_a_few_times_only(tmp_path, capsys) -> None:
    """Its capabilities come, its queries never: the run ends, nothing passes, and the exit status tells."""
    page = same(404, "text/plain", b"nothing here")

    def answer(request: BaseHTTPRequestHandler, body: bytes) -> None:
        (hang if "/sync" in request.path else page)(request, body)

    with serving(answer) as url:
        status, document = judge(url, tmp_path / "r.json", "--timeout", "2", "--only", "adql")
    assert status == 2
    assert "requests were left without an answer" in capsys.readouterr().err
    assert {r["verdict"] for r in document["requirements"]} == {"not_checked"}
    assert document["requests"] <= MAX_UNANSWERED + 4 + 1  # four checks at a time, and the capabilities


def test_requests_leave_the_interval_between_them() -> None:
    with serving(RUBBISH["nothing"]) as url:
        service = Service(url, interval=0.05)
        started = time.monotonic()
        for _ in range(4):
            service.get("x")
    assert service.requests_made == 4
    assert time.monotonic() - started >= 3 * 0.05


def test_the_token_is_sent_to_the_service_and_to_nobody_else() -> None:
    seen: list[str | None] = []

    def note(request: BaseHTTPRequestHandler, body: bytes) -> None:
        seen.append(request.headers.get("Authorization"))
        same(200, None, b"x")(request, body)

    with serving(note) as url, serving(note) as other:
        service = Service(url, token="secret")
        service.get("capabilities")
        service.get(f"{other}/elsewhere")
    assert seen == ["Bearer secret", None]


def test_it_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "conformance", "http://127.0.0.1:9"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
