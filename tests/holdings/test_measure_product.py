"""Products measured: places and frequencies as the header pass has them, by astropy's WCS and numpy."""

from __future__ import annotations

import gzip
import hashlib
import os
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from product_files import SKY, write_product

from vo_service.holdings.describe import describe_product
from vo_service.holdings.measure import measure_product
from vo_service.holdings.measurement import Measurement, PixelLimits
from vo_service.holdings.records import FoundFile, Product, ProductError
from vo_service.pixels.sources import LocalFile
from vo_service.sky import Circle

LIMITS = PixelLimits()
SHAPE = (1, 5, 64, 64)


def noisy(shape: tuple[int, ...] = SHAPE, seed: int = 1) -> np.ndarray:
    """Noise in a disc round the middle, with one bright pixel in each of five channels."""
    data = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    y, x = np.mgrid[: shape[-2], : shape[-1]]
    data[..., np.hypot(x - 32, y - 32) > 25] = np.nan
    for channel in range(min(5, data.reshape(-1, *shape[-2:]).shape[0])):
        data.reshape(-1, *shape[-2:])[channel, 20 + channel, 30 - 2 * channel] = 50.0 + channel
    return data


def write_values(path: Path, data: np.ndarray, **cards: object) -> Path:
    write_product(path, data.shape, **cards)
    with fits.open(path, mode="update") as hdus:
        hdus[0].data[:] = data
    return path


def described(path: Path) -> Product:
    state = path.stat()
    return describe_product(FoundFile("r", path.name, state.st_size, state.st_mtime_ns), path.parent)


def measured(path: Path, limits: PixelLimits = LIMITS) -> Measurement:
    product = described(path)
    assert product.error_kind is None, product.error_message
    return measure_product(product, LocalFile(path), limits)


def separation(ra: np.ndarray, dec: np.ndarray, place: SkyCoord) -> float:
    found = SkyCoord(np.atleast_1d(ra) * u.deg, np.atleast_1d(dec) * u.deg)
    return float(np.max(found.separation(place).arcsec))


def test_a_cube_has_a_spectrum_of_peaks_with_their_places_and_frequencies(tmp_path: Path) -> None:
    data = noisy()
    found = measured(write_values(tmp_path / "a.fits", data))
    with fits.open(tmp_path / "a.fits") as hdus:
        wcs = WCS(hdus[0].header)
    channels = np.arange(5)
    assert found.spectrum is not None
    assert list(found.spectrum.channel) == [1, 2, 3, 4, 5]
    assert found.spectrum.frequency == pytest.approx(2.3e11 + 1e6 * channels, rel=1e-15)
    assert list(found.spectrum.peak) == [50, 51, 52, 53, 54]
    places = wcs.celestial.pixel_to_world(30 - 2 * channels, 20 + channels)
    assert separation(found.spectrum.ra, found.spectrum.dec, places.icrs) < 1e-6
    noise = np.where(data[0] >= 50.0, np.nan, data[0])
    assert found.spectrum.rms == pytest.approx(np.nanstd(noise, axis=(1, 2)), rel=0.1)
    assert found.rms == np.median(found.spectrum.rms)
    assert (found.peak, found.peak_ra) == (54.0, found.spectrum.ra[4])
    assert found.dynamic_range == 54.0 / found.rms
    assert isinstance(found.outline, Circle)
    assert found.valid_count == np.isfinite(data).sum()
    assert found.content_hash == hashlib.sha256(data.astype(">f4").tobytes()).hexdigest()


@pytest.mark.parametrize(
    "cards",
    [
        {"RADESYS": "FK5", "EQUINOX": 2000.0},
        {"RADESYS": "FK4", "EQUINOX": 1950.0},
        {"CROTA2": 40.0},
        {"CTYPE1": "GLON-TAN", "CTYPE2": "GLAT-TAN", "CRVAL1": 30.0, "CRVAL2": 5.0},
        {"CTYPE1": "DEC--SIN", "CTYPE2": "RA---SIN", "CRVAL1": -29.87, "CRVAL2": 204.25,
         "CDELT1": 1e-4, "CDELT2": -1e-4},
    ],
    ids=["fk5", "fk4", "turned", "galactic", "swapped"],
)  # fmt: skip
def test_places_are_icrs_whatever_the_header_has(tmp_path: Path, cards: dict[str, object]) -> None:
    found = measured(write_values(tmp_path / "a.fits", noisy(), **cards))
    with fits.open(tmp_path / "a.fits") as hdus:
        wcs = WCS(hdus[0].header).celestial
    expected = wcs.pixel_to_world(22, 24).icrs
    assert separation(found.peak_ra, found.peak_dec, expected) < 1e-5
    assert isinstance(found.outline, Circle)
    middle = wcs.pixel_to_world(32, 32).icrs
    assert separation(found.outline.lon, found.outline.lat, middle) < 0.1
    assert found.area == pytest.approx(np.isfinite(noisy()[0, 0]).sum() * 1e-8, rel=1e-4)


def test_frequencies_of_a_velocity_axis_fill_the_range_of_the_header_pass(tmp_path: Path) -> None:
    path = write_values(
        tmp_path / "a.fits",
        noisy(),
        CTYPE3="VRAD",
        CRVAL3=1.5e6,
        CDELT3=-2e3,
        CUNIT3="m/s",
        RESTFRQ=2.30538e11,
    )
    found, product = measured(path), described(path)
    assert product.spectral is not None and found.spectrum is not None
    frequency, half = found.spectrum.frequency, product.spectral.channel_width / 2
    assert frequency == pytest.approx(
        2.30538e11 * (1 - (1.5e6 - 2e3 * np.arange(5)) / 299792458.0), rel=1e-14
    )
    assert (frequency.min() - half, frequency.max() + half) == pytest.approx(
        (product.spectral.f_min, product.spectral.f_max), rel=1e-12
    )


def test_a_spectral_axis_that_says_nothing_gives_a_spectrum_without_frequencies(tmp_path: Path) -> None:
    found = measured(write_values(tmp_path / "a.fits", noisy(), CTYPE3="VRAD", RESTFRQ=None, CUNIT3="m/s"))
    assert found.spectrum is not None
    assert np.isnan(found.spectrum.frequency).all()
    assert list(found.spectrum.peak) == [50, 51, 52, 53, 54]


@pytest.mark.parametrize(("first", "step", "chosen"), [(1.0, 1.0, 0), (4.0, -1.0, 3), (-5.0, -1.0, 0)])
def test_peak_and_noise_are_of_stokes_i_or_the_first(
    tmp_path: Path, first: float, step: float, chosen: int
) -> None:
    data = np.concatenate([(1 + n) * noisy(SHAPE, n) for n in range(4)])
    found = measured(write_values(tmp_path / "a.fits", data, CRVAL4=first, CDELT4=step))
    assert found.spectrum is not None
    assert list(found.spectrum.peak) == [np.nanmax(plane) for plane in data[chosen]]
    assert found.pixel_count == data.size
    assert found.statistics is not None and found.statistics.maximum == np.nanmax(data)


def test_stokes_before_frequency_is_taken_apart_rightly(tmp_path: Path) -> None:
    data = np.random.default_rng(2).normal(size=(5, 2, 64, 64)).astype(np.float32)
    stokes = {"CTYPE3": "STOKES", "CRVAL3": 2.0, "CDELT3": -1.0, "CUNIT3": None, "CRPIX3": 1.0}
    cards = stokes | {"CTYPE4": "FREQ", "CRVAL4": 1e11, "CDELT4": -1e6, "CRPIX4": 1.0}
    found = measured(write_values(tmp_path / "a.fits", data, **cards))
    assert found.spectrum is not None
    assert list(found.spectrum.peak) == [plane.max() for plane in data[:, 1]]
    assert found.spectrum.frequency == pytest.approx(1e11 - 1e6 * np.arange(5))


def test_an_image_has_no_spectrum(tmp_path: Path) -> None:
    found = measured(write_values(tmp_path / "a.fits", noisy((1, 1, 64, 64))))
    assert found.spectrum is None
    assert found.peak == 50.0 and found.rms == pytest.approx(1.0, rel=0.08)


def test_without_places_on_the_sky_the_values_are_measured_all_the_same(tmp_path: Path) -> None:
    cards = dict.fromkeys(SKY) | {"CTYPE1": "LINEAR", "CTYPE2": "LINEAR"}
    found = measured(write_values(tmp_path / "a.fits", noisy(), **cards))
    assert (found.outline, found.area, found.moc, found.peak_ra) == (None, None, None, None)
    assert found.peak == 54.0 and found.rms is not None and found.statistics is not None


def test_an_image_of_nothing_but_blanks(tmp_path: Path) -> None:
    found = measured(write_values(tmp_path / "a.fits", np.full(SHAPE, np.nan, np.float32)))
    assert (found.valid_count, found.statistics, found.outline, found.area) == (0, None, None, 0.0)
    assert (found.rms, found.peak, found.peak_ra, found.dynamic_range) == (None, None, None, None)
    assert found.spectrum is not None and np.isnan(found.spectrum.ra).all()


def test_compressed_copies_are_measured_alike(tmp_path: Path) -> None:
    plain = write_values(tmp_path / "a.fits", noisy())
    packed, tiles = tmp_path / "b.fits.gz", tmp_path / "c.fits.fz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    with fits.open(plain) as hdus:
        tile = fits.CompImageHDU(hdus[0].data, hdus[0].header, compression_type="GZIP_2", quantize_level=0.0)
        fits.HDUList([fits.PrimaryHDU(), tile]).writeto(tiles)
    expected = measured(plain)
    for path in (packed, tiles):
        found = measured(path)
        assert found.content_hash == expected.content_hash
        assert (found.rms, found.outline, found.area) == (expected.rms, expected.outline, expected.area)
        assert found.statistics == expected.statistics


def test_an_image_beyond_the_limit_is_too_large(tmp_path: Path) -> None:
    path = write_values(tmp_path / "a.fits", noisy())
    with pytest.raises(ProductError, match="81920 bytes of pixels, the limit is 1000") as caught:
        measured(path, PixelLimits(bytes=1000))
    assert caught.value.kind == "too_large"


def test_a_sparse_file_of_64_gigabytes_ends_at_once(tmp_path: Path) -> None:
    path = write_values(tmp_path / "a.fits", noisy())
    raw = path.read_bytes()
    for axis, length in ((1, 4096), (2, 4096), (3, 1024)):
        at = raw.index(f"NAXIS{axis}  =".encode())
        raw = raw[:at] + f"NAXIS{axis}  = {length:>20}".encode() + raw[at + 30 :]
    path.write_bytes(raw[: 2880 * 2])
    os.truncate(path, 2880 * 2 + 4096 * 4096 * 1024 * 4)
    with pytest.raises(ProductError) as caught:
        measured(path)
    assert caught.value.kind == "too_large"


def test_a_file_with_another_header_has_changed(tmp_path: Path) -> None:
    path = write_values(tmp_path / "a.fits", noisy())
    product = described(path)
    fits.setval(path, "OBJECT", value="another")
    with pytest.raises(ProductError) as caught:
        measure_product(product, LocalFile(path), LIMITS)
    assert caught.value.kind == "changed"


def test_a_file_that_was_cut_off_or_has_gone_is_told(tmp_path: Path) -> None:
    path = write_values(tmp_path / "a.fits", noisy())
    product = described(path)
    os.truncate(path, path.stat().st_size - 40000)
    with pytest.raises(ProductError) as caught:
        measure_product(product, LocalFile(path), LIMITS)
    assert caught.value.kind == "truncated"
    path.unlink()
    with pytest.raises(ProductError) as caught:
        measure_product(product, LocalFile(path), LIMITS)
    assert caught.value.kind == "changed"


def test_what_is_no_image_has_no_pixels(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("plain text")
    product = described(tmp_path / "notes.txt")
    with pytest.raises(ProductError) as caught:
        measure_product(product, LocalFile(tmp_path / "notes.txt"), LIMITS)
    assert caught.value.kind == "no_pixels"


def test_a_cube_whose_channels_come_first_says_why_it_has_no_outline_and_no_spectrum(tmp_path: Path) -> None:
    """The axes are frequency, right ascension, declination."""
    cards = {f"{card}{new}": SKY[f"{card}{old}"] for new, old in ((2, 1), (3, 2))
             for card in ("CTYPE", "CRVAL", "CDELT", "CRPIX", "CUNIT") if f"{card}{old}" in SKY}  # fmt: skip
    cards |= {"CTYPE1": "FREQ", "CRVAL1": 2.3e11, "CDELT1": 1e6, "CRPIX1": 1.0, "CUNIT1": "Hz"}
    data = np.random.default_rng(3).normal(size=(20, 20, 40)).astype(np.float32)
    found = measured(write_values(tmp_path / "a.fits", data, **cards))
    assert found.outline is None and found.spectrum is None
    assert found.remark == (
        "no outline and no positions: the celestial axes are not the first two; "
        "no spectrum and lines not searched: the spectral axis is axis 1 of the image"
    )


def test_a_cube_of_several_beams_says_why_it_has_no_spectrum(tmp_path: Path) -> None:
    data = np.random.default_rng(3).normal(size=(2, 40, 24, 24)).astype(np.float32)
    cards = {"CTYPE4": "BEAM", "CRVAL4": 0.0, "CDELT4": 1.0, "CRPIX4": 1.0}
    found = measured(write_values(tmp_path / "a.fits", data, **cards))
    assert found.outline is not None and found.spectrum is None
    assert found.remark == (
        "no spectrum and lines not searched: there is axis 4 (BEAM) of 2 beside the channels"
    )


@pytest.mark.parametrize(
    ("channels", "cards", "remark"),
    [
        (40, {}, None),
        (1, {}, None),
        (31, {}, "lines not searched: 31 usable channels, fewer than 32"),
        (40, {"CTYPE3": "VRAD", "RESTFRQ": None, "CUNIT3": "m/s"},
         "lines not searched: the frequencies of the channels are not known"),
    ],
)  # fmt: skip
def test_what_was_not_searched_for_lines_says_so(
    tmp_path: Path, channels: int, cards: dict[str, object], remark: str | None
) -> None:
    data = np.random.default_rng(4).normal(size=(1, channels, 24, 24)).astype(np.float32)
    assert measured(write_values(tmp_path / "a.fits", data, **cards)).remark == remark


def test_an_image_without_noise_says_so(tmp_path: Path) -> None:
    found = measured(write_values(tmp_path / "a.fits", np.zeros((1, 1, 30, 30), np.float32)))
    assert found.rms is None
    assert found.remark == "no rms: too few values, or they are not distributed as noise is"
