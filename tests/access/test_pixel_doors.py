"""Data that are not public, tried through every door (design 4.3): no byte of them comes out without the
right, nor anything by which one answer differs from another; with the right, and after the release, all does.
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import httpx
import pytest
from pixel_doors import DOORS, ELSEWHERE, OF_JOBS, Door, picture, refused, soda
from pixel_house import AFTER, NOW, House, image_of, open_house
from starlette.routing import Match

NO_PIXELS = {
    "/", "/tap", "/soda", "/healthz", "/metrics",
    *(f"/tap/{name}" for name in ("tables", "tables/{name}", "capabilities", "availability", "examples")),
    *(f"/soda/{name}" for name in ("capabilities", "availability", "examples")),
    "/hips", "/hips/hipslist", "/moc/capabilities", "/moc/availability",
    *(f"/registry{name}" for name in ("", "/capabilities", "/availability")),
    *(f"/{service}/{name}" for service in ("sia2", "datalink") for name in ("capabilities", "availability")),
    *(
        f"/cone/{table}/{name}"
        for table in (
            "ivoa.obscore", "holdings.observation", "holdings.archive_row", "holdings.measurement",
            "holdings.peak_spectrum", "holdings.supplement",
        )
        for name in ("capabilities", "availability")
    ),
}  # fmt: skip
"""Addresses that read no file, and show of the stored rows what is for everybody."""
ASKED_OTHERWISE = {
    "/tap/sync",
    "/sia2/query",
    "/cone/{table}",
    "/datalink/sync",
    "/packages/list",
    "/packages/script",
    "/moc",
    "/moc/search",
    "/moc/{path:path}",
    "/hips/{name}",
    *(f"/{service}/async" for service in ("tap", "soda")),
    *(f"/{service}/async/{{job_id}}{name}" for service in ("tap", "soda") for name in OF_JOBS),
}
"""Addresses of queries and jobs, which `test_pixel_tables` goes to (and those of jobs, for TAP); of maps, to
which `tests/moc` goes; and that of a tree itself, which sends people on to its page."""


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_no_byte_comes_out_before_the_release_and_all_after(house: House, door: Door) -> None:
    # AUTH-030, SODA-054
    for person in ("nobody", "bob"):
        for method in ("GET", "HEAD"):
            refused(house, door, person, method)
    mine = house.ask(door.address(house), "ann", headers=door.also)
    assert mine.status_code == door.status, mine.text
    assert mine.status_code >= 400 or "private" in mine.headers["Cache-Control"]
    # what somebody was given, or made, opens nothing to others: neither what is kept nor its name
    tag = mine.headers.get("ETag", '"unknown"')
    for person in ("nobody", "bob"):
        refused(house, door, person, If_None_Match=tag)
        refused(house, door, person, Range="bytes=0-9", If_Range=tag)
        refused(house, door, person, If_Match=tag)
    house.now = AFTER
    for person in ("nobody", "bob"):
        same = house.ask(door.address(house), person, headers=door.also)
        assert same.status_code == door.status, same.text
        assert same.headers.get("ETag") == mine.headers.get("ETag")
        if "boundary" not in mine.headers.get("Content-Type", "") and door.status < 400:
            assert same.content == mine.content
    house.now = NOW
    refused(house, door, "nobody")


def test_refusals_are_all_alike(house: House) -> None:
    """Whether there is anything where somebody looks, in what was asked for, is told to nobody (SODA-050)."""

    def shape(answer: httpx.Response) -> tuple[object, ...]:
        headers = {k: v for k, v in answer.headers.items() if k not in ("x-request-id", "date")}
        text = re.sub(r"Request: \S+", "", answer.text)
        assert answer.headers["X-Request-Id"] in answer.text
        return text, sorted(headers.items())

    for person in ("nobody", "bob"):
        for start in ("/files", "/soda", "/previews"):
            mine = [each for each in DOORS if each.path.startswith(start) and each.of != "tar"]
            answers = [shape(refused(house, door, person)) for door in mine]
            assert len(mine) > 5 and all(answer == answers[0] for answer in answers)


@pytest.mark.parametrize("of", ["undated", "unlisted"])
@pytest.mark.parametrize("path", ["/files/{file}", soda("CHANNELS=3 4"), soda(f"CIRCLE={ELSEWHERE}"),
                                  soda("MOMENT=8"), "/previews/{set}.png", picture("moment8")],
                         ids=["file", "cut", "elsewhere", "moment", "preview", "picture"])  # fmt: skip
def test_without_a_date_it_is_closed_for_good(house: House, path: str, of: str) -> None:
    house.now = datetime(2999, 1, 1, tzinfo=NOW.tzinfo)
    address = Door("", path, of).address(house)
    for person, status in (("nobody", 401), ("bob", 403)):
        house.touched.clear()
        answer = house.ask(address, person)
        assert (answer.status_code, house.touched) == (status, [])
        assert "is not public: the archive gives no release date for it" in answer.text
    assert house.ask(address, "ann").status_code in (200, 204)


def test_what_is_unlisted_opens_by_the_setting_alone(house: House, place: Path) -> None:
    # the cache is that of the other application, which has had these results for those with the right
    paths = ("/files/{file}", soda("MOMENT=8"), "/previews/{set}.png")
    with open_house(place, unlisted="open") as other:
        for path in paths:
            for of, status in (("unlisted", 200), ("undated", 401), ("closed", 401), ("open", 200)):
                assert other.ask(Door("", path, of).address(other)).status_code == status, (path, of)
    for path in paths:
        refusal = house.ask(Door("", path, "unlisted").address(house))
        assert refusal.status_code == 401


def test_each_file_of_a_data_set_has_its_own_right(house: House) -> None:
    public = (
        "/files/{file}",
        soda("CHANNELS=3 4", "file"),
        "/previews/{file}.png",
        picture("moment8", "file"),
    )
    for path in public:
        for of in ("public", "masked-mask", "open"):
            assert house.ask(Door("", path, of).address(house)).status_code == 200, (path, of)
    whole = house.ask(Door("", soda("CHANNELS=3 4"), "public").address(house))
    assert whole.status_code == 200 and image_of(whole).shape == (1, 2, 48, 48)


def test_requests_that_mean_nothing_are_told_so_to_everybody_alike(house: House) -> None:
    """Before the data set is looked for: nothing of it is in the answer."""
    for words in ("CIRCLE=1 2", "NONSENSE=1", "MOMENT=7", "CHANNELS=1 2&BAND=1e-3 2e-3"):
        texts = set()
        for of in ("closed", "open"):
            for person in ("nobody", "bob", "ann"):
                house.touched.clear()
                answer = house.ask(Door("", soda(words), of).address(house), person)
                assert answer.status_code == 400 and house.touched == []
                texts.add(re.sub(r"Request: \S+", "", answer.text))
        assert len(texts) == 1
    assert house.ask("/previews/{set}/moment2.png".format(set=house.data_sets["closed"])).status_code == 404


def test_a_description_is_of_rows_that_are_for_everybody(house: House) -> None:
    # DL-098: without opening the file
    house.touched.clear()
    address = Door("", soda("MAXREC=0")).address(house)
    told = house.ask(address)
    assert told.status_code == 200 and house.touched == []
    assert told.text == house.ask(address, "bob").text


def test_post_is_no_other_door(house: House) -> None:
    form = {"ID": house.data_sets["closed"], "CHANNELS": "3 4"}
    for person, status in (("nobody", 401), ("bob", 403), ("ann", 200)):
        house.touched.clear()
        answer = house.ask("/soda/sync", person, "POST", data=form)
        assert answer.status_code == status
        assert person == "ann" or house.touched == []


def test_every_address_is_tried_here_or_serves_no_pixels(house: House) -> None:
    """A new address has to be put into DOORS, or among those that serve no pixels, by somebody who thinks."""
    routes = list(house.app.routes)

    def pattern_of(address: str) -> str:
        scope = {"type": "http", "method": "GET", "path": address.partition("?")[0], "headers": []}
        return next(route.path for route in routes if route.matches(scope)[0] is Match.FULL)

    tried = {pattern_of(door.address(house)) for door in DOORS}
    assert tried == {
        "/files/{product_id}",
        "/soda/sync",
        "/previews/{name}.png",
        "/previews/{name}/{kind}.png",
        "/packages/tar",
        "/hips/{name}/{path:path}",
    }
    there = {route.path for route in routes}
    assert there - tried - NO_PIXELS - ASKED_OTHERWISE == set()
    assert not tried & (NO_PIXELS | ASKED_OTHERWISE)
