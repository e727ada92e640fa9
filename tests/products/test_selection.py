"""What is wanted of an image as a box of its pixels: each constraint on its own axis, whatever the order."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from product_files import write_product

from vo_service.dali.errors import ServiceError
from vo_service.holdings.image_view import ImageView, view_image
from vo_service.pixels import read_fits
from vo_service.products.selection import Constraints, NoOverlap, RowFacts, select
from vo_service.sky import Circle, Range
from vo_service.spectral import C, Frame

LON, LAT, STEP = 204.25, -29.87, 1e-4
FIRST, WIDTH = 2.3e11, 1e6  # middle of the first channel
FACTS = RowFacts(Circle(LON, LAT, 0.01), (C / 2.31e11, C / 2.30e11), (58000.0, 58000.5), ("I",))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("selection") / "a.fits"


def view_of(place: Path, shape: tuple[int, ...] = (4, 10, 64, 64), **cards: object) -> ImageView:
    found = write_product(place, shape, **({"SPECSYS": "BARYCENT", "RADESYS": "ICRS"} | cards))
    return view_image(found, read_fits(place))


@pytest.fixture(scope="module")
def cube(place: Path) -> ImageView:
    return view_of(place)


def spans(view: ImageView, **wanted: object) -> tuple[tuple[int, int], ...]:
    return select(view, FACTS, Constraints(**wanted)).spans  # type: ignore[arg-type]


def channel(number: float) -> float:
    """Frequency at a channel, from 1."""
    return FIRST + (number - 1.0) * WIDTH


def test_nothing_wanted_is_everything(cube: ImageView) -> None:
    # SODA-017
    assert spans(cube) == ((0, 64), (0, 64), (0, 10), (0, 4))


def test_each_constraint_acts_on_its_axis(cube: ImageView) -> None:
    # SODA-016, SODA-040: pixel 33 is the centre of the circle, and pixels count from 0 in a box
    circle = Circle(LON, LAT, 2.2 * STEP)
    assert spans(cube, shape=circle) == ((30, 35), (30, 35), (0, 10), (0, 4))
    assert spans(cube, frequencies=(channel(3.6), channel(5.4)))[2] == (3, 5)
    assert spans(cube, channels=(4, 5))[2] == (3, 5)
    assert spans(cube, pixels=((31, 35), (1, 1)))[:2] == ((30, 35), (0, 1))
    assert spans(cube, polarisations=("V", "U"))[3] == (2, 4)
    together = spans(cube, shape=circle, channels=(4, 5), polarisations=("I",), time=(58000.2, 58000.2))
    assert together == ((30, 35), (30, 35), (3, 5), (0, 1))


def test_what_reaches_beyond_is_left_out(cube: ImageView) -> None:
    # SODA-016
    assert spans(cube, frequencies=(0.0, math.inf))[2] == (0, 10)
    assert spans(cube, frequencies=(channel(9.0), math.inf))[2] == (8, 10)
    assert spans(cube, channels=(-5, 3))[2] == (0, 3)
    assert spans(cube, pixels=((60, 600), (-3, 2)))[:2] == ((59, 64), (0, 2))
    assert spans(cube, shape=Range(LON - 1, LON, LAT - 1, LAT + 1))[:2] == ((32, 64), (0, 64))


def test_one_frequency_is_one_channel(cube: ImageView) -> None:
    # SODA-024, SODA-025
    for number in (1.0, 4.3, 9.8):
        frequency = channel(number)
        assert spans(cube, frequencies=(frequency, frequency))[2] == (round(number) - 1, round(number))


def test_channels_that_run_down_are_found_too(place: Path) -> None:
    view = view_of(place, CDELT3=-WIDTH)
    low, high = FIRST - 4.4 * WIDTH, FIRST - 2.6 * WIDTH
    assert spans(view, frequencies=(low, high))[2] == (3, 5)


def test_axes_in_another_order(place: Path) -> None:
    moved = {"CTYPE1": "FREQ", "CRVAL1": FIRST, "CRPIX1": 1.0, "CDELT1": WIDTH, "CUNIT1": "Hz",
             "CTYPE2": "DEC--SIN", "CRVAL2": LAT, "CTYPE3": "RA---SIN", "CRVAL3": LON, "CRPIX3": 33.0,
             "CDELT3": -STEP, "CUNIT3": "deg"}  # fmt: skip
    view = view_of(place, (1, 64, 64, 10), **moved)
    box = spans(view, shape=Circle(LON + 10 * STEP / math.cos(math.radians(LAT)), LAT, 0.2 * STEP))
    assert box == ((0, 10), (32, 33), (22, 23), (0, 1))
    assert spans(view, channels=(2, 3), pixels=((1, 2), (5, 9)))[:3] == ((1, 3), (0, 2), (4, 9))


def test_frequencies_of_another_frame(place: Path) -> None:
    # SODA-024: the channel as it is told in another frame
    view = view_of(place, SPECSYS="LSRK", CDELT3=1e5)
    assert view.spectral is not None
    own = FIRST + 3 * 1e5
    barycentric = own / float(view.spectral.own(np.array([own]))[0] / own)
    assert abs(barycentric - own) > 7e5, "the frames differ by some channels here"
    assert spans(view, frequencies=(barycentric, barycentric))[2] == (3, 4)
    assert spans(view, frequencies=(own, own), frame=Frame.LSRK)[2] == (3, 4)


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ({"shape": Circle(10.0, 10.0, 1.0)}, "no pixel in the region"),
        ({"frequencies": (1e9, 2e9)}, "no channel in the band"),
        ({"channels": (11, 20)}, "10 channels, none of 11 to 20"),
        ({"pixels": ((65, 70), (1, 2))}, "64 pixels, none of 65 to 70"),
        ({"polarisations": ("XX",)}, "has I Q U V alone"),
        ({"time": (58001.0, 58002.0)}, "at another time"),
    ],
    ids=str,
)
def test_where_nothing_is_left_it_says_why(cube: ImageView, wanted: dict[str, object], why: str) -> None:
    # SODA-028, SODA-050
    with pytest.raises(NoOverlap, match=why):
        spans(cube, **wanted)


def test_the_row_decides_for_axes_that_the_image_lacks(place: Path) -> None:
    # SODA-030
    view = view_of(place, CTYPE1="LINEAR", CTYPE2="LINEAR", CTYPE3="", CTYPE4="")
    whole = ((0, 64), (0, 64), (0, 10), (0, 4))
    inside = {"shape": Circle(LON, LAT, 1e-3), "frequencies": (2.305e11, 2.4e11), "polarisations": ("I", "Q")}
    for name, value in inside.items():
        assert spans(view, **{name: value}) == whole
        with pytest.raises(NoOverlap, match="not known"):
            select(view, RowFacts(), Constraints(**{name: value}))  # type: ignore[arg-type]
    for name, value in {
        "shape": Circle(10.0, 10.0, 1.0), "frequencies": (2.32e11, 2.4e11), "polarisations": ("V",)
    }.items():  # fmt: skip
        with pytest.raises(NoOverlap):
            spans(view, **{name: value})
    assert spans(view, pixels=((1, 5), (2, 3)))[:2] == ((0, 5), (1, 3))


def test_times_that_are_not_known_overlap_none(cube: ImageView) -> None:
    with pytest.raises(NoOverlap, match="not known"):
        select(cube, replace(FACTS, times=None), Constraints(time=(0.0, 1e5)))


@pytest.mark.parametrize(
    ("cards", "wanted", "why"),
    [
        ({"CTYPE3": ""}, {"channels": (1, 2)}, "spectral axis"),
        ({"CTYPE3": ""}, {"frequencies": (1e9, 1e12), "frame": Frame.LSRK}, "spectral axis"),
        ({"SPECSYS": None}, {"frequencies": (1e9, 1e12), "frame": Frame.LSRK}, "cannot be had in LSRK"),
    ],
    ids=str,
)
def test_what_needs_an_axis_or_a_frame_is_refused_without(
    place: Path, cards: dict[str, object], wanted: dict[str, object], why: str
) -> None:
    with pytest.raises(ServiceError, match=why) as refused:
        spans(view_of(place, **cards), **wanted)
    assert refused.value.status == 400
