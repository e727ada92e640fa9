"""Capabilities of TAP: valid, and saying what they were told and no more."""

from __future__ import annotations

from dataclasses import replace

import pytest
from lxml import etree
from pyvo.auth import AuthSession
from pyvo.io.vosi import parse_capabilities

from capabilities import (
    OBSCORE,
    DataModel,
    OutputFormat,
    TapLimits,
    TapService,
    UserFunction,
    tap_capabilities,
)
from capabilities.security import Login

XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
FORMATS = (
    OutputFormat(
        "application/x-votable+xml;serialization=BINARY2",
        ("votable", "votable/b2"),
        "ivo://ivoa.net/std/TAPRegExt#output-votable-binary2",
    ),
    OutputFormat("text/csv", ("csv",)),
)


@pytest.fixture
def service() -> TapService:
    return TapService(
        base_url="https://archive.example.org/vo/tap/",
        formats=FORMATS,
        functions=(
            UserFunction(
                "line_frequency(name VARCHAR) -> DOUBLE", "Rest frequency of a line & its <name>, Hz."
            ),
            UserFunction("line_covered(name VARCHAR, zmin DOUBLE, zmax DOUBLE) -> INTEGER", "Covered."),
        ),
        geometry=("POINT", "CIRCLE", "CONTAINS"),
        features={"offset": ("OFFSET",), "string": ("LOWER", "ILIKE")},
        limits=TapLimits(rows_default=20000, rows_hard=10**7, execution_default=60, execution_hard=600),
        data_models=(OBSCORE, DataModel("Other", "ivo://x/y")),
        examples=True,
    )


def texts(root: etree._Element, path: str) -> list[str]:
    return [element.text for element in root.iterfind(path)]


def test_document_is_valid(service, validate):
    # TAP-280, TAP-286, VOSI-010, VOSI-011
    root = validate(tap_capabilities(service))
    assert root.tag == "{http://www.ivoa.net/xml/VOSICapabilities/v1.0}capabilities"
    assert {child.tag for child in root} == {"capability"}


def test_smallest_service_is_valid(validate):
    root = validate(tap_capabilities(TapService("http://localhost:8000/tap", FORMATS, data_models=())))
    assert root.find(".//languageFeatures") is None
    assert root.find(".//outputLimit") is None
    assert root.find(".//uploadMethod") is None
    assert root.find(".//dataModel") is None


def test_exactly_one_tap_capability_with_its_base(service):
    # TAP-281, TAP-282, TAP-283, TAP-284
    root = etree.fromstring(tap_capabilities(service))
    (tap,) = root.findall("capability[@standardID='ivo://ivoa.net/std/TAP']")
    assert tap.get(XSI + "type") == "tr:TableAccess"
    (interface,) = tap.findall("interface")
    assert interface.get(XSI + "type") == "vs:ParamHTTP"
    assert interface.get("role") == "std"
    assert interface.get("version") == "1.1"
    assert interface.find("accessURL").get("use") == "base"
    assert interface.find("accessURL").text == "https://archive.example.org/vo/tap"
    assert interface.find("securityMethod") is None


def test_prefixes_are_the_customary_ones(service):
    # VOSI-011: readers look up the literal prefix
    (tap, *_) = etree.fromstring(tap_capabilities(service))
    assert tap.nsmap["tr"] == "http://www.ivoa.net/xml/TAPRegExt/v1.0"
    assert tap.nsmap["vs"] == "http://www.ivoa.net/xml/VODataService/v1.1"


def test_vosi_endpoints_and_examples_are_listed(service):
    # TAP-287, TAP-268, VOSI-012, VOSI-013
    root = etree.fromstring(tap_capabilities(service))
    addresses = {one.get("standardID"): one.findtext("interface/accessURL") for one in root}
    base = "https://archive.example.org/vo/tap"
    assert addresses == {
        "ivo://ivoa.net/std/TAP": base,
        "ivo://ivoa.net/std/VOSI#capabilities": f"{base}/capabilities",
        "ivo://ivoa.net/std/VOSI#availability": f"{base}/availability",
        "ivo://ivoa.net/std/VOSI#tables-1.1": f"{base}/tables",
        "ivo://ivoa.net/std/DALI#examples": f"{base}/examples",
    }
    assert {one.find("interface/accessURL").get("use") for one in root[1:]} == {"full"}


def test_obscore_is_spelt_exactly(service):
    # OBS-004, TAP-298
    model = etree.fromstring(tap_capabilities(service)).find(".//dataModel")
    assert (model.get("ivo-id"), model.text) == ("ivo://ivoa.net/std/ObsCore#core-1.1", "ObsCore-1.1")


def test_language_features_are_those_given(service):
    # TAP-289, TAP-290, TAP-291, TAP-292
    root = etree.fromstring(tap_capabilities(service))
    (language,) = root.iterfind(".//language")
    assert language.findtext("name") == "ADQL"
    versions = {one.text: one.get("ivo-id") for one in language.iterfind("version")}
    assert versions == {"2.0": "ivo://ivoa.net/std/ADQL#v2.0", "2.1": "ivo://ivoa.net/std/ADQL#v2.1"}
    features = {
        one.get("type").partition("#features-")[2]: texts(one, "feature/form")
        for one in language.iterfind("languageFeatures")
    }
    assert features == {
        "udf": [function.signature for function in service.functions],
        "adqlgeo": ["POINT", "CIRCLE", "CONTAINS"],
        "adql-string": ["LOWER", "ILIKE"],
        "adql-offset": ["OFFSET"],
    }
    assert language.find(".//description").text
    assert "Rest frequency of a line & its <name>, Hz." in texts(language, ".//feature/description")


def test_formats_and_limits(service):
    # TAP-293, TAP-295, TAP-296
    root = etree.fromstring(tap_capabilities(service))
    formats = [
        (one.findtext("mime"), texts(one, "alias"), one.get("ivo-id")) for one in root.iter("outputFormat")
    ]
    assert formats == [(one.mime, list(one.aliases), one.ivo_id) for one in FORMATS]
    limit = root.find(".//outputLimit")
    assert [(one.tag, one.get("unit"), one.text) for one in limit] == [
        ("default", "row", "20000"),
        ("hard", "row", "10000000"),
    ]
    assert [one.text for one in root.find(".//executionDuration")] == ["60", "600"]
    assert root.find(".//retentionPeriod") is None


def test_upload_methods_have_their_names(validate):
    # TAP-294
    service = TapService(
        "http://localhost/tap",
        FORMATS,
        upload_methods=("inline", "http", "https"),
        limits=TapLimits(upload_rows_hard=1000, retention_default=3600),
    )
    root = validate(tap_capabilities(service))
    assert [one.get("ivo-id") for one in root.iter("uploadMethod")] == [
        "ivo://ivoa.net/std/TAPRegExt#upload-inline",
        "ivo://ivoa.net/std/TAPRegExt#upload-http",
        "ivo://ivoa.net/std/TAPRegExt#upload-https",
    ]
    assert root.find(".//uploadLimit/hard").text == "1000"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": {"strings": ("LOWER",)}}, "no group of ADQL features 'strings'"),
        ({"upload_methods": ("vos",)}, "no upload method 'vos'"),
        ({"formats": ()}, "at least one output format"),
    ],
)
def test_what_tapregext_has_no_word_for_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        TapService(**{"base_url": "http://localhost/tap", "formats": FORMATS, **changes})


BASIC, OAUTH = "ivo://ivoa.net/sso#BasicAA", "ivo://ivoa.net/sso#OAuth"


def interfaces_with(service: TapService, login: Login) -> dict[str, list[tuple[str | None, str | None]]]:
    """Role and security method of each interface, by standardID."""
    root = etree.fromstring(tap_capabilities(replace(service, login=login)))
    return {
        one.get("standardID"): [
            (face.get("role"), None if method is None else method.get("standardID"))
            for face in one.iterfind("interface")
            for method in [face.find("securityMethod")]
        ]
        for one in root
    }


def test_ways_to_log_in_are_interfaces_of_the_same_address(service, validate):
    # TAP-284, AUTH-020, AUTH-021, AUTH-022, AUTH-023, AUTH-024, AUTH-025, AUTH-026, AUTH-027, REG-094
    open_to_all = [("std", None), (None, BASIC), (None, OAUTH)]
    told = interfaces_with(service, Login((BASIC, OAUTH)))
    assert told == {
        "ivo://ivoa.net/std/TAP": open_to_all,
        "ivo://ivoa.net/std/VOSI#tables-1.1": open_to_all,
        "ivo://ivoa.net/std/VOSI#capabilities": [("std", None)],
        "ivo://ivoa.net/std/VOSI#availability": [("std", None)],
        "ivo://ivoa.net/std/DALI#examples": [(None, None)],
    }
    root = validate(tap_capabilities(replace(service, login=Login((BASIC, OAUTH)))))
    addresses = {one.text for one in root[0].iterfind("interface/accessURL")}
    assert addresses == {"https://archive.example.org/vo/tap"}
    assert not [one for one in root.iter("securityMethod") if one.text]


def test_where_everybody_logs_in_no_interface_is_anonymous(service, validate):
    # AUTH-006, AUTH-021, AUTH-024
    told = interfaces_with(service, Login((BASIC, OAUTH), required=True))
    assert told["ivo://ivoa.net/std/TAP"] == [("std", BASIC), (None, OAUTH)]
    assert told["ivo://ivoa.net/std/VOSI#tables-1.1"] == [("std", BASIC), (None, OAUTH)]
    assert told["ivo://ivoa.net/std/VOSI#capabilities"] == [("std", None)]
    validate(tap_capabilities(replace(service, login=Login((BASIC,), required=True))))
    with pytest.raises(ValueError, match="there is a way to do so"):
        Login(required=True)


def test_pyvo_finds_the_ways_to_log_in(service, tmp_path):
    # AUTH-024, AUTH-027
    path = tmp_path / "capabilities.xml"
    path.write_bytes(tap_capabilities(replace(service, login=Login((BASIC, OAUTH)))))
    with path.open("rb") as stream:
        auth = AuthSession()
        auth.update_from_capabilities(parse_capabilities(stream))
    for address in ("tap", "tap/sync", "tap/async/x", "tap/tables"):
        methods = auth._auth_urls.allowed_auth_methods(f"https://archive.example.org/vo/{address}")
        assert methods == {"anonymous", BASIC, OAUTH}


def test_limits_of_each_mode_are_told_in_words(service):
    # TAP-295, TAP-296: TAPRegExt 1.0 has one place for each, which jobs and rows take
    limits = TapLimits(
        rows_default=20000,
        rows_hard=10**7,
        synchronous=300,
        execution_default=3600,
        execution_hard=14400,
        retention_default=86400,
        retention_hard=864000,
        result_bytes_hard=10**9,
        upload_rows_hard=1000,
        upload_bytes_hard=10**6,
        upload_tables_hard=10,
        upload_hosts=("data.example.org",),
        query_characters=5000,
        query_levels=60,
        client_queries=64,
        client_jobs=50,
        process_queries=8,
        process_queue=65,
        memory_bytes=10**8,
    )
    root = etree.fromstring(tap_capabilities(replace(service, limits=limits)))
    words = root.findtext("capability/description")
    for sentence in (
        "Without MAXREC an answer has at most 20000 rows, in both modes.",
        "No answer has more than 10000000 rows, in both modes.",
        "A synchronous query may run for 300 seconds.",
        "An asynchronous one may run for 3600 seconds unless it asks for more, and 14400 seconds at most.",
        "Its result is kept for 86400 seconds unless it asks for more, and 864000 seconds at most.",
        "The result of an asynchronous query has at most 1000000000 bytes.",
        "A query has at most 5000 characters.",
        "Its parentheses are at most 60 levels deep.",
        "A client may have 64 synchronous queries running or waiting at a time.",
        "A client may have 50 asynchronous ones running or waiting.",
        "Each server process runs 8 synchronous queries at a time.",
        "It has 65 more waiting at most.",
        "The queries of a process share 100000000 bytes of memory.",
        "A request may bring 10 tables.",
        "An uploaded table has at most 1000 rows.",
        "All uploaded tables of a request have at most 1000000 bytes.",
        "from the hosts that the operator allows: data.example.org.",
    ):
        assert sentence in words
    assert [one.text for one in root.find(".//executionDuration")] == ["3600", "14400"]
    assert [one.text for one in root.find(".//retentionPeriod")] == ["86400", "864000"]
    bare = etree.fromstring(tap_capabilities(replace(service, limits=TapLimits())))
    assert bare.find("capability/description") is None


def test_the_feature_that_stilts_does_not_know_is_spelt_in_lower_case(service):
    # TAP-292, ADQL-168: identifiers compare without case, and STILTS 3.4.7 has a warning for it then
    features = {"conditional": ("COALESCE",), "offset": ("OFFSET",)}
    root = etree.fromstring(tap_capabilities(replace(service, features=features)))
    types = [one.get("type") for one in root.iter("languageFeatures")]
    assert types[-2:] == [
        "ivo://ivoa.net/std/TAPRegExt#features-adql-offset",
        "ivo://ivoa.net/std/tapregext#features-adql-conditional",
    ]


def test_pyvo_reads_it(service, tmp_path):
    path = tmp_path / "capabilities.xml"
    path.write_bytes(tap_capabilities(service))
    with path.open("rb") as stream:
        found = parse_capabilities(stream)
    tap = next(one for one in found if one.standardid == "ivo://ivoa.net/std/TAP")
    assert tap.outputlimit.default.content == 20000
    assert tap.get_adql().name == "ADQL"
    assert {
        one.form for one in tap.get_adql().get_feature_list("ivo://ivoa.net/std/TAPRegExt#features-udf")
    } == {function.signature for function in service.functions}
