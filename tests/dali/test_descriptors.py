"""Service descriptors: what the list of DataLink asks, as schemas, astropy, pyvo and votlint read them."""

from __future__ import annotations

import io
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from astropy import units as u
from astropy.io.votable import parse
from lxml import etree
from pyvo.dal.adhoc import DatalinkQuery, SodaQuery
from stilts_remarks import unexplained_votlint
from xsd import Validate

from vo_service.dali.descriptors import (
    InputParam,
    Option,
    ServiceDescriptor,
    descriptor_document,
    write_descriptor,
    write_this,
)
from vo_service.formats import Info

V = "{http://www.ivoa.net/xml/VOTable/v1.3}"
ID = InputParam("ID", "char", "*", ucd="meta.id;meta.main", description="Which.", value="ivo://x/obs?a&<b>")
INPUTS = (
    ID,
    InputParam("CIRCLE", "double", "3", "circle", "deg", "pos.outline;obs", maximum="10.0 -20.0 0.5"),
    InputParam(
        "BAND", "double", "2", "interval", "m", "em.wl;stat.interval", minimum="0.001", maximum="0.002"
    ),
    InputParam("WIDTH", "double", "1*", unit="km/s", ucd="phys.veloc;em.line"),
    InputParam("BOX", "int", "4", minimum="1 1 1 1", description="Whole numbers."),
    InputParam("KIND", "char", "*", options=(Option("mean", "Mean"), Option("sum & all"))),
)
SERVICE = ServiceDescriptor(
    id="cut",
    name="Cut-out",
    description="A part of the data, 3 < 4 \x1b[31m & all.",
    access_url="https://h/x/sync?fixed=1&two=2",
    standard_id="ivo://ivoa.net/std/SODA#sync-1.0",
    content_type="application/fits",
    resource_identifier="ivo://x/y",
    example_urls=(("https://h/x/sync?ID=1", "A small one."),),
    inputs=INPUTS,
)


def element(resource: bytes) -> etree._Element:
    return etree.fromstring(resource)


def document(*services: ServiceDescriptor) -> bytes:
    return descriptor_document([write_descriptor(each) for each in services])


def test_the_resource_is_what_clients_look_for() -> None:
    # DL-080, DL-081, DL-084, DL-085, DL-087, DL-088, DL-090, DL-101, VOT-161
    root = element(write_descriptor(SERVICE))
    assert (root.tag, root.get("type"), root.get("utype")) == ("RESOURCE", "meta", "adhoc:service")
    assert (root.get("name"), root.get("ID")) == ("Cut-out", "cut")
    assert root.findtext("DESCRIPTION") == "A part of the data, 3 < 4 \ufffd[31m & all."
    direct = root.findall("PARAM")
    assert {param.get("name"): param.get("value") for param in direct} == {
        "standardID": "ivo://ivoa.net/std/SODA#sync-1.0",
        "accessURL": "https://h/x/sync?fixed=1&two=2",
        "resourceIdentifier": "ivo://x/y",
        "contentType": "application/fits",
        "exampleURL": "https://h/x/sync?ID=1",
    }
    assert all((one.get("datatype"), one.get("arraysize")) == ("char", "*") for one in direct)
    assert all(one.get("ID") is None for one in root.iter("PARAM"))
    assert direct[-1].findtext("DESCRIPTION") == "A small one."
    (group,) = root.findall("GROUP")
    assert group.get("name") == "inputParams"


def test_parameters_are_fixed_or_of_the_row_or_of_the_user() -> None:
    # DL-091 to DL-097, SODA-080
    group = element(write_descriptor(SERVICE)).find("GROUP")
    params = {one.get("name"): one for one in group}
    assert len(params) == len(group) == len(INPUTS)
    assert params["ID"].get("value") == "ivo://x/obs?a&<b>"
    assert all(one.get("value") == "" for name, one in params.items() if name != "ID")
    band = params["BAND"]
    assert (band.get("arraysize"), band.get("xtype"), band.get("unit")) == ("2", "interval", "m")
    assert [(one.tag, one.get("value")) for one in band.find("VALUES")] == [
        ("MIN", "0.001"),
        ("MAX", "0.002"),
    ]
    assert [one.tag for one in params["BOX"]] == ["DESCRIPTION", "VALUES"]
    assert [(one.get("name"), one.get("value")) for one in params["KIND"].find("VALUES")] == [
        ("Mean", "mean"),
        (None, "sum & all"),
    ]
    row = replace(ID, value="", ref="obs_publisher_did")
    (param,) = element(write_descriptor(replace(SERVICE, inputs=(row,)))).find("GROUP")
    assert (param.get("value"), param.get("ref")) == ("", "obs_publisher_did")


def test_a_custom_service_has_no_standard_and_an_empty_group_stays() -> None:
    # DL-085, DL-090
    root = element(
        write_descriptor(ServiceDescriptor(name="Other", description="More.", access_url="https://h/y"))
    )
    assert [one.get("name") for one in root.findall("PARAM")] == ["accessURL"]
    assert len(root.find("GROUP")) == 0 and root.get("ID") is None


def test_self_description() -> None:
    # DL-098
    root = element(write_this(SERVICE))
    assert (root.get("type"), root.get("utype")) == ("meta", "adhoc:this")
    assert root.find("GROUP") is not None


@pytest.mark.parametrize(
    ("what", "broken"),
    [
        ("a single real", lambda: InputParam("Z", "double")),
        ("an arraysize of 1", lambda: InputParam("Z", "double", "1")),
        ("a fixed number", lambda: InputParam("N", "int", value="0")),
        ("fixed, and of the row", lambda: InputParam("ID", "char", "*", value="a", ref="b")),
        ("one name twice", lambda: replace(SERVICE, inputs=(ID, replace(ID, name="id")))),
    ],
    ids=["real", "one", "number", "both", "twice"],
)
def test_what_breaks_clients_is_refused(what: str, broken: object) -> None:
    # DL-091, DL-096, DL-097
    with pytest.raises(ValueError):
        broken()  # type: ignore[operator]


def test_documents_are_valid(validate: Validate) -> None:
    # VOT-001, DL-080, DL-098: with the status before all else
    other = replace(SERVICE, id="other", name="Other", description="Another.", standard_id=None)
    content = descriptor_document(
        [write_this(replace(SERVICE, id=None)), write_descriptor(SERVICE), write_descriptor(other)],
        [Info("standardID", "ivo://x")],
    )
    root = validate(content)
    results, *services = root
    assert results.get("type") == "results"
    assert [(one.get("name"), one.get("value")) for one in results] == [
        ("QUERY_STATUS", "OK"),
        ("standardID", "ivo://x"),
    ]
    assert [one.get("utype") for one in services] == ["adhoc:this", "adhoc:service", "adhoc:service"]
    assert validate(descriptor_document([])) is not None


@pytest.mark.judge
def test_votlint_finds_nothing(stilts: str, tmp_path: Path) -> None:
    # DL-096, SODA-082
    path = tmp_path / "d.vot"
    path.write_bytes(document(SERVICE, replace(SERVICE, id="b", name="B", description="B.")))
    done = subprocess.run([stilts, "votlint", f"votable={path}"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and unexplained_votlint(done.stdout + done.stderr) == []


def test_pyvo_calls_what_is_described() -> None:
    # DL-088, DL-096: every parameter can be sent, with units converted
    votable = parse(io.BytesIO(document(SERVICE)), verify="exception")
    (resource,) = (one for one in votable.resources if one.utype == "adhoc:service")
    query = SodaQuery.from_resource(
        None,
        resource,
        circle=(10 * u.deg, -20 * u.deg, 30 * u.arcmin),
        band=(1, 1.1) * u.mm,
        WIDTH=0.5 * u.Mm / u.s,
        BOX=[1, 2, 3, 4],
        KIND="mean",
    )
    assert query.baseurl == "https://h/x/sync?fixed=1&two=2"
    assert query["ID"] == "ivo://x/obs?a&<b>"
    assert [float(word) for word in query["CIRCLE"].split()] == [10.0, -20.0, 0.5]
    assert [float(word) for word in query["BAND"].split()] == [0.001, 0.0011]
    assert (query["WIDTH"], query["BOX"], query["KIND"]) == ("500", "1 2 3 4", "mean")
    plain = DatalinkQuery.from_resource(None, resource)
    assert list(plain) == ["ID"]
