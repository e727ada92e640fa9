"""What is kept of regions for the next who asks: short ones, and never long ones."""

from __future__ import annotations

import pytest

from vo_service.adql.probes import make_probe
from vo_service.sky import Circle, Intersection, Moc, Not, Polygon, Region, Union, is_long, keep_short

CIRCLE = Circle(10.0, 20.0, 1.0)
LONG = Moc([(4 * n, 4 * n + 1) for n in range(1001)])
CORNERS = tuple((0.1 * n, 10.0 + 0.001 * (n % 7)) for n in range(1001))


@pytest.mark.parametrize(
    ("what", "long"),
    [
        (CIRCLE, False),
        (Moc([(4 * n, 4 * n + 1) for n in range(1000)]), False),
        (LONG, True),
        (Polygon(CORNERS), True),
        (Polygon(CORNERS[:900]), False),
        (Union((CIRCLE, Not(Polygon(CORNERS)))), True),
        (Union(tuple([CIRCLE] * 600)), True),
        (Intersection(tuple([CIRCLE] * 600)), True),
        ("circle 10 20 1", False),
        ("moc 12/" + " 1" * 2000, True),
    ],
)
def test_what_is_long(what: Region | str, long: bool) -> None:
    assert is_long(what) is long


@pytest.mark.parametrize(("what", "times"), [(CIRCLE, 1), (LONG, 2), ("circle 10 20 1", 1), ("1 " * 3000, 2)])
def test_nothing_is_kept_of_long_ones(what: Region | str, times: int) -> None:
    asked: list[tuple[object, float]] = []

    @keep_short(10)
    def work(of: Region | str, number: float) -> int:
        asked.append((of, number))
        return len(asked)

    assert [work(what, 1.0), work(what, 1.0)][-1] == times
    assert asked == [(what, 1.0)] * times


def test_probes_of_long_maps_are_made_anew() -> None:
    assert make_probe(CIRCLE, "inside", "duckdb") is make_probe(CIRCLE, "inside", "duckdb")
    assert make_probe(LONG, "inside", "duckdb") is not make_probe(LONG, "inside", "duckdb")
    assert make_probe(LONG, "inside", "duckdb") == make_probe(LONG, "inside", "duckdb")


def test_long_maps_have_names_of_their_own() -> None:
    """Probes are known by names that are made of what a region shows of itself."""
    other = Moc([*LONG.ranges[:-1], (4 * 1000, 4 * 1000 + 2)])
    assert repr(other) != repr(LONG) == repr(Moc(LONG.ranges))
    assert make_probe(other, "inside", "duckdb").name != make_probe(LONG, "inside", "duckdb").name
    assert len(make_probe(LONG, "inside", "duckdb").purpose) < 200
