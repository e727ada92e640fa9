"""Tiles below a leaf: made of its pixels as they are in its file then, unpacked as seldom as can be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from hips.tiles.files import fits_tile, packed, tile_values
from hips.tiles.pictures import png_greys, png_picture
from hips.trees import virtual
from hips.trees.held import TileRecord, read_held, write_held
from hips.trees.layout import TileName
from hips.trees.properties import parse_properties
from hips.trees.versions import Build
from vo_service.trees.files import Asked
from vo_service.trees.served import ServedTree
from vo_service.trees.tiles import tile_content

LEAF = (4, 1234)
DEEPEST = 6
BELOW = [16 * LEAF[1] + number for number in range(16)]
NEXT_LEAF = 16 * (LEAF[1] + 1)


@pytest.fixture
def tree(tmp_path: Path) -> ServedTree:
    """Two leaves side by side, and two orders below them."""
    root = tmp_path / "tree"
    root.mkdir()
    records = [
        TileRecord(LEAF[0], LEAF[1] + number, b"0" * 16, True, True, 2**64 - 1, 0.0, 1.0, 1, ())
        for number in (0, 1)
    ]
    write_held(tmp_path, records, [])
    build: Any = Build.__new__(Build)
    properties = parse_properties(f"hips_order = {DEEPEST}\n")
    return ServedTree(build, root.resolve(), properties, read_held(tmp_path))


def write(tree: ServedTree, number: int, level: int) -> None:
    """The files of a leaf of one value, which take the place of those before as those of a build do."""
    for extension, content in (
        ("fits.gz", packed(fits_tile(LEAF[0], number, np.full((512, 512), level, np.float32), "Jy"))),
        ("png", png_picture(np.full((512, 512), level, np.uint8))),
    ):
        path = tree.root / str(TileName(LEAF[0], number, extension))
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_bytes(content)
        fresh.replace(path)


def sent(tree: ServedTree, cell: int, extension: str) -> tuple[float, str]:
    """The one value of a tile, and its entity tag."""
    content = tile_content(tree, TileName(DEEPEST, cell, extension), Asked("GET", {}, False))
    assert content is not None
    body = bytes(content.sendable.handle.read_at(0, 1 << 30))
    values = tile_values(body, "x") if extension == "fits" else png_greys(body)
    [value] = np.unique(values)
    return float(value), content.sendable.etag


@pytest.fixture
def unpacked_leaves() -> Iterator[list[object]]:
    seen: list[object] = []
    reals = {name: getattr(virtual, name) for name in ("unpacked", "png_greys")}

    def counting(name: str) -> Any:
        def count(*words: Any) -> Any:
            seen.append(name)
            return reals[name](*words)

        return count

    with patch.multiple(virtual, **{name: counting(name) for name in reals}):
        yield seen


@pytest.mark.parametrize("extension", ["fits", "png"])
def test_a_leaf_is_unpacked_once_for_all_tiles_below_it(
    tree: ServedTree, unpacked_leaves: list[object], extension: str
) -> None:
    write(tree, LEAF[1], 3)
    tags = set()
    for cell in BELOW:
        value, tag = sent(tree, cell, extension)
        assert value == 3.0
        tags.add(tag)
    assert len(tags) == len(BELOW)
    assert len(unpacked_leaves) == 1


@pytest.mark.parametrize("extension", ["fits", "png"])
def test_another_file_and_another_leaf_have_their_own_pixels(tree: ServedTree, extension: str) -> None:
    # HIPS-124: and another entity tag
    write(tree, LEAF[1], 3)
    write(tree, LEAF[1] + 1, 4)
    value, tag = sent(tree, BELOW[0], extension)
    assert (value, sent(tree, NEXT_LEAF, extension)[0]) == (3.0, 4.0)
    write(tree, LEAF[1], 5)
    again, other = sent(tree, BELOW[0], extension)
    assert (again, other != tag) == (5.0, True)


def test_leaves_that_nobody_asks_for_are_forgotten(
    tree: ServedTree, unpacked_leaves: list[object], tmp_path: Path
) -> None:
    # what is held has a bound
    write(tree, LEAF[1], 3)
    sent(tree, BELOW[0], "fits")
    for number in range(40):
        write(tree, LEAF[1] + 1, number % 250)
        sent(tree, NEXT_LEAF, "fits")
    sent(tree, BELOW[0], "fits")
    assert len(unpacked_leaves) == 42
