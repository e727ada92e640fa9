"""What a tree has beside its tiles, made once these are: Allsky, coverage, preview, properties, page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from hips.images.field import Values
from hips.tiles import allsky
from hips.tiles.files import PACKED, fits_image, packed, read_tile
from hips.tiles.grid import pixel_vectors
from hips.tiles.pictures import Transfer, jpeg_preview, png_tile
from hips.trees.coverage import coverage_file
from hips.trees.description import Description, Findings, image_properties
from hips.trees.held import BLOCK_STEPS, Member, TileRecord, blocks_covered
from hips.trees.layout import COVERAGE, PAGE, PREVIEW, PROPERTIES, AllskyName, TileName, keep_file
from hips.trees.page import tree_page
from hips.trees.wholes import coarsened
from vo_service.sky.vectors import mean_position, positions

_DEEPEST = 29
COVERAGE_CELLS = 200_000
"""Of Moc.fits, 1.6 MB, unless tiles of hips_order are more: none of its cells is larger (HIPS-081)."""
_VIEW = 1.5
"""How much wider than the field that it shows the first view is."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A tree whose tiles are made."""

    tree: Path
    before: Path | None
    records: Sequence[TileRecord]
    members: Sequence[Member]
    allsky: Mapping[int, Values]
    transfer: Transfer


def finish(
    work: Finished, told: Description, builder: str, created: datetime, released: datetime
) -> Findings:
    """Write all that is beside the tiles, ``properties`` last. Raises OSError."""
    leaves = [record for record in work.records if record.leaf and record.filled]
    order = max(leaf.order for leaf in leaves)
    deepest = min(_DEEPEST, order + BLOCK_STEPS)
    covered, covered_order = coarsened(blocks_covered(leaves), deepest, COVERAGE_CELLS, order)
    size = sum(record.bytes for record in work.records)
    size += _write_allsky(work, told.unit)
    shown = _shown_first(leaves)
    position, view = _view_of(shown, work.members)
    found = Findings(
        order=order,
        released=released,
        created=created,
        sky_fraction=covered.sky_fraction,
        kilobytes=math.ceil(size / 1024),
        low=min(leaf.low for leaf in leaves),
        high=max(leaf.high for leaf in leaves),
        cut=(work.transfer.low, work.transfer.high),
        processing=work.transfer.words,
        builder=builder,
        position=position,
        field_of_view=view,
    )
    properties = image_properties(told, found)
    preview = read_tile(work.tree / str(TileName(shown.order, shown.cell, "fits")))
    _keep(work, PREVIEW, jpeg_preview(work.transfer.greys(preview)))
    _keep(work, COVERAGE, coverage_file(covered, covered_order, told.creator_did, released))
    _keep(work, PAGE, tree_page(properties).encode())
    _keep(work, PROPERTIES, properties.text().encode())
    return found


def _write_allsky(work: Finished, unit: str) -> int:
    """All tiles of order 3 in both formats (HIPS-040); how many bytes they have."""
    picture = allsky.blank_allsky()
    for cell, values in work.allsky.items():
        picture[allsky.place_of(cell)] = values
    fits = packed(fits_image(picture, unit, [("ORDER", allsky.ORDER)]))
    png = png_tile(work.transfer.greys(picture))
    _keep(work, str(AllskyName(allsky.ORDER, "fits")) + PACKED, fits)
    _keep(work, str(AllskyName(allsky.ORDER, "png")), png)
    return len(fits) + len(png)


def _shown_first(leaves: Sequence[TileRecord]) -> TileRecord:
    """The leaf that preview and first view show: that of the brightest pixel."""
    return max(leaves, key=lambda leaf: (leaf.high, leaf.order, -leaf.cell))


def _view_of(leaf: TileRecord, members: Sequence[Member]) -> tuple[tuple[float, float], float]:
    """Where the field of a leaf is, and how wide it is, in degrees."""
    member = members[leaf.members[0]]
    middle = np.array([255.5])
    places = [positions(pixel_vectors(member.order, int(cell), middle, middle)[0]) for cell in member.cells]
    lon, lat = (np.concatenate([place[axis] for place in places]) for axis in (0, 1))
    centre = mean_position(lon, lat)
    if centre is None:
        centre = float(lon[0]), float(lat[0])
    area = len(member.cells) * 4.0 * math.pi / (12 << (2 * member.order))
    width = _VIEW * math.degrees(math.sqrt(area))
    return (round(centre[0], 6), round(centre[1], 6)), min(180.0, float(f"{width:.4g}"))


def _keep(work: Finished, name: str, content: bytes) -> None:
    path = work.tree / name
    path.parent.mkdir(parents=True, exist_ok=True)
    keep_file(work.tree, work.before, name, content)
