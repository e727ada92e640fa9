"""Random constraints of an image search on the made rows: each with its text, the same in ADQL that is
written here, and what it means in plain Python and astropy.

`DRAWN` are constraints of any kind by parameters, empty and boundless ones included; `TELLING` such as select
between 1 and 90 per cent of the rows, of those alone that have a value where they ask as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from drawn_shapes import Shape, circle, lon_lat_range, star, vector_of
from hypothesis import strategies as st
from made_archive import Row, made_rows

INF = math.inf
ROWS = made_rows()
FOUND = [row for row in ROWS if row["dataproduct_type"] in ("image", "cube")]


@dataclass(frozen=True)
class Asked:
    """One value of a parameter: its text, the same in ADQL, the columns it asks, and whether a row meets it
    (None: too close to a border to be told by sampling)."""

    name: str
    text: str
    adql: str
    columns: tuple[str, ...]
    holds: Callable[[Row], bool | None]

    @cached_property
    def verdicts(self) -> list[bool | None]:
        """Whether each of the rows `FOUND` meets it."""
        return [self.holds(row) for row in FOUND]


Constraint = Sequence[Sequence[Asked]]
"""Values of one parameter are alternatives, parameters all have to be met."""


def meeting(asked: Constraint) -> tuple[set[str], set[str]]:
    """The identifiers of images and cubes that meet a constraint for sure, and of those that may."""
    sure, open_ = set(), set()
    for place, row in enumerate(FOUND):
        verdicts = [[one.verdicts[place] for one in values] for values in asked]
        if all(any(each) for each in verdicts):
            sure.add(row["obs_publisher_did"])
        elif all(any(verdict is not False for verdict in each) for each in verdicts):
            open_.add(row["obs_publisher_did"])
    return sure, open_


def tells(count: int, asked: Constraint) -> bool:
    """Whether so many rows are between 1 and 90 per cent: of all, and of those that have a value in every
    column that is asked."""
    columns = {column for values in asked for one in values for column in one.columns}
    known = sum(all(row[column] is not None for column in columns) for row in FOUND)
    return 0.01 * len(FOUND) <= count <= 0.9 * known


def own_values(column: str) -> list[Any]:
    return sorted({row[column] for row in FOUND if row[column] is not None})


# --- intervals ---


def text_of(low: float, high: float) -> str:
    ends = ["-Inf" if end == -INF else "+Inf" if end == INF else repr(end) for end in (low, high)]
    return ends[0] if low == high else " ".join(ends)


def an_interval(*columns: str) -> st.SearchStrategy[tuple[float, float]]:
    """One of the rows' own values, between two of them or of what lies around them, or open at either end."""
    values = sorted({value for column in columns for value in own_values(column)})
    between = [0.5 * (low + high) for low, high in pairwise(values)]
    value = st.sampled_from([*values, *between, 0.5 * values[0], 2.0 * values[-1]])
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
        return Asked(name, text_of(*span), adql, (low_column, high_column), holds)

    return an_interval(low_column, high_column).map(make)


def containing(name: str, column: str) -> st.SearchStrategy[Asked]:
    def make(span: tuple[float, float]) -> Asked:
        low, high = (max(min(end, 1e300), -1e300) for end in span)
        return Asked(
            name,
            text_of(*span),
            f"{column} BETWEEN {low!r} AND {high!r}",
            (column,),
            lambda row: row[column] is not None and span[0] <= row[column] <= span[1],
        )

    return an_interval(column).map(make)


# --- texts ---


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def equal(name: str, column: str, others: Sequence[str] = ()) -> st.SearchStrategy[Asked]:
    def make(value: Any) -> Asked:
        adql = f"{column} = {value if isinstance(value, int) else literal(value)}"
        return Asked(name, str(value), adql, (column,), lambda row: row[column] == value)

    return st.sampled_from([*own_values(column), *others]).map(make)


def media_type() -> st.SearchStrategy[Asked]:
    def make(drawn: tuple[str, Callable[[str], str]]) -> Asked:
        value, spelt = drawn
        known = value.lower()
        adql = f"LOWER(access_format) = {literal(known)}"
        return Asked(
            "FORMAT",
            spelt(value),
            adql,
            ("access_format",),
            lambda row: (row["access_format"] or "").lower() == known,
        )

    return st.tuples(
        st.sampled_from([*own_values("access_format"), "image/png"]),
        st.sampled_from([str, str.upper, str.lower]),
    ).map(make)


def identifier() -> st.SearchStrategy[Asked]:
    def make(drawn: tuple[str, Callable[[str], str]]) -> Asked:
        did, spelt = drawn
        return Asked(
            "ID",
            spelt(did),
            f"LOWER(obs_publisher_did) = {literal(did.lower())}",
            ("obs_publisher_did",),
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
            ("pol_states",),
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
        return Asked("TARGET", name, f"(target_name = {literal(name)} OR {by_key})", ("target_name",), holds)

    return st.sampled_from([*own_values("target_name"), *KEYS, "m 83"]).map(make)


# --- the sky ---

PLACES = [(row["s_ra"], row["s_dec"]) for row in FOUND if None not in (row["s_ra"], row["s_dec"])]
OFFSET = st.floats(-1.5, 1.5)


@st.composite
def position(draw: st.DrawFn) -> Asked:
    """A shape round a place near some row, mostly as large as to hold a few or half of them."""
    kind, (lon, lat) = draw(st.sampled_from(["circle", "range", "polygon"])), draw(st.sampled_from(PLACES))
    lon, lat = round(lon + draw(OFFSET), 6) % 360.0, round(lat + draw(OFFSET), 6)
    if kind == "circle":
        radius = draw(st.sampled_from([5.0, 3.0, 8.0, 12.0, 0.5, 0.0, 20.0, 100.0]))
        shape = circle((lon, lat), radius)
        text, adql = f"CIRCLE {lon} {lat} {radius}", f"CIRCLE('ICRS', {lon}, {lat}, {radius})"
    elif kind == "range":
        width, height = (
            draw(st.sampled_from([6.0, 12.0, 20.0, 2.0, 0.0])),
            draw(st.sampled_from([6.0, 12.0, 0.5, 180.0])),
        )
        west, south = round(lon - width / 2.0, 6) % 360.0, round(lat - min(height, 12.0) / 2.0, 6)
        east, north = round((west + width) % 360.0, 6), round(min(90.0, south + height), 6)
        shape = lon_lat_range(west, west + width, south, north)
        text = f"Range {west} {east} {south} {north if north < 90.0 else '+Inf'}"
        adql = f"RANGE_S2D({west}, {east}, {south}, {north})"
    else:
        angles = [0.0, 70.0, 140.0, 210.0, 280.0]
        reaches = [draw(st.sampled_from([5.0, 9.0, 1.0, 12.0])) for _ in angles]
        shape = star((lon, lat), list(zip(angles, reaches, strict=True)))
        corners = list(shape.region.vertices)
        numbers = [repr(value) for corner in corners[:: draw(st.sampled_from([1, -1]))] for value in corner]
        text, adql = f"POLYGON {' '.join(numbers)}", f"POLYGON({', '.join(numbers)})"
    inside = f"1 = INTERSECTS(s_region, {adql})"
    return Asked("POS", text, inside, ("s_region",), lambda row: meets(shape, row["s_region"]))


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


VALUES: dict[str, st.SearchStrategy[Asked]] = {
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
    "FACILITY": equal("FACILITY", "facility_name", ["jao"]),
    "INSTRUMENT": equal("INSTRUMENT", "instrument_name", ["VL"]),
    "DPTYPE": equal("DPTYPE", "dataproduct_type", ["spectrum"]),
    "CALIB": equal("CALIB", "calib_level"),
    "TARGET": target(),
    "FORMAT": media_type(),
}


def some(name: str) -> st.SearchStrategy[list[Asked]]:
    """One value of a parameter or several; of identifiers, which are one row each, many."""
    if name == "ID":
        return st.lists(VALUES[name], min_size=1, max_size=120)
    return st.lists(VALUES[name], min_size=1, max_size=3)


def only_telling(strategy: st.SearchStrategy[Constraint]) -> st.SearchStrategy[Constraint]:
    return strategy.filter(lambda asked: tells(len(meeting(asked)[0]), asked))


def several(parts: dict[str, st.SearchStrategy[Constraint]]) -> st.SearchStrategy[Constraint]:
    """Two parameters or three."""
    chosen = st.lists(st.sampled_from(sorted(parts)), min_size=2, max_size=3, unique=True)
    return chosen.flatmap(lambda names: st.tuples(*(parts[name] for name in names))).map(
        lambda constraints: [values for one in constraints for values in one]
    )


DRAWN = {name: some(name).map(lambda values: [values]) for name in VALUES}
TELLING = {name: only_telling(drawn) for name, drawn in DRAWN.items()}
COMBINED, COMBINED_TELLING = several(DRAWN), only_telling(several(TELLING))
