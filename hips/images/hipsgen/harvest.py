"""From the tiles of a run to parts: which tile is whose, and which of its pixels are data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from hips.images.errors import EngineFailed
from hips.images.field import Values
from hips.images.hipsgen.lots import Box
from hips.images.mapping import Mapping
from hips.tiles.grid import WIDTH
from vo_service.pixels.sky_plane import SkyPlane

_ALL = slice(0, WIDTH)

Flags = NDArray[np.bool_]
Layer = NDArray[np.float32]


def tile_path(tree: Path, order: int, cell: int) -> Path:
    """Where a tree has a tile, without its ending (HIPS-001)."""
    return tree / f"Norder{order}" / f"Dir{cell // 10000 * 10000}" / f"Npix{cell}"


def read_tile(tree: Path, order: int, cell: int) -> Values | None:
    """The pixels of a tile; None where there is none. Raises EngineFailed for one that is not whole."""
    path = tile_path(tree, order, cell).with_suffix(".fits")
    if not path.exists():
        return None
    try:
        data = fits.getdata(path)
    except (OSError, TypeError, ValueError) as error:
        raise EngineFailed(f"hipsgen left a tile that cannot be read ({path.name}: {error})") from error
    if data is None or data.shape != (WIDTH, WIDTH) or data.dtype.newbyteorder("=") != np.float32:
        raise EngineFailed(f"hipsgen left a tile that is not {WIDTH}x{WIDTH} floats ({path.name})")
    return np.asarray(data, dtype=np.float32)


def check_owner(tree: Path, order: int, cell: int, source: str) -> None:
    """Raises EngineFailed where the tool's index has any image but ``source`` on a cell: it would have added
    them up."""
    path = tile_path(tree / "HpxFinder", order, cell)
    if not path.exists():
        return
    named = {json.loads(line)["path"] for line in path.read_text(encoding="utf-8").splitlines() if line}
    if named - {source}:
        raise EngineFailed(f"hipsgen put {len(named)} fields onto tile {order}/{cell}, which one was to have")


def data_on(
    order: int, cell: int, sky: SkyPlane, size: tuple[int, int], box: Box, layers: Sequence[Layer]
) -> Flags:
    """Which pixels of a tile have numbers on all four pixels round them in all ``layers``, the pixels in
    ``box`` of an image of ``size``. Beyond the middles of the outermost pixels, up to their edges, it is
    these that count.

    The tool itself fills all that lies within a pixel of a number, beyond the last row and column too.
    """
    x, y = Mapping(sky, order, cell).places(_ALL, _ALL)
    with np.errstate(invalid="ignore"):
        found: Flags = (x >= -0.5) & (x <= size[0] - 0.5) & (y >= -0.5) & (y <= size[1] - 0.5)
    if not found.any():
        return found
    columns, rows = _beside(x[found], size[0]), _beside(y[found], size[1])
    window = tuple(slice(int(low.min()), int(high.max()) + 1) for low, high in (rows, columns))
    inside = tuple(slice(at.start - first, at.stop - first) for at, (first, _) in zip(window, reversed(box)))
    known = np.logical_and.reduce([np.isfinite(layer[inside]) for layer in layers])
    around = [known[row - window[0].start, column - window[1].start] for row in rows for column in columns]
    found[found] = np.logical_and.reduce(around)
    return found


def _beside(places: NDArray[np.float64], length: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The pixels of an axis before and behind places."""
    low, high = (np.clip(side(places), 0, length - 1).astype(np.int64) for side in (np.floor, np.ceil))
    return low, high
