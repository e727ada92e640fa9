"""Capabilities and examples of the cut-out service: valid, and saying what they were told and no more."""

from __future__ import annotations

import re

import pytest
from lxml import etree
from pyvo.io.vosi import parse_capabilities
from xsd import Validate

from capabilities.examples_page import examples_page
from capabilities.security import Login
from capabilities.soda import SodaService, soda_capabilities
from capabilities.soda_examples import soda_examples

XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
BASE = "https://archive.example.org/vo/soda"
FACTS = {
    "did": "ivo://x/obs?a&b",
    "lon": "204.25",
    "lat": "-29.87",
    "radius": "0.001",
    "low": "2.305e11",
    "high": "2.306e11",
    "channel": "50",
}


def test_the_document_is_valid_and_names_both_endpoints(validate: Validate) -> None:
    # SODA-001, SODA-003, SODA-004, SODA-005
    root = validate(soda_capabilities(SodaService(f"{BASE}/", examples=True)))
    addresses = {one.get("standardID"): one.findtext("interface/accessURL") for one in root}
    assert addresses == {
        "ivo://ivoa.net/std/SODA#sync-1.0": f"{BASE}/sync",
        "ivo://ivoa.net/std/SODA#async-1.0": f"{BASE}/async",
        "ivo://ivoa.net/std/VOSI#capabilities": f"{BASE}/capabilities",
        "ivo://ivoa.net/std/VOSI#availability": f"{BASE}/availability",
        "ivo://ivoa.net/std/DALI#examples": f"{BASE}/examples",
    }
    for endpoint in root[:2]:
        (interface,) = endpoint
        assert interface.get(XSI + "type") == "vs:ParamHTTP" and interface.get("role") == "std"


def test_only_what_is_there_is_declared(validate: Validate) -> None:
    root = validate(soda_capabilities(SodaService(BASE, jobs=False)))
    assert [one.get("standardID").rpartition("/")[2] for one in root] == [
        "SODA#sync-1.0",
        "VOSI#capabilities",
        "VOSI#availability",
    ]


def test_logins_stand_beside_the_anonymous_way(validate: Validate) -> None:
    # SODA-007, AUTH-021: the first interface is for everybody
    login = Login(("ivo://ivoa.net/sso#BasicAA", "ivo://ivoa.net/sso#OAuth"))
    root = validate(soda_capabilities(SodaService(BASE, login=login)))
    for endpoint in root[:2]:
        methods = [one.find("securityMethod") for one in endpoint]
        assert [None if one is None else one.get("standardID") for one in methods] == [None, *login.methods]
        assert [one.get("role") for one in endpoint] == ["std", None, None]


def test_pyvo_finds_the_endpoint_by_its_standard() -> None:
    # SODA-004
    import io

    found = parse_capabilities(io.BytesIO(soda_capabilities(SodaService(BASE))))
    (sync,) = [one for one in found if one.standardid == "ivo://ivoa.net/std/SODA#sync-1.0"]
    assert sync.interfaces[0].accessurls[0].content == f"{BASE}/sync"


def test_examples_are_calls_with_generic_parameters() -> None:
    # SODA-006, DALI-021: well-formed, each value as it is to be sent
    listed = soda_examples({"cube": FACTS, "image": FACTS})
    page = etree.fromstring(examples_page("Cut-outs", listed))
    shown = [one for one in page.iter() if one.get("typeof") == "example"]
    assert len(shown) == len(listed) > 3
    for example, told in zip(shown, listed, strict=True):
        pairs = [one for one in example.iter() if one.get("property") == "generic-parameter"]
        found = {one[0].text: one[1].text for one in pairs}
        assert found == dict(told.parameters)
        assert found["ID"] == FACTS["did"] and len(found) > 1
        assert not any(re.search("[{}]", value) for value in found.values())
    assert any(one.capability == "ivo://ivoa.net/std/SODA#sync-1.0" for one in listed)


def test_what_is_no_subset_is_not_the_standard_s() -> None:
    # SODA-097
    for one in soda_examples({"cube": FACTS, "image": FACTS}):
        made = {"SPECTRUM", "MOMENT", "HEADER"} & {name for name, _ in one.parameters}
        assert (one.capability is None) == bool(made)


def test_without_data_there_are_no_examples() -> None:
    assert soda_examples({}) == ()
    assert {one.id for one in soda_examples({"image": FACTS})} < {
        one.id for one in soda_examples({"image": FACTS, "cube": FACTS})
    }
    with pytest.raises(KeyError):
        soda_examples({"cube": {"did": "x"}})
