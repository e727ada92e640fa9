"""Values of parameters: what is read, what is refused and why, and one writing for all spellings."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st
from pyvo.dal.params import IntervalQueryParam, PosQueryParam

from vo_service.dali import shapes
from vo_service.dali import values as dali_values
from vo_service.sky import Circle, Polygon, Range, unit_vectors
from vo_service.soda import values
from vo_service.spectral import Frame

C = 299792458.0
LONGITUDES = st.floats(-720, 720)
LATITUDES = st.floats(-90, 90)


def refusal(read: Callable[[str], object], text: str) -> str:
    with pytest.raises(ValueError) as caught:
        read(text)
    return str(caught.value)


@pytest.mark.parametrize("text", ["NaN", "1_0", "1,5", "0x10", "١", "1e", "--1", "1e999", "", "Inf", "1d3"])
def test_what_is_no_number(text: str) -> None:
    # SODA-034: Python's float() would read some of these
    assert "is no number" in refusal(dali_values.real, text)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_come_back(value: float) -> None:
    again = dali_values.real(dali_values.written(value))
    assert again == value
    assert math.copysign(1.0, again) == 1.0 or value != 0.0


@pytest.mark.parametrize("infinity", ["Inf", "inf", "+InF", "+Inf", "INF", "+infinity"])
def test_infinities_in_any_writing(infinity: str) -> None:
    # SODA-023: pyvo sends +InF
    assert dali_values.interval(f"1 {infinity}") == (1.0, math.inf)
    assert dali_values.interval(f"-{infinity.lstrip('+')} {infinity}") == (-math.inf, math.inf)


def test_wavelengths_become_frequencies() -> None:
    # SODA-023 to SODA-025
    assert values.wavelengths("0.001 0.002") == (C / 0.002, C / 0.001)
    assert values.wavelengths("0.002") == values.wavelengths("2e-3 .002") == (C / 0.002, C / 0.002)
    assert values.wavelengths("-Inf +Inf") == values.wavelengths("0 inf") == (0.0, math.inf)
    assert values.wavelengths("-Inf 0.001") == (C / 0.001, math.inf)
    assert values.frequencies("-inf 231e9") == (0.0, 231e9)
    assert values.frequencies("230e9 +Inf") == (230e9, math.inf)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "2 numbers are wanted (low high), got 0"),
        ("1 2 3", "2 numbers are wanted (low high), got 3"),
        ("2 1", "the lower end comes first, 2.0 is above 1.0"),
        ("+Inf +Inf", "open intervals have -Inf"),
        ("-Inf -Inf", "open intervals have -Inf"),
        ("1 NaN", "'NaN' is no number"),
        ("-1 1", "are above 0"),
        ("0", "are above 0"),
        ("-Inf 0", "are above 0"),
    ],
)
@pytest.mark.parametrize("read", [values.wavelengths, values.frequencies], ids=["BAND", "FREQ"])
def test_wrong_bands(read: Callable[[str], object], text: str, why: str) -> None:
    # SODA-034
    assert why in refusal(read, text)


def test_wavelengths_without_a_frequency_are_refused() -> None:
    assert "extreme" in refusal(values.wavelengths, "1e-320")


def test_time_is_an_interval_that_may_be_open() -> None:
    # SODA-026
    assert dali_values.interval("58000.0  58000.5") == (58000.0, 58000.5)
    assert dali_values.interval("-Inf 58000") == (-math.inf, 58000.0)
    assert "got 1" in refusal(dali_values.interval, "58000")


@given(st.tuples(*[st.floats(1e-4, 1.0)] * 2))
def test_bands_as_pyvo_writes_them(ends: tuple[float, float]) -> None:
    low, high = sorted(ends)
    written = IntervalQueryParam(units.m, units.spectral()).get_dal_format((low, high))
    assert values.wavelengths(written) == (C / high, C / low)


def test_open_bands_as_pyvo_writes_them() -> None:
    written = IntervalQueryParam(units.m).get_dal_format((1e-3, math.inf))
    assert values.wavelengths(written) == (0.0, C / 1e-3)


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (values.span, "10 20", (10, 20)),
        (values.span, " +10\t0x14 ", (10, 20)),
        (values.pixel_box, "1 2 3 3", ((1, 2), (3, 3))),
        (values.factors, "2 2 4", (2, 2, 4)),
        (values.redshift, " 0.5 ", 0.5),
        (values.redshift, "-0.001", -0.001),
        (values.width, "300000", 300000.0),
        (values.frame, "lsrk", Frame.LSRK),
        (values.frame, "Topo", Frame.TOPO),
        (values.role, " PB ", "pb"),
        (values.role, "moment0", "moment0"),
    ],
)
def test_values(read: Callable[[str], object], text: str, value: object) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("read", "text", "why"),
    [
        (values.span, "0 5", "counted from 1"),
        (values.span, "5 4", "the first comes first"),
        (values.span, "5", "2 numbers are wanted (first last), got 1"),
        (values.span, "1 2.0", "'2.0' is no whole number"),
        (values.span, "1 9999999999999999999", "no whole number"),
        (values.pixel_box, "1 2 0 2", "counted from 1"),
        (values.pixel_box, "1 2 3", "x1 x2 y1 y2), got 3"),
        (values.factors, "2 2", "x y channel), got 2"),
        (values.factors, "2 0 2", "1 or more"),
        (values.redshift, "-1", "above -1"),
        (values.redshift, "+Inf", "no number"),
        (values.width, "0", "above 0 and at most 300000"),
        (values.width, "300001", "above 0 and at most 300000"),
        (values.frame, "LSR", "BARYCENT"),  # it does not say which of the two
        (values.role, "pb mask", "several are several parameters"),
        (values.role, "pb'", "one word"),
        (values.line_of, "x" * 100, "80 characters"),
        (values.line_of, "CO(2-11)", "CO(2-1)"),
        (values.one_of({"mean": 1, "sum": 2}), "median", "known are mean, sum"),
    ],
)
def test_wrong_values(read: Callable[[str], object], text: str, why: str) -> None:
    # SODA-034, SODA-091
    assert why in refusal(read, text)


def test_lines_by_any_name() -> None:
    assert values.line_of("co 2-1") is values.line_of("12CO(2→1)")


@given(LONGITUDES, LATITUDES, st.floats(0, 180))
def test_a_circle_is_the_same_in_either_parameter(lon: float, lat: float, radius: float) -> None:
    # SODA-020; DALI-087: 362 is 2
    text = dali_values.written(lon, lat, radius)
    shape = shapes.circle(text)
    assert shapes.position(f"circle  {text}") == shape
    assert 0.0 <= shape.lon < 360.0
    places = unit_vectors(np.linspace(0, 350, 8), np.linspace(-80, 80, 8))
    assert (shape.contains(places) == Circle(lon, lat, radius).contains(places)).all()


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("10 90 1", "200 +90.0 1e0"),
        ("10 0 1", "370 -0.0 1"),
        ("1 2 180", "3 4 180"),
    ],
)
def test_one_circle_has_one_writing(text: str, same: str) -> None:
    assert repr(shapes.circle(text)) == repr(shapes.circle(same))


@st.composite
def rings(draw: st.DrawFn) -> list[tuple[float, float]]:
    """Corners of a polygon round a place, star-shaped."""
    lon, lat = draw(st.floats(0, 360)), draw(st.floats(-60, 60))
    count = draw(st.integers(3, 9))
    radii = draw(st.lists(st.floats(0.1, 5.0), min_size=count, max_size=count))
    angles = [360.0 * place / count for place in range(count)]
    centre = SkyCoord(lon, lat, unit="deg")
    ring = centre.directional_offset_by(angles * units.deg, radii * units.deg)
    return list(zip(ring.ra.deg.tolist(), ring.dec.deg.tolist(), strict=True))


def flat(ring: list[tuple[float, float]]) -> str:
    return dali_values.written(*(number for corner in ring for number in corner))


@given(rings(), st.integers(0, 8), st.booleans(), st.booleans())
def test_a_polygon_is_the_same_from_any_corner_and_either_way(
    ring: list[tuple[float, float]], start: int, back: bool, closed: bool
) -> None:
    # SODA-021, DALI-088
    turned = ring[start % len(ring) :] + ring[: start % len(ring)]
    other = turned[::-1] if back else turned
    if closed:
        other = [*other, other[0]]
    shape = shapes.polygon(flat(ring))
    assert shapes.polygon(flat(other)).vertices == shape.vertices
    assert shapes.position(f"Polygon {flat(other)}") == shape
    assert set(shape.vertices) == set(Polygon(tuple(ring)).vertices)
    assert shape.area() == pytest.approx(Polygon(tuple(ring)).area(), rel=1e-9)


@given(st.floats(0, 360), st.floats(0, 360), st.floats(-90, 90), st.floats(-90, 90))
def test_ranges_hold_what_lies_between(lon1: float, lon2: float, lat1: float, lat2: float) -> None:
    # SODA-018, SODA-046: lon1 above lon2 leads across 0
    south, north = sorted((lat1, lat2))
    shape = shapes.position(f"RANGE {dali_values.written(lon1, lon2, south, north)}")
    lon, lat = np.meshgrid(np.arange(0.5, 360, 20), np.arange(-85.5, 90, 19))
    along = (lon >= lon1) & (lon <= lon2) if lon1 <= lon2 else (lon >= lon1) | (lon <= lon2)
    inside = along & (lat >= south) & (lat <= north)
    clear = np.ones_like(inside)
    for edge in (lon1, lon2):
        clear &= np.abs(lon - edge) > 1e-6
    for edge in (south, north):
        clear &= np.abs(lat - edge) > 1e-6
    found = shape.contains(unit_vectors(lon.ravel(), lat.ravel())).reshape(lon.shape)
    assert (found == inside)[clear].all()


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("-Inf +Inf -Inf +Inf", Range(0, 360, -90, 90)),
        ("0 360 89 +inf", Range(0, 360, 89, 90)),
        ("10 +Inf -Inf 0", Range(10, 360, -90, 0)),
        ("-Inf 10 -1 1", Range(0, 10, -1, 1)),
        ("-Inf 360 -1 1", Range(0, 360, -1, 1)),
        ("350 inf -1 1", Range(350, 360, -1, 1)),
        ("350 370 -1 1", Range(350, 10, -1, 1)),
        ("350 10 -1 1", Range(350, 10, -1, 1)),
        ("-720 720 -1 1", Range(0, 360, -1, 1)),
    ],
)
def test_open_and_wide_ranges(text: str, shape: Range) -> None:
    assert shapes.sky_range(text) == shape


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it begins with CIRCLE, RANGE or POLYGON"),
        ("BOX 1 2 3 4", "it begins with CIRCLE, RANGE or POLYGON, not with 'BOX'"),
        ("CIRCLE", "got 0"),
        ("CIRCLE 1 2", "3 numbers are wanted (longitude latitude radius), got 2"),
        ("CIRCLE 1 2 -3", "from 0 to 180"),
        ("CIRCLE 1 2 181", "from 0 to 180"),
        ("CIRCLE 1 91 1", "from -90 to 90 degrees, not 91.0"),
        ("CIRCLE 1 2 NaN", "'NaN'"),
        ("CIRCLE 1 2 Inf", "'Inf'"),
        ("CIRCLE ICRS 1 2 3", "got 4"),
        ("RANGE 1 2 3", "got 3"),
        ("RANGE 1 2 4 3", "the lower latitude comes first"),
        ("RANGE 1 2 -91 3", "from -90 to 90"),
        ("RANGE +Inf 2 1 3", "open ranges"),
        ("RANGE 1 2 1 -Inf", "open ranges"),
        ("RANGE -10 +Inf -1 1", "beside an open end a longitude is from 0 to 360"),
        ("RANGE -Inf -10 -1 1", "beside an open end a longitude is from 0 to 360"),
        ("RANGE -Inf 360.5 -1 1", "not 360.5"),
        ("POLYGON 1 2 3 4", "got 4 numbers"),
        ("POLYGON 1 2 3 4 5 6 7", "got 7 numbers"),
        ("POLYGON 1 2 3 4 5 95", "from -90 to 90"),
        ("POLYGON 1 2 1 2 3 4", "distinct corners"),
        ("POLYGON 0 0 10 0 20 0", "great circle"),
        ("POLYGON " + "1 2 " * 1001, "at most 1000 corners, this one has 1001"),
    ],
)
def test_wrong_shapes(text: str, why: str) -> None:
    # SODA-034
    assert why in refusal(shapes.position, text)


@pytest.mark.parametrize(
    "wanted",
    [
        (12.5 * units.deg, -30.0 * units.deg, 36.0 * units.arcsec),
        (12.0, 13.5, -30.0, -29.0),
        (10.0, 10.0, 11.0, 10.0, 11.0, 11.0, 10.0, 11.5),
    ],
    ids=["circle", "range", "polygon"],
)
def test_positions_as_pyvo_writes_them(wanted: tuple[float, ...]) -> None:
    shape = shapes.position(PosQueryParam().get_dal_format(wanted))
    numbers = [float(units.Quantity(one, units.deg).value) for one in wanted]
    if isinstance(shape, Polygon):
        assert set(shape.vertices) == set(zip(numbers[::2], numbers[1::2], strict=True))
    else:
        assert [float(word) for word in shape.to_dali().split()[1:]] == pytest.approx(numbers)
