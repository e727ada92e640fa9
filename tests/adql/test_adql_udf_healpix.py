"""HEALPix in SQL against cdshealpix: cells of positions, centres of cells, stored cells of positions."""

from __future__ import annotations

import math

import astropy.units as u
import cdshealpix.nested
import numpy as np
import pytest
from astropy.coordinates import Latitude, Longitude
from udf_rows import INF, NAN, Given, number

from vo_service.adql import AdqlError

ORDERS = (0, 1, 2, 7, 13, 17, 28, 29)


def _cells(lon: np.ndarray, lat: np.ndarray, order: int) -> np.ndarray:
    """cdshealpix's numbers."""
    found = cdshealpix.nested.lonlat_to_healpix(Longitude(lon % 360, u.deg), Latitude(lat, u.deg), order)
    return found.astype(np.int64)


def _positions() -> tuple[np.ndarray, np.ndarray]:
    """All over the sky, near the poles at all scales, round RA 0, round the borders of the caps."""
    rng = np.random.default_rng(174)
    lon = [
        rng.uniform(0, 360, 1500),
        rng.uniform(0, 360, 600),
        rng.normal(0, 1e-7, 100),
        rng.uniform(-900, 900, 200),
    ]
    lat = [
        np.degrees(np.arcsin(rng.uniform(-1, 1, 1500))),
        (90 - 10 ** rng.uniform(-12, 0, 600)) * rng.choice([-1, 1], 600),
        rng.uniform(-90, 90, 100),
        np.degrees(math.asin(2 / 3)) * rng.choice([-1, 1], 200) + rng.normal(0, 1e-9, 200),
    ]
    # corners of cells of many orders, and the poles under many names
    grid = np.meshgrid(
        np.arange(-22.5, 361, 11.25), [*np.arange(-90, 91, 15), *np.degrees(np.arcsin([1 / 3, -0.5]))]
    )
    return np.concatenate([*lon, grid[0].ravel()]), np.concatenate([*lat, grid[1].ravel()])


def test_the_cell_of_any_position_at_any_order(given: Given) -> None:
    # ADQL-174
    lon, lat = _positions()
    table = given.rows({number("lon"): lon.tolist(), number("lat"): lat.tolist()})
    for order in ORDERS:
        found = np.array(given.column(f"ivo_healpix_index({order}, lon, lat)", table))
        expected = _cells(lon, lat, order)
        assert _far_from_borders(lon, lat, found, expected, order).all()
        # borders are thin: nearly all of it was compared
        assert (found == expected).mean() > 0.95


def _far_from_borders(lon, lat, found, expected, order) -> np.ndarray:
    """Where the numbers differ, a step of 1e-12 rad brings the position into the other cell."""
    same = found == expected
    step = math.degrees(1e-12)
    for index in np.flatnonzero(~same):
        stretched = step / max(math.cos(math.radians(lat[index])), 1e-9)
        moves = [(lon[index] + a * stretched, lat[index] + b * step) for a in (-1, 0, 1) for b in (-1, 0, 1)]
        near = [(x, y) for x, y in moves if abs(y) <= 90]
        cells = _cells(np.array([x for x, _ in near]), np.array([y for _, y in near]), order)
        same[index] = found[index] in cells
    return same


def test_examples_of_the_catalogue(given: Given) -> None:
    # ADQL-174, ADQL-175, ADQL-176
    table = given.rows({number("lon"): [1.0], number("lat"): [1.0]})
    examples = {
        "ivo_healpix_index(0, 1, 1)": 4,
        "ivo_healpix_index(17, 1, 1)": 81609757711,
        "ivo_healpix_index(17, 359, -1)": 73009064944,
        "ivo_healpix_index(0, POINT(1, 1))": 4,
        "ivo_healpix_index(17, POINT('ICRS', 1, 1))": 81609757711,
        "ivo_healpix_index(17, CENTROID(CIRCLE(359, -1, 3)))": 73009064944,
        "ivo_healpix_index(17, POINT(lon, lat))": 81609757711,
        "ivo_healpix_index(17, CENTROID(CIRCLE(lon, lat, 3)))": 81609757711,
        "ivo_healpix_center(0, 6)": [180.0, 0.0],
        "ivo_healpix_center(17, ivo_healpix_index(17, 23.4, 56.7))": [23.399843462947466, 56.70016214363192],
        "ivo_healpix_center(17, ivo_healpix_index(17, lon * 23.4, lat * 56.7))": [
            23.399843462947466,
            56.70016214363192,
        ],
    }
    for call, expected in examples.items():
        assert given.column(call, table) == [pytest.approx(expected, rel=1e-14, abs=1e-14)], call


def test_the_centre_of_any_cell(given: Given) -> None:
    # ADQL-176: beside the middle of cells of all orders, the corners of all faces
    rng = np.random.default_rng(176)
    for order in ORDERS:
        count = 12 * 4**order
        cells = np.unique(
            np.concatenate([rng.integers(0, count, 300), np.arange(0, count, 4**order), [count - 1]])
        )
        table = given.rows({number("cell", "long"): cells.tolist()})
        found = np.array(given.column(f"ivo_healpix_center({order}, cell)", table))
        lon, lat = cdshealpix.nested.healpix_to_lonlat(cells.astype(np.uint64), order)
        assert found[:, 0] == pytest.approx(lon.deg, rel=0, abs=1e-12)
        assert found[:, 1] == pytest.approx(lat.deg, rel=0, abs=1e-12)
        back = given.column(f"ivo_healpix_index({order}, ivo_healpix_center({order}, cell))", table)
        assert back == cells.tolist()


def test_orders_of_rows(given: Given) -> None:
    # ADQL-174, ADQL-176
    orders = [0, 5, 17, 29, 30, -1, None]
    table = given.rows(
        {number("k", "int"): orders, number("cell", "long"): [4, 5000, 81609757711, 7, 7, 7, 7]}
    )
    cells = [int(_cells(np.array([1.0]), np.array([1.0]), k)[0]) for k in orders[:4]]
    assert given.column("ivo_healpix_index(k, 1 + 0 * n, 1 + 0 * n)", table) == [*cells, None, None, None]
    centres = given.column("ivo_healpix_center(k, cell)", table)
    for order, cell, centre in zip(orders[:4], (4, 5000, 81609757711, 7), centres):
        lon, lat = cdshealpix.nested.healpix_to_lonlat(np.array([cell], dtype=np.uint64), order)
        assert centre == pytest.approx([lon.deg[0], lat.deg[0]], rel=0, abs=1e-12)
    assert centres[4:] == [None, None, None]


def test_what_is_no_position_or_no_cell_is_null(given: Given) -> None:
    # ADQL-174, ADQL-176
    lon = [NAN, INF, -INF, None, 10.0, 10.0, 10.0, 10.0, 0.0, 77.0, 360.0, -0.0]
    lat = [1.0, 1.0, 1.0, 1.0, None, NAN, 90.0000001, -INF, 90.0, -90.0, 0.0, -0.0]
    table = given.rows({number("lon"): lon, number("lat"): lat})
    found = given.column("ivo_healpix_index(29, lon, lat)", table)
    assert found[:8] == [None] * 8
    assert found[8:] == _cells(np.array(lon[8:], float), np.array(lat[8:], float), 29).tolist()
    cells = given.rows({number("cell", "long"): [-1, 12 * 4**3, 12 * 4**3 - 1, None, 2**62]})
    found = given.column("COORD2(ivo_healpix_center(3, cell))", cells)
    assert [value is None for value in found] == [True, True, False, True, True]


def test_the_stored_cell_of_a_table(engine_under_test) -> None:
    # ADQL-174: the table's own position is a shift of its cell, and gives what its numbers give
    stored = "ivo_healpix_index(11, s_ra, s_dec)"
    worked_out = "ivo_healpix_index(11, s_ra + 0, s_dec)"
    rows = engine_under_test.ask(
        f"SELECT s_ra, s_dec, {stored}, {worked_out}, ivo_healpix_index(11, POINT(s_ra, s_dec)) "
        "FROM ivoa.obscore"
    ).rows
    assert len(rows) == 400
    for lon, lat, one, other, third in rows:
        assert one == other == third
        assert one == (
            None if lon is None or lat is None else _cells(np.array([lon]), np.array([lat]), 11)[0]
        )


def test_cells_group_rows(engine_under_test) -> None:
    # ADQL-174: what maps of the sky are made of
    call = "ivo_healpix_index(1, s_ra, s_dec)"
    answer = engine_under_test.ask(
        f"SELECT {call} AS cell, COUNT(*) AS n FROM ivoa.obscore "
        f"WHERE s_ra IS NOT NULL AND s_dec IS NOT NULL GROUP BY {call} ORDER BY cell"
    )
    positions = engine_under_test.ask(
        "SELECT s_ra, s_dec FROM ivoa.obscore WHERE s_ra IS NOT NULL AND s_dec IS NOT NULL"
    ).rows
    lon, lat = np.array(positions, dtype=float).T
    cells, counts = np.unique(_cells(lon, lat, 1), return_counts=True)
    assert answer.rows == list(zip(cells.tolist(), counts.tolist()))
    column = answer.columns[0]
    assert (column.datatype, column.unit, column.ucd) == ("long", None, "pos.healpix")


REFUSED = {
    "ivo_healpix_index(30, lon, lat)": (26, "the HEALPix order 30 is not one of 0 to 29"),
    "ivo_healpix_index(-1, lon, lat)": (26, "the HEALPix order -1 is not one of 0 to 29"),
    "ivo_healpix_index(2.5, lon, lat)": (26, "takes an integer here, not 2.5"),
    "ivo_healpix_index(2, lon, 91)": (34, "the latitude 91 is beyond 90 degrees"),
    "ivo_healpix_index(2, lon)": (29, "takes a POINT here, not a number"),
    "ivo_healpix_index(2)": (8, "does not take 1 argument"),
    "ivo_healpix_index(2, CIRCLE(1, 2, 3))": (29, "takes a POINT here, not a CIRCLE"),
    "ivo_healpix_index('2', lon, lat)": (26, "numbers stand without quotes"),
    "ivo_healpix_index(2, RAND() * 360, lat)": (36, "a random number cannot stand inside ivo_healpix_index"),
    "ivo_healpix_index(2, POINT(lon, ivo_normal_random(0, 1)))": (29, "a random number cannot stand inside"),
    "ivo_healpix_center(17, 23.2)": (31, "ivo_healpix_center takes an integer here"),
    "ivo_healpix_center(0, 12)": (30, "order 0 has the cells 0 to 11, not 12"),
    "ivo_healpix_center(30, 12)": (27, "the HEALPix order 30 is not one of 0 to 29"),
    "ivo_healpix_center(1, -1)": (30, "order 1 has the cells 0 to 47, not -1"),
}


@pytest.mark.parametrize("call", REFUSED)
def test_refused_at_its_place(given: Given, call: str) -> None:
    # ADQL-172, ADQL-174, ADQL-176
    table = given.rows({number("lon"): [1.0], number("lat"): [1.0]})
    column, words = REFUSED[call]
    with pytest.raises(AdqlError) as caught:
        given.resolved(f"SELECT {call} FROM {table}")
    assert words in str(caught.value)
    assert caught.value.column == column


def test_cells_of_grouped_positions(engine_under_test) -> None:
    # ADQL-071, ADQL-174: the stored cell is no grouped column, so the cell is worked out of what is grouped
    call = "ivo_healpix_index(8, s_ra, s_dec)"
    answer = engine_under_test.ask(
        f"SELECT s_ra, s_dec, {call}, ivo_healpix_index(8, POINT(s_ra, s_dec)), COUNT(*) "
        f"FROM ivoa.obscore GROUP BY s_ra, s_dec HAVING {call} > 0 ORDER BY {call}"
    )
    assert 300 < len(answer.rows) < 400
    for lon, lat, cell, other, _ in answer.rows:
        assert cell == other == _cells(np.array([lon]), np.array([lat]), 8)[0]


def test_cells_out_of_a_derived_table(engine_under_test) -> None:
    # ADQL-174: a position keeps what is stored of it
    inner = "SELECT s_ra AS a, s_dec AS d, POINT(s_ra, s_dec) AS p FROM ivoa.obscore"
    rows = engine_under_test.ask(
        f"SELECT a, d, ivo_healpix_index(8, p), ivo_healpix_index(8, a, d) FROM ({inner}) AS t"
    ).rows
    assert len(rows) == 400
    for lon, lat, cell, other in rows:
        missing = lon is None or lat is None
        assert cell == other == (None if missing else _cells(np.array([lon]), np.array([lat]), 8)[0])
