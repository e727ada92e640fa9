"""The capabilities of coverage maps: the search with its parameters, those of VOSI, ways to log in."""

from __future__ import annotations

import pytest
from xsd import Validate

from capabilities.moc import MocService, SearchParameter, moc_capabilities, moc_capability_elements
from capabilities.security import Login

TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
BASIC = "ivo://ivoa.net/sso#BasicAA"
PARAMETERS = (
    SearchParameter("MOC", "A <map>.", xtype="moc", ucd="pos.outline"),
    SearchParameter("BAND", "Wavelengths.", "double", "2", "interval", "m", "em.wl;stat.interval"),
    SearchParameter("MAXREC", "Rows.", "int", None),
)


@pytest.mark.parametrize("base", ["https://vo.example.org/x/moc", "https://vo.example.org/x/moc/"])
@pytest.mark.parametrize("login", [Login(), Login((BASIC,)), Login((BASIC,), required=True)], ids=str)
def test_the_search_is_declared(base: str, login: Login, validate: Validate) -> None:
    # VOSI-001, REG-083; of no standard, so that it has neither an identifier nor a role
    root = validate(moc_capabilities(MocService(base, PARAMETERS, login)))
    assert [one.get("standardID") for one in root] == [
        None,
        "ivo://ivoa.net/std/VOSI#capabilities",
        "ivo://ivoa.net/std/VOSI#availability",
    ]
    assert "MOC" in root[0].findtext("description")
    interfaces = root[0].findall("interface")
    assert len(interfaces) == (2 if login.methods and not login.required else 1)
    for interface in interfaces:
        assert (interface.get(TYPE), interface.get("role")) == ("vs:ParamHTTP", None)
        assert interface.findtext("accessURL") == "https://vo.example.org/x/moc/search"
        assert [one.text for one in interface.findall("queryType")] == ["GET", "POST"]
        told = [
            (
                one.findtext("name"),
                one.findtext("unit"),
                one.findtext("ucd"),
                one.findtext("dataType"),
                one.find("dataType").get("arraysize"),
                one.find("dataType").get("extendedType"),
            )
            for one in interface.findall("param")
        ]
        assert told == [
            ("MOC", None, "pos.outline", "char", "*", "moc"),
            ("BAND", "m", "em.wl;stat.interval", "double", "2", "interval"),
            ("MAXREC", None, None, "int", None, None),
        ]


def test_elements_for_records_are_the_same() -> None:
    # REG-083
    service = MocService("https://vo.example.org/moc", PARAMETERS)
    search, *vosi = moc_capability_elements(service)
    assert search.standard_id is None and len(vosi) == 2
