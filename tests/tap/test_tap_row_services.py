"""Answers that name data sets tell what belongs to them and how to cut them: descriptors behind the table,
whatever the query."""

from __future__ import annotations

import io
from collections.abc import Callable

import httpx
import pytest
from astropy.io.votable import parse
from lxml import etree
from tap_uploads import ONE, sent
from xsd import Validate

from tap_schema import published
from vo_service.asking.row_services import described_services
from vo_service.soda.descriptors import generic_descriptor

Ask = Callable[..., httpx.Response]
V = "{http://www.ivoa.net/xml/VOTable/v1.3}"
BASE = "https://vo.example.org/x"
VOTABLES = ("votable", "votable/td", "votable/b", "votable/b2", "votable/1.5", "text/xml")
ALL = "SELECT TOP 3 s_ra, obs_publisher_did FROM ivoa.obscore ORDER BY obs_publisher_did"


def query(ask: Ask, adql: str, **more: str) -> bytes:
    answer = ask("/tap/sync", params={"LANG": "ADQL", "QUERY": adql, **more})
    assert answer.status_code == 200, answer.text
    return answer.content


def services_in(content: bytes) -> list[etree._Element]:
    return etree.fromstring(content).findall(f".//{V}RESOURCE[@utype='adhoc:service']")


def reference_of(content: bytes) -> str | None:
    """The name of the column that ID is taken from; None without a descriptor."""
    root = etree.fromstring(content)
    found = root.findall(f".//{V}GROUP/{V}PARAM[@name='ID']")
    if not found:
        return None
    (field,) = [one for one in root.iter(f"{V}FIELD") if one.get("ID") == found[0].get("ref")]
    return field.get("name")


@pytest.mark.parametrize("format", VOTABLES)
def test_the_descriptor_stands_behind_the_table(ask: Ask, format: str, validate: Validate) -> None:
    # DL-080, DL-082, DL-083, DL-092, DL-099, SODA-071, SODA-079, TAP-337, VOT-164
    content = query(ask, ALL, RESPONSEFORMAT=format)
    root = validate(content)
    assert [(one.get("type"), one.get("utype")) for one in root] == [
        ("results", None),
        ("meta", "adhoc:service"),
        ("meta", "adhoc:service"),
    ]
    standards = ("ivo://ivoa.net/std/DataLink#links-1.1", "ivo://ivoa.net/std/SODA#sync-1.0")
    for resource, standard, place in zip(root[1:], standards, ("datalink", "soda"), strict=True):
        direct = {one.get("name"): one.get("value") for one in resource.findall(f"{V}PARAM")}
        assert direct["standardID"] == standard
        assert direct["accessURL"] == f"{BASE}/{place}/sync"
    assert [one.get("name") for one in root[1].find(f"{V}GROUP")] == ["ID"]
    names = [one.get("name") for one in root[2].find(f"{V}GROUP")]
    assert names == [one.name for one in generic_descriptor(BASE, "x").inputs]
    assert reference_of(content) == "obs_publisher_did"
    table = parse(io.BytesIO(content), verify="exception").get_first_table()
    assert list(table.array["obs_publisher_did"]) == [f"ivo://test/obs?d-{n}" for n in (0, 1, 10)]


@pytest.mark.parametrize(
    ("adql", "name"),
    [
        ('SELECT obs_publisher_did AS "which one", s_ra FROM ivoa.obscore', "which one"),
        ("SELECT s_ra AS obs_publisher_did, obs_publisher_did AS s_ra FROM ivoa.obscore", "s_ra"),
        ("SELECT a.*, b.s_ra FROM ivoa.obscore AS a, ivoa.obscore AS b", "obs_publisher_did"),
        (
            "SELECT b.obs_id, b.did FROM (SELECT obs_id, obs_publisher_did AS did FROM ivoa.obscore) AS b",
            "did",
        ),
        ("SELECT obs_publisher_did AS d FROM ivoa.obscore_radio", "d"),
        ("SELECT obs_publisher_did AS d FROM holdings.spectral_window", "d"),
        (
            "SELECT obs_publisher_did FROM ivoa.obscore UNION SELECT obs_publisher_did FROM holdings.dataset",
            ...,
        ),
        ("SELECT dataset_id, s_ra FROM ivoa.obscore", None),
        ("SELECT LOWER(obs_publisher_did) AS obs_publisher_did FROM ivoa.obscore", None),
        ("SELECT obs_publisher_did || '' AS obs_publisher_did FROM ivoa.obscore", None),
        ("SELECT COUNT(obs_publisher_did) AS obs_publisher_did FROM ivoa.obscore", None),
        ("SELECT archive_publisher_did FROM ivoa.obscore", None),
    ],
    ids=("renamed swapped star inner radio window union without lower joined counted archive".split()),
)
def test_it_follows_the_column(ask: Ask, adql: str, name: str | None) -> None:
    # DL-099
    found = reference_of(query(ask, adql, MAXREC="5", RESPONSEFORMAT="votable/td"))
    assert found == ("obs_publisher_did" if name is ... else name)


@pytest.mark.parametrize("maxrec", ["0", "1", "250"])
def test_however_many_rows_there_are(ask: Ask, maxrec: str) -> None:
    # DL-083: once, behind the results with all that is said of them
    content = query(ask, "SELECT obs_publisher_did FROM ivoa.obscore", MAXREC=maxrec)
    assert [one.get("name") for one in services_in(content)] == ["Links", "Cut-out"]
    results = etree.fromstring(content)[0]
    statuses = [one.get("value") for one in results.iter(f"{V}INFO") if one.get("name") == "QUERY_STATUS"]
    assert statuses == ["OK", "OVERFLOW"]


def test_where_several_columns_are_identifiers_the_first_counts(ask: Ask) -> None:
    # DL-083, DL-097
    adql = "SELECT a.obs_publisher_did, b.obs_publisher_did FROM ivoa.obscore AS a JOIN ivoa.obscore AS b "
    content = query(ask, f"{adql} ON a.obs_id = b.obs_id", MAXREC="2")
    root = etree.fromstring(content)
    first, second = root.iter(f"{V}FIELD")
    for service in services_in(content):
        reference = service.find(f"{V}GROUP/{V}PARAM[@name='ID']").get("ref")
        assert reference == first.get("ID") != second.get("ID")


def test_no_id_of_the_document_comes_twice(ask: Ask) -> None:
    # VOT-032: whatever columns are called
    names = ("ID", "soda", "inputParams", "accessURL", "CIRCLE")
    listed = ", ".join(f's_ra AS "{name}"' for name in names)
    root = etree.fromstring(query(ask, f"SELECT {listed}, obs_publisher_did FROM ivoa.obscore", MAXREC="1"))
    ids = [one.get("ID") for one in root.iter() if one.get("ID") is not None]
    assert len(set(ids)) == len(ids)


def test_rows_of_users_are_not_ours(ask: Ask) -> None:
    # DL-099: what a client brings along may be called as it likes
    table = ONE.replace('"n"', '"obs_publisher_did"').format(7)
    answer = sent(ask, "SELECT obs_publisher_did FROM TAP_UPLOAD.t", "t,param:t", {"t": table})
    assert answer.status_code == 200 and not services_in(answer.content)
    assert len(etree.fromstring(answer.content).findall(f".//{V}FIELD")) == 1


def test_other_formats_stay_as_they_are(ask: Ask) -> None:
    assert b"adhoc" not in query(ask, ALL, RESPONSEFORMAT="csv")
    assert query(ask, ALL, RESPONSEFORMAT="fits").startswith(b"SIMPLE")


def test_a_description_costs_nothing_where_none_is_wanted() -> None:
    columns = published()["ivoa.obscore"].columns
    calls: list[str] = []

    def services(base_url: str, field_id: str) -> tuple[bytes, ...]:
        calls.append(field_id)
        return (b"x",)

    origins = [frozenset({("ivoa.obscore", column.name)}) for column in columns]
    assert described_services(columns, origins, BASE, services) == (b"x",)
    assert calls == ["obs_publisher_did"]
    hidden = [frozenset({("tap_upload.t", "obs_publisher_did")})]
    assert described_services(columns[:1], hidden, BASE, services) == ()
    assert len(calls) == 1
