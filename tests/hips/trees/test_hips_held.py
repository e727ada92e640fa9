"""Which tiles show whose pixels, which are there below leaves, against cells one by one."""

from __future__ import annotations

import io

import mocpy
import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from hips.tiles.files import fits_tile, packed, tile_values
from hips.tiles.pictures import Transfer, png_greys, png_tile
from hips.trees.cell_sets import EMPTY, CellSet
from hips.trees.coverage import coverage_file
from hips.trees.held import Held, Member, TileRecord, blocks_of, read_held, write_held
from hips.trees.layout import TileName
from hips.trees.virtual import KeptTile, VirtualTile, find_tile, fits_below, png_below
from vo_service.pixels.fits_header import FitsError

cells = st.integers(0, 5).flatmap(lambda order: st.tuples(st.just(order), st.integers(0, 12 * 4**order - 1)))


def overlap(one: tuple[int, int], two: tuple[int, int]) -> bool:
    (order, cell), (deeper, within) = sorted((one, two))
    return within >> 2 * (deeper - order) == cell


@given(st.lists(cells, max_size=8), cells)
def test_a_set_of_cells_meets_what_overlaps_any_of_them(held, one):
    orders, numbers = ([cell[at] for cell in held] for at in (0, 1))
    found = CellSet.of(np.array(orders, dtype=np.int64), np.array(numbers, dtype=np.int64))
    assert found.meets(*one) == any(overlap(one, cell) for cell in held)
    again = CellSet.union([CellSet.of(np.array([k]), np.array([n])) for k, n in held])
    assert again.starts.tolist() == found.starts.tolist()
    moc = (
        mocpy.MOC.from_healpix_cells(np.array(numbers, np.uint64), np.array(orders, np.uint8), max_depth=5)
        if held
        else mocpy.MOC.new_empty(5)
    )
    assert found.sky_fraction == pytest.approx(moc.sky_fraction, rel=1e-12)


@given(st.lists(cells, min_size=1, max_size=8))
def test_the_coverage_file_is_the_moc_of_the_cells(held):
    # HIPS-080 to -083, MOC-041, MOC-043, MOC-044: NUNIQ, which old readers know; read back the same
    from datetime import UTC, datetime

    orders, numbers = (np.array([cell[at] for cell in held], dtype=np.int64) for at in (0, 1))
    content = coverage_file(
        CellSet.of(orders, numbers), 8, "ivo://x/y", datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    )
    read = mocpy.MOC.from_fits(io.BytesIO(content))
    truth = mocpy.MOC.from_healpix_cells(numbers.astype(np.uint64), orders.astype(np.uint8), max_depth=8)
    assert read == truth
    with fits.open(io.BytesIO(content)) as hdus:
        hdus.verify("exception")
        assert hdus[0].header["NAXIS"] == 0
        header, rows = hdus[1].header, hdus[1].data["UNIQ"].astype(np.int64)
    assert (np.diff(rows) > 0).all()
    assert (header["TTYPE1"], header["TFORM1"], header["ORDERING"]) == ("UNIQ", "1K", "NUNIQ")
    assert (header["MOCVERS"], header["MOCDIM"], header["COORDSYS"]) == ("2.0", "SPACE", "C")
    assert (header["MOCORD_S"], header["MOCORDER"], header["MOCTYPE"], header["MOCID"]) == (
        8,
        8,
        "IMAGE",
        "ivo://x/y",
    )
    assert header["DATE"] == "2026-01-02T03:04:00"


def test_an_empty_coverage_keeps_its_order():
    from datetime import UTC, datetime

    content = coverage_file(EMPTY, 8, "ivo://x/y", datetime(2026, 1, 2, tzinfo=UTC))
    read = mocpy.MOC.from_fits(io.BytesIO(content))
    assert (read.empty(), read.max_order) == (True, 8)  # MOC-028


def test_blocks_are_the_cells_three_orders_below_that_hold_data():
    values = np.full((512, 512), np.nan, dtype=np.float32)
    assert blocks_of(values) == 0
    every = np.arange(512)
    from hips.tiles.grid import pixel_cells

    within = (pixel_cells(0, 0, every[:, None], every[None, :]) >> 12) & 63
    for block in (0, 1, 2, 21, 63):
        values[:] = np.nan
        rows, columns = np.nonzero(within == block)
        values[rows[7], columns[7]] = 1.0
        assert blocks_of(values) == 1 << block
    values[:] = 0.0
    assert blocks_of(values) == 2**64 - 1


def leaf(order: int, cell: int, blocks: int, members: tuple[int, ...], filled: bool = True) -> TileRecord:
    return TileRecord(order, cell, bytes(16), True, filled, blocks, -1.0, 2.5, 1000, members)


@pytest.fixture
def held(tmp_path) -> Held:
    tiles = [
        leaf(3, 100, 0b11, (0, 2)),
        leaf(5, 101 * 16 + 3, 2**64 - 1, (1,)),
        leaf(5, 101 * 16 + 4, 0, (), filled=False),
        leaf(4, 800, 1 << 63, (2,)),
        TileRecord(3, 101, b"x" * 16, False, True, 0, float("nan"), float("nan"), 10, ()),
    ]
    members = [
        Member(name, "s" + name, order, np.array(cells))
        for name, order, cells in (("a", 3, [100]), ("b", 5, [1619]), ("c", 3, [100, 200]))
    ]
    write_held(tmp_path, tiles, members)
    return read_held(tmp_path)


def test_tables_are_read_as_they_were_written(held):
    tiles = list(held.tiles())
    assert [(tile.order, tile.cell) for tile in tiles] == [(3, 100), (3, 101), (5, 1619), (5, 1620), (4, 800)]
    assert tiles[0] == leaf(3, 100, 0b11, (0, 2))
    assert (tiles[1].digest, tiles[1].leaf, tiles[2].blocks) == (b"x" * 16, False, 2**64 - 1)
    assert [(m.name, m.state, m.order, m.cells.tolist()) for m in held.members()] == [
        ("a", "sa", 3, [100]), ("b", "sb", 5, [1619]), ("c", "sc", 3, [100, 200]),
    ]  # fmt: skip
    assert held.names == ("a", "b", "c")


def test_leaves_over_cells(held):
    assert held.leaf_over(3, 100) == (3, 100)
    assert held.leaf_over(9, 100 * 4**6 + 5) == (3, 100)
    assert held.leaf_over(5, 1619) == (5, 1619)
    assert held.leaf_over(3, 101) is None  # above a leaf
    assert held.leaf_over(5, 1620) is None  # without data
    assert held.leaf_over(5, 1618) is None
    assert held.leaf_over(3, 0) is None
    assert held.leaf_over(3, 767) is None


def test_what_shows_the_pixels_of_a_field_at_any_order(held):
    # a tile of any order above, of the leaf, and below it
    shown = held.shown(["a"])
    assert all(shown.meets(*cell) for cell in ((0, 1), (2, 25), (3, 100), (4, 400), (9, 100 * 4**6 + 77)))
    assert not any(shown.meets(*cell) for cell in ((3, 101), (2, 26), (4, 800), (5, 1619), (0, 0)))
    both = held.shown(["b", "c", "unknown"])
    assert all(both.meets(*cell) for cell in ((3, 100), (3, 101), (5, 1619), (4, 800), (3, 200)))
    assert not both.meets(5, 1618)
    assert len(held.shown([])) == len(held.shown(["unknown"])) == 0


@settings(max_examples=30)
@given(cell=st.integers(0, 4**5 - 1), steps=st.integers(0, 5))
def test_the_coverage_is_that_of_the_blocks(cell, steps):
    record = leaf(3, 100, 0b11, (0,))
    table = Held(*_tables([record]))
    order = 3 + steps
    number = (100 << 2 * steps) + (cell >> 2 * (5 - steps))
    inside = [(6, 100 * 64), (6, 100 * 64 + 1)]
    assert table.covered.meets(order, number) == any(overlap((order, number), block) for block in inside)


def _tables(records):
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as place:
        write_held(Path(place), records, [])
        held = read_held(Path(place))
        return held._tiles, held._members


def test_tables_that_are_broken_off_are_told(tmp_path):
    with pytest.raises(OSError):
        read_held(tmp_path)
    write_held(tmp_path, [], [])
    assert list(read_held(tmp_path).tiles()) == []
    content = (tmp_path / "tiles.arrow").read_bytes()
    (tmp_path / "tiles.arrow").write_bytes(content[:100])
    with pytest.raises(OSError, match="cannot be read"):
        read_held(tmp_path)


@pytest.mark.parametrize("steps", [1, 3, 9, 11, 14])
def test_tiles_below_a_leaf_repeat_its_pixels(steps):
    # HIPS-007: the parent of four such tiles is the leaf's own part again
    order, cell = 4, 1234
    rng = np.random.default_rng(1)
    values = rng.normal(size=(512, 512)).astype(np.float32)
    values[:200] = np.nan
    content = fits_tile(order, cell, values, "MJy/sr")
    transfer = Transfer(-1, 1, 0.1)
    picture = png_tile(transfer.greys(values))
    below = order + steps
    within = (cell << 2 * steps) + int(rng.integers(0, 4**steps))
    tile = fits_below(content, (order, cell), (below, within))
    assert tile == fits_below(packed(content), (order, cell), (below, within))
    found = tile_values(tile, "x")
    header = fits.getheader(io.BytesIO(tile))
    assert (header["ORDER"], header["NPIX"], header["BUNIT"]) == (below, within, "MJy/sr")
    # each pixel is that of the leaf whose cell holds it
    from hips.tiles.grid import pixel_cells

    every = np.arange(512)
    table = dict(
        zip(
            pixel_cells(order, cell, every[:, None], every[None, :]).ravel().tolist(), values.ravel().tolist()
        )
    )
    some = rng.integers(0, 512, 40)
    deep = pixel_cells(below, within, some, some) >> 2 * steps
    np.testing.assert_array_equal(
        found[some, some], np.array([table[int(at)] for at in deep], dtype=np.float32)
    )
    seen = png_greys(png_below(picture, (order, cell), (below, within)))
    np.testing.assert_array_equal(seen, transfer.greys(found)[::-1])
    with pytest.raises(ValueError, match="does not lie in"):
        fits_below(content, (order, cell), (below, within + 4**steps))


def test_tiles_are_found_where_there_are_data_and_nowhere_else(tmp_path, held):
    tree = tmp_path / "tree"
    values = np.ones((512, 512), dtype=np.float32)
    for order, cell, name in (
        (3, 100, "fits"),
        (3, 101, "fits"),
        (5, 1619, "fits.gz"),
        (5, 1619, "png"),
        (4, 800, "fits"),
    ):
        path = tree / str(TileName(order, cell, name))
        path.parent.mkdir(parents=True, exist_ok=True)
        plain = fits_tile(order, cell, values, "")
        path.write_bytes(packed(plain) if name.endswith("gz") else plain)

    def find(order: int, cell: int, extension: str = "fits", frame: int = 0, deepest: int = 8):
        return find_tile(tree, held, deepest, TileName(order, cell, extension, frame))

    assert find(3, 100) == KeptTile(tree / "Norder3/Dir0/Npix100.fits")
    assert find(3, 101) == KeptTile(tree / "Norder3/Dir0/Npix101.fits")  # above leaves
    assert find(5, 1619) == KeptTile(tree / "Norder5/Dir0/Npix1619.fits.gz")
    virtual = find(7, 1619 * 16 + 3)
    assert isinstance(virtual, VirtualTile)
    assert (tile_values(virtual.make(), "x") == 1.0).all()
    assert find(9, 1619 * 256) is None  # below hips_order
    assert find(7, 1620 * 16) is None  # a leaf without data
    assert isinstance(find(6, 100 * 64 + 1), VirtualTile)
    assert find(6, 100 * 64 + 2) is None  # in a leaf, where it holds none
    assert find(3, 100, frame=1) is None
    assert find(3, 100, "tsv") is None
    assert find(3, 100, "png") is None
    assert find(3, 102) is None
    (tree / "Norder4/Dir0/Npix800.fits").write_bytes(b"broken")
    broken = find(6, 800 * 16 + 15)
    with pytest.raises(FitsError):
        broken.make()
