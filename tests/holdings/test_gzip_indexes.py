"""Indexes of gzip files: made when pixels are measured, found by the file's state, gone with the file."""

from __future__ import annotations

import gzip
import os
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from ingest_homes import open_home
from pixel_products import write_cube

from vo_service.holdings import gzip_indexes
from vo_service.holdings.found_files import found_file
from vo_service.holdings.gzip_indexes import index_key, index_place, keep_index, sweep_indexes
from vo_service.holdings.measure import measure_product
from vo_service.holdings.pixel_pass import Measurer
from vo_service.holdings.records import FoundFile, ImageLayout, Product
from vo_service.pixels import FitsFile, read_fits
from vo_service.pixels.compute.gzip_reader import IndexedGzip
from vo_service.pixels.measure import PixelLimits
from vo_service.pixels.sources import LocalFile

FOUND = FoundFile("r", "a/b.fits.gz", 100, 17)


def product_of(path: Path, compression: str = "gzip") -> tuple[Product, FitsFile]:
    state = path.stat()
    found = FoundFile("r", path.name, state.st_size, state.st_mtime_ns)
    layout = read_fits(path)
    hdu = layout.hdus[0]
    image = ImageLayout(0, hdu.axes, hdu.bitpix, hdu.data_offset, compression)
    return Product(file=found, layout=image), layout


@pytest.fixture
def cube(tmp_path: Path) -> Path:
    data = np.random.default_rng(1).normal(size=(40, 64, 64)).astype(">f4")
    fits.PrimaryHDU(data).writeto(tmp_path / "a.fits")
    (tmp_path / "a.fits.gz").write_bytes(gzip.compress((tmp_path / "a.fits").read_bytes(), 1))
    return tmp_path / "a.fits.gz"


def test_keys_are_of_the_file_and_its_state() -> None:
    others = [
        replace(FOUND, root="s"),
        replace(FOUND, path="a/c.fits.gz"),
        replace(FOUND, size_bytes=101),
        replace(FOUND, modified_ns=18),
        replace(FOUND, container="a", offset=0),
        replace(FOUND, container="a", offset=512),
        replace(FOUND, query="version=2"),
    ]
    assert len({index_key(each) for each in (FOUND, *others)}) == 8
    assert index_key(FOUND) == index_key(replace(FOUND))


def test_the_pass_over_the_pixels_keeps_the_index_of_a_large_file(
    cube: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    indexes = tmp_path / "home" / "indexes"
    product, _ = product_of(cube)
    measurer = Measurer({"r": tmp_path}, PixelLimits(), measure_product, indexes)
    assert measurer(product)[1].error_kind is None
    assert not indexes.exists()  # it is small
    monkeypatch.setattr(gzip_indexes, "WORTH_AN_INDEX", 1000)
    assert measurer(product)[1].error_kind is None
    place = index_place(indexes, product.file)
    assert list(indexes.iterdir()) == [place]
    kept = place.read_bytes()
    with IndexedGzip(LocalFile(cube), place) as unpacked:
        assert unpacked.read_at(0, unpacked.size) == (tmp_path / "a.fits").read_bytes()
    measurer(product)
    assert place.read_bytes() == kept


def test_what_gets_no_index(cube: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gzip_indexes, "WORTH_AN_INDEX", 1000)
    product, _ = product_of(cube)
    indexes = tmp_path / "indexes"
    plain = product_of(tmp_path / "a.fits", "tile")[0]
    keep_index(indexes, plain, LocalFile(tmp_path / "a.fits"), tmp_path)
    keep_index(indexes, product, LocalFile(cube), "https://example.org/")
    packed = replace(product, file=replace(product.file, container="a.tgz", packing="gzip", offset=0))
    keep_index(indexes, packed, LocalFile(cube), tmp_path)
    keep_index(indexes, Product(file=product.file), LocalFile(cube), tmp_path)
    assert not indexes.exists()
    slow = Measurer({"r": tmp_path}, PixelLimits(seconds=0.0), lambda *_: None, indexes)  # type: ignore[arg-type, return-value]
    slow(product)
    assert not indexes.exists()


def test_a_damaged_file_is_no_failure_of_the_pass(
    cube: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gzip_indexes, "WORTH_AN_INDEX", 1000)
    product, _ = product_of(cube)
    cube.write_bytes(cube.read_bytes()[:-9])
    keep_index(tmp_path / "indexes", product, LocalFile(cube), tmp_path)
    assert not list((tmp_path / "indexes").iterdir())


def test_sweeping(tmp_path: Path) -> None:
    gone = replace(FOUND, modified_ns=1)
    for found in (FOUND, gone):
        index_place(tmp_path, found).write_bytes(b"index")
    for name in (".a.gzidx.1.new", ".b.gzidx.2.new"):
        (tmp_path / name).write_bytes(b"begun")
    os.utime(tmp_path / ".b.gzidx.2.new", (time.time() - 100000,) * 2)
    (tmp_path / "another's").write_bytes(b"")
    sweep_indexes(tmp_path, iter([FOUND]))
    wanted = {index_place(tmp_path, FOUND).name, ".a.gzidx.1.new", "another's"}
    assert {each.name for each in tmp_path.iterdir()} == wanted


def test_an_ingest_makes_indexes_and_sweeps_those_of_files_that_are_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gzip_indexes, "WORTH_AN_INDEX", 1000)
    write_cube(tmp_path / "plain.fits")
    top = tmp_path / "tree"
    top.mkdir()
    for name in ("one", "other"):
        packed = gzip.compress((tmp_path / "plain.fits").read_bytes() + bytes(2880))
        (top / f"{name}_sci.cube.fits.gz").write_bytes(packed)
    home = open_home(tmp_path / "home")
    indexes = tmp_path / "home" / "indexes"
    with closing(home.catalogue), closing(home.snapshots):
        home.ingest(top)
        assert not indexes.exists()
        home.ingest(top, pixels=PixelLimits())
        assert len(list(indexes.iterdir())) == 2
        (top / "one_sci.cube.fits.gz").unlink()
        home.ingest(top)
        listed = [found_file(row) for row in home.rows("holdings.product")]
        assert list(indexes.iterdir()) == [index_place(indexes, each) for each in listed]
