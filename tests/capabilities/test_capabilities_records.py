"""Records of registries: valid one by one, and saying what they were told."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from lxml import etree

from capabilities import OutputFormat, TapLimits, TapService, tap_capabilities
from capabilities.cone import Cone, ConeSearch
from capabilities.moc import MocService, SearchParameter
from capabilities.records import Archive, Extent, Life, data_services, records_of
from capabilities.records.coverage import coverage_element
from capabilities.records.resources import source_of
from capabilities.security import Login
from tap_schema import published
from vo_service.settings import Settings, SettingsError

XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
RI = "{http://www.ivoa.net/xml/RegistryInterface/v1.0}"
A = "ivo://archive.example.org"
LIFE = Life(datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC), datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC))
FULL = Archive(
    "archive.example.org",
    "https://vo.example.org/x",
    "An <archive> & more",
    "Line one.\n\nLine <two> & three.",
    "The Observatory",
    "Help desk",
    "help@example.org",
    "doi:10.1234/abc",
    "https://spdx.org/licenses/CC-BY-4.0.html",
)
BARE = Archive("vo-service.invalid", "http://127.0.0.1:8000", "A service", "Data.")
WHOLE = Extent("4/30-33 38 6/", ((55000.0, 56000.5),), ((9e-4, 2e-3), (0.02, 0.03)), ("JAO",), ("ALMA",))
LOGIN = Login(("ivo://ivoa.net/sso#BasicAA", "ivo://ivoa.net/sso#OAuth"))
OTHERS = ("sia2", "cone/ivoa.obscore", "cone/holdings.observation", "moc", "datalink", "soda")
IDS = [A, *(f"{A}/{path}" for path in ("org", "registry", "tap", "obs", "obs/radio", *OTHERS))]


def tap_of(archive: Archive, login: Login = LOGIN) -> TapService:
    return TapService(
        f"{archive.address}/tap",
        (OutputFormat("application/x-votable+xml", ("votable",)),),
        limits=TapLimits(rows_default=10, rows_hard=100, synchronous=60),
        upload_methods=("inline", "http", "https"),
        examples=True,
        login=login,
    )


def records(archive: Archive = FULL, extent: Extent = WHOLE) -> dict[str, bytes]:
    cones = {
        table: ConeSearch(f"{archive.address}/cone/{table}", 1000, Cone(10.0, -5.5, 0.01), "Rows.", LOGIN)
        for table in ("ivoa.obscore", "holdings.observation")
    }
    maps = MocService(f"{archive.address}/moc", (SearchParameter("MOC", "A map.", xtype="moc"),), LOGIN)
    others = data_services(archive.address, LOGIN, cones, maps)
    makers = records_of(archive, published(), tap_of(archive), others, extent, 100)
    return {name: make(LIFE) for name, make in makers.items()}


def record(path: str) -> etree._Element:
    return etree.fromstring(records()[f"{A}{path}"])


@pytest.mark.parametrize("archive", [FULL, BARE], ids=["full", "bare"])
@pytest.mark.parametrize("extent", [WHOLE, Extent()], ids=["extent", "none"])
def test_each_record_is_valid_by_itself(validate, archive: Archive, extent: Extent) -> None:
    # REG-040, REG-053, REG-070, REG-071, REG-072, REG-073, REG-126, REG-140
    made = records(archive, extent)
    assert set(made) == {name.replace(A, f"ivo://{archive.authority}") for name in IDS}
    for name, document in made.items():
        root = validate(document)
        assert root.tag == f"{RI}Resource"
        assert root.findtext("identifier") == name
        assert all("}" not in child.tag for child in root.iter() if child is not root)
        pairs = root.get(f"{XSI}schemaLocation").split()
        located = dict(zip(pairs[::2], pairs[1::2], strict=True))
        used = {
            root.nsmap[one.get(f"{XSI}type").partition(":")[0]]
            for one in root.iter()
            if one.get(f"{XSI}type")
        }
        assert used | {RI[1:-1]} <= located.keys()
        assert root.find("productTypeServed") is None  # REG-128: of a later version
        assert root.get("version") == "1.1" and root.get("status") == "active"
        assert root.get("created").startswith("2024-05-06T07:08:09")
        assert root.get("updated").startswith("2025-01-02T03:04:05")


def test_kinds_of_resource() -> None:
    # REG-060, REG-062, REG-064, REG-090, REG-096
    kinds = {name.removeprefix(A): etree.fromstring(one).get(f"{XSI}type") for name, one in records().items()}
    assert kinds == {
        "": "vg:Authority",
        "/org": "vr:Organisation",
        "/registry": "vg:Registry",
        "/tap": "vs:CatalogService",
        "/obs": "vs:CatalogResource",
        "/obs/radio": "vs:CatalogResource",
        **{f"/{path}": "vs:CatalogService" for path in OTHERS},
    }
    authority = record("").find("managingOrg")
    assert (authority.text, authority.get("ivo-id")) == ("The Observatory", f"{A}/org")
    registry = record("/registry")
    assert (registry.findtext("full"), registry.findtext("managedAuthority")) == (
        "false",
        "archive.example.org",
    )


def test_services_are_registered_as_they_declare_themselves() -> None:
    # SIA-110, SCS-024, SCS-025, DL-068, SODA-004, REG-083
    wanted = {
        "sia2": {"ivo://ivoa.net/std/SIA#query-2.0": "https://vo.example.org/x/sia2/query"},
        "cone/ivoa.obscore": {"ivo://ivoa.net/std/ConeSearch": "https://vo.example.org/x/cone/ivoa.obscore?"},
        "datalink": {
            f"ivo://ivoa.net/std/DataLink#links-{version}": "https://vo.example.org/x/datalink/sync"
            for version in ("1.1", "1.0")
        },
        "soda": {
            f"ivo://ivoa.net/std/SODA#{mode}-1.0": f"https://vo.example.org/x/soda/{mode}"
            for mode in ("sync", "async")
        },
    }
    for path, standards in wanted.items():
        found = {
            one.get("standardID"): one.findtext("interface/accessURL")
            for one in record(f"/{path}").iterfind("capability")
        }
        assert found.items() >= standards.items()
    cone = record("/cone/ivoa.obscore").find("capability")
    assert cone.get(f"{XSI}type") == "cs:ConeSearch"
    assert (cone.findtext("maxSR"), cone.findtext("maxRecords")) == ("180.0", "1000")
    assert [float(one.text) for one in cone.find("testQuery")] == [10.0, -5.5, 0.01]
    tables = {path: record(f"/{path}").findtext("tableset/schema/table/name") for path in wanted}
    assert tables == {
        "sia2": "ivoa.obscore",
        "cone/ivoa.obscore": "ivoa.obscore",
        "datalink": None,
        "soda": None,
    }


@pytest.mark.parametrize(
    ("path", "standards", "version", "use"),
    [
        ("sia2", ["SIA#query-2.0"], "2.0", "full"),
        ("cone/ivoa.obscore", ["ConeSearch"], "1.03", "base"),
        ("datalink", ["DataLink#links-1.1"], "1.1", "base"),
        ("datalink", ["DataLink#links-1.0"], "1.0", "base"),
        ("soda", ["SODA#sync-1.0", "SODA#async-1.0"], "1.0", "full"),
    ],
    ids=["sia2", "cone", "links-1.1", "links-1.0", "soda"],
)
def test_standard_interfaces_are_told_as_their_standards_want(
    path: str, standards: list[str], version: str, use: str
) -> None:
    # REG-097, REG-098, REG-099, REG-100
    capabilities = {one.get("standardID"): one for one in record(f"/{path}").iterfind("capability")}
    for standard in standards:
        capability = capabilities[f"ivo://ivoa.net/std/{standard}"]
        (interface,) = capability.findall("interface[@role='std']")
        assert interface.get(f"{XSI}type") == "vs:ParamHTTP" and interface.get("version") == version
        assert interface.find("accessURL").get("use") == use and interface.find("securityMethod") is None
        if path == "datalink":
            assert interface.findtext("resultType") == "application/x-votable+xml;content=datalink"
            asked = {one.findtext("name"): one for one in interface.findall("param")}["ID"]
            assert (asked.get("std"), asked.get("use")) == ("true", "required")
        if path.startswith("cone"):
            assert capability.findtext("verbosity") == "true" and capability.find("testQuery") is not None


def test_authorities_have_a_form() -> None:
    # REG-063: as the setting is read; whether nobody else has the name is for the operator to look up
    for bad in ("a", "-abc", "a b c", "a/b", "ivo://abc"):
        with pytest.raises(SettingsError):
            Settings.load(environ={}, overrides={"authority": bad})


@pytest.mark.parametrize("path", ["", "/org", "/registry", "/tap", "/obs", "/obs/radio"])
def test_curation_and_content(path: str) -> None:
    # REG-075, REG-077, REG-078, REG-081, REG-082
    root = record(path)
    curation, content = root.find("curation"), root.find("content")
    publisher = curation.find("publisher")
    assert (publisher.text, publisher.get("ivo-id")) == ("The Observatory", f"{A}/org")
    assert curation.findtext("creator/name") == "The Observatory"
    assert {one.get("role") for one in curation.iterfind("date")} == {"Created", "Updated"}
    assert curation.findtext("contact/name") == "Help desk"
    assert curation.findtext("contact/email") == "help@example.org"
    assert all(one.text == one.text.lower() or one.text == "ObsCore" for one in content.iterfind("subject"))
    assert content.findtext("referenceURL") == "https://vo.example.org/x/"
    assert (content.findtext("source"), content.find("source").get("format")) == ("10.1234/abc", "doi")
    assert content.findtext("contentLevel") == "Research"
    assert content.findtext("type")
    assert root.find("validationLevel") is None
    if path in ("/tap", "/obs", "/obs/radio"):
        assert content.findtext("description").startswith("Line one.\n\nLine <two> & three.")
        # OBS-006, TAP-336
        assert "ObsCore" in [one.text for one in content.iterfind("subject")]
    short = root.findtext("shortName")
    assert short is None or len(short) <= 16


def test_relations_go_both_ways() -> None:
    # REG-079, REG-096
    def related(path: str) -> dict[str, str]:
        return {
            one.find("relatedResource").get("ivo-id"): one.findtext("relationshipType")
            for one in record(path).iterfind("content/relationship")
        }

    assert related("/tap") == {f"{A}/obs": "IsServiceFor", f"{A}/obs/radio": "IsServiceFor"}
    assert related("/obs") == related("/obs/radio") == {f"{A}/tap": "IsServedBy"}


@pytest.mark.parametrize("path", ["/tap", "/obs", "/obs/radio"])
def test_rights_are_in_one_element(path: str) -> None:
    # REG-080
    (rights,) = record(path).iterfind("rights")
    assert rights.get("rightsURI") == "https://spdx.org/licenses/CC-BY-4.0.html"
    for word in ("release date", "CC-BY-4.0", "doi:10.1234/abc"):
        assert word in rights.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2013A&A...558A..33A", ("bibcode", "2013A&A...558A..33A")),
        ("10.5281/zenodo.12", ("doi", "10.5281/zenodo.12")),
        ("https://doi.org/10.5281/zenodo.12", ("doi", "10.5281/zenodo.12")),
        ("DOI:10.5281/zenodo.12", ("doi", "10.5281/zenodo.12")),
        ("Please cite us.", None),
        ("", None),
        (None, None),
    ],
)
def test_sources_are_bibcodes_or_dois(text: str | None, expected: tuple[str, str] | None) -> None:
    # REG-078
    found = source_of(text)
    assert (None if found is None else (found.format, found.value)) == expected


def test_the_record_of_tap_has_the_capabilities_that_tap_serves() -> None:
    # REG-083, REG-091, REG-092, REG-093, REG-095, REG-103
    served = etree.fromstring(tap_capabilities(tap_of(FULL)))
    own = record("/tap")
    written = [etree.tostring(one, method="c14n2", exclusive=True) for one in own.iterfind("capability")]
    assert written == [etree.tostring(one, method="c14n2", exclusive=True) for one in served]
    assert [one.get("standardID") for one in served] == [
        "ivo://ivoa.net/std/TAP",
        "ivo://ivoa.net/std/VOSI#capabilities",
        "ivo://ivoa.net/std/VOSI#availability",
        "ivo://ivoa.net/std/VOSI#tables-1.1",
        "ivo://ivoa.net/std/DALI#examples",
    ]
    for capability in served:
        assert len(capability.findall("interface/accessURL")) == len(capability.findall("interface"))
        roles = [one.get("role") for one in capability.iterfind("interface")]
        assert roles.count("std") == (0 if "examples" in capability.get("standardID") else 1)


@pytest.mark.parametrize("path", ["/obs", "/obs/radio"])
def test_collections_say_which_tap_service_has_them(path: str) -> None:
    # REG-094, REG-096, RAD-006
    (capability,) = record(path).iterfind("capability")
    assert capability.get("standardID") == "ivo://ivoa.net/std/TAP#aux"
    assert capability.get(f"{XSI}type") is None
    first = capability.find("interface")
    assert first.find("securityMethod") is None and first.get("role") == "std"
    assert first.findtext("accessURL") == "https://vo.example.org/x/tap"
    assert first.find("accessURL").get("use") == "base"


def test_tablesets() -> None:
    # REG-126, REG-127, OBS-006
    tap = record("/tap").find("tableset")
    names = [one.findtext("name") for one in tap.iter("table")]
    assert sorted(names) == sorted(table.adql_name for table in published().values())
    assert len(set(names)) == len(names)
    assert len({one.findtext("name") for one in tap}) == len(tap)
    assert tap.find(".//column") is None
    for path, name in (("/obs", "ivoa.obscore"), ("/obs/radio", "ivoa.obscore_radio")):
        (table,) = record(path).iterfind("tableset/schema/table")
        assert table.findtext("name") == name
        assert len(table.findall("column")) == len(published()[name].listed)
        assert all(key.findtext("targetTable") == name for key in table.iterfind("foreignKey"))


@pytest.mark.parametrize(
    ("span", "words"),
    [
        ((1e-3, 2e-3), ["Millimeter"]),
        ((9e-3, 2e-2), ["Radio", "Millimeter"]),
        ((2e-5, 2e-4), ["Millimeter", "Infrared"]),
        ((4e-7, 7e-7), ["Optical"]),
    ],
)
def test_wavebands(span: tuple[float, float], words: list[str]) -> None:
    # REG-124
    element = coverage_element(Extent(wavelengths=(span,)))
    assert element is not None and element.waveband == words


def test_energies_are_rounded_outwards_and_sorted() -> None:
    # REG-123
    element = coverage_element(Extent(wavelengths=((1e-3, 1.3e-3), (2e-3, 3e-3))))
    assert element is not None
    spans = [tuple(map(float, one.split())) for one in element.spectral]
    exact = [6.62607015e-34 * 299792458.0 / each for each in (3e-3, 2e-3, 1.3e-3, 1e-3)]
    assert spans == sorted(spans)
    for (low, high), (least, most) in zip(spans, (exact[:2], exact[2:]), strict=True):
        assert low <= least < low * 1.002 and high * 0.998 < most <= high


def test_unset_settings_are_told() -> None:
    made = records(BARE)
    text = etree.fromstring(made["ivo://vo-service.invalid/registry"]).findtext("content/description")
    assert "authority, publisher and contact are to be set first" in text
    assert "to be set first" not in record("/registry").findtext("content/description")
