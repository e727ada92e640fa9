"""Blocks of pixels: the same values as astropy's, the hash of the stored bytes, honest failures."""

from __future__ import annotations

import gzip
import hashlib
import os
import tracemalloc
from math import prod
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from vo_service.pixels import FitsError, read_fits
from vo_service.pixels.blocks import PixelStream, Shape, cut_blocks
from vo_service.pixels.sources import LocalFile


def stream_of(path: Path, **options: int) -> PixelStream:
    found = read_fits(LocalFile(path))
    image = found.image()
    assert image is not None
    return PixelStream(LocalFile(path), image, compressed=found.compressed, **options)


def whole(stream: PixelStream) -> np.ndarray:
    shape = stream.shape
    out = np.full((shape.planes, shape.rows, shape.columns), -7.0)
    for block in stream:
        planes, rows, _ = block.values.shape
        assert np.array_equal(block.finite, np.isfinite(block.values))
        out[block.plane : block.plane + planes, block.row : block.row + rows] = block.values
    return out


def stored_hash(path: Path) -> str:
    data = gzip.decompress(path.read_bytes()) if path.name.endswith(".gz") else path.read_bytes()
    image = read_fits(LocalFile(path)).image()
    assert image is not None
    size = prod(image.axes) * abs(image.bitpix) // 8
    return hashlib.sha256(data[image.data_offset : image.data_offset + size]).hexdigest()


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("block_bytes", [1, 50, 300, 2000, 1 << 20])
@pytest.mark.parametrize("dtype", ["u1", "i2", "i4", "i8", "f4", "f8"])
def test_blocks_hold_what_astropy_reads(tmp_path: Path, dtype: str, block_bytes: int, suffix: str) -> None:
    data = np.random.default_rng(3).uniform(0, 100, (2, 3, 6, 5)).astype(dtype)
    path = tmp_path / f"a.fits{suffix}"
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(data)]).writeto(path)
    stream = stream_of(path, block_bytes=block_bytes)
    assert np.array_equal(whole(stream).reshape(data.shape), data)
    assert stream.content_hash == stored_hash(path)


def test_scale_zero_and_blank_are_applied(tmp_path: Path) -> None:
    hdu = fits.PrimaryHDU(np.array([[1, -5, 7], [0, 2, 3]], np.int16))
    hdu.header.update(BSCALE=0.5, BZERO=10.0, BLANK=-5)
    hdu.writeto(tmp_path / "a.fits")
    with fits.open(tmp_path / "a.fits") as hdus:
        expected = hdus[0].data
    assert np.array_equal(whole(stream_of(tmp_path / "a.fits"))[0], expected, equal_nan=True)


def rewritten(path: Path, key: str, text: str) -> Path:
    """The file with ``text`` behind the equals sign of a card, which astropy would not write."""
    raw = path.read_bytes()
    at = next(i for i in range(0, len(raw), 80) if raw[i : i + 8] == f"{key:<8}".encode())
    path.write_bytes(raw[:at] + f"{key:<8}= {text}".ljust(80).encode() + raw[at + 80 :])
    return path


@pytest.mark.parametrize("kind", ["u1", "i2", "i4", "f4"])
@pytest.mark.parametrize(
    ("key", "text", "told"),
    [
        ("BSCALE", "'abc'", "BSCALE is 'abc'"),
        ("BSCALE", "1.2.3", "BSCALE is written '1.2.3'"),
        ("BSCALE", "0.0", "BSCALE is 0"),
        ("BZERO", "'none'", "BZERO is 'none'"),
    ],
)
def test_a_scale_that_is_none_is_told_and_not_replaced(
    tmp_path: Path, kind: str, key: str, text: str, told: str
) -> None:
    hdu = fits.PrimaryHDU(np.zeros((3, 4), kind))
    hdu.header["MARK"] = 1
    hdu.writeto(tmp_path / "a.fits")
    raw = (tmp_path / "a.fits").read_bytes().replace(b"MARK    ", f"{key:<8}".encode())
    (tmp_path / "a.fits").write_bytes(raw)
    with pytest.raises(FitsError, match=told) as caught:
        stream_of(rewritten(tmp_path / "a.fits", key, text))
    assert (caught.value.kind, caught.value.item) == ("bad_header", key)


@pytest.mark.parametrize("text", ["'abc'", "'-5'", "-5.0", "-5.5", "40000", "-32769", "T", "1.2.3"])
def test_a_blank_value_that_no_pixel_can_have_is_told_and_not_dropped(tmp_path: Path, text: str) -> None:
    hdu = fits.PrimaryHDU(np.zeros((3, 4), np.int16))
    hdu.header["BLANK"] = -5
    hdu.writeto(tmp_path / "a.fits")
    with pytest.raises(FitsError, match="from -32768 to 32767") as caught:
        stream_of(rewritten(tmp_path / "a.fits", "BLANK", text))
    assert (caught.value.kind, caught.value.item) == ("bad_header", "BLANK")


def test_a_blank_value_of_bytes_is_from_0_to_255_and_an_empty_card_says_nothing(tmp_path: Path) -> None:
    hdu = fits.PrimaryHDU(np.arange(12, dtype=np.uint8).reshape(3, 4))
    hdu.header["BLANK"] = 7
    hdu.writeto(tmp_path / "a.fits")
    assert np.isnan(whole(stream_of(tmp_path / "a.fits"))).sum() == 1
    assert np.isfinite(whole(stream_of(rewritten(tmp_path / "a.fits", "BLANK", "")))).all()
    with pytest.raises(FitsError, match="from 0 to 255"):
        stream_of(rewritten(tmp_path / "a.fits", "BLANK", "-1"))


def test_unsigned_integers_come_back(tmp_path: Path) -> None:
    data = np.array([[0, 40000], [65535, 1]], np.uint16)
    fits.PrimaryHDU(data).writeto(tmp_path / "a.fits")
    assert np.array_equal(whole(stream_of(tmp_path / "a.fits"))[0], data)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_file_cut_off_after_its_header_was_read_is_truncated(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.fits{suffix}"
    fits.PrimaryHDU(np.random.default_rng(1).normal(size=(40, 50))).writeto(path)
    stream = stream_of(path)
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(FitsError, match="ends") as caught:
        list(stream)
    assert caught.value.kind == "truncated"


def test_a_damaged_gzip_stream_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.fits.gz"
    fits.PrimaryHDU(np.random.default_rng(1).normal(size=(40, 50))).writeto(path)
    stream = stream_of(path)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2 : len(raw) // 2 + 200] = bytes(200)
    path.write_bytes(raw)
    with pytest.raises(FitsError) as caught:
        list(stream)
    assert caught.value.kind in ("not_gzip", "truncated")


def test_a_file_that_changes_while_it_is_read_is_told(make_fits) -> None:
    path = make_fits(shape=(4, 10, 10))
    stream = stream_of(path, block_bytes=400)
    with pytest.raises(FitsError) as caught:
        for block in stream:
            if block.plane == 1:
                os.utime(path, ns=(1, 1))
    assert caught.value.kind == "changed"
    with pytest.raises(ValueError, match="last block"):
        _ = stream.content_hash


@pytest.mark.parametrize("shape", [None, (0, 5)])
def test_what_holds_no_image_is_refused(tmp_path: Path, shape: tuple[int, ...] | None) -> None:
    path = tmp_path / "a.fits"
    fits.PrimaryHDU(None if shape is None else np.zeros(shape)).writeto(path)
    with pytest.raises(FitsError, match="no image"):
        PixelStream(LocalFile(path), read_fits(LocalFile(path)).hdus[0], compressed=False)


def test_memory_stays_flat(make_fits) -> None:
    path = make_fits(shape=(30, 512, 512))
    stream = stream_of(path, block_bytes=1 << 20)
    tracemalloc.start()
    for _ in stream:
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * (1 << 20)


@given(st.tuples(*[st.integers(1, 9)] * 3), st.integers(1, 400), st.integers(1, 4), st.integers(1, 4))
def test_blocks_of_tiles_cover_the_image_once_in_order(
    shape: tuple[int, int, int], block_bytes: int, plane_step: int, row_step: int
) -> None:
    columns, rows, planes = shape
    seen: list[int] = []
    for plane, row, plane_count, row_count in cut_blocks(
        Shape(columns, rows, planes), block_bytes, 4, plane_step, row_step
    ):
        assert row % row_step == 0
        assert plane_count == 1 or plane % plane_step == 0
        start = plane * rows + row
        seen.extend(range(start, start + plane_count * row_count))
    assert seen == list(range(rows * planes))


@given(st.tuples(*[st.integers(1, 9)] * 3), st.integers(1, 400))
def test_blocks_cover_the_image_once_in_order(shape: tuple[int, int, int], block_bytes: int) -> None:
    columns, rows, planes = shape
    seen: list[int] = []
    for plane, row, plane_count, row_count in cut_blocks(Shape(columns, rows, planes), block_bytes, 4):
        assert plane_count == 1 or (row, row_count) == (0, rows)
        size = plane_count * row_count * columns * 4
        assert size <= block_bytes or (plane_count, row_count) == (1, 1)
        start = plane * rows + row
        seen.extend(range(start, start + plane_count * row_count))
    assert seen == list(range(rows * planes))
