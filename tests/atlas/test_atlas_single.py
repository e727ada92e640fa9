"""One data set by itself: its own unit, channel by channel, with what its frames are."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from atlas_files import all_of, bench_at, random_values, stored_at, write_image, write_zipped

from vo_service.atlas import NoMap, SingleDataset, single_dataset
from vo_service.pixels import FitsError


def single(path: Path, folder: Path) -> SingleDataset:
    return single_dataset("d-1", stored_at(path, path.parent), path.parent, bench_at(folder))


def test_a_cube_channel_by_channel(tmp_path: Path) -> None:
    """HIPS-100, 101: frames count from 0, and FITS has the first at CRPIX 1."""
    data = random_values(1, 5, 14, 12)
    found = single(write_image(tmp_path / "a.fits", data), tmp_path)
    assert (found.unit, found.polarisation, found.size, found.channels) == ("Jy/beam", "I", (12, 14), 5)
    axis = found.axis
    assert axis is not None and (axis.bunit3, axis.specsys) == ("Hz", "BARYCENT")
    for channel in range(5):
        frequency = axis.crval3 + (channel + 1 - axis.crpix3) * axis.cdelt3
        assert frequency == pytest.approx(230.4e9 + channel * 2e6, rel=1e-12)
        plane = pickle.loads(pickle.dumps(found.plane(channel)))
        np.testing.assert_array_equal(all_of(plane), data[0, channel])
        assert plane.name == "d-1" and plane.weight == 1.0
    assert len({found.plane(channel).state for channel in range(5)}) == 5
    for channel in (-1, 5):
        with pytest.raises(IndexError, match="has the channels 0 to 4"):
            found.plane(channel)


def test_an_image_has_one_plane_and_no_axis(tmp_path: Path) -> None:
    data = random_values(14, 12)
    data[3, 4] = np.nan
    found = single(write_image(tmp_path / "a.fits", data, BUNIT="km/s", BMAJ=None, BMIN=None), tmp_path)
    assert (found.unit, found.polarisation, found.channels, found.axis) == ("km/s", None, 1, None)
    assert found.resolution == found.pixel_scale == pytest.approx(0.2 / 3600.0)
    np.testing.assert_array_equal(all_of(found.plane(0)), data)
    with found.plane(0).open() as plane:
        assert plane.weights((0, 12), (0, 14)) is None


@pytest.mark.parametrize(
    ("cards", "evenly"),
    [
        ({"CTYPE3": "VRAD", "CRVAL3": 1e6, "CDELT3": 1e3, "CUNIT3": "m/s"}, True),
        ({"CDELT3": -2e6}, True),
        ({"CTYPE3": "WAVE", "CRVAL3": 1.3e-3, "CDELT3": 1e-5, "CUNIT3": "m"}, False),
        ({"CTYPE3": "FELO-LSR", "CUNIT3": "m/s", "RESTFRQ": None}, False),
    ],
    ids=["velocity", "falling", "wavelength", "no frequencies"],
)
def test_frames_are_described_where_they_lie_evenly(
    tmp_path: Path, cards: dict[str, object], evenly: bool
) -> None:
    found = single(write_image(tmp_path / "a.fits", random_values(6, 8, 8), **cards), tmp_path)
    assert found.channels == 6 and (found.axis is not None) == evenly


def test_polarisations_other_than_intensity_are_called_what_they_are(tmp_path: Path) -> None:
    data = random_values(2, 1, 8, 9)
    only = {"CRVAL4": 2.0, "CDELT4": 1.0}
    found = single(write_image(tmp_path / "a.fits", data, **only), tmp_path)
    assert found.polarisation == "Q"
    np.testing.assert_array_equal(all_of(found.plane(0)), data[0, 0])


def test_a_channel_of_a_large_gzip_cube_is_read_once(tmp_path: Path) -> None:
    data = random_values(3, 900, 1000)
    path = write_zipped(tmp_path / "a.fits.gz", data)
    plane = single(path, tmp_path).plane(2)
    np.testing.assert_array_equal(all_of(plane), data[2])
    path.unlink()
    np.testing.assert_array_equal(all_of(plane), data[2])


def test_what_shows_no_sky_is_told(tmp_path: Path) -> None:
    flat = write_image(tmp_path / "a.fits", random_values(8, 8), CTYPE1="LINEAR", CTYPE2="LINEAR")
    with pytest.raises(NoMap, match="no axes on the sky"):
        single(flat, tmp_path)
    (tmp_path / "b.fits").write_bytes(b"no FITS at all")
    with pytest.raises(FitsError):
        single(tmp_path / "b.fits", tmp_path)
