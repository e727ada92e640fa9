"""Cuts of any image with any constraint, from a file that astropy wrote to the bytes of the result, with
astropy's world coordinates as the judge: which pixels a shape and an interval want, what stays of the header,
and where the pixels lie."""

from __future__ import annotations

import gzip
import io
import math
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from box_oracle import CLOSE, check_box
from cut_files import check_pixels, check_world, cut_at, image_hdu, made_at, stored_pixels, view_at
from drawn_shapes import Shape, Sky, circle, lon_lat_range, position_of, star
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from product_files import write_product
from random_images import Drawn, Stored, images, ways_to_store, write_image

from vo_service.holdings.image_view import view_image
from vo_service.pixels import read_fits
from vo_service.pixels.cutout.box import Box
from vo_service.products.selection import Constraints, NoOverlap, RowFacts, select

Doubles = NDArray[np.float64]
Span = tuple[int, int]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cuts") / "image.fits"


@st.composite
def shapes(draw: st.DrawFn, image: Drawn, sky: Sky) -> Shape:
    """A shape in the image or near it, from a point to larger than the image."""
    nx, ny = (image.lengths[axis] for axis in sorted((image.axis("lon"), image.axis("lat"))))
    x, y = draw(st.floats(-2.0, nx + 3.0)), draw(st.floats(-2.0, ny + 3.0))
    centre = sky.vectors(np.array([x]), np.array([y]))[0]
    assume(np.isfinite(centre).all())
    lon, lat = (float(value) for value in position_of(centre))
    kind = draw(st.sampled_from(["circle", "star", "range", "ring"]))
    reach = st.floats(0.0, 12.0).map(lambda pixels: pixels * image.scale)
    if kind == "circle":
        return circle((lon, lat), draw(reach))
    if kind == "star":
        angles = sorted(draw(st.lists(st.integers(0, 71), min_size=3, max_size=7, unique=True)))
        gaps = np.diff([*angles, angles[0] + 72])
        assume(gaps.max() < 34)
        return star((lon, lat), [(5.0 * angle, 0.1 * image.scale + draw(reach)) for angle in angles])
    south, north = max(-90.0, lat - draw(reach)), min(90.0, lat + draw(reach))
    if kind == "ring":
        return lon_lat_range(0.0, 360.0, south, north)
    half = min(170.0, (1e-3 * image.scale + draw(reach)) / max(math.cos(math.radians(lat)), 1e-3))
    return lon_lat_range(lon - half, lon + half, south, north)


@given(data=st.data())
def test_the_box_of_a_shape(place: Path, data: st.DataObject) -> None:
    # SODA-016, SODA-018, SODA-040, SODA-046
    check_a_shape(place, data)


@pytest.mark.soak
@settings(max_examples=4000, derandomize=False)
@given(data=st.data())
def test_the_boxes_of_many_shapes(place: Path, data: st.DataObject) -> None:
    check_a_shape(place, data)


def check_a_shape(place: Path, data: st.DataObject) -> None:
    image = data.draw(images())
    write_image(place, image)
    sky = Sky(image.header)
    shape = data.draw(shapes(image, sky))
    view = view_at(place)
    assume(view.sky is not None)  # of which the middle or most of the border is nowhere
    try:
        box: Box | None = select(view, RowFacts(), Constraints(shape=shape.region))
    except NoOverlap:
        box = None
    first, second = sorted((image.axis("lon"), image.axis("lat")))
    size = image.lengths[first], image.lengths[second]
    check_box(sky, size, None if box is None else (box.spans[first], box.spans[second]), shape)
    for axis, span in enumerate(box.spans if box is not None else ()):
        assert axis in (first, second) or span == (0, image.lengths[axis])


WIDE = {"CDELT1": -0.5, "CDELT2": 0.5, "CRPIX1": 32.5, "CRPIX2": 32.5}
B1950 = {"RADESYS": "FK4", "EQUINOX": 1950.0}


@pytest.mark.parametrize(
    ("cards", "shape"),
    [
        ({}, circle((204.25 + 3.6e-3, -29.87), 1e-3)),
        ({}, circle((204.25, -29.87), 0.0)),
        (WIDE | {"CRVAL1": 0.0}, lon_lat_range(-5.2, 3.7, -31.2, -28.8)),
        (WIDE | {"CRVAL1": 359.9}, star((1.0, -30.0), [(20.0, 4.0), (100.0, 9.0), (250.0, 6.5)])),
        (WIDE | {"CRVAL2": 90.0}, lon_lat_range(350.0, 370.0, 84.0, 90.0)),
        (WIDE | {"CRVAL2": 90.0}, lon_lat_range(0.0, 360.0, 86.5, 87.0)),
        (WIDE | {"CRVAL2": -90.0}, star((80.0, -88.0), [(0.0, 5.0), (120.0, 7.0), (240.0, 9.0)])),
        (WIDE | {"CRVAL2": -89.0}, circle((10.0, -89.5), 3.3)),
        (B1950, lon_lat_range(204.9538654505, 204.9604560001, -30.12179024119, -30.12179024119)),
        (B1950, star((204.958, -30.1228), [(10.0, 2e-3), (12.0, 2e-3), (190.0, 1e-3)])),
        (B1950, lon_lat_range(204.9604560001, 204.9604560001, -30.1251142401, -30.1217902411)),
    ],
    ids=[
        "half outside", "a point", "RANGE over 0", "POLYGON over 0", "RANGE to the pole",
        "ring round the pole", "POLYGON round the pole", "circle round the pole", "parallel, B1950",
        "thin POLYGON, B1950", "meridian, B1950",
    ],
)  # fmt: skip
def test_shapes_that_are_easily_mistaken(place: Path, cards: dict[str, object], shape: Shape) -> None:
    # SODA-016, SODA-018, SODA-046; frames with elliptic aberration have a way back like the others
    projection = {"CTYPE1": "RA---ARC", "CTYPE2": "DEC--ARC"}
    found = write_product(place, (1, 10, 64, 64), **projection, **({"RADESYS": "ICRS"} | cards))
    with fits.open(place) as hdus:
        sky = Sky(hdus[0].header)
    box = select(view_image(found, read_fits(place)), RowFacts(), Constraints(shape=shape.region))
    check_box(sky, (64, 64), (box.spans[0], box.spans[1]), shape)
    assert box.shape[:2] != (64, 64) and box.spans[2:] == ((0, 10), (0, 1))


@st.composite
def wishes(draw: st.DrawFn, image: Drawn) -> tuple[Constraints, dict[int, tuple[Span, Span]]]:
    """Constraints on axes other than the sky's, or on its pixels, and for each axis what surely and what at
    most is to be kept, counted from 0 and empty where that is nothing."""
    wanted: dict[str, object] = {}
    spans: dict[int, tuple[Span, Span]] = {}
    if draw(st.booleans()):
        axes = sorted((image.axis("lon"), image.axis("lat")))
        pixels = [sorted(draw(st.tuples(*[st.integers(-1, image.lengths[axis] + 2)] * 2))) for axis in axes]
        wanted["pixels"] = tuple((low, high) for low, high in pixels)
        spans |= {axis: twice(low - 1, high, image.lengths[axis]) for axis, (low, high) in zip(axes, pixels)}
    if "channel" in image.names:
        axis, count = image.axis("channel"), image.length("channel")
        kind = draw(st.sampled_from(["none", "numbers", "band", "value", "all"]))
        if kind == "numbers":
            low, high = sorted(draw(st.tuples(*[st.integers(-1, count + 2)] * 2)))
            wanted["channels"], spans[axis] = (low, high), twice(low - 1, high, count)
        elif kind == "all":
            wanted["frequencies"], spans[axis] = (0.0, math.inf), twice(0, count, count)
        elif kind != "none":
            places = sorted(draw(st.tuples(*[st.floats(-1.0, count + 1.0)] * 2)))
            places = [places[0]] * 2 if kind == "value" else places
            edges = np.concatenate([2 * image.edges[:1] - image.edges[1:2], image.edges])
            edges = np.concatenate([edges, 2 * image.edges[-1:] - image.edges[-2:-1]])
            ends = np.interp(places, np.arange(-1.0, count + 2.0), edges)
            wanted["frequencies"] = (float(ends.min()), float(ends.max()))
            spans[axis] = channels_between(places[0], places[1], count)
    if image.labels and draw(st.booleans()):
        labels = draw(st.lists(st.sampled_from([*image.labels, "V"]), min_size=1, unique=True))
        there = [place for place, label in enumerate(image.labels) if label in labels]
        wanted["polarisations"] = tuple(labels)
        spans[image.axis("stokes")] = ((there[0], there[-1] + 1),) * 2 if there else ((0, 0),) * 2
    return Constraints(**wanted), spans  # type: ignore[arg-type]


def twice(start: int, stop: int, length: int) -> tuple[Span, Span]:
    return ((max(start, 0), min(stop, length)),) * 2


def channels_between(low: float, high: float, count: int) -> tuple[Span, Span]:
    """Channels that an interval of places (0 is where the first begins) surely touches, and perhaps."""
    found = []
    for more in (-CLOSE, CLOSE):
        start, stop = math.floor(low - more), math.ceil(high + more)
        if low == high and more < 0.0:  # one channel, whichever of two that meet there
            start, stop = (math.floor(low), math.floor(low) + 1) if 1e-3 < low % 1.0 < 0.999 else (0, 0)
        found.append((max(start, 0), min(stop, count)))
    return found[0], found[1]


@given(data=st.data(), stored=ways_to_store())
def test_a_cut_is_the_part_of_its_source(place: Path, data: st.DataObject, stored: Stored) -> None:
    # SODA-016, SODA-025, SODA-028, SODA-040, SODA-041, SODA-042, SODA-043, SODA-044
    check_a_cut(place, data, stored)


@pytest.mark.soak
@settings(max_examples=4000, derandomize=False)
@given(data=st.data(), stored=ways_to_store())
def test_many_cuts_are_parts_of_their_sources(place: Path, data: st.DataObject, stored: Stored) -> None:
    check_a_cut(place, data, stored)


def check_a_cut(place: Path, data: st.DataObject, stored: Stored) -> None:
    image = data.draw(images())
    write_image(place, image, stored)
    wanted, spans = data.draw(wishes(image))
    view = view_at(place)
    assume(view.product.error_kind is None)  # a sky that cannot be used: nothing else is known then
    try:
        box = select(view, RowFacts(), wanted)
    except NoOverlap:
        assert any(surely[0] >= surely[1] for surely, _ in spans.values())
        return
    for axis, (start, stop) in enumerate(box.spans):
        surely, perhaps = spans.get(axis, ((0, image.lengths[axis]),) * 2)
        assert perhaps[0] <= start < stop <= perhaps[1]
        assert surely[0] >= surely[1] or (start <= surely[0] and surely[1] <= stop)
    before, after = place.read_bytes(), cut_at(place, box)
    check_pixels(before, after, box)
    with fits.open(io.BytesIO(before)) as old, fits.open(io.BytesIO(after)) as new:
        check_world(image_hdu(old).header, image_hdu(new).header, box)
        if "CRPIX1A" in image.header:
            check_world(image_hdu(old).header, image_hdu(new).header, box, "A")
        if image.beams is not None:
            check_beams(image, box, old["BEAMS"], new["BEAMS"])
    assert cut_at(place, box) == after  # SODA-045


@settings(max_examples=40)
@given(data=st.data(), stored=ways_to_store())
def test_packed_sources_give_what_the_plain_one_gives(
    place: Path, data: st.DataObject, stored: Stored
) -> None:
    # the bytes of a gzip file once it is unpacked; of tiles the numbers that astropy unpacks
    image = data.draw(images())
    write_image(place, image, stored)
    wanted, _ = data.draw(wishes(image))
    view = view_at(place)
    assume(view.product.error_kind is None)
    try:
        box = select(view, RowFacts(), wanted)
    except NoOverlap:
        return
    before, packed = place.read_bytes(), place.with_name("packed.fits")
    packed.write_bytes(gzip.compress(before, 1))
    after = made_at(packed, wanted)
    check_pixels(before, after, box)
    if stored.bitpix != 64 and math.prod(image.lengths) >= 4:  # of others astropy makes no tiles
        write_tiles(place, packed)
        assert pixels_of(made_at(packed, wanted)) == pixels_of(after)


def write_tiles(source: Path, path: Path) -> None:
    """The same image in tiles without a loss, and what stands behind it."""
    with fits.open(source, do_not_scale_image_data=True) as plain:
        image = image_hdu(plain)
        tiles = fits.CompImageHDU(image.data, image.header, compression_type="GZIP_1", quantize_level=0.0)
        behind = [hdu for hdu in plain if isinstance(hdu, fits.BinTableHDU)]
        fits.HDUList([fits.PrimaryHDU(), tiles, *behind]).writeto(
            path, overwrite=True, output_verify="ignore"
        )


def pixels_of(content: bytes) -> bytes:
    """The pixels of a file as they are stored."""
    with fits.open(io.BytesIO(content), do_not_scale_image_data=True) as hdus:
        return stored_pixels(content, image_hdu(hdus)).tobytes()


def check_beams(image: Drawn, box: Box, old: fits.BinTableHDU, new: fits.BinTableHDU) -> None:
    """The rows of the planes that are kept, in the order of the source, each with the number that its plane
    has now."""
    first, stop = box.spans[image.axis("channel")]
    begin, end = box.spans[image.axis("stokes")] if "stokes" in image.names else (0, 1)
    before, after = Table(old.data), Table(new.data)
    kept = before[
        (before["CHAN"] >= first) & (before["CHAN"] < stop) & (before["POL"] >= begin) & (before["POL"] < end)
    ]
    assert len(after) == len(kept) == (stop - first) * (end - begin)
    for name in ("BMAJ", "BMIN", "BPA"):
        assert after[name].tolist() == kept[name].tolist()
    assert after["CHAN"].tolist() == (kept["CHAN"] - first).tolist()
    assert after["POL"].tolist() == (kept["POL"] - begin).tolist()
    assert (new.header["NCHAN"], new.header["NPOL"]) == (stop - first, end - begin)
