"""The same constraint gives the same rows, whether TAP, SIA or a cone search is asked: by ADQL that is
written here, and by a filter in plain Python and astropy over the rows as they were made.

SIA-005, SIA-007, SIA-011, SIA-020 to SIA-024, SIA-030 to SIA-033, SIA-036 to SIA-038, SIA-041 to SIA-057,
SIA-059, SCS-011
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import angular_separation
from drawn_shapes import Shape, circle, lon_lat_range, star, vector_of
from hypothesis import given, settings
from hypothesis import strategies as st
from made_archive import MadeArchive, Row, made_rows

INF = math.inf
ROWS = made_rows()
FOUND = [row for row in ROWS if row["dataproduct_type"] in ("image", "cube")]


@dataclass(frozen=True)
class Asked:
    """One value of a parameter: its text, the same in ADQL, and whether a row meets it (None: too close to a
    border to be told by sampling)."""

    name: str
    text: str
    adql: str
    holds: Callable[[Row], bool | None]


def own_values(column: str) -> list[Any]:
    return sorted({row[column] for row in FOUND if row[column] is not None})


# --- intervals ---


def text_of(low: float, high: float) -> str:
    ends = ["-Inf" if end == -INF else "+Inf" if end == INF else repr(end) for end in (low, high)]
    return ends[0] if low == high else " ".join(ends)


def an_interval(*columns: str) -> st.SearchStrategy[tuple[float, float]]:
    """Between two values of the rows' own, open at either end, or one of them."""
    values = sorted({value for column in columns for value in own_values(column)})
    value = st.sampled_from(values)
    two = st.tuples(value, value).map(lambda pair: (min(pair), max(pair)))
    return st.one_of(
        two,
        value.map(lambda v: (v, v)),
        value.map(lambda v: (-INF, v)),
        value.map(lambda v: (v, INF)),
        st.just((-INF, INF)),
    )


def overlapping(name: str, low_column: str, high_column: str) -> st.SearchStrategy[Asked]:
    def make(span: tuple[float, float]) -> Asked:
        low, high = (max(min(end, 1e300), -1e300) for end in span)

        def holds(row: Row) -> bool:
            first, last = row[low_column], row[high_column]
            return first is not None and last is not None and max(first, span[0]) <= min(last, span[1])

        adql = f"NOT ({low_column} > {high!r}) AND NOT ({high_column} < {low!r})"
        return Asked(name, text_of(*span), adql, holds)

    return an_interval(low_column, high_column).map(make)


def containing(name: str, column: str) -> st.SearchStrategy[Asked]:
    def make(span: tuple[float, float]) -> Asked:
        low, high = (max(min(end, 1e300), -1e300) for end in span)
        return Asked(
            name,
            text_of(*span),
            f"{column} BETWEEN {low!r} AND {high!r}",
            lambda row: row[column] is not None and span[0] <= row[column] <= span[1],
        )

    return an_interval(column).map(make)


# --- texts ---


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def equal(name: str, column: str, others: Sequence[str] = ()) -> st.SearchStrategy[Asked]:
    def make(value: Any) -> Asked:
        adql = f"{column} = {value if isinstance(value, int) else literal(value)}"
        return Asked(name, str(value), adql, lambda row: row[column] == value)

    return st.sampled_from([*own_values(column), *others]).map(make)


def media_type() -> st.SearchStrategy[Asked]:
    def make(drawn: tuple[str, Callable[[str], str]]) -> Asked:
        value, spelt = drawn
        known = value.lower()
        adql = f"LOWER(access_format) = {literal(known)}"
        return Asked("FORMAT", spelt(value), adql, lambda row: (row["access_format"] or "").lower() == known)

    return st.tuples(
        st.sampled_from(own_values("access_format")), st.sampled_from([str, str.upper, str.lower])
    ).map(make)


def identifier() -> st.SearchStrategy[Asked]:
    def make(drawn: tuple[str, Callable[[str], str]]) -> Asked:
        did, spelt = drawn
        return Asked(
            "ID",
            spelt(did),
            f"LOWER(obs_publisher_did) = {literal(did.lower())}",
            lambda row: row["obs_publisher_did"] == did,
        )

    return st.tuples(
        st.sampled_from(own_values("obs_publisher_did")), st.sampled_from([str, str.upper, str.lower])
    ).map(make)


def polarisation() -> st.SearchStrategy[Asked]:
    def make(label: str) -> Asked:
        return Asked(
            "POL",
            label,
            f"('/' || pol_states || '/') LIKE '%/{label}/%'",
            lambda row: row["pol_states"] is not None and label in row["pol_states"].split("/"),
        )

    return st.sampled_from(["I", "XX", "YY", "V", "RR"]).map(make)


KEYS = {"m83": {"M 83", "NGC 5236"}, "ic342": {"IC 342"}, "quelleä": {"Quelle Ä"}}


def target() -> st.SearchStrategy[Asked]:
    def make(name: str) -> Asked:
        def holds(row: Row) -> bool:
            named = row["target_name"] == name
            return named or (bool(row["member_ous_uid"]) and row["target_name"] in KEYS.get(name, ()))

        by_key = (
            "EXISTS (SELECT 1 FROM holdings.observation AS o WHERE o.canonical_target = "
            f"{literal(name)} AND o.member_ous_uid = ivoa.obscore.member_ous_uid"
            " AND o.target_name = ivoa.obscore.target_name)"
        )
        return Asked("TARGET", name, f"(target_name = {literal(name)} OR {by_key})", holds)

    return st.sampled_from([*own_values("target_name"), *KEYS, "m 83"]).map(make)


# --- the sky ---

LON = st.floats(-10.0, 30.0).map(lambda lon: round(lon, 6) % 360.0)
LAT = st.floats(-20.0, 10.0).map(lambda lat: round(lat, 6))


@st.composite
def position(draw: st.DrawFn) -> Asked:
    kind = draw(st.sampled_from(["circle", "range", "polygon"]))
    lon, lat = draw(LON), draw(LAT)
    if kind == "circle":
        radius = draw(st.sampled_from([0.0, 0.5, 3.0, 8.0, 20.0, 100.0]))
        shape = circle((lon, lat), radius)
        text, adql = f"CIRCLE {lon} {lat} {radius}", f"CIRCLE('ICRS', {lon}, {lat}, {radius})"
    elif kind == "range":
        width, height = draw(st.sampled_from([0.0, 2.0, 20.0])), draw(st.sampled_from([0.5, 6.0, 60.0]))
        south, north = lat, min(90.0, lat + height)
        shape = lon_lat_range(lon, lon + width, south, north)
        east = (lon + width) % 360.0
        text = f"Range {lon} {east} {south} {north if north < 90.0 else '+Inf'}"
        adql = f"RANGE_S2D({lon}, {east}, {south}, {north})"
    else:
        angles = [0.0, 70.0, 140.0, 210.0, 280.0]
        reaches = [draw(st.sampled_from([1.0, 5.0, 12.0])) for _ in angles]
        shape = star((lon, lat), list(zip(angles, reaches, strict=True)))
        corners = list(shape.region.vertices)
        numbers = [repr(value) for corner in corners[:: draw(st.sampled_from([1, -1]))] for value in corner]
        text, adql = f"POLYGON {' '.join(numbers)}", f"POLYGON({', '.join(numbers)})"
    return Asked("POS", text, f"1 = INTERSECTS(s_region, {adql})", lambda row: meets(shape, row["s_region"]))


def meets(shape: Shape, region: str | None) -> bool | None:
    """Whether a footprint meets a shape: of circles by the distance of the centre, of quadrangles by points
    along their border and of the shape."""
    if region is None:
        return False
    kind, _, *numbers = region.split()
    values = [float(number) for number in numbers]
    if kind == "Circle":
        away = float(shape.distance(vector_of(values[0], values[1])[None])[0]) - math.radians(values[2])
        return None if abs(away) < 1e-9 else away < 0.0
    corners = vector_of(np.array(values[::2]), np.array(values[1::2]))
    steps = np.linspace(0.0, 1.0, 201)[:, None]
    border = np.concatenate(
        [(1.0 - steps) * one + steps * other for one, other in zip(corners, np.roll(corners, -1, 0))]
    )
    border /= np.linalg.norm(border, axis=1)[:, None]
    away = float(shape.distance(border).min())
    normals = np.cross(corners, np.roll(corners, -1, 0))
    signs = shape.points @ (normals * np.sign(normals @ corners.mean(axis=0))[:, None]).T
    inside = (signs > 0.0).all(axis=1) & (shape.points @ corners.mean(axis=0) > 0.0)
    if away <= 1e-12 or inside.any():
        return True
    spacing = float(np.linalg.norm(np.diff(border, axis=0), axis=1).max())
    return None if away < spacing else False


PARAMETERS: dict[str, st.SearchStrategy[Asked]] = {
    "POS": position(),
    "BAND": overlapping("BAND", "em_min", "em_max"),
    "TIME": overlapping("TIME", "t_min", "t_max"),
    "POL": polarisation(),
    "FOV": containing("FOV", "s_fov"),
    "SPATRES": containing("SPATRES", "s_resolution"),
    "SPECRP": containing("SPECRP", "em_res_power"),
    "EXPTIME": containing("EXPTIME", "t_exptime"),
    "TIMERES": containing("TIMERES", "t_resolution"),
    "ID": identifier(),
    "COLLECTION": equal("COLLECTION", "obs_collection", ["Alma"]),
    "FACILITY": equal("FACILITY", "facility_name"),
    "INSTRUMENT": equal("INSTRUMENT", "instrument_name"),
    "DPTYPE": equal("DPTYPE", "dataproduct_type", ["spectrum"]),
    "CALIB": equal("CALIB", "calib_level"),
    "TARGET": target(),
    "FORMAT": media_type(),
}


@pytest.fixture(scope="module", autouse=True)
def same_rows_were_made(made: MadeArchive) -> None:
    """Constraints are drawn while the module is read, before there is an archive."""
    assert made.rows == ROWS


def some(strategy: st.SearchStrategy[Asked]) -> st.SearchStrategy[list[Asked]]:
    """One value or several, which are alternatives."""
    return st.lists(strategy, min_size=1, max_size=3)


def compare(made: MadeArchive, asked: list[list[Asked]]) -> float:
    """The share of rows that a constraint selects: values of one parameter are alternatives, parameters all
    have to be met."""
    terms = [" OR ".join(f"({one.adql})" for one in values) for values in asked]
    adql = " AND ".join(["dataproduct_type IN ('image', 'cube')", *(f"({term})" for term in terms)])
    by_tap = sorted(row["obs_publisher_did"] for row in made.tap(adql))
    pairs = [(one.name, one.text) for values in asked for one in values]
    by_sia = sorted(row["obs_publisher_did"] for row in made.sia(*pairs))
    assert by_sia == by_tap  # the order is nobody's promise
    sure, open_ = set(), set()
    for row in FOUND:
        verdicts = [[one.holds(row) for one in values] for values in asked]
        if all(any(each) for each in verdicts):
            sure.add(row["obs_publisher_did"])
        elif all(any(verdict is not False for verdict in each) for each in verdicts):
            open_.add(row["obs_publisher_did"])
    assert len(by_sia) == len(set(by_sia))
    assert sure <= set(by_sia) <= sure | open_
    return len(by_sia) / len(FOUND)


def telling(shares: list[float]) -> float:
    """The part of the constraints that select between 1 and 90 per cent of the rows."""
    return float(np.mean([0.01 <= share <= 0.9 for share in shares]))


@pytest.mark.parametrize("name", PARAMETERS)
def test_one_parameter(made: MadeArchive, name: str) -> None:
    shares: list[float] = []

    @settings(max_examples=10, database=None)
    @given(some(PARAMETERS[name]))
    def each(values: list[Asked]) -> None:
        shares.append(compare(made, [values]))

    each()
    # one identifier is less than one row in a hundred
    assert telling(shares) >= 0.5 or (name == "ID" and min(shares) > 0.0)


def test_several_parameters(made: MadeArchive) -> None:
    shares: list[float] = []
    chosen = st.lists(st.sampled_from(sorted(set(PARAMETERS) - {"ID"})), min_size=2, max_size=3, unique=True)

    @settings(max_examples=60, database=None)
    @given(chosen.flatmap(lambda names: st.tuples(*(some(PARAMETERS[name]) for name in names))))
    def each(asked: tuple[list[Asked], ...]) -> None:
        shares.append(compare(made, list(asked)))

    each()
    assert telling(shares) >= 0.5


def test_without_a_constraint_all_images_and_cubes_come(made: MadeArchive) -> None:
    # SIA-006, SIA-056
    assert compare(made, []) == 1.0 and len(FOUND) < len(ROWS)


@pytest.mark.parametrize("name", sorted(set(PARAMETERS) - {"ID", "CALIB", "COLLECTION", "DPTYPE"}))
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


def compare_cone(made: MadeArchive, lon: float, lat: float, radius: float) -> float:
    """The share of rows in a circle: positions by TAP, by a cone search, and by astropy; where footprints are
    points, by SIA as well."""
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
    assert len(by_cone) == len(PLACED) < len(ROWS) or radius < 180.0
    return len(by_cone) / len(ROWS)


CONES = (
    st.floats(5.0, 15.0),
    st.floats(-10.0, 0.0),
    st.sampled_from([7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 0.0, 180.0]),
)


def test_a_cone(made: MadeArchive) -> None:
    shares: list[float] = []

    @settings(max_examples=30, database=None)
    @given(*CONES)
    def each(lon: float, lat: float, radius: float) -> None:
        shares.append(compare_cone(made, lon, lat, radius))

    each()
    assert telling(shares) >= 0.5
