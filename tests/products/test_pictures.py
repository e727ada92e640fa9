"""What is drawn of an image: read once, kept as arrays, and made into maps with numpy as the judge."""

from __future__ import annotations

import errno
import gzip
import io
import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray
from PIL import Image
from product_files import write_product

from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.holdings.records import FoundFile
from vo_service.pixels.held import HeldFile
from vo_service.pixels.quicklook import maps, spectra, survey
from vo_service.pixels.quicklook.survey import Peaks, Plate, Survey
from vo_service.pixels.quicklook.words import Kind, LineMark, NothingToDraw, Picture, Words
from vo_service.products import pictures
from vo_service.products.making import Input
from vo_service.products.pictures import (
    CHANNEL_SIGMA,
    MOMENT_SIGMA,
    Drawing,
    PictureKind,
    Subject,
    Surveying,
    pictures_told,
    survey_bytes,
    survey_of,
)
from vo_service.products.stored import StoredFile
from vo_service.store.errors import StoreError

C_KM_S = 299_792.458
REST = 2.3005e11
CHANNELS = 12
DIGEST_BYTES = 32
SUBJECT = Subject(Words("M83", "230 GHz", "Brightness"), Kind.BRIGHTNESS)

Doubles = NDArray[np.float64]


@dataclass
class Drawn:
    """What was handed to those who draw."""

    maps: list[tuple[Any, ...]] = field(default_factory=list)
    previews: list[tuple[Any, ...]] = field(default_factory=list)
    spectra: list[tuple[Any, ...]] = field(default_factory=list)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Drawn:
    kept = Drawn()

    def noting(where: list[tuple[Any, ...]]) -> Callable[..., Picture]:
        def draw(*given: Any) -> Picture:
            where.append(given)
            return Picture(b"a picture", "", (0, 0, 1, 1), (0.0, 1.0))

        return draw

    monkeypatch.setattr(maps, "draw_map", noting(kept.maps))
    monkeypatch.setattr(maps, "draw_preview", noting(kept.previews))
    monkeypatch.setattr(spectra, "draw_spectrum", noting(kept.spectra))
    return kept


def cube(columns: int = 20, rows: int = 14, channels: int = CHANNELS) -> NDArray[np.float32]:
    """Noise of 1, a source that moves through the channels, and a blank corner."""
    values = np.random.default_rng(3).normal(size=(1, channels, rows, columns)).astype(np.float32)
    for channel in range(2, channels - 2):
        values[0, channel, 3 : rows - 3, channel : channel + 5] += 20.0
    values[..., :3, :3] = np.nan
    return values


def write(path: Path, values: NDArray[Any], **cards: object) -> Path:
    """A product of these values (numpy order); packed or compressed where its name says so."""
    plain = path.with_name("plain.fits")
    write_product(plain, values.shape, **({"RESTFRQ": REST, "SPECSYS": "BARYCENT"} | cards))
    with fits.open(plain, mode="update") as file:
        file[0].data = values.astype(values.dtype.newbyteorder(">"))
        if path.suffix == ".fz":
            made = fits.CompImageHDU(
                file[0].data, file[0].header, compression_type="GZIP_2", quantize_level=0.0
            )
            fits.HDUList([fits.PrimaryHDU(), made]).writeto(path)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(plain.read_bytes(), 1))
    elif path.suffix != ".fz":
        plain.rename(path)
    return path


def input_of(path: Path) -> Input:
    state = path.stat()
    found = FoundFile("r", path.name, state.st_size, state.st_mtime_ns)
    held = HeldFile(os.open(path, os.O_RDONLY), path.name, 0, state.st_size)
    stored = StoredFile("a-product", found, 1, "application/fits", "file", None)
    return Input(stored, held, path.parent / "indexes")


def content_of(path: Path) -> bytes:
    """A result without its digest."""
    return path.read_bytes()[:-DIGEST_BYTES]


def surveyed(path: Path) -> Path:
    """The survey of an image, as the bytes that are kept."""
    out, kept = path.with_suffix(".survey"), path.with_suffix(".kept")
    Surveying(input_of(path))(out)
    kept.write_bytes(content_of(out))
    return kept


def draw(path: Path, kind: PictureKind, subject: Subject = SUBJECT) -> bytes:
    """A picture of an image, from a survey of it."""
    kept, out = surveyed(path), path.with_suffix(f".{kind.value}.png")
    with closing(HeldFile(os.open(kept, os.O_RDONLY), "survey", 0, kept.stat().st_size)) as held:
        Drawing(kind, input_of(path), held, subject)(out)
    assert not list(path.parent.glob("*.small"))
    return content_of(out)


def velocities() -> Doubles:
    """Of the channels, radio definition, in km/s."""
    return C_KM_S * (1.0 - (2.3e11 + 1e6 * np.arange(CHANNELS)) / REST)


@pytest.mark.parametrize("noise", [1.0, None], ids=["clipped", "whole"])
def test_velocities_are_of_what_stands_out(tmp_path: Path, drawn: Drawn, noise: float | None) -> None:
    values = cube()
    path = write(tmp_path / "a.fits", values)
    draw(path, PictureKind.MOMENT1, Subject(SUBJECT.words, Kind.VELOCITY, noise=noise))
    ((shown, sky, words, beam, kind),) = drawn.maps
    plane = values[0].astype(np.float64)
    if noise is not None:
        plane = np.where(plane >= CHANNEL_SIGMA * noise, plane, np.nan)
    with np.errstate(invalid="ignore"):
        expected = np.nansum(plane * velocities()[:, None, None], axis=0) / np.nansum(plane, axis=0)
    if noise is not None:
        expected[~(np.nanmax(np.nan_to_num(values[0]), axis=0) >= MOMENT_SIGMA * noise)] = np.nan
        assert 50 < np.isfinite(expected).sum() < 0.8 * expected.size
    np.testing.assert_allclose(shown, expected, rtol=1e-6, atol=1e-6)
    assert (words.unit, kind) == ("km/s", Kind.VELOCITY)
    assert sky is not None and beam is not None
    assert (beam.major, beam.minor, beam.angle) == pytest.approx((0.72, 0.36, 10.0))


@pytest.mark.parametrize(("rest", "unit"), [(REST, "km/s"), (None, "Hz")], ids=["velocity", "frequency"])
def test_an_integral_is_in_the_unit_that_it_has(
    tmp_path: Path, drawn: Drawn, rest: float | None, unit: str
) -> None:
    values = cube()
    draw(write(tmp_path / "a.fits", values, RESTFRQ=rest), PictureKind.MOMENT0)
    ((shown, _, words, _, _),) = drawn.maps
    width = 1e6 if rest is None else C_KM_S * 1e6 / rest
    expected = np.where(np.isfinite(values[0]).any(axis=0), np.nansum(values[0], axis=0) * width, np.nan)
    np.testing.assert_allclose(shown, expected, rtol=1e-4, atol=1e-3 * width)
    assert words.unit == f"Jy/beam {unit}"


def test_velocities_need_a_rest_frequency(tmp_path: Path) -> None:
    path = write(tmp_path / "a.fits", cube(), RESTFRQ=None)
    with pytest.raises(ServiceError, match="states no rest frequency") as refused:
        draw(path, PictureKind.MOMENT1)
    assert refused.value.kind is ErrorKind.NOT_FOUND


def test_noise_has_no_velocities(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.fits", np.random.default_rng(1).uniform(-1, 1, (1, 5, 9, 9)).astype(np.float32)
    )
    with pytest.raises(ServiceError, match="nothing stands 5 sigma above the noise") as refused:
        draw(path, PictureKind.MOMENT1, Subject(SUBJECT.words, Kind.VELOCITY, noise=0.4))
    assert refused.value.kind is ErrorKind.NOT_FOUND


@pytest.mark.parametrize("ending", ["fits", "fits.gz", "fits.fz"])
def test_moments_of_large_planes_are_made_of_binned_ones(
    tmp_path: Path, drawn: Drawn, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    for module in (pictures, survey):
        monkeypatch.setattr(module, "SIDE", 16)
    values = cube(40, 31)
    path = write(tmp_path / f"a.{ending}", values)
    draw(path, PictureKind.MOMENT0)
    ((shown, sky, _, _, _),) = drawn.maps
    assert shown.shape == (11, 14)
    padded = np.pad(values[0].astype(np.float64), ((0, 0), (0, 2), (0, 2)), constant_values=np.nan)
    binned = np.nanmean(padded.reshape(CHANNELS, 11, 3, 14, 3)[:, 1:, :, 1:], axis=(2, 4))
    expected = np.nansum(binned, axis=0) * C_KM_S * 1e6 / REST
    np.testing.assert_allclose(shown[1:, 1:], expected, rtol=1e-4, atol=1e-4)
    assert np.isnan(shown[0, 0])
    with fits.open(path) as file:
        world = WCS(next(hdu.header for hdu in file if hdu.data is not None)).celestial
    middle = world.pixel_to_world_values(3 * 5 + 1, 3 * 4 + 1)
    np.testing.assert_allclose(sky.positions(np.array([[6.0, 5.0]]))[0], middle, atol=1e-9)


def test_an_image_without_numbers_has_no_picture(tmp_path: Path) -> None:
    path = write(tmp_path / "a.fits", np.full((1, 1, 9, 9), np.nan, np.float32))
    with pytest.raises(ServiceError, match="no pixel of the image is a number") as refused:
        surveyed(path)
    assert refused.value.kind is ErrorKind.NOT_FOUND


@pytest.mark.parametrize("kind", [PictureKind.SPECTRUM, PictureKind.MOMENT0, PictureKind.MOMENT1,
                                  PictureKind.MOMENT8], ids=lambda kind: kind.value)  # fmt: skip
def test_an_image_has_no_pictures_of_cubes(tmp_path: Path, kind: PictureKind) -> None:
    path = write(tmp_path / "a.fits", cube(channels=1))
    with pytest.raises(ServiceError, match="no spectral axis of several channels") as refused:
        draw(path, kind)
    assert refused.value.kind is ErrorKind.NOT_FOUND


@pytest.mark.parametrize(
    "content", [b"antenna,pad\n", b"", b"SIMPLE  =" + b" " * 100], ids=["text", "none", "cut"]
)
def test_a_file_without_an_image_has_no_picture(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.fits"
    path.write_bytes(content)
    with pytest.raises(ServiceError, match=r"There is no such picture\. ") as refused:
        surveyed(path)
    assert refused.value.kind is ErrorKind.NOT_FOUND


def test_a_file_that_changed_is_not_drawn(tmp_path: Path) -> None:
    """It would be kept under the tag of what it was."""
    path = write(tmp_path / "a.fits", cube())
    one = input_of(path)
    os.utime(path, ns=(1, 1))
    with pytest.raises(ServiceError) as refused:
        Surveying(one)(tmp_path / "out")
    assert refused.value.kind is ErrorKind.CONFLICT


def test_troubles_of_the_machine_are_no_missing_pictures() -> None:
    with pytest.raises(ServiceError) as away, pictures_told():
        raise OSError(errno.EIO, "no disk")
    assert away.value.kind is ErrorKind.UNAVAILABLE
    with pytest.raises(OSError, match="full"), pictures_told():  # for whoever keeps the picture
        raise OSError(errno.ENOSPC, "full")
    with pytest.raises(StoreError), pictures_told():
        raise StoreError("what is no fault of the image")
    with pytest.raises(ServiceError, match="no such picture: it is black") as none, pictures_told():
        raise NothingToDraw("it is black")
    assert none.value.kind is ErrorKind.NOT_FOUND


PLATE = Plate(np.array([[1.0, np.nan], [3.0, -4.5]], np.float32), 3, 6, 5, 7.25)
PEAKS = Peaks(np.array([1.0, np.nan, 2.5]), np.array([0.5, 0.25, np.nan]), (4, 2))


@pytest.mark.parametrize("kept", [Survey(PLATE, None), Survey(PLATE, PEAKS)], ids=["image", "cube"])
def test_a_survey_is_the_same_from_its_bytes(kept: Survey) -> None:
    content = survey_bytes(kept)
    assert content == survey_bytes(kept)
    again = survey_of(content)
    assert again.plate.values.dtype == kept.plate.values.dtype
    np.testing.assert_array_equal(again.plate.values, kept.plate.values)
    assert (again.plate.block, again.plate.columns, again.plate.rows, again.plate.highest) == (3, 6, 5, 7.25)
    if kept.peaks is None:
        assert again.peaks is None
        return
    assert again.peaks is not None and again.peaks.place == (4, 2)
    np.testing.assert_array_equal(again.peaks.highest, kept.peaks.highest)
    np.testing.assert_array_equal(again.peaks.through, kept.peaks.through)


def test_a_survey_is_that_of_its_image(tmp_path: Path) -> None:
    values = cube()
    found = survey_of(surveyed(write(tmp_path / "a.fits.gz", values)).read_bytes())
    np.testing.assert_array_equal(found.plate.values, np.fmax.reduce(values[0], axis=0))
    assert found.peaks is not None
    np.testing.assert_array_equal(found.peaks.highest, np.nanmax(values[0], axis=(1, 2)))
    channel, row, column = np.unravel_index(np.nanargmax(values[0]), values[0].shape)
    assert found.peaks.place == (column, row) and found.plate.highest == values[0, channel, row, column]


@pytest.mark.parametrize(
    ("code", "planes", "detail"),
    [
        (1.0, 1, "230 GHz"),
        (2.0, 1, "230 GHz, Stokes Q"),
        (1.0, 4, "230 GHz, Stokes I"),
        (-5.0, 2, "230 GHz, polarisation XX"),
    ],
    ids=["I", "Q", "IQUV", "XX"],
)
def test_the_polarisation_that_is_shown_is_named(
    tmp_path: Path, drawn: Drawn, code: float, planes: int, detail: str
) -> None:
    values = np.arange(planes * 6.0 * 7.0).reshape(planes, 1, 6, 7)
    path = write(tmp_path / "a.fits", values, CRVAL4=code, CDELT4=np.sign(code))
    draw(path, PictureKind.PREVIEW)
    ((plate, _, words, _, _),) = drawn.previews
    np.testing.assert_array_equal(plate.values, values[0, 0])
    assert (words.detail, words.unit) == (detail, "Jy/beam")


LINES = (LineMark("CO(2-1)", 2.3e11),)


@pytest.mark.parametrize(
    ("specsys", "told", "frame", "marked"),
    [
        ("BARYCENT", "BARYCENT", "barycentric", True),
        ("BARYCENT", None, "barycentric", True),
        (None, None, None, True),
        (None, "BARYCENT", None, False),
    ],
    ids=["same", "no candidates", "unknown", "other"],
)
def test_marks_are_in_the_frame_of_the_spectrum(
    tmp_path: Path, drawn: Drawn, specsys: str | None, told: str | None, frame: str | None, marked: bool
) -> None:
    path = write(tmp_path / "a.fits", cube(), SPECSYS=specsys)
    subject = Subject(SUBJECT.words, SUBJECT.kind, LINES, told)
    draw(path, PictureKind.SPECTRUM, subject)
    ((_, frequency, words, lines, named),) = drawn.spectra
    np.testing.assert_allclose(frequency, 2.3e11 + 1e6 * np.arange(CHANNELS), rtol=1e-12)
    assert (named, lines) == (frame, LINES if marked else ())
    assert words.unit == "Jy/beam"


@pytest.mark.parametrize("kind", list(PictureKind), ids=lambda kind: kind.value)
def test_every_picture_is_a_png_and_the_same_again(tmp_path: Path, kind: PictureKind) -> None:
    path = write(tmp_path / "a.fits", cube())
    first = draw(path, kind)
    for place in tmp_path.glob("a.*"):
        if place != path:
            place.unlink()
    assert draw(path, kind) == first
    image = Image.open(io.BytesIO(first))
    image.load()
    assert image.format == "PNG" and min(image.size) >= 256
    assert "M83" in image.text["Description"]  # type: ignore[attr-defined]
