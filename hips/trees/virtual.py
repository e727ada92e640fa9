"""Tiles of a tree as they are served: kept ones, and those below a leaf, which are made of its pixels.

A tree is no deeper anywhere than a field there needs, but one of HiPS 1.0 has all orders down to hips_order
wherever it has data (HIPS-007). So a leaf above hips_order has tiles below it that are on no disk: each of
its pixels is a square of theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hips.tiles.files import empty_tile, kept_file, stored_pixels, unit_of, unpacked
from hips.tiles.grid import WIDTH, place_below
from hips.tiles.pictures import png_greys, png_picture
from hips.trees.held import Held
from hips.trees.layout import TileName


@dataclass(frozen=True, slots=True)
class KeptTile:
    """A tile that is a file, which is compressed by gzip if its name ends so."""

    path: Path


@dataclass(frozen=True, slots=True)
class VirtualTile:
    """A tile that is made of the leaf above it, ``(order, cell)``, whose file this is."""

    name: TileName
    leaf: tuple[int, int]
    path: Path

    def make(self) -> bytes:
        """Its bytes, the same at each time. Raises OSError where the file of the leaf is gone, FitsError and
        ValueError where it is none of ours."""
        content = self.path.read_bytes()
        if self.name.extension == "png":
            return png_below(content, self.leaf, (self.name.order, self.name.cell))
        return fits_below(content, self.leaf, (self.name.order, self.name.cell))


def find_tile(tree: Path, held: Held, deepest: int, name: TileName) -> KeptTile | VirtualTile | None:
    """Where a tile of a tree comes from; None for one that there is not: outside the coverage, below
    ``deepest`` (hips_order), or of a format that the tree has not."""
    if name.order > deepest or name.frame or not held.covered.meets(name.order, name.cell):
        return None
    leaf = held.leaf_over(name.order, name.cell)
    virtual = leaf is not None and leaf[0] < name.order
    path = kept_file(tree / str(TileName(*leaf, name.extension) if leaf is not None else name))
    if path is None:
        return None
    return VirtualTile(name, leaf, path) if virtual and leaf is not None else KeptTile(path)


def fits_below(content: bytes, leaf: tuple[int, int], tile: tuple[int, int]) -> bytes:
    """The FITS tile below a leaf, from the bytes of the leaf's file, which may be compressed. Raises
    ValueError for a tile that does not lie in the leaf, FitsError."""
    rows, columns = place_below(*leaf, *tile)
    plain = unpacked(content, f"tile {leaf[0]}/{leaf[1]}")
    part = stored_pixels(plain, f"tile {leaf[0]}/{leaf[1]}")[rows, columns]
    made, pixels = empty_tile(*tile, unit_of(plain))
    squares = pixels.reshape(len(part), WIDTH // len(part), len(part), WIDTH // len(part))
    squares[:] = part[:, None, :, None]
    return bytes(made)


def png_below(content: bytes, leaf: tuple[int, int], tile: tuple[int, int]) -> bytes:
    """The same of a PNG tile."""
    rows, columns = place_below(*leaf, *tile)
    part = png_greys(content)[::-1][rows, columns]
    times = WIDTH // len(part)
    return png_picture(part.repeat(times, axis=0).repeat(times, axis=1)[::-1])
