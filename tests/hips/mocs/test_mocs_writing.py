"""Maps as files: every form holds the same cells and the same order, by the standard and by other readers."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta, timezone

import mocpy
import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st
from moc_judge import Joint, Space, judge_ascii, judge_fits, judge_json
from read_back import read_space_map

from hips.mocs.axes import FREQUENCY, SPACE, TIME, Axis
from hips.mocs.maps import JointMap, SpaceMap
from hips.mocs.sweeping import Rectangles, joined_map
from hips.mocs.writing import Form, Label, write_map
from vo_service import __version__

LABEL = Label(
    "HOLDINGS", "ivo://some.archive/obs", "ivo://some.archive", datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
)


@st.composite
def space_maps(draw: st.DrawFn) -> SpaceMap:
    order = draw(st.integers(0, 29))
    random = np.random.default_rng(draw(st.integers(0, 2**31)))
    count = draw(st.integers(0, 30))
    deeper = np.minimum(order, random.integers(0, 30, count))
    shift = 2 * (29 - deeper)
    starts = random.integers(0, 12 * 4**deeper) << shift
    return SpaceMap.of_ranges(order, starts, starts + (1 << shift))


@st.composite
def joint_maps(draw: st.DrawFn) -> JointMap:
    axis = draw(st.sampled_from([TIME, FREQUENCY]))
    outer_order, space_order = draw(st.integers(3, axis.deepest)), draw(st.integers(0, 29))
    random = np.random.default_rng(draw(st.integers(0, 2**31)))
    count = draw(st.integers(0, 8))
    outer, space = axis.shift(outer_order), SPACE.shift(space_order)
    lows = random.integers(0, 12, count) << outer
    starts = random.integers(0, min(12 * 4**space_order - 3, 40), count) << space
    every = Rectangles(
        lows,
        lows + (random.integers(1, 5, count) << outer),
        starts,
        starts + (random.integers(1, 4, count) << space),
    )
    return joined_map(every, axis, outer_order, space_order)


def judged(one: SpaceMap | JointMap) -> list[Space | Joint]:
    judges = {Form.FITS: judge_fits, Form.ASCII: judge_ascii, Form.JSON: judge_json}
    return [judges[form](write_map(one, form, LABEL)) for form in Form]


@settings(max_examples=50)
@given(space_maps())
def test_forms_of_a_map_of_space_are_one(one: SpaceMap) -> None:
    """# CHK-M02 to CHK-M09"""
    wanted = Space(one.order, one.moc.ranges)
    assert judged(one) == [wanted] * 3


@settings(max_examples=50)
@given(joint_maps())
def test_forms_of_a_joint_map_are_one(one: JointMap) -> None:
    """# CHK-M02 to CHK-M09; MOC-052"""
    found = judged(one)
    assert found[0] == found[1] == found[2]
    assert isinstance(found[0], Joint)
    assert (found[0].letter, found[0].orders) == (one.axis.letter, one.orders)
    words = [end for outer, space in found[0].sets for pair in (*outer, *space) for end in pair]
    assert words == (one.words & np.int64(2**63 - 1)).tolist()


@settings(max_examples=50)
@given(space_maps())
def test_the_library_reads_each_form_of_space(one: SpaceMap) -> None:
    """# CHK-M10"""
    found = [
        mocpy.MOC._from_fits_raw_bytes(write_map(one, Form.FITS, LABEL)),
        mocpy.MOC.from_string(write_map(one, Form.ASCII, LABEL).decode()),
        mocpy.MOC.from_json(json.loads(write_map(one, Form.JSON, LABEL))),
    ]
    assert found[0] == found[1] == found[2]
    assert np.array_equal(found[0].to_depth29_ranges.astype(np.int64).reshape(-1, 2), one.moc.pairs)
    assert found[0].max_order == one.order
    assert found[0].sky_fraction == pytest.approx(one.sky_fraction, rel=1e-12)


@settings(max_examples=50)
@given(joint_maps())
def test_the_library_reads_each_form_of_joint_maps(one: JointMap) -> None:
    """# CHK-M10; the library says each set's own order, so its maps are compared by their sets"""
    kind = mocpy.STMOC if one.axis is TIME else mocpy.SFMOC
    found = [
        kind._from_fits_raw_bytes(write_map(one, Form.FITS, LABEL)),
        kind.from_string(write_map(one, Form.ASCII, LABEL).decode()),
        kind.from_json(json.loads(write_map(one, Form.JSON, LABEL))),
    ]
    for each in found:
        words = each.serialize("fits")[1].data
        words = np.empty(0, np.int64) if words is None else words.field(0).astype(np.int64)
        assert np.array_equal(words, one.words)
        assert tuple(each.max_order) == one.orders


@settings(max_examples=50)
@given(space_maps())
def test_we_read_what_we_write(one: SpaceMap) -> None:
    for form in Form:
        found = read_space_map(write_map(one, form, LABEL))
        assert found == one.moc


AROUND = np.array([1 << 58], dtype=np.int64)
JOINT = [
    joined_map(Rectangles(AROUND, AROUND * 2, AROUND, AROUND + (1 << 40)), axis, 20, 9)
    for axis in (FREQUENCY,)
    for AROUND in (np.array([1 << 40], dtype=np.int64),)
] + [joined_map(Rectangles(AROUND, AROUND * 2, AROUND, AROUND * 2), TIME, 31, 12)]


def header_of(one: SpaceMap | JointMap, label: Label = LABEL) -> fits.Header:
    with fits.open(io.BytesIO(write_map(one, Form.FITS, label))) as hdus:
        header: fits.Header = hdus[1].header
    return header


@pytest.mark.parametrize(
    ("one", "axis"), [(JOINT[1], TIME), (JOINT[0], FREQUENCY)], ids=["time", "frequency"]
)
def test_headers_say_what_was_done(one: JointMap, axis: Axis) -> None:
    """# MOC-009, MOC-051, MPY-02"""
    header = header_of(one)
    assert header["MOCTOOL"] == f"vo-service {__version__}"
    assert (header["MOCID"], header["ORIGIN"]) == ("ivo://some.archive/obs", "ivo://some.archive")
    assert (header["EXTNAME"], header["DATE"], header["MOCTYPE"]) == (
        "HOLDINGS",
        "2026-03-04T05:06:07",
        "IMAGE",
    )
    history = " ".join(header["HISTORY"])
    assert ("520 s" in history and "light" in history) if axis is TIME else "xperimental" in history
    assert header["TTYPE1"] and header["TFORM1"] in ("K", "1K")  # MOC-054


def test_headers_of_space() -> None:
    header = header_of(SpaceMap.of_ranges(5, *(np.array([each << 50]) for each in (3, 4))))
    assert header["TTYPE1"] == "UNIQ" and header["MOCORDER"] == header["MOCORD_S"] == 5  # MOC-041, MOC-043
    assert "HISTORY" not in header
    plain = header_of(
        SpaceMap.of_ranges(5, *(np.array([each << 50]) for each in (3, 4))),
        Label("X", None, None, LABEL.made),
    )
    assert "MOCID" not in plain and "ORIGIN" not in plain


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("PROJECT 2019.Ä.1", "PROJECT 2019.A.1"),
        ("PROJECT a\nb\tc", "PROJECT a?b?c"),
        ("PROJECT 星\x7f\udcff", "PROJECT ???"),
        ("PROJECT " + "é'" * 60, "PROJECT " + "e'" * 60),
    ],
    ids=["letter", "line", "others", "long"],
)
def test_names_that_no_header_can_hold(name: str, told: str) -> None:
    """# FITS 4.0, 4.2.1.1: printable ASCII; whatever an archive calls its projects"""
    one = SpaceMap.of_ranges(5, *(np.array([each << 50]) for each in (3, 4)))
    header = header_of(one, Label(name, name, name, LABEL.made))
    assert (header["EXTNAME"], header["MOCID"], header["ORIGIN"]) == (told, told, told)


def test_the_same_map_has_the_same_bytes() -> None:
    """ETags rest on it; the zone of a date does not matter."""
    one = JOINT[0]
    elsewhere = LABEL.made.astimezone(timezone(timedelta(hours=5)))
    again = Label(LABEL.name, LABEL.covered, LABEL.publisher, elsewhere)
    assert write_map(one, Form.FITS, LABEL) == write_map(one, Form.FITS, again)


def test_examples_of_the_standard() -> None:
    """# MOC-029, MOC-041, MOC-060, MOC-061, MOC-066"""
    all_sky = SpaceMap.of_ranges(29, np.array([0]), np.array([12 * 4**29]))
    assert write_map(all_sky, Form.ASCII, LABEL) == b"0/0-11 29/\n"
    cells = "1/1 2 4 2/12-14 21 23 25 8/"
    one = SpaceMap(8, read_space_map(cells.encode()))
    assert write_map(one, Form.ASCII, LABEL).decode() == "1/1-2 4 2/12-14 21 23 25 8/\n"
    assert json.loads(write_map(one, Form.JSON, LABEL)) == {
        "1": [1, 2, 4],
        "2": [12, 13, 14, 21, 23, 25],
        "8": [],
    }
    numbers = fits.getdata(io.BytesIO(write_map(one, Form.FITS, LABEL))).field(0)
    assert numbers.tolist() == [17, 18, 20, 76, 77, 78, 85, 87, 89]


@pytest.mark.parametrize("order", [0, 8, 29])
def test_a_map_of_nothing_keeps_its_order(order: int) -> None:
    """# MOC-028"""
    none = SpaceMap.of_ranges(order, np.empty(0, np.int64), np.empty(0, np.int64))
    assert write_map(none, Form.ASCII, LABEL) == f"{order}/\n".encode()
    assert json.loads(write_map(none, Form.JSON, LABEL)) == {str(order): []}
    assert header_of(none)["NAXIS2"] == 0
    assert judged(none) == [Space(order, ())] * 3
