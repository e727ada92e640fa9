"""What becomes of an index that cannot be kept, and of a source that fails while one is made."""

from __future__ import annotations

import errno
import gzip
import tempfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from vo_service.pixels.compute.gzip_index import IndexNotWritten
from vo_service.pixels.compute.gzip_reader import IndexedGzip
from vo_service.pixels.sources import LocalFile

CONTENT = np.random.default_rng(1).normal(size=1 << 19).astype(">f4").tobytes()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    path = tmp_path / "a.fits.gz"
    path.write_bytes(gzip.compress(CONTENT, 1))
    return path


class Failing(LocalFile):
    """A file behind a connection that breaks off where ``most`` bytes were read on from the beginning."""

    def __init__(self, path: Path, most: int) -> None:
        super().__init__(path)
        object.__setattr__(self, "most", most)
        object.__setattr__(self, "failures", [])

    def open(self) -> BytesIO:
        most, failures = self.most, self.failures

        class Stream(BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                at = self.tell()
                if at <= most < at + (size or 0):
                    failures.append(most)
                    raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
                return super().read(size)

        return Stream(self.path.read_bytes())


def test_an_index_for_this_time_lies_in_the_folder_that_is_given(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    (tmp_path / "home").write_bytes(b"a file")
    folder = tmp_path / "result"
    folder.mkdir()
    for index in (tmp_path / "home" / "index", None):
        with IndexedGzip(LocalFile(place), index, folder=folder) as unpacked:
            assert unpacked.read_at(len(CONTENT) - 70, 50) == CONTENT[-70:-20]
    assert not list(folder.iterdir())


@pytest.mark.parametrize("can_be_kept", [True, False])
def test_what_fails_at_the_source_is_told_and_not_tried_again(
    place: Path, tmp_path: Path, can_be_kept: bool
) -> None:
    home = tmp_path / "home"
    if not can_be_kept:
        home.write_bytes(b"a file")
    most = place.stat().st_size // 2
    source = Failing(place, most)
    with pytest.raises(OSError, match="reset by peer") as caught, IndexedGzip(source, home / "index"):
        pass
    assert not isinstance(caught.value, IndexNotWritten)
    assert source.failures == [most]
    assert not can_be_kept or not list(home.iterdir())
