"""Open files as sources: read in any order, by any thread and process, whatever becomes of their names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from vo_service.pixels.held import HeldFile
from vo_service.pixels.processes import WorkLimits, Workplace, forkserver

CONTENT = bytes(range(256)) * 400
START, SIZE = 1000, 90_000
PART = CONTENT[START : START + SIZE]


@pytest.fixture
def held(tmp_path: Path) -> Iterator[HeldFile]:
    path = tmp_path / "a.fits"
    path.write_bytes(CONTENT)
    with closing(HeldFile(os.open(path, os.O_RDONLY), "a.fits", START, SIZE)) as source:
        path.unlink()
        yield source


def read_part(source: HeldFile, offset: int, length: int) -> bytes:
    return source.read_at(offset, length)


def test_any_piece_of_the_part_and_nothing_beyond(held: HeldFile) -> None:
    for offset, length in ((0, 10), (89_990, 100), (SIZE, 10), (50_000, 0)):
        assert held.read_at(offset, length) == PART[offset : offset + length]
    view = memoryview(bytearray(300))
    held.read_into(400, view)
    assert bytes(view) == PART[400:700]
    for offset in (SIZE - 299, SIZE, len(CONTENT)):
        with pytest.raises(OSError, match=r"a\.fits ends before byte"):
            held.read_into(offset, view)


def test_streams_do_not_disturb_each_other(held: HeldFile) -> None:
    with held.open() as one, held.open() as other:
        assert one.read(5) == PART[:5]
        assert other.read(100) == PART[:100]
        assert one.seek(80_000) == 80_000
        assert one.read() == PART[80_000:]
        assert other.read(1) == PART[100:101]
    assert held.read_at(0, 1) == PART[:1], "it stays open"


def test_another_process_reads_the_same_file(held: HeldFile) -> None:
    work = Workplace(forkserver(()), partial(read_part, held, 70_000, 50_000), WorkLimits(60.0, 1 << 28))
    assert work.result() == PART[70_000:]
