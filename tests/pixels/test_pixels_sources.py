"""Sources of bytes: every kind gives the same bytes as plain slices of memory do, and tars are listed as
Python's own tarfile lists them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import tarfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from vo_service.pixels import TruncatedFits, read_fits
from vo_service.pixels.packed_tars import KEPT_BYTES, PackedMember, PackedTar
from vo_service.pixels.sources import ByteSource, LocalFile, Slice
from vo_service.pixels.streams import Ranges
from vo_service.pixels.tars import TarFault, TarMember, list_tar, packing_of, starts_tar, unpacked
from vo_service.pixels.url_source import join_url, plain_path
from vo_service.shown_names import holds_controls

CONTENT = random.Random(7).randbytes(200_000)
PACK = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress, "stream": bytes}


def make_tar(members: dict[str, bytes], format_: int = tarfile.PAX_FORMAT) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=format_) as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def listed(content: bytes, *, jumps: bool = True) -> list[TarMember | TarFault]:
    return list(list_tar(io.BytesIO(content), len(content) if jumps else None))


def fits_bytes(shape: tuple[int, ...] = (4, 30, 20)) -> bytes:
    written = io.BytesIO()
    hdu = fits.PrimaryHDU(np.arange(np.prod(shape), dtype=">f4").reshape(shape))
    fits.HDUList([hdu, fits.ImageHDU(np.ones((5, 5)), name="EXTRA")]).writeto(written)
    return written.getvalue()


@pytest.fixture
def kinds(tmp_path: Path) -> dict[str, ByteSource]:
    """The same content behind every kind of source."""
    (tmp_path / "plain").write_bytes(CONTENT)
    tar = make_tar({"before": b"x" * 1000, "content": CONTENT, "after": b"y" * 10})
    at = next(each for each in listed(tar) if isinstance(each, TarMember) and each.name == "content")
    (tmp_path / "all.tar").write_bytes(tar)
    kinds: dict[str, ByteSource] = {
        "file": LocalFile(tmp_path / "plain"),
        "slice": Slice(LocalFile(tmp_path / "all.tar"), at.offset, at.size, "content"),
    }
    for packing, pack in PACK.items():
        path = tmp_path / f"all.{packing}"
        path.write_bytes(pack(tar))
        kinds[packing] = PackedMember(PackedTar(LocalFile(path), packing), at.offset, at.size, "content")
    return kinds


@pytest.mark.parametrize("kind", ["file", "slice", *PACK])
def test_every_source_gives_the_bytes_of_its_content(kinds: dict[str, ByteSource], kind: str) -> None:
    source = kinds[kind]
    assert source.size == len(CONTENT)
    with source.open() as stream:
        assert stream.read() == CONTENT
    with source.open() as stream:
        assert stream.read(7) == CONTENT[:7]
    for offset, length in [(0, 10), (199_990, 100), (5, 0), (77_777, 2880), (3, 199_997), (200_000, 5)]:
        assert source.read_at(offset, length) == CONTENT[offset : offset + length]
    before = source.state()
    assert source.state() == before


@pytest.mark.parametrize("kind", ["file", "slice"])
def test_sources_that_can_seek_do(kinds: dict[str, ByteSource], kind: str) -> None:
    with kinds[kind].open() as stream:
        assert stream.seekable()
        assert stream.seek(-10, io.SEEK_END) == len(CONTENT) - 10
        assert stream.read() == CONTENT[-10:]
        stream.seek(100)
        assert stream.read(50) == CONTENT[100:150]


def test_a_source_that_cannot_seek_says_so(kinds: dict[str, ByteSource]) -> None:
    with kinds["gzip"].open() as stream:
        assert not stream.seekable()
        with pytest.raises(OSError):
            stream.seek(10)


@given(
    st.lists(st.tuples(st.integers(0, 60_000), st.integers(0, 70_000)), max_size=12),
    st.integers(0, 40_000),
)
def test_a_stream_of_ranges_reads_like_a_file(jumps: list[tuple[int, int]], ahead: int) -> None:
    content = CONTENT[:50_000]
    asked: list[int] = []

    def read_at(offset: int, length: int) -> bytes:
        asked.append(length)
        return content[offset : offset + length]

    stream = io.BufferedReader(Ranges(read_at, len(content), content[:ahead]), 1000)
    for offset, length in jumps:
        stream.seek(offset)
        assert stream.read(length) == content[offset : offset + length]
    assert all(0 < length <= 1 << 23 for length in asked)


def test_a_header_costs_one_small_range() -> None:
    content = fits_bytes((40, 100, 100))
    asked: list[tuple[int, int]] = []

    def read_at(offset: int, length: int) -> bytes:
        asked.append((offset, length))
        return content[offset : offset + length]

    class Behind:
        name, size = "x.fits", len(content)

        def open(self) -> io.BufferedReader:
            return io.BufferedReader(Ranges(read_at, len(content)), 1 << 15)

    assert len(read_fits(Behind()).hdus) == 2
    assert sum(length for _offset, length in asked) < 100_000 < len(content)


def test_members_in_their_order_cost_one_pass_however_often_their_first_bytes_are_looked_at(
    tmp_path: Path,
) -> None:
    content = {f"m{n}": random.Random(n).randbytes(50_000) for n in range(8)}
    (tmp_path / "x.tar.gz").write_bytes(gzip.compress(make_tar(content)))
    with gzip.open(tmp_path / "x.tar.gz") as stream:
        members = [each for each in list_tar(stream) if isinstance(each, TarMember)]
    tar = PackedTar(LocalFile(tmp_path / "x.tar.gz"), "gzip")
    for member in members:
        source = PackedMember(tar, member.offset, member.size, member.name)
        for _ in range(3):
            with source.open() as stream:
                assert stream.read(20) == content[member.name][:20]
        with source.open() as stream:
            assert stream.read() == content[member.name]
    assert tar.passes == 1
    first = members[0]
    assert PackedMember(tar, first.offset, 30, "m0").read_at(0, 30) == content["m0"][:30]
    assert tar.passes == 2
    tar.close()


def test_a_large_member_is_read_again_from_the_start_and_not_kept(tmp_path: Path) -> None:
    content = b"0123456789abcdef" * ((KEPT_BYTES + (1 << 20)) // 16)
    (tmp_path / "x.tar.gz").write_bytes(gzip.compress(make_tar({"big": content}), 1))
    tar = PackedTar(LocalFile(tmp_path / "x.tar.gz"), "gzip")
    member = PackedMember(tar, 512, len(content), "big")
    for _ in range(2):
        with member.open() as stream:
            assert stream.read() == content
    assert tar.passes == 2
    tar.close()


@pytest.mark.parametrize("kind", ["plain", "slice", *PACK])
def test_headers_are_the_same_from_every_source(tmp_path: Path, kind: str) -> None:
    content = fits_bytes()
    tar = make_tar({"a": b"1" * 700, "x.fits": content, "b": b"2"})
    at = tar.index(content)
    (tmp_path / "x.fits").write_bytes(content)
    (tmp_path / "x.tar").write_bytes(tar)
    expected = read_fits(tmp_path / "x.fits")
    source: ByteSource = LocalFile(tmp_path / "x.fits")
    if kind == "slice":
        source = Slice(LocalFile(tmp_path / "x.tar"), at, len(content), "x.fits")
    elif kind in PACK:
        (tmp_path / kind).write_bytes(PACK[kind](tar))
        source = PackedMember(PackedTar(LocalFile(tmp_path / kind), kind), at, len(content), "x.fits")
    image, other = read_fits(source).image(), expected.image()
    assert image is not None and other is not None
    assert (image.axes, image.data_offset, image.bitpix) == (other.axes, other.data_offset, other.bitpix)
    assert image.axes == (20, 30, 4)


def test_a_truncated_image_in_a_stream_is_told_without_reading_it(tmp_path: Path) -> None:
    content = fits_bytes((40, 100, 100))[:100_000]
    (tmp_path / "x.tar").write_bytes(make_tar({"x.fits": content}))
    source = PackedMember(PackedTar(LocalFile(tmp_path / "x.tar"), "stream"), 512, len(content), "x.fits")
    with pytest.raises(TruncatedFits, match="ends at byte 100000"):
        read_fits(source)


names = st.text(
    st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]).filter(
        lambda letter: not holds_controls(letter)
    ),
    min_size=1,
    max_size=120,
)
paths = st.lists(names.filter(lambda name: name not in (".", "..")), min_size=1, max_size=4).map("/".join)


@given(paths)
def test_a_path_comes_back_from_its_url(path: str) -> None:
    url = join_url("https://host/top", path, "a=b")
    parts = urlsplit(url)
    assert (parts.query, parts.fragment, url.isascii()) == ("a=b", "", True)
    assert unquote(parts.path) == f"/top/{path}"  # as a server reads it
    assert plain_path(url, parts.path.removeprefix("/top/")) == path
    assert plain_path("s3://bucket", join_url("s3://bucket", path).removeprefix("s3://bucket/")) == path


@given(
    st.dictionaries(paths, st.binary(max_size=1500), max_size=6),
    st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
    st.booleans(),
)
def test_members_are_those_that_tarfile_finds(members: dict[str, bytes], format_: int, jumps: bool) -> None:
    packed = make_tar(members, format_)
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        expected = [(each.name, each.offset_data, each.size) for each in tar.getmembers()]
    found = listed(packed, jumps=jumps)
    assert [(each.name, each.offset, each.size) for each in found if isinstance(each, TarMember)] == expected
    assert len(found) == len(expected)


@given(st.binary(max_size=3000), st.integers(0, 2000), st.integers(0, 4000))
def test_no_damage_ends_in_anything_but_a_fault(noise: bytes, at: int, cut: int) -> None:
    packed = bytearray(make_tar({"a/b": b"1" * 600, "long" * 60: b"2" * 100}))
    packed[at : at + len(noise)] = noise
    for content in (bytes(packed), bytes(packed[:cut])):
        for jumps in (True, False):
            assert all(isinstance(each, TarMember | TarFault) for each in listed(content, jumps=jumps))


def test_a_tar_that_was_cut_off_says_where(tmp_path: Path) -> None:
    packed = make_tar({"a": b"1" * 5000, "b": b"2" * 5000})
    for jumps in (True, False):
        found = listed(packed[:7000], jumps=jumps)
        fault = found[-1]
        assert isinstance(fault, TarFault) and fault.name is None and fault.kind == "truncated"
        assert isinstance(found[0], TarMember) and found[0].name == "a"
    cut = gzip.compress(make_tar({"a": b"1", "b": CONTENT}))[:-150_000]
    fault = list(list_tar(unpacked(io.BytesIO(cut), packing_of(cut))))[-1]
    assert isinstance(fault, TarFault) and fault.kind == "truncated"


def special(name: str, type_: bytes, **facts: object) -> bytes:
    info = tarfile.TarInfo(name)
    info.type = type_
    for key, value in facts.items():
        setattr(info, key, value)
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


@pytest.mark.parametrize(
    "header, kind, words",
    [
        (special("/etc/passwd", b"0"), "outside", "leads out"),
        (special("a/../../b", b"0"), "outside", "leads out"),
        (special("link", tarfile.SYMTYPE, linkname="/etc/passwd"), "unreadable", "a link to '/etc/passwd'"),
        (special("hard", tarfile.LNKTYPE, linkname="x"), "unreadable", "a link to 'x'"),
        (special("disk", tarfile.BLKTYPE), "unreadable", "a device"),
        (special("pipe", tarfile.FIFOTYPE), "unreadable", "a device"),
        (special("holes", tarfile.GNUTYPE_SPARSE), "unreadable", "sparse"),
        (special("bad\udcff", b"0"), "unreadable", "not valid UTF-8"),
        (special("./", tarfile.DIRTYPE), None, ""),
    ],
)
def test_what_is_no_plain_file_is_a_fault_and_the_rest_is_found(
    header: bytes, kind: str | None, words: str
) -> None:
    found = listed(header + make_tar({"good": b"1"}))
    assert found[-1] == TarMember("good", found[-1].offset, 1)  # type: ignore[union-attr]
    faults = [each for each in found if isinstance(each, TarFault)]
    assert [each.kind for each in faults] == ([] if kind is None else [kind])
    assert all(words in each.message for each in faults)


def test_names_are_cleaned_of_what_says_nothing() -> None:
    found = listed(make_tar({"./a//b/./c.fits": b"1"}))
    assert [each.name for each in found] == ["a/b/c.fits"]


def test_a_header_that_claims_gigabytes_is_refused_before_it_is_read() -> None:
    for type_ in (tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE):
        found = listed(special("x", type_, size=8 << 30) + bytes(1024))
        assert [each.name for each in found] == [None]
        assert "8589934592" in found[0].message  # type: ignore[union-attr]


def test_the_first_block_tells_a_tar() -> None:
    assert starts_tar(make_tar({"a": b"1"})[:512])
    assert not starts_tar(b"SIMPLE  =" + bytes(503))
    assert not starts_tar(b"")
    assert not starts_tar(bytes(512))
