"""The files of a catalogue's tree: tiles, the tables of whole orders, and what is beside them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np

import vo_service
from hips.catalogue.branches import FIRST, WHOLE, Branches
from hips.catalogue.metadata import NAMES, metadata_document
from hips.catalogue.rows import Rows
from hips.catalogue.sheet import Field, header_line
from hips.trees.cell_sets import CellSet
from hips.trees.coverage import coverage_file
from hips.trees.description import Description, contents, fits_date, identity
from hips.trees.layout import COVERAGE, PAGE, PROPERTIES, AllskyName, TileName, keep_file
from hips.trees.page import tree_page
from hips.trees.properties import Properties
from hips.trees.wholes import coarsened
from vo_service.sky import positions
from vo_service.sky.cell_ranges import ORDER
from vo_service.sky.cells import middles_of

COVERAGE_ORDER: Final = 12
"""Of Moc.fits, at most: cells of 51 arcsec."""
_COVERAGE_CELLS: Final = 200_000
_EXTENSION: Final = "tsv"
_VIEW_ORDER: Final = 3
_VIEW: Final = 15.0
"""Degrees, two cells of that order."""


@dataclass(slots=True)
class CatalogueWriter:
    """Writes a tree into ``tree``; files that the build ``before`` has to the byte are taken over."""

    tree: Path
    before: Path | None
    rows: Rows
    branches: Branches
    progress: Callable[[int], None]
    _size: int = 0
    _whole: dict[int, list[bytes]] = field(default_factory=dict)

    def write(self) -> None:
        """All tiles, and the tables of whole orders (HIPS-090, -093, -095). Raises OSError."""
        self._whole = {order: [] for order in range(FIRST, WHOLE + 1)}
        branches = self.branches
        for number, lines in enumerate(self._lines()):
            order, cell = int(branches.order[number]), int(branches.cell[number])
            head = _head(int(branches.given[number]), int(branches.total[number]))
            self._keep(str(TileName(order, cell, _EXTENSION)), head + lines)
            if order in self._whole:
                self._whole[order].append(lines)
            self.progress(number + 1)
        for order, tables in self._whole.items():
            given = int(branches.stop[branches.order <= order].max(initial=0))
            head = _head(given, len(self.rows))
            self._keep(str(AllskyName(order, _EXTENSION)), head + b"".join(tables))

    def finish(
        self, said: Description, name: str, fields: tuple[Field, ...], created: datetime, released: datetime
    ) -> None:
        """All that is beside the tiles, `properties` last. Raises OSError."""
        document = metadata_document(name, said.title, fields)
        for spelt in NAMES:
            self._keep(spelt, document)
        cells = CellSet.of(np.full(len(self.rows), ORDER), np.sort(self.rows.cells))
        covered, order = coarsened(cells, COVERAGE_ORDER, _COVERAGE_CELLS)
        self._keep(COVERAGE, coverage_file(covered, order, said.creator_did, released, "CATALOG"))
        found = [*self._found(said.status, covered.sky_fraction), *_dates(created, released)]
        properties = Properties.of([*identity(said), *contents(said), *found])
        self._keep(PAGE, tree_page(properties).encode())
        self._keep(PROPERTIES, properties.text().encode())

    def _lines(self) -> Iterator[bytes]:
        """The rows of each tile, tile by tile."""
        stops = self.branches.stop.tolist()
        number, seen, held = 0, 0, b""
        for content, ends in self.rows.blocks(self.branches.rows):
            at = 0
            while number < len(stops) and stops[number] <= seen + len(ends) - 1:
                stop = int(ends[stops[number] - seen])
                yield held + bytes(content[at:stop])
                number, at, held = number + 1, stop, b""
            held += bytes(content[at : int(ends[-1])])
            seen += len(ends) - 1

    def _found(self, status: str, sky_fraction: float) -> Iterator[tuple[str, object]]:
        lon, lat = self._densest()
        yield "dataproduct_type", "catalog"
        yield "hips_version", "1.4"
        yield "hips_builder", f"vo-service {vo_service.__version__}"
        yield "hips_frame", "equatorial"
        yield "hips_order", self.branches.deepest
        yield "hips_order_min", FIRST
        yield "hips_tile_format", "tsv"
        yield "hips_status", status
        yield "hips_cat_nrows", len(self.rows)
        yield "hips_initial_ra", lon
        yield "hips_initial_dec", lat
        yield "hips_initial_fov", _VIEW
        yield "hips_estsize", math.ceil(self._size / 1024)
        yield "moc_sky_fraction", sky_fraction

    def _densest(self) -> tuple[float, float]:
        """Where most rows are, roughly."""
        cells, counts = np.unique(self.rows.cells >> (2 * (ORDER - _VIEW_ORDER)), return_counts=True)
        fullest = cells[[int(np.argmax(counts))]].astype(np.uint64)
        lon, lat = positions(middles_of(fullest, _VIEW_ORDER))
        return round(float(lon[0]), 6), round(float(lat[0]), 6)

    def _keep(self, name: str, content: bytes) -> None:
        (self.tree / name).parent.mkdir(parents=True, exist_ok=True)
        keep_file(self.tree, self.before, name, content)
        self._size += len(content)


def _head(given: int, total: int) -> bytes:
    return f"# Completeness = {given} / {total}\n{header_line()}".encode()


def _dates(created: datetime, released: datetime) -> Iterator[tuple[str, object]]:
    yield "hips_creation_date", fits_date(created)
    yield "hips_release_date", fits_date(released)
