"""Tiles of a tree as they are served: kept ones, and those below a leaf, which are made of its pixels.

A tree is no deeper anywhere than a field there needs, but one of HiPS 1.0 has all orders down to hips_order
wherever it has data (HIPS-007). So a leaf above hips_order has tiles below it that are on no disk: each of
its pixels is a square of theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hips.tiles.files import Bytes, Values, empty_tile, kept_file, stored_pixels, unit_of, unpacked
from hips.tiles.grid import WIDTH, place_below
from hips.tiles.pictures import Greys, png_greys, png_squares
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


@dataclass(frozen=True, slots=True)
class FitsLeaf:
    """The pixels ``(512, 512)`` of the FITS tile of a leaf, in the order of bytes of FITS, and their unit."""

    pixels: Values
    unit: str

    @classmethod
    def of(cls, content: bytes, leaf: tuple[int, int]) -> FitsLeaf:
        """Of the bytes of its file, which may be compressed. Raises FitsError."""
        name = f"tile {leaf[0]}/{leaf[1]}"
        plain = unpacked(content, name)
        return cls(stored_pixels(plain, name), unit_of(plain))

    def below(self, leaf: tuple[int, int], tile: tuple[int, int]) -> Bytes:
        """The FITS tile below the leaf. Raises ValueError for a tile that does not lie in it."""
        part = self.pixels[place_below(*leaf, *tile)]
        made, pixels = empty_tile(*tile, self.unit)
        squares = pixels.reshape(len(part), WIDTH // len(part), WIDTH)
        squares[:] = part.repeat(WIDTH // len(part), axis=1)[:, None]
        return made


@dataclass(frozen=True, slots=True)
class PngLeaf:
    """The greys ``(512, 512)`` of the PNG tile of a leaf; rows as in FITS."""

    greys: Greys

    @classmethod
    def of(cls, content: bytes) -> PngLeaf:
        """Of the bytes of its file. Raises ValueError for another picture."""
        return cls(png_greys(content)[::-1])

    def below(self, leaf: tuple[int, int], tile: tuple[int, int]) -> bytes:
        """The PNG tile below the leaf. Raises ValueError for a tile that does not lie in it."""
        part = self.greys[place_below(*leaf, *tile)]
        return png_squares(part[::-1], WIDTH // len(part))


def fits_below(content: bytes, leaf: tuple[int, int], tile: tuple[int, int]) -> bytes:
    """The FITS tile below a leaf, from the bytes of the leaf's file, which may be compressed. Raises
    ValueError for a tile that does not lie in the leaf, FitsError."""
    return bytes(FitsLeaf.of(content, leaf).below(leaf, tile))


def png_below(content: bytes, leaf: tuple[int, int], tile: tuple[int, int]) -> bytes:
    """The same of a PNG tile. Raises ValueError, also for another picture."""
    return PngLeaf.of(content).below(leaf, tile)
