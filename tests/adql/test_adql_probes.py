"""What probes look at: ranges, cells and pairs of caps, fewer than all and none lost."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vo_service.adql.probes import coarser
from vo_service.adql.probes.cells import ORDER, cells_round, order_for
from vo_service.adql.probes.pairs import pairs_of_caps
from vo_service.sky import Circle, healpix29, positions, unit_vectors

SKY = 12 * 4**29


@given(st.sets(st.integers(0, SKY), min_size=2, max_size=80).filter(lambda edges: len(edges) % 2 == 0))
def test_coarser_ranges_hold_all_pixels_and_are_few(edges: set[int]) -> None:
    ordered = sorted(edges)
    ranges = list(zip(ordered[::2], ordered[1::2]))
    made = coarser(ranges)
    assert 1 <= len(made) <= 8
    assert all(before[1] < after[0] for before, after in pairwise(made))
    assert all(any(low <= one[0] and one[1] <= high for low, high in made) for one in ranges)
    assert (made[0][0], made[-1][1]) == (ranges[0][0], ranges[-1][1])


def test_gaps_that_few_rows_lie_in_are_closed() -> None:
    assert len(Circle(150.0, -30.0, 0.1).hpx29_ranges()) > 10
    assert len(coarser(Circle(150.0, -30.0, 0.1).hpx29_ranges())) == 1


def test_parts_of_the_sky_that_are_far_apart_stay_apart() -> None:
    # a cone over the meeting point of base pixels: its parts lie in different twelfths of the numbers
    made = coarser(Circle(45.0, 0.0, 60.0).hpx29_ranges())
    assert len(made) > 2
    tiny = Circle(0.0, 0.0, 0.01).hpx29_ranges()
    assert sum(high - low for low, high in coarser(tiny)) <= sum(b - a for a, b in tiny) + SKY // 10_000


def test_small_gaps_count_together() -> None:
    gap = SKY // 30_000
    ranges = [(n * (gap + 1), n * (gap + 1) + 1) for n in range(6)]
    assert len(coarser(ranges)) == 3  # three of the five gaps are within the spare pixels


# --- cells round positions ---

SEAMS = [
    (0.0, 90.0),
    (0.0, -90.0),
    (45.0, 0.0),
    (0.0, 41.8103148957786),
    (90.0, 41.8103148957786),
    (0.0, 0.0),
]
SEAMS += [(22.5, -41.8103148957786), (180.0, 66.44353569089), (359.9999999999, 0.0), (67.5, 19.4712206344907)]


def places(seed: int, count: int) -> NDArray[np.float64]:
    """Positions anywhere, and near the corners and edges of base pixels."""
    random = np.random.default_rng(seed)
    lon = list(random.uniform(0.0, 360.0, count))
    lat = list(np.degrees(np.arcsin(random.uniform(-1.0, 1.0, count))))
    for a, b in SEAMS:
        lon += list(a + random.normal(0.0, 10.0 ** random.uniform(-9, 0), 5))
        lat += list(np.clip(b + random.normal(0.0, 10.0 ** random.uniform(-9, 0), 5), -90.0, 90.0))
    return unit_vectors(lon, lat)


def moved(xyz: NDArray[np.float64], away: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Each position carried off by an angle (radians) in any direction."""
    random = np.random.default_rng(seed)
    aside = np.cross(xyz, random.normal(size=xyz.shape))
    aside /= np.linalg.norm(aside, axis=1)[:, None]
    return np.cos(away)[:, None] * xyz + np.sin(away)[:, None] * aside


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.floats(-11.0, -1.5), st.integers(0, 6))
def test_no_cell_within_a_radius_is_missed(seed: int, scale: float, wider: int) -> None:  # ADQL-153
    radius = 10.0**scale
    order = max(0, order_for(radius) - wider)
    centres = places(seed, 20)
    rows, cells = cells_round(centres, radius, order)
    found = set(zip(rows.tolist(), cells.tolist()))
    assert len(found) == len(rows)
    assert len(found) <= 9 * len(centres)  # a cell and its neighbours
    share = np.random.default_rng(seed + 1).uniform(0.0, 1.0, (40, len(centres)))
    share[:20] = 1.0  # right at the border
    for turn, part in enumerate(share):
        inside = moved(centres, radius * part, seed + turn)
        lon, lat = positions(inside)
        here = healpix29(lon, lat) >> (2 * (ORDER - order))
        assert set(zip(range(len(centres)), here.tolist())) <= found


def test_orders_of_cells() -> None:
    assert order_for(0.0) == ORDER
    assert order_for(math.pi) == 0
    assert order_for(math.radians(5 / 3600)) == 13
    for order in range(29):
        assert order_for(0.3 / 2**order * 0.999) == order


# --- pairs of caps ---

RADII = st.sampled_from([0.0, 1e-9, 1e-5, 1e-3, 0.02, 0.3, 1.0, 2.0, math.pi, math.nan])


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 2**31), st.lists(RADII, min_size=1, max_size=40), st.lists(RADII, min_size=1, max_size=40)
)
def test_all_pairs_of_caps_that_touch_are_found_once(seed: int, one: list[float], other: list[float]) -> None:
    here = caps(seed, one, None)
    there = caps(seed + 1, other, here)
    pieces = list(pairs_of_caps(here, there))
    found = [pair for a, b in pieces for pair in zip(a.tolist(), b.tolist())]
    assert len(found) == len(set(found))
    chord = np.linalg.norm(here[:, None, :3] - there[None, :, :3], axis=2)
    reach = np.minimum(here[:, None, 3] + there[None, :, 3], np.pi)
    away = 2.0 * np.arcsin(np.minimum(1.0, chord / 2.0))
    assert set(found) >= {(int(a), int(b)) for a, b in np.argwhere(away <= reach)}
    assert set(found) <= {(int(a), int(b)) for a, b in np.argwhere(away <= reach + 1e-7)}


def caps(seed: int, radii: list[float], near: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Caps of these radii; some at the very reach of others."""
    xyz = places(seed, len(radii))[: len(radii)]
    if near is not None:
        count = min(len(near), len(radii))
        reach = np.minimum(np.nan_to_num(near[:count, 3] + np.array(radii[:count])), math.pi)
        xyz[:count] = moved(near[:count, :3], reach * 0.999, seed)
    made = np.column_stack([xyz, radii])
    made[np.isnan(made).any(axis=1)] = np.nan
    return made
