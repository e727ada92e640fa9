"""Who may see the tree of a data set, which there are, and which are listed (design 4.3)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from unittest.mock import patch

import numpy as np
import pytest
from live_house import LiveDoor, LiveHouse, disc, noise, opened, smooth
from tree_checks import pairs_of
from tree_house import FUTURE, LATER, NOW, RELEASED

from vo_service.holdings import ingest, pixel_pass

ROOT = (
    "properties",
    "Moc.fits",
    "preview.jpg",
    "index.html",
    "",
    "Norder3/Allsky.png",
    "Norder3/Allsky.fits",
)
TILES = ("Norder0/Dir0/Npix10.png", "Norder0/Dir0/Npix10.fits", "Norder0/Dir0/Npix10_1.fits")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> LiveHouse:
    house = LiveHouse(tmp_path_factory.mktemp("gate"))
    values = disc(smooth(40, 40), 18.0)
    house.write("open", values)
    house.write("later", values + 1.0, (150.0, 2.0))
    house.write("closed", values + 2.0, (10.0, -60.0))
    house.write("cube-open", np.stack([values, values + 1.0]), (204.3, -29.8))
    house.write("odd", np.stack([values] * 3)[:, None], (40.0, 40.0), CTYPE4="SPARE")
    house.write("blank", np.full((20, 20), np.nan), (30.0, 30.0))
    house.write("open", noise(40, 40), (204.25, -29.87), ending=".pb.fits")
    house.write("large", noise(60, 60), (200.0, 10.0))
    house.ingest()
    house.harvest(
        dict.fromkeys(house.members, RELEASED) | {"later": LATER, "closed": FUTURE, "alone": RELEASED}
    )
    return house


@pytest.fixture(scope="module")
def made_door(house: LiveHouse) -> Iterator[LiveDoor]:
    with opened(house, hips_plane_pixels="2000") as door:
        yield door


@pytest.fixture
def door(made_door: LiveDoor) -> LiveDoor:
    made_door.now = NOW
    return made_door


def existing(door: LiveDoor, name: str, person: str = "nobody") -> list[str]:
    """Paths of files that the tree has."""
    paths = [path for path in (*ROOT, *TILES) if door.tree(name, path, person=person).status_code == 200]
    assert set(ROOT) <= set(paths)
    return paths


def test_what_is_closed_is_refused_as_pictures_are(door: LiveDoor) -> None:
    paths = existing(door, "closed", "ann")
    assert "properties" in paths and len(paths) >= len(ROOT)
    picture = door.ask(f"/previews/{door.names['closed']}.png")
    for path in (*paths, "Norder3/Dir0/Npix0.png", "no-such-file"):
        kept = door.tree("closed", path, person="ann").headers.get("ETag", '"x"')
        for method in ("GET", "HEAD"):
            answer = door.tree("closed", path, method=method, headers={"If-None-Match": kept})
            assert (answer.status_code, picture.status_code) == (401, 401)
            assert answer.headers["WWW-Authenticate"] == picture.headers["WWW-Authenticate"]
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "proprietary until 2040" in door.tree("closed", path).text


def test_whoever_has_the_right_sees_a_private_tree(door: LiveDoor) -> None:
    told = door.properties("closed", person="ann")
    assert told["hips_status"] == "private master unclonable"  # HIPS-114
    assert door.properties("open", person="ann")["hips_status"] == "public master clonableOnce"
    kept = door.tree("closed", "properties", person="ann")
    again = door.tree("closed", "properties", person="ann", headers={"If-None-Match": kept.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_without_any_token_it_is_forbidden(
    house: LiveHouse, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with opened(house, auth="anonymous") as door:
        assert door.tree("closed", "properties").status_code == 403
        assert door.tree("open", "properties").status_code == 200


def test_the_clock_opens(door: LiveDoor) -> None:
    door.now = datetime(2021, 6, 1, tzinfo=NOW.tzinfo)
    assert door.tree("later", "properties").status_code == 401
    before = door.properties("later", person="ann")
    assert before["hips_status"].startswith("private")
    door.now = LATER
    told = door.properties("later")
    assert told["hips_status"] == "public master clonableOnce"
    assert {key for key in told if told[key] != before[key]} <= {
        "hips_status",
        "hips_release_date",
        "hips_creation_date",
    }


NONE = {
    "blank": r"none of its pixels is a number",
    "odd": r"its axis 4 \(SPARE\) has 3 pixels and is neither spectral nor Stokes",
    "large": r"planes have 60 x 60 pixels; trees are made here of planes of up to 2000 pixels",
}


@pytest.mark.parametrize("name", NONE)
def test_data_sets_without_a_tree_say_why(door: LiveDoor, name: str) -> None:
    for path in ("properties", "Norder0/Dir0/Npix10.png", ""):
        answer = door.tree(name, path)
        assert (answer.status_code, answer.headers["Cache-Control"]) == (404, "no-cache"), answer.text
        assert re.search(f"There is no tree of this data set: .*({NONE[name]})", answer.text), answer.text
        assert len(answer.content) < 400 and "/tmp" not in answer.text


def test_data_sets_of_an_archive_alone(house: LiveHouse, door: LiveDoor) -> None:
    dids = [row["obs_publisher_did"] for row in house.read("ivoa.obscore") if row["dataset_id"] is None]
    for did in dids:
        answer = door.ask(f"/hips/{did.partition('?')[2]}/properties")
        assert answer.status_code == 404 and "an archive lists it" in answer.text
    assert dids


def test_files_are_no_data_sets(house: LiveHouse, door: LiveDoor) -> None:
    for row in house.read("holdings.product"):
        if row["is_primary"] != 1 and row["dataset_id"] == door.names["open"]:
            answer = door.ask(f"/hips/{row['product_id']}/properties")
            assert answer.status_code == 404 and f"/hips/{row['dataset_id']}" in answer.text
            break
    else:
        raise AssertionError("there is no companion")


ODD = (
    "Norder3/Allsky_1.png", "Norder2/Allsky.png", "Norder0/Dir0/Npix10_1.png", "Norder29/Dir0/Npix0.fits",
    "Norder0/Dir0/Npix10.jpg", "metadata.xml", "Norder0/Dir0/Npix12.png", "Norder0/Dir0/Npix5.png",
    "Norder0/Dir0/Npix10.tsv", "Norder3/Allsky.jpg", "propertie%73",
    *(
        name.format("9" * 5000)
        for name in ("Norder3/Dir0/Npix{}.fits", "Norder3/Dir{}/Npix9.fits", "Norder3/Allsky_{}.png")
    ),
)  # fmt: skip


@pytest.mark.parametrize("path", ODD, ids=lambda path: path[:30])
def test_nothing_else_has_a_name(door: LiveDoor, path: str) -> None:
    answer = door.tree("open", path)
    assert answer.status_code == 404 and len(answer.content) < 300
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def records(door: LiveDoor) -> dict[str, dict[str, str]]:
    """The list of the node, by the last part of the addresses, in its order."""
    text = door.ask("/hips/hipslist").text
    found = [dict(pairs_of(part.encode())) for part in re.split(r"\n[ \t]*\n", text)]
    return {each["hips_service_url"].rpartition("/")[2]: each for each in found if each}


def test_public_data_sets_are_listed_the_newest_first(door: LiveDoor) -> None:
    # HIPS-110 to -114, CHK-H19
    listed, names = records(door), door.names
    assert next(iter(listed)) == names["later"]
    assert set(listed) == {names[name] for name in ("later", "open", "cube-open")}
    for dataset, record in listed.items():
        told = dict(pairs_of(door.ask(f"/hips/{dataset}/properties").content))
        assert record.keys() >= {"creator_did", "hips_release_date", "hips_service_url", "hips_status"}
        assert record.items() <= told.items()
        assert "hips_order" not in record  # it goes by the shorter side of pixels, rows tell the mean
        assert record["hips_service_url"] == f"http://t/hips/{dataset}"


@pytest.mark.parametrize(("most", "count"), [("0", 0), ("2", 2)])
def test_the_list_is_as_long_as_it_may_be(house: LiveHouse, most: str, count: int) -> None:
    with opened(house, hips_listed=most) as door:
        assert len(records(door)) == count


def test_unlisted_files_follow_the_setting(tmp_path_factory: pytest.TempPathFactory) -> None:
    house = LiveHouse(tmp_path_factory.mktemp("unlisted"))
    house.write("loose", disc(smooth(30, 30), 12.0))
    house.ingest()
    for unlisted, status in (("open", 200), ("closed", 401)):
        with opened(house, unlisted=unlisted) as door:
            assert door.tree("loose", "properties").status_code == status
            assert list(records(door)) == ([door.names["loose"]] if status == 200 else [])


def test_links_lead_to_trees(door: LiveDoor) -> None:
    # HIPS-119
    for name, has_one in (
        ("open", True),
        ("cube-open", True),
        ("closed", True),
        ("large", False),
    ):
        asked = {
            "ID": door.names[name],
            "RESPONSEFORMAT": "application/x-votable+xml;serialization=tabledata",
        }
        text = door.ask("/datalink/sync", params=asked).text
        assert ("application/hips" in text) is has_one, name
        assert (f"<TD>http://t/hips/{door.names[name]}</TD>" in text) is has_one


def test_what_turns_out_to_have_no_tree_is_not_listed(tmp_path_factory: pytest.TempPathFactory) -> None:
    # CHK-H19: nobody looked at pixels before, and one file changes behind our back
    house, values = LiveHouse(tmp_path_factory.mktemp("forgotten")), disc(smooth(30, 30), 12.0)
    house.write("open", values)
    house.write("empty", np.full((20, 20), np.nan), (30.0, 30.0))
    house.write("changing", values, (40.0, 30.0))
    house.write("tiny", values, (50.0, 30.0), pixel=1e-6)
    house.ingest(measured=False)
    house.harvest(dict.fromkeys(house.members, RELEASED))
    house.write("changing", values + 1.0, (40.0, 30.0))
    with opened(house) as door:
        listed = {name: door.names[name] for name in ("open", "empty", "changing")}
        assert set(records(door)) == set(listed.values())  # no tree is deep enough for the tiny pixels
        statuses = {name: door.tree(name, "properties").status_code for name in listed}
        assert statuses == {"open": 200, "empty": 404, "changing": 409}
        assert door.tree("open", "Norder0/Dir0/Npix3.png").status_code == 404
        assert set(records(door)) == {listed["open"]}
        house.ingest(measured=False)  # it is known again
        assert listed["changing"] in records(door)


OLD = 1_420_000_000.0
"""Seconds since 1970."""


@contextmanager
def later() -> Iterator[None]:
    """An ingest some minutes from now."""

    class Later(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Later:
            return super().now(tz) + timedelta(minutes=5)

    with patch.object(ingest, "datetime", Later), patch.object(pixel_pass, "datetime", Later):
        yield


def test_what_is_replaced_and_withdrawn(tmp_path_factory: pytest.TempPathFactory) -> None:
    house = LiveHouse(tmp_path_factory.mktemp("replaced"))
    os.utime(house.write("one", disc(smooth(30, 30), 12.0)), (OLD, OLD))
    house.write("other", disc(smooth(30, 31), 12.0), (10.0, 10.0))
    started = datetime.now(UTC)
    house.release()
    with opened(house) as door:
        before, tile = door.properties("one"), door.tree("one", TILES[1])
        assert before["hips_release_date"] >= f"{started:%Y-%m-%dT%H:%MZ}"  # however old the file is
        os.utime(house.write("one", 5.0 + disc(smooth(30, 30), 12.0)), (OLD + 9e6, OLD + 9e6))
        changed = door.tree("one", TILES[1])  # what is kept is of the version that is in the holdings
        assert changed.content == tile.content
        with later():
            house.ingest()
        after, again = door.properties("one"), door.tree("one", TILES[1])
        assert again.headers["ETag"] != tile.headers["ETag"] and again.content != tile.content
        assert float(after["hips_data_range"].split()[0]) == pytest.approx(
            5.0 + float(before["hips_data_range"].split()[0])
        )
        assert after["hips_release_date"] > before["hips_release_date"]  # HIPS-056, CHK-H23
        house.file("one").unlink()
        house.ingest()
        for path in ("properties", TILES[0], ""):
            gone = door.tree("one", path)
            assert gone.status_code == 410 and "withdrawn" in gone.text
        assert list(records(door)) == [door.names["other"]]
