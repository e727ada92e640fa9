"""Namespaces: what is VOTable's, by any prefix, and what is somebody else's."""

from __future__ import annotations

import pytest
from upload_tables import NAMESPACE, fault_of, read, rows_of

TABLE = (
    '<TABLE><FIELD name="x" datatype="int"/><DATA><TABLEDATA><TR><TD>1</TD></TR></TABLEDATA></DATA></TABLE>'
)
OURS = f'xmlns="{NAMESPACE}"'
FAILED = "<INFO xmlns='urn:y' name='QUERY_STATUS' value='ERROR'/>"


@pytest.mark.parametrize(
    "text",
    [
        f"<VOTABLE {OURS}><RESOURCE><x xmlns='urn:x'><TABLE/></x>{TABLE}</RESOURCE></VOTABLE>",
        f"<VOTABLE {OURS}><x:x xmlns:x='u:x'><x:y xmlns='u:y'/></x:x><RESOURCE>{TABLE}</RESOURCE></VOTABLE>",
        f"<VOTABLE xmlns:x='urn:x'><x:TABLE/><RESOURCE {OURS} xmlns:x='{NAMESPACE}'><x:INFO/></RESOURCE>"
        f"<x:TABLE/>{TABLE}</VOTABLE>",
        f"<VOTABLE xmlns:x='urn:x'><RESOURCE xmlns:x=''>{TABLE}</RESOURCE><x:TABLE/></VOTABLE>",
        f"<a:VOTABLE xmlns:a='u:x' xmlns:b='u:x'><b:RESOURCE xmlns='u:x'>{TABLE}</b:RESOURCE></a:VOTABLE>",
        f"<VOTABLE xmlns:x='u:x'><RESOURCE xmlns:x=''><x:INFO/></RESOURCE>"
        f"<x:INFO name='QUERY_STATUS' value='ERROR'/>{TABLE}</VOTABLE>",
        f"<VOTABLE><RESOURCE xml:lang='en'>{FAILED}{TABLE}</RESOURCE></VOTABLE>",
        f"<VOTABLE>{TABLE.replace('<TABLEDATA>', f'<TABLEDATA {OURS}>')}<TABLE/></VOTABLE>",
        f"<VOTABLE><RESOURCE><x xmlns='urn:x'><x xmlns='urn:y'/><a:b/></x>{TABLE}</RESOURCE></VOTABLE>",
    ],
)
def test_a_namespace_holds_within_its_element(text: str) -> None:
    # VOT-003, VOT-109
    assert rows_of(read(text)) == [(1,)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"<VOTABLE><x:RESOURCE>{TABLE}</x:RESOURCE></VOTABLE>", "the prefix 'x'"),
        (f"<VOTABLE><y xmlns:x='urn:x'/><x:y/>{TABLE}</VOTABLE>", "the prefix 'x'"),
        (f"<v:VOTABLE xmlns:v='urn:v'>{TABLE.replace('TD>', 'u:TD>')}</v:VOTABLE>", "the prefix 'u'"),
        (f"<VOTABLE xmlns:u='urn:u'>{TABLE.replace('TD>', 'u:TD>')}</VOTABLE>", "'u:TD' has no place"),
        (f"<VOTABLE xmlns:u='urn:u'><u:RESOURCE>{TABLE}</u:RESOURCE></VOTABLE>", "no TABLE"),
        ("<v:TABLE xmlns:v='urn:v'/>", "its root element is 'TABLE'"),
        ("<v:VOTABLE/>", "the prefix 'v'"),
    ],
)
def test_names_that_are_none_of_ours(text: str, told: str) -> None:
    # VOT-003, VOT-109, VOT-190
    assert told in fault_of(text).message
