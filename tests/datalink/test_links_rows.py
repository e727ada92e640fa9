"""What links say of each kind of identifier: files, what they are to the data, what comes."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from link_house import (
    ALONE,
    BROKEN,
    CLOSED,
    CUBE,
    GONE,
    MASK,
    MOMENT,
    OPEN_UID,
    PB,
    TAR,
    TEXTS,
    WITHIN,
    House,
    Links,
    Row,
)

from vo_service.datalink import of_datasets
from vo_service.datalink.meanings import columns

FAULT = re.compile(r"(NotFoundFault|UsageFault|TransientFault|FatalFault|DefaultFault): \S")  # DL-065
REQUIRED = {  # DL-023, DL-027, DL-043: datatype, unit, UCD
    "ID": ("char", None, "meta.id;meta.main"),
    "access_url": ("char", None, "meta.ref.url"),
    "service_def": ("char", None, "meta.ref"),
    "error_message": ("char", None, "meta.code.error"),
    "description": ("char", None, "meta.note"),
    "semantics": ("char", None, "meta.code"),
    "content_type": ("char", None, "meta.code.mime"),
    "content_length": ("long", "byte", "phys.size;meta.file"),
    "content_qualifier": ("char", None, None),
    "local_semantics": ("char", None, "meta.id.assoc"),
    "link_auth": ("char", None, "meta.code"),
    "link_authorized": ("boolean", None, "meta.code"),
}
TERMS = set(  # of the vocabulary datalink/core (DL-050)
    """this progenitor derivation auxiliary weight error noise calibration bias dark flat preview
    preview-image preview-plot thumbnail proc cutout documentation detached-header coderived counterpart
    package""".split()
)


def check_rows(links: Links) -> None:
    """What holds in any table of links."""
    seen: list[str] = []
    for row in links.rows:
        told = [row.access_url, row.service_def, row.error_message]
        assert sum(each is not None for each in told) == 1, row  # DL-024
        assert row.semantics is not None
        assert row.semantics.removeprefix("#") in TERMS  # DL-038, DL-040; none from elsewhere (DL-039)
        assert row.semantics.startswith("#")
        assert row.link_auth in (None, "true", "false", "optional")  # DL-046
        if row.access_url is not None:  # DL-032
            parts = urlsplit(row.access_url)
            assert parts.scheme in ("http", "https") and parts.netloc and " " not in row.access_url
        if row.error_message is not None:
            assert FAULT.match(row.error_message)
        if not seen or seen[-1] != row.ID:
            seen.append(str(row.ID))
    assert len(set(seen)) == len(seen)  # DL-025
    assert {row.service_def for row in links.rows} - {None} <= set(links.services)  # DL-034


def place_of(row: Row) -> str:
    """The last part of the path of an address."""
    return urlsplit(str(row.access_url)).path.rpartition("/")[2]


def files_of(links: Links, house: House) -> Counter[tuple[str, str]]:
    """Paths of the files that rows lead to, and what they are."""
    paths = {name: path for path, name in house.products.items()}
    return Counter(
        (paths[place_of(row)], str(row.semantics))
        for row in links.rows
        if row.access_url is not None and "/files/" in row.access_url
    )


def test_columns_are_those_of_the_standard(house: House) -> None:
    # DL-023, DL-026, DL-027, DL-029, DL-043, VOT-164
    fields = house.links(house.did(CUBE)).fields
    assert fields[0].get("name") == "ID"
    told = {one.get("name"): (one.get("datatype"), one.get("unit"), one.get("ucd")) for one in fields}
    assert {name: told[name] for name in REQUIRED} == REQUIRED
    assert list(told)[: len(REQUIRED)] == list(REQUIRED)
    sizes = {one.get("name"): one.get("arraysize") for one in fields}
    assert sizes.pop("semantics") == "64*"
    assert {name for name, size in sizes.items() if size is None} == {"content_length", "link_authorized"}
    assert [one.name for one in columns()] == list(told)


def test_a_data_set_has_its_files_and_those_of_its_member(house: House) -> None:
    # DL-021, DL-022, DL-030, DL-033, DL-052
    links = house.links(house.did(CUBE))
    check_rows(links)
    wanted = {(CUBE, "#this"), (PB, "#weight"), (MASK, "#auxiliary"), (MOMENT, "#derivation")}
    wanted |= {(path, f"#{words.split()[0]}") for path, words in TEXTS.items()}
    wanted |= {(TAR, "#calibration"), (WITHIN, "#calibration")}
    assert files_of(links, house) == Counter(wanted)
    assert links.rows[0].semantics == "#this" and place_of(links.rows[0]) == house.products[CUBE]
    assert {row.ID for row in links.rows} == {house.did(CUBE)}
    standard = [one.get("value") for one in links.infos if one.get("name") == "standardID"]
    assert standard == ["ivo://ivoa.net/std/DataLink#links-1.1"] and links.statuses == ["OK"]


def test_everything_says_what_it_is(house: House) -> None:
    # DL-037, DL-041, DL-044, DL-045, DL-050, DL-053
    links = house.links(house.did(CUBE))
    names = {place_of(row): row for row in links.rows if row.access_url is not None}
    for path, words in TEXTS.items():
        row = names[house.products[path]]
        assert row.local_semantics == words.split()[1] and str(row.description).endswith(Path(path).name)
    cube = names[house.products[CUBE]]
    assert (cube.content_type, cube.content_qualifier, cube.local_semantics) == (
        "application/fits",
        "#cube",
        "cube",
    )
    for word in ("M83", "spw 15", "GHz", Path(CUBE).name):
        assert word in str(cube.description)
    by_local = {row.local_semantics: row for row in links.rows}
    assert len({row.description for row in links.rows}) == len(links.rows)
    pictures = {
        "preview": "#preview",
        "thumbnail": "#thumbnail",
        "spectrum-preview": "#preview-plot",
        "moment0-preview": "#preview-image",
    }
    for local, semantics in pictures.items():
        assert (by_local[local].semantics, by_local[local].content_type) == (semantics, "image/png")
    assert by_local["header"].semantics == "#detached-header"
    services = {"cutout": "#cutout", "cutout-job": "#cutout", "moment": "#proc", "spectrum": "#proc"}
    for local, semantics in services.items():
        assert by_local[local].semantics == semantics and by_local[local].service_def is not None
        assert by_local[local].content_length is None  # DL-043
    assert by_local["moment"].content_qualifier == "#image"
    assert by_local["spectrum"].content_qualifier == "#spectrum"


@pytest.mark.parametrize("spelling", [str, lambda uid: uid.replace("://", "___").replace("/", "_")])
def test_a_member_has_every_file_of_it(house: House, spelling) -> None:
    # DL-033, in both spellings of the uid
    links = house.links(spelling(OPEN_UID))
    check_rows(links)
    of_member = {path for path in house.products if path.startswith(CUBE.partition("/product/")[0])}
    found = files_of(links, house)
    assert {path for path, _ in found} == of_member and max(found.values()) == 1
    assert found[CUBE, "#this"] and found[MOMENT, "#derivation"] and found[PB, "#weight"]
    assert [place_of(row) for row in links.of("#this")] == [house.products[CUBE]]


def test_a_map_leads_to_what_it_was_made_of(house: House) -> None:
    links = house.links(house.data_sets[MOMENT])
    check_rows(links)
    found = files_of(links, house)
    assert found[MOMENT, "#this"] and found[CUBE, "#progenitor"]
    assert not links.of("#preview-plot")  # of one channel


def test_a_file_is_told_by_its_own_name(house: House) -> None:
    whole, primary = house.links(house.data_sets[CUBE]), house.links(house.products[CUBE])
    told = [[row.cells[name] for name in row.cells if name != "ID"] for row in whole.rows]
    assert [[row.cells[name] for name in row.cells if name != "ID"] for row in primary.rows] == told
    companion = house.links(house.products[PB])
    check_rows(companion)
    assert files_of(companion, house) == Counter([(PB, "#this")])
    (more,) = [row for row in companion.rows if row.local_semantics == "dataset"]
    assert house.ask(str(more.access_url)).status_code == 200
    assert more.content_type == "application/x-votable+xml;content=datalink"  # DL-042
    assert parse_qs(urlsplit(str(more.access_url)).query) == {"ID": [house.data_sets[CUBE]]}


def test_a_file_without_a_member_has_links_too(house: House) -> None:
    links = house.links(house.data_sets[ALONE])
    check_rows(links)
    assert files_of(links, house) == Counter([(ALONE, "#this")])
    assert not links.of("#package")


def test_a_broken_file_says_why_it_has_nothing_else(house: House) -> None:
    links = house.links(house.products[BROKEN])
    check_rows(links)
    (row,) = links.rows
    assert row.semantics == "#this" and "cannot be described" in str(row.description)


def test_files_in_a_tar_are_links_of_the_tar(house: House) -> None:
    # DL-042, DL-051, DL-101: the tar itself is a package
    member = house.links(OPEN_UID)
    (row,) = [row for row in member.rows if row.local_semantics == "flags-files"]
    assert row.content_type == "application/x-votable+xml;content=datalink"
    links = house.links(house.products[TAR])
    check_rows(links)
    assert files_of(links, house) == Counter([(WITHIN, "#this"), (TAR, "#package")])
    assert not links.services


def test_what_was_withdrawn_leads_to_its_successor(house: House) -> None:
    # DL-036, DL-066
    for name in ("old-image", "old"):
        withdrawn = [stone for stone in _stones(house) if stone.startswith(name)]
        assert withdrawn, f"nothing called {name}"
        for identifier in withdrawn:
            (row,) = house.links(identifier).rows
            assert row.semantics == "#this" and row.access_url is None
            assert str(row.error_message).startswith("NotFoundFault: ") and "withdrawn" in str(
                row.error_message
            )
            assert f"http://t/files/{house.products[ALONE]}" in str(row.error_message)
    assert _stones(house)


def _stones(house: House) -> list[str]:
    with house.app.state.service.current.use() as (snapshot, _):
        (stone,) = snapshot.read("holdings.tombstone").to_pylist()
    assert stone["path"] == GONE
    return [stone["product_id"], stone["dataset_id"]]


def test_files_of_large_members_are_behind_one_link(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_datasets, "LOOSE_MOST", 2)
    links = house.links(house.data_sets[CUBE])
    assert len([path for path, _ in files_of(links, house) if path in TEXTS]) == 2
    (more,) = [row for row in links.rows if row.local_semantics == "member"]
    assert set(TEXTS) <= {path for path, _ in files_of(Links(house.ask(str(more.access_url)).content), house)}


def test_a_file_that_has_gone_is_told_at_its_door(house: House, tmp_path: Path) -> None:
    # DL-047: links are a forecast
    (place,) = house.app.state.service.shelf.roots().values()
    assert isinstance(place, Path)
    path = place / CLOSED
    aside = path.rename(tmp_path / "aside.fits")
    try:
        links = house.links(house.data_sets[CLOSED], person="ann")
        assert files_of(links, house)[CLOSED, "#this"]
        answer = house.ask(str(links.rows[0].access_url), person="ann")
        assert answer.status_code == 410
    finally:
        aside.rename(path)
