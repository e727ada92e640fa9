"""Which data sets the places of a table find: all whose footprints their shapes meet, and no other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from two_engines import LIMITS, MEMORY_BYTES, publish

from tap_schema import published
from vo_service.access import ANONYMOUS, Rights
from vo_service.asking.queries import Asker
from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.dali.streams import Cancellation
from vo_service.engines import DuckDBEngine
from vo_service.holdings.known_footprints import KnownFootprints
from vo_service.query import Context, ProbeLimits
from vo_service.sky import Circle, Polygon, Range, Region, footprint_ids, healpix29, unit_vectors
from vo_service.soda.bulk import matching
from vo_service.soda.bulk.matching import Bounds, Found, Place, datasets_at

Doubles = NDArray[np.float64]
Pair = tuple[float, float]

LON: Final = 204.25
LAT: Final = -29.87
SIDE: Final = 0.01
"""Degrees: half the side of a footprint, and of most shapes."""
SETS: Final = 40
NEAR: Final = 1e-9
"""Degrees: what is decided by less than this is not tested."""


def around(lon: float, lat: float, corners: Sequence[Pair]) -> list[Pair]:
    """Corners by their places round a position, degrees east and north."""
    return [(lon + east / math.cos(math.radians(lat)), lat + north) for east, north in corners]


SQUARE: Final = ((-SIDE, -SIDE), (-SIDE, SIDE), (SIDE, SIDE), (SIDE, -SIDE))


def footprints() -> list[list[Pair]]:
    """Squares on a grid, some turned, which overlap here and leave gaps there."""
    made = []
    for number in range(SETS):
        angle = 0.3 * (number % 3)
        turned = [
            (x * math.cos(angle) - y * math.sin(angle), x * math.sin(angle) + y * math.cos(angle))
            for x, y in SQUARE
        ]
        place = LON + 0.017 * (number % 8 - 4), LAT + 0.023 * (number // 8 - 2)
        made.append(around(*place, turned))
    return made


# --- the oracle: great circles are straight lines on the plane that touches the sphere ---


def on_plane(corners: Sequence[Pair]) -> Doubles:
    lon, lat = np.radians(np.array(corners).T)
    lon0, lat0 = math.radians(LON), math.radians(LAT)
    down = np.sin(lat0) * np.sin(lat) + np.cos(lat0) * np.cos(lat) * np.cos(lon - lon0)
    x = np.cos(lat) * np.sin(lon - lon0) / down
    y = (np.cos(lat0) * np.sin(lat) - np.sin(lat0) * np.cos(lat) * np.cos(lon - lon0)) / down
    return np.degrees(np.stack([x, y], axis=1))


def gap(one: Sequence[Pair], other: Sequence[Pair]) -> float:
    """How far apart convex polygons are along the best of the axes that separate them; below 0: they
    overlap."""
    a, b = on_plane(one), on_plane(other)
    found = -math.inf
    for shape in (a, b):
        for start, end in pairwise([*shape, shape[0]]):
            axis = np.array([end[1] - start[1], start[0] - end[0]]) / np.hypot(*(end - start))
            mine, theirs = a @ axis, b @ axis
            found = max(found, theirs.min() - mine.max(), mine.min() - theirs.max())
    return float(found)


def distance(place: Pair, corners: Sequence[Pair]) -> float:
    """Degrees from a place to a convex polygon along the sphere; below 0 within it."""
    point, chain = vector(*place), [vector(*corner) for corner in (*corners, corners[0])]
    sides, apart = [], math.inf
    for start, end in pairwise(chain):
        pole = np.cross(start, end)
        pole /= np.linalg.norm(pole)
        side = float(np.arcsin(np.clip(point @ pole, -1, 1)))
        sides.append(side)
        foot = point - (point @ pole) * pole
        is_beside = np.cross(start, foot) @ pole >= 0 and np.cross(foot, end) @ pole >= 0
        ends = [2 * np.arcsin(np.linalg.norm(point - each) / 2) for each in (start, end)]
        apart = min(apart, abs(side) if is_beside else min(ends))
    is_within = all(side > 0 for side in sides) or all(side < 0 for side in sides)
    return math.degrees(-apart if is_within else apart)


def vector(lon: float, lat: float) -> Doubles:
    a, d = math.radians(lon), math.radians(lat)
    return np.array([math.cos(d) * math.cos(a), math.cos(d) * math.sin(a), math.sin(d)])


# --- rows, and the question ---


PLENTY: Final = Bounds(10_000, 10_000)


class Finder:
    """Data sets in a database, and a way to ask which of them have anything of places."""

    def __init__(self, engine: Any, snapshot: Any) -> None:
        self._current = engine, snapshot

    def __call__(
        self,
        places: Sequence[Place],
        kinds: Sequence[str] = (),
        bounds: Bounds = PLENTY,
        probes: ProbeLimits | None = None,
    ) -> Mapping[int, list[str]]:
        found = self.look(places, kinds, bounds, probes)
        assert all(each.fault is None for each in found.values())
        return {number: each.names for number, each in found.items()}

    def look(
        self, places: Sequence[Place], kinds: Sequence[str], bounds: Bounds, probes: ProbeLimits | None
    ) -> Mapping[int, Found]:
        engine, snapshot = self._current

        @contextmanager
        def use() -> Iterator[Any]:
            yield snapshot, engine

        def context(asker: Asker, seconds: float) -> Context:
            return Context(
                asker.viewer, asker.now, asker.base_url, LIMITS, Rights(), probes=probes or ProbeLimits()
            )

        queries = cast(Any, SimpleNamespace(current=SimpleNamespace(use=use), context=context))
        asker = Asker(ANONYMOUS, datetime(2026, 1, 1, tzinfo=UTC), "https://vo.example", 30.0, None)
        return datasets_at(places, kinds, bounds, queries, asker, Cancellation())


def name_of(number: int) -> str:
    return f"set-{number:02}"


def rows() -> pa.Table:
    """Of ivoa.obscore: images and cubes in turns, each with wavelengths of its own; the last has none."""
    corners = footprints()
    texts = pa.array(["Polygon ICRS " + " ".join(f"{x!r} {y!r}" for x, y in each) for each in corners])
    lon, lat = np.array([np.mean(each, axis=0) for each in corners]).T
    vectors = unit_vectors(lon, lat)
    told = {
        "obs_publisher_did": [f"ivo://x/obs?{name_of(number)}" for number in range(SETS)],
        "dataset_id": [name_of(number) for number in range(SETS)],
        "dataproduct_type": ["image" if number % 2 else "cube" for number in range(SETS)],
        "em_min": [*(1e-3 + 1e-5 * number for number in range(SETS - 1)), None],
        "em_max": [*(1.004e-3 + 1e-5 * number for number in range(SETS - 1)), None],
        "s_ra": lon,
        "s_dec": lat,
        "s_region": texts,
        "origin": ["file"] * SETS,
        "_hpx29": healpix29(lon, lat),
        **{f"_u{axis}": vectors[:, place] for place, axis in enumerate("xyz")},
        "_footprint_id": footprint_ids(texts),
    }
    schema = published().storage["ivoa.obscore"].arrow_schema()
    return pa.table([_column(told.get(field.name), field) for field in schema], schema=schema)


def _column(values: Any, field: pa.Field) -> pa.Array:
    """The values of a column; of one that nothing is told of nulls, or what no test looks at."""
    if values is None and not field.nullable:
        values = [0] * SETS if pa.types.is_integer(field.type) else ["x"] * SETS
    return pa.nulls(SETS, field.type) if values is None else pa.array(values).cast(field.type)


@pytest.fixture(scope="module")
def find(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finder]:
    table = rows()
    outlines = KnownFootprints(pa.array([], pa.int64())).new_rows(
        table, published().storage["_hidden.footprint"]
    )
    home: Path = tmp_path_factory.mktemp("matching")
    with publish(home, {"ivoa.obscore": table, "_hidden.footprint": outlines}) as snapshot:
        engine = DuckDBEngine(snapshot.engine_file, memory_bytes=MEMORY_BYTES)
        yield Finder(engine, snapshot)
        engine.close()


offsets = st.tuples(st.floats(-0.09, 0.09), st.floats(-0.07, 0.07))
squares = st.builds(
    lambda offset, size, skew: around(
        LON + offset[0], LAT + offset[1], [(x * size + y * skew, y * size) for x, y in SQUARE]
    ),
    offsets,
    st.floats(0.05, 3),
    st.floats(-0.5, 0.5),
)
circles = st.builds(
    lambda offset, radius: Circle(LON + offset[0], LAT + offset[1], radius),
    offsets,
    st.one_of(st.just(0.0), st.floats(1e-5, 0.05)),
)


def check(found: list[str], apart: Sequence[float]) -> None:
    """``apart``: how far from each footprint, in degrees, below 0 within it."""
    wanted = {name_of(number) for number, each in enumerate(apart) if each < -NEAR}
    open_ones = {name_of(number) for number, each in enumerate(apart) if abs(each) <= NEAR}
    assert set(found) - open_ones == wanted and found == sorted(set(found))


@settings(max_examples=12)
@given(st.lists(st.one_of(circles, squares), min_size=1, max_size=40))
def test_each_place_finds_what_its_shape_meets(find: Finder, shapes: list[Circle | list[Pair]]) -> None:
    regions: list[Region] = [each if isinstance(each, Circle) else Polygon(each) for each in shapes]
    found = find([Place(region) for region in regions])
    outlines = footprints()
    for number, shape in enumerate(shapes):
        if isinstance(shape, Circle):
            centre = shape.lon, shape.lat
            apart = [distance(centre, outline) - shape.radius for outline in outlines]
        else:
            apart = [gap(shape, outline) for outline in outlines]
        check(list(found.get(number, [])), apart)


def test_a_place_beside_a_footprint_finds_it(find: Finder) -> None:
    # the middle of the shape lies in no footprint, its edge in one
    corners = footprints()[0]
    lat = corners[0][1] - 0.005
    lon = float(np.mean([x for x, _ in corners]))
    apart = distance((lon, lat), corners)
    assert 0 < apart < 0.006
    near = [
        Circle(lon, lat, apart + 1e-5),
        Circle(lon, lat, apart - 1e-5),
        Polygon(around(lon, lat, SQUARE)),
        Range(lon - 0.001, lon + 0.001, lat - 0.001, lat + 0.006),
        Range(lon - 0.001, lon + 0.001, lat - 0.006, lat),
    ]
    found = find([Place(shape) for shape in near])
    assert [name_of(0) in found.get(number, []) for number in range(5)] == [True, False, True, True, False]


def test_kinds_and_wavelengths_narrow_it(find: Finder) -> None:
    everything = Circle(LON, LAT, 1.0)
    places = [Place(everything), Place(everything, (1.0e-3, 1.0305e-3)), Place(everything, (2.0, math.inf))]
    every, some, none = (find(places).get(number, []) for number in range(3))
    last = name_of(SETS - 1)  # whose wavelengths nobody knows
    assert every == [name_of(number) for number in range(SETS)]
    assert some == [*(name_of(number) for number in range(4)), last] and none == [last]
    assert find(places, ["cube"])[1] == [name_of(0), name_of(2)]


def wide() -> list[Place]:
    """A circle and a polygon that meet every footprint."""
    shapes: list[Region] = [
        Circle(LON, LAT, 1.0),
        Polygon(around(LON, LAT, [(20 * x, 20 * y) for x, y in SQUARE])),
    ]
    return [Place(shape) for shape in shapes]


def test_a_wide_place_finds_as_many_as_are_wanted_and_costs_the_others_nothing(find: Finder) -> None:
    lon, lat = (float(np.mean(side)) for side in zip(*footprints()[3], strict=True))
    narrow = [Place(Circle(lon, lat, 1e-5))] * 5
    places = [*narrow[:3], wide()[0], *narrow[3:], wide()[1]]
    alone = find(narrow)[0]
    every = [name_of(number) for number in range(SETS)]
    found = find(places, bounds=Bounds(SETS, SETS - 1))  # each wide one is more than a question may find
    assert [found[place] for place in (0, 1, 2, 4, 5)] == [alone] * 5
    assert found[3] == found[6] == every
    few = find(places, bounds=Bounds(4, SETS - 1))
    assert few[0] == alone and few[3] == few[6] == every[:5]  # one more says that there are more


def test_a_place_that_cannot_be_tested_is_told_so_and_the_others_are_found(find: Finder) -> None:
    lon, lat = (float(np.mean(side)) for side in zip(*footprints()[3], strict=True))
    narrow = Place(Circle(lon, lat, 1e-5))
    found = find.look([narrow, wide()[1], narrow], (), PLENTY, ProbeLimits(pairs=SETS - 1))
    assert found[0].names == found[2].names == find([narrow])[0] and found[0].fault is None
    assert found[1].names == [] and str(SETS - 1) in (found[1].fault or "")


def test_too_many_wide_places_are_the_table_s_mistake(find: Finder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "_MOST_HALVED", 3)
    with pytest.raises(ServiceError, match=f"more than {SETS - 1} data sets altogether") as caught:
        find(wide() * 4, bounds=Bounds(1, SETS - 1))
    assert caught.value.kind is ErrorKind.USAGE


def test_no_places_ask_nobody() -> None:
    assert datasets_at([], (), PLENTY, cast(Any, None), cast(Any, None), Cancellation()) == {}
