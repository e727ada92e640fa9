"""The checks CHK-H01 to -H14 on an image tree, whatever hands out its files."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cdshealpix.nested
import mocpy
import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from PIL import Image

from hips.tiles.files import PACKED, kept_file, unpacked
from hips.trees.held import Held, read_held
from hips.trees.layout import TileName, parse_name
from hips.trees.versions import Build
from hips.trees.virtual import VirtualTile, find_tile

Get = Callable[[str], bytes | None]
"""The file of a path below the root of a tree; None for 404."""
MANDATORY = {
    "creator_did", "obs_title", "dataproduct_type", "hips_version", "hips_release_date", "hips_status",
    "hips_tile_format", "hips_order", "hips_frame",
}  # fmt: skip
MAY_REPEAT = {
    "prov_progenitor",
    "bib_reference",
    "bib_reference_url",
    "obs_regime",
    "data_ucd",
    "hips_history",
}
MAGIC = {"png": b"\x89PNG\r\n\x1a\n", "fits": b"SIMPLE  =                    T"}


def served_by(build: Build) -> Get:
    """Files of a build as a server hands them out: unpacked, and tiles below leaves made of these."""
    held = read_held(build.directory)
    deepest = int(dict(pairs_of((build.tree / "properties").read_bytes()))["hips_order"])
    return lambda path: _served(build.tree, held, deepest, path)


def _served(tree: Path, held: Held, deepest: int, path: str) -> bytes | None:
    name = parse_name(path)
    if isinstance(name, TileName):
        found = find_tile(tree, held, deepest, name)
        if found is None:
            return None
        if isinstance(found, VirtualTile):
            return found.make()
        file: Path | None = found.path
    else:
        file = kept_file(tree / path)
    if file is None:
        return None
    content = file.read_bytes()
    return unpacked(content, path) if file.name.endswith(PACKED) else content


def pairs_of(content: bytes) -> list[tuple[str, str]]:
    """CHK-H01: text in UTF-8, each line a comment, blank, or a pair."""
    pairs = []
    for line in content.decode("utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            key, equals, value = line.partition("=")
            assert equals, line
            assert re.fullmatch(r"[\w.-]+", key.strip()), line
            pairs.append((key.strip(), value.strip()))
    return pairs


@dataclass
class CheckedTree:
    """What checks need of a tree, read as a client reads it."""

    get: Get
    rng: np.random.Generator

    def __post_init__(self) -> None:
        content = self.get("properties")
        assert content is not None
        self.pairs = pairs_of(content)
        self.told = dict(self.pairs)
        self.order = int(self.told["hips_order"])
        moc = self.get("Moc.fits")
        assert moc is not None
        self.moc_file = moc
        self.moc = mocpy.MOC.from_fits(io.BytesIO(moc))

    def all(self) -> None:
        """All that hold for any tree."""
        self.properties()
        self.coverage()
        self.presence()
        self.absence()
        self.children()
        self.tiles()
        self.pictures()
        self.wcs()
        self.parents()
        self.allsky()
        self.root()

    def covered(self, order: int, count: int) -> list[int]:
        """Cells at an order that the coverage meets, drawn at random."""
        moc = self.moc.degrade_to_order(order) if order < self.moc.max_order else self.moc
        ranges = moc.to_depth29_ranges.astype(np.int64)
        weights = (ranges[:, 1] - ranges[:, 0]) / (ranges[:, 1] - ranges[:, 0]).sum()
        picks = self.rng.choice(len(ranges), count, p=weights)
        return [int(self.rng.integers(*ranges[at])) >> 2 * (29 - order) for at in picks]

    def tile(self, order: int, cell: int, extension: str) -> bytes | None:
        return self.get(f"Norder{order}/Dir{cell // 10000 * 10000}/Npix{cell}.{extension}")

    def values(self, order: int, cell: int) -> np.ndarray:
        content = self.tile(order, cell, "fits")
        assert content is not None, (order, cell)
        return np.asarray(fits.getdata(io.BytesIO(content)))

    def properties(self) -> None:
        """CHK-H02 to -H04."""
        assert self.told.keys() >= MANDATORY
        once = [key for key, _ in self.pairs if key not in MAY_REPEAT]
        assert len(once) == len(set(once))
        assert re.fullmatch(r"ivo://[\w.-]+/\S+", self.told["creator_did"])
        for key in ("hips_release_date", "hips_creation_date"):
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\dZ", self.told[key])
        assert self.told["hips_status"].split() == ["public", "master", "clonableOnce"]
        assert set(self.told["hips_tile_format"].split()) == {"png", "fits"}
        assert 3 <= self.order <= 20
        assert (self.told["hips_tile_width"], self.told["hips_frame"]) == ("512", "equatorial")
        assert (self.told["hips_version"], self.told["dataproduct_type"]) == ("1.4", "image")
        low, high = (float(part) for part in self.told["hips_pixel_cut"].split())
        assert low < high
        assert 0 < float(self.told["moc_sky_fraction"]) <= 1
        assert 0 < len(self.told["obs_title"]) <= 130
        assert int(self.told["hips_estsize"]) > 0
        assert self.told["hips_order_min"] == "0"

    def coverage(self) -> None:
        """CHK-H05 and the rows of MOC files."""
        with fits.open(io.BytesIO(self.moc_file)) as hdus:
            hdus.verify("exception")
            header, data = hdus[1].header, hdus[1].data
            assert len(hdus) == 2
            assert (header["ORDERING"], header["COORDSYS"], header["MOCVERS"]) == ("NUNIQ", "C", "2.0")
            assert header["MOCORD_S"] == header["MOCORDER"] == self.moc.max_order
            assert (np.diff(data["UNIQ"].astype(np.int64)) > 0).all()
        assert self.order <= self.moc.max_order <= min(29, self.order + 9)  # HIPS-081
        assert float(self.told["moc_sky_fraction"]) == pytest_approx(self.moc.sky_fraction)

    def presence(self) -> None:
        """CHK-H06: at 20 covered cells each format is there at hips_order and at each order above."""
        for cell in self.covered(self.order, 20):
            for order in range(self.order, -1, -1):
                for extension, magic in MAGIC.items():
                    content = self.tile(order, cell >> 2 * (self.order - order), extension)
                    assert content is not None, (order, cell)
                    assert content.startswith(magic)

    def absence(self) -> None:
        """CHK-H08: no tile outside the coverage, at any order."""
        for order in (3, self.order):
            held = (
                set(self.moc.degrade_to_order(order).flatten().tolist())
                if order < self.moc.max_order
                else set()
            )
            if not held or len(held) > 10**6:
                continue
            near = [cell ^ flip for cell in list(held)[:50] for flip in (1, 2, 3, 4, 64)]
            far = self.rng.integers(0, 12 << 2 * order, 20).tolist()
            for cell in set(near + far) - held:
                assert self.tile(order, cell, "fits") is None, (order, cell)
                assert self.tile(order, cell, "png") is None, (order, cell)

    def children(self) -> None:
        """CHK-H09: each child of a tile that the coverage meets is there, and none below hips_order."""
        for order in range(self.order):
            for cell in self.covered(order, 5):
                for child in range(4 * cell, 4 * cell + 4):
                    inside = self.meets(order + 1, child)
                    assert (self.tile(order + 1, child, "fits") is not None) == inside, (order + 1, child)
        for cell in self.covered(self.order, 5):
            assert self.tile(self.order + 1, 4 * cell, "fits") is None

    def meets(self, order: int, cell: int) -> bool:
        one = mocpy.MOC.from_healpix_cells(
            np.array([cell], np.uint64), np.array([order], np.uint8), max_depth=max(order, self.moc.max_order)
        )
        return not one.intersection(self.moc).empty()

    def tiles(self) -> None:
        """CHK-H07, -H13: one width, one BITPIX; what is blank is NaN; none without data where nothing is
        repeated."""
        blank = 0.0
        for order in {0, 3, self.order // 2, self.order}:
            for cell in self.covered(order, 5):
                with fits.open(io.BytesIO(self.tile(order, cell, "fits"))) as hdus:
                    header, values = hdus[0].header, hdus[0].data
                assert values.shape == (512, 512)
                assert header["BITPIX"] == int(self.told["hips_pixel_bitpix"]) == -32
                assert (header["ORDER"], header["NPIX"]) == (order, cell)
                assert header.get("BUNIT") == self.told.get("hips_bunit")
                blank += float(np.isnan(values).mean())
        assert blank > 0.0

    def pictures(self) -> None:
        """CHK-H10: a picture is the cut tile, turned once; transparent exactly where there are no data."""
        low, high = (float(part) for part in self.told["hips_pixel_cut"].split())
        softening = float(re.search(r"asinh\(v / ([\d.e+-]+)\)", self.told["hips_processing"]).group(1))
        first, last = np.arcsinh(low / softening), np.arcsinh(high / softening)
        for order in {self.order, max(0, self.order - 4), 3}:
            for cell in self.covered(order, 6):
                values = self.values(order, cell).astype(np.float64)
                picture = Image.open(io.BytesIO(self.tile(order, cell, "png")))
                seen = np.asarray(picture.convert("RGBA")).astype(int)
                assert seen.shape == (512, 512, 4)
                turned = values[::-1]
                np.testing.assert_array_equal(seen[..., 3] == 0, np.isnan(turned))
                known = ~np.isnan(turned)
                share = (np.arcsinh(turned[known] / softening) - first) / (last - first)
                greys = np.floor(1 + 254 * np.clip(share, 0, 1))
                assert (np.abs(seen[..., 0][known] - greys) <= 1).all()
                assert (seen[..., 0] == seen[..., 2]).all()

    def wcs(self) -> None:
        """CHK-H11."""
        at = np.array([0, 200, 511])
        for order in {3, self.order}:
            for cell in self.covered(order, 4):
                header = fits.getheader(io.BytesIO(self.tile(order, cell, "fits")))
                if "CTYPE1" not in header:
                    assert cell >> 2 * order == 6
                    continue
                lon, lat = tile_positions(order, cell, at, at)
                x, y = WCS(header).all_world2pix(lon.ravel(), lat.ravel(), 0)
                rows, columns = (part.ravel() for part in np.meshgrid(at, at, indexing="ij"))
                assert np.abs(x - columns).max() < 1e-5
                assert np.abs(y - rows).max() < 1e-5

    def parents(self) -> None:
        """CHK-H12: pixels are means of those of the children that have a value."""
        for order in range(self.order):
            for cell in self.covered(order, 2):
                parent = self.values(order, cell)
                truth = np.full((512, 512), np.nan)
                for child in range(4):
                    if self.tile(order + 1, 4 * cell + child, "fits") is None:
                        continue
                    values = self.values(order + 1, 4 * cell + child).astype(np.float64)
                    four = np.stack([values[a::2, b::2] for a in (0, 1) for b in (0, 1)])
                    count = (~np.isnan(four)).sum(axis=0)
                    mean = np.where(count > 0, np.nansum(four, axis=0) / np.maximum(count, 1), np.nan)
                    # ix grows to the north-east (even bits) against the rows, iy along the columns
                    row = 0 if child & 1 else 256
                    column = 256 if child & 2 else 0
                    truth[row : row + 256, column : column + 256] = mean
                np.testing.assert_array_equal(np.isnan(parent), np.isnan(truth))
                known = ~np.isnan(truth)
                scale = np.abs(truth[known]).max(initial=0.0)
                np.testing.assert_allclose(parent[known], truth[known], rtol=1e-5, atol=1e-6 * scale)

    def allsky(self) -> None:
        """CHK-H14."""
        stored = np.asarray(fits.getdata(io.BytesIO(self.get("Norder3/Allsky.fits"))))
        picture = Image.open(io.BytesIO(self.get("Norder3/Allsky.png")))
        assert stored.shape == (29 * 64, 27 * 64)
        assert picture.size == (27 * 64, 29 * 64)
        alpha = np.asarray(picture.convert("RGBA"))[..., 3]
        np.testing.assert_array_equal(alpha == 0, np.isnan(stored[::-1]))
        held = {cell for cell in range(768) if self.meets(3, cell)}
        for cell in range(768):
            row = stored.shape[0] - 64 * (cell // 27 + 1)
            place = stored[row : row + 64, 64 * (cell % 27) : 64 * (cell % 27 + 1)]
            if cell not in held:
                assert np.isnan(place).all()
                continue
            values = self.values(3, cell).astype(np.float64).reshape(64, 8, 64, 8)
            count = (~np.isnan(values)).sum(axis=(1, 3))
            np.testing.assert_array_equal(np.isnan(place), count == 0)
            mean = np.nansum(values, axis=(1, 3)) / np.maximum(count, 1)
            full = count == 64
            np.testing.assert_allclose(place[full], mean[full], rtol=1e-4, atol=1e-5 * np.abs(mean).max())

    def root(self) -> None:
        """CHK-H15: preview and page."""
        preview = self.get("preview.jpg")
        assert preview is not None
        with Image.open(io.BytesIO(preview)) as picture:
            assert (picture.format, picture.size) == ("JPEG", (256, 256))
        page = self.get("index.html").decode("utf-8")
        assert page.startswith("<!DOCTYPE html>")
        assert "<script" not in page
        assert "//" not in page.replace("ivo://", "").replace("<!--", "")


def tile_positions(
    order: int, cell: int, rows: np.ndarray, columns: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Longitudes and latitudes, degrees, of pixels of a tile by the rule of HIPS-020 and cdshealpix."""
    east, west = 511 - rows[:, None] + 0 * columns, columns[None, :] + 0 * rows[:, None]
    within = sum(((east >> bit & 1) << 2 * bit) | ((west >> bit & 1) << 2 * bit + 1) for bit in range(9))
    lon, lat = cdshealpix.nested.healpix_to_lonlat((cell << 18) + within, order + 9)
    return lon.deg, lat.deg


def pytest_approx(value: float) -> object:
    """Within a hundredth (CHK-H05), for values of any size."""
    import pytest

    return pytest.approx(value, rel=0.01)
