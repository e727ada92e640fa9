"""Frames and space motion against astropy and against straight lines in space."""

from __future__ import annotations

import itertools

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import (
    FK5,
    ICRS,
    BarycentricMeanEcliptic,
    CartesianRepresentation,
    FK4NoETerms,
    Galactic,
    SkyCoord,
    Supergalactic,
)
from udf_rows import INF, NAN, Given, number

from vo_service.adql import AdqlError
from vo_service.sky import Circle, Moc, Not, Polygon, Range, RegionError, Union, unit_vectors
from vo_service.sky.frames import FRAMES, UnknownFrame, matrix, rotation, turn_position, turn_region

ASTROPY = {
    "ICRS": ICRS(),
    "FK5": FK5(equinox="J2000"),
    # astropy lets FK4 rotate slowly against FK5, from this date on; positions of B1950 are for it as they are
    "FK4": FK4NoETerms(equinox="B1950", obstime="J1950"),
    "GALACTIC": Galactic(),
    "SUPER_GALACTIC": Supergalactic(),
    "ECLIPTIC": BarycentricMeanEcliptic(equinox="J2000"),
}
LON = [0.0, 359.9999, 120.0, 266.4, 10.0, 77.0, 300.0, 180.0, -45.0, 765.0]
LAT = [0.0, 0.0, -23.0, -28.9, 20.0, 89.9999, -89.5, 27.1, 66.5, -10.0]


def _astropy(lon, lat, from_frame: str, to_frame: str) -> tuple[np.ndarray, np.ndarray]:
    place = SkyCoord(np.array(lon, float) * u.deg, np.array(lat, float) * u.deg, frame=ASTROPY[from_frame])
    # by way of ICRS: astropy has a short cut from FK4 to galactic that differs by a micro-arcsecond
    turned = place.transform_to(ICRS()).transform_to(ASTROPY[to_frame]).spherical
    return turned.lon.deg % 360.0, turned.lat.deg


def _apart(lon, lat, other_lon, other_lat) -> np.ndarray:
    """Great-circle distances, degrees."""
    one = SkyCoord(np.array(lon) * u.deg, np.array(lat) * u.deg)
    return one.separation(SkyCoord(np.array(other_lon) * u.deg, np.array(other_lat) * u.deg)).deg


@pytest.mark.parametrize("name", FRAMES)
def test_matrices_are_those_of_astropy(name: str) -> None:
    # ADQL-133, ADQL-178
    axes = [SkyCoord(CartesianRepresentation(axis), frame=ASTROPY[name]) for axis in np.eye(3)]
    expected = np.stack([axis.transform_to(ICRS()).cartesian.xyz.value for axis in axes], axis=1)
    assert matrix(name) == pytest.approx(expected, rel=0, abs=1e-12)
    assert matrix(name) @ matrix(name).T == pytest.approx(np.eye(3), rel=0, abs=1e-12)
    assert np.linalg.det(matrix(name)) == pytest.approx(1.0, abs=1e-12)


def test_frames_are_known_by_their_exact_names() -> None:
    # ADQL-178
    for name in ("icrs", "Galactic", "J2000", "", "AZ_EL"):
        with pytest.raises(UnknownFrame, match="unknown frame"):
            matrix(name)
    with pytest.raises(UnknownFrame):
        rotation("ICRS", "galactic")


def test_there_and_back() -> None:
    # ADQL-178
    for one, other in itertools.permutations(FRAMES, 2):
        there = turn_position(123.4, -56.7, rotation(one, other))
        assert turn_position(*there, rotation(other, one)) == pytest.approx((123.4, -56.7), abs=1e-12)


def test_regions_turn_as_a_whole() -> None:
    # ADQL-178
    turning = rotation("ICRS", "GALACTIC")
    region = Union(
        (Polygon(((10, 20), (12, 20), (11, 22))), Not(Circle(11.0, 20.7, 0.1)), Circle(30.0, 5.0, 2.0))
    )
    turned = turn_region(region, turning)
    rng = np.random.default_rng(178)
    lon, lat = rng.uniform(8, 34, 800), rng.uniform(2, 23, 800)
    inside = region.contains(unit_vectors(lon, lat))
    galactic = _astropy(lon, lat, "ICRS", "GALACTIC")
    assert 0 < inside.sum() < 800
    assert (turned.contains(unit_vectors(*galactic)) == inside).all()
    assert turned.area() == pytest.approx(region.area(), rel=1e-9)
    for tied in (Range(1, 2, 3, 4), Moc(((0, 5),))):
        with pytest.raises(RegionError):
            turn_region(tied, turning)


def test_examples_of_the_catalogue_for_frames(given: Given) -> None:
    # ADQL-178: FK5 is taken as ICRS there, so its example holds to 1e-5 degrees only
    table = given.rows({number("lon"): [120.0]})
    point = given.column("ivo_geom_transform('ICRS', 'GALACTIC', POINT(120, -23))", table)[0]
    assert point == pytest.approx([241.121831182, 3.62785788087], abs=1e-9)
    point = given.column("ivo_geom_transform('ICRS', 'GALACTIC', POINT(lon, -23))", table)[0]
    assert point == pytest.approx([241.121831182, 3.62785788087], abs=1e-9)
    circle = given.column(
        "ivo_geom_transform('FK4', 'GALACTIC', CIRCLE(189.70303055, 22.96240006, 3))", table
    )[0]
    assert circle == pytest.approx([275.00025405, 84.99996154, 3], abs=1e-8)
    polygon = given.column("ivo_geom_transform('GALACTIC', 'FK5', POLYGON(5, 3, 4, 4, 4.5, 2))", table)[0]
    expected = [266.44721, -23.107310, 264.95088, -23.434037, 267.09936, -24.051919]
    assert polygon == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("one", "other"), [p for p in itertools.permutations(FRAMES, 2) if "GALACTIC" in p])
def test_points_of_columns_in_another_frame(given: Given, one: str, other: str) -> None:
    # ADQL-178
    table = given.rows({number("lon"): LON, number("lat"): LAT})
    found = np.array(given.column(f"ivo_geom_transform('{one}', '{other}', POINT(lon, lat))", table))
    expected = _astropy(LON, LAT, one, other)
    assert _apart(*found.T, *expected).max() < 1e-12
    assert (found[:, 0] >= 0).all()
    assert (found[:, 0] < 360).all()


def test_shapes_of_columns_in_another_frame(given: Given) -> None:
    # ADQL-178: CIRCLE keeps its radius, POLYGON turns by its corners; what is no position is NULL
    lon = [*LON, None, NAN, INF, 10.0]
    lat = [*LAT, 1.0, 1.0, 1.0, 90.5]
    table = given.rows({number("lon"): lon, number("lat"): lat, number("r"): [0.25] * len(lon)})
    circles = given.column("ivo_geom_transform('ICRS', 'ECLIPTIC', CIRCLE(lon, lat, r))", table)
    assert circles[-4:] == [None] * 4
    expected = _astropy(LON, LAT, "ICRS", "ECLIPTIC")
    assert _apart(*np.array(circles[:-4]).T[:2], *expected).max() < 1e-12
    assert {circle[2] for circle in circles[:-4]} == {0.25}
    call = (
        "ivo_geom_transform('ICRS', 'FK4', POLYGON(lon, lat * 0.9, lon + 1, lat * 0.9, lon, lat * 0.9 + 1))"
    )
    polygons = given.column(call, table)
    for polygon, x, y in zip(polygons, LON, LAT):
        corners = _astropy([x, x + 1, x], [y * 0.9, y * 0.9, y * 0.9 + 1], "ICRS", "FK4")
        assert _apart(polygon[::2], polygon[1::2], *corners).max() < 1e-12
    assert polygons[-4:-1] == [None] * 3


def test_positions_of_a_table_in_another_frame(engine_under_test) -> None:
    # ADQL-159, ADQL-178: numbers of the frame can be selected, compared, sorted by
    answer = engine_under_test.ask(
        "SELECT s_ra, s_dec, ivo_geom_transform('ICRS', 'GALACTIC', POINT(s_ra, s_dec)) AS p, "
        "COORD1(ivo_geom_transform('ICRS', 'GALACTIC', POINT(s_ra, s_dec))) AS l FROM ivoa.obscore "
        "WHERE ABS(COORD2(ivo_geom_transform('ICRS', 'GALACTIC', POINT(s_ra, s_dec)))) < 30 ORDER BY obs_id"
    )
    everything = engine_under_test.ask("SELECT s_ra, s_dec FROM ivoa.obscore ORDER BY obs_id").rows
    lon, lat = np.array([row for row in everything if None not in row], dtype=float).T
    expected_lon, expected_lat = _astropy(lon, lat, "ICRS", "GALACTIC")
    near = np.abs(expected_lat) < 30
    assert 50 < near.sum() < 350
    assert len(answer.rows) == near.sum()
    found = np.array([row[2] for row in answer.rows])
    assert _apart(*found.T, expected_lon[near], expected_lat[near]).max() < 1e-12
    assert [row[3] for row in answer.rows] == pytest.approx(found[:, 0].tolist(), abs=1e-12)
    p, galactic_lon = answer.columns[2:]
    assert (p.datatype, p.arraysize, p.xtype, p.unit) == ("double", "2", "point", "deg")
    assert (galactic_lon.datatype, galactic_lon.arraysize, galactic_lon.unit) == ("double", None, "deg")


def test_shapes_are_tested_by_the_numbers_of_their_frame(engine_under_test) -> None:
    # ADQL-178: a circle in galactic numbers round a position in galactic numbers
    inside = engine_under_test.ask(
        "SELECT obs_id FROM ivoa.obscore WHERE 1 = CONTAINS(ivo_geom_transform('ICRS', 'GALACTIC', "
        "POINT(s_ra, s_dec)), CIRCLE(120, -42, 25)) ORDER BY obs_id"
    ).rows
    everything = engine_under_test.ask("SELECT obs_id, s_ra, s_dec FROM ivoa.obscore").rows
    known = [row for row in everything if None not in row]
    galactic = _astropy([row[1] for row in known], [row[2] for row in known], "ICRS", "GALACTIC")
    apart = _apart(*galactic, [120.0] * len(known), [-42.0] * len(known))
    expected = sorted(row[0] for row, distance in zip(known, apart) if distance <= 25)
    assert 20 < len(expected) < 380
    assert [row[0] for row in inside] == expected


# --- space motion ---


def _straight(ra, dec, parallax, pmra, pmdec, velocity, start, end) -> tuple[float, float]:
    """The object and its velocity in space, in astronomical units and years; the sky from the origin."""
    distance = 1.0 / np.radians(max(parallax, 1e-9) / 3600e3)
    lon, lat = np.radians(ra), np.radians(dec)
    outward = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    north = np.array([-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)])
    east = np.cross(north, outward)
    rate = np.radians(1 / 3600e3) * distance
    radial = 0.0 if parallax == 0 else (velocity * u.km / u.s).to_value(u.au / u.yr)
    moving = rate * (pmra * east + pmdec * north) + radial * outward
    x, y, z = distance * outward + (end - start) * moving
    return np.degrees(np.arctan2(y, x)) % 360, np.degrees(np.arctan2(z, np.hypot(x, y)))


CATALOGUE = {
    "125, 300, -428.8, 52.51, 2016.0, 1992.25": (7.604061404627978, 11.7932703828279),
    "125, 300, -428.8, 52.51, 2016.0, 1875.0": (7.594068213694308, 11.807251375203935),
    "125, 300, -428.8, NULL, 2016.0, 1875.0": (7.594079587029898, 11.807235464326332),
    "125, 300, NULL, NULL, 2016.0, 1875.0": (7.594080321498365, 11.790440798509207),
    "NULL, 300, -428.8, 52.51, 2016.0, 1875.0": (7.594079587020846, 11.807235464339055),
}


@pytest.mark.parametrize("arguments", CATALOGUE)
def test_examples_of_the_catalogue_for_motion(given: Given, arguments: str) -> None:
    # ADQL-177: of constants and of columns
    table = given.rows({number("ra"): [7.606083572], number("dec"): [11.79044105]})
    for place in ("7.606083572, 11.79044105", "ra, dec"):
        found = given.column(f"ivo_epoch_prop_pos({place}, {arguments})", table)[0]
        assert found == pytest.approx(CATALOGUE[arguments], rel=0, abs=2e-11)


def test_motion_along_straight_lines(given: Given) -> None:
    # ADQL-177
    rng = np.random.default_rng(177)
    count = 300
    columns = {
        "ra": rng.uniform(-180, 720, count),
        "dec": np.degrees(np.arcsin(rng.uniform(-1, 1, count))),
        "plx": rng.choice([0.0, 0.01, 1.0, 769.0], count),
        "pmra": rng.normal(0, 1000, count),
        "pmdec": rng.normal(0, 1000, count),
        "rv": rng.normal(0, 100, count),
        "t1": rng.uniform(1900, 2020, count),
        "t2": rng.uniform(1900, 2020, count),
    }
    columns["dec"][:4] = [90.0, -90.0, 89.99999, 0.0]
    columns["ra"][4:8] = [0.0, 360.0, 359.9999999, -0.0]
    table = given.rows({number(name): values.tolist() for name, values in columns.items()})
    found = given.column(f"ivo_epoch_prop_pos({', '.join(columns)})", table)
    expected = [_straight(*row) for row in zip(*columns.values())]
    assert _apart(*np.array(found).T, *np.array(expected).T).max() < 1e-11
    assert all(0 <= lon < 360 for lon, _ in found)
    # astropy moves with the light that is on its way, which is little for slow and far objects
    slow = np.flatnonzero((columns["plx"] == 1.0) & (np.abs(columns["dec"]) < 80))[:40]
    place = SkyCoord(
        columns["ra"][slow] % 360 * u.deg,
        columns["dec"][slow] * u.deg,
        distance=np.full(len(slow), 1000.0) * u.pc,
        pm_ra_cosdec=columns["pmra"][slow] / 1000 * u.mas / u.yr,
        pm_dec=columns["pmdec"][slow] / 1000 * u.mas / u.yr,
        radial_velocity=columns["rv"][slow] * u.km / u.s,
    )
    moved = place.apply_space_motion(dt=20 * u.yr)
    call = "ivo_epoch_prop_pos(ra, dec, plx, pmra / 1000, pmdec / 1000, rv, 2000, 2020)"
    found = np.array(given.column(call, table))[slow]
    assert _apart(*found.T, moved.ra.deg, moved.dec.deg).max() < 1e-9


MISSING = (None, NAN, INF, -INF, 1e30)


def test_missing_parameters_of_motion(given: Given) -> None:
    # ADQL-177: NULL parallax, motion and velocity are 0; without a place or an epoch there is no position,
    # nor with what has no end
    whole = (7.6, 11.8, 125.0, 300.0, -428.8, 52.5, 2016.0, 1900.0)
    names = ("ra", "dec", "plx", "pmra", "pmdec", "rv", "t1", "t2")
    rows = [whole]
    for index, missing in itertools.product(range(8), MISSING):
        rows.append((*whole[:index], missing, *whole[index + 1 :]))
    rows.append((7.6, 90.01, *whole[2:]))
    table = given.rows({number(name): [row[i] for row in rows] for i, name in enumerate(names)})
    found = given.column(f"ivo_epoch_prop_pos({', '.join(names)})", table)
    assert found[0] == pytest.approx(_straight(*whole), rel=0, abs=1e-11)
    assert found[-1] is None
    for position, (index, missing) in zip(found[1:-1], itertools.product(range(8), MISSING)):
        if index in (0, 1, 6, 7) or missing in (INF, -INF, 1e30):
            assert position is None
        else:
            assert position == pytest.approx(
                _straight(*whole[:index], 0.0, *whole[index + 1 :]), rel=0, abs=1e-11
            )


REFUSED = {
    "ivo_epoch_prop_pos(NULL, 11.8, 125, 300, NULL, NULL, 2016.0, 1875.0)": (27, "ra of ivo_epoch_prop_pos"),
    "ivo_epoch_prop_pos(7.6, NULL, 125, 300, NULL, NULL, 2016.0, 1875.0)": (32, "dec of ivo_epoch_prop_pos"),
    "ivo_epoch_prop_pos(7.6, 11.8, 125, 300, 1, 2, NULL, 1875.0)": (54, "ref_epoch of ivo_epoch_prop_pos"),
    "ivo_epoch_prop_pos(7.6, 11.8, 125, 300, 1, 2, 1875.0, NULL)": (62, "out_epoch of ivo_epoch_prop_pos"),
    "ivo_epoch_prop_pos(lon, 90.5, 125, 300, 1, 2, 2016.0, 1875.0)": (32, "the latitude 90.5 is beyond"),
    "ivo_epoch_prop_pos(7.6, 11.8, 125)": (8, "ivo_epoch_prop_pos does not take 3 arguments"),
    "ivo_epoch_prop_pos(lon, 9.5, RAND(), 300, 1, 2, 2016.0, 1875.0)": (37, "a random number cannot stand"),
    "ivo_geom_transform('ICRS', 'GALACTIC', POINT(lon, RAND()))": (47, "a random number cannot stand"),
    "ivo_geom_transform('ICRS', 'galactic', POINT(lon, 1))": (35, "unknown frame 'galactic'"),
    "ivo_geom_transform('J2000', 'GALACTIC', POINT(lon, 1))": (27, "unknown frame 'J2000'"),
    "ivo_geom_transform('ICRS', 'GALACTIC', 5)": (8, "ivo_geom_transform does not take"),
    "ivo_geom_transform('ICRS', 'GALACTIC', RANGE_S2D(1, 2, 3, 4))": (47, "tied to its frame"),
    "ivo_geom_transform('ICRS', 'GALACTIC', MOC('0/1'))": (47, "tied to its frame"),
    "ivo_geom_transform('ICRS', 'GALACTIC', BOX(lon, 1, 2, 3))": (47, "tied to its frame"),
}


@pytest.mark.parametrize("call", REFUSED)
def test_refused_at_its_place(given: Given, call: str) -> None:
    # ADQL-172, ADQL-177, ADQL-178
    table = given.rows({number("lon"): [1.0]})
    column, words = REFUSED[call]
    with pytest.raises(AdqlError) as caught:
        given.resolved(f"SELECT {call} FROM {table}")
    assert words in str(caught.value)
    assert caught.value.column == column


def test_a_shape_has_one_frame(given: Given) -> None:
    # ADQL-133, ADQL-178: numbers of a frame meet those of no other; what a shape says of itself must be so
    table = given.rows({number("lon"): [266.4, 12.0], number("lat"): [-28.9, 27.0]})
    turned = "ivo_geom_transform('ICRS', 'GALACTIC', POINT(lon, lat))"
    assert given.column(f"CONTAINS({turned}, CIRCLE(0, 0, 1))", table) == [1, 0]
    assert given.column(f"COORDSYS({turned})", table) == ["GALACTIC", "GALACTIC"]
    for there in ("GALACTIC", "ECLIPTIC"):
        back = (
            f"ivo_geom_transform('{there}', 'ICRS', ivo_geom_transform('ICRS', '{there}', POINT(lon, lat)))"
        )
        for found, expected in zip(given.column(back, table), ([266.4, -28.9], [12.0, 27.0])):
            assert found == pytest.approx(expected, abs=1e-12)
    # POINT('GALACTIC', ..) is turned to ICRS by itself: the function knows that
    for point in (
        "POINT('GALACTIC', lon, lat)",
        "POINT('GALACTIC', 266.4, -28.9)",
        "POINT('Galactic', lon, lat)",
    ):
        same = given.column(f"ivo_geom_transform('GALACTIC', 'GALACTIC', {point})", table)[0]
        assert same == pytest.approx([266.4, -28.9], abs=1e-12)
    for call in (
        f"CONTAINS({turned}, CIRCLE('GALACTIC', 0, 0, 1))",
        f"CONTAINS({turned}, CIRCLE('ICRS', 0, 0, 1))",
        f"DISTANCE({turned}, POINT('FK4', 1, 2))",
        f"CIRCLE('GALACTIC', {turned}, 1)",
        "ivo_geom_transform('ICRS', 'ECLIPTIC', POINT('GALACTIC', lon, lat))",
        f"ivo_geom_transform('FK4', 'ECLIPTIC', {turned})",
        "ivo_geom_transform('GALACTIC', 'ECLIPTIC', POINT('ICRS', lon, lat))",
    ):
        with pytest.raises(AdqlError):
            given.resolved(f"SELECT {call} FROM {table}")
