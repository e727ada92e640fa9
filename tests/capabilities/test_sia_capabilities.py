"""Capabilities of the image search and of cone searches: valid, saying what they were told and no more."""

from __future__ import annotations

import io

from pyvo.io.vosi import parse_capabilities
from xsd import Validate

from capabilities.cone import Cone, ConeSearch, cone_capabilities, cone_capability_elements
from capabilities.security import Login
from capabilities.sia import SiaService, sia_capabilities, sia_capability_elements

XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
BASE = "https://archive.example.org/vo/sia2"
CONE = "https://archive.example.org/vo/cone/a.b"
LOGIN = Login(("ivo://ivoa.net/sso#BasicAA", "ivo://ivoa.net/sso#OAuth"))


def test_the_document_of_the_image_search(validate: Validate) -> None:
    # SIA-110, SIA-111
    root = validate(sia_capabilities(SiaService(f"{BASE}/")))
    addresses = {one.get("standardID"): one.findtext("interface/accessURL") for one in root}
    assert addresses == {
        "ivo://ivoa.net/std/SIA#query-2.0": f"{BASE}/query",
        "ivo://ivoa.net/std/VOSI#capabilities": f"{BASE}/capabilities",
        "ivo://ivoa.net/std/VOSI#availability": f"{BASE}/availability",
    }
    [interface] = root[0]
    assert interface.get(XSI + "type") == "vs:ParamHTTP" and interface.get("role") == "std"
    assert interface.get("version") == "2.0"


def test_logins_stand_beside_the_anonymous_way(validate: Validate) -> None:
    # SIA-113, AUTH-021: the first interface is for everybody
    root = validate(sia_capabilities(SiaService(BASE, LOGIN)))
    methods = [one.find("securityMethod") for one in root[0]]
    assert [None if one is None else one.get("standardID") for one in methods] == [None, *LOGIN.methods]
    root = validate(cone_capabilities(ConeSearch(CONE, 10, login=LOGIN)))
    assert len(root[0].findall("interface")) == 3


def test_the_document_of_a_cone_search(validate: Validate) -> None:
    # SCS-001, SCS-024, SCS-025
    search = ConeSearch(f"{CONE}/", 1000, Cone(10.5, -3.0, 0.1), "Rows of a table.")
    root = validate(cone_capabilities(search))
    assert root[0].get(XSI + "type") == "cs:ConeSearch"
    assert root[0].findtext("interface/accessURL") == f"{CONE}?"
    found = {one.tag: one.text for one in root[0].iter() if not len(one)}
    assert {name: found[name] for name in ("maxSR", "maxRecords", "verbosity", "ra", "dec", "sr")} == {
        **{"maxSR": "180.0", "maxRecords": "1000", "verbosity": "true"},
        **{"ra": "10.5", "dec": "-3.0", "sr": "0.1"},
    }
    assert found["description"] == "Rows of a table."
    assert validate(cone_capabilities(ConeSearch(CONE, 1)))[0].find("testQuery") is None


def test_pyvo_reads_them() -> None:
    # SIA-110; of cone searches it has no class, and says so
    found = parse_capabilities(io.BytesIO(sia_capabilities(SiaService(BASE))))
    assert next(one.standardid for one in found) == "ivo://ivoa.net/std/SIA#query-2.0"


def test_records_have_the_same_elements() -> None:
    # REG-083
    assert len(sia_capability_elements(SiaService(BASE))) == 3
    assert len(cone_capability_elements(ConeSearch(CONE, 5))) == 3
