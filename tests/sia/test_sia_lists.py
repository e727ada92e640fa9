"""Long lists of values at ``/sia2/query``: as a filter in plain Python and astropy over the made rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.coordinates import angular_separation
from made_archive import MadeArchive, form

from vo_service.asking.constraints import MOST_VALUES

QUERY = "/sia2/query"


def test_long_lists_are_answered(made: MadeArchive) -> None:
    # SIA-063
    ids = [("ID", row["obs_publisher_did"].upper()) for row in made.rows]
    found = [row for row in made.rows if row["dataproduct_type"] in ("image", "cube")]
    assert len(made.sia(*ids)) == len(found)
    placed = [row for row in made.rows if None not in (row["s_ra"], row["s_dec"])]
    places = np.array([(row["s_ra"], row["s_dec"], 0.0) for row in placed])
    known, open_ = set(), set()
    for row in (row for row in found if row["s_region"] is not None):
        if row["s_region"].startswith("Circle"):
            (known if meets_a_circle(row, places) else set()).add(row["obs_publisher_did"])
        else:  # a quadrangle holds its own middle, and perhaps that of others
            (known if row in placed else open_).add(row["obs_publisher_did"])
    circles = [("POS", f"CIRCLE {row['s_ra']!r} {row['s_dec']!r} 0.0") for row in placed]
    near = {row["obs_publisher_did"] for row in made.sia(*circles)}
    assert known <= near <= known | open_
    assert any(row["s_region"] and row["obs_publisher_did"] not in near for row in found)
    answer = made.ask(QUERY, method="POST", data=form([("ID", "x")] * (MOST_VALUES + 1)))
    assert answer.status_code == 400 and "UsageFault: ID was given" in answer.text


def meets_a_circle(row: dict[str, Any], circles: np.ndarray) -> bool:
    """Whether a footprint that is a circle meets one of others (lon, lat, radius; degrees)."""
    _, _, lon, lat, radius = row["s_region"].split()
    away = angular_separation(
        *np.radians([float(lon), float(lat)]), np.radians(circles[:, 0]), np.radians(circles[:, 1])
    )
    return bool((np.degrees(away) <= circles[:, 2] + float(radius)).any())


@pytest.mark.parametrize("apart", [0.0, 40.0])
def test_many_large_circles_are_answered(made: MadeArchive, apart: float) -> None:
    # SIA-007, SIA-063: as a filter in plain Python finds them; small ones elsewhere change nothing
    chance = np.random.default_rng(5)
    lon, lat = chance.uniform(10.0, 350.0, MOST_VALUES), chance.uniform(-60.0, 60.0, MOST_VALUES)
    radius = np.where(np.arange(MOST_VALUES) % 2 * apart > 0.0, 0.5, 6.0)
    circles = np.column_stack([lon, lat, radius])
    found = made.sia(*(("POS", f"CIRCLE {x!r} {y!r} {r!r}") for x, y, r in circles.tolist()))
    round_ones = {
        row["obs_publisher_did"]: meets_a_circle(row, circles)
        for row in made.rows
        if row["dataproduct_type"] in ("image", "cube") and (row["s_region"] or "").startswith("Circle")
    }
    ours = {row["obs_publisher_did"] for row in found} & set(round_ones)
    assert ours == {did for did, meets in round_ones.items() if meets}
    assert 5 < len(ours) < len(round_ones) - 5


def test_many_tall_ranges_are_answered(made: MadeArchive) -> None:
    # SIA-032, SIA-063: points are found by their longitudes
    ranges = [(360.0 * turn / MOST_VALUES, 360.0 * (turn + 0.4) / MOST_VALUES) for turn in range(MOST_VALUES)]
    found = made.sia(*(("POS", f"RANGE {low!r} {high!r} -80 80") for low, high in ranges))
    points = [
        row
        for row in made.rows
        if row["dataproduct_type"] in ("image", "cube") and (row["s_region"] or "").endswith(" 0.0")
    ]
    known = {
        row["obs_publisher_did"]
        for row in points
        if any(low <= float(row["s_region"].split()[2]) <= high for low, high in ranges)
    }
    assert {row["obs_publisher_did"] for row in found} & {row["obs_publisher_did"] for row in points} == known
    assert 5 < len(known) < len(points) - 5


def test_places_far_apart_find_what_each_finds(made: MadeArchive) -> None:
    # SIA-007: asked one by one, small and large, beside what else has to be met
    places = [
        "CIRCLE 3 4 2",
        "CIRCLE 12 -6 3",
        "RANGE 355 359 -Inf +Inf",
        "CIRCLE 350 -10 6",
        "CIRCLE 20 2 1",
    ]
    alone = [
        {row["obs_publisher_did"] for row in made.sia(("POS", place), ("CALIB", "2"))} for place in places
    ]
    together = [row["obs_publisher_did"] for row in
                made.sia(*(("POS", place) for place in places), ("CALIB", "2"))]  # fmt: skip
    assert len(together) == len(set(together)) and set(together) == set().union(*alone)
    assert sum(map(bool, alone)) >= 3 and len(together) > max(map(len, alone))


def test_every_constraint_may_have_all_its_values(made: MadeArchive) -> None:
    # SIA-063: more values than other services take in a request
    pairs = [
        (name, str(number)) for name in ("FOV", "ID", "EXPTIME", "CALIB") for number in range(MOST_VALUES)
    ]
    assert made.sia(*pairs) == []
    parts = [(name, (None, value)) for name, value in pairs]
    assert made.ask(QUERY, method="POST", files=parts).status_code == 200
