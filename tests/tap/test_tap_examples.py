"""The examples of TAP over HTTP."""

from __future__ import annotations

from lxml import etree

from capabilities.examples import examples

HTML = "{http://www.w3.org/1999/xhtml}html"


def test_the_page_of_examples(ask) -> None:
    # TAP-005, TAP-310, TAP-311, DALI-020, DALI-021
    answer = ask("/tap/examples")
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == "text/html"
    root = etree.fromstring(answer.content)
    assert root.tag == HTML
    assert len([one for one in root.iter() if one.get("typeof") == "example"]) == len(examples())
    known = {"If-None-Match": answer.headers["etag"]}
    assert ask("/tap/examples", headers=known).status_code == 304
    assert ask("/tap/examples", "HEAD").content == b""


def test_capabilities_name_the_page(ask) -> None:
    # TAP-287, TAP-310, VOSI-012
    root = etree.fromstring(ask("/tap/capabilities").content)
    (one,) = root.iterfind("capability[@standardID='ivo://ivoa.net/std/DALI#examples']/interface")
    assert one.get("{http://www.w3.org/2001/XMLSchema-instance}type") == "vr:WebBrowser"
    assert one.findtext("accessURL") == "https://vo.example.org/x/tap/examples"
    assert one.find("accessURL").get("use") == "full"


def test_every_example_runs(ask) -> None:
    # TAP-319, DALI-024
    root = etree.fromstring(ask("/tap/examples").content)
    queries = [one.text for one in root.iter() if one.get("property") == "query"]
    assert len(queries) == len(examples())
    for query in queries:
        answer = ask("/tap/sync", params={"LANG": "ADQL", "QUERY": query})
        assert answer.status_code == 200, (query, answer.text)
        assert b'name="QUERY_STATUS" value="ERROR"' not in answer.content


def test_the_registry_is_part_of_the_service(ask, validate) -> None:
    # REG-083, VOSI-012: the record says what /tap/capabilities says
    given = {"verb": "ListRecords", "metadataPrefix": "ivo_vor", "set": "ivo_managed"}
    root = validate(ask("/registry", params=given).content)
    served = validate(ask("/tap/capabilities").content)
    records = root.iter("{http://www.ivoa.net/xml/RegistryInterface/v1.0}Resource")
    tap = next(one for one in records if one.findtext("identifier").endswith("/tap"))
    assert [etree.tostring(one, method="c14n2", exclusive=True) for one in tap.iterfind("capability")] == [
        etree.tostring(one, method="c14n2", exclusive=True) for one in served
    ]
    for path in ("capabilities", "availability"):
        validate(ask(f"/registry/{path}").content)
