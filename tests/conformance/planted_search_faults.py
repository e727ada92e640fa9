"""Faults for the checks of image searches and of cone searches, each with the id of its check."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import quote_plus

from faulty_proxy import Asked
from planting import (
    Planted,
    at,
    edited,
    first_alone,
    forgiven,
    ignored,
    kept,
    misdeclared,
    misheard,
    swapped,
    told,
    turned,
)

SIA = at("/sia2/query")
CONE = at("/cone/ivoa.obscore")
ASKED = at(r"/cone/ivoa.obscore\?")


def _without_body(asked: Asked) -> Asked:
    return replace(asked, body=b"")


def _few_for_many(asked: Asked) -> Asked:
    others = {"1": "3", "3": "1"}
    return replace(asked, target=re.sub(r"(?<=VERB=)[13]", lambda found: others[found[0]], asked.target))


def _halved(asked: Asked) -> Asked:
    return replace(
        asked, target=re.sub(r"(?<=SR=)[^&]+", lambda found: repr(float(found[0]) / 2.0), asked.target)
    )


SEARCH_FAULTS: list[Planted] = [
    *misdeclared("SIA-110", at("/sia2/capabilities"), b"SIA#query-2.0"),
    ("SIA-110", "no role", swapped(at("/sia2/capabilities"), b' role="std"', b"")),
    ("SIA-111", "perhaps", swapped(at("/sia2/availability"), b">true<", b">perhaps<")),
    ("SIA-111", "not declared", swapped(at("/sia2/capabilities"), b"VOSI#availability", b"VOSI#none")),
    ("SIA-006", "a constraint is needed", kept(at("/sia2/query$", "GET"), 400)),
    ("SIA-003", "POST is not read", misheard(at("/sia2/query", "POST"), _without_body)),
    ("SIA-003", "multipart is refused", kept(at("/sia2/query", "POST", b"unused.txt"), 415)),
    ("SIA-004", "capitals alone", turned(SIA, "iD=", "xD=")),
    ("SIA-004", "another case is another one", turned(SIA, "&Id=", "&x=")),
    ("SIA-007", "the first one only", first_alone(SIA, "ID")),
    ("SIA-007", "any of the parameters will do", ignored(SIA, "CALIB")),
    ("SIA-020", "nonsense is taken", forgiven(SIA)),
    ("SIA-046", "is ignored", ignored(SIA, "FOV")),
    ("SIA-046", "ends are left out", turned(SIA, "EXPTIME=-Inf+", "EXPTIME=-Inf+0.999999+0")),
    ("SIA-046", "infinity in one spelling", kept(at("SPATRES=-inf"), 400)),
    ("SIA-041", "BAND is ignored", ignored(SIA, "BAND")),
    ("SIA-041", "TIME is ignored", ignored(SIA, "TIME")),
    ("SIA-041", "one number is none", kept(at(r"BAND=[^+&]*$"), 400)),
    ("SIA-030", "POS is ignored", ignored(SIA, "POS")),
    ("SIA-030", "the first one only", first_alone(SIA, "POS")),
    ("SIA-033", "no polygons", kept(at("POLYGON"), 400)),
    ("SIA-033", "anything is inside", ignored(at("POLYGON"), "POS")),
    ("SIA-036", "no open ends", kept(at(r"RANGE\+-Inf"), 400)),
    ("SIA-036", "anything is inside", ignored(at("RANGE"), "POS")),
    ("SIA-044", "is ignored", ignored(SIA, "POL")),
    ("SIA-044", "is not found", turned(SIA, "POL=XX", "POL=POLI")),
    ("SIA-052", "case counts", turned(SIA, f"ID={quote_plus('IVO://')}", "ID=X")),
    ("SIA-053", "is ignored", ignored(SIA, "COLLECTION")),
    ("SIA-053", "case does not count", turned(SIA, "COLLECTION=alma", "COLLECTION=ALMA")),
    ("SIA-056", "is ignored", ignored(SIA, "DPTYPE")),
    ("SIA-056", "spectra are found", ignored(at("DPTYPE=spectrum"), "DPTYPE")),
    ("SIA-071", "is not told", swapped(SIA, b'"OVERFLOW"', b'"OK"')),
    (
        "SIA-071",
        "is told always",
        edited(SIA, rb"</TABLE>", b'</TABLE><INFO name="QUERY_STATUS" value="OVERFLOW"/>'),
    ),
    ("SIA-071", "is ignored", ignored(at("MAXREC=1$"), "MAXREC")),
    ("SIA-072", "a row comes", turned(SIA, "MAXREC=0", "MAXREC=1")),
    ("SIA-072", "an error", kept(at("MAXREC=0"), 400)),
    ("SIA-074", "no type", swapped(SIA, b'RESOURCE type="results"', b"RESOURCE")),
    ("SIA-074", "no status", swapped(SIA, b'name="QUERY_STATUS"', b'name="STATUS"')),
    ("SIA-078", "a column is missing", swapped(SIA, b'name="em_min"', b'name="em_low"')),
    ("SIA-078", "another unit", edited(SIA, rb'(name="t_min"[^>]*unit=")d"', rb'\1s"')),
    ("SIA-078", "another utype", swapped(SIA, b"Char.TimeAxis.Coverage.Bounds", b"Char.TimeAxis.Bounds")),
    ("SIA-093", "no description", swapped(SIA, b'name="this"', b'name="that"')),
    ("SIA-093", "another address", swapped(SIA, b"/sia2/query", b"/sia2/sync")),
    ("SIA-093", "no parameters", swapped(SIA, b'name="inputParams"', b'name="params"')),
    ("SIA-100", "words of SODA", swapped(SIA, b"UsageFault", b"UsageError")),
    ("SIA-100", "no status", swapped(SIA, b'value="ERROR"', b'value="OK"')),
    ("SIA-103", "always 200", forgiven(SIA)),
    ("SIA-103", "always VOTable", told(at("csv"), lambda t: t.named(Content_Type="text/xml"))),
    ("SCS-001", "an empty one is an error", kept(at(r"\?&RA"), 400)),
    ("SCS-003", "one order alone", kept(at(r"\?SR"), 400)),
    ("SCS-004", "a default radius", turned(at("RA=10&DEC=10$"), "RA", "SR=1&RA")),
    ("SCS-004", "declinations are cut", turned(CONE, "DEC=91", "DEC=90")),
    ("SCS-020", "another name", swapped(CONE, b'name="Error"', b'name="error"')),
    ("SCS-020", "no reason", edited(CONE, rb'(name="Error" value=")[^"]*', rb"\1")),
    ("SCS-021", "no status", swapped(CONE, b'value="ERROR"', b'value="OK"')),
    ("SCS-021", "always 200", forgiven(CONE)),
    ("SCS-006", "an error", kept(at("SR=0$"), 400)),
    ("SCS-009", "no key", swapped(at("VERB=3"), b"meta.id;meta.main", b"meta.id")),
    ("SCS-009", "no position", swapped(at("VERB=2"), b"pos.eq.dec;meta.main", b"pos.eq.dec")),
    ("SCS-009", "the wrong way round", misheard(CONE, _few_for_many)),
    ("SCS-011", "is ignored", turned(ASKED, "SR=", "SR=180&x=")),
    ("SCS-011", "diameters are taken for radii", misheard(at(r"&SR=(?!180)"), _halved)),
    ("SCS-011", "nothing is found", turned(at(r"SR=0\.001$"), "DEC=", "DEC=-0&x=")),
    ("SCS-014", "no type", edited(CONE, rb'RESOURCE type="\w+"', b"RESOURCE")),
    (
        "SCS-014",
        "something in front",
        edited(CONE, rb'(<RESOURCE type="results")', rb'<RESOURCE type="meta"/>\1', 1),
    ),
    ("SCS-016", "UCDs of TAP", swapped(CONE, b"pos.eq.ra;meta.main", b"pos.eq.ra")),
    ("SCS-016", "two of them", swapped(CONE, b'ucd="meta.id"', b'ucd="meta.id;meta.main"')),
    ("SCS-023", "is an error", kept(at(r"SR=0\.0000001"), 400)),
    ("SCS-023", "has fewer columns", turned(CONE, "SR=0.0000001", "SR=0&VERB=1")),
    ("SCS-025", "another standard", swapped(CONE, b"std/ConeSearch", b"std/conesearch#query-1.1")),
    ("SCS-025", "a plain capability", swapped(CONE, b'"cs:ConeSearch"', b'"vr:Capability"')),
    ("SCS-025", "a query without rows", edited(CONE, rb"<dec>[^<]*</dec>", b"<dec>89.99</dec>")),
    ("SCS-027", "is not told", swapped(CONE, b'"OVERFLOW"', b'"OK"')),
]
