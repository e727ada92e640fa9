"""Region columns against constant regions, through probes, compared with the sky's own relations."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

from vo_service.adql.probes import footprints, make_probe
from vo_service.sky import Circle, Polygon, Range, parse_moc, parse_region, unit_vectors

SHAPES = {
    "CIRCLE('ICRS', 10, 20, 0.1)": Circle(10, 20, 0.1),
    "CIRCLE(10, 20, 2)": Circle(10, 20, 2),
    "CIRCLE(0, 90, 10)": Circle(0, 90, 10),
    "CIRCLE(200, 10, 100)": Circle(200, 10, 100),
    "POLYGON(9.9, 19.9, 10.4, 19.9, 10.2, 20.4)": Polygon(((9.9, 19.9), (10.4, 19.9), (10.2, 20.4))),
    "RANGE_S2D(9.5, 10.5, 19.9, 20.3)": Range(9.5, 10.5, 19.9, 20.3),
    "RANGE_S2D(350, 10, -5, 5)": Range(350, 10, -5, 5),
}


_PARSED = {}


def _regions(sky):
    for text in sky.rows["s_region"].to_pylist():
        if text not in _PARSED:
            _PARSED[text] = None if text is None else parse_region(text)
        yield _PARSED[text]


def _passing(sky, test):
    return [i for i, region in enumerate(_regions(sky)) if region is not None and test(region)]


def _failing(sky, test):
    return [i for i, region in enumerate(_regions(sky)) if region is not None and not test(region)]


@pytest.mark.parametrize("text", SHAPES)
def test_intersects_in_every_phrasing(sky, text: str) -> None:
    # ADQL-147, ADQL-148, ADQL-151, and ALMA's RANGE_S2D
    def meets(region):
        return region.intersects(SHAPES[text])

    expected = _passing(sky, meets)
    assert expected
    assert sky.ids(f"INTERSECTS({text}, s_region) = 1") == expected
    assert sky.ids(f"1 = INTERSECTS(s_region, {text})") == expected
    assert sky.ids(f"INTERSECTS({text}, s_region) = 1 OR obs_id = 'x'") == expected
    # rows without a region are neither in nor out: ADQL-134
    assert sky.ids(f"0 = INTERSECTS(s_region, {text})") == _failing(sky, meets)
    assert sky.ids(f"NOT (INTERSECTS({text}, s_region) = 1)") == _failing(sky, meets)


@pytest.mark.parametrize("text", SHAPES)
def test_contains_both_ways_round(sky, text: str) -> None:
    # ADQL-146, ADQL-149
    assert sky.ids(f"1 = CONTAINS(s_region, {text})") == _passing(sky, SHAPES[text].covers)
    assert sky.ids(f"1 = CONTAINS({text}, s_region)") == _passing(sky, lambda r: r.covers(SHAPES[text]))


@pytest.mark.parametrize(("lon", "lat"), [(10, 20), (0, 0), (0, 90), (10.2, 19.9), (100, -89.9)])
def test_a_point_in_the_footprints(sky, lon: float, lat: float) -> None:
    # as ALminer and astroquery ask
    def holds(region):
        return bool(region.contains(unit_vectors(lon, lat))[0])

    expected = _passing(sky, holds)
    for condition in (
        f"1 = CONTAINS(POINT('ICRS', {lon}, {lat}), s_region)",
        f"INTERSECTS(POINT({lon}, {lat}), s_region) = 1",
        f"INTERSECTS(s_region, POINT({lon}, {lat})) = 1",
    ):
        assert sky.ids(condition) == expected, condition
    assert sky.ids(f"CONTAINS(POINT({lon}, {lat}), s_region) = 0") == _failing(sky, holds)


def test_a_test_that_nothing_passes_keeps_unknown_rows_out(sky) -> None:
    tiny = "POLYGON(9.9, 19.9, 30.4, 19.9, 10.2, 40.4)"
    assert sky.ids(f"1 = CONTAINS({tiny}, s_region)") == []
    assert sky.ids(f"0 = CONTAINS({tiny}, s_region)") == _failing(sky, lambda r: False)


def test_footprint_tests_as_values(sky) -> None:
    answer = sky.ask(
        "SELECT obs_id, INTERSECTS(s_region, CIRCLE(10, 20, 2)) AS hit, s_region "
        "FROM ivoa.obscore ORDER BY hit, obs_id"
    ).to_pylist()
    hits = {int(row["obs_id"]) for row in answer if row["hit"] == 1}
    assert sorted(hits) == _passing(sky, lambda r: r.intersects(Circle(10, 20, 2)))
    assert all((row["hit"] is None) == (row["s_region"] is None) for row in answer)
    assert answer[-1]["hit"] is None


def test_swapped_contains_is_zero_with_a_warning(sky) -> None:
    # ADQL-149, ADQL-206
    query = "SELECT obs_id FROM ivoa.obscore WHERE 1 = CONTAINS(CIRCLE(10, 20, 1), POINT(s_ra, s_dec))"
    assert sky.column(query) == []
    assert any("the point comes first" in warning for warning in sky.plan(query).warnings)


def test_equal_tests_share_a_probe(sky) -> None:
    from vo_service.adql import write

    query = "SELECT obs_id FROM ivoa.obscore WHERE {0} = 1 OR {0} = 0".format(
        "INTERSECTS(s_region, CIRCLE(1, 2, 3))"
    )
    assert len(write(sky.plan(query), "duckdb").probes) == 1


class Rows:
    """What an engine would answer a probe with: footprints, their caps."""

    def __init__(self, *texts: str) -> None:
        caps = [parse_region(text).cap() for text in texts]
        columns = {"footprint_id": range(len(texts)), "region": texts, "decisive": [False] * len(texts)}
        columns |= {f"cap_{part}": [getattr(cap, part) for cap in caps] for part in ("x", "y", "z")}
        self.batch = pa.RecordBatch.from_pydict({**columns, "cap_r": [cap.radius for cap in caps]})

    def __call__(self, sql: str) -> Iterator[pa.RecordBatch]:
        yield self.batch

    def check(self) -> None:
        pass


def test_footprints_inside_of_a_map_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    read = []

    def tested(test, shapes, region, ask):
        read.append(len(shapes))
        return tested_truly(test, shapes, region, ask)

    tested_truly = footprints.tested
    monkeypatch.setattr(footprints, "tested", tested)
    rows = Rows(
        "Circle ICRS 45 40 0.1",  # inside
        "Polygon ICRS 45 40 45.1 40 45 40.1",  # inside
        "Circle ICRS 0.01 60 0.1",  # across the border
        "Circle ICRS 200 60 0.1",  # outside
    )
    passed = make_probe(parse_moc("0/0"), "intersects", "duckdb").answer(rows)
    assert passed["footprint_id"].to_pylist() == [0, 1, 2]
    assert sum(read) == 1
