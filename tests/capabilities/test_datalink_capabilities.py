"""The capabilities of DataLink: two identifiers of one endpoint, the endpoints of VOSI, ways to log in."""

from __future__ import annotations

import pytest
from lxml import etree
from xsd import Validate

from capabilities.datalink import DataLinkService, datalink_capabilities, datalink_capability_elements
from capabilities.security import Login

TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
BASIC = "ivo://ivoa.net/sso#BasicAA"


@pytest.mark.parametrize("base", ["https://vo.example.org/x/datalink", "https://vo.example.org/x/datalink/"])
@pytest.mark.parametrize("login", [Login(), Login((BASIC,)), Login((BASIC,), required=True)], ids=str)
def test_both_versions_are_declared(base: str, login: Login, validate: Validate) -> None:
    # DL-068, DL-069, AUTH-020 to AUTH-023
    root = validate(datalink_capabilities(DataLinkService(base, login)))
    declared = [one.get("standardID") for one in root]
    assert declared == [
        "ivo://ivoa.net/std/DataLink#links-1.1",
        "ivo://ivoa.net/std/DataLink#links-1.0",
        "ivo://ivoa.net/std/VOSI#capabilities",
        "ivo://ivoa.net/std/VOSI#availability",
    ]
    for capability in root[:2]:
        for interface in capability:
            check_interface(interface)
        roles = [interface.get("role") for interface in capability]
        assert roles.count("std") == 1 and roles[0] == "std"
        methods = [one.get("standardID") for one in capability.iter("securityMethod")]
        assert methods == list(login.methods)
        first = capability[0].find("securityMethod")
        assert (first is not None) == login.required


def check_interface(interface: etree._Element) -> None:
    assert interface.get(TYPE) == "vs:ParamHTTP"
    assert interface.findtext("accessURL") == "https://vo.example.org/x/datalink/sync"
    assert [one.text for one in interface.findall("queryType")] == ["GET", "POST"]
    assert interface.findtext("resultType") == "application/x-votable+xml;content=datalink"
    told = {one.findtext("name"): (one.findtext("ucd"), one.get("use")) for one in interface.findall("param")}
    assert told == {"ID": ("meta.id;meta.main", "required"), "RESPONSEFORMAT": ("meta.code.mime", "optional")}


def test_elements_for_records_are_the_same() -> None:
    # REG-083
    service = DataLinkService("https://vo.example.org/datalink")
    assert [str(one.standard_id) for one in datalink_capability_elements(service)][:2] == [
        "ivo://ivoa.net/std/DataLink#links-1.1",
        "ivo://ivoa.net/std/DataLink#links-1.0",
    ]
