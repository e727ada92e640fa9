"""How the rows of an uploaded table are read: columns by name, UCD, unit and type; nulls; what is wrong."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa
import pytest
from astropy import units
from hypothesis import given
from hypothesis import strategies as st

from tap_schema import Column
from vo_service.dali.errors import ServiceError
from vo_service.dali.parameters import Form
from vo_service.query import Upload, upload_of
from vo_service.soda.bulk.asked import read_bulk
from vo_service.soda.bulk.columns import recognise
from vo_service.soda.bulk.limits import BulkLimits
from vo_service.soda.bulk.rows import Defaults, InputRow, read_rows
from vo_service.soda.bulk.tasks import wanted_of
from vo_service.soda.errors import MultiValuedError
from vo_service.soda.request import read_requests

RADIUS = 0.002
LIMITS = BulkLimits(cuts=40, part_bytes=2_000_000, most=3)


def column(name: str, **told: Any) -> Column:
    blank = {"datatype": "double", "arraysize": None, "xtype": None, "unit": None, "ucd": None}
    return Column(name=name, utype=None, description="", **(blank | told))


def text(name: str, **told: Any) -> Column:
    return column(name, datatype="unicodeChar", arraysize="*", **told)


def table(columns: list[Column], *rows: tuple[Any, ...]) -> Upload:
    arrays = [pa.array([row[at] for row in rows], one.arrow_type) for at, one in enumerate(columns)]
    return upload_of("t", pa.table(arrays, [one.name for one in columns]), columns)


def read(
    upload: Upload, radius: float | None = None, ids: tuple[str, ...] = (), **form: str
) -> list[InputRow]:
    return list(read_rows(upload, Defaults(Form.of(form.items()), ids, radius)))


def roles(*columns: Column) -> dict[str, str]:
    return {role: place.name for role, place in recognise(columns).items()}


angles = st.sampled_from(["deg", "arcmin", "arcsec", "mas", "rad", "degree"])


@given(
    st.permutations(["ra", "dec", "radius", "name", "flux"]),
    angles,
    st.floats(0, 360, exclude_max=True),
    st.floats(-90, 90),
    st.floats(1e-6, 1.0),
    st.sampled_from([str.lower, str.upper, str.title]),
)
def test_columns_are_found_in_any_order_case_and_unit(
    order: list[str], unit: str, ra: float, dec: float, radius: float, case: Any
) -> None:
    told = {"ra": ra, "dec": dec, "radius": radius * units.deg.to(unit), "name": "M 83", "flux": 5.0}
    columns = [
        text(case(name)) if name == "name" else column(case(name), unit=unit if name == "radius" else None)
        for name in order
    ]
    (row,) = read(table(columns, tuple(told[name] for name in order)))
    assert (row.number, row.label, row.id, row.fault) == (1, "M 83", None, None)
    circle = wanted_of(row.pairs, False).constraints.shape
    assert (circle.lon, circle.lat) == (ra % 360, dec) or abs(dec) == 90
    assert math.isclose(circle.radius, radius, rel_tol=1e-12)


@given(st.floats(0, 359), st.floats(-89, 89), st.floats(1e-7, 3.0))
def test_a_row_asks_for_what_the_request_asks_for(ra: float, dec: float, radius: float) -> None:
    # the words of provenance, and so the bytes, are those of a single call
    columns = [text("id"), column("ra"), column("dec"), column("radius")]
    (row,) = read(table(columns, ("a-set", ra, dec, radius)), LINE="CO(2-1)", Z="0.01")
    single = Form.of(
        [("ID", "a-set"), ("CIRCLE", f"{ra!r} {dec!r} {radius!r}"), ("Z", "0.01"), ("LINE", "co(2-1)")]
    )
    (asked,) = read_requests(single, "sync")
    assert wanted_of(row.pairs, False).canonical == asked.wanted.canonical


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ([column("RAJ2000"), column("DEJ2000"), column("size")], {"ra": "RAJ2000", "dec": "DEJ2000"}),
        ([column("a", ucd="pos.eq.ra"), column("b", ucd="POS.EQ.DEC;META.MAIN")], {"ra": "a", "dec": "b"}),
        (
            [column("x", ucd="pos.eq.ra"), column("y", ucd="pos.eq.ra;meta.main"), column("dec")],
            {"ra": "y", "dec": "dec"},
        ),
        ([column("ra"), column("s_ra", ucd="pos.eq.ra;meta.main")], {"ra": "ra"}),
        ([text("obs_publisher_did"), text("id")], {"id": "obs_publisher_did", "label": "id"}),
        ([text("did", ucd="meta.ref.ivoid")], {"id": "did"}),
        (
            [column("id", datatype="int"), column("ra"), column("dec")],
            {"label": "id", "ra": "ra", "dec": "dec"},
        ),
        ([text("source", ucd="meta.id;meta.main"), text("other", ucd="meta.id")], {"label": "source"}),
        ([text("one", ucd="meta.id"), text("two", ucd="meta.id")], {"label": "one"}),
        ([column("shape", arraysize="3", xtype="circle")], {"circle": "shape"}),
        ([column("redshift"), text("line")], {"z": "redshift", "line": "line"}),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else None,
)
def test_columns_are_recognised(columns: list[Column], found: dict[str, str]) -> None:
    assert found.items() <= roles(*columns).items()


@pytest.mark.parametrize(
    ("columns", "parts"),
    [
        ([column("raj2000"), column("ra_icrs"), column("dec")], ["raj2000 and ra_icrs", "its ra"]),
        ([column("ra", unit="h"), column("dec")], ["ra is in h", "deg"]),
        ([column("ra", unit="furlongz"), column("dec")], ["furlongz", "ra"]),
    ],
    ids=["two", "hours", "unknown"],
)
def test_an_ambiguous_table_is_told(columns: list[Column], parts: list[str]) -> None:
    with pytest.raises(ServiceError) as caught:
        recognise(columns)
    assert all(part in caught.value.text for part in parts), caught.value.text


@pytest.mark.parametrize(
    ("columns", "part"),
    [
        ([column("ra"), column("radius")], "no dec"),
        ([column("ra"), column("dec")], "how large"),
        ([column("flux")], "neither data sets nor positions"),
    ],
    ids=["dec", "radius", "nothing"],
)
def test_a_table_that_says_too_little_is_told(columns: list[Column], part: str) -> None:
    with pytest.raises(ServiceError, match=part):
        read(table(columns, tuple(1.0 for _ in columns)))


def test_what_is_wrong_with_a_row_is_its_own() -> None:
    columns = [column("ra"), column("dec"), column("radius"), text("line"), column("freq", arraysize="2")]
    rows = read(
        table(
            columns,
            (1.0, 2.0, 0.1, None, None),
            (1.0, None, 0.1, None, None),
            (1.0, 2.0, math.nan, None, None),
            (None, None, None, None, None),
            (1.0, 2.0, 0.1, "CO(1-0)", [1e11, 2e11]),
            (1.0, 2.0, 0.1, None, [1e11, None]),
        )
    )
    assert [row.number for row in rows] == [1, 2, 3, 4, 5, 6]
    assert rows[0].fault is None and rows[0].pairs == (("CIRCLE", "1.0 2.0 0.1"),)
    assert "no dec" in str(rows[1].fault) and "no radius" in str(rows[2].fault)
    assert rows[3] == InputRow(4)  # names nothing: planning says so
    assert "FREQ and LINE" in str(rows[4].fault)
    assert rows[5].pairs[-1] == ("FREQ", "100000000000.0")  # arrays are filled up at their end


def test_values_of_a_row_win_over_those_of_the_request() -> None:
    columns = [text("id"), column("freq", arraysize="2", unit="GHz"), column("z"), text("pol")]
    form = {"LINE": "CO(2-1)", "WIDTH": "300", "Z": "0.5", "SPECSYS": "LSRK", "POL": "V", "WITH": "pb"}
    rows = read(
        table(columns, ("a", [1.0, 2.0], 0.1, "I/Q"), ("b", None, 0.1, None), ("c", None, None, None)), **form
    )
    assert dict(rows[0].pairs) == {
        "FREQ": "1000000000.0 2000000000.0",
        "POL": "Q",
        "SPECSYS": "LSRK",
        "WITH": "pb",
    }
    own = {"LINE": "CO(2-1)", "WIDTH": "300", "SPECSYS": "LSRK", "POL": "V", "WITH": "pb"}
    assert dict(rows[1].pairs) == {**own, "Z": "0.1"}
    assert dict(rows[2].pairs) == {**own, "Z": "0.5"}


def test_shapes_as_arrays_and_texts() -> None:
    columns = [
        text("id"),
        column("circle", arraysize="3", unit="arcsec"),
        text("pos"),
        column("polygon", arraysize="*"),
    ]
    rows = read(
        table(
            columns,
            ("a", [3600.0, 7200.0, 36.0], None, None),
            ("b", None, "RANGE 1 2 3 4", None),
            ("c", None, None, [1.0, 2.0, 3.0, 4.0, 5.0, 2.0, math.nan]),
            ("d", [3600.0, 7200.0, 36.0], "RANGE 1 2 3 4", None),
        )
    )
    shapes = [wanted_of(row.pairs, False).constraints.shape for row in rows[:3]]
    assert (shapes[0].lon, shapes[0].lat) == (1.0, 2.0) and math.isclose(shapes[0].radius, 0.01)
    assert shapes[1].lat2 == 4.0 and len(shapes[2].vertices) == 3
    assert "CIRCLE and POS" in str(rows[3].fault)


def test_the_radius_of_the_request_is_for_rows_without() -> None:
    columns = [column("ra"), column("dec"), column("size", unit="arcmin")]
    one, two = read(table(columns, (1.0, 2.0, 6.0), (1.0, 2.0, None)), radius=RADIUS)
    assert one.pairs == (("CIRCLE", "1.0 2.0 0.05"),) and two.pairs == (("CIRCLE", f"1.0 2.0 {RADIUS}"),)


@pytest.mark.parametrize(
    ("pairs", "error", "part"),
    [
        ([("CIRCLE", "1 2 3"), ("CIRCLE", "1 2 4")], MultiValuedError, "CIRCLE was given 2 times"),
        ([("SCALE", "2")], ServiceError, "SCALE"),
        ([("RESPONSEFORMAT", "csv")], ServiceError, "RESPONSEFORMAT"),
        ([("RESPONSEFORMAT", "fits"), ("HEADER", "1")], ServiceError, "HEADER"),
        ([("MOST", "0")], ServiceError, "MOST"),
        ([("PARTSIZE", "10")], ServiceError, "PARTSIZE"),
        ([("RADIUS", "-1")], ServiceError, "RADIUS"),
    ],
    ids=["repeated", "unknown", "format", "header", "most", "part", "radius"],
)
def test_parameters_that_cannot_hold_for_a_table(
    pairs: list[tuple[str, str]], error: type, part: str
) -> None:
    with pytest.raises(error, match=part):
        read_bulk(Form.of([("UPLOAD", "t,param:x"), *pairs]), LIMITS)


def test_what_the_request_does_not_say_is_that_of_the_settings() -> None:
    told = read_bulk(Form.of([("UPLOAD", "t,param:x")]), LIMITS)
    assert (told.make.part_bytes, told.choice.most, told.choice.cuts) == (2_000_000, 3, 40)
    told = read_bulk(Form.of([("UPLOAD", "t,param:x"), ("PARTSIZE", "3000000"), ("MOST", "7")]), LIMITS)
    assert (told.make.part_bytes, told.choice.most, told.choice.cuts) == (3_000_000, 7, 40)
