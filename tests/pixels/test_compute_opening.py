"""The same image kept in every way gives the same cut, byte for byte, and the same values."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from astropy.io import fits
from compute_files import opened, written
from hypothesis import given
from hypothesis import strategies as st
from test_cutout_beams import table_of
from test_cutout_files import cut_of

from vo_service.pixels import FitsError, read_fits
from vo_service.pixels.compute import opening
from vo_service.pixels.compute.cutting import cut_stored
from vo_service.pixels.compute.opening import open_unpacked, reader_of
from vo_service.pixels.compute.unpacked import Pieces, ReadOn, Requests
from vo_service.pixels.cutout.box import Box
from vo_service.pixels.cutout.cards import text_cards
from vo_service.pixels.held import HeldFile
from vo_service.pixels.packed_tars import PackedMember, PackedTar
from vo_service.pixels.sources import ByteSource, LocalFile, Slice
from vo_service.pixels.streams import Passing, Ranges

AXES = (23, 19, 14)


@dataclass(frozen=True)
class Far:
    """What lies behind requests, counted, or can only be read on."""

    path: Path
    jumps: bool
    asked: list[int] = field(default_factory=list)
    name: str = "a.fits"
    size: int | None = None

    def read_at(self, offset: int, length: int) -> bytes:
        self.asked.append(length)
        return LocalFile(self.path).read_at(offset, length)

    def open(self) -> BinaryIO:
        if self.jumps:
            return io.BufferedReader(Ranges(self.read_at, self.path.stat().st_size))
        stream = self.path.open("rb")
        return io.BufferedReader(Passing(stream.read, stream.close))

    def state(self) -> tuple[object, ...]:
        return ("always the same",)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kept")
    cube = fits.PrimaryHDU(np.random.default_rng(2).normal(size=AXES[::-1]).astype(">f4"))
    for number, name in enumerate(("RA---SIN", "DEC--SIN", "FREQ"), 1):
        cube.header[f"CTYPE{number}"], cube.header[f"CRPIX{number}"] = name, 3.0
    cube.header["CASAMBM"] = True
    fits.HDUList([cube, table_of(AXES[2], 1)]).writeto(folder / "a.fits")
    content = (folder / "a.fits").read_bytes()
    (folder / "a.fits.gz").write_bytes(gzip.compress(content, 6))
    with tarfile.open(folder / "a.tar", "w") as tar, tarfile.open(folder / "a.tgz", "w:gz") as packed:
        for each in (tar, packed):
            each.add(folder / "a.fits", "b/a.fits")
            each.add(folder / "a.fits.gz", "b/a.fits.gz")
    return folder / "a.fits"


def member_of(path: Path, name: str, packing: str | None) -> ByteSource:
    with tarfile.open(path) as tar:
        found = tar.getmember(name)
    if packing is None:
        return Slice(LocalFile(path), found.offset_data, found.size, name)
    return PackedMember(PackedTar(LocalFile(path), packing), found.offset_data, found.size, name)


KEPT: dict[str, Callable[[Path], ByteSource]] = {
    "plain": LocalFile,
    "held": lambda path: HeldFile(os.open(path, os.O_RDONLY), path.name, 0, path.stat().st_size),
    "gzip": lambda path: LocalFile(path.with_name("a.fits.gz")),
    "member": lambda path: member_of(path.with_name("a.tar"), "b/a.fits", None),
    "gzip member": lambda path: member_of(path.with_name("a.tar"), "b/a.fits.gz", None),
    "packed member": lambda path: member_of(path.with_name("a.tgz"), "b/a.fits", "gzip"),
    "gzip packed member": lambda path: member_of(path.with_name("a.tgz"), "b/a.fits.gz", "gzip"),
    "requests": lambda path: Far(path, jumps=True),
    "gzip requests": lambda path: Far(path.with_name("a.fits.gz"), jumps=True, name="a.fits.gz"),
    "stream": lambda path: Far(path, jumps=False),
    "gzip stream": lambda path: Far(path.with_name("a.fits.gz"), jumps=False, name="a.fits.gz"),
}


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    starts = [draw(st.integers(0, length - 1)) for length in AXES]
    return Box(tuple((start, draw(st.integers(start + 1, length))) for start, length in zip(starts, AXES)))


@pytest.mark.parametrize("kind", KEPT)
@given(box=boxes(), has_index=st.booleans(), is_small=st.booleans())
def test_every_source_gives_the_bytes_of_the_plain_file(
    plain: Path, kind: str, box: Box, has_index: bool, is_small: bool
) -> None:
    # SODA-042, SODA-043, SODA-045
    index = plain.with_name("index") if has_index else None
    source = KEPT[kind](plain)
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setattr(opening, "WORTH_AN_INDEX", 8 << 20 if is_small else 0)
        if isinstance(source, HeldFile):
            stack.callback(source.close)
        with opened(source, index) as found:
            values = found.reader.read(box)
            content = written(cut_stored(found, box, text_cards("VOSRCID", "a-product")))
    assert content == cut_of(plain, box)
    wanted = fits.getdata(plain)[tuple(slice(*span) for span in box.spans[::-1])]
    assert values.dtype == np.dtype(np.float32) and np.array_equal(values, wanted)


def test_how_sources_are_read(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "WORTH_AN_INDEX", 0)
    kinds = {"member": Pieces, "packed member": ReadOn, "requests": Requests, "gzip": ReadOn}
    for kind, wanted in kinds.items():
        source = KEPT[kind](plain)
        with opening.open_unpacked(source, read_fits(source), None) as unpacked:
            assert type(unpacked) is wanted
            assert unpacked.read_at(plain.stat().st_size - 3, 10) == plain.read_bytes()[-3:]
            with pytest.raises(OSError, match="ends before"):
                unpacked.read_into(plain.stat().st_size - 3, memoryview(bytearray(4)))
            with unpacked.open() as stream:
                assert stream.read() == plain.read_bytes()


def test_near_pieces_come_with_one_request(plain: Path) -> None:
    far = Far(plain, jumps=True)
    with opened(far) as found:
        far.asked.clear()
        found.reader.stored(Box(((0, 2), (0, 19), (0, 14))))
        assert len(far.asked) == 1


@pytest.mark.parametrize("box, requests, size", [
    (Box(((5, 6), (5, 6), (0, 40))), 40, 160),
    (Box(((5, 25), (7, 27), (3, 5))), 2, 2 * (19 * 600 + 80)),
    (Box(((0, 150), (0, 150), (1, 40))), 1, 39 * 90_000),
], ids=["spectrum", "stamps", "planes"])  # fmt: skip
def test_what_is_read_of_a_far_file_is_near_what_is_wanted(
    tmp_path: Path, box: Box, requests: int, size: int
) -> None:
    cube = np.random.default_rng(4).normal(size=(40, 150, 150)).astype(">f4")  # 90 kB a plane
    fits.PrimaryHDU(cube).writeto(tmp_path / "a.fits")
    far = Far(tmp_path / "a.fits", jumps=True)
    wanted = cube[tuple(slice(*span) for span in box.spans[::-1])]
    with opened(far) as found:
        far.asked.clear()
        assert np.array_equal(found.reader.read(box), wanted)
        assert (len(far.asked), sum(far.asked)) == (requests, size)
        far.asked.clear()
        assert wanted.tobytes() in written(cut_stored(found, box, ()))
        assert (len(far.asked), sum(far.asked)) == (requests, size)


def test_of_a_far_table_of_tiles_only_those_of_the_box_are_read(tmp_path: Path) -> None:
    counts = np.random.default_rng(4).integers(0, 30_000, (6, 200, 300)).astype(">i2")
    made = fits.CompImageHDU(counts, compression_type="GZIP_1")
    fits.HDUList([fits.PrimaryHDU(), made]).writeto(tmp_path / "a.fits")
    far = Far(tmp_path / "a.fits", jumps=True)
    with opened(far) as found:
        far.asked.clear()
        assert np.array_equal(found.reader.stored(Box(((3, 9), (5, 8), (1, 2)))), counts[1:2, 5:8, 3:9])
        assert len(far.asked) == 2 and sum(far.asked) < 4 * 600  # rows of the table, three tiles of 600 bytes
        far.asked.clear()
        assert np.array_equal(found.reader.stored(Box.whole((300, 200, 6))), counts)
        assert len(far.asked) == 2


def test_far_tiles_come_together_where_that_is_cheaper_than_a_request(tmp_path: Path) -> None:
    counts = np.random.default_rng(4).integers(0, 30_000, (5, 60_000)).astype(">i2")
    made = fits.CompImageHDU(counts, compression_type="GZIP_1", tile_shape=(1, 15_000))  # some 28 kB each
    fits.HDUList([fits.PrimaryHDU(), made]).writeto(tmp_path / "a.fits")
    far = Far(tmp_path / "a.fits", jumps=True)
    with opened(far) as found:
        # of four tiles of a row two lie between (56 kB), or three (84 kB, more than a request is worth)
        for columns, requests in (((10_000, 30_000), 1 + 1), ((0, 9), 1 + 5)):
            far.asked.clear()
            box = Box((columns, (0, 5)))
            assert np.array_equal(found.reader.stored(box), counts[:, slice(*columns)])
            assert len(far.asked) == requests


def test_an_index_is_made_on_first_use_and_kept(plain: Path, tmp_path: Path) -> None:
    cube = fits.PrimaryHDU(np.random.default_rng(2).normal(size=(9, 600, 500)).astype(">f4"))
    cube.writeto(tmp_path / "big.fits")
    (tmp_path / "big.fits.gz").write_bytes(gzip.compress((tmp_path / "big.fits").read_bytes(), 1))
    for _ in range(2):
        with opened(tmp_path / "big.fits.gz", tmp_path / "kept" / "index") as found:
            box = Box(((3, 9), (500, 590), (8, 9)))
            assert np.array_equal(found.reader.stored(box), cube.data[8:, 500:590, 3:9])
    assert [each.name for each in (tmp_path / "kept").iterdir()] == ["index"]
    with opened(plain.with_name("a.fits.gz"), tmp_path / "none"):
        assert not (tmp_path / "none").exists()  # a small one is read through


@pytest.mark.parametrize("dtype", [">i2", ">i4", ">f4", ">f8", "u1"])
def test_values_are_physical_ones(tmp_path: Path, dtype: str) -> None:
    numbers = np.arange(60).reshape(3, 4, 5).astype(dtype)
    cube = fits.PrimaryHDU(numbers)
    cube.writeto(tmp_path / "a.fits")
    if numbers.dtype.kind != "f":
        with fits.open(tmp_path / "a.fits", mode="update", do_not_scale_image_data=True) as hdus:
            hdus[0].header["BSCALE"], hdus[0].header["BZERO"], hdus[0].header["BLANK"] = 0.5, 7.0, 11
    with opened(tmp_path / "a.fits") as found:
        box = Box(((1, 5), (0, 4), (0, 2)))
        with fits.open(tmp_path / "a.fits") as hdus:
            wanted = np.array(hdus[0].data[0:2, :, 1:5], dtype=np.float64)
        assert np.array_equal(found.reader.read(box), wanted, equal_nan=True)
        assert found.reader.stored(box).tobytes() == numbers[0:2, :, 1:5].tobytes()
        assert found.reader.axes == (5, 4, 3)


@pytest.mark.parametrize("worth", [0, 8 << 20])
@pytest.mark.parametrize("has_index", [True, False])
def test_damage_in_a_stream_is_told(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, worth: int, has_index: bool
) -> None:
    monkeypatch.setattr(opening, "WORTH_AN_INDEX", worth)
    packed = bytearray(plain.with_name("a.fits.gz").read_bytes())
    packed[-8] ^= 0x55
    (tmp_path / "a.fits.gz").write_bytes(bytes(packed))
    layout = read_fits(plain.with_name("a.fits.gz"))
    index = tmp_path / "index" if has_index else None
    source = LocalFile(tmp_path / "a.fits.gz")
    with pytest.raises(FitsError) as caught, open_unpacked(source, layout, index) as unpacked:
        unpacked.read_at(layout.hdus[0].data_offset, 4)
    assert caught.value.kind == "not_gzip"


@pytest.mark.parametrize("kind", ["stream", "gzip stream"])
def test_only_so_much_of_a_stream_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(opening, "WORTH_AN_INDEX", 0)
    data = np.arange(12_000, dtype=">i2").reshape(20, 30, 20)
    tail = fits.ImageHDU(np.zeros(3000, np.float64))
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(data), tail]).writeto(tmp_path / "a.fits")
    content = (tmp_path / "a.fits").read_bytes()
    (tmp_path / "a.fits.gz").write_bytes(gzip.compress(content))
    source = KEPT[kind](tmp_path / "a.fits")
    layout = read_fits(source)
    hdu = layout.hdus[1]
    with open_unpacked(source, layout, None) as unpacked:
        with reader_of(unpacked, source.name, hdu, len(content)) as reader:
            assert np.array_equal(reader.stored(Box.whole((20, 30, 20))), data)
        for most in (len(content) - 1, hdu.data_offset + hdu.data_bytes - 1):
            with pytest.raises(FitsError) as caught, reader_of(unpacked, source.name, hdu, most):
                pass
            assert caught.value.kind == "too_large" and source.name in str(caught.value)


def test_a_copy_lies_where_it_is_told_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    data = np.arange(12_000, dtype=">i2").reshape(20, 30, 20)
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(data)]).writeto(tmp_path / "a.fits")
    source = Far(tmp_path / "a.fits", jumps=False)
    layout = read_fits(source)
    folder = tmp_path / "result"
    folder.mkdir()
    with (
        open_unpacked(source, layout, None, folder) as unpacked,
        reader_of(unpacked, source.name, layout.hdus[1], folder=folder) as reader,
    ):
        assert np.array_equal(reader.stored(Box.whole((20, 30, 20))), data)
        found = [path.readlink() for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
        assert any(folder in path.parents for path in found)
        assert not list(folder.iterdir())  # without a name: nothing stays when the process is killed
