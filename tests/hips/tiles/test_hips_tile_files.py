"""FITS tiles as astropy reads them, their WCS as astropy understands it."""

from __future__ import annotations

import gzip
import io
import warnings

import cdshealpix.nested
import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from hips.tiles.files import (
    as_kept,
    fits_tile,
    kept_file,
    read_tile,
    tile_values,
    unit_of,
    unpacked,
    wcs_cards,
)
from hips.tiles.grid import pixel_cells
from vo_service.pixels.fits_header import FitsError
from vo_service.sky import unit_vectors


def some_values(seed: int = 1) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=(512, 512)).astype(np.float32)
    values[:40, 7:90] = np.nan
    return values


def test_a_tile_is_a_file_that_astropy_reads():
    # HIPS-023, HIPS-025, HIPS-027
    values = some_values()
    content = fits_tile(14, 1234567, values, "MJy/sr km/s")
    assert len(content) % 2880 == 0
    with warnings.catch_warnings(), fits.open(io.BytesIO(content)) as hdus:
        warnings.simplefilter("error")
        hdus.verify("exception")
        assert len(hdus) == 1
        header = hdus[0].header
        np.testing.assert_array_equal(hdus[0].data, values)
    assert [header[key] for key in ("BITPIX", "NAXIS", "NAXIS1", "NAXIS2")] == [-32, 2, 512, 512]
    assert (header["ORDER"], header["NPIX"], header["BUNIT"]) == (14, 1234567, "MJy/sr km/s")
    assert "BLANK" not in header
    assert unit_of(content) == "MJy/sr km/s"
    assert unit_of(fits_tile(3, 1, values, "")) == ""
    assert unit_of(fits_tile(3, 1, values, "it's")) == "it's"
    with pytest.raises(ValueError, match="too long"):
        fits_tile(3, 1, values, "x" * 80)


def tiles_of_all_base_cells() -> list[tuple[int, int]]:
    rng = np.random.default_rng(3)
    found = [(0, base) for base in range(12)]
    for base in range(12):
        for order in (1, 5, 13, 20):
            found += [(order, (base << 2 * order) + int(at)) for at in rng.integers(0, 4**order, 3)]
    return found


def test_the_wcs_of_a_tile_agrees_with_its_pixels_at_corners_and_middle():
    # HIPS-024, CHK-H11: within 1e-6 of a pixel
    at = np.array([0, 255, 511])
    without = 0
    for order, cell in tiles_of_all_base_cells():
        cards = wcs_cards(order, cell)
        if not cards:
            without += 1
            continue
        lon, lat = cdshealpix.nested.healpix_to_lonlat(
            pixel_cells(order, cell, at[:, None], at[None, :]).ravel(), order + 9
        )
        x, y = WCS(fits.Header(cards)).all_world2pix(lon.deg, lat.deg, 0)
        rows, columns = (part.ravel() for part in np.meshgrid(at, at, indexing="ij"))
        slack = max(1e-6, 1e-14 * (512 << order))  # there are no more digits
        assert np.abs(x - columns).max() < slack, (order, cell)
        assert np.abs(y - rows).max() < slack, (order, cell)
    assert 0 < without < 10


def test_only_tiles_astride_180_degrees_in_base_cell_6_have_no_wcs():
    # HIPS-024: their cards would hold for half of the pixels only
    for order, cell in [*tiles_of_all_base_cells(), (2, 111), (2, 108), (2, 97)]:
        at = np.array([0, 511])
        lon, lat = cdshealpix.nested.healpix_to_lonlat(
            pixel_cells(order, cell, at[:, None], at[None, :]).ravel(), order + 9
        )
        xyz = unit_vectors(lon.deg, lat.deg)
        astride = (
            cell >> 2 * order == 6
            and (xyz[:, 0] < 0).all()
            and xyz[:, 1].min() < -1e-12 < 1e-12 < xyz[:, 1].max()
        )
        assert (wcs_cards(order, cell) == []) == astride, (order, cell)


def test_known_cards():
    # HIPS-024: tile 0/7 and tile 5/5703 of hipsgen and reproject
    cards = dict(wcs_cards(0, 7))
    assert (cards["CRPIX1"], cards["CRPIX2"]) == (-255.5, -255.5)
    assert (cards["CD1_1"], cards["CD2_1"]) == (-8.7890625e-02, 8.7890625e-02)
    cards = dict(wcs_cards(5, 5703))
    assert (cards["CRPIX1"], cards["CRPIX2"]) == (15872.5, 14336.5)


def test_what_is_mostly_blank_is_kept_compressed_and_read_alike(tmp_path):
    # HIPS-030: on the disk only; the bytes that are served are those of the plain file
    values = some_values()
    content = fits_tile(5, 77, values, "K")
    names = []
    for cell, blank in ((77, 0.1), (78, 0.9)):
        name, kept = as_kept(f"Npix{cell}.fits", content, blank)
        (tmp_path / name).write_bytes(kept)
        names.append(name)
    assert names == ["Npix77.fits", "Npix78.fits.gz"]
    plain, packed = (tmp_path / name for name in names)
    assert gzip.decompress(packed.read_bytes()) == plain.read_bytes() == content
    assert unpacked(packed.read_bytes(), "x") == content
    for name, path in (("Npix77.fits", plain), ("Npix78.fits", packed)):
        assert kept_file(tmp_path / name) == path
        np.testing.assert_array_equal(read_tile(tmp_path / name), values)
    assert kept_file(tmp_path / "Npix79.fits") is None
    with pytest.raises(FileNotFoundError):
        read_tile(tmp_path / "Npix79.fits")
    assert as_kept("Npix80.fits", content, 0.9)[1] == packed.read_bytes()  # no time, no name in it


def test_files_that_are_no_tiles_are_told(tmp_path):
    content = fits_tile(5, 77, some_values(), "K")
    for wrong in (b"", b"no file", content[:500_000], gzip.compress(content)[:1000]):
        with pytest.raises(FitsError, match=r"Npix1\.fits"):
            tile_values(wrong, "Npix1.fits")
