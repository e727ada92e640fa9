"""The examples page: XHTML with RDFa, as DALI asks, and as pyvo and browsers read it."""

from __future__ import annotations

import re

import pytest
from lxml import etree

from capabilities.examples import examples
from capabilities.examples_page import PageExample, examples_page, tap_examples

X = "{http://www.w3.org/1999/xhtml}"
OTHER = PageExample(
    "cut-out",
    "A <small> cube & more",
    "Part of a cube.",
    parameters=(("ID", "ivo://x/obs?a&b"), ("BAND", "1e-3 2e-3")),
    capability="ivo://ivoa.net/std/SODA#sync-1.0",
)


@pytest.fixture(scope="module")
def page() -> etree._Element:
    return etree.fromstring(examples_page("Queries & more", [*tap_examples(), OTHER]))


def properties(example: etree._Element, name: str) -> list[str]:
    found = [one for one in example.iter() if one.get("property") == name]
    assert all(len(one) == 0 for one in found)  # plain text
    return [one.text for one in found]


def test_one_vocabulary_holds_all_examples(page) -> None:
    # TAP-311, TAP-312, DALI-021, DALI-022
    assert page.tag == f"{X}html"
    (holder,) = [one for one in page.iter() if one.get("vocab") is not None]
    assert holder.get("vocab") == "http://www.ivoa.net/rdf/examples#"
    inside = [one for one in holder.iter() if one.get("typeof") == "example"]
    assert inside == [one for one in page.iter() if one.get("typeof") == "example"]
    assert len(inside) == len(examples()) + 1
    assert page.find(f".//{X}script") is None
    source = examples_page("Queries", tap_examples()).decode()
    assert not re.search(r"&(?!lt;|gt;|amp;)", source)  # no entities but XML's own


def test_each_example_points_to_itself_and_has_one_name(page) -> None:
    # TAP-313, TAP-314, TAP-315, DALI-023, DALI-024, DALI-027
    found = [one for one in page.iter() if one.get("typeof") == "example"]
    ids = [one.get("id") for one in found]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[A-Za-z_][\w.-]*", one) for one in ids)
    for example, given in zip(found, [*tap_examples(), OTHER], strict=True):
        assert example.get("resource") == f"#{given.id}"
        assert properties(example, "name") == [given.name]
        # TAP-319: decoded once it is the query as it was
        assert properties(example, "query") == ([] if given.query is None else [given.query])
        assert properties(example, "table") == list(given.tables)


def test_parameters_of_other_services(page) -> None:
    # DALI-025, DALI-026
    example = page.xpath("//*[@id='cut-out']")[0]
    pairs = [one for one in example.iter() if one.get("property") == "generic-parameter"]
    assert {one.get("typeof") for one in pairs} == {"keyval"}
    told = [(properties(one, "key"), properties(one, "value")) for one in pairs]
    assert told == [([key], [value]) for key, value in OTHER.parameters]
    assert properties(example, "capability") == ["ivo://ivoa.net/std/SODA#sync-1.0"]


def test_nothing_but_rdfa_lite(page) -> None:
    # TAP-316, DALI-028, DALI-029, DALI-030
    for one in page.iter():
        assert not {"content", "about", "rel", "rev", "datatype"} & set(one.attrib)
        if one.get("property") is not None:
            assert not {"href", "src"} & set(one.attrib)
    assert {one.get("property") for one in page.iter()} == {
        None,
        "name",
        "query",
        "table",
        "generic-parameter",
        "key",
        "value",
        "capability",
    }


def test_tables_are_those_that_the_query_reads() -> None:
    tables = {one.id: one.tables for one in tap_examples()}
    assert tables["radio-extension"] == ("ivoa.obscore", "ivoa.obscore_radio")
    assert tables["cone"] == ("ivoa.obscore",)
    assert tables["companions"] == ("ivoa.obscore", "holdings.product")
    assert all(tables.values())


def test_two_examples_of_one_id_are_refused() -> None:
    with pytest.raises(ValueError, match="an id of its own"):
        examples_page("Twice", [OTHER, OTHER])
