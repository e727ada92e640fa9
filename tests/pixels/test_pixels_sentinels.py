"""Floats that equal a BLANK card, which the standard gives integers alone: no values, where they occur."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from vo_service.pixels import read_fits
from vo_service.pixels.blocks import PixelStream
from vo_service.pixels.sources import LocalFile


def read(path: Path) -> tuple[np.ndarray, PixelStream]:
    found = read_fits(LocalFile(path))
    image = found.image()
    assert image is not None
    stream = PixelStream(LocalFile(path), image, compressed=found.compressed, block_bytes=200)
    return np.concatenate([block.values.ravel() for block in stream]), stream


def values(dtype: str = "f4") -> np.ndarray:
    data = np.random.default_rng(1).normal(size=(9, 10)).astype(dtype)
    data[3:5, 2:7] = -999.0
    data[0, 0] = np.nan
    return data


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("blank", [-999, -999.0])
def test_sentinels_are_no_values_and_stay_in_the_hash(
    tmp_path: Path, dtype: str, blank: float, suffix: str
) -> None:
    hdu = fits.PrimaryHDU(values(dtype))
    hdu.header["BLANK"] = blank
    path = tmp_path / "a.fits"
    hdu.writeto(path, output_verify="ignore")
    if suffix:
        path = path.with_name("a.fits.gz")
        path.write_bytes(gzip.compress((tmp_path / "a.fits").read_bytes()))
    found, stream = read(path)
    expected = np.where(values(dtype) == -999.0, np.nan, values(dtype)).ravel()
    assert np.array_equal(found, expected, equal_nan=True)
    assert stream.blanked == 10
    assert stream.content_hash == hashlib.sha256(values(f">{dtype}").tobytes()).hexdigest()


def test_the_stored_value_counts_and_not_the_scaled_one(tmp_path: Path) -> None:
    hdu = fits.PrimaryHDU(np.array([[-999.0, 2.0], [10.0, -499.5]], np.float32))
    hdu.writeto(tmp_path / "a.fits")
    raw = (tmp_path / "a.fits").read_bytes()
    cards = b"BLANK   =                 -999".ljust(80) + b"BSCALE  =                  2.0".ljust(80)
    head, end = raw[:2880], raw.index(b"END" + b" " * 77)
    (tmp_path / "a.fits").write_bytes((head[:end] + cards + b"END").ljust(2880) + raw[2880:])
    found, stream = read(tmp_path / "a.fits")
    assert np.array_equal(found, [np.nan, 4.0, 20.0, -999.0], equal_nan=True)
    assert stream.blanked == 1


@pytest.mark.parametrize("blank", [0, 1, -1, 32768, None])
def test_what_maps_hold_or_never_hold_changes_nothing(tmp_path: Path, blank: int | None) -> None:
    data = np.array([[0.0, 1.0, -1.0], [np.nan, 5.0, -999.0]], np.float32)
    hdu = fits.PrimaryHDU(data)
    if blank is not None:
        hdu.header["BLANK"] = blank
    hdu.writeto(tmp_path / "a.fits", output_verify="ignore")
    found, stream = read(tmp_path / "a.fits")
    assert np.array_equal(found, data.ravel(), equal_nan=True)
    assert stream.blanked == 0


def test_tiles_of_floats_have_sentinels_too(tmp_path: Path) -> None:
    hdu = fits.CompImageHDU(values(), compression_type="GZIP_1", quantize_level=0.0)
    hdu.header["BLANK"] = -999
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(tmp_path / "a.fits.fz", output_verify="ignore")
    assert b"BLANK   =                 -999" in (tmp_path / "a.fits.fz").read_bytes()
    found, _ = read(tmp_path / "a.fits.fz")  # what unpacks the tiles has masked them before we see them
    assert np.array_equal(np.isnan(found), (np.isnan(values()) | (values() == -999.0)).ravel())
