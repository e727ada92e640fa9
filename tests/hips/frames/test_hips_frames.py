"""Planes as trees in files: against numpy, and against the tiles that are made in full."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_fields import ARCSEC, OpenFile, header_of, plane_of

from hips.frames.making import HeldPlane, MaskPlane, make_frame, measured
from hips.frames.packed import MOST_PLANES, FrameWriter, NoFrame, read_index, read_tile
from hips.frames.trimmed import Trimmed, parent_of, trimmed
from hips.images.resample import resample
from hips.tiles import parents
from hips.tiles.grid import order_for
from hips.tiles.touched import touched_cells
from hips.trees.held import blocks_of

SIZE = (700, 500)


def plane(pixel: float = 2.0, place: tuple[float, float] = (204.25, -29.87)) -> OpenFile:
    """Numbers that are all different in a disc, none round it."""
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    values = np.random.default_rng(3).normal(5.0, 1.0, (SIZE[1], SIZE[0])).astype(np.float32)
    values[np.hypot(x - 344.0, y - 233.0) > 220.0] = np.nan
    sky = plane_of(header_of(*place, pixel * ARCSEC, SIZE, turned=20.0), SIZE)
    return OpenFile(sky, SIZE, values, None)


class Made:
    """A frame as it is kept."""

    def __init__(self, opened: OpenFile, pixel: float) -> None:
        self.order = order_for(pixel * ARCSEC)
        self.touched = touched_cells(opened.sky, opened.size, self.order)
        buffer = io.BytesIO()
        writer = FrameWriter(buffer.write)
        self.filled = make_frame(opened, self.order, self.touched, writer)
        writer.end(b"a note")
        self.content = buffer.getvalue()
        self.index = read_index(self.read_at, len(self.content))

    def read_at(self, offset: int, length: int) -> bytes:
        return self.content[offset : offset + length]

    def tile(self, order: int, cell: int) -> np.ndarray | None:
        entry = self.index.find(order, cell)
        return None if entry is None else read_tile(self.read_at, entry).whole()


@pytest.fixture(scope="module")
def made() -> Made:
    return Made(plane(), 2.0)


def test_the_deepest_tiles_are_resampled_values(made: Made) -> None:
    opened, seen = plane(), 0
    for cell in made.touched.tolist():
        part = resample(opened, made.order, cell)
        if part is None:
            assert made.tile(made.order, cell) is None
            continue
        seen += 1
        np.testing.assert_array_equal(made.tile(made.order, cell), part.values)
    assert seen == len(made.index.cells(made.order)) > 1


def test_tiles_above_are_means_of_those_below(made: Made) -> None:
    # HIPS-010, on whole tiles
    for order in range(made.order):
        cells = made.index.cells(order)
        assert cells == sorted({cell >> 2 for cell in made.index.cells(order + 1)})
        for cell in cells:
            children = {
                child: values
                for child in range(4)
                if (values := made.tile(order + 1, 4 * cell + child)) is not None
            }
            np.testing.assert_array_equal(made.tile(order, cell), parents.parent_of(children))


def test_what_is_filled_is_where_the_deepest_tiles_have_values(made: Made) -> None:
    truth = []
    for cell in made.index.cells(made.order):
        blocks = blocks_of(made.tile(made.order, cell))
        truth += [64 * cell + bit for bit in range(64) if blocks >> bit & 1]
    assert made.filled == truth and truth == sorted(truth)
    opened = plane()
    mask = MaskPlane(opened.sky, np.isfinite(opened.array))
    values = sum(4 * int(entry["rows"]) * int(entry["columns"]) for entry in made.index.entries)
    assert measured(mask, made.order, made.touched) == (truth, values)


def test_no_plane_takes_more_than_all_places_with_values() -> None:
    opened = plane(200.0)
    order = order_for(200.0 * ARCSEC)
    cells = touched_cells(opened.sky, opened.size, order)
    filled, most = measured(MaskPlane(opened.sky, np.isfinite(opened.array)), order, cells)
    for columns in (slice(0, 300), slice(350, 352), slice(500, 700)):
        some = opened.array.copy()
        some[:, columns] = np.nan
        part, size = measured(HeldPlane(opened.sky, some), order, cells)
        assert set(part) <= set(filled) and 0 < size <= most
    assert size < most


def test_planes_of_a_file_are_told_apart(made: Made) -> None:
    opened = plane()
    half = opened.array.copy()
    half[:, :350] = np.nan
    empty = np.full_like(half, np.nan)
    buffer = io.BytesIO()
    writer = FrameWriter(buffer.write)
    for place, values in enumerate((opened.array, empty, half)):
        if place:
            writer.next_plane()
        make_frame(HeldPlane(opened.sky, values), made.order, made.touched, writer)
    writer.end(b"a note")
    content = buffer.getvalue()

    def read_at(offset: int, length: int) -> bytes:
        return content[offset : offset + length]

    index = read_index(read_at, len(content))
    alone = Made(OpenFile(opened.sky, SIZE, half, None), 2.0)
    for place, truth in ((0, made.index), (2, alone.index)):
        found, source = index.of_plane(place), (made if place == 0 else alone)
        assert found.brightest(made.order) == truth.brightest(made.order) is not None
        for order in range(made.order + 1):
            assert found.cells(order) == truth.cells(order)
            for cell in found.cells(order):
                tile = read_tile(read_at, found.find(order, cell)).whole()
                np.testing.assert_array_equal(tile, source.tile(order, cell))
    for place in (1, 3):
        assert index.of_plane(place).cells(0) == [] and index.of_plane(place).brightest(0) is None
        assert index.of_plane(place).find(0, index.cells(0)[0]) is None


def test_a_file_has_room_for_so_many_planes() -> None:
    buffer = io.BytesIO()
    writer = FrameWriter(buffer.write)
    tile = Trimmed(3, 4, np.ones((1, 1), np.float32))
    writer.add(20, (12 << 40) - 1, tile)
    for _ in range(MOST_PLANES - 1):
        writer.next_plane()
    writer.add(20, (12 << 40) - 1, tile)
    with pytest.raises(ValueError, match="room for 64"):
        writer.next_plane()
    writer.end()
    content = buffer.getvalue()
    index = read_index(lambda offset, length: content[offset : offset + length], len(content))
    for place in (0, MOST_PLANES - 1):
        assert index.of_plane(place).cells(20) == [(12 << 40) - 1]


def test_the_note_and_the_brightest_tile(made: Made) -> None:
    assert made.index.note == b"a note"
    highest = {cell: np.nanmax(made.tile(made.order, cell)) for cell in made.index.cells(made.order)}
    assert made.index.brightest(made.order) == max(highest, key=highest.__getitem__)
    assert made.index.brightest(made.order + 1) is None
    assert made.index.find(made.order + 1, 4 * made.touched[0]) is None


def test_a_plane_without_a_value_has_no_tile() -> None:
    opened = plane()
    opened.array[:] = np.nan
    empty = Made(opened, 2.0)
    assert empty.filled == [] and len(empty.index.entries) == 0 and empty.index.note == b"a note"


def test_values_without_bounds_are_none() -> None:
    opened = plane()
    opened.array[230, 340] = np.inf
    made = Made(opened, 2.0)
    assert all(not np.isinf(made.tile(made.order, cell)).any() for cell in made.index.cells(made.order))


def test_a_plane_that_lies_in_several_base_cells() -> None:
    made = Made(plane(400.0, (90.0, 60.0)), 400.0)
    assert len(made.index.cells(0)) > 1
    for cell in made.index.cells(0):
        assert np.isfinite(made.tile(0, cell)).any()


@pytest.mark.parametrize("cut", [0, 5, 30, -1, 2000])
def test_what_is_broken_off_is_no_frame(made: Made, cut: int) -> None:
    content = made.content[:cut]
    with pytest.raises(NoFrame):
        read_index(lambda offset, length: content[offset : offset + length], len(content))
    entry = made.index.find(made.order, made.index.cells(made.order)[-1])
    with pytest.raises(NoFrame):
        read_tile(lambda offset, length: b"", entry)


@given(st.integers(0, 2**32 - 1), st.sets(st.integers(0, 3), min_size=1))
def test_parents_without_margins_are_parents(seed: int, places: set[int]) -> None:
    random = np.random.default_rng(seed)
    children: dict[int, Trimmed] = {}
    for place in places:
        values = parents.blank_tile()
        row, column = random.integers(0, 512, 2)
        values[row : row + random.integers(1, 40), column : column + random.integers(1, 40)] = random.normal()
        values[random.random(values.shape) < 0.3] = np.nan
        child = trimmed(values)
        if child is not None:
            np.testing.assert_array_equal(child.whole(), values)
            children[place] = child
    if children:
        whole = parents.parent_of({place: child.whole() for place, child in children.items()})
        np.testing.assert_array_equal(parent_of(children).whole(), whole)
    assert trimmed(parents.blank_tile()) is None
