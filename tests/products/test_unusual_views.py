"""Images of which one thing cannot be used, or is out of the ordinary: the rest serves as before, and what is
told is the true reason."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from box_oracle import check_box, touched_in
from cut_files import check_pixels, check_world, cut_at, image_hdu, view_at, wcs_of
from drawn_shapes import Shape, Sky, circle, lon_lat_range, star
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from product_files import header_of, product_at, write_product

from vo_service.dali.errors import ServiceError
from vo_service.holdings.describe import describe_product, run_each_step, run_steps
from vo_service.pixels.cutout.box import Box
from vo_service.products.selection import Constraints, LineWindow, NoOverlap, RowFacts, select
from vo_service.sky import Circle
from vo_service.spectral import C, Frame

FIRST, WIDTH = 2.3e11, 1e6
FACTS = RowFacts(Circle(204.25, -29.87, 1.0), (C / 2.31e11, C / 2.29e11))
BAND = (FIRST + 3.7 * WIDTH, FIRST + 5.2 * WIDTH)
"""From within the fifth channel into the sixth."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("views") / "a.fits"


def whole_sky(projection: str, columns: int, rows: int, step: float, shift: float = 0.0) -> dict[str, object]:
    return {
        "CTYPE1": f"RA---{projection}", "CRVAL1": 0.0, "CRPIX1": (columns + 1) / 2, "CDELT1": -step,
        "CTYPE2": f"DEC--{projection}", "CRVAL2": 0.0, "CRPIX2": (rows + 1) / 2, "CDELT2": step,
        "SPECSYS": "BARYCENT", "RADESYS": "ICRS",
    }  # fmt: skip


MAPS = [
    ("CAR", 72, 36, 5.0), ("CAR", 72, 24, 5.0), ("CAR", 80, 40, 5.0), ("AIT", 72, 36, 4.5),
    ("MOL", 72, 36, 4.5), ("CEA", 72, 36, 5.0), ("TSC", 64, 48, 6.0), ("CAR", 720, 361, 0.5),
]  # fmt: skip
RIMS = [("HPX", 72, 36, 5.0), ("HPX", 72, 24, 5.0), ("SFL", 72, 36, 5.0), ("ZEA", 60, 60, 4.0)]
SHAPES = {
    "circle": circle((10.0, 20.0), 6.0),
    "point": circle((312.3, -48.1), 0.0),
    "circle over the rim": circle((180.0, -20.0), 7.0),
    "circle round the pole": circle((70.0, 88.0), 9.0),
    "polygon": star((100.0, 30.0), [(20.0, 14.0), (100.0, 9.0), (170.0, 21.0), (250.0, 16.5)]),
    "range over the rim": lon_lat_range(165.2, 191.0, 12.0, 31.5),
    "range to the pole": lon_lat_range(20.0, 70.0, -90.0, -71.3),
}


@pytest.mark.parametrize(("projection", "columns", "rows", "step"), MAPS)
def test_cuts_of_all_the_sky(place: Path, projection: str, columns: int, rows: int, step: float) -> None:
    # SODA-016, SODA-018, SODA-040: the rows have no outline of such an image, its pixels have places
    header = write_whole_sky(place, projection, columns, rows, step)
    for shape in SHAPES.values():
        box = box_of_shape(place, shape)
        spans = None if box is None else (box.spans[0], box.spans[1])
        check_box(Sky(header), (columns, rows), spans, shape)
        if box is not None:
            before, after = place.read_bytes(), cut_at(place, box)
            check_pixels(before, after, box)
            with fits.open(io.BytesIO(after)) as new:
                check_world(header, image_hdu(new).header, box)


@pytest.mark.parametrize(("projection", "columns", "rows", "step"), RIMS)
def test_cuts_at_the_rim_of_all_the_sky(
    place: Path, projection: str, columns: int, rows: int, step: float
) -> None:
    # SODA-040: of the rim itself there may be more than what is wanted, of what is wanted nothing is missing
    header = write_whole_sky(place, projection, columns, rows, step)
    for shape in SHAPES.values():
        box = box_of_shape(place, shape)
        low, high = touched_in(Sky(header), (columns, rows), shape)
        assert (box is not None) or np.isinf(low).all()
        for axis, (start, stop) in enumerate(box.spans[:2] if box is not None else ()):
            assert low[axis] >= start + 0.5 - 1e-6 and high[axis] <= stop + 0.5 + 1e-6


def write_whole_sky(place: Path, projection: str, columns: int, rows: int, step: float) -> fits.Header:
    """The header of a file of which the row has no sky, but its pixels have."""
    found = write_product(place, (1, 4, rows, columns), **whole_sky(projection, columns, rows, step))
    assert describe_product(found, place.parent).error_kind == "bad_wcs"
    view = view_at(place)
    assert view.sky is not None and view.sky_fault is None
    return fits.getheader(place)


def box_of_shape(place: Path, shape: Shape) -> Box | None:
    try:
        return select(view_at(place), RowFacts(), Constraints(shape=shape.region, channels=(2, 3)))
    except NoOverlap:
        return None


@pytest.mark.parametrize("projection", ["CAR", "AIT", "HPX"])
def test_an_image_of_all_the_sky_has_its_channels(place: Path, projection: str) -> None:
    # SODA-024: a band, and a line, by the frequencies that stand in the header
    write_product(place, (1, 10, 36, 72), **whole_sky(projection, 72, 36, 5.0))
    view = view_at(place)
    assert view.spectral is not None and view.spectral_fault is None
    with fits.open(place) as hdus:
        wcs = wcs_of(hdus[0].header).spectral
    assert view.spectral.edges == pytest.approx(wcs.all_pix2world(np.arange(0.5, 11.0), 1)[0], rel=1e-14)
    assert select(view, RowFacts(), Constraints(frequencies=BAND)).spans[2] == (4, 6)
    window = LineWindow(FIRST + 4 * WIDTH, 0.0, 0.5 * WIDTH / FIRST * C / 1e3)
    assert select(view, RowFacts(), Constraints(line=window)).spans[2] == (4, 5)


LOST: list[tuple[dict[str, object], str]] = [
    ({"CDELT1": 0.0}, "CDELT1 is zero"),
    ({"CRVAL2": 95.0}, "CRVAL2 = 95.0 is no latitude"),
    ({"CTYPE1": "RA---XYZ", "CTYPE2": "DEC--XYZ"}, "wcslib refuses RA---XYZ"),
    ({"CTYPE2": None}, "CTYPE2 is missing beside RA---SIN"),
    ({"CRPIX1": 1e9}, "lies off the sky projection"),
]


@pytest.mark.parametrize(("cards", "why"), LOST, ids=[why for _, why in LOST])
def test_without_a_sky_channels_are_as_they_are(place: Path, cards: dict[str, object], why: str) -> None:
    # SODA-028: what the row says stands for an axis that is not there, never for one that cannot be used
    found = write_product(place, SPECSYS="BARYCENT", **cards)
    row = describe_product(found, place.parent)
    assert row.error_kind == "bad_wcs" and why in (row.error_message or "") and row.spectral is None
    view = view_at(place)
    assert view.sky is None and view.product.error_message == row.error_message
    assert select(view, FACTS, Constraints(frequencies=BAND)).spans[2] == (4, 6)
    for facts in (FACTS, RowFacts()):
        with pytest.raises(ServiceError, match="cut by position") as refused:
            select(view, facts, Constraints(shape=Circle(204.25, -29.87, 1e-3)))
        assert why in str(refused.value) and refused.value.status == 400
    assert select(view, FACTS, Constraints(pixels=((3, 4), (5, 9)))).spans[:2] == ((2, 4), (4, 9))


def test_all_steps_are_taken_and_the_first_error_is_the_products() -> None:
    header = header_of(
        {"CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN", "CTYPE3": "FREQ", "CRVAL3": FIRST, "CRPIX3": 1.0,
         "CDELT3": WIDTH, "CUNIT3": "Hz", "REDSHIFT": 0.1}, (4, 4, 10)
    )  # fmt: skip
    one, (other, failures) = run_steps(product_at(), header), run_each_step(product_at(), header)
    assert (one.error_kind, one.error_message) == (other.error_kind, other.error_message)
    assert [failure.message for failure in failures.values()] == [one.error_message]
    assert one.spectral is None and other.spectral is not None and other.spectral.channels == 10


UNREAD: list[tuple[dict[str, object], str]] = [
    ({"CDELT3": 0.0}, "CDELT3 of FREQ is zero"),
    ({"CDELT3": None}, "CDELT3 is missing"),
    ({"CUNIT3": "Jy"}, "CUNIT3 = 'Jy' does not fit FREQ"),
    ({"CRVAL3": 1.0}, "no radio telescope|no sky frequencies"),
    ({"CTYPE3": "VRAD", "CUNIT3": "m/s", "CRVAL3": 0.0, "CDELT3": 1e3}, "needs a rest frequency"),
    ({"CTYPE3": "FREQ-TAB"}, "FREQ-TAB cannot be read"),
]


@pytest.mark.parametrize(("cards", "why"), UNREAD, ids=[why for _, why in UNREAD])
def test_channels_without_frequencies_are_not_what_the_row_says(
    place: Path, cards: dict[str, object], why: str
) -> None:
    # SODA-030: the row has one value for all channels, which is that of a single one alone
    write_product(place, SPECSYS="BARYCENT", **cards)
    view = view_at(place)
    assert view.spectral is None and view.sky is not None
    for wanted in (
        Constraints(frequencies=BAND),
        Constraints(frequencies=BAND, frame=Frame.LSRK),
        Constraints(line=LineWindow(FIRST, 0.0, 100.0)),
    ):
        with pytest.raises(ServiceError, match=why) as refused:
            select(view, FACTS, wanted)
        assert refused.value.status == 400
    assert select(view, FACTS, Constraints(channels=(2, 3))).spans[2] == (1, 3)


def test_of_one_channel_or_no_such_axis_the_row_decides(place: Path) -> None:
    # SODA-030
    for cards in ({"CDELT3": 0.0}, {"CTYPE3": "LINEAR"}):
        write_product(place, (1, 1, 8, 8), **cards)
        view = view_at(place)
        assert select(view, FACTS, Constraints(frequencies=BAND)).shape == (8, 8, 1, 1)
        with pytest.raises(NoOverlap, match="does not overlap"):
            select(view, FACTS, Constraints(frequencies=(1e9, 2e9)))


@settings(max_examples=40)
@given(data=st.data())
def test_channels_that_differ_from_pixel_to_pixel_are_not_cut_by_frequency(
    place: Path, data: st.DataObject
) -> None:
    # SODA-024: astropy says how many channels the frequency of one moves over the image
    axis = data.draw(st.sampled_from([1, 2, 4]))
    cards = {f"CRPIX{axis}": data.draw(st.sampled_from([1.0, 3.0, 20.0, -500.0]))}
    size = 10.0 ** data.draw(st.floats(-9.0, 1.0)) * data.draw(st.sampled_from([-1.0, 1.0]))
    kind = data.draw(st.sampled_from(["PC", "CD", "PC00"]))
    if kind == "CD":
        cards |= {"CD1_1": -1e-4, "CD2_2": 1e-4, "CD3_3": -WIDTH, "CD4_4": 1.0, f"CD3_{axis}": size * WIDTH}
    else:
        cards |= {"PC3_3": 0.5, f"PC3_{axis}" if kind == "PC" else f"PC00300{axis}": 0.5 * size}
    write_product(place, (1, 10, 16, 16), SPECSYS="BARYCENT", **cards)
    with fits.open(place) as hdus:
        header = hdus[0].header
        wcs, step = wcs_of(header).wcs, header.get("CD3_3", header["CDELT3"] * header.get("PC3_3", 1.0))
    corners = np.array([[x, y, 4.0, 1.0] for x in (1.0, 16.0) for y in (1.0, 16.0)])
    alone = header["CRVAL3"] + (4.0 - header["CRPIX3"]) * step
    moved = float(np.abs((wcs.p2s(corners, 1)["world"][:, 2] - alone) / step).max())
    assume(not 0.9e-3 < moved < 1.1e-3)
    view = view_at(place)
    assert (view.spectral is None) == (moved > 1e-3)
    assert view.sky is not None, "places do not depend on the channel"
    assert select(view, FACTS, Constraints(channels=(2, 3), pixels=((1, 4), (2, 2)))).shape == (4, 1, 2, 1)
    if moved > 1e-3:
        with pytest.raises(ServiceError, match=rf"makes FREQ change along axis {axis}") as refused:
            select(view, FACTS, Constraints(frequencies=BAND))
        assert refused.value.status == 400
    else:
        frequency = alone + 0.2 * step
        assert select(view, FACTS, Constraints(frequencies=(frequency, frequency))).spans[2] == (3, 4)


@settings(max_examples=40)
@given(data=st.data())
def test_places_that_differ_from_channel_to_channel_are_not_cut_by_position(
    place: Path, data: st.DataObject
) -> None:
    # SODA-018: astropy says how many pixels a place moves through the channels
    row, angle = data.draw(st.sampled_from([1, 2])), math.radians(data.draw(st.sampled_from([0.0, 50.0])))
    size = 10.0 ** data.draw(st.floats(-8.0, 1.0))
    scale = {1: -1e-4, 2: 1e-4}
    turn = {
        (1, 1): math.cos(angle),
        (1, 2): -math.sin(angle),
        (2, 1): math.sin(angle),
        (2, 2): math.cos(angle),
    }
    cards: dict[str, float] = {"CRPIX3": data.draw(st.sampled_from([1.0, 5.0, -300.0]))}
    if data.draw(st.booleans()):
        cards |= {f"CD{i}_{j}": scale[i] * value for (i, j), value in turn.items()}
        cards |= {"CD3_3": WIDTH, "CD4_4": 1.0, f"CD{row}_3": size * scale[row]}
    else:
        cards |= {f"PC{i}_{j}": value for (i, j), value in turn.items()} | {f"PC{row}_3": size}
    write_product(place, (1, 10, 16, 16), SPECSYS="BARYCENT", **cards)
    with fits.open(place) as hdus:
        full = wcs_of(hdus[0].header).wcs
        for matrix in ("CD", "PC"):
            hdus[0].header.remove(f"{matrix}{row}_3", ignore_missing=True)
        plane = wcs_of(hdus[0].header).celestial.wcs
    ends = np.array([[8.0, 8.0, channel, 1.0] for channel in (1.0, 10.0)])
    seen = plane.s2p(full.p2s(ends, 1)["world"][:, :2], 1)["pixcrd"]
    moved = float(np.abs(seen - 8.0).max())
    assume(not 0.9e-3 < moved < 1.1e-3)
    view = view_at(place)
    assert (view.sky is None) == (moved > 1e-3)
    assert select(view, RowFacts(), Constraints(channels=(2, 3), pixels=((1, 4), (2, 2)))).shape == (
        4,
        1,
        2,
        1,
    )
    if moved > 1e-3:
        with pytest.raises(ServiceError, match=rf"{row}_3 = .* along axis 3 \(FREQ\)") as refused:
            select(view, FACTS, Constraints(shape=Circle(204.25, -29.87, 1.0)))
        assert refused.value.status == 400
    third = FIRST + (3.0 - float(cards["CRPIX3"])) * WIDTH
    assert select(view, FACTS, Constraints(frequencies=(third, third))).spans[2] == (2, 3)


def test_a_coupling_that_cannot_be_read_is_no_coupling_of_zero(place: Path) -> None:
    write_product(place, PC3_1="much")
    view = view_at(place)
    with pytest.raises(ServiceError, match="PC3_1 is 'much', not a number"):
        select(view, FACTS, Constraints(frequencies=BAND))
    write_product(place, PC1_3="much")
    with pytest.raises(ServiceError, match="PC1_3 is 'much', not a number"):
        select(view_at(place), FACTS, Constraints(shape=Circle(204.25, -29.87, 1.0)))
