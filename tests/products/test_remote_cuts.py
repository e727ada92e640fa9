"""Cuts of plain images behind URLs are planned like those of local files: the same bytes, few requests, near
what is needed, and never a mixture of two states."""

from __future__ import annotations

import os
import tarfile
from contextlib import closing
from pathlib import Path

import fsspec
import numpy as np
import pytest
from astropy.io import fits
from cut_files import found_at
from remote_cubes import (
    PLANES,
    STAMP,
    STAMP_PIXELS,
    Computed,
    all_of,
    bytes_asked,
    make,
    pixels_of,
    results_of,
    stored,
    write_cube,
)
from web_servers import STILL, Web, serve

from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.holdings.discover import discover
from vo_service.holdings.members import list_members
from vo_service.holdings.records import FoundFile
from vo_service.pixels.cutout.plan import PlannedBytes, SourceChanged
from vo_service.pixels.url_source import look_up
from vo_service.products import planning
from vo_service.products.images import Images
from vo_service.products.selection import Constraints
from vo_service.products.wanted import Wanted
from vo_service.sky import Circle
from vo_service.store import RootPlace

CIRCLE = Constraints(shape=Circle(10.0, 20.0, 3.0))


pytestmark = pytest.mark.usefixtures("impatient")


@pytest.mark.parametrize("wanted", [STAMP, PLANES], ids=["stamp", "planes"])
def test_the_cut_of_a_remote_file_is_that_of_the_local_one(
    cube: Path, web: Web, tmp_path: Path, wanted: Wanted
) -> None:
    file = stored(found_at(cube))
    local = make(results_of(cube.parent, tmp_path / "a"), file, wanted)
    remote = make(results_of(web.url, tmp_path / "b"), file, wanted)
    assert (remote.size, remote.etag, remote.name) == (local.size, local.etag, local.name)
    content = all_of(local)
    assert all_of(remote) == content
    planes = STAMP_PIXELS if wanted is STAMP else np.s_[:, 1:6]
    assert np.array_equal(pixels_of(content), fits.getdata(cube)[planes])


def test_a_stamp_asks_for_little_more_than_its_rows_and_headers_are_read_once(
    cube: Path, web: Web, tmp_path: Path
) -> None:
    file, made_by = stored(found_at(cube)), results_of(web.url, tmp_path)
    all_of(make(made_by, file, STAMP))
    assert bytes_asked(web) < 250_000 < 480_000  # a plane, of three that are cut
    assert len(web.asked) <= 10
    web.asked.clear()
    content = all_of(make(made_by, file, STAMP))
    # one look before, one behind, and one request for the rows of each plane
    assert [method for method, _, _ in web.asked] == ["HEAD", "GET", "GET", "GET", "HEAD"]
    assert bytes_asked(web) == 3 * (19 * 1600 + 80)
    assert np.array_equal(pixels_of(content), fits.getdata(cube)[STAMP_PIXELS])


def test_many_blocks_cost_one_look_in_all(cube: Path, web: Web, tmp_path: Path) -> None:
    ready = make(results_of(web.url, tmp_path), stored(found_at(cube)), PLANES)
    web.asked.clear()
    with closing(ready.handle) as handle:
        content = b"".join(bytes(handle.read_at(at, 100_000)) for at in range(0, ready.size, 100_000))
    assert [method for method, _, _ in web.asked].count("HEAD") == 1
    assert bytes_asked(web) == 5 * 480_000
    assert np.array_equal(pixels_of(content), fits.getdata(cube)[:, 1:6])


@pytest.mark.parametrize("known", [False, True])
def test_a_file_that_changed_before_is_409(cube: Path, web: Web, tmp_path: Path, known: bool) -> None:
    file, images = stored(found_at(cube)), Images(4)
    if known:
        all_of(make(results_of(web.url, tmp_path, images=images), file, STAMP))
    os.utime(cube, (STILL + 5, STILL + 5))
    with pytest.raises(ServiceError) as refused:
        make(results_of(web.url, tmp_path, images=images), file, STAMP)
    assert refused.value.kind is ErrorKind.CONFLICT


@pytest.mark.parametrize("is_remote", [False, True])
def test_headers_of_another_state_are_not_kept(cube: Path, web: Web, tmp_path: Path, is_remote: bool) -> None:
    place: RootPlace = web.url if is_remote else cube.parent
    file, images = stored(found_at(cube)), Images(4)
    whole = cube.read_bytes()

    def change() -> None:
        with cube.open("r+b") as written:
            written.write(whole.replace(b"'M83     '", b"'M84     '", 1))

    with pytest.raises(ServiceError) as refused:
        make(results_of(place, tmp_path, change, images), file, STAMP)
    assert refused.value.kind is ErrorKind.CONFLICT
    cube.write_bytes(whole)
    os.utime(cube, (STILL, STILL))
    assert b"'M83     '" in all_of(make(results_of(place, tmp_path, images=images), file, STAMP))


def test_a_file_that_changes_while_it_is_sent_never_comes_to_its_end(
    cube: Path, web: Web, tmp_path: Path
) -> None:
    ready = make(results_of(web.url, tmp_path), stored(found_at(cube)), PLANES)
    with closing(ready.handle) as handle:
        assert isinstance(handle, PlannedBytes)
        handle.read_at(0, 1_000_000)
        handle.confirm()
        write_cube(cube, 8)
        os.utime(cube, (STILL + 5, STILL + 5))
        handle.read_at(1_000_000, 1000)
        with pytest.raises(SourceChanged):  # where an answer ends before the end of the whole
            handle.confirm()
        with pytest.raises(SourceChanged):
            handle.read_at(ready.size - 10_000, 10_000)


def test_servers_without_ranges_are_left_to_a_process(cube: Path, tmp_path: Path) -> None:
    with serve(cube.parent, ranges=False) as web, pytest.raises(Computed):
        make(results_of(web.url, tmp_path), stored(found_at(cube)), STAMP)


def test_what_costs_too_many_requests_is_left_to_a_process(
    cube: Path, web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "_MOST_ASKED", 100_000)
    with pytest.raises(Computed):
        make(results_of(web.url, tmp_path), stored(found_at(cube)), STAMP)
    all_of(make(results_of(cube.parent, tmp_path), stored(found_at(cube)), STAMP))


def test_a_server_that_has_gone_is_503(cube: Path, tmp_path: Path) -> None:
    with serve(cube.parent) as web:
        url = web.url
    with pytest.raises(ServiceError) as refused:
        make(results_of(url, tmp_path), stored(found_at(cube)), STAMP)
    assert refused.value.kind is ErrorKind.UNAVAILABLE and "127.0.0.1" not in refused.value.text


def test_a_member_of_a_remote_tar_is_cut_where_it_lies(cube: Path, web: Web, tmp_path: Path) -> None:
    with tarfile.open(cube.parent / "x.tar", "w") as packed:
        packed.add(cube, "a/cube.fits")
    os.utime(cube.parent / "x.tar", (STILL, STILL))
    itself = next(each for each in discover(cube.parent, "r") if each.path == "x.tar")
    assert isinstance(itself, FoundFile)
    member = stored(next(iter(list_members(itself, cube.parent).members)))
    local = all_of(make(results_of(cube.parent, tmp_path / "a"), member, STAMP))
    assert all_of(make(results_of(web.url, tmp_path / "b"), member, STAMP)) == local
    assert bytes_asked(web) < 250_000
    assert np.array_equal(pixels_of(local), fits.getdata(cube)[STAMP_PIXELS])


def test_an_object_of_a_store_is_cut_in_ranges(
    cube: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = fsspec.filesystem("memory")
    asked: list[int] = []
    whole_cat = type(memory).cat_file

    def cat_file(self: object, path: str, start: int, end: int) -> bytes:
        asked.append(end - start)
        return bytes(whole_cat(self, path, start=start, end=end))

    monkeypatch.setattr(type(memory), "cat_file", cat_file)
    memory.pipe("/cuts/cube.fits", cube.read_bytes())
    try:
        state = look_up("memory://cuts/cube.fits")
        file = stored(FoundFile("r", "cube.fits", state.size or 0, state.modified_ns))
        made_by = results_of("memory://cuts", tmp_path)
        assert np.array_equal(pixels_of(all_of(make(made_by, file, STAMP))), fits.getdata(cube)[STAMP_PIXELS])
        assert sum(asked) < 250_000
        ready = make(made_by, file, PLANES)
        memory.pipe("/cuts/cube.fits", cube.read_bytes())
        with closing(ready.handle) as handle, pytest.raises(SourceChanged):
            handle.read_at(0, ready.size)
    finally:
        memory.rm("/cuts", recursive=True)


def test_a_shape_on_a_map_of_all_the_sky_is_looked_for_in_a_process(cube: Path, tmp_path: Path) -> None:
    hdu = fits.PrimaryHDU(np.zeros((36, 72), np.float32))
    hdu.header.update({"CTYPE1": "RA---CAR", "CRPIX1": 36.5, "CDELT1": -5.0, "CRVAL1": 0.0, "BUNIT": "K"})
    hdu.header.update({"CTYPE2": "DEC--CAR", "CRPIX2": 18.5, "CDELT2": 5.0, "CRVAL2": 0.0})
    hdu.writeto(cube, overwrite=True)
    with pytest.raises(Computed):
        make(results_of(cube.parent, tmp_path), stored(found_at(cube)), Wanted(CIRCLE, ()))
    all_of(make(results_of(cube.parent, tmp_path), stored(found_at(cube)), Wanted(Constraints(), ())))
