"""Tile-compressed images: the pixels that astropy unpacks, and the hash of the plain file of the same."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from io import BytesIO, RawIOBase
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from astropy.io import fits

from vo_service.pixels import FitsError, read_fits
from vo_service.pixels.blocks import PixelStream
from vo_service.pixels.sources import LocalFile, Slice

LOSSLESS = [
    ("RICE_1", "u1"), ("RICE_1", "i2"), ("RICE_1", "i4"), ("GZIP_1", "i2"), ("GZIP_1", "f4"),
    ("GZIP_1", "f8"), ("GZIP_2", "f4"), ("GZIP_2", "i4"), ("PLIO_1", "i2"), ("NOCOMPRESS", "f4"),
    ("HCOMPRESS_1", "i2"),
]  # fmt: skip


def stream_of(source: LocalFile, **options: int) -> PixelStream:
    found = read_fits(source)
    image = found.image()
    assert image is not None
    return PixelStream(source, image, compressed=found.compressed, **options)


def read_all(stream: PixelStream) -> tuple[np.ndarray, str]:
    out = np.full((stream.shape.planes, stream.shape.rows, stream.shape.columns), -7.0)
    for block in stream:
        planes, rows, _ = block.values.shape
        out[block.plane : block.plane + planes, block.row : block.row + rows] = block.values
    return out, stream.content_hash


def write_pair(folder: Path, plain: fits.PrimaryHDU, **options: object) -> tuple[LocalFile, LocalFile]:
    """The same image plain and in tiles."""
    plain.writeto(folder / "plain.fits")
    with fits.open(folder / "plain.fits", do_not_scale_image_data=True) as hdus:
        packed = fits.CompImageHDU(hdus[0].data, hdus[0].header, do_not_scale_image_data=True, **options)
        fits.HDUList([fits.PrimaryHDU(), packed]).writeto(folder / "tiles.fits")
    return LocalFile(folder / "plain.fits"), LocalFile(folder / "tiles.fits")


@pytest.mark.parametrize("block_bytes", [1, 700, 1 << 20])
@pytest.mark.parametrize(("method", "dtype"), LOSSLESS)
def test_a_lossless_copy_has_the_pixels_and_the_hash_of_the_plain_file(
    tmp_path: Path, method: str, dtype: str, block_bytes: int
) -> None:
    shape = (2, 20, 33) if method != "HCOMPRESS_1" else (32, 33)
    data = np.random.default_rng(5).integers(0, 100, shape).astype(dtype)
    if dtype.startswith("f"):
        data[..., 3:5, :] = np.nan
    plain, tiles = write_pair(tmp_path, fits.PrimaryHDU(data), compression_type=method, quantize_level=0.0)
    assert read_fits(tiles).image().kind == "tile"
    pixels, content = read_all(stream_of(tiles, block_bytes=block_bytes))
    assert np.array_equal(pixels.reshape(shape), data, equal_nan=True)
    expected = hashlib.sha256(data.astype(data.dtype.newbyteorder(">")).tobytes()).hexdigest()
    assert content == expected == read_all(stream_of(plain))[1]


@pytest.mark.parametrize("tile", [(1, 1, 1, 33), (1, 3, 7, 10), (2, 3, 20, 33), (1, 1, 20, 5), (1, 2, 6, 33)])
@pytest.mark.parametrize("block_bytes", [1, 4000, 1 << 20])
def test_tiles_of_any_shape_give_the_same(tmp_path: Path, tile: tuple[int, ...], block_bytes: int) -> None:
    data = np.random.default_rng(6).normal(size=(2, 5, 20, 33)).astype("f4")
    plain, tiles = write_pair(
        tmp_path, fits.PrimaryHDU(data), compression_type="GZIP_1", quantize_level=0.0, tile_shape=tile
    )
    pixels, content = read_all(stream_of(tiles, block_bytes=block_bytes))
    assert np.array_equal(pixels.reshape(data.shape), data)
    assert content == read_all(stream_of(plain))[1]


def test_scale_zero_and_blank_are_applied_to_tiles(tmp_path: Path) -> None:
    plain = fits.PrimaryHDU(np.random.default_rng(1).integers(-5, 90, (30, 40)).astype(np.int16))
    plain.header.update(BSCALE=0.25, BZERO=7.0, BLANK=-5)
    whole, tiles = write_pair(tmp_path, plain, compression_type="RICE_1")
    with fits.open(tiles.path, mode="update", disable_image_compression=True) as hdus:
        hdus[1].header.update(BSCALE=0.25, BZERO=7.0)  # astropy leaves them out of what it packs
    expected, content = read_all(stream_of(whole))
    assert np.isnan(expected).any()
    pixels, again = read_all(stream_of(tiles))
    assert np.array_equal(pixels, expected, equal_nan=True)
    assert again == content


@pytest.mark.parametrize("dither", [-1, 1, 2])
def test_quantised_floats_have_the_hash_of_what_they_unpack_to(tmp_path: Path, dither: int) -> None:
    data = np.random.default_rng(2).normal(size=(3, 64, 50)).astype("f4")
    data[:, :10, :9] = np.nan
    data[:, 40, 40] = 0.0
    _, tiles = write_pair(
        tmp_path, fits.PrimaryHDU(data), compression_type="RICE_1", quantize_method=dither, dither_seed=12
    )
    with fits.open(tiles.path) as hdus:
        expected = hdus[1].data
    pixels, content = read_all(stream_of(tiles, block_bytes=5000))
    assert not np.array_equal(expected, data, equal_nan=True)
    assert np.array_equal(pixels, expected, equal_nan=True)
    assert content == hashlib.sha256(expected.astype(">f4").tobytes()).hexdigest()


class OneWay(RawIOBase):
    """A stream that cannot seek."""

    def __init__(self, data: bytes) -> None:
        self._data = BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:
        return self._data.readinto(buffer)


class Pipe(LocalFile):
    """A file that can be read from the start alone."""

    def open(self) -> BinaryIO:
        return OneWay(self.path.read_bytes())


@pytest.fixture
def tiles(tmp_path: Path) -> Iterator[LocalFile]:
    data = np.random.default_rng(9).integers(0, 999, (4, 60, 70)).astype(np.int32)
    yield write_pair(tmp_path, fits.PrimaryHDU(data), compression_type="RICE_1")[1]


def test_tiles_in_gzip_in_a_tar_or_in_a_stream_without_seek_are_read_too(
    tiles: LocalFile, tmp_path: Path
) -> None:
    expected = read_all(stream_of(tiles))
    packed = tmp_path / "tiles.fits.gz"
    packed.write_bytes(gzip.compress(tiles.path.read_bytes()))
    inside = tmp_path / "member.tar"
    inside.write_bytes(bytes(512) + tiles.path.read_bytes() + bytes(1024))
    member = Slice(LocalFile(inside), 512, tiles.path.stat().st_size, tiles.name)
    for source in (LocalFile(packed), Pipe(tiles.path), member):
        pixels, content = read_all(stream_of(source))
        assert np.array_equal(pixels, expected[0]) and content == expected[1]


def test_a_damaged_tile_is_named(tiles: LocalFile) -> None:
    stream = stream_of(tiles)
    raw = bytearray(tiles.path.read_bytes())
    table = raw.index(b"XTENSION")
    start = raw.index(b"END     ", table) // 2880 * 2880 + 2880
    raw[start : start + 16 * 240] = b"\x7f" * 16 * 240  # descriptors that lead out of the heap
    tiles.path.write_bytes(raw)
    with pytest.raises(FitsError) as caught:
        list(stream)
    assert caught.value.kind in ("unreadable", "truncated")
    assert tiles.name in caught.value.message


def test_a_tile_too_large_for_memory_is_refused(tmp_path: Path) -> None:
    data = np.zeros((8, 9), np.float32)
    packed = fits.CompImageHDU(data, compression_type="GZIP_1", quantize_level=0.0)
    path = tmp_path / "a.fits"
    fits.HDUList([fits.PrimaryHDU(), packed]).writeto(path)
    raw = path.read_bytes()
    for key, value in (("ZNAXIS1", 20000), ("ZTILE1", 20000), ("ZNAXIS2", 20000), ("ZTILE2", 20000)):
        at = raw.index(f"{key:<8}=".encode())
        raw = raw[:at] + f"{key:<8}= {value:>20}".encode() + raw[at + 30 :]
    path.write_bytes(raw)
    with pytest.raises(FitsError, match="20000 x 20000 pixels") as caught:
        list(stream_of(LocalFile(path)))
    assert caught.value.kind == "too_large"
