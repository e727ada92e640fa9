"""Maps of answers: all that is found, as it is seen, and nothing else; kept no longer than they are right."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from unittest.mock import patch

import httpx
import mocpy
import numpy as np
import pytest
from asked_in_process import Asked, give_token, running
from astropy import units as u
from astropy.coordinates import Latitude, Longitude
from hypothesis import given, settings
from hypothesis import strategies as st
from made_archive import Row
from map_house import LATER, NOW, SETTINGS, MapHouse, is_hidden, region_seen, rows_with_pixels
from moc_judge import Space, judge_ascii, judge_fits, judge_json

from hips.mocs import answers
from vo_service.moc import answered_maps

ROWS = rows_with_pixels()
SLACK = 1e-6  # degrees
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


def brute_force(rows: list[Row], sees_pixels: bool, order: int, grown: float) -> mocpy.MOC:
    """The union of the footprints by mocpy, ``grown`` degrees wider; of rows without one their positions."""
    found = [mocpy.MOC.new_empty(order)]
    for row in rows:
        text = region_seen(row, sees_pixels or (bool(row.get("_region_measured")) and not is_hidden(row)))
        numbers = [] if text is None else [float(word) for word in text.split()[2:]]
        if text is None:
            if row["s_ra"] is not None and row["s_dec"] is not None:
                found.append(_cone(row["s_ra"], row["s_dec"], max(grown, 1e-9), order))
        elif text.startswith("Circle"):
            found.append(_cone(*numbers[:2], max(numbers[2] + grown, 1e-9), order))
        else:
            corners = np.array(numbers).reshape(-1, 2)
            corners[:, 0] = (corners[:, 0] - corners[0, 0] + 180.0) % 360.0 - 180.0 + corners[0, 0]
            middle = corners.mean(axis=0)
            corners = middle + (corners - middle) * (1.0 + 4.0 * grown / np.ptp(corners))
            found.append(
                mocpy.MOC.from_polygon(
                    lon=Longitude(corners[:, 0], u.deg), lat=Latitude(corners[:, 1], u.deg), max_depth=order
                )
            )
    return found[0].union(*found[1:]) if len(found) > 1 else found[0]


def _cone(lon: float, lat: float, radius: float, order: int) -> mocpy.MOC:
    return mocpy.MOC.from_cone(
        lon=Longitude(lon, u.deg),
        lat=Latitude(lat, u.deg),
        radius=radius * u.deg,
        max_depth=order,
        delta_depth=4,
    )


def check_map(found: mocpy.MOC, rows: list[Row], sees_pixels: bool) -> None:
    """A map holds every footprint, and no cell that none comes near: mocpy's own maps are those of cells that
    are touched, with some beside the border."""
    order = found.max_order
    least = brute_force(rows, sees_pixels, order, -SLACK)
    most = brute_force(rows, sees_pixels, order, SLACK).add_neighbours()
    inner = brute_force(rows, sees_pixels, min(29, order + 4), -SLACK).degrade_to_order(order)
    assert inner.intersection(least).difference(found).empty()
    assert found.difference(most).empty()


@settings(max_examples=25)
@given(form=CONSTRAINTS, who=st.sampled_from(["nobody", "ann", "later"]))
def test_the_map_is_the_union_of_what_is_found(made_door: Door, form: dict[str, str], who: str) -> None:
    made_door.now = LATER if who == "later" else NOW
    person = "ann" if who == "ann" else "nobody"
    check_map(made_door.map(person, **form), made_door.rows(person, **form), who != "nobody")
