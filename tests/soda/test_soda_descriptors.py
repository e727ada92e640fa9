"""Descriptors of the cut-out service: identities of the standard, limits that hold, calls that are taken."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest
from astropy.io.votable import parse
from pyvo.dal.adhoc import DatalinkQuery, SodaQuery
from soda_calls import calls_of, params_of, request_of
from stilts_remarks import unexplained_votlint
from xsd import Validate

from vo_service.dali.descriptors import (
    ServiceDescriptor,
    descriptor_document,
    write_descriptor,
)
from vo_service.sky import Circle, covering_polygon
from vo_service.soda.descriptors import (
    dataset_descriptors,
    generic_descriptor,
    row_services,
    self_description,
    shared_descriptors,
)
from vo_service.soda.limits import Limits
from vo_service.spectral import Frame, line

BASE = "https://vo.example.org/x"
FIELD = Circle(204.25, -29.87, 0.01)
CUBE = Limits(
    identifier="ivo://x/obs?a-cube",
    wavelengths=(0.0013, 0.00131),
    times=(58000.1, 58000.2),
    polarisations=("I", "Q"),
    circle=FIELD,
    polygon=covering_polygon(FIELD),
    channels=100,
    pixels=(256, 250),
    frames=(Frame.BARY, Frame.LSRK),
    redshift=0.0017,
    rest_frequency=230.538e9,
    companions=("mask", "pb"),
    unit="Jy/beam",
)
TRIPLES = {  # SODA 1.0, 3.5
    "ID": ("meta.ref.url;meta.curation", None, "char", "*", None),
    "POS": ("pos.outline;obs", None, "char", "*", None),
    "CIRCLE": ("pos.outline;obs", "deg", "double", "3", "circle"),
    "POLYGON": ("pos.outline;obs", "deg", "double", "*", "polygon"),
    "BAND": ("em.wl;stat.interval", "m", "double", "2", "interval"),
    "TIME": ("time.interval;obs.exposure", "d", "double", "2", "interval"),
    "POL": ("meta.code;phys.polarization", None, "char", "*", None),
}
PRODUCTS = {"MOMENT", "SPECTRUM", "HEADER"}


def by_id(limits: Limits = CUBE) -> dict[str, ServiceDescriptor]:
    return {service.id or "": service for service in dataset_descriptors(limits, BASE)}


@pytest.mark.parametrize("which", ["generic", "soda-sync", "soda-async"])
def test_standard_parameters_keep_their_identity(which: str) -> None:
    # SODA-019 to SODA-027, SODA-070, SODA-079, SODA-082
    service = generic_descriptor(BASE, "did") if which == "generic" else by_id()[which]
    params = params_of(service)
    for name, triple in TRIPLES.items():
        one = params[name]
        assert (one.ucd, one.unit, one.datatype, one.arraysize, one.xtype) == triple
    mode = "async" if which == "soda-async" else "sync"
    assert service.standard_id == f"ivo://ivoa.net/std/SODA#{mode}-1.0"
    assert service.access_url == f"{BASE}/soda/{mode}"
    standard = set(TRIPLES.values())  # SODA-092
    for name in params.keys() - TRIPLES.keys():
        one = params[name]
        assert (one.ucd, one.unit, one.datatype, one.arraysize, one.xtype) not in standard


def test_the_generic_one_has_no_limits() -> None:
    # SODA-071: the row's ID, everything that cut-outs take, nothing of one data set
    params = params_of(generic_descriptor(BASE, "my_did"))
    assert (params["ID"].ref, params["ID"].value) == ("my_did", "")
    assert all(one.minimum is None and one.maximum is None for one in params.values())
    assert all(one.ref is None and one.value == "" for name, one in params.items() if name != "ID")
    assert params.keys() >= {"FREQ", "LINE", "Z", "WIDTH", "CHANNELS", "PIXELS", "WITH", "REBIN", "OUTSIDE"}
    assert not params.keys() & PRODUCTS
    assert not params["LINE"].options and not params["WITH"].options and not params["POL"].options
    (resource,) = row_services(BASE, "my_did")
    assert resource == write_descriptor(generic_descriptor(BASE, "my_did"))


def test_limits_of_a_cube() -> None:
    # SODA-072 to SODA-077, SODA-094, DL-094, DALI-090
    params = params_of(by_id()["soda-sync"])
    assert params["ID"].value == "ivo://x/obs?a-cube" and params["ID"].ref is None
    assert (params["CIRCLE"].minimum, params["CIRCLE"].maximum) == (None, "204.25 -29.87 0.01")
    corners = (params["POLYGON"].maximum or "").split()
    assert params["POLYGON"].minimum is None and len(corners) >= 6 and len(corners) % 2 == 0
    assert params["POS"].minimum is params["POS"].maximum is None
    low, high = float(params["BAND"].minimum or "nan"), float(params["BAND"].maximum or "nan")
    assert 0.0013 <= low <= 0.0013 * (1 + 1e-11) and 0.00131 * (1 - 1e-11) <= high <= 0.00131
    assert (params["TIME"].minimum, params["TIME"].maximum) == ("58000.1", "58000.2")
    assert (params["CHANNELS"].minimum, params["CHANNELS"].maximum) == ("1", "100")
    assert params["REBIN"].maximum == "256 250 100"
    values = {name: [option.value for option in one.options] for name, one in params.items()}
    assert values["POL"] == ["I", "Q"] and values["WITH"] == ["mask", "pb"]
    assert values["SPECSYS"] == ["BARYCENT", "LSRK"]
    assert "CO(2-1)" in values["LINE"]
    for name in values["LINE"]:
        frequency = line(name).rest_hz / 1.0017
        assert 299792458.0 / 0.00131 <= frequency <= 299792458.0 / 0.0013
    for name, text in (("CIRCLE", "0.01"), ("PIXELS", "1 256 1 250"), ("CHANNELS", "100"), ("POL", "I, Q")):
        assert text in params[name].description
    labels = {option.value: option.label for option in params["LINE"].options}
    assert "230.538000 GHz" in (labels["CO(2-1)"] or "")


def test_products_of_another_kind_have_descriptors_of_their_own() -> None:
    # SODA-097, DL-086: the standard's first, and no promise of its where it does not hold
    services = by_id()
    assert list(services) == ["soda-sync", "soda-async", "soda-moment", "soda-spectrum", "soda-header"]
    kinds = {name: service.content_type for name, service in services.items()}
    assert kinds["soda-moment"] == "application/fits" and kinds["soda-header"] == "text/plain"
    assert kinds["soda-spectrum"] == "application/x-votable+xml"
    for name, parameter in (("moment", "MOMENT"), ("spectrum", "SPECTRUM"), ("header", "HEADER")):
        service = services[f"soda-{name}"]
        assert service.standard_id is None and service.access_url == f"{BASE}/soda/sync"
        assert params_of(service).keys() & PRODUCTS == {parameter}
    assert [one.value for one in params_of(services["soda-moment"])["MOMENT"].options] == ["0", "1", "2", "8"]
    assert params_of(services["soda-header"])["HEADER"].value == "1"
    for service in (services["soda-sync"], services["soda-async"]):
        assert not params_of(service).keys() & PRODUCTS
    # DL-081
    assert len({service.name for service in services.values()}) == len(services)
    assert len({service.description for service in services.values()}) == len(services)


def test_many_data_sets_share_descriptors_without_limits() -> None:
    # DL-035, SODA-071
    own = {one.id: one for one in dataset_descriptors(CUBE, BASE)}
    shared = {one.id: one for one in shared_descriptors(BASE, "target")}
    assert list(shared) == list(own)
    for name, one in shared.items():
        first, *others = one.inputs
        assert (first.name, first.ref, first.value) == ("ID", "target", "")
        assert {each.name for each in one.inputs} >= {each.name for each in own[name].inputs}
        assert all(each.minimum is None and each.maximum is None for each in others)
        assert [each.name for each in others if each.value] == [
            each.name for each in own[name].inputs[1:] if each.value
        ]
        assert (one.access_url, one.standard_id) == (own[name].access_url, own[name].standard_id)


def test_what_is_not_known_is_not_offered() -> None:
    # SODA-078, SODA-031
    bare = by_id(Limits("a-file"))
    assert list(bare) == ["soda-sync", "soda-async", "soda-header"]
    assert params_of(bare["soda-sync"]).keys() == {"ID"}
    image = by_id(Limits("an-image", wavelengths=(0.0013, 0.0014), circle=FIELD, pixels=(10, 20), channels=1))
    params = params_of(image["soda-sync"])
    assert not params.keys() & {"CHANNELS", "POL", "TIME", "WITH", "SPECSYS"}
    assert params["LINE"].options == () and "give Z" in params["LINE"].description
    assert "soda-moment" not in image and params["REBIN"].maximum == "10 20 1"
    vague = by_id(Limits("a-cube", channels=9, unit="K"))
    assert [one.value for one in params_of(vague["soda-moment"])["MOMENT"].options] == ["0", "8"]
    assert [one.value for one in params_of(vague["soda-spectrum"])["SPECTRUM"].options] == ["mean", "sum"]


def test_marks_keep_ids_apart() -> None:
    # DL-080: descriptors of several data sets in one document
    ids = [one.id for mark in ("-1", "-2") for one in dataset_descriptors(CUBE, BASE, mark)]
    assert len(set(ids)) == len(ids) == 10


@pytest.mark.parametrize("which", list(by_id()))
def test_what_is_described_is_taken(which: str) -> None:
    # SODA-078, SODA-095: each limit and option by itself, and a form whose fields were left empty
    service = by_id()[which]
    calls = list(calls_of(service))
    assert len(calls) > 15
    for call in calls:
        assert request_of(service, call).id == CUBE.identifier
    empty = [(one.name, one.value) for one in service.inputs if one.name not in PRODUCTS or one.value]
    assert request_of(service, empty).wanted.constraints.shape is None


@pytest.mark.parametrize("which", list(by_id()))
def test_pyvo_builds_a_call_from_each(which: str) -> None:
    # DL-088, DL-096, SODA-082
    content = descriptor_document([write_descriptor(by_id()[which])])
    votable = parse(io.BytesIO(content), verify="exception")
    (resource,) = (one for one in votable.resources if one.utype == "adhoc:service")
    query = SodaQuery.from_resource(None, resource, circle=(204.25, -29.87, 0.001), FREQ=[230e9, 231e9])
    assert query["ID"] == CUBE.identifier and query["CIRCLE"].split()[0] == "204.25"
    values = {"Z": 0.1, "WIDTH": 300.0, "CHANNELS": [1, 2], "PIXELS": [1, 2, 3, 4], "LINE": "CO(2-1)"}
    custom = DatalinkQuery.from_resource(None, resource, **values)
    assert [float(custom[name]) for name in ("Z", "WIDTH")] == [0.1, 300.0]
    assert (custom["CHANNELS"], custom["PIXELS"], custom["LINE"]) == ("1 2", "1 2 3 4", "CO(2-1)")


@pytest.mark.parametrize("limits", [CUBE, None], ids=["cube", "any"])
def test_self_description_is_valid(limits: Limits | None, validate: Validate) -> None:
    # DL-098
    root = validate(self_description(BASE, limits))
    kinds = [one.get("utype") for one in root if one.get("type") == "meta"]
    assert kinds[0] == "adhoc:this" and kinds.count("adhoc:this") == 1
    assert len(kinds) == (1 if limits is None else 6)
    this = root.find("{*}RESOURCE[@utype='adhoc:this']")
    fixed = this.find("{*}GROUP/{*}PARAM[@name='ID']")
    assert fixed.get("value") == ("" if limits is None else CUBE.identifier) and fixed.get("ref") is None


@pytest.mark.judge
def test_votlint_finds_nothing(stilts: str, tmp_path: Path) -> None:
    # SODA-082, DL-081, DL-096
    for number, limits in enumerate((CUBE, None)):
        path = tmp_path / f"{number}.vot"
        path.write_bytes(self_description(BASE, limits))
        done = subprocess.run(
            [stilts, "votlint", f"votable={path}"], capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0 and unexplained_votlint(done.stdout + done.stderr) == []
