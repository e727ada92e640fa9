"""The cases: what is asked, and what is wanted of it beside another service."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.tap_client import Client, Refused, Reply, whole
from benchmarks.tap_rows import NARROW, Ground, rows_seen, upload_of

_SMALL = "obs_id, target_name, s_ra, s_dec, em_min, em_max, s_resolution, access_url"
_ASKED = 6000  # different small queries
_MOVES = 200
_CO = 299792458.0 / 230.538e9
_VOTABLE = "application/x-votable+xml;serialization="
_FORMATS = {
    "default": "",
    "BINARY2": f"{_VOTABLE}BINARY2",
    "TABLEDATA": f"{_VOTABLE}TABLEDATA",
    "CSV": "csv",
}

Ask = Callable[[Client, str], Reply]
"""Asks a client about a table, by its name there."""


@dataclass(frozen=True, slots=True)
class Goals:
    """``time``: our time is at most this part of theirs; ``rows``: our rows a second are at least so many
    times theirs; ``first``: seconds to our first byte; ``memory``: MB above idle."""

    time: float | None = None
    rows: float | None = None
    first: float | None = None
    memory: float | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to measure. ``compared`` asks as CSV for rows that services have to agree on: the same ones,
    or how many there are where TOP takes some of them; ``key`` is the column by which they are told apart,
    None where their number alone is compared."""

    name: str
    ask: Ask
    compared: Ask | None
    key: int | None
    goals: Goals
    rows: int | None = None
    is_large: bool = False


def cases(ground: Ground, dump_rows: int, wide_rows: int) -> list[Case]:
    """All cases but those of many clients at once."""
    made = [_small(name, text, key, check) for name, text, key, check in _small_queries(ground)]
    made += [_moving(name, texts) for name, texts in _moving_queries(ground).items()]
    dump_rows, wide_rows = min(dump_rows, ground.rows), min(wide_rows, ground.rows)
    narrow = f"SELECT TOP {dump_rows} {', '.join(NARROW)} FROM {{table}}"
    wide = f"SELECT TOP {wide_rows} {', '.join(ground.columns)} FROM {{table}}"
    for name, format in _FORMATS.items():
        goals = Goals(rows=20, first=0.1, memory=200) if name in ("default", "BINARY2") else Goals()
        made.append(_dump(f"dump {dump_rows} x {len(NARROW)} {name}", narrow, format, dump_rows, goals))
    goals = Goals(first=0.1, memory=200)
    made.append(
        _dump(
            f"dump {wide_rows} x {len(ground.columns)} BINARY2", wide, _FORMATS["BINARY2"], wide_rows, goals
        )
    )
    return [*made, _match(ground), _job(ground)]


def circle(place: tuple[float, float], radius: float) -> str:
    """A circle in ADQL that every version reads."""
    return f"CIRCLE('ICRS', {place[0]}, {place[1]}, {radius})"


def cone(columns: str, place: tuple[float, float], radius: float, top: int) -> str:
    """Rows whose position is in a cone."""
    test = f"CONTAINS(POINT('ICRS', s_ra, s_dec), {circle(place, radius)}) = 1"
    return f"SELECT TOP {top} {columns} FROM {{table}} WHERE {test}"


def small_queries(ground: Ground) -> list[str]:
    """Small cones as many clients ask for them: each at another place, so that none is asked twice."""
    return [cone(_SMALL, place, 0.01, 20) for place in _shifted(ground, _ASKED)]


def _shifted(ground: Ground, number: int) -> list[tuple[float, float]]:
    """So many places where there are rows as a rule, no two of them the same."""
    offsets = np.random.default_rng(5).uniform(-0.3, 0.3, (number, 2))
    places = itertools.islice(itertools.cycle(ground.places), number)
    return [
        (round(lon + a, 5), round(lat + b, 5)) for (lon, lat), (a, b) in zip(places, offsets, strict=True)
    ]


def _moving_queries(ground: Ground) -> dict[str, list[str]]:
    """Queries by name, each time at another place: nothing that was kept of the last one helps."""
    every = f"SELECT TOP 1000 {_SMALL} FROM {{table}} WHERE"
    places = _shifted(ground, _MOVES)
    return {
        "cone, another place each time": [cone(_SMALL, place, 0.1, 1000) for place in places],
        "INTERSECTS circle, another place each time": [
            f"{every} INTERSECTS(s_region, {circle(place, 0.05)}) = 1" for place in places
        ],
        "CONTAINS point, another place each time": [
            f"{every} CONTAINS(POINT('ICRS', {lon}, {lat}), s_region) = 1" for lon, lat in places
        ],
    }


def _small_queries(ground: Ground) -> list[tuple[str, str, int | None, str | None]]:
    """Name, text with ``{table}``, the column that is compared, and what is asked for that instead, where TOP
    takes any of more rows. Footprints are no such case: services may hold circles as polygons."""
    lon, lat = ground.dense
    corners = [(lon - 0.1, lat - 0.1), (lon + 0.1, lat - 0.1), (lon + 0.1, lat + 0.1), (lon - 0.1, lat + 0.1)]
    polygon = "POLYGON('ICRS', " + ", ".join(f"{a:.4f}, {b:.4f}" for a, b in corners) + ")"
    line = (
        f"em_min <= {_CO * 1.1:.9f} AND em_max >= {_CO:.9f} AND s_resolution < 0.3 AND sensitivity_10kms < 1"
    )
    every = f"SELECT TOP 1000 {_SMALL} FROM {{table}} WHERE"
    count = "SELECT COUNT(*) AS n FROM {table} WHERE"
    within = f"CONTAINS(POINT('ICRS', s_ra, s_dec), {circle(ground.dense, 0.1)}) = 1"
    return [
        ("TOP 1 *", "SELECT TOP 1 * FROM {table}", None, None),  # as many columns as each has
        ("TOP 1, shared columns", f"SELECT TOP 1 {', '.join(ground.columns)} FROM {{table}}", None, None),
        ("cone, 8 columns", cone(_SMALL, ground.dense, 0.1, 1000), 0, f"{count} {within}"),
        ("cone, sparse", cone(_SMALL, ground.sparse, 0.1, 1000), 2, None),
        (
            "cone, all columns",
            cone(", ".join(ground.columns), ground.dense, 0.1, 1000),
            0,
            f"{count} {within}",
        ),
        ("INTERSECTS circle", f"{every} INTERSECTS(s_region, {circle(ground.dense, 0.05)}) = 1", None, None),
        ("INTERSECTS polygon", f"{every} INTERSECTS(s_region, {polygon}) = 1", None, None),
        ("CONTAINS point", f"{every} CONTAINS(POINT('ICRS', {lon}, {lat}), s_region) = 1", None, None),
        ("physical, 1000 rows", f"{every} {line}", 0, f"{count} {line}"),
        ("physical, count", f"{count} {line}", 0, None),
        (
            "GROUP BY",
            "SELECT band_list, COUNT(*) AS n FROM {table} GROUP BY band_list ORDER BY band_list",
            1,
            None,
        ),
    ]


def _small(name: str, text: str, key: int | None, check: str | None) -> Case:
    def ask(client: Client, table: str) -> Reply:
        return client.query(text.format(table=table))

    def compared(client: Client, table: str) -> Reply:
        return client.query((check or text).format(table=table), kept=True, RESPONSEFORMAT="csv")

    return Case(name, ask, compared, key, Goals(time=0.2))


def _moving(name: str, texts: Sequence[str]) -> Case:
    turns: dict[str, Iterator[str]] = {}  # each service gets all of them in the same order

    def ask(client: Client, table: str) -> Reply:
        turn = turns.setdefault(client.url, itertools.cycle(texts))
        return client.query(next(turn).format(table=table))

    return Case(name, ask, None, None, Goals(time=0.2))


def _dump(name: str, text: str, format: str, rows: int, goals: Goals) -> Case:
    """All of the rows must come: a service that gives fewer of them is refused, for the rate would be of rows
    that never came."""
    # one more than TOP takes, so that an overflow is told of no answer but one that was cut
    more = {"MAXREC": str(rows + 1), **({"RESPONSEFORMAT": format} if format else {})}
    tells_nothing = format == "csv"  # of its outcome

    def ask(client: Client, table: str) -> Reply:
        reply = whole(client.query(text.format(table=table), kept=tells_nothing, **more))
        if tells_nothing:
            came, _ = rows_seen(reply.body, None)
            if came != rows:
                raise Refused(f"{came} rows came, {rows} were asked for")
        return reply

    return Case(name, ask, None, None, goals, rows, is_large=True)


def _match(ground: Ground) -> Case:
    table_bytes = upload_of(ground)
    text = (
        "SELECT {columns} FROM TAP_UPLOAD.mine AS u JOIN {table} AS t ON "
        "1 = CONTAINS(POINT('ICRS', t.s_ra, t.s_dec), CIRCLE('ICRS', u.ra, u.dec, 5. / 3600.))"
    )
    columns = "u.id, t.s_ra, t.s_dec"

    def ask(client: Client, table: str) -> Reply:
        asked = text.format(table=table, columns=columns)
        return client.upload(asked, "mine", table_bytes, MAXREC="100000")

    def compared(client: Client, table: str) -> Reply:
        asked = text.format(table=table, columns="COUNT(*) AS n")
        return client.upload(asked, "mine", table_bytes, kept=True, RESPONSEFORMAT="csv")

    return Case("upload of 1000 rows matched at 5 arcsec", ask, compared, 0, Goals(time=0.2))


def _job(ground: Ground) -> Case:
    text = cone(_SMALL, ground.dense, 0.1, 1000)

    def ask(client: Client, table: str) -> Reply:
        return client.job(text.format(table=table))

    return Case("job: made, run, waited for, fetched", ask, None, None, Goals(time=0.1))
