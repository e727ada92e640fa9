"""VOTable documents: fields, status, the schema, the lines of a stream."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pyarrow as pa
import pytest
from astropy.io.votable import parse
from astropy.io.votable.tree import VOTableFile
from lxml import etree
from pyvo.dal import DALQueryError, TAPResults
from votables import NAMESPACE, SERIALISATIONS, column, encode, read

from vo_service.formats import (
    FORMATS,
    OK,
    OVERFLOW,
    Info,
    Outcome,
    error_votable,
    failed,
)


@pytest.mark.parametrize("asked", SERIALISATIONS)
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
    column("2 odd, name", "int"),
)


def test_fields() -> None:
    """# VOT-032, VOT-107, VOT-108, ALMA-115, TAP-106, TAP-113"""
    document = encode("votable", OBSCORE_LIKE, [])
    root = etree.fromstring(document)
    fields = root.findall(f".//{NAMESPACE}FIELD")
    assert [f.get("name") for f in fields] == [c.name for c in OBSCORE_LIKE]
    ids = [f.get("ID") for f in fields]
    assert ids[:4] == ["s_ra", "gal_longitude", "s_region", "t_min"]
    assert len(set(ids)) == len(ids) and all(re.fullmatch(r"[A-Za-z_][\w.-]*", i) for i in ids)
    assert [f.get("ref") for f in fields] == ["icrs", "galactic", "icrs", "mjd", None, None, None, None]
    region = fields[2]
    assert region.get("xtype") == "adql:REGION"
    assert region.get("utype") == "obscore:Char.SpatialAxis.Coverage.Support.Area"
    assert fields[5].findtext(f"{NAMESPACE}DESCRIPTION") == "twice <b> & 'x'"
    assert root.find(f".//{NAMESPACE}COOSYS").get("system") == "ICRS"
    assert root.find(f".//{NAMESPACE}TIMESYS").get("timeorigin") == "MJD-origin"
    assert root.get("version") == "1.4"


@pytest.mark.parametrize(
    "outcome", [OK, OVERFLOW, failed("engine gone <away>\x02"), Outcome("OK", infos=(Info("rows", "1"),))]
)
@pytest.mark.parametrize("asked", SERIALISATIONS)
def test_valid_by_the_schema(asked: str, outcome: Outcome, xsd_directory: Path) -> None:
    """# VOT-006..VOT-010, VOT-105, VOT-120, VOT-123"""
    files = sorted(xsd_directory.rglob("VOTable-1.4*.xsd")) + sorted(xsd_directory.rglob("VOTable-v1.4*.xsd"))
    if not files:
        pytest.skip(f"no VOTable 1.4 schema in {xsd_directory}")
    schema = etree.XMLSchema(etree.parse(files[0]))
    infos = (
        Info("QUERY", "SELECT '<' \n\t \"x\""),
        Info("citation", "2020abc", "cite this", "meta.bib.bibcode"),
    )
    batch = pa.record_batch(
        [pa.array([None], c.arrow_type) for c in OBSCORE_LIKE], names=[c.name for c in OBSCORE_LIKE]
    )
    root = etree.fromstring(encode(asked, OBSCORE_LIKE, [batch], outcome, infos))
    schema.assertValid(root)
    told = [i.get("value") for i in root.iter(f"{NAMESPACE}INFO") if i.get("name") == "QUERY_STATUS"]
    assert told == (["OK"] if outcome.status == "OK" else ["OK", outcome.status])
    quoted = next(i for i in root.iter(f"{NAMESPACE}INFO") if i.get("name") == "QUERY")
    assert quoted.get("value") == "SELECT '<' \n\t \"x\""
    schema.assertValid(etree.fromstring(error_votable("no such column \x07", infos)))


def votable_of(document: bytes) -> VOTableFile:
    return parse(io.BytesIO(document))


def test_pyvo_reads_the_status() -> None:
    """# VOT-120, VOT-121, VOT-123, VOT-124, TAP-102, TAP-103"""
    columns = (column("n", "int"),)
    batch = pa.record_batch([pa.array([1, 2], pa.int32())], names=["n"])
    assert list(TAPResults(votable_of(encode("votable", columns, [batch])))["n"]) == [1, 2]
    cut = TAPResults(votable_of(encode("votable", columns, [batch], OVERFLOW)))
    assert len(cut) == 2 and cut.status[0] == "OVERFLOW"
    with pytest.raises(DALQueryError, match="engine gone"):
        TAPResults(votable_of(encode("votable", columns, [batch], failed("engine gone"))))
    with pytest.raises(DALQueryError, match="no such column"):
        TAPResults(votable_of(error_votable("no such column")))


def test_stream_lines_are_short_and_whole() -> None:
    """# VOT-087: 76 characters a line, padding at the very end only, over many batches of odd lengths."""
    columns = (column("s", "char", "*"),)
    batches = [pa.record_batch([pa.array(["x" * n])], names=["s"]) for n in range(1, 200)]
    document = encode("votable", columns, batches)
    lines = document.split(b'encoding="base64">\n')[1].split(b"</STREAM>")[0].split()
    assert {len(line) for line in lines[:-1]} == {76}
    assert all(b"=" not in line for line in lines[:-1])
    assert list(read(document).to_table()["s"]) == ["x" * n for n in range(1, 200)]


def test_formats_have_what_a_handler_needs() -> None:
    assert FORMATS[0].media_type == "application/x-votable+xml"
    for offer in FORMATS:
        assert offer.extension
        assert offer.tells_outcome == ("csv" not in offer.media_type)
