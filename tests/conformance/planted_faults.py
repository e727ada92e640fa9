"""Faults for the checks of jobs, uploads, logins, registry and cut-outs, each with the id of its check."""

from __future__ import annotations

import re
from dataclasses import replace

from faulty_proxy import Asked, Fault, Told
from planting import (
    Planted,
    at,
    deaf,
    edited,
    first_alone,
    forgiven,
    ignored,
    kept,
    misdeclared,
    misheard,
    status,
    swapped,
    told,
    turned,
)

_TABLE = (
    b'<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE type="results">'
    b'<INFO name="QUERY_STATUS" value="OK"/></RESOURCE></VOTABLE>'
)
_VOTABLE = {"Content-Type": "application/x-votable+xml"}
_BASIC = b'<securityMethod standardID="ivo://ivoa.net/sso#BasicAA"/>'
JOB = at(r"/async/[^/]+$", "GET")
CAPABILITIES = at("/tap/capabilities")
MANAGED = at("verb=ListRecords.*ivo_vor")


def open_list() -> Fault:
    """The job list names the jobs of everybody."""
    made: list[str] = []

    def tell(asked: Asked, told: Told) -> Told:
        if asked.method == "POST" and asked.target == "/tap/async":
            made.append(told.header("location").rpartition("/")[2])
        if asked.method == "GET" and asked.target == "/tap/async":
            listed = "".join(f'<uws:jobref id="{name}"/>' for name in made).encode()
            return told.swap(b"</uws:jobs>", listed + b"</uws:jobs>")
        return told

    return Fault(tell=tell)


def _renumbered(asked: Asked) -> Asked:
    return replace(asked, body=re.sub(rb"\d{9}", b"123456789", asked.body))


def _without_query(asked: Asked) -> Asked:
    return replace(asked, target=asked.target.partition("?")[0])


SYNC = at("/tap/sync", "POST")
SODA = at("/soda/sync")
NOWHERE = at("/soda/sync.*example.invalid")

FAULTS: list[Planted] = [
    ("UWS-040", "made with 200", status(at("/async$", "POST"), 200)),
    ("UWS-040", "another jobId", edited(JOB, rb"(jobId>)[^<]+", rb"\1other")),
    ("UWS-021", "begins as QUEUED", swapped(at("/phase$", "GET"), b"PENDING", b"QUEUED")),
    ("UWS-021", "QUEUED in the document", swapped(JOB, b"PENDING", b"QUEUED")),
    ("UWS-006", "phase as HTML", told(at("/phase$"), lambda t: t.named(Content_Type="text/html"))),
    ("UWS-006", "the job as text", told(JOB, lambda t: t.named(Content_Type="text/plain"))),
    ("UWS-061", "no version of the job", edited(JOB, rb' version="1.1"', b"")),
    ("UWS-061", "no version of the list", edited(at("/async$", "GET"), rb' version="1.1"', b"")),
    ("UWS-063", "no startTime", edited(JOB, rb"<uws:startTime[^>]*>", b"")),
    ("UWS-047", "characters lost", swapped(JOB, "ü".encode(), b"?")),
    ("UWS-047", "no parameters", edited(JOB, rb"<uws:parameters>.*</uws:parameters>", b"")),
    ("DALI-014", "taken when it is over", status(at("/parameters$", "POST", b"MAXREC=2"), 303)),
    ("DALI-014", "not taken", kept(at("/parameters$", "POST"), 303)),
    ("UWS-030", "another query is run", misheard(at("/async$", "POST"), _renumbered)),
    ("UWS-030", "does not start", kept(at("/phase$", "POST"), 303)),
    ("UWS-068", "another name of the result", swapped(JOB, b'id="result"', b'id="table"')),
    ("UWS-068", "an address that is wrong", swapped(JOB, b"/results/result", b"/results/nothing")),
    ("UWS-080", "WAIT is ignored", misheard(at("WAIT=", "GET"), _without_query)),
    ("UWS-031", "goes on", misheard(at("/phase$", "POST"), lambda a: a.swap(b"ABORT", b"RUN"))),
    ("UWS-031", "answered with 200", status(at("/phase$", "POST"), 200)),
    ("UWS-015", "nonsense is taken", status(at("/phase$", "POST", b"FOO"), 303)),
    ("UWS-015", "nonsense starts it", misheard(at("/phase$", "POST"), lambda a: a.swap(b"FOO", b"RUN"))),
    ("UWS-071", "gives no reason", edited(JOB, rb"<uws:message>.*</uws:message>", b"")),
    ("UWS-071", "has no error document", kept(at("/error$"), 404)),
    ("UWS-071", "ends well", swapped(at("/phase$", "GET"), b"ERROR", b"COMPLETED")),
    ("UWS-115", "nonsense is taken", status(at("/executionduration$", "POST", b"soon"), 303)),
    ("UWS-115", "is not set", kept(at("/executionduration$", "POST", b"=7"), 303)),
    (
        "UWS-111",
        "another time in the job",
        edited(JOB, rb"(destruction>)[^<]+", rb"\g<1>2999-01-01T00:00:00Z"),
    ),
    ("UWS-111", "answered with 200", status(at("/destruction$", "POST"), 200)),
    ("UWS-090", "lists what others made", open_list()),
    ("UWS-116", "DELETE does nothing", kept(at("/async/[^/]+$", "DELETE"), 303)),
    ("UWS-116", "ACTION=DELETE is 200", status(at("/async/[^/]+$", "POST", b"DELETE"), 200)),
    ("UWS-116", "its results stay", status(at("/results$", "GET"), 200)),
    ("TAP-097", "declares none and takes them", edited(CAPABILITIES, rb"<uploadMethod[^>]*>", b"")),
    ("TAP-294", "no http", edited(CAPABILITIES, rb"<uploadMethod[^>]*#upload-http\"\s*/>", b"")),
    ("TAP-080", "BINARY is not read", status(at("/sync", "POST", b"<BINARY>"), 400)),
    ("TAP-080", "BINARY2 is not read", kept(at("/sync", "POST", b"<BINARY2>"), 500)),
    ("TAP-090", "a double is rounded", misheard(SYNC, lambda a: a.swap(b">1.5<", b">1.25<"))),
    ("TAP-090", "long integers are cut", misheard(SYNC, lambda a: a.swap(str(2**40).encode(), b"0"))),
    ("TAP-090", "texts are cut", misheard(SYNC, lambda a: a.swap(b"&lt;&amp;&gt;", b"&lt;"))),
    ("TAP-086", "names are changed", misheard(SYNC, lambda a: a.swap(b'name="my col"', b'name="my_col"'))),
    ("TAP-087", "the first one only", misheard(SYNC, lambda a: a.swap(b"b,param:q", b"c,param:q"))),
    ("TAP-081", "any part will do", misheard(SYNC, lambda a: a.swap(b"param:other", b"param:p"))),
    ("TAP-083", "digits may begin", misheard(SYNC, lambda a: a.swap(b"1a,param", b"a1,param"))),
    ("TAP-083", "blanks are dropped", misheard(SYNC, lambda a: a.swap(b"a b,param", b"ab,param"))),
    (
        "TAP-093",
        "reads entities",
        Fault(ask=lambda a: Told(200, _VOTABLE, _TABLE) if b"ENTITY" in a.body else a),
    ),
    ("TAP-085", "uploads are listed", misheard(SYNC, lambda a: a.swap(b" LIKE ", b" NOT LIKE "))),
    (
        "TAP-085",
        "the upload stays",
        misheard(
            at("/sync", "POST", b"SELECT+n%2C"),
            lambda asked: asked.swap(b"+n%2C", b"+1%2C").swap(b"TAP_UPLOAD.mine", b"TAP_SCHEMA.tables AS t"),
        ),
    ),
    (
        "AUTH-006",
        "a login for availability",
        edited(CAPABILITIES, rb"(VOSI#availability.*?)(</interface>)", rb"\1" + _BASIC + rb"\2", 1),
    ),
    (
        "AUTH-002",
        "HEAD tells of more",
        told(at("", "HEAD"), lambda t: t.named(WWW_Authenticate="Basic realm=x")),
    ),
    ("AUTH-002", "HEAD is not known", status(at("", "HEAD"), 405)),
    ("AUTH-035", "nobody is somebody", told(CAPABILITIES, lambda t: t.named(X_VO_Authenticated="nobody"))),
    ("AUTH-031", "falls back to anonymous", deaf(at("/sync"), "authorization")),
    ("AUTH-031", "refuses with 403", status(at("/sync", "GET"), 403)),
    (
        "AUTH-027",
        "a name of its own",
        edited(CAPABILITIES, rb"</interface>", b'<securityMethod standardID="basic"/></interface>'),
    ),
    (
        "AUTH-027",
        "the name as text",
        edited(CAPABILITIES, rb"</interface>", b"<securityMethod>BasicAA</securityMethod></interface>"),
    ),
    ("AUTH-004", "no challenge", edited(CAPABILITIES, rb"</interface>", _BASIC + b"</interface>")),
    ("REG-002", "no sets", status(at("verb=ListSets"), 404)),
    ("REG-002", "as a page", told(at("verb=GetRecord"), lambda t: t.named(Content_Type="text/html"))),
    (
        "REG-020",
        "no address of its keeper",
        edited(at("Identify"), rb"<(\w+:)?adminEmail>.*?adminEmail>", b""),
    ),
    ("REG-020", "days", swapped(at("Identify"), b"YYYY-MM-DDThh:mm:ssZ", b"YYYY-MM-DD")),
    (
        "REG-020",
        "no record of its own",
        edited(at("Identify"), rb"<(\w+:)?description>.*\w*description>", b""),
    ),
    ("REG-020", "a type of no namespace", swapped(at("Identify"), b'="vg:Registry"', b'="Registry"')),
    ("REG-006", "another code", swapped(at("more=1"), b"badArgument", b"badVerb")),
    ("REG-006", "another status", status(at("verb=Nonsense"), 400)),
    ("REG-026", "another prefix", swapped(at("ListMetadataFormats"), b"ivo_vor", b"vor")),
    (
        "REG-027",
        "a record of no set",
        edited(MANAGED, rb"<(\w+:)?setSpec>ivo_managed</(\w+:)?setSpec>", b"", 1),
    ),
    ("REG-027", "no such set", swapped(at("ListSets"), b"ivo_managed", b"managed")),
    ("REG-041", "another identifier", edited(MANAGED, rb"(header>\s*<[\w:]*identifier>)", rb"\1ivo://x/", 1)),
    ("REG-041", "days", edited(MANAGED, rb"(datestamp>[\d-]+)T[\d:]+Z", rb"\1", 1)),
    ("REG-051", "nobody's authority", edited(MANAGED, rb'="vg:Authority"', b'="vr:Organisation"')),
    *misdeclared("SODA-004", at("/soda/capabilities"), b"SODA#"),
    ("SODA-004", "no role", swapped(at("/soda/capabilities"), b' role="std"', b"")),
    ("SODA-005", "perhaps", swapped(at("/soda/availability"), b">true<", b">perhaps<")),
    ("SODA-015", "is empty", Fault(ask=lambda a: Told(204) if NOWHERE(a) else a)),
    ("SODA-015", "other words", swapped(NOWHERE, b"UsageError", b"NotFoundFault")),
    ("SODA-014", "capitals alone", turned(SODA, "cIr", "xIr")),
    ("SODA-014", "lower case is ignored", ignored(SODA, "circle")),
    ("SODA-011", "the first one only", first_alone(SODA, "CIRCLE")),
    ("SODA-011", "another word", swapped(SODA, b"MultiValuedParamNotSupported", b"UsageError")),
    ("SODA-050", "an error", told(SODA, lambda t: Told(400, {}, b"UsageError") if t.status == 204 else t)),
    ("SODA-050", "an empty file", told(SODA, lambda t: replace(t, status=200) if t.status == 204 else t)),
    ("SODA-054", "words of DataLink", swapped(SODA, b"UsageError", b"UsageFault")),
    ("SODA-054", "no error", forgiven(SODA)),
    ("REG-051", "not itself", edited(MANAGED, rb'="vg:Registry"', b'="vr:Service"')),
]
