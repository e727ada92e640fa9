"""What has to be laid aside to read a packed image lies in the folder of its result, and goes with that."""

from __future__ import annotations

import gzip
import os
import tempfile
from contextlib import closing
from io import BufferedReader, BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from astropy.io import fits
from cut_files import stored_at
from product_files import FREQUENCY, SKY, STOKES

from vo_service.pixels.compute import gzip_reader, opening
from vo_service.pixels.held import HeldFile
from vo_service.pixels.quicklook.words import Kind, Words
from vo_service.pixels.sources import LocalFile
from vo_service.pixels.streams import Passing
from vo_service.products.making import Input, Making
from vo_service.products.pictures import Drawing, PictureKind, Subject, Surveying
from vo_service.products.selection import Constraints, RowFacts
from vo_service.products.wanted import Wanted


@pytest.fixture
def used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders that indexes for one time are put in; there are no others."""
    places: list[Path] = []

    def noted(dir: Path | None) -> TemporaryDirectory[str]:
        made = TemporaryDirectory(dir=dir)
        places.append(Path(made.name).parent)
        return made

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    monkeypatch.setattr(gzip_reader, "TemporaryDirectory", noted)
    monkeypatch.setattr(opening, "WORTH_AN_INDEX", 0)
    return places


@pytest.fixture
def cube(tmp_path: Path) -> Input:
    """A packed cube whose index cannot be kept."""
    plain = fits.PrimaryHDU(np.random.default_rng(1).normal(size=(1, 4, 30, 40)).astype(np.float32))
    plain.header.update({"BUNIT": "Jy/beam", "RESTFRQ": 2.3e11, **SKY, **FREQUENCY, **STOKES})
    plain.writeto(tmp_path / "cube.fits")
    path = tmp_path / "cube.fits.gz"
    path.write_bytes(gzip.compress((tmp_path / "cube.fits").read_bytes(), 1))
    (tmp_path / "indexes").write_bytes(b"a file, where not even root can make a folder")
    return Input(stored_at(path), LocalFile(path), tmp_path / "indexes")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "result").mkdir()
    return tmp_path / "result" / "result"


def test_of_a_result(cube: Input, out: Path, used: list[Path]) -> None:
    wanted = Wanted(Constraints(channels=(2, 3)), (), rebin=(2, 2, 1))
    Making((cube,), RowFacts(), None, wanted, 1 << 20)(out)
    assert used == [out.parent]
    assert list(out.parent.iterdir()) == [out]


class ReadOnly:
    """A file that can only be read from its beginning on, as the member of a packed tar."""

    def __init__(self, path: Path) -> None:
        self.path, self.name, self.size = path, path.name, path.stat().st_size
        self.state = LocalFile(path).state

    def read_at(self, offset: int, length: int) -> bytes:
        raise OSError("it cannot seek")

    def open(self) -> BufferedReader:
        stream = self.path.open("rb")
        return BufferedReader(Passing(stream.read, stream.close))


def test_the_copy_of_a_stream_of_tiles(tmp_path: Path, out: Path, used: list[Path]) -> None:
    tiles = fits.CompImageHDU(np.arange(4800, dtype=np.int16).reshape(1, 4, 30, 40))
    tiles.header.update({"BUNIT": "Jy/beam", **SKY, **FREQUENCY, **STOKES})
    path = tmp_path / "tiles.fits"
    fits.HDUList([fits.PrimaryHDU(), tiles]).writeto(path)
    one = Input(stored_at(path), ReadOnly(path), tmp_path / "indexes")
    Making((one,), RowFacts(), None, Wanted(Constraints(channels=(2, 3)), ()), 1 << 20)(out)
    made = fits.getdata(BytesIO(out.read_bytes()[:-32]))
    assert np.array_equal(made, np.arange(4800).reshape(1, 4, 30, 40)[:, 1:3])
    assert not used and list(out.parent.iterdir()) == [out]


def test_of_a_picture(cube: Input, out: Path, used: list[Path]) -> None:
    survey = out.parent / "survey"
    Surveying(cube)(survey)
    assert used == [out.parent]
    used.clear()
    with closing(HeldFile(os.open(survey, os.O_RDONLY), "survey", 0, survey.stat().st_size - 32)) as held:
        subject = Subject(Words("M83"), Kind.BRIGHTNESS)
        Drawing(PictureKind.MOMENT0, cube, held, subject)(out)
    assert set(used) == {out.parent}
    assert sorted(out.parent.iterdir()) == [out, survey]
