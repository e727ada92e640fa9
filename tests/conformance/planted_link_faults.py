"""Faults for the checks of DataLink, each with the id of its check."""

from __future__ import annotations

import re
from dataclasses import replace

from faulty_proxy import Asked, Told
from planting import Planted, at, edited, ignored, misdeclared, misheard, status, swapped, told

LINKS = at("/datalink/sync")
BY_GET = at("/datalink/sync", "GET")
BY_POST = at("/datalink/sync", "POST")
SEVERAL = at("/datalink/sync", "POST", b"example.invalid")
_ROW = rb"<TR>(?:(?!</TR>).)*"


def _first_id(asked: Asked) -> Asked:
    """One value of ID is enough."""
    return replace(asked, body=re.sub(rb"&ID=[^&]*", b"", asked.body))


def _first_row_last(told: Told) -> Told:
    """The first row of a table becomes its last."""
    found = re.search(_ROW + rb"</TR>\s*", told.body, re.S)
    if found is None:
        return told
    body = told.body.replace(found[0], b"", 1)
    return replace(told, body=body.replace(b"</TABLEDATA>", found[0] + b"</TABLEDATA>", 1))


LINK_FAULTS: list[Planted] = [
    ("DL-001", "no POST", status(BY_POST, 405)),
    ("DL-001", "POST has no rows", edited(BY_POST, _ROW + rb"#this(?:(?!</TR>).)*</TR>", b"")),
    ("DL-003", "the first one only", misheard(SEVERAL, _first_id)),
    ("DL-004", "an error", status(at("/datalink/sync$"), 400)),
    ("DL-004", "no fields", edited(at("/datalink/sync$"), rb"<FIELD.*?</FIELD>", b"")),
    ("DL-008", "text/xml is not known", status(at("RESPONSEFORMAT=text"), 400)),
    (
        "DL-008",
        "text/xml under another name",
        told(at("RESPONSEFORMAT=text"), lambda t: t.named(Content_Type="application/x-votable+xml")),
    ),
    ("DL-008", "parameters are not known", status(at("content%3Ddatalink"), 400)),
    ("DL-010", "capitals alone", ignored(BY_GET, "i[dD]")),
    ("DL-021", "not named", edited(LINKS, rb'<INFO name="standardID"[^>]*>', b"")),
    ("DL-022", "not told", edited(LINKS, rb'<INFO name="QUERY_STATUS"[^>]*>', b"")),
    ("DL-022", "told as ERROR", swapped(LINKS, b'value="OK"', b'value="ERROR"')),
    ("DL-023", "another name", swapped(LINKS, b'name="service_def"', b'name="service_id"')),
    ("DL-023", "no unit", swapped(LINKS, b'unit="byte"', b"")),
    ("DL-023", "a number of another type", swapped(LINKS, b'datatype="long"', b'datatype="int"')),
    ("DL-024", "none", edited(LINKS, rb"<TD>http[^<]*</TD>", b"<TD></TD>", 1)),
    (
        "DL-024",
        "two",
        edited(LINKS, rb"(<TD>http[^<]*</TD>)<TD></TD>", rb"\1<TD>soda-sync</TD>", 1),
    ),
    ("DL-025", "one apart", told(SEVERAL, _first_row_last)),
    ("DL-031", "in small letters", swapped(LINKS, b"IVO://Example", b"ivo://example")),
    ("DL-031", "cut", swapped(LINKS, b"#f ", b" ")),
    ("DL-032", "relative", edited(LINKS, rb"<TD>http://[^/]*", b"<TD>", 1)),
    ("DL-032", "with blanks", swapped(LINKS, b"/files/", b"/files/ ")),
    ("DL-034", "nowhere", swapped(LINKS, b' ID="soda-', b' ID="xoda-')),
    ("DL-034", "twice", edited(LINKS, rb' ID="soda-[^"]*"', b' ID="soda-sync-1"')),
    ("DL-036", "no word", swapped(LINKS, b"UsageFault: ", b"Sorry: ")),
    ("DL-036", "all fail", status(SEVERAL, 404)),
    ("DL-038", "without a hash", swapped(LINKS, b"<TD>#this</TD>", b"<TD>this</TD>")),
    ("DL-038", "another term", swapped(LINKS, b"<TD>#preview</TD>", b"<TD>#picture</TD>")),
    (
        "DL-038",
        "the whole address",
        swapped(LINKS, b"<TD>#this", b"<TD>http://www.ivoa.net/rdf/datalink/core#this"),
    ),
    ("DL-043", "a byte more", edited(LINKS, rb"<TD>(\d+)</TD>", rb"<TD>\g<1>1</TD>")),
    ("DL-064", "no error", swapped(at("x-nonsense"), b'value="ERROR"', b'value="OK"')),
    ("DL-064", "words of SODA", swapped(at("x-nonsense"), b"UsageFault", b"UsageError")),
    *misdeclared("DL-068", at("/datalink/capabilities"), b"DataLink#links"),
    ("DL-090", "no accessURL", swapped(LINKS, b'name="accessURL"', b'name="address"')),
    ("DL-090", "no group", swapped(LINKS, b'name="inputParams"', b'name="inputs"')),
    ("DL-090", "leads nowhere", edited(LINKS, rb'(name="ID"[^>]*) value="[^"]+"', rb'\1 value="" ref="no"')),
    ("DL-090", "twice", swapped(LINKS, b'<PARAM name="POS"', b'<PARAM name="BAND"')),
]
