"""Ranges of pixels as they are handed to the engine: fewer than the cover has, and none lost."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from vo_service.adql.probes import coarser
from vo_service.sky import Circle

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
