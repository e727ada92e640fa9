"""HEALPix in plain SQL: cell of a position and centre of a cell, NESTED numbering, orders 0 to 29 (ADQL-174).

All is done at order 29, where a cell has 0.4 mas: cells of lower orders are those bits shifted. Near the
poles the distance from the pole is used, not its cosine, so that borders keep their place to 1e-12 rad. On
the very borders the steps are those of the library that makes the stored cells, so that both agree.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from sqlglot import exp

from vo_service.adql.sql import nodes as sql
from vo_service.adql.sql.nodes import Sql
from vo_service.adql.sql.stepwise import Lookup, Step, stepwise

DEEPEST = 29
_SIDE = 1 << DEEPEST
_CAP = math.asin(2.0 / 3.0)
"""Latitude where the polar caps begin, radians."""
_SPREADS = (
    (16, 0x0000FFFF0000FFFF),
    (8, 0x00FF00FF00FF00FF),
    (4, 0x0F0F0F0F0F0F0F0F),
    (2, 0x3333333333333333),
    (1, 0x5555555555555555),
)
"""Bits of a number take every second place: shift left, then keep these."""
_GATHERINGS = (
    *((shift, kept) for (shift, _), (_, kept) in zip(reversed(_SPREADS), reversed(_SPREADS[:-1]))),
    (16, 0x00000000FFFFFFFF),
)
"""And back: shift right, then keep these."""


def cell_of_position(order: Sql, lon: Sql, lat: Sql, dialect: str) -> Sql:
    """The cell of a position in degrees; NULL where there is none, or no such order."""
    arguments = {"order": whole(order), "lon": sql.as_double(lon), "lat": sql.as_double(lat)}
    steps: list[Step] = [_known_position, _projected, _on_sides, _on_face]
    if dialect == "postgres":
        steps += [_in_cells, *(_spread(number) for number in range(len(_SPREADS)))]
    else:
        steps.append(_in_cells_spread)
    return stepwise(dialect, arguments, steps, _numbered)


def cell_of_cell(order: Sql, deepest: Sql) -> Sql:
    """The cell of an order that holds a cell of order 29; NULL for the -1 of rows without a position."""
    known = sql.both([sql.at_least(deepest, _int(0)), _is_order(order)])
    return sql.case((known, _shifted(deepest, order)))


def longitude_of_cell(order: Sql, cell: Sql, dialect: str) -> Sql:
    """Longitude of a cell's centre, degrees in [0, 360); NULL where there is no such cell."""
    return _centre(order, cell, dialect, _centre_longitude)


def latitude_of_cell(order: Sql, cell: Sql, dialect: str) -> Sql:
    """Latitude of a cell's centre, degrees; NULL where there is no such cell."""
    return _centre(order, cell, dialect, _centre_latitude)


def whole(value: Sql) -> Sql:
    """CAST to BIGINT."""
    return exp.Cast(this=sql.own(value), to=exp.DataType(this=exp.DType.BIGINT))


def _int(value: int) -> Sql:
    return exp.Literal.number(value)


def _is_order(order: Sql) -> Sql:
    return sql.both([sql.at_least(order, _int(0)), sql.at_most(order, _int(DEEPEST))])


def _bits(value: Sql, kept: int) -> Sql:
    return exp.Paren(this=sql.binary(exp.BitwiseAnd, value, _int(kept)))


def _left(value: Sql, by: Sql) -> Sql:
    return exp.Paren(this=sql.binary(exp.BitwiseLeftShift, value, by))


def _right(value: Sql, by: Sql) -> Sql:
    return exp.Paren(this=sql.binary(exp.BitwiseRightShift, value, by))


def _or(one: Sql, other: Sql) -> Sql:
    return exp.Paren(this=sql.binary(exp.BitwiseOr, one, other))


def _small(value: Sql) -> Sql:
    """PostgreSQL shifts a BIGINT by an INTEGER only."""
    return exp.Cast(this=sql.own(value), to=exp.DataType(this=exp.DType.INT))


def _shifted(deepest: Sql, order: Sql) -> Sql:
    steps = sql.times(_int(2), sql.minus(_int(DEEPEST), order))
    return _right(deepest, _small(steps))


# --- from a position to its cell ---


def _known_position(row: Lookup) -> Mapping[str, Sql]:
    """``turn``, longitude in eighths of a turn; ``lat_rad``, latitude in radians.

    What is no position is NULL from here on: one engine has no sine of infinity.
    """
    lon, lat = row("lon"), row("lat")
    known = sql.both([sql.at_most(sql.absolute(lat), sql.number(90.0)), sql.finite(lon)])
    turns = sql.call("floor", sql.over(sql.without_dust(row("lon")), sql.number(360.0)))
    reduced = sql.minus(sql.without_dust(row("lon")), sql.times(sql.number(360.0), turns))
    eighths = sql.times(sql.call("radians", reduced), sql.number(4.0 / math.pi))
    return {
        "turn": sql.case((known, eighths)),
        "lat_rad": sql.case((sql.own(known), sql.call("radians", sql.without_dust(row("lat"))))),
    }


def _projected(row: Lookup) -> Mapping[str, Sql]:
    """``quarter`` of the sky, 0 to 3; ``p``, the place in it, -1 to 1; ``z``, 1.5 times the sine of latitude:
    -1 to 1 between the polar caps; ``rim``, in a cap the distance from the pole, 1 where the cap ends."""
    quarter = sql.call("floor", sql.over(row("turn"), sql.number(2.0)))
    middle = sql.plus(sql.times(sql.number(2.0), quarter), sql.number(1.0))
    half, eighth = sql.times(sql.number(0.5), row("lat_rad")), sql.number(math.pi / 4.0)
    aside = sql.case((_in_north(row), sql.plus(half, eighth)), otherwise=sql.minus(half, eighth))
    return {
        "quarter": _bits(whole(quarter), 3),
        "p": sql.minus(row("turn"), middle),
        "z": sql.times(sql.call("sin", row("lat_rad")), sql.number(1.5)),
        "rim": sql.times(sql.number(math.sqrt(6.0)), sql.call("cos", aside)),
    }


def _in_north(row: Lookup) -> Sql:
    return sql.above(row("lat_rad"), sql.number(_CAP))


def _in_south(row: Lookup) -> Sql:
    return sql.below(row("lat_rad"), sql.number(-_CAP))


def _on_sides(row: Lookup) -> Mapping[str, Sql]:
    """On which side of the two diagonals of its square, 1 or 0: beyond both is the face to the east."""
    one, zero = _int(1), _int(0)
    minus_z = exp.Paren(this=exp.Neg(this=row("z")))
    return {
        "low": sql.case((sql.above(row("p"), row("z")), one), otherwise=zero),
        "right": sql.case((sql.at_least(row("p"), minus_z), sql.own(one)), otherwise=sql.own(zero)),
    }


def _on_face(row: Lookup) -> Mapping[str, Sql]:
    """``face`` of the twelve; ``l`` and ``h``, the place right of its lowest corner and above it."""
    rows = sql.minus(sql.plus(_int(1), row("low")), row("right"))  # of faces, counted from the north
    eastern = _bits(sql.plus(row("quarter"), sql.times(row("low"), row("right"))), 3)
    beside = sql.minus(sql.plus(row("low"), row("right")), _int(1))
    north, south = _in_north(row), _in_south(row)
    in_cap = sql.times(row("p"), row("rim"))
    return {
        "face": sql.case(
            (north, row("quarter")),
            (south, sql.plus(row("quarter"), _int(8))),
            otherwise=sql.plus(sql.times(_int(4), rows), eastern),
        ),
        "l": sql.case(
            (sql.either([sql.own(north), sql.own(south)]), in_cap),
            otherwise=sql.minus(row("p"), sql.as_double(beside)),
        ),
        "h": sql.case(
            (sql.own(north), sql.minus(sql.number(2.0), row("rim"))),
            (sql.own(south), row("rim")),
            otherwise=sql.plus(row("z"), sql.as_double(sql.own(rows))),
        ),
    }


def _in_cells(row: Lookup) -> Mapping[str, Sql]:
    """The place on the face, in cells along its two sides."""
    sums = {"x0": sql.plus(row("h"), row("l")), "y0": sql.minus(row("h"), row("l"))}
    half = sql.number(_SIDE / 2.0)
    return {
        name: sql.call("least", _int(_SIDE - 1), whole(sql.call("floor", sql.times(sql.own(half), total))))
        for name, total in sums.items()
    }


def _in_cells_spread(row: Lookup) -> Mapping[str, Sql]:
    """The same with the bits apart: DuckDB."""
    values = _in_cells(row)
    return {f"{axis}{len(_SPREADS)}": _folded(values[f"{axis}0"], _SPREADS, _left) for axis in "xy"}


def _spread(number: int) -> Step:
    """Bits move apart: PostgreSQL, one step of ``_SPREADS``."""
    shift, kept = _SPREADS[number]

    def step(row: Lookup) -> Mapping[str, Sql]:
        return {
            f"{axis}{number + 1}": _bits(
                _or(row(f"{axis}{number}"), _left(row(f"{axis}{number}"), _int(shift))), kept
            )
            for axis in "xy"
        }

    return step


def _numbered(row: Lookup) -> Sql:
    x, y = (row(f"{axis}{len(_SPREADS)}") for axis in "xy")
    place = sql.plus(x, sql.times(_int(2), y))
    deepest = sql.plus(sql.times(row("face"), _int(1 << (2 * DEEPEST))), place)
    known = [exp.Not(this=sql.paren(sql.is_null(row("turn")))), _is_order(row("order"))]
    return sql.case((sql.both(known), _shifted(deepest, row("order"))))


def _folded(value: Sql, shifts: Sequence[tuple[int, int]], shifted: Callable[[Sql, Sql], Sql]) -> Sql:
    """Shifts one after the other, each with the bits kept after it: in DuckDB, whose lambdas cost double for
    each other one they stand in, over a list."""
    bits, by = exp.column("_bits", quoted=True), exp.column("_by", quoted=True)
    kept = sql.case(*((sql.equal(by, _int(shift)), _int(mask)) for shift, mask in shifts))
    body = exp.BitwiseAnd(this=_or(bits, shifted(sql.own(bits), sql.own(by))), expression=kept)
    names = [exp.to_identifier(name, quoted=True) for name in ("_bits", "_by")]
    values = exp.Array(expressions=[sql.own(value), *(_int(shift) for shift, _ in shifts)])
    return sql.call("list_reduce", values, exp.Lambda(this=body, expressions=names))


# --- from a cell to its centre ---


def _centre(order: Sql, cell: Sql, dialect: str, result: Callable[[Lookup], Sql]) -> Sql:
    steps: list[Step] = [_known_cell]
    if dialect == "postgres":
        steps += [_face_and_place, *(_gather(number) for number in range(len(_GATHERINGS)))]
    else:
        steps.append(_face_and_gathered)
    return stepwise(dialect, {"order": whole(order), "cell": whole(cell)}, [*steps, _ring], result)


def _known_cell(row: Lookup) -> Mapping[str, Sql]:
    """``level`` and ``index``; what is no order or no cell of it is NULL: engines refuse to shift by it."""
    level = sql.case((_is_order(row("order")), _small(row("order"))))
    last = _left(whole(_int(12)), sql.times(_int(2), level))
    is_cell = sql.both([sql.at_least(row("cell"), _int(0)), sql.below(row("cell"), last)])
    return {"level": sql.own(level), "index": sql.case((is_cell, row("cell")))}


def _face_and_place(row: Lookup) -> Mapping[str, Sql]:
    twice = sql.times(_int(2), row("level"))
    face = _right(row("index"), twice)
    place = sql.minus(row("index"), _left(sql.own(face), sql.own(twice)))
    every_second = _SPREADS[-1][1]
    return {
        "face": sql.own(face),
        "side": _left(whole(_int(1)), row("level")),
        "x0": _bits(place, every_second),
        "y0": _bits(_right(sql.own(place), _int(1)), every_second),
    }


def _face_and_gathered(row: Lookup) -> Mapping[str, Sql]:
    """The same with the bits together: DuckDB."""
    values = _face_and_place(row)
    gathered = {
        f"{axis}{len(_GATHERINGS)}": _folded(values[f"{axis}0"], _GATHERINGS, _right) for axis in "xy"
    }
    return {"face": values["face"], "side": values["side"], **gathered}


def _gather(number: int) -> Step:
    """Bits of every second place move together: PostgreSQL, one step of ``_GATHERINGS``."""
    shift, kept = _GATHERINGS[number]

    def step(row: Lookup) -> Mapping[str, Sql]:
        return {
            f"{axis}{number + 1}": _bits(
                _or(row(f"{axis}{number}"), _right(row(f"{axis}{number}"), _int(shift))), kept
            )
            for axis in "xy"
        }

    return step


def _ring(row: Lookup) -> Mapping[str, Sql]:
    """``ring`` counts rings of cells from the north pole, ``aside`` how far the cell is right of its face's
    middle; ``middle`` is where that is, in eighths of a turn."""
    x, y, face = row(f"x{len(_GATHERINGS)}"), row(f"y{len(_GATHERINGS)}"), row("face")
    rows = sql.case(
        (sql.below(face, _int(4)), _int(2)), (sql.below(face, _int(8)), _int(3)), otherwise=_int(4)
    )
    twice = sql.times(_int(2), _bits(face, 3))
    belt = sql.both([sql.at_least(face, _int(4)), sql.below(face, _int(8))])
    ring = sql.minus(sql.minus(sql.minus(sql.times(rows, row("side")), x), y), _int(1))
    return {
        "ring": sql.as_double(ring),
        "n": sql.as_double(row("side")),
        "aside": sql.as_double(sql.minus(x, y)),
        "middle": sql.as_double(sql.case((belt, twice), otherwise=sql.plus(sql.own(twice), _int(1)))),
    }


def _cells(row: Lookup) -> Sql:
    """How many cells a quarter turn has in that ring."""
    ring, n = row("ring"), row("n")
    return sql.case(
        (sql.below(ring, n), ring),
        (sql.above(ring, sql.times(sql.number(3.0), n)), sql.minus(sql.times(sql.number(4.0), n), ring)),
        otherwise=n,
    )


def _centre_longitude(row: Lookup) -> Sql:
    eighths = sql.plus(row("middle"), sql.over(row("aside"), _cells(row)))
    lon = sql.times(sql.number(45.0), eighths)
    return sql.case(
        (sql.below(lon, sql.zero()), sql.plus(sql.number(360.0), sql.own(lon))), otherwise=sql.own(lon)
    )


def _centre_latitude(row: Lookup) -> Sql:
    ring, n, cells = row("ring"), row("n"), _cells(row)
    colatitude = sql.times(
        sql.number(2.0),
        sql.call("degrees", sql.call("asin", sql.over(cells, sql.times(n, sql.number(math.sqrt(6.0)))))),
    )
    north = sql.minus(sql.number(90.0), colatitude)
    sine = sql.over(
        sql.times(sql.number(2.0), sql.minus(sql.times(sql.number(2.0), n), ring)),
        sql.times(sql.number(3.0), n),
    )
    return sql.case(
        (sql.below(ring, n), north),
        (sql.above(ring, sql.times(sql.number(3.0), n)), exp.Neg(this=sql.paren(sql.own(north)))),
        otherwise=sql.call("degrees", sql.call("asin", sine)),
    )
