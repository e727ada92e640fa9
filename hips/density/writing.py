"""The tree of one map: its tiles, and what is beside them."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Final

import numpy as np

from hips.density.footprints import ORDER
from hips.density.tiles import Sums, Values
from hips.tiles import allsky
from hips.tiles.files import PACKED, fits_image, fits_tile, kept_file, packed, read_tile
from hips.tiles.grid import WIDTH, interleaved, pixel_vectors
from hips.tiles.parents import halved, put_together
from hips.tiles.pictures import Transfer, jpeg_preview, png_tile
from hips.trees.cell_sets import CellSet
from hips.trees.coverage import coverage_file
from hips.trees.description import Description, Findings, image_properties
from hips.trees.held import TileRecord, blocks_of, write_held
from hips.trees.layout import COVERAGE, PAGE, PREVIEW, PROPERTIES, AllskyName, TileName, keep_file
from hips.trees.page import tree_page
from hips.trees.versions import Build
from hips.trees.wholes import coarsened
from vo_service.sky.vectors import Flags, positions
from vo_service.store.disk import link_file

COVERAGE_ORDER: Final = 9
"""Of Moc.fits, at most: cells of 7 arcmin."""
_COVERAGE_CELLS: Final = 200_000
_FORMATS: Final = ("fits", "png")
_VIEW: Final = 15.0
"""Degrees, two tiles."""

Digests = Mapping[tuple[int, int], bytes]


@dataclass(frozen=True, slots=True)
class Before:
    """The build that is served: its tree, and the digests of its tiles by order and cell."""

    tree: Path
    digests: Digests


@dataclass(slots=True)
class MapWriter:
    """Writes the tiles of a map from the bottom up, one branch after the other.

    Tiles that the build before has are taken over, under a second name. FITS tiles are kept compressed, all
    of them: runs of the same value are a small part of what they were."""

    draft: Build
    before: Before | None
    sums: Sums
    leaves: Sequence[int]
    """Tiles of order 3 that have a value, ascending."""
    unit: str
    transfer: Transfer
    progress: Callable[[int], None]
    records: list[TileRecord] = field(default_factory=list)
    covered: list[CellSet] = field(default_factory=list)
    _picture: Values = field(default_factory=allsky.blank_allsky)
    _done: int = 0
    _fullest: tuple[int, int] = (0, 0)
    """Pixels with a value, and the cell, of the tile that has most of them."""

    def write(self) -> None:
        """All tiles. Raises OSError."""
        for base in range(12):
            self._make(0, base)

    def finish(self, said: Description, created: datetime, released: datetime) -> None:
        """All that is beside the tiles, `properties` last. Raises OSError."""
        size = sum(record.bytes for record in self.records) + self._write_allsky()
        covered, order = coarsened(CellSet.union(self.covered), COVERAGE_ORDER, _COVERAGE_CELLS)
        leaves = [record for record in self.records if record.leaf]
        found = Findings(
            order=ORDER,
            released=released,
            created=created,
            sky_fraction=covered.sky_fraction,
            kilobytes=math.ceil(size / 1024),
            low=min(leaf.low for leaf in leaves),
            high=max(leaf.high for leaf in leaves),
            cut=(self.transfer.low, self.transfer.high),
            processing=self.transfer.words,
            builder="sums over footprints",
            position=_middle_of(self._fullest[1]),
            field_of_view=_VIEW,
        )
        sampled = {"hips_sampling": "none", "hips_overlay": "add", "data_pixel_bitpix": None}
        properties = image_properties(said, found).changed(sampled)
        shown = read_tile(self.draft.tree / str(TileName(ORDER, self._fullest[1], "fits")))
        self._put(PREVIEW, jpeg_preview(self.transfer.greys(shown)))
        self._put(COVERAGE, coverage_file(covered, order, said.creator_did, released))
        self._put(PAGE, tree_page(properties).encode())
        write_held(self.draft.directory, self.records, ())
        self._put(PROPERTIES, properties.text().encode())

    def _make(self, order: int, cell: int) -> tuple[Values, bytes] | None:
        """A tile with all below it: what it is for its parent, and its digest; None without a leaf in it."""
        if not self._has_leaf(order, cell):
            return None
        if order == ORDER:
            return self._leaf(cell)
        digest = blake2b(f"{order}/{cell}".encode(), digest_size=16)
        halves: dict[int, Values] = {}
        for place in range(4):
            made = self._make(order + 1, 4 * cell + place)
            if made is not None:
                halves[place] = made[0]
                digest.update(bytes([place]) + made[1])
        values = put_together(halves)
        self._keep(order, cell, values, digest.digest())
        return halved(values), digest.digest()

    def _has_leaf(self, order: int, cell: int) -> bool:
        steps = 2 * (ORDER - order)
        place = bisect_left(self.leaves, cell << steps)
        return place < len(self.leaves) and self.leaves[place] < (cell + 1) << steps

    def _leaf(self, cell: int) -> tuple[Values, bytes]:
        runs = self.sums.tile(cell)
        assert runs is not None
        values = runs.image()
        valid = ~np.isnan(values)
        self._fullest = max(self._fullest, (int(valid.sum()), cell))
        self.covered.append(_covered(valid, cell))
        said = f"{self.unit}|{self.transfer!r}|{cell}|".encode()
        digest = blake2b(said + runs.digest(), digest_size=16).digest()
        self._keep(ORDER, cell, values, digest)
        half = halved(values)
        self._picture[allsky.place_of(cell)] = allsky.reduced(half)
        self._done += 1
        self.progress(self._done)
        return half, digest

    def _keep(self, order: int, cell: int, values: Values, digest: bytes) -> None:
        size = self._taken_over(order, cell, digest)
        if size is None:
            size = self._write(order, cell, values)
        leaf = order == ORDER
        ends = (float(np.nanmin(values)), float(np.nanmax(values))) if leaf else (math.nan, math.nan)
        blocks = blocks_of(values) if leaf else 0
        self.records.append(TileRecord(order, cell, digest, leaf, True, blocks, *ends, size, ()))

    def _taken_over(self, order: int, cell: int, digest: bytes) -> int | None:
        """The size of the tile that the build before has, if it is the same."""
        if self.before is None or self.before.digests.get((order, cell)) != digest:
            return None
        names = [TileName(order, cell, extension) for extension in _FORMATS]
        sources = [kept_file(self.before.tree / str(name)) for name in names]
        if None in sources:
            return None
        for name, source in zip(names, sources, strict=True):
            assert source is not None
            link_file(source, self._folder_of(str(name)) / source.name)
        return sum(source.stat().st_size for source in sources if source is not None)

    def _write(self, order: int, cell: int, values: Values) -> int:
        fits, png = (str(TileName(order, cell, extension)) for extension in _FORMATS)
        size = self._put(fits + PACKED, packed(fits_tile(order, cell, values, self.unit)))
        return size + self._put(png, png_tile(self.transfer.greys(values)))

    def _write_allsky(self) -> int:
        """All tiles of order 3 in both formats (HIPS-040); how many bytes they have."""
        fits, png = (str(AllskyName(allsky.ORDER, extension)) for extension in _FORMATS)
        picture = packed(fits_image(self._picture, self.unit, [("ORDER", allsky.ORDER)]))
        size = self._put(fits + PACKED, picture)
        return size + self._put(png, png_tile(self.transfer.greys(self._picture)))

    def _put(self, name: str, content: bytes) -> int:
        """Write a file; how many bytes it has."""
        self._folder_of(name)
        keep_file(self.draft.tree, self.before.tree if self.before is not None else None, name, content)
        return len(content)

    def _folder_of(self, name: str) -> Path:
        folder = (self.draft.tree / name).parent
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def _covered(valid: Flags, cell: int) -> CellSet:
    """Cells of `COVERAGE_ORDER` in a tile that have a pixel with a value."""
    steps = COVERAGE_ORDER - ORDER
    side = 1 << steps
    rows, columns = np.nonzero(valid.reshape(side, WIDTH // side, side, WIDTH // side).any(axis=(1, 3)))
    inside = (np.int64(cell) << (2 * steps)) + interleaved(side - 1 - rows, columns)
    return CellSet.of(np.full(len(inside), COVERAGE_ORDER), inside)


def _middle_of(cell: int) -> tuple[float, float]:
    middle = pixel_vectors(ORDER, cell, np.array([255.5]), np.array([255.5]))[0]
    lon, lat = positions(middle)
    return round(float(lon[0]), 6), round(float(lat[0]), 6)
