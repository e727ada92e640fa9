"""The same constraint gives the same rows, whether TAP, SIA or a cone search is asked: by ADQL that is
written here, and by a filter in plain Python and astropy over the rows as they were made.

SIA-005, SIA-007, SIA-011, SIA-020 to SIA-024, SIA-030 to SIA-033, SIA-036 to SIA-038, SIA-041 to SIA-057,
SIA-059, SCS-011
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import angular_separation
from drawn_constraints import (
    COMBINED,
    COMBINED_TELLING,
    DRAWN,
    FOUND,
    ROWS,
    TELLING,
    Constraint,
    meeting,
    own_values,
    tells,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_archive import MadeArchive


@pytest.fixture(scope="module", autouse=True)
def same_rows_were_made(made: MadeArchive) -> None:
    """Constraints are drawn while the module is read, before there is an archive."""
    assert made.rows == ROWS


def for_each(strategy: st.SearchStrategy[Any], count: int, do: Callable[[Any], Any]) -> list[Any]:
    """What comes of draws, at most ``count`` of them."""
    found = []

    # what a draw means is worked out while it is drawn
    @settings(max_examples=count, database=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def each(drawn: Any) -> None:
        found.append(do(drawn))

    each()
    return found


def compare(made: MadeArchive, asked: Constraint) -> bool:
    """Whether a constraint, which gives the same rows however it is asked, tells something."""
    terms = [" OR ".join(f"({one.adql})" for one in values) for values in asked]
    adql = " AND ".join(["dataproduct_type IN ('image', 'cube')", *(f"({term})" for term in terms)])
    by_tap = sorted(row["obs_publisher_did"] for row in made.tap(adql))
    pairs = [(one.name, one.text) for values in asked for one in values]
    by_sia = sorted(row["obs_publisher_did"] for row in made.sia(*pairs))
    assert by_sia == by_tap  # the order is nobody's promise
    assert len(by_sia) == len(set(by_sia))
    sure, open_ = meeting(asked)
    assert sure <= set(by_sia) <= sure | open_
    return tells(len(by_sia), asked)


@pytest.mark.parametrize("name", DRAWN)
def test_one_parameter(made: MadeArchive, name: str) -> None:
    told = [
        *for_each(TELLING[name], 8, lambda asked: compare(made, asked)),
        *for_each(DRAWN[name], 2, lambda asked: compare(made, asked)),
    ]
    assert np.mean(told) >= 0.6


def test_several_parameters(made: MadeArchive) -> None:
    told = [
        *for_each(COMBINED_TELLING, 48, lambda asked: compare(made, asked)),
        *for_each(COMBINED, 12, lambda asked: compare(made, asked)),
    ]
    assert np.mean(told) >= 0.6


def test_without_a_constraint_all_images_and_cubes_come(made: MadeArchive) -> None:
    # SIA-006, SIA-056
    assert not compare(made, []) and len(made.sia()) == len(FOUND) < len(ROWS)


@pytest.mark.parametrize("name", sorted(set(DRAWN) - {"ID", "CALIB", "COLLECTION", "DPTYPE"}))
def test_a_null_meets_no_constraint(made: MadeArchive, name: str) -> None:
    # SIA-011: the widest value of each parameter finds all rows with one, and no other
    wide = {"POS": [("POS", "RANGE -Inf +Inf -Inf +Inf")]}
    wide |= {one: [(one, "-Inf +Inf")] for one in "BAND TIME FOV SPATRES SPECRP EXPTIME TIMERES".split()}
    wide |= {"POL": [("POL", label) for label in "I YY".split()]}
    columns = {
        **{"POS": ["s_region"], "BAND": ["em_min", "em_max"], "TIME": ["t_min", "t_max"]},
        **{"POL": ["pol_states"], "FOV": ["s_fov"], "SPATRES": ["s_resolution"]},
        **{"SPECRP": ["em_res_power"], "EXPTIME": ["t_exptime"], "TIMERES": ["t_resolution"]},
        **{"FACILITY": ["facility_name"], "INSTRUMENT": ["instrument_name"]},
        **{"TARGET": ["target_name"], "FORMAT": ["access_format"]},
    }[name]
    pairs = wide.get(name, [(name, value) for value in own_values(columns[0])])
    known = {r["obs_publisher_did"] for r in FOUND if all(r[column] is not None for column in columns)}
    assert {row["obs_publisher_did"] for row in made.sia(*pairs)} == known
    assert 0 < len(known) < len(FOUND)


PLACED = [row for row in ROWS if row["s_ra"] is not None and row["s_dec"] is not None]
"""No cone holds the others, be it the whole sky."""


def compare_cone(made: MadeArchive, lon: float, lat: float, radius: float) -> bool:
    """Whether a circle, in which positions are the same by TAP, by a cone search, and by astropy, tells
    something. An image search has the same rows where footprints are points, and all of the others at least:
    their footprints hold the position."""
    asked = (("RA", repr(lon)), ("DEC", repr(lat)), ("SR", repr(radius)))
    by_cone = {row["obs_publisher_did"] for row in made.csv("/cone/ivoa.obscore", asked)}
    by_tap = made.tap(f"1 = CONTAINS(POINT(s_ra, s_dec), CIRCLE({lon}, {lat}, {radius}))")
    assert by_cone == {row["obs_publisher_did"] for row in by_tap}
    places = np.radians([[row["s_ra"], row["s_dec"]] for row in PLACED])
    away = np.degrees(angular_separation(*np.radians([lon, lat]), places[:, 0], places[:, 1]))
    far = np.abs(away - radius) > 1e-9
    known = {row["obs_publisher_did"] for row, near, sure in zip(PLACED, away < radius, far) if sure and near}
    open_ = {row["obs_publisher_did"] for row, sure in zip(PLACED, far) if not sure}
    assert known <= by_cone <= known | open_
    points = {r["obs_publisher_did"] for r in FOUND if (r["s_region"] or "").endswith(" 0.0")}
    by_sia = {row["obs_publisher_did"] for row in made.sia(("POS", f"CIRCLE {lon} {lat} {radius}"))}
    assert by_sia & points == by_cone & points
    assert by_cone & {row["obs_publisher_did"] for row in FOUND if row["s_region"]} <= by_sia
    assert len(by_cone) == len(PLACED) < len(ROWS) or radius < 180.0
    return 0.01 * len(ROWS) <= len(by_cone) <= 0.9 * len(PLACED)


CONES = st.tuples(
    st.floats(5.0, 15.0),
    st.floats(-10.0, 0.0),
    st.sampled_from([7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 0.0, 180.0]),
)


def test_a_cone(made: MadeArchive) -> None:
    told = for_each(CONES, 30, lambda cone: compare_cone(made, *cone))
    assert np.mean(told) >= 0.6
