"""Sources read from the deepest tiles of a tree as clients read them, against what was planted and against
``reproject_exact``, which keeps fluxes."""

from __future__ import annotations

import io
import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cdshealpix.nested
import numpy as np
from astropy import units as u
from astropy.coordinates import Latitude, Longitude
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray
from reproject import reproject_exact  # type: ignore[import-untyped]

from benchmarks.hips_builds import Made, tile_file
from benchmarks.hips_fields import BEAM_PIXELS, ImageField, Source
from hips.tiles.files import unpacked
from hips.tiles.grid import STEPS, WIDTH, pixel_side

_BEAMS = 2.5
"""Round a source that are summed up."""
_WINDOW = 40
"""Pixels of a field round a source that the exact method is given."""

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Seen:
    """A source as it is found: its flux, and its centroid on the plane tangential at the true place, in
    degrees east and north of it."""

    flux: float
    east: float
    north: float


def compare(made: Made, fields: Sequence[ImageField]) -> dict[str, object]:
    """The most that fluxes (percent) and places (pixels of the field) are off, and their medians, against
    the truth and against the exact method. Each field is read at the order that it needs."""
    off: dict[str, list[tuple[float, float]]] = {"truth": [], "exact": []}
    for one in fields:
        for source in one.sources:
            seen = in_tiles(made.tree, one.order, one, source)
            planted = Seen(source.flux, 0.0, 0.0)
            for name, other in (("truth", planted), ("exact", by_exact_method(one, one.order, source))):
                away = math.hypot(seen.east - other.east, seen.north - other.north) / one.pixel_scale
                off[name].append((100.0 * abs(seen.flux / other.flux - 1.0), away))
    told: dict[str, object] = {"sources": len(off["truth"])}
    for name, pairs in off.items():
        for what, values in zip(("flux_percent", "place_pixels"), zip(*pairs)):
            told[f"{name}_{what}_median"] = round(statistics.median(values), 4)
            told[f"{name}_{what}_max"] = round(max(values), 4)
    return told


def in_tiles(tree: Path, order: int, field: ImageField, source: Source) -> Seen:
    """A source in the tiles of an order (HIPS-001, -020)."""
    radius = _BEAMS * BEAM_PIXELS * field.pixel_scale
    lon, lat = Longitude(source.ra, u.deg), Latitude(source.dec, u.deg)
    cells, _, _ = cdshealpix.nested.cone_search(lon, lat, radius * u.deg, order + STEPS, flat=True)
    cells = np.asarray(cells).astype(np.int64)
    values = np.full(len(cells), np.nan)
    for cell in np.unique(cells >> (2 * STEPS)).tolist():
        inside = cells >> (2 * STEPS) == cell
        tile = _tile(tree, order, cell)
        if tile is not None:
            east, west = _places(cells[inside])
            values[inside] = tile[WIDTH - 1 - east, west]
    ra, dec = cdshealpix.nested.healpix_to_lonlat(cells.astype(np.uint64), order + STEPS)
    return _seen(values, *_tangential(source, ra.deg, dec.deg), radius, order)


def by_exact_method(field: ImageField, order: int, source: Source) -> Seen:
    """A source on a tangential grid whose pixels are as large as those of tiles."""
    radius = _BEAMS * BEAM_PIXELS * field.pixel_scale
    wcs, pixels = WCS(fits.getheader(field.path)), fits.getdata(field.path)
    x, y = (round(float(each)) for each in wcs.all_world2pix(source.ra, source.dec, 0))
    rows, columns = (slice(max(0, at - _WINDOW), at + _WINDOW + 1) for at in (y, x))
    side = 2 * math.ceil(1.1 * radius / pixel_side(order)) + 1
    grid = WCS(naxis=2)
    grid.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    grid.wcs.crval = [source.ra, source.dec]
    grid.wcs.crpix = [(side + 1) / 2.0] * 2
    grid.wcs.cdelt = [-pixel_side(order), pixel_side(order)]
    values, _ = reproject_exact((pixels[rows, columns], wcs[rows, columns]), grid, shape_out=(side, side))
    up, across = np.mgrid[:side, :side] - (side - 1) / 2.0
    return _seen(values, -across * pixel_side(order), up * pixel_side(order), radius, order)


def _seen(values: Doubles, east: Doubles, north: Doubles, radius: float, order: int) -> Seen:
    counted = (np.hypot(east, north) < radius) & np.isfinite(values)
    held = values[counted]
    total = float(held.sum())
    flux = total * math.radians(pixel_side(order)) ** 2
    return Seen(flux, float(held @ east[counted]) / total, float(held @ north[counted]) / total)


def _tangential(source: Source, ra: Doubles, dec: Doubles) -> tuple[Doubles, Doubles]:
    """Degrees east and north of a source, for places near it."""
    turned, up, middle = np.radians(ra - source.ra), np.radians(dec), math.radians(source.dec)
    along = np.sin(middle) * np.sin(up) + np.cos(middle) * np.cos(up) * np.cos(turned)
    east = np.cos(up) * np.sin(turned) / along
    # cos(turned) = 1 - 2 sin^2(turned / 2), without which the difference is lost at 0.05 arcsec
    north = np.sin(up - middle) + 2.0 * np.sin(middle) * np.cos(up) * np.sin(turned / 2.0) ** 2
    return np.degrees(east), np.degrees(north / along)


def _places(cells: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Steps to the north-east and the north-west of pixels inside their tiles."""
    east, west = (
        sum((((cells >> (2 * bit + odd)) & 1) << bit for bit in range(STEPS)), np.zeros_like(cells))
        for odd in (0, 1)
    )
    return east, west


@lru_cache(maxsize=32)
def _tile(tree: Path, order: int, cell: int) -> Doubles | None:
    found = tile_file(tree, order, cell)
    if found is None:
        return None
    content = unpacked(found.read_bytes(), found.name)
    return np.asarray(fits.getdata(io.BytesIO(content)), dtype=np.float64)


def differences(one: Made, other: Made, order: int, most: int = 40) -> dict[str, object]:
    """How far tiles of two trees at one order differ, where both have values: the sources' peak is 1."""
    cells = sorted(set(_cells(one.tree, order)) & set(_cells(other.tree, order)))
    found = []
    for cell in cells[:: max(1, len(cells) // most)]:
        mine, theirs = _tile(one.tree, order, cell), _tile(other.tree, order, cell)
        assert mine is not None and theirs is not None
        away = np.abs(mine - theirs)
        found.append(away[np.isfinite(away)])
    away = np.concatenate(found)
    return {
        "tiles_in_both": len(cells),
        "pixels": len(away),
        "median": float(f"{np.median(away):.3g}"),
        "most": float(f"{away.max():.3g}"),
    }


def _cells(tree: Path, order: int) -> Iterator[int]:
    for path in tree.glob(f"Norder{order}/Dir*/Npix*.fits*"):
        yield int(path.name.partition(".")[0].removeprefix("Npix"))
