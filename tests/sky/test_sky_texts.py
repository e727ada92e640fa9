"""Region texts: STC-S in the forms of the archive's rows, DALI shapes, errors with their place."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st
from test_sky_relations import LATITUDES, regions

from vo_service.sky import (
    Circle,
    Not,
    Polygon,
    Range,
    RegionError,
    Union,
    canonical_stcs,
    caps_of,
    footprint_ids,
    parse_region,
    unit_vectors,
)

TRIANGLE = Polygon(((10, 10), (12, 10), (11, 12)))


@settings(max_examples=120, deadline=None)
@given(st.data(), st.floats(0, 359.9), LATITUDES, st.floats(-7.0, 1.9))
def test_what_is_written_reads_back(data: st.DataObject, lon: float, lat: float, log_size: float) -> None:
    region = data.draw(regions(lon, lat, 10.0**log_size))
    assert parse_region(region.to_stcs()) == region
    if not isinstance(region, Union):
        again = parse_region(region.to_dali())
        assert again == region or set(again.vertices) == set(region.vertices)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("Circle ICRS 204.253800 -29.865800 0.004000", Circle(204.2538, -29.8658, 0.004)),
        ("circle 10 20 1e-3", Circle(10, 20, 0.001)),
        ("CIRCLE icrs TOPOCENTER SPHERICAL2 10 20 .5", Circle(10, 20, 0.5)),
        ("Circle FK5 10 20 1", Circle(10, 20, 1)),
        ("Circle J2000 370 20 1", Circle(10, 20, 1)),
        ("Position ICRS 10 20", Circle(10, 20, 0)),
        ("Polygon ICRS 10 10 12 10 11 12", TRIANGLE),
        ("polygon 10 10 12 10 11 12 10 10", TRIANGLE),
        ("  Polygon   ICRS\n10 10\t12 10 11 12 ", TRIANGLE),
        ("range 10 20 -5 5", Range(10, 20, -5, 5)),
        ("PositionInterval ICRS 350 -5 10 5", Range(350, 10, -5, 5)),
        ("Union ICRS ( Polygon 10 10 12 10 11 12 Circle 0 0 1 )", Union((TRIANGLE, Circle(0, 0, 1)))),
        (
            "Union ICRS(Polygon 10 10 12 10 11 12 Not(Circle 11 10.5 .1))",
            Union((TRIANGLE, Not(Circle(11, 10.5, 0.1)))),
        ),
        (
            "Union ICRS ( Polygon 10 10 12 10 11 12 Not (Circle 11 10.5 .1) )",
            Union((TRIANGLE, Not(Circle(11, 10.5, 0.1)))),
        ),
        ("Union (Polygon ICRS 10 10 12 10 11 12)", Union((TRIANGLE,))),
        ("Not (Circle ICRS 1 2 3)", Not(Circle(1, 2, 3))),
        (  # ALMA-113: the archive writes a lone polygon with a hole so, without a Union round both
            "Polygon ICRS 10 10 12 10 11 12 Not (Circle 11 10.5 .1) Not (Circle 11 11 .1)",
            Union((TRIANGLE, Not(Circle(11, 10.5, 0.1)), Not(Circle(11, 11, 0.1)))),
        ),
    ],
)
def test_forms_that_are_read(text: str, region: object) -> None:
    """# ALMA-110, ALMA-111, ALMA-112, ALMA-113"""
    assert parse_region(text) == region


def test_forms_that_are_written() -> None:
    """# ALMA-110, ALMA-111, ALMA-112"""
    assert Circle(204.2538, -29.8658, 0.004).to_stcs() == "Circle ICRS 204.2538 -29.8658 0.004"
    assert TRIANGLE.to_stcs() == "Polygon ICRS 10 10 12 10 11 12"
    union = Union((TRIANGLE, Not(TRIANGLE)))
    assert union.to_stcs() == "Union ICRS ( Polygon 10 10 12 10 11 12 Not (Polygon 10 10 12 10 11 12) )"
    assert Range(1, 2, 3, 4).to_dali() == "range 1 2 3 4"
    for region in (union, Not(TRIANGLE)):
        with pytest.raises(RegionError, match="DALI"):
            region.to_dali()


@pytest.mark.parametrize(
    ("text", "at", "expected"),
    [
        ("", 0, "Circle, Polygon"),
        ("Ellipse ICRS 1 2 3 4 5", 0, "Circle, Polygon"),
        ("Circle ICRS 1 2", 15, "lon lat radius"),
        ("Circle ICRS 1 2 3 4", 19, "lon lat radius"),
        ("Circle ICRS 1 2 x", 16, "lon lat radius"),
        ("Circle GALACTIC 1 2 3", 7, "ICRS"),
        ("Circle ICRS 1 95 3", 0, "latitude"),
        ("Circle ICRS 1 5 -3", 0, "radius"),
        ("Circle ICRS 1 5 1e999", 16, "finite"),
        ("Polygon ICRS 1 2 3 4 5", 22, "pairs"),
        ("Polygon ICRS 1 2 3 4 5 6 7", 26, "pairs"),
        ("Union ICRS Circle 1 2 3", 11, "("),
        ("Union ICRS ( Circle 1 2 3", 25, ")"),
        ("Union ICRS ( )", 14, "one or more"),
        ("Circle ICRS 1 2 3 )", 18, "end of the text"),
        ("Circle ICRS 1;2 3", 13, "a word"),
        ("Intersection ICRS Circle 1 2 3", 18, "( after Intersection"),
        ("Intersection ICRS ( Circle 1 2 3", 32, ") at the end of Intersection"),
        ("Difference ICRS ( Circle 1 2 3 )", 0, "Circle, Polygon"),
        ("Not " * 30 + "Circle 1 2 3", 84, "nested"),
    ],
)
def test_errors_name_the_place(text: str, at: int, expected: str) -> None:
    with pytest.raises(RegionError) as caught:
        parse_region(text)
    assert expected in caught.value.expected
    assert caught.value.at == at
    assert caught.value.text == text


def test_box_is_gnomonic() -> None:
    """# ADQL-138"""
    box = parse_region("Box ICRS 10 20 2 4")
    assert isinstance(box, Polygon)
    x, y = np.tan(np.radians(1.0)), np.tan(np.radians(2.0))
    centre, east = unit_vectors(10, 20)[0], unit_vectors(100, 0)[0]
    corner = centre + x * east + y * np.cross(centre, east)
    assert (
        np.abs(unit_vectors(*np.array(box.vertices).T) - corner / np.linalg.norm(corner)).max(axis=1).min()
        < 1e-15
    )


def test_bulk_caps_agree_with_single_ones() -> None:
    texts = [
        "Circle ICRS 204.253800 -29.865800 0.004000",
        "Polygon ICRS 10.0 10.0 12 10 11 12",
        None,
        "Polygon ICRS 359 -1 1 -1 1 1 359 1",
        "circle 1 2 3",
        "Union ICRS ( Polygon 10 10 12 10 11 12 Circle 0 0 1 )",
        "nonsense",
        "Polygon ICRS 0 0 10 0 20 0",
        "Polygon ICRS 0 0 10 0 20",
        "Polygon ICRS 0 85 90 85 180 85 270 85",
        "Polygon ICRS 0 0 1e-7 0 1e-7 1e-7",
        "Polygon ICRS 0 95 90 85 180 85 270 85",
        "Circle ICRS 0 0 179",
        "Circle ICRS 0 0 200",
        "Polygon ICRS 0 -10 100 -10 200 -10 200 10 100 10 0 10",
        "",
    ]
    caps = caps_of(pa.array(texts, pa.string()))
    for i, text in enumerate(texts):
        try:
            region = parse_region(text) if text is not None else None
        except RegionError:
            region = None
        assert bool(caps["ok"][i]) == (region is not None), text
        if region is None:
            assert np.isnan(caps["r"][i])
            continue
        centre = np.array([caps[axis][i] for axis in "xyz"])
        assert np.linalg.norm(centre) == pytest.approx(1.0, abs=1e-15)
        reach = caps["r"][i]
        xyz = region.outline().points
        if reach < np.pi / 2:
            assert (2 * np.arcsin(np.linalg.norm(xyz - centre, axis=1) / 2) <= reach).all()
        assert reach <= region.cap().radius * 1.5 + 1e-13


def test_bulk_caps_in_chunks() -> None:
    text = pa.chunked_array([["Circle ICRS 1 2 3"], ["Circle ICRS 1 2 4", None]])
    assert np.degrees(caps_of(text)["r"])[:2] == pytest.approx([3, 4])
    assert caps_of(pa.array([], pa.string()))["ok"].tolist() == []


def test_identifiers() -> None:
    texts = [
        "Circle ICRS 1.00 2 3",
        "circle  1.00 2 3",
        "Circle ICRS 1 2 3",
        None,
        "nonsense",
        "CIRCLE FK5 1 2 3",
    ]
    ids = footprint_ids(pa.array(texts, pa.string())).to_pylist()
    assert ids[3] is None and ids[4] is None
    assert ids[1] == ids[2] == ids[5] != ids[0]
    assert all(0 <= i < 2**63 for i in ids if i is not None)
    assert canonical_stcs("Circle ICRS 1.00 2 3") == "Circle ICRS 1.00 2 3"
    assert canonical_stcs("circle  1.00 2 3") == "Circle ICRS 1 2 3"
    with pytest.raises(RegionError):
        canonical_stcs("nonsense")


def real_regions(folder: Path) -> list[str]:
    """Footprints of the archive's rows that are whole (one table at hand is cut for display)."""
    tables = [Table.read(folder / "obscore/alma_obscore_select_star.ecsv.gz", format="ascii.ecsv")]
    tables += [
        Table.read(path, format="ascii.csv")
        for path in sorted((folder / "obscore").glob("*.csv.gz"))
        if b"s_region" in gzip.decompress(path.read_bytes()).split(b"\n", 1)[0]
    ]
    texts = {str(text) for table in tables for text in table["s_region"] if text}
    return sorted(text for text in texts if " " in text and "..." not in text)


@pytest.mark.data
def test_every_real_footprint_reads(real_data: Path) -> None:
    """# ALMA-110..113 on the archive's own rows."""
    texts = real_regions(real_data)
    assert len(texts) > 100
    caps = caps_of(pa.array(texts))
    for text, ok in zip(texts, caps["ok"]):
        region = parse_region(text)
        assert ok
        assert parse_region(region.to_stcs()) == region
        assert region.area() > 0.0
