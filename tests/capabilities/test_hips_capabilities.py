"""The record of the node of tile trees (HIPS-115, CHK-H24, REG-101)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from capabilities import OutputFormat, TapService
from capabilities.records import Archive, Extent, Life, records_of, tree_node
from capabilities.security import EVERYBODY, Login
from tap_schema import published

XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
ARCHIVE = Archive("archive.example.org", "https://vo.example.org/x", "An archive", "Data.")
BASIC = ("ivo://ivoa.net/sso#BasicAA",)
LOGINS = {"everybody": EVERYBODY, "offered": Login(BASIC), "required": Login(BASIC, required=True)}


@pytest.mark.parametrize("login", LOGINS.values(), ids=LOGINS)
def test_the_record_of_a_node_tells_its_list(validate: Any, login: Login) -> None:
    node = tree_node(ARCHIVE.address, login)
    formats = (OutputFormat("application/x-votable+xml", ("votable",)),)
    tap = TapService(f"{ARCHIVE.address}/tap", formats)
    makers = records_of(ARCHIVE, published(), tap, (node,), Extent(), 100)
    made = makers["ivo://archive.example.org/hips"]
    root = validate(made(Life(datetime(2024, 5, 6, tzinfo=UTC), datetime(2025, 1, 2, tzinfo=UTC))))
    (capability,) = root.iterfind("capability")
    assert capability.get("standardID") == "ivo://ivoa.net/std/hips#hipslist-1.0"
    (interface,) = capability.iterfind("interface")
    assert (interface.get("role"), interface.get(f"{XSI}type")) == ("std", "vs:ParamHTTP")
    (address,) = interface.iterfind("accessURL")
    assert (address.text, address.get("use")) == ("https://vo.example.org/x/hips/hipslist", "full")
    ways = [each.get("standardID") for each in interface.iterfind("securityMethod")]
    assert ways == (list(BASIC) if login.required else [])
