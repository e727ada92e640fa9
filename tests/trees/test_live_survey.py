"""Looking over a cube: by numpy, in full and where only some channels are read."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest
from live_house import Array, LiveHouse, disc, noise

from vo_service.atlas import NoMap, SingleDataset, Workbench, single_dataset
from vo_service.holdings.records import FoundFile
from vo_service.products.stored import StoredFile
from vo_service.trees.live_survey import look_over

SHAPE = (9, 40, 30)
PLANE = 4 * SHAPE[1] * SHAPE[2]


def values() -> Array:
    cube = noise(*SHAPE)
    cube[6, 12, 20] = 7.0
    cube[2, 5, 5] = 3.0
    cube[3] = np.nan
    cube[5, :, :10] = np.nan
    return disc(cube, 17.0)


def single(tmp_path: Path, path: Path, **more: object) -> SingleDataset:
    state = path.stat()
    found = FoundFile("r", str(path.relative_to(tmp_path)), state.st_size, state.st_mtime_ns)
    file = StoredFile("p", found, 1, "application/fits", "file", None)
    return single_dataset("d", file, tmp_path, Workbench(tmp_path, tmp_path))


@pytest.fixture
def cube(tmp_path: Path) -> SingleDataset:
    return single(tmp_path, LiveHouse(tmp_path).write("cube", values()))


def test_all_of_it(cube: SingleDataset) -> None:
    looked, truth = look_over(cube, None), values().astype(np.float32)
    assert looked.channels == tuple(range(9))
    np.testing.assert_array_equal(looked.mask, np.isfinite(truth).any(axis=0))
    highest = [np.nan if np.isnan(plane).all() else np.nanmax(plane) for plane in truth]
    np.testing.assert_allclose(looked.highest, highest, rtol=1e-6)
    assert looked.lowest == pytest.approx(np.nanmin(truth), rel=1e-6)
    assert (looked.brightest, looked.blank) == (6, (3,))


SOME = [(None, (0, 3, 5, 8)), (6, (0, 3, 5, 6, 8)), (99, (0, 3, 5, 8))]


@pytest.mark.parametrize(("first", "channels"), SOME)
def test_some_of_it(cube: SingleDataset, first: int | None, channels: tuple[int, ...]) -> None:
    looked, truth = look_over(cube, first, 4 * PLANE), values()
    assert looked.channels == channels
    np.testing.assert_array_equal(looked.mask, np.isfinite(truth[list(channels)]).any(axis=0))
    seen = [channel for channel in channels if channel != 3]
    assert looked.brightest == max(seen, key=lambda channel: float(np.nanmax(truth[channel])))
    assert looked.blank == (3,)


@pytest.mark.parametrize("order", ["channels first", "channels last"])
def test_however_the_axes_lie(tmp_path: Path, order: str) -> None:
    truth = values()
    swapped = truth.transpose(1, 2, 0) if order == "channels first" else truth
    sky = {"RA---SIN": 204.25, "DEC--SIN": -29.87}
    cards: dict[str, object] = {}
    if order == "channels first":
        for axis, (ctype, value) in enumerate([("FREQ", 230.4e9), *sky.items()], start=1):
            cards |= {f"CTYPE{axis}": ctype, f"CRVAL{axis}": value, f"CRPIX{axis}": 10.0}
            cards |= {f"CDELT{axis}": 2e6 if ctype == "FREQ" else 0.5 / 3600.0}
            cards |= {f"CUNIT{axis}": "Hz" if ctype == "FREQ" else "deg"}
    looked = look_over(single(tmp_path, LiveHouse(tmp_path).write("cube", swapped, **cards)), None)
    np.testing.assert_array_equal(looked.mask, np.isfinite(truth).any(axis=0))
    assert (looked.brightest, looked.blank) == (6, (3,))


def test_an_image_has_one_channel(tmp_path: Path) -> None:
    truth = values()[6]
    looked = look_over(single(tmp_path, LiveHouse(tmp_path).write("image", truth)), None, 1)
    np.testing.assert_array_equal(looked.mask, np.isfinite(truth))
    assert (looked.channels, looked.brightest, looked.blank) == ((0,), 0, ())


def test_nothing_at_all(tmp_path: Path) -> None:
    empty = np.full(SHAPE, np.nan)
    looked = look_over(single(tmp_path, LiveHouse(tmp_path).write("cube", empty)), None)
    assert looked.brightest is None and len(looked.blank) == 9 and not looked.mask.any()


def test_what_can_only_be_read_on_is_read_whole_or_not_at_all(tmp_path: Path) -> None:
    path = LiveHouse(tmp_path).write("cube", values())
    packed = tmp_path / "some.tar.gz"
    with tarfile.open(packed, "w:gz") as tar:
        tar.add(path, "cube.fits")
    with tarfile.open(packed) as tar:
        offset = tar.getmember("cube.fits").offset_data
    found = FoundFile(
        "r", "cube.fits", path.stat().st_size, packed.stat().st_mtime_ns, packed.name, offset, "gzip"
    )
    file = StoredFile("p", found, 1, "application/fits", "file", None)
    cube = single_dataset("d", file, tmp_path, Workbench(tmp_path, tmp_path))
    assert look_over(cube, None).brightest == 6
    with pytest.raises(NoMap, match=f"from its beginning on, and has {9 * PLANE} bytes of pixels"):
        look_over(cube, None, 4 * PLANE)
