"""Tars that are known before their files are read, judged by Python's tarfile and by GNU tar."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vo_service.products.tarring import END, EntryPart, TarEntry, TarLayout, entry_header, padding_behind

GIB = 1 << 30
_LETTERS = st.characters(exclude_characters="/\0", exclude_categories=("Cs",))
_PARTS = st.text(_LETTERS, min_size=1, max_size=120).filter(lambda part: part not in (".", ".."))
NAMES = st.lists(_PARTS, min_size=1, max_size=4).map("/".join)
ENTRIES = st.lists(
    st.builds(TarEntry, NAMES, st.integers(0, 2000), st.integers(0, 1 << 34)),
    max_size=5,
    unique_by=lambda entry: entry.name,
)


def body(entry: TarEntry) -> bytes:
    return bytes((len(entry.name) + place) % 251 for place in range(entry.size))


def content(entries: list[TarEntry], layout: TarLayout, start: int, stop: int) -> bytes:
    return b"".join(
        body(entries[piece.number])[piece.offset :][: piece.length] if isinstance(piece, EntryPart) else piece
        for piece in layout.pieces(start, stop)
    )


@given(ENTRIES)
def test_tarfile_reads_names_sizes_times_and_bytes(entries: list[TarEntry]) -> None:
    layout = TarLayout(entries)
    whole = content(entries, layout, 0, layout.size)
    assert len(whole) == layout.size and layout.size % 512 == 0
    with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
        members = tar.getmembers()
        assert [(m.name, m.size, m.mtime) for m in members] == [(e.name, e.size, e.modified) for e in entries]
        assert {(m.mode, m.uid, m.gid, m.uname, m.gname) for m in members} <= {(0o644, 0, 0, "", "")}
        for member, entry in zip(members, entries, strict=True):
            read = tar.extractfile(member)
            assert read is not None and read.read() == body(entry)


@given(ENTRIES, st.data())
def test_any_part_is_that_of_the_whole(entries: list[TarEntry], data: st.DataObject) -> None:
    layout = TarLayout(entries)
    whole = content(entries, layout, 0, layout.size)
    start = data.draw(st.integers(0, layout.size))
    stop = data.draw(st.integers(start, layout.size + 10))
    assert content(entries, layout, start, stop) == whole[start:stop]


@given(ENTRIES)
def test_written_in_sequence_it_is_the_same(entries: list[TarEntry]) -> None:
    layout = TarLayout(entries)
    parts = [entry_header(e) + body(e) + bytes(padding_behind(e.size)) for e in entries]
    assert b"".join(parts) + END == content(entries, layout, 0, layout.size)


def test_gnu_tar_unpacks_it_without_a_word(tmp_path: Path) -> None:
    names = ["a b/$(touch x)/-rf", "ä/" + "long" * 60, "quote'\"\\.txt", "n" * 100, "p/" + "q" * 99]
    entries = [TarEntry(f"package/{name}", 700 * place, 86400) for place, name in enumerate(names)]
    layout = TarLayout(entries)
    (tmp_path / "x.tar").write_bytes(content(entries, layout, 0, layout.size))
    done = subprocess.run(["tar", "-xf", "x.tar"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    for entry in entries:
        assert (tmp_path / entry.name).read_bytes() == body(entry)
        assert (tmp_path / entry.name).stat().st_mtime == 86400


class _Virtual(io.RawIOBase):
    """A tar of huge files of zeros that is nowhere."""

    def __init__(self, layout: TarLayout) -> None:
        self._layout, self._place = layout, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._place = offset if whence == 0 else self._place + offset if whence == 1 else self._layout.size
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: memoryview) -> int:
        found = b"".join(
            bytes(piece.length) if isinstance(piece, EntryPart) else piece
            for piece in self._layout.pieces(self._place, self._place + len(buffer))
        )
        buffer[: len(found)] = found
        self._place += len(found)
        return len(found)


def test_files_beyond_8_gib_have_their_sizes(tmp_path: Path) -> None:
    sizes = [8 * GIB - 1, 8 * GIB, 25 * GIB + 3, 7, 3000 * GIB]
    entries = [TarEntry(f"p/{place}.fits", size) for place, size in enumerate(sizes)]
    layout = TarLayout(entries)
    with tarfile.open(fileobj=_Virtual(layout)) as tar:
        assert [(m.name, m.size) for m in tar.getmembers()] == [(e.name, e.size) for e in entries]
    assert layout.size == sum(map(len, map(entry_header, entries))) + 1024 + sum(
        size + -size % 512 for size in sizes
    )
    # GNU tar reads the same size in the header of one that could lie on a disk
    sparse = tmp_path / "sparse.tar"
    one = TarLayout(entries[2:3])
    with sparse.open("wb") as file:
        file.write(next(p for p in one.pieces(0, one.size) if isinstance(p, bytes)))
        file.truncate(one.size)
    done = subprocess.run(["tar", "--list", "-vf", sparse], capture_output=True, text=True, check=True)
    assert str(sizes[2]) in done.stdout.split()


@pytest.mark.parametrize("name", ["", "/etc/x", "a//b", "../x", "a/../b", "./x", "a/", "a\0b"])
def test_names_that_lead_elsewhere_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        entry_header(TarEntry(name, 1))


def test_one_name_stands_for_one_file() -> None:
    with pytest.raises(ValueError, match="one name"):
        TarLayout([TarEntry("a", 1), TarEntry("a", 2)])
