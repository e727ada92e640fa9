"""Maps of answers: all that is found, as it is seen, and nothing else; kept no longer than they are right."""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import mocpy
import numpy as np
import pytest
from asked_in_process import Asked, give_token, running
from astropy import units as u
from astropy.coordinates import Latitude, Longitude, SkyCoord
from hypothesis import given, settings
from hypothesis import strategies as st
from made_archive import Row
from map_house import LATER, NOW, OPENING, SETTINGS, MapHouse, is_hidden, region_seen, rows_with_pixels
from moc_judge import Space, judge_ascii, judge_fits, judge_json

from vo_service.asking.constraints.values import MAP_CHARACTERS
from vo_service.moc import answered_maps
from vo_service.moc.footprints import Footprints
from vo_service.moc.kept_maps import KeptBySize

ROWS = rows_with_pixels()
CONSTRAINTS = st.fixed_dictionaries(
    {},
    optional={
        "POS": st.sampled_from(
            ["CIRCLE 10 -5 6", "CIRCLE 2 -9 3", "RANGE 5 12 -10 0", "POLYGON 0 -20 20 -20 10 10"]
        ),
        "BAND": st.sampled_from(["0.0012 0.0014", "-Inf 0.001", "0.002 0.004"]),
        "TIME": st.sampled_from(["57000 57500", "58000 +Inf"]),
        "TARGET": st.sampled_from(["M 83", "m83"]),
        "CALIB": st.sampled_from(["2", "3"]),
        "MOC": st.sampled_from(["4/1344-1407", "0/4"]),
        "ID": st.sampled_from([row["obs_publisher_did"] for row in ROWS[:9]]),
    },
).filter(bool)


@dataclass(kw_only=True)
class Door(Asked):
    """The application on the house."""

    house: MapHouse

    def answer(self, person: str = "nobody", **form: str) -> httpx.Response:
        return self.ask("/moc", person, "POST", data=form)

    def map(self, person: str = "nobody", **form: str) -> mocpy.MOC:
        found = self.answer(person, **form)
        assert found.status_code == 200, found.text
        judge_fits(found.content)  # CHK-M02 to CHK-M06
        return mocpy.MOC.from_fits(io.BytesIO(found.content))

    def rows(self, person: str = "nobody", **form: str) -> list[Row]:
        """What the search for images finds."""
        sent = self.ask("/sia2/query", person, "POST", data={**form, "RESPONSEFORMAT": "csv"})
        dids = {row["obs_publisher_did"] for row in csv.DictReader(io.StringIO(sent.text))}
        return [row for row in ROWS if row["obs_publisher_did"] in dids]


@pytest.fixture(scope="module")
def made_door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    house = MapHouse(tmp_path_factory.mktemp("answers") / "home")
    house.publish(ROWS)
    door = Door(now=NOW, tokens={"ann": give_token(house.home, "ann", NOW, "read:all")}, house=house)
    with running(door, house.home, **SETTINGS):
        yield door


@pytest.fixture
def door(made_door: Door) -> Door:
    made_door.now = NOW
    return made_door


def seen(rows: list[Row], sees_pixels: bool) -> list[tuple[str, list[float]]]:
    """Kind and numbers of the footprint of each row; of a row without one its position, if it has that."""
    found = []
    for row in rows:
        text = region_seen(row, sees_pixels or not is_hidden(row))
        if text is not None:
            found.append((text.split()[0], [float(word) for word in text.split()[2:]]))
        elif row["s_ra"] is not None and row["s_dec"] is not None:
            found.append(("Circle", [row["s_ra"], row["s_dec"], 0.0]))
    return found


def places(kind: str, numbers: list[float]) -> np.ndarray:
    """Positions (degrees) all over a footprint, its border included."""
    if kind == "Circle":
        lon, lat, radius = numbers
        angle, share = np.meshgrid(np.linspace(0.0, 2.0 * np.pi, 24), (0.0, 0.3, 0.6, 0.9, 1.0 - 1e-9))
        middle = SkyCoord(lon, lat, unit="deg")
        found = middle.directional_offset_by(angle.ravel() * u.rad, radius * share.ravel() * u.deg)
        return np.stack([found.ra.deg, found.dec.deg], axis=1)
    corners = unwrapped(numbers)
    others = np.roll(corners, 1, axis=0)
    middle = corners.mean(axis=0)
    return np.concatenate(
        [middle + share * (each - middle) for each in (corners,) for share in (0.2, 0.7, 1.0)]
        + [middle + 0.99 * (0.5 * (corners + others) - middle)]
    )


def unwrapped(numbers: list[float]) -> np.ndarray:
    corners = np.array(numbers).reshape(-1, 2)
    corners[:, 0] = (corners[:, 0] - corners[0, 0] + 180.0) % 360.0 - 180.0 + corners[0, 0]
    return corners


def by_mocpy(kind: str, numbers: list[float], order: int) -> mocpy.MOC:
    """What mocpy makes of a footprint: all cells that it touches, perhaps some beside them."""
    if kind == "Circle" and numbers[2] < 1e-9:
        return mocpy.MOC.from_lonlat(lon=numbers[0] * u.deg, lat=numbers[1] * u.deg, max_norder=order)
    if kind == "Circle":
        lon, lat, radius = Longitude(numbers[0], u.deg), Latitude(numbers[1], u.deg), numbers[2] * u.deg
        return mocpy.MOC.from_cone(lon=lon, lat=lat, radius=radius, max_depth=order)
    corners = unwrapped(numbers)
    lon, lat = Longitude(corners[:, 0], u.deg), Latitude(corners[:, 1], u.deg)
    return mocpy.MOC.from_polygon(lon=lon, lat=lat, max_depth=order)


def check_map(found: mocpy.MOC, rows: list[Row], sees_pixels: bool) -> None:
    """A map holds every footprint, and no cell farther than the next one from all of them."""
    footprints = seen(rows, sees_pixels)
    if not footprints:
        assert found.empty()
        return
    points = np.concatenate([places(*each) for each in footprints])
    assert found.contains_lonlat(Longitude(points[:, 0], u.deg), Latitude(points[:, 1], u.deg)).all()
    most = [mocpy.MOC.new_empty(found.max_order), *(by_mocpy(*each, found.max_order) for each in footprints)]
    assert found.difference(most[0].union(*most[1:]).add_neighbours()).empty()


def ranges(one: mocpy.MOC) -> list[tuple[int, int]]:
    return [(int(low), int(high)) for low, high in one.to_depth29_ranges]


@settings(max_examples=25)
@given(form=CONSTRAINTS, who=st.sampled_from(["nobody", "ann", "later"]))
def test_the_map_is_the_union_of_what_is_found(made_door: Door, form: dict[str, str], who: str) -> None:
    """Rows, and their footprints, are those of the search for images by who asks, when they do."""
    made_door.now = LATER if who == "later" else NOW
    person = "ann" if who == "ann" else "nobody"
    found = made_door.map(person, **form, ORDER="8")
    assert found.max_order == 8
    check_map(found, made_door.rows(person, **form), who != "nobody")


@pytest.mark.parametrize("name", [None, "circle", "point"])
def test_maps_are_as_fine_as_their_fields(door: Door, name: str | None) -> None:
    """A 64th of the narrowest field or less; and of coarser orders the map of the order is its ancestor."""
    form = {"POS": "CIRCLE 10 -5 1"}
    circles = [row for row in ROWS if "Circle" in (row["s_region"] or "") and not row.get("_region_measured")]
    if name is not None:
        row = next(row for row in circles if is_point(row) is (name == "point") and is_image(row))
        form = {"ID": row["obs_publisher_did"]}
    full = door.map(**form)
    if name == "circle":
        width = 2.0 * float(row["s_region"].split()[4])
        assert 0.5 * width / 64.0 < 58.6323 / 2.0**full.max_order <= width / 64.0 or row["s_resolution"]
        check_map(full, [row], False)
    assert full.max_order >= 9
    for order in (0, 5, 8):  # CHK-M11
        coarse = door.map(**form, ORDER=str(order))
        assert coarse == full.degrade_to_order(order)
        assert full.difference(coarse).empty()
    finer = door.map(**form, ORDER="29")  # MOC-081: no cells that nobody knows
    assert finer == full and finer.max_order == full.max_order


def is_point(row: Row) -> bool:
    return row["s_region"].endswith(" 0.0")


def is_image(row: Row) -> bool:
    return row["dataproduct_type"] in ("image", "cube")


def test_forms_are_one_map(door: Door) -> None:
    # CHK-M09
    form = {"POS": "CIRCLE 10 -5 3", "ORDER": "10"}
    found = [
        judge(door.answer(**form, RESPONSEFORMAT=word).content)
        for judge, word in ((judge_fits, "fits"), (judge_json, "json"), (judge_ascii, "text/plain"))
    ]
    assert found[0] == found[1] == found[2]
    assert isinstance(found[0], Space) and found[0].order == 10 and len(found[0].ranges) > 10
    assert list(found[0].ranges) == ranges(door.map(**form))


def test_nothing_that_is_found_is_an_empty_map(door: Door) -> None:
    # MOC-028
    answer = door.answer(COLLECTION="none of that name", RESPONSEFORMAT="ascii")
    assert (answer.status_code, answer.text) == (200, "14/\n")


def test_get_post_and_head_are_one(door: Door) -> None:
    # CHK-M15, DALI-005
    form = {"BAND": "0.0012 0.0014", "RESPONSEFORMAT": "json"}
    got, posted = door.ask("/moc", params=form), door.answer(**form)
    head = door.ask("/moc", method="HEAD", params=form)
    assert got.content == posted.content and not head.content
    for name in ("ETag", "Content-Type", "Content-Length", "Access-Control-Allow-Origin", "Cache-Control"):
        assert got.headers[name] == head.headers[name] == posted.headers[name]
    again = door.ask("/moc", params=form, headers={"If-None-Match": got.headers["ETag"]})
    assert again.status_code == 304
    assert got.headers["Access-Control-Allow-Origin"] == "*"


def test_a_map_in_a_file_is_a_constraint(door: Door) -> None:
    area = mocpy.MOC.from_string("3/340-343")
    text = " ".join(area.to_string().split())
    file = {"part": ("area.txt", text.encode())}
    by_file = door.ask("/moc", method="POST", data={"UPLOAD": "mine,param:part", "CALIB": "2"}, files=file)
    assert by_file.status_code == 200, by_file.text
    assert by_file.content == door.answer(MOC=text, CALIB="2").content


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"POS": "CIRCLE 10"}, "POS"),
        ({"POS": "CIRCLE 10 -5 1", "ORDER": "30"}, "from 0 to 29"),
        ({"POS": "CIRCLE 10 -5 1", "TIMEORDER": "3"}, "TIMEORDER"),
        ({"POS": "CIRCLE 10 -5 1", "RESPONSEFORMAT": "votable"}, "not offered"),
        ({"RESPONSEFORMAT": "fits"}, "/moc/holdings"),
        ({}, "no constraint"),
        ({"UPLOAD": "a,param:b"}, "no part"),
        ({"POS": "CIRCLE 10 -5 1", "MAXREC": "0"}, "MAXREC is of rows"),
        ({"MAXREC": "10"}, "MAXREC is of rows"),
    ],
)
def test_mistakes_are_told(door: Door, form: dict[str, str], words: str) -> None:
    answer = door.answer(**form)
    assert answer.status_code == 400 and words in answer.text
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_too_many_footprints_are_refused_and_not_cut(door: Door) -> None:
    wide = {"POS": "CIRCLE 10 -5 180"}
    count = len({region_seen(row, not is_hidden(row)) for row in door.rows(**wide)})
    with patch.object(Footprints, "__init__", _at_most(count - 1)):
        refused = door.answer(**wide, CALIB="0", TIME="1")  # nothing is found, nothing is too much
        assert refused.status_code == 200
        refused = door.answer(**wide)
    assert (refused.status_code, f"More than {count - 1} different footprints" in refused.text) == (400, True)
    with patch.object(Footprints, "__init__", _at_most(count)):
        assert door.answer(**wide).status_code == 200


def _at_most(most: int) -> Any:
    made = Footprints.__init__
    return lambda self, _: made(self, most)


def test_answers_are_kept_as_long_as_they_are_right(door: Door) -> None:
    """By snapshot, constraints, rights, and the release dates that are past: nothing else decides on them."""
    row = next(row for row in ROWS if is_hidden(row) and is_image(row))
    form = {"ID": row["obs_publisher_did"]}
    with patch.object(answered_maps, "map_of_fields", wraps=answered_maps.map_of_fields) as made:
        closed = door.map(**form)
        assert door.map(**form) == closed and made.call_count == 1
        assert door.map(**form, ORDER="3") == closed.degrade_to_order(3) and made.call_count == 1
        assert door.map(ID=row["obs_publisher_did"].upper().replace("IVO", "ivo")) == closed
        open_one = door.map("ann", **form)
        assert open_one != closed and made.call_count >= 2
        before = made.call_count
        just_before = OPENING.replace(tzinfo=UTC) - timedelta(microseconds=1)
        door.now = just_before
        assert door.map(**form) == closed and made.call_count == before
        door.now = OPENING.replace(tzinfo=UTC)
        assert door.map(**form) == open_one and made.call_count == before + 1
        door.now = just_before
        assert door.map(**form) == closed and made.call_count == before + 1


class Map(BaseHTTPRequestHandler):
    """A map by its address: /4/1344 is that of the text 4/1344."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.path[1:].encode())

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


def test_a_map_that_is_fetched_is_that_request_alone(door: Door) -> None:
    """What lies at an address is no part of what is kept: neither another map, nor none."""
    form = {"COLLECTION": "ALMA", "ORDER": "6"}
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), Map) as server,
        running(
            fetching := Door(now=NOW, house=door.house),
            door.house.home,
            **SETTINGS,
            upload_hosts=f"127.0.0.1:{server.server_address[1]}",
            upload_private="true",
        ),
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        at = f"http://127.0.0.1:{server.server_address[1]}"
        found = [fetching.map(**form, UPLOAD=f"m,{at}/{text}") for text in ("0/8", "4/1344-1407", "0/0-11")]
        found.append(fetching.map(**form))
        server.shutdown()
    assert found == [door.map(**form, MOC=text) for text in ("0/8", "4/1344-1407", "0/0-11")] + [
        door.map(**form)
    ]
    assert len({each.to_string() for each in found}) >= 3


def test_long_maps_are_counted_with_what_is_kept(door: Door) -> None:
    """The key holds them, whatever the answer is."""
    cells = " ".join(str(cell) for cell in range(1, 40_000, 2))
    with patch.object(KeptBySize, "keep", autospec=True) as keep:
        door.map(COLLECTION="none of that name", MOC=f"9/{cells}")
    (call,) = keep.call_args_list
    assert call.args[3] > 16 * 20_000


@pytest.mark.parametrize(
    ("path", "count"),
    [("/moc", 1), ("/moc", 2), ("/moc/search", 1), ("/sia2/query", 1), ("/sia2/query", 2)],
)
def test_maps_as_texts_are_bounded(door: Door, path: str, count: int) -> None:
    """They are read before a request's turn comes, where nothing else must take long."""
    sent = ["4/" + "1 " * (MAP_CHARACTERS // 2 // count)] * count
    refused = door.ask(path, method="POST", data={"MOC": sent})
    assert refused.status_code == 400
    assert f"at most {MAP_CHARACTERS} characters" in refused.text and "UPLOAD=" in refused.text
    taken = "4/" + "1 " * (MAP_CHARACTERS // 2 - 1)
    assert door.ask(path, method="POST", data={"MOC": taken, "ORDER": "3"}).status_code == 200


def test_another_snapshot_is_another_answer(tmp_path: Path) -> None:
    house = MapHouse(tmp_path / "home")
    house.publish(ROWS)
    form = {"POS": "CIRCLE 10 -5 180", "ORDER": "6"}
    with running(door := Door(now=NOW, house=house), house.home, **SETTINGS):
        before = door.map(**form)
        house.publish_again(ROWS[:40])
        after = door.map(**form)
        check_map(after, door.rows(**form), False)
        assert after.difference(before).empty() and not before.difference(after).empty()
