"""Gzip streams read by their index: always the bytes that unpacking from the beginning gives, or an error."""

from __future__ import annotations

import errno
import gzip
import os
import random
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO, FileIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vo_service.pixels import FitsError
from vo_service.pixels.compute import gzip_index, gzip_reader
from vo_service.pixels.compute.gzip_index import IndexNotWritten, build_index, load_index
from vo_service.pixels.compute.gzip_reader import IndexedGzip
from vo_service.pixels.held import HeldFile
from vo_service.pixels.sources import LocalFile, Slice

MEGA = 1 << 20
SMALL = 1 << 16


def noise(size: int, seed: int = 1) -> bytes:
    """What a cube holds: numbers that hardly pack, and stretches that pack well."""
    numbers = np.random.default_rng(seed).normal(size=size // 4).astype(">f4")
    numbers[size // 16 : size // 8] = np.nan
    return numbers.tobytes()


@pytest.fixture(scope="module")
def content() -> bytes:
    return noise(9 * MEGA) + b"the end"


@pytest.fixture(scope="module")
def packed(content: bytes) -> bytes:
    return gzip.compress(content, 1)


@pytest.fixture
def place(tmp_path: Path, packed: bytes) -> Path:
    path = tmp_path / "a.fits.gz"
    path.write_bytes(packed)
    return path


def read_all(path: Path, index: Path | None) -> bytes:
    with IndexedGzip(LocalFile(path), index) as unpacked:
        return unpacked.read_at(0, unpacked.size)


@contextmanager
def many_places() -> Iterator[None]:
    """Places and cells of 64 KiB, so that small streams have many of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gzip_index, "_SPACING", SMALL)
        patch.setattr(gzip_index, "CELL", SMALL)
        patch.setattr(gzip_reader, "CELL", SMALL)
        yield


def flushed(parts: Iterable[tuple[bytes, int]], level: int) -> bytes:
    """One member; between parts that are flushed lies an empty stored block."""
    packer = zlib.compressobj(level, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    packed = b"".join(packer.compress(part) + packer.flush(way) for part, way in parts)
    return packed + packer.flush()


def check_parts(path: Path, plain: bytes) -> set[int]:
    """Read cells backwards, so that each place is begun at, then parts anywhere, then all; the bits of the
    places."""
    draw = random.Random(len(plain))
    index = path.with_name("index")
    with many_places(), IndexedGzip(LocalFile(path), index) as unpacked:
        assert unpacked.size == len(plain)
        for start in range(len(plain) - 9, -1, -SMALL):
            assert unpacked.read_at(start, 64) == plain[start : start + 64]
        for _ in range(10):
            start, length = draw.randrange(len(plain) + 1), draw.choice([1, 5000, 3 * SMALL])
            assert unpacked.read_at(start, length) == plain[start : start + length]
        assert unpacked.read_at(0, len(plain)) == plain
        with path.open("rb") as stream:
            kept = load_index(index, stream)
    assert kept is not None
    kept.close()
    return set(kept.points["bits"].tolist())


def mixed(size: int) -> bytes:
    """Stretches that are stored, packed very well, and packed a little."""
    draw = random.Random(1)
    parts = []
    while size > 0:
        parts.append(CHUNKS[draw.choice(list(CHUNKS))](draw.randrange(5_000, 250_000), len(parts)))
        size -= len(parts[-1])
    return b"".join(parts)


CHUNKS: dict[str, Callable[[int, int], bytes]] = {
    "zeros": lambda size, seed: bytes(size),
    "random": lambda size, seed: np.random.default_rng(seed).bytes(size),
    "float32": lambda size, seed: np.random.default_rng(seed).normal(size=size // 4).astype(">f4").tobytes(),
    "float64": lambda size, seed: np.random.default_rng(seed).normal(size=size // 8).astype(">f8").tobytes(),
    "counts": lambda size, seed: (np.arange(size // 2) // (seed + 1)).astype(">i2").tobytes(),
}


def test_any_part_in_any_order(place: Path, content: bytes, tmp_path: Path) -> None:
    build_index(LocalFile(place), tmp_path / "index")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.fits.gz", "index"]
    draw = random.Random(3)
    with IndexedGzip(LocalFile(place), tmp_path / "index") as unpacked:
        assert unpacked.size == len(content)
        for _ in range(60):
            start = draw.randrange(len(content))
            view = memoryview(bytearray(draw.randrange(min(3 * MEGA, len(content) - start + 1))))
            unpacked.read_into(start, view)
            assert view == content[start : start + len(view)]
        with pytest.raises(OSError, match="ends before"):
            unpacked.read_into(len(content) - 3, memoryview(bytearray(4)))
        with unpacked.open() as stream:
            stream.seek(5 * MEGA - 7)
            assert stream.read(20) == content[5 * MEGA - 7 : 5 * MEGA + 13]


def test_little_is_unpacked_for_a_little(place: Path, content: bytes, tmp_path: Path) -> None:
    build_index(LocalFile(place), tmp_path / "index")
    source = Counted(place)
    with IndexedGzip(source, tmp_path / "index") as unpacked:
        assert unpacked.read_at(8 * MEGA, 100) == content[8 * MEGA : 8 * MEGA + 100]
    assert source.bytes_read < 4 * MEGA
    assert (tmp_path / "index").stat().st_size < 0.04 * len(content)


@given(
    sizes=st.lists(st.sampled_from([0, 1, 5, 7_000, 70_000, 400_000]), min_size=1, max_size=6),
    level=st.sampled_from([0, 1, 6, 9]),
    zeros=st.booleans(),
    padding=st.sampled_from([0, 512]),
)
def test_streams_of_many_members(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], level: int, zeros: bool, padding: int
) -> None:
    folder = tmp_path_factory.mktemp("members")
    parts = [bytes(size) if zeros else noise(size, number) for number, size in enumerate(sizes)]
    path = folder / "a.gz"
    path.write_bytes(b"".join(gzip.compress(part, level) for part in parts) + bytes(padding))
    check_parts(path, b"".join(parts))


@pytest.mark.parametrize("level", [1, 6, 9])
@pytest.mark.parametrize("kind", ["mixed", "float32", "float64"])
def test_stored_blocks_behind_a_place_within_a_byte(tmp_path: Path, kind: str, level: int) -> None:
    plain = mixed(6 * MEGA) if kind == "mixed" else CHUNKS[kind](3 * MEGA, 1)
    (tmp_path / "a.gz").write_bytes(gzip.compress(plain, level))
    bits = check_parts(tmp_path / "a.gz", plain)
    assert kind != "mixed" or bits == set(range(8))  # every place within a byte


@pytest.mark.parametrize("way", [zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH])
@pytest.mark.parametrize("kind", ["mixed", "float32"])
def test_streams_that_are_flushed_as_parallel_packers_do(tmp_path: Path, kind: str, way: int) -> None:
    plain = mixed(3 * MEGA) if kind == "mixed" else CHUNKS[kind](3 * MEGA, 1)
    step = 131072
    parts = [(plain[start : start + step], way) for start in range(0, len(plain), step)]
    (tmp_path / "a.gz").write_bytes(flushed(parts, 6))
    check_parts(tmp_path / "a.gz", plain)


def test_a_stream_of_stored_blocks_alone(tmp_path: Path) -> None:
    plain = CHUNKS["counts"](MEGA, 1)
    (tmp_path / "a.gz").write_bytes(gzip.compress(plain, 0))
    assert check_parts(tmp_path / "a.gz", plain) == {0}


@given(
    chunks=st.lists(
        st.tuples(
            st.sampled_from(sorted(CHUNKS)),
            st.integers(0, 200_000),
            st.sampled_from([zlib.Z_NO_FLUSH, zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH]),
        ),
        min_size=1,
        max_size=8,
    ),
    level=st.sampled_from([0, 1, 6, 9]),
)
def test_chunks_of_every_kind(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[tuple[str, int, int]], level: int
) -> None:
    parts = [(CHUNKS[kind](size, number), way) for number, (kind, size, way) in enumerate(chunks)]
    path = tmp_path_factory.mktemp("chunks") / "a.gz"
    path.write_bytes(flushed(parts, level))
    check_parts(path, b"".join(part for part, _ in parts))


def test_an_index_without_a_folder_to_keep_it_in_serves_for_this_time(
    place: Path, content: bytes, tmp_path: Path
) -> None:
    (tmp_path / "home").write_bytes(b"a file, where not even root can make a folder")
    with IndexedGzip(LocalFile(place), tmp_path / "home" / "index") as unpacked:
        assert unpacked.read_at(7 * MEGA, 50) == content[7 * MEGA : 7 * MEGA + 50]


@pytest.mark.parametrize("filled_by", ["header", "windows", "table"])
def test_an_index_that_fills_the_disc_serves_for_this_time(
    place: Path, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, filled_by: str
) -> None:
    build_index(LocalFile(place), tmp_path / "whole")
    size = (tmp_path / "whole").stat().st_size
    most = {"header": 10, "windows": size // 2, "table": size - 10}[filled_by]
    home = tmp_path / "home"
    open_path = Path.open

    def open_full(path: Path, mode: str) -> object:
        return Full(path, most) if path.parent == home else open_path(path, mode)

    monkeypatch.setattr(Path, "open", open_full)
    with pytest.raises(IndexNotWritten, match="No space left"):  # and no fault of the stream
        build_index(LocalFile(place), home / "index")
    for _ in range(2):
        with IndexedGzip(LocalFile(place), home / "index") as unpacked:
            assert unpacked.read_at(7 * MEGA, 50) == content[7 * MEGA : 7 * MEGA + 50]
    assert not list(home.iterdir())


def test_parts_of_files_and_open_files(place: Path, content: bytes, tmp_path: Path, packed: bytes) -> None:
    tar = tmp_path / "a.tar"
    tar.write_bytes(bytes(1536) + packed + bytes(1024))
    member = Slice(LocalFile(tar), 1536, len(packed), "a.fits.gz")
    held = HeldFile(os.open(place, os.O_RDONLY), "a.fits.gz", 0, len(packed))
    for source in (member, held):
        with IndexedGzip(source, None) as unpacked:
            assert unpacked.read_at(7 * MEGA, 50) == content[7 * MEGA : 7 * MEGA + 50]
    held.close()


@pytest.mark.parametrize("kind", ["flipped", "cut", "empty", "foreign", "windows"])
def test_an_index_that_is_none_is_made_anew(
    place: Path, content: bytes, tmp_path: Path, packed: bytes, kind: str
) -> None:
    index = tmp_path / "index"
    build_index(LocalFile(place), index)
    whole = index.read_bytes()
    if kind == "foreign":
        other = tmp_path / "b.gz"
        other.write_bytes(gzip.compress(noise(9 * MEGA, 2), 1))
        build_index(LocalFile(other), index)
    else:
        spoilt = bytearray(whole)
        if kind == "flipped":
            spoilt[-100] ^= 1
        if kind == "windows":
            spoilt[200:20000] = bytes(19800)
        index.write_bytes({"cut": whole[: len(whole) // 2], "empty": b""}.get(kind, bytes(spoilt)))
    with IndexedGzip(LocalFile(place), index) as unpacked:
        for start in range(8 * MEGA, -1, -MEGA):  # backwards: each place is begun at
            assert unpacked.read_at(start, MEGA) == content[start : start + MEGA]
    assert index.read_bytes() == whole


def test_another_stream_of_the_same_size_is_not_read_by_the_index(
    place: Path, tmp_path: Path, packed: bytes, content: bytes
) -> None:
    index = tmp_path / "index"
    build_index(LocalFile(place), index)
    other = bytearray(content)
    other[MEGA] ^= 255
    stored = gzip.compress(bytes(other), 1)
    place.write_bytes(stored)
    assert read_all(place, index) == bytes(other)


@pytest.mark.parametrize("fault", ["bytes", "end", "trailer", "behind"])
@pytest.mark.parametrize("has_index", [True, False])
def test_damage_is_told_and_never_read(
    place: Path, tmp_path: Path, packed: bytes, fault: str, has_index: bool
) -> None:
    index = tmp_path / "index"
    if has_index:
        build_index(LocalFile(place), index)
    spoilt = bytearray(packed)
    if fault == "bytes":
        middle = len(packed) // 2
        spoilt[middle : middle + 40] = os.urandom(40)
    elif fault == "end":
        del spoilt[-1000:]
    elif fault == "trailer":
        spoilt[-6] ^= 1
    else:
        spoilt += b"what is no member"
    place.write_bytes(bytes(spoilt))
    with pytest.raises(FitsError) as caught:
        read_all(place, index)
    assert caught.value.kind == ("truncated" if fault == "end" else "not_gzip")
    assert not [each for each in tmp_path.iterdir() if each.name.endswith(".new")]
    with pytest.raises((EOFError, OSError, zlib.error)), gzip.open(place) as oracle:
        oracle.read()


def test_places_are_farther_apart_in_large_streams(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = []

    class Spied(gzip_index.PointFinder):
        def __init__(self, spacing: int) -> None:
            wanted.append(spacing)
            super().__init__(spacing)

    monkeypatch.setattr(gzip_index, "PointFinder", Spied)
    for size in (0, 4 << 30, 64 << 30):
        build_index(LocalFile(place), tmp_path / "index", size)
    assert wanted == [2 * MEGA, 4 * MEGA, 8 * MEGA]


class Full(FileIO):
    """A file on a disc that takes no more than ``most`` bytes."""

    def __init__(self, path: Path, most: int) -> None:
        super().__init__(path, "xb")
        self.left = most

    def write(self, content: bytes) -> int:
        self.left -= len(content)
        if self.left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(content)


class Counted(LocalFile):
    """A file that counts what is read of it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        object.__setattr__(self, "bytes_read", 0)

    def open(self) -> BytesIO:
        counted = self

        class Stream(BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                part = super().read(size)
                object.__setattr__(counted, "bytes_read", counted.bytes_read + len(part))
                return part

        return Stream(self.path.read_bytes())
