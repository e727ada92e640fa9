"""Fields are opened wherever their files lie, in any process, and cost what they may cost."""

from __future__ import annotations

import os
import pickle
import shutil
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from atlas_files import (
    Array,
    all_of,
    bench_at,
    field_of,
    random_values,
    set_of,
    stored_at,
    write_image,
    write_tar,
    write_tiled,
    write_zipped,
)
from hypothesis import given
from hypothesis import strategies as st
from web_servers import STILL, serve, without_patience

from vo_service.atlas import looks
from vo_service.atlas.fields import AtlasField
from vo_service.atlas.opening import Origin, view_of
from vo_service.atlas.recipes import Quantity, Recipe
from vo_service.holdings.members import list_members
from vo_service.pixels import FitsError
from vo_service.products.stored import StoredFile
from vo_service.store import RootPlace

Written = tuple[StoredFile, RootPlace]
Write = Callable[[Path, Array], Written]

CONTINUUM, MOMENT0, PEAK = (Recipe(quantity) for quantity in Quantity)
IN_ITS_UNIT = {"BUNIT": "MJy/sr"}


def plain(folder: Path, data: Array) -> Written:
    return stored_at(write_image(folder / "a.fits", data, **IN_ITS_UNIT), folder), folder


def zipped(folder: Path, data: Array) -> Written:
    return stored_at(write_zipped(folder / "a.fits.gz", data, **IN_ITS_UNIT), folder), folder


def tiled(folder: Path, data: Array) -> Written:
    return stored_at(write_tiled(folder / "a.fits", data, **IN_ITS_UNIT), folder), folder


def in_tar(mode: str) -> Write:
    """A member of a tar, behind another one."""

    def write(folder: Path, data: Array) -> Written:
        image = write_image(folder / "inside.fits", data, **IN_ITS_UNIT)
        path = write_tar(folder / "all.tar", {"one": folder / "inside.fits", "two/a.fits": image}, mode)
        image.unlink()
        tar = stored_at(path, folder)
        member = list_members(tar.found, folder).members[1]
        return replace(tar, product_id="p-member", found=member), folder

    return write


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bool], Write]]:
    """Files behind a URL, of a server that gives pieces or does not."""
    folder = tmp_path / "web"
    folder.mkdir()
    with (
        without_patience(monkeypatch),
        serve(folder) as ranged,
        serve(folder, ranges=False) as whole,
    ):

        def write(ranges: bool) -> Write:
            def one(_: Path, data: Array) -> Written:
                path = write_image(folder / "a.fits", data, **IN_ITS_UNIT)
                os.utime(path, (STILL, STILL))
                return stored_at(path, folder), f"{(ranged if ranges else whole).url}/"

            return one

        yield write


def made(written: Written, recipe: Recipe, folder: Path) -> AtlasField:
    file, place = written
    return field_of(set_of(file), recipe, place, bench_at(folder))


def check(write: Write, folder: Path) -> None:
    """Image, parts of it, integral and peak, by another process's copy of the field."""
    data = random_values(3, 40, 50)
    written = write(folder, data)
    peak = pickle.loads(pickle.dumps(made(written, PEAK, folder)))
    np.testing.assert_array_equal(all_of(peak), data.max(axis=0))
    moment = all_of(made(written, MOMENT0, folder))
    width = 299792.458 * 2e6 / (230.4e9 + 2e6)
    np.testing.assert_allclose(moment, data.astype(float).sum(axis=0) * width, rtol=1e-6)
    (folder / "flat").mkdir()
    image = pickle.loads(pickle.dumps(made(write(folder, data[0]), CONTINUUM, folder / "flat")))
    with image.open() as plane:
        assert plane.size == (50, 40) and plane.weights((0, 50), (0, 40)) is None
        np.testing.assert_array_equal(plane.values((0, 50), (0, 40)), data[0])
        part = plane.values((7, 21), (33, 40))
        np.testing.assert_array_equal(part, data[0, 33:40, 7:21])
        assert part.flags.writeable  # whoever asked may work on it


@pytest.mark.parametrize("write", [plain, zipped, tiled], ids=["plain", "gzip", "tiles"])
def test_files_of_their_own(tmp_path: Path, write: Write) -> None:
    check(write, tmp_path)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_members_of_tars(tmp_path: Path, mode: str) -> None:
    check(in_tar(mode), tmp_path)


@pytest.mark.parametrize("ranges", [True, False], ids=["in pieces", "as a whole"])
def test_files_behind_a_url(tmp_path: Path, served: Callable[[bool], Write], ranges: bool) -> None:
    check(served(ranges), tmp_path)


def test_a_large_gzip_file_is_read_once_for_all_parts(tmp_path: Path) -> None:
    """Above what is read whole into memory: the plane is laid aside, and the file not opened again."""
    data = random_values(1500, 1600)
    field = made(zipped(tmp_path, data), CONTINUUM, tmp_path)
    with field.open() as plane:
        np.testing.assert_array_equal(plane.values((100, 1500), (1400, 1500)), data[1400:1500, 100:1500])
    (tmp_path / "a.fits.gz").unlink()
    with field.open() as plane:
        np.testing.assert_array_equal(plane.values((0, 9), (0, 7)), data[:7, :9])


@given(spans=st.tuples(*[st.tuples(st.integers(0, 39), st.integers(1, 40)) for _ in "xy"]))
def test_any_part_is_that_part_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory, spans: tuple[tuple[int, int], tuple[int, int]]
) -> None:
    x, y = ((start, min(40, start + length)) for start, length in spans)
    folder = tmp_path_factory.mktemp("part")
    data = random_values(2, 40, 40)
    whole = made(plain(folder, data), PEAK, folder)
    with whole.open() as plane:
        np.testing.assert_array_equal(plane.values(x, y), data.max(axis=0)[y[0] : y[1], x[0] : x[1]])


def test_a_map_is_made_once_by_however_many_processes(tmp_path: Path) -> None:
    data = random_values(30, 60, 70)
    field = made(plain(tmp_path, data), PEAK, tmp_path)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(all_of, [field] * 4))
    for each in found:
        np.testing.assert_array_equal(each, data.max(axis=0))
    kept = [path.name for path in (tmp_path / "scratch").iterdir() if path.suffix != ".lock"]
    assert kept == [f"{field.state}.npy"]
    (tmp_path / "a.fits").unlink()
    np.testing.assert_array_equal(all_of(field), data.max(axis=0))


def test_a_map_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    data = random_values(30, 60, 70)
    field = made(plain(tmp_path, data), PEAK, tmp_path)
    slow = replace(field, bench=bench_at(tmp_path, seconds=-1.0))
    with pytest.raises(FitsError, match=r"a\.fits was not read within -1 s") as caught:
        all_of(slow)
    assert caught.value.kind == "too_large"
    assert [path.suffix for path in (tmp_path / "scratch").iterdir()] == [".lock"]
    np.testing.assert_array_equal(all_of(field), data.max(axis=0))


@pytest.mark.parametrize("recipe", [CONTINUUM, PEAK], ids=["image", "map"])
def test_a_file_that_is_not_what_was_ingested_has_no_pixels(tmp_path: Path, recipe: Recipe) -> None:
    data = random_values(*(3,) * (recipe is PEAK), 20, 20)
    field = made(plain(tmp_path, data), recipe, tmp_path)
    view_of.cache_clear()
    os.utime(tmp_path / "a.fits", ns=(1, 1))
    with pytest.raises(FitsError, match="has changed since it was ingested") as caught:
        all_of(field)
    assert caught.value.kind == "changed"
    (tmp_path / "a.fits").unlink()
    with pytest.raises(FitsError, match="has gone since it was ingested"):
        all_of(field)


def test_a_root_that_is_away_is_told(tmp_path: Path) -> None:
    field = made(plain(tmp_path, random_values(20, 20)), CONTINUUM, tmp_path)
    view_of.cache_clear()
    away = replace(field, origin=Origin(field.origin.file, tmp_path / "away"))
    with pytest.raises(FitsError, match="is not there at present") as caught:
        all_of(away)
    assert caught.value.kind == "unreadable"


def test_a_map_takes_little_memory_however_large_the_cube(tmp_path: Path) -> None:
    data = np.zeros((200, 400, 500), np.float32)  # 160 MB
    data[150, 200, 250] = 5.0
    field = made(plain(tmp_path, data), MOMENT0, tmp_path)
    del data
    with field.open() as plane:  # the modules that it takes are loaded now
        plane.values((0, 1), (0, 1))
    next(path for path in (tmp_path / "scratch").iterdir() if path.suffix == ".npy").unlink()
    tracemalloc.start()
    try:
        with field.open() as plane:
            assert plane.values((250, 251), (200, 201))[0, 0] > 0.0
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 80 << 20


def test_a_primary_beam_makes_weights(tmp_path: Path) -> None:
    """(pb/rms)^2: of a pixel with half the response a quarter."""
    data, response = random_values(20, 30), np.linspace(-0.1, 1.1, 600, dtype=np.float32).reshape(20, 30)
    response[3, 4] = np.nan
    science = stored_at(write_image(tmp_path / "a.fits", data, **IN_ITS_UNIT), tmp_path)
    beam = stored_at(write_image(tmp_path / "pb.fits", response, BUNIT=None, BMAJ=None), tmp_path, role="pb")
    field = field_of(
        set_of(science, beam, rms=0.5, rms_unit="MJy/sr"), CONTINUUM, tmp_path, bench_at(tmp_path)
    )
    assert field.weight == pytest.approx(4.0)
    with field.open() as plane:
        weights = plane.weights((2, 30), (1, 20))
    assert weights is not None and weights.dtype == np.float32
    np.testing.assert_allclose(weights, np.clip(response[1:, 2:], 0.0, 1.0) ** 2 / 0.25, rtol=1e-6)
    assert np.isnan(weights[2, 2])


def renamed(file: StoredFile, name: str) -> StoredFile:
    return replace(file, found=replace(file.found, path=name))


@pytest.mark.parametrize("recipe", [CONTINUUM, PEAK], ids=["continuum", "peak"])
def test_an_image_that_is_not_corrected_is_divided_by_the_response(tmp_path: Path, recipe: Recipe) -> None:
    """Of a source of 8 that is seen with half the response the file has 4."""
    response = np.linspace(-0.1, 1.1, 600, dtype=np.float32).reshape(20, 30)
    response[3, 4] = np.nan
    truth = random_values(20, 30)
    truth[10, 14] = 8.0
    data = truth * np.clip(response, None, 1.0)
    cube = data if recipe is CONTINUUM else np.stack([data, data - 1.0, data - 3.0])
    science = stored_at(write_image(tmp_path / "a.fits", cube, **IN_ITS_UNIT), tmp_path)
    beam = stored_at(write_image(tmp_path / "pb.fits", response, BUNIT=None, BMAJ=None), tmp_path, role="pb")
    one = set_of(science, beam, rms=0.5, rms_unit="MJy/sr")
    seen = np.where(response >= 0.1, truth, np.nan)
    assert np.isfinite(seen[10, 14]) and np.isnan(seen[3, 4])
    np.testing.assert_allclose(all_of(field_of(one, recipe, tmp_path, bench_at(tmp_path))), seen, rtol=1e-6)
    (tmp_path / "a.fits").rename(tmp_path / "a.pbcor.fits")
    one = replace(one, science=renamed(science, "a.pbcor.fits"))
    corrected = field_of(one, recipe, tmp_path, bench_at(tmp_path))
    np.testing.assert_array_equal(all_of(corrected), data)


@pytest.mark.parametrize(
    ("channels", "taken"), [(9, 5), (1, 0), (4, 2)], ids=["its own channels", "one for all", "others"]
)
def test_the_channel_of_a_primary_beam(tmp_path: Path, channels: int, taken: int) -> None:
    response = np.arange(1.0, channels + 1.0, dtype=np.float32)[:, None, None] * np.full(
        (1, 20, 30), 0.1, "f4"
    )
    science = stored_at(write_image(tmp_path / "a.fits", random_values(9, 20, 30), **IN_ITS_UNIT), tmp_path)
    beam = stored_at(
        write_image(tmp_path / "pb.fits", response.astype("f4"), BUNIT=None), tmp_path, role="pb"
    )
    recipe = Recipe(Quantity.PEAK, ((4, 7),), 230e9)
    field = field_of(set_of(science, beam, rms=1.0, rms_unit="MJy/sr"), recipe, tmp_path, bench_at(tmp_path))
    with field.open() as plane:
        weights = plane.weights((0, 2), (0, 2))
    assert weights is not None
    np.testing.assert_allclose(weights, (0.1 * (taken + 1.0)) ** 2, rtol=1e-6)


@pytest.mark.parametrize(
    "cards", [{"CRVAL1": 204.26}, {"CDELT1": -1e-5}, {"CTYPE1": "LINEAR"}], ids=["moved", "scaled", "no sky"]
)
def test_a_primary_beam_of_other_pixels_is_none(tmp_path: Path, cards: dict[str, object]) -> None:
    science = stored_at(write_image(tmp_path / "a.fits", random_values(20, 30), **IN_ITS_UNIT), tmp_path)
    beam = stored_at(write_image(tmp_path / "pb.fits", random_values(20, 30), **cards), tmp_path, role="pb")
    field = field_of(set_of(science, beam), CONTINUUM, tmp_path, bench_at(tmp_path))
    assert field.primary_beam is None
    with field.open() as plane:
        assert plane.weights((0, 2), (0, 2)) is None


def test_the_state_changes_with_all_that_pixels_and_weights_depend_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = random_values(9, 20, 30)
    science = stored_at(write_image(tmp_path / "a.fits", data, **IN_ITS_UNIT), tmp_path)
    beam = stored_at(write_image(tmp_path / "pb.fits", data, BUNIT=None), tmp_path, role="pb")
    one, recipe = set_of(science, beam, rms=1.0, rms_unit="MJy/sr"), Recipe(Quantity.PEAK, ((4, 7),), 230e9)

    def state(changed: object = one, by: Recipe = recipe) -> str:
        return field_of(changed, by, tmp_path, bench_at(tmp_path)).state  # type: ignore[arg-type]

    first = state()
    shutil.copy2(tmp_path / "a.fits", tmp_path / "a.pbcor.fits")
    others = [
        state(replace(one, rms=2.0)),
        state(replace(one, primary_beams=())),
        state(replace(one, science=renamed(science, "a.pbcor.fits"))),
        state(replace(one, science=replace(science, version=2))),
        state(replace(one, primary_beams=(replace(beam, sha256="0" * 64),))),
        state(by=replace(recipe, runs=((4, 8),))),
        state(by=replace(recipe, line_hz=231e9)),
        state(by=replace(recipe, quantity=Quantity.MOMENT0)),
    ]
    assert state(replace(one, row={**one.row, "band_list": "7"})) == first  # that names the tree alone
    monkeypatch.setattr(looks, "ALGORITHM", looks.ALGORITHM + 1)
    assert len({first, state(), *others}) == 2 + len(others)
