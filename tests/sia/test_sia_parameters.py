"""The table of parameters: how values are read, and what condition in ADQL they become."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_schema import published
from vo_service.adql import parse
from vo_service.asking.constraints import MOST_VALUES, NUMBERS, TABLE
from vo_service.asking.constraints.conditions import equal, overlaps, within
from vo_service.asking.constraints.positions import meets
from vo_service.asking.constraints.values import media_type, span
from vo_service.dali.errors import ServiceError
from vo_service.dali.faults import faulted
from vo_service.dali.parameters import Form
from vo_service.formats import FORMATS
from vo_service.sia.request import read_request
from vo_service.sky import Circle

AUTHORITY = "Archive.example"
ROWS = "SELECT * FROM ivoa.obscore WHERE "
NAMES = "SELECT obs_publisher_did FROM ivoa.obscore WHERE "
ALWAYS = "dataproduct_type IN ('image', 'cube')"
GOOD = {
    "POS": "CIRCLE 10 20 0.5",
    "MOC": "4/30-33 6/1000",
    "POL": "XX",
    "ID": f"ivo://{AUTHORITY}/obs?a",
    "CALIB": "2",
    "FORMAT": "application/fits",
    **dict.fromkeys(("COLLECTION", "FACILITY", "INSTRUMENT", "DPTYPE", "TARGET"), "it's; -- one"),
}


def adql_of(*pairs: tuple[str, str]) -> str:
    """The condition behind what is always asked."""
    text = read_request(Form.of(pairs), FORMATS[0]).condition(AUTHORITY).adql()
    parse(text)
    assert text.startswith(ROWS)
    text = text.removeprefix(ROWS)
    if text.startswith(f"obs_publisher_did IN ({NAMES}"):
        text = text.removeprefix(f"obs_publisher_did IN ({NAMES}").removesuffix(")")
    assert text.endswith(ALWAYS)
    return text.removesuffix(ALWAYS).removesuffix(" AND ")


def refusal(*pairs: tuple[str, str]) -> str:
    with pytest.raises(ServiceError) as raised:
        read_request(Form.of(pairs), FORMATS[0])
    assert raised.value.status == 400
    return faulted(raised.value)


def test_the_columns_are_those_of_the_table() -> None:
    # SIA-005, SIA-041 to SIA-059: names, and units which are never converted
    columns = published()["ivoa.obscore"]
    for parameter in TABLE:
        units = {columns.column(name).unit for name in parameter.columns}
        assert parameter.unit in units or parameter.columns == ("s_region",)
        assert all(name in parameter.description or len(parameter.columns) > 1 for name in parameter.columns)
    assert [parameter.name for parameter in TABLE] == (
        "POS MOC BAND TIME POL FOV SPATRES SPECRP EXPTIME TIMERES ID COLLECTION FACILITY INSTRUMENT DPTYPE"
        " CALIB TARGET FORMAT"
    ).split()


@pytest.mark.parametrize("name", [parameter.name for parameter in TABLE])
def test_every_parameter_makes_adql_that_is_read(name: str) -> None:
    value = GOOD.get(name, "1 2")
    assert adql_of((name, value)) and adql_of((name.lower(), value), (name, value)) == adql_of((name, value))


def test_nothing_is_asked_but_images_and_cubes() -> None:
    # SIA-006, SIA-009, SIA-010, SIA-056: empties and names that nobody knows do nothing
    assert adql_of() == ""
    assert (
        adql_of(("POS", ""), ("BAND", "  "), ("REQUEST", "query"), ("VERSION", "2.0"), ("UPLOAD", "x")) == ""
    )


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("5", (5.0, 5.0)),
        ("500e-9", (5e-7, 5e-7)),
        (" .5   +3 ", (0.5, 3.0)),
        ("300  Inf", (300.0, math.inf)),
        ("300 +InF", (300.0, math.inf)),
        ("-inf 60.0", (-math.inf, 60.0)),
        ("-Infinity Infinity", (-math.inf, math.inf)),
        ("5E-7\t55123", (5e-7, 55123.0)),
    ],
)
def test_intervals_are_read(text: str, pair: tuple[float, float]) -> None:
    # SIA-020 to SIA-024, SIA-027
    assert span(text) == pair


@pytest.mark.parametrize(
    "text", ["1 2 3", "x", "NaN", "NaN 1", "500nm", "2 1", "Inf", "+Inf 1", "1e999", "1,2"]
)
@pytest.mark.parametrize("name", "BAND TIME FOV SPATRES SPECRP EXPTIME TIMERES".split())
def test_intervals_that_are_none(name: str, text: str) -> None:
    # SIA-020, SIA-025, SIA-026, SIA-104: the parameter and its value are named
    assert refusal((name, text)).startswith(f"UsageFault: {name}='{text}'")


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("TIME", "2020-01-01T00:00:00", "no number"),  # SIA-043
        ("POS", "BOX 1 2 3 4", "CIRCLE, RANGE or POLYGON"),  # SIA-040
        ("POS", "CIRCLE ICRS 12 34 0.5", "3 numbers"),  # SIA-034
        ("POS", "CIRCLE 12 91 0.5", "latitude"),  # SIA-035
        ("POS", "CIRCLE 12 NaN 0.5", "no number"),
        ("POS", "CIRCLE 12 34 -1", "radius"),  # SIA-039
        ("POS", "CIRCLE 12 34 181", "radius"),
        ("POS", "RANGE 1 2 4 3", "lower latitude"),  # SIA-037
        ("POS", "RANGE -10 +Inf -1 1", "beside an open end a longitude is from 0 to 360"),  # SIA-036
        ("POS", "RANGE -Inf -10 -1 1", "beside an open end a longitude is from 0 to 360"),
        ("POS", "RANGE 361 +Inf -1 1", "beside an open end a longitude is from 0 to 360"),
        ("POS", "POLYGON 1 2 3 4", "three or more pairs"),  # SIA-033
        ("POS", "POLYGON 1 2 3 4 5", "three or more pairs"),
        ("POL", "Stokes", "one of I Q U V"),  # SIA-044
        ("POL", "xx", "one of I Q U V"),
        ("CALIB", "2 3", "whole number"),  # SIA-057
        ("CALIB", "2.0", "whole number"),
        ("MAXREC", "-1", "whole number"),  # SIA-070
        ("MAXREC", "many", "whole number"),
        ("RUNID", "x" * 65, "64"),  # SIA-013
    ],
)
def test_values_that_are_none(name: str, text: str, wanted: str) -> None:
    told = refusal((name, text))
    assert told.startswith(f"UsageFault: {name}=") and wanted in told


@pytest.mark.parametrize("name", ["MAXREC", "RUNID"])
def test_controls_have_one_value(name: str) -> None:
    # SIA-008
    assert "2 times" in refusal((name, "7"), (name.lower(), "7"))


def test_values_are_alternatives() -> None:
    # SIA-004, SIA-007
    assert adql_of(("FOV", "1"), ("Fov", "2 3")) == "(s_fov = 1.0 OR (s_fov >= 2.0 AND s_fov <= 3.0))"
    assert adql_of(("CALIB", "2"), ("CALIB", "3"), ("CALIB", "2")) == "calib_level IN (2, 3)"
    assert adql_of(("POL", "YY"), ("POL", "Y")[:0] or ("POL", "I")) == (
        "(pol_states LIKE '%/YY/%' OR pol_states LIKE '%/I/%')"
    )


def test_extents_and_numbers_have_rules_of_their_own() -> None:
    # SIA-011, SIA-021, SIA-051
    assert adql_of(("BAND", "1 2")) == "em_min <= 2.0 AND em_max >= 1.0"
    assert adql_of(("TIME", "-Inf 5")) == "t_min <= 5.0 AND t_max IS NOT NULL"
    assert adql_of(("TIME", "-Inf +Inf")) == "t_min IS NOT NULL AND t_max IS NOT NULL"
    assert adql_of(("EXPTIME", "600 +Inf")) == "t_exptime >= 600.0 AND t_exptime IS NOT NULL"


def test_identifiers_in_any_case() -> None:
    # SIA-052: ours in the case in which they are kept; others cannot be here, and are asked for as they are
    found = f"obs_publisher_did = 'ivo://{AUTHORITY}/obs?a-1'"
    assert adql_of(("ID", f"ivo://{AUTHORITY}/obs?a-1")) == found
    shouted = f"IVO://{AUTHORITY.upper()}/OBS?A-1"
    assert adql_of(("ID", shouted)) == found
    assert adql_of(("ID", "ivo://else.where/X?A")) == "obs_publisher_did = 'ivo://else.where/X?A'"


@pytest.mark.parametrize(
    "text",
    [
        "application/x-votable+xml;content=datalink",
        " Application/X-VOTable+XML ; content = DataLink",
        "application/x-votable xml;content=datalink",
    ],
)
def test_media_types_are_compared_in_one_spelling(text: str) -> None:
    # SIA-060
    assert media_type(text) == "application/x-votable+xml;content=datalink"


def test_media_types_are_stored_in_any_case() -> None:
    # SIA-060
    assert adql_of(("FORMAT", "Application/FITS")) == "LOWER(access_format) = 'application/fits'"
    assert adql_of(("FORMAT", "a/b"), ("FORMAT", "C/d")) == "LOWER(access_format) IN ('a/b', 'c/d')"


def test_one_shape_is_written_as_it_is() -> None:
    # SIA-031 to SIA-033
    assert adql_of(("POS", "circle 10 -20 .5")) == "INTERSECTS(CIRCLE(10.0, -20.0, 0.5), s_region) = 1"
    assert adql_of(("POS", "RANGE 359 1 -1 +Inf")) == (
        "INTERSECTS(RANGE_S2D(359.0, 1.0, -1.0, 90.0), s_region) = 1"
    )
    ring = adql_of(("POS", "POLYGON 10 20 11 20 10.5 21"))
    assert ring == adql_of(("POS", "POLYGON 10.5 21 11 20 10 20"))
    assert ring.startswith("INTERSECTS(POLYGON(10.0, 20.0, ")


@pytest.mark.parametrize("text", ["RANGE -Inf +Inf -Inf +Inf", "RANGE 0 360 -90 90", "CIRCLE 4 5 180"])
def test_the_whole_sky_is_any_region(text: str) -> None:
    # SIA-036
    assert adql_of(("POS", text)) == "s_region IS NOT NULL"
    assert adql_of(("POS", "RANGE 0 360 89 +Inf")) != "s_region IS NOT NULL"


def test_parts_of_the_sky_are_asked_one_by_one() -> None:
    # SIA-007, SIA-063: what has to be met beside them is written once
    one, other = ("POS", "CIRCLE 10 20 1"), ("POS", "CIRCLE 200 -20 1")
    places = f" UNION ALL {NAMES}".join(
        f"INTERSECTS(CIRCLE({place}, 1.0), s_region) = 1" for place in ("10.0, 20.0", "200.0, -20.0")
    )
    found = f"obs_publisher_did IN ({NAMES}{places})"
    assert adql_of(one, other, ("FOV", "1")) == f"{found} AND s_fov = 1.0"
    assert "UNION ALL" not in adql_of(one, ("POS", "CIRCLE 11 21 1"))


@given(st.lists(st.tuples(st.floats(0.0, 359.9), st.floats(-90.0, 90.0)), min_size=1, max_size=60))
def test_many_shapes_are_few_questions(places: list[tuple[float, float]]) -> None:
    # SIA-063: at most one for each octant of the sky, and one for all that is large
    circles = [Circle(lon, lat, 0.1 if place % 2 else 20.0) for place, (lon, lat) in enumerate(places)]
    condition = meets(("s_region",), circles)
    assert condition.count("INTERSECTS(") <= min(9, len(set(circles)))
    for one in set(circles):
        assert f"{one.radius:g}" in condition
    parse(f"SELECT s_ra FROM ivoa.obscore WHERE {condition}")


def test_there_is_a_limit_to_the_values() -> None:
    # SIA-063
    many = [("ID", f"ivo://{AUTHORITY}/obs?{number}") for number in range(MOST_VALUES)]
    assert adql_of(*many).count("ivo://") == MOST_VALUES
    told = refusal(*many, ("id", "one more"))
    assert re.search(rf"^UsageFault: ID was given {MOST_VALUES + 1} times.* {MOST_VALUES} values", told)


def corners(count: int, lat: float = 10.0) -> str:
    return " ".join(f"{360.0 * turn / count!r} {lat!r}" for turn in range(count))


def test_the_corners_of_all_polygons_are_limited() -> None:
    # SIA-063: told before any of them is read
    most = [
        ("POS", f"POLYGON {corners(1000)}"),
        ("POS", f"POLYGON {corners(NUMBERS // 2 - 1000, 30.123456789)}"),
    ]
    assert adql_of(*most).count("Polygon") == 2
    told = refusal(*most, ("POS", "nonsense 1"))
    assert told.startswith(f"UsageFault: The shapes of POS have {NUMBERS + 1} numbers together")
    assert f"at most {NUMBERS} in a request" in told
    shapes = [("POS", f"RANGE {turn / 2} {turn / 2 + 0.1} -80 80") for turn in range(MOST_VALUES)]
    assert adql_of(*shapes).count("PositionInterval") == MOST_VALUES


def test_identifiers_beside_places_far_apart() -> None:
    # SIA-063: the identifiers are asked once, and not for each place again
    dids = [("ID", f"ivo://almascience.org/dap?uid___A001_X{n:05}_Xabc.member.calibrated_final_cont") for n in
            range(MOST_VALUES)]  # fmt: skip
    places = [("POS", f"CIRCLE {lon} {lat} 0.1") for lon, lat in ((10, 20), (200, -20), (300, 60))]
    assert adql_of(*dids, *places).count("ivo://") == MOST_VALUES


def test_values_that_are_too_long_together_are_told() -> None:
    # SIA-063, SIA-100: by the name of the longest, not by the place in a query that nobody wrote
    request = read_request(
        Form.of([("TARGET", f"{number} {'x' * 200}") for number in range(400)] + [("FOV", "1")]), FORMATS[0]
    )
    with pytest.raises(ServiceError) as raised:
        request.condition(AUTHORITY).adql()
    told = faulted(raised.value)
    assert told.startswith("UsageFault: The values of TARGET are too long") and "at most 100000" in told


@pytest.mark.parametrize("name", ["TARGET", "ID", "FORMAT", "COLLECTION", "POL", "POS"])
def test_a_nul_character_is_in_no_value(name: str) -> None:
    # SIA-104
    assert refusal((name, "a\x00b")).startswith(f"UsageFault: {name} has a NUL character")


FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.tuples(FINITE, FINITE).map(lambda pair: (min(pair), max(pair))), min_size=1, max_size=4))
def test_numbers_come_through_to_the_last_bit(spans: list[tuple[float, float]]) -> None:
    written = [float(one) for one in re.findall(r"[-\d.e+]+(?=\b)(?<![a-z_])", overlaps(("a", "b"), spans))]
    assert set(written) >= {end + 0.0 for pair in spans for end in pair}
    assert within(("c",), spans).count("c ") >= len({*spans})


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1))
def test_texts_stay_texts(text: str) -> None:
    # SIA-012: what is sent is a string literal, whatever stands in it
    condition = equal(("obs_collection",), [text])
    quoted = re.fullmatch(r"obs_collection = '((?:[^']|'')*)'", condition, re.S)
    assert quoted is not None and quoted[1].replace("''", "'") == text
