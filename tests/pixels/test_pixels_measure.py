"""Images measured in one reading: numbers against numpy and astropy, limits, and memory."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from sky_images import astropy_area, plane_of, sky_header

from vo_service.pixels import FitsError, read_fits
from vo_service.pixels.measure import ImageMeasurement, PixelLimits, measure_image
from vo_service.pixels.sources import LocalFile
from vo_service.sky import Circle

NO_LIMITS = PixelLimits(1 << 40, 1e6)


def measure(path: Path, limits: PixelLimits = NO_LIMITS, **options: object) -> ImageMeasurement:
    source = LocalFile(path)
    found = read_fits(source)
    image = found.image()
    assert image is not None
    return measure_image(source, image, compressed=found.compressed, limits=limits, **options)


def write_sparse(path: Path, axes: tuple[int, ...], bitpix: int) -> None:
    """A FITS file of zeros that takes no room on the disk."""
    cards = fits.Header([("SIMPLE", True), ("BITPIX", bitpix), ("NAXIS", len(axes))])
    for number, length in enumerate(axes, 1):
        cards[f"NAXIS{number}"] = length
    text = cards.tostring().encode()
    size = int(np.prod(axes, dtype=object)) * abs(bitpix) // 8
    path.write_bytes(text)
    os.truncate(path, len(text) + -(-size // 2880) * 2880)


@pytest.fixture
def cube() -> np.ndarray:
    rng = np.random.default_rng(12)
    y, x = np.mgrid[:90, :100]
    data = rng.normal(size=(6, 90, 100)).astype(np.float32)
    data *= np.linspace(0.5, 2.0, 6, dtype=np.float32)[:, None, None]
    data[:, np.hypot(x - 50, y - 45) > 40] = np.nan
    data[4, 50, 61] = 77.0
    data[2, :30] = np.nan
    return data


def test_all_of_an_image_in_one_reading(tmp_path: Path, cube: np.ndarray) -> None:
    header = sky_header(100, 90)
    fits.PrimaryHDU(cube).writeto(tmp_path / "a.fits")
    found = measure(tmp_path / "a.fits", sky=plane_of(100, 90, header))
    assert found.content_hash == hashlib.sha256(cube.astype(">f4").tobytes()).hexdigest()
    assert (found.pixel_count, found.valid_count) == (cube.size, np.isfinite(cube).sum())
    assert list(found.planes.peak) == [np.nanmax(plane) for plane in cube]
    peak = found.planes.image_peak
    assert peak is not None and (peak.value, peak.plane, peak.x, peak.y) == (77.0, 4, 62, 51)
    assert found.planes.rms == pytest.approx(np.nanstd(np.where(cube == 77, np.nan, cube), (1, 2)), rel=0.05)
    assert found.statistics is not None and found.statistics.maximum == 77.0
    assert found.statistics.peak_offset == np.hypot(62 - 51, 51 - 46)
    assert found.valid is not None and isinstance(found.valid.outline, Circle)
    valid = np.isfinite(cube).any(axis=0)
    assert found.valid.area == pytest.approx(astropy_area(header, valid), rel=1e-6)
    assert found.valid.moc is not None and found.valid.moc_order is not None


def test_only_the_planes_asked_for_have_entries(tmp_path: Path, cube: np.ndarray) -> None:
    fits.PrimaryHDU(cube).writeto(tmp_path / "a.fits")
    found = measure(tmp_path / "a.fits", planes=np.array([1, 3]))
    assert list(found.planes.peak) == [np.nanmax(cube[1]), np.nanmax(cube[3])]
    assert found.valid_count == np.isfinite(cube).sum()
    assert found.statistics is not None and found.statistics.maximum == 77.0
    assert found.valid is None


def test_nothing_valid_is_no_error(tmp_path: Path) -> None:
    fits.PrimaryHDU(np.full((2, 30, 40), np.nan, np.float32)).writeto(tmp_path / "a.fits")
    found = measure(tmp_path / "a.fits", sky=plane_of(40, 30, sky_header(40, 30)))
    assert found.valid_count == 0 and found.statistics is None
    assert found.planes.image_peak is None and np.isnan(found.planes.image_rms)
    assert found.valid is not None
    assert (found.valid.outline, found.valid.area, found.valid.moc) == (None, 0.0, None)


@pytest.mark.parametrize(
    ("axes", "says"),
    [
        ((4096, 4096, 1024), "68719476736 bytes of pixels"),
        ((20_000_000,), "rows of 80000000 bytes"),
        ((1, 1, 5_000_000), "5000000 planes"),
    ],
)
def test_what_is_too_large_is_refused_before_it_is_read(
    tmp_path: Path, axes: tuple[int, ...], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "huge.fits"
    write_sparse(path, axes, -32)
    found = read_fits(LocalFile(path))

    class Closed(LocalFile):
        def open(self) -> None:
            raise AssertionError("the pixels were opened")

    image = found.image()
    assert image is not None
    with pytest.raises(FitsError, match=says) as caught:
        measure_image(Closed(path), image, compressed=False, limits=PixelLimits())
    assert caught.value.kind == "too_large"


def test_the_clock_ends_a_reading(tmp_path: Path) -> None:
    write_sparse(tmp_path / "a.fits", (512, 512, 40), -32)
    with pytest.raises(FitsError, match="not read within 0 s") as caught:
        measure(tmp_path / "a.fits", PixelLimits(1 << 40, 0.0))
    assert caught.value.kind == "too_large"


@pytest.mark.parametrize("scale", [1e-300, 1e-40, 1e38, 1e160, 1e306])
def test_values_of_any_size_are_measured_without_a_warning(tmp_path: Path, scale: float) -> None:
    values = np.random.default_rng(3).normal(size=(2, 80, 80))
    values[0, 40, 40] = 25.0
    fits.PrimaryHDU(scale * values).writeto(tmp_path / "a.fits")
    found = measure(tmp_path / "a.fits")
    assert found.planes.image_peak is not None and found.planes.image_peak.value == scale * 25.0
    assert found.planes.image_rms == pytest.approx(scale, rel=0.05)
    assert found.statistics is not None
    assert found.statistics.deviation == pytest.approx(scale * values.std()) or scale > 1e150


_SCRIPT = """
import sys
from pathlib import Path
from vo_service.pixels import read_fits
from vo_service.pixels.measure import PixelLimits, measure_image
from vo_service.pixels.sources import LocalFile
source = LocalFile(Path(sys.argv[1]))
found = read_fits(source)
measured = measure_image(source, found.image(), compressed=False, limits=PixelLimits())
# of this program alone: the figure that getrusage gives begins with that of the process that started it
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(measured.valid_count, int(peak.split()[1]) * 1024)
"""


@pytest.mark.parametrize(("axes", "bitpix"), [((12_000, 12_000), 8), ((300, 300, 1500), -32)])
def test_memory_does_not_grow_with_the_image(tmp_path: Path, axes: tuple[int, ...], bitpix: int) -> None:
    write_sparse(tmp_path / "a.fits", axes, bitpix)
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, str(tmp_path / "a.fits")], capture_output=True, text=True, check=True
    )
    valid, memory = map(int, done.stdout.split())
    assert valid == np.prod(axes)
    assert memory < 500e6
