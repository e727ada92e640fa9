"""XML as it is written: any text comes back through a parser, in elements and in attributes."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree

from vo_service.formats.xml_document import XLINK, XMLDocument, is_legal, legal

texts = st.text(st.characters(max_codepoint=0x1FFFF))
NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@given(texts, texts)
@example("a\r\n\tb", " a\r\n\tb ")
@example("]]>&lt;<!--", "\"'&#10;<")
@example("\x00\x0b\ufffe\ud800", "\x1f\uffff\udfff")
def test_any_text_comes_back(text: str, value: str) -> None:
    # VOT-075, VOT-076, VOT-077
    document = XMLDocument()
    document.declare()
    with document.element("a", {"b": value, "none": None}):
        document.leaf("c", text, {"x:d": value, "xmlns:x": XLINK})
    root = etree.fromstring(document.taken())
    assert dict(root.attrib) == {"b": legal(value)}
    assert (root[0].text or "") == legal(text)
    assert dict(root[0].attrib) == {f"{{{XLINK}}}d": legal(value)}


@given(texts)
def test_what_xml_cannot_hold_is_replaced(text: str) -> None:
    # VOT-077
    assert legal(text) == NOT_IN_XML.sub("\ufffd", text)
    assert is_legal(text) == (NOT_IN_XML.search(text) is None)


def test_what_was_taken_is_gone() -> None:
    document = XMLDocument()
    document.open("a")
    document.raw("<b/>")
    assert document.taken() == b"<a><b/>"
    document.close("a")
    assert document.taken() == b"</a>\n"
    assert document.taken() == b""
