"""VOTable documents: fields, systems, status, what stands behind the table, the schema, the stream."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pyarrow as pa
import pytest
from astropy.io.votable import parse
from astropy.io.votable.tree import VOTableFile
from every_type import EVERY_TYPE, batch_of
from lxml import etree
from pyvo.dal import DALQueryError, TAPResults
from votables import NAMESPACE, SERIALISATIONS, column, encode, read

from tap_schema import published
from vo_service.formats import OK, OVERFLOW, Info, Outcome, error_votable, failed

V15 = "application/x-votable+xml;version=1.5"
NAMED = [f"{V15};serialization={name}" for name in ("BINARY2", "TABLEDATA", "BINARY")]
EVERY_VOTABLE = [*SERIALISATIONS, "text/xml", "votable/1.5", *NAMED]
DESCRIPTOR = (
    b'<RESOURCE type="meta" utype="adhoc:service"><PARAM name="accessURL" datatype="char" arraysize="*"'
    b' value="http://x/y"/><GROUP name="inputParams"><PARAM name="ID" datatype="char" arraysize="*" value=""'
    b' ref="s_region"/></GROUP></RESOURCE>\n'
)


@pytest.mark.parametrize("asked", EVERY_VOTABLE)
def test_no_rows(asked: str) -> None:
    """# VOT-090, TAP-111, VOT-122"""
    columns = (column("n", "int"), column("s", "char", "*"))
    table = read(encode(asked, columns, [], OVERFLOW))
    assert [field.name for field in table.fields] == ["n", "s"]
    assert len(table.to_table()) == 0


OBSCORE_LIKE = (
    column(
        "s_ra",
        "double",
        unit="deg",
        ucd="pos.eq.ra",
        utype="obscore:Char.SpatialAxis.Coverage.Location.Coord.Position2D.Value2.C1",
    ),
    column("gal_longitude", "double", unit="deg", ucd="pos.galactic.lon"),
    column(
        "s_region",
        "char",
        "*",
        "adql:REGION",
        ucd="pos.outline;obs.field",
        utype="obscore:Char.SpatialAxis.Coverage.Support.Area",
    ),
    column("t_min", "double", unit="d", ucd="time.start;obs.exposure"),
    column("t_exptime", "double", unit="s", ucd="time.duration;obs.exposure"),
    column("ra", "double", description="twice <b> & 'x'"),
    column("ra", "int"),
    column("2 odd,  name", "int"),
)


def fields_of(document: bytes) -> list[etree._Element]:
    return etree.fromstring(document).findall(f".//{NAMESPACE}FIELD")


def test_fields() -> None:
    """# VOT-030, VOT-032, VOT-033, VOT-107, VOT-108, ALMA-115, TAP-105, TAP-106, TAP-113, VOT-152"""
    document = encode("votable", OBSCORE_LIKE, [])
    root = etree.fromstring(document)
    fields = fields_of(document)
    names = ["s_ra", "gal_longitude", "s_region", "t_min", "t_exptime", "ra", "ra_2", "2 odd, name"]
    assert [f.get("name") for f in fields] == names
    ids = [f.get("ID") for f in fields]
    assert ids[:4] == ["s_ra", "gal_longitude", "s_region", "t_min"]
    assert len(set(ids)) == len(ids) and all(re.fullmatch(r"[A-Za-z_][\w.-]*", i) for i in ids)
    assert [f.get("ref") for f in fields] == ["icrs", "galactic", "icrs", "mjd", None, None, None, None]
    region = fields[2]
    assert region.get("xtype") == "adql:REGION"
    assert region.get("utype") == "obscore:Char.SpatialAxis.Coverage.Support.Area"
    assert fields[5].findtext(f"{NAMESPACE}DESCRIPTION") == "twice <b> & 'x'"
    before_table = [child.tag.removeprefix(NAMESPACE) for child in root[0]]
    assert before_table == ["INFO", "COOSYS", "COOSYS", "TIMESYS", "TABLE"]
    assert root.find(f".//{NAMESPACE}COOSYS").get("system") == "ICRS"
    assert root.find(f".//{NAMESPACE}TIMESYS").get("timeorigin") == "MJD-origin"
    assert root.get("version") == "1.4"


def test_names_are_each_a_column_s_own() -> None:
    """# VOT-030: a name given to a second column is no third one's"""
    names = ["ra", "ra", "ra_2", "RA", "", "icrs"]
    fields = fields_of(encode("votable", tuple(column(name, "int") for name in names), []))
    assert [f.get("name") for f in fields] == ["ra", "ra_3", "ra_2", "RA", "_", "icrs"]
    assert fields[5].get("ID") == "icrs_2"


def test_systems_by_version() -> None:
    """# VOT-001, VOT-002, VOT-024, VOT-106, TAP-100: the terms of each version's list, the same namespace"""
    for asked, version, galactic in (("votable", "1.4", "galactic"), ("votable/1.5", "1.5", "GALACTIC")):
        root = etree.fromstring(encode(asked, OBSCORE_LIKE, []))
        assert root.tag == f"{NAMESPACE}VOTABLE" and root.get("version") == version
        systems = [system.attrib for system in root.iter(f"{NAMESPACE}COOSYS")]
        assert [system["system"] for system in systems] == ["ICRS", galactic]
        assert not any("refposition" in system for system in systems)


def test_what_is_never_written() -> None:
    """# VOT-004, VOT-005, VOT-012, VOT-013, VOT-036, VOT-037, VOT-042, VOT-044, VOT-070, VOT-086, VOT-101"""
    columns = (
        column("one", "char", "1"),
        column("n", "int", ucd="meta.id; obs"),
        column("s", "char", "*", description="x"),
    )
    document = encode(
        "votable/b2", columns, [batch_of((columns[0], ["a"]), (columns[1], [1]), (columns[2], ["b"]))]
    )
    assert document.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<VOTABLE ')
    for absent in (b"schemaLocation", b"nrows", b"<MIN", b"<MAX", b"<OPTION", b"<LINK"):
        assert absent not in document
    root = etree.fromstring(document)
    assert not root.find(f".//{NAMESPACE}TABLE").attrib
    one, number, text = root.iter(f"{NAMESPACE}FIELD")
    assert one.get("arraysize") is None and number.get("ucd") is None and text.get("arraysize") == "*"
    assert all(field.get("type") is None for field in (one, number, text))
    assert dict(root.find(f".//{NAMESPACE}STREAM").attrib) == {"encoding": "base64"}


def test_published_columns_are_as_votable_wants_them() -> None:
    """# VOT-034, VOT-038, VOT-039, VOT-040, VOT-041, VOT-043, VOT-080: each FIELD as declared; no arrays of
    texts, no variable arrays of two dimensions, which astropy cannot read"""
    for table in published().values():
        found = fields_of(encode("votable", table.columns, []))
        for column_, field in zip(table.columns, found, strict=True):
            for fact in ("name", "datatype", "arraysize", "xtype", "unit", "ucd", "utype"):
                assert field.get(fact) == getattr(column_, fact), (table.qualified, column_.name)
            assert "x" not in (column_.arraysize or "")
            assert field.get("precision") is None and field.get("width") is None


@pytest.fixture(scope="module")
def schemas(xsd_directory: Path) -> dict[str, etree.XMLSchema]:
    """The schema of each version."""
    found = {version: xsd_directory / f"VOTable-v{version}.xsd" for version in ("1.4", "1.5")}
    return {version: etree.XMLSchema(etree.parse(path)) for version, path in found.items()}


@pytest.mark.parametrize(
    "outcome", [OK, OVERFLOW, failed("engine gone <away>\x02"), Outcome("OK", infos=(Info("rows", "1"),))]
)
@pytest.mark.parametrize("asked", EVERY_VOTABLE)
def test_valid_by_the_schema(asked: str, outcome: Outcome, schemas: dict[str, etree.XMLSchema]) -> None:
    """# VOT-001, VOT-006, VOT-007, VOT-008, VOT-009, VOT-010, VOT-011, VOT-020, VOT-021, VOT-022, VOT-023,
    VOT-045, VOT-076, VOT-100, VOT-105, VOT-120, VOT-123, VOT-160, VOT-162, VOT-163, VOT-165,
    TAP-101, TAP-104"""
    infos = (
        Info("QUERY", "SELECT '<' \n\t \"x\" ]]> &amp;"),
        Info("citation", "2020abc", "cite this", "meta.bib.bibcode"),
    )
    columns = (*OBSCORE_LIKE, *(one for one, _ in EVERY_TYPE))
    batch = pa.record_batch(
        [pa.array([None], c.arrow_type) for c in columns], names=[c.name for c in columns]
    )
    root = etree.fromstring(encode(asked, columns, [batch], outcome, infos, (DESCRIPTOR,)))
    schemas[root.get("version")].assertValid(root)
    results, behind = root
    ids = [field.get("ID") for field in results.iter(f"{NAMESPACE}FIELD")]
    assert [one.get("ref") in ids for one in behind.iter(f"{NAMESPACE}PARAM") if one.get("ref")] == [True]
    assert results.get("type") == "results" and len(results.findall(f"{NAMESPACE}TABLE")) == 1
    assert behind.get("type") == "meta" and behind.get("utype") == "adhoc:service"
    told = [i.get("value") for i in root.iter(f"{NAMESPACE}INFO") if i.get("name") == "QUERY_STATUS"]
    assert told == (["OK"] if outcome.status == "OK" else ["OK", outcome.status])
    quoted = next(i for i in root.iter(f"{NAMESPACE}INFO") if i.get("name") == "QUERY")
    assert quoted.get("value") == infos[0].value
    if outcome.infos:
        assert results[-1].get("name") == "rows"


def test_errors_are_valid_by_the_schema(schemas: dict[str, etree.XMLSchema]) -> None:
    """# VOT-007, VOT-077, VOT-124"""
    document = error_votable("no such column \x07 <b>\r", (Info("QUERY", "SELECT"),))
    root = etree.fromstring(document)
    schemas["1.4"].assertValid(root)
    assert root.find(f".//{NAMESPACE}INFO").text == "no such column \ufffd <b>\r"
    assert root.find(f".//{NAMESPACE}TABLE") is None


def votable_of(document: bytes) -> VOTableFile:
    return parse(io.BytesIO(document))


@pytest.mark.parametrize("asked", EVERY_VOTABLE)
def test_pyvo_reads_the_status(asked: str) -> None:
    """# VOT-120, VOT-121, VOT-123, VOT-124, TAP-102, TAP-103"""
    columns = (column("n", "int"),)
    batch = pa.record_batch([pa.array([1, 2], pa.int32())], names=["n"])
    assert list(TAPResults(votable_of(encode(asked, columns, [batch])))["n"]) == [1, 2]
    cut = TAPResults(votable_of(encode(asked, columns, [batch], OVERFLOW)))
    assert len(cut) == 2 and cut.status[0] == "OVERFLOW"
    with pytest.raises(DALQueryError, match="engine gone"):
        TAPResults(votable_of(encode(asked, columns, [batch], failed("engine gone"))))
    with pytest.raises(DALQueryError, match="no such column"):
        TAPResults(votable_of(error_votable("no such column")))


@pytest.mark.parametrize("rows", [1, 70])
def test_padding_of_a_stream_is_at_its_end_only(rows: int) -> None:
    """# VOT-087: over many batches of odd lengths, of few rows and of many; `read` decodes strictly"""
    text = column("s", "char", "*")
    batches = [batch_of((text, ["x" * n] * rows)) for n in range(1, 50)]
    document = encode("votable", (text,), [batches[0].slice(0, 0), *batches, batches[0].slice(0, 0)])
    inside = document.split(b'encoding="base64">\n')[1].split(b"</STREAM>")[0]
    assert b"=" not in inside[:-2]
    assert list(read(document).to_table()["s"]) == ["x" * n for n in range(1, 50) for _ in range(rows)]


@pytest.mark.parametrize("asked", ["votable/td", "votable/b2"])
def test_markup_in_values(asked: str) -> None:
    """# VOT-075, VOT-076"""
    hard = "]]> &amp; <b> \"double\" 'single' \t end"
    text = column(hard.replace("\t ", ""), "char", "*", unit=hard, description=hard)
    root = etree.fromstring(encode(asked, (text,), [batch_of((text, [hard, "a\rb\r\nc"]))]))
    field = root.find(f".//{NAMESPACE}FIELD")
    assert field.get("unit") == hard and field.findtext(f"{NAMESPACE}DESCRIPTION") == hard
    if asked == "votable/td":
        assert [cell.text for cell in root.iter(f"{NAMESPACE}TD")] == [hard, "a\rb\r\nc"]


def test_dali_values() -> None:
    """# VOT-140, VOT-141, VOT-144, VOT-145, VOT-146, VOT-147, VOT-149, TAP-114"""
    given = (
        (column("i", "double", "2", "interval"), [[float("-inf"), 5.0]], "-Inf 5"),
        (column("p", "double", "2", "point"), [[359.9999999999, -0.5]], "359.9999999999 -0.5"),
        (column("c", "double", "3", "circle"), [[10.0, 20.0, 0.1]], "10 20 0.1"),
        (column("r", "double", "4", "range"), [[350.0, 10.0, -5.0, 5.0]], "350 10 -5 5"),
        (column("g", "double", "*", "polygon"), [[1.0, 1.0, 2.0, 1.0, 2.0, 2.0]], "1 1 2 1 2 2"),
        (column("s", "char", "*", "shape"), ["circle 10 20 0.1"], "circle 10 20 0.1"),
    )
    document = encode(
        "votable/td", tuple(one for one, _, _ in given), [batch_of(*((c, v) for c, v, _ in given))]
    )
    root = etree.fromstring(document)
    assert [cell.text for cell in root.iter(f"{NAMESPACE}TD")] == [text for _, _, text in given]
    assert [field.get("xtype") for field in fields_of(document)] == [one.xtype for one, _, _ in given]
