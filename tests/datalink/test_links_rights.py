"""Who may follow a link: told by the clock and the rights of whoever asks, and never hidden (design 4.3)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from link_house import AFTER, ALONE, CLOSED, CLOSED_UID, CUBE, NOW, OPEN_UID, TAR, House, Links, open_house

from vo_service.access import ANONYMOUS, READ_ALL, Rights, Viewer
from vo_service.datalink.links import Access, Gate
from vo_service.holdings.records import FoundFile
from vo_service.products.shelf import Shelf
from vo_service.products.stored import Claim, StoredFile

PIXELS = ("#this", "#preview", "#thumbnail", "#preview-plot", "#cutout", "#proc", "#detached-header")
RELEASED, LATER = datetime(2020, 1, 1), datetime(2031, 5, 1)


def access_of(links: Links) -> set[tuple[str | None, str | None]]:
    """Access to whatever holds pixels."""
    found = {(row.link_auth, row.link_authorized) for row in links.rows if row.semantics in PIXELS}
    assert found
    return found


def test_what_is_not_released_is_listed(house: House) -> None:
    # DL-046, DL-047, DL-048
    identifiers = (house.did(CLOSED), CLOSED_UID, house.products[CLOSED])
    for identifier in identifiers:
        assert access_of(house.links(identifier)) == {("true", "F")}
        assert access_of(house.links(identifier, person="ann")) == {("true", "T")}
    house.now = AFTER
    for identifier in identifiers:
        assert access_of(house.links(identifier)) == {("optional", "T")}
        assert access_of(house.links(identifier, person="ann")) == {("optional", "T")}


def test_who_asks_makes_no_difference_to_the_links(house: House) -> None:
    # DL-048
    told = [
        [{**row.cells, "link_authorized": None} for row in house.links(CLOSED_UID, person=person).rows]
        for person in ("nobody", "ann")
    ]
    assert told[0] == told[1]


def test_a_forecast_is_what_the_door_says(house: House) -> None:
    # DL-047: every address of ours
    for person in ("nobody", "ann"):
        for identifier in (house.data_sets[CLOSED], house.data_sets[CUBE]):
            for row in house.links(identifier, person=person).rows:
                if row.access_url is None or row.local_semantics in ("package", "package-list"):
                    continue
                status = house.ask(str(row.access_url), method="HEAD", person=person).status_code
                assert (status in (401, 403)) == (row.link_authorized == "F"), row


def test_files_are_opened_for_those_alone_who_may_read_them(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    # design 4.3: the limits of a data set come from its header with the right, else from its row
    opened: list[str] = []
    source = Shelf.open_source

    def noted(self: Shelf, file: StoredFile, *more: Any) -> Any:
        opened.append(file.product_id)
        return source(self, file, *more)

    monkeypatch.setattr(Shelf, "open_source", noted)
    house.links(house.did(CLOSED))
    assert opened == []
    house.links(house.did(CLOSED), person="ann")
    assert opened == [house.products[CLOSED]]


def test_metadata_are_for_everybody(house: House) -> None:
    for row in house.links(CLOSED_UID).rows:
        if row.local_semantics in ("repairs", "package-list", "member"):
            assert (row.link_auth, row.link_authorized) == ("optional", "T")


def test_a_package_is_as_closed_as_the_last_of_its_files(house: House) -> None:
    links = house.links(CLOSED_UID, OPEN_UID)
    packages = {row.ID: (row.link_auth, row.link_authorized) for row in links.of("#package")}
    assert packages == {CLOSED_UID: ("true", "F"), OPEN_UID: ("optional", "T")}


def test_unlisted_files_follow_the_setting(tmp_path: Path, house: House) -> None:
    assert access_of(house.links(house.data_sets[ALONE])) == {("optional", "T")}
    with open_house(tmp_path, unlisted="closed") as closed:
        assert access_of(closed.links(closed.data_sets[ALONE])) == {("true", "F")}
        assert access_of(closed.links(closed.data_sets[ALONE], person="ann")) == {("true", "T")}
        assert access_of(closed.links(closed.data_sets[CUBE])) == {("optional", "T")}
        (row,) = [row for row in closed.links(closed.products[TAR]).rows if row.semantics == "#package"]
        assert row.link_authorized == "T"


def stored(*claims: tuple[str | None, datetime | None]) -> StoredFile:
    (origin, date), *held = claims
    found = FoundFile("r", "a.tar", 1, 1)
    return StoredFile("a", found, 1, "x/y", origin, date, held=tuple(Claim(*one) for one in held))


@pytest.mark.parametrize(
    ("claims", "scopes", "logins", "wanted"),
    [
        ([("both", RELEASED)], (), False, Access("false", True)),
        ([("both", RELEASED)], (), True, Access("optional", True)),
        ([("both", LATER)], (), True, Access("true", False)),
        ([("both", LATER)], (READ_ALL,), True, Access("true", True)),
        ([("both", None)], (), True, Access("true", False)),
        ([("file", None)], (), True, Access("true", False)),
        ([("both", RELEASED), ("both", LATER)], (), True, Access("true", False)),
        ([("both", RELEASED), ("both", LATER)], (READ_ALL,), True, Access("true", True)),
        ([("both", RELEASED), ("both", RELEASED)], (), True, Access("optional", True)),
    ],
    ids=range(9),
)
def test_the_gate(claims, scopes, logins: bool, wanted: Access) -> None:
    # DL-046, DL-047
    viewer = Viewer("x", frozenset(scopes)) if scopes else ANONYMOUS
    gate = Gate(Rights(), viewer, NOW, logins)
    assert gate.of(stored(*claims)) == wanted
    assert gate.of_all([stored(*claims), stored(("both", RELEASED))]) == wanted


def test_where_everybody_must_log_in() -> None:
    gate = Gate(Rights(), ANONYMOUS, datetime(2026, 1, 1, tzinfo=UTC), logins=True, required=True)
    assert gate.of(stored(("both", RELEASED))) == Access("true", True) == gate.metadata
