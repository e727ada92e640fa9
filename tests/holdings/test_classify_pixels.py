"""Roles from pixels: what only one kind of file can show, and what denies a role; never a wrong one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pixel_oracle import statistics_of
from product_files import FREQUENCY, SKY, header_of, product_at

from vo_service.holdings.beam import measure_beam
from vo_service.holdings.classify import classify
from vo_service.holdings.classify_pixels import revise_role
from vo_service.holdings.measurement import PixelStatistics
from vo_service.holdings.records import Identity, ImageLayout, Product
from vo_service.holdings.units import normalise_unit

SIZE = 128
ROW, COLUMN = np.mgrid[:SIZE, :SIZE] - SIZE // 2
RADIUS = np.hypot(ROW, COLUMN)


def noise(seed: int = 1, channels: int = 1) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(0.0, 1e-3, (channels, SIZE, SIZE))


def source(peak: float = 0.05) -> NDArray[np.float64]:
    return peak * np.exp(-((RADIUS / 6.0) ** 2))


IMAGE = noise() + source()
PB = np.where(RADIUS < 60, np.exp(-((RADIUS / 70.0) ** 2)), np.nan)[None]
PSF = (np.sinc(RADIUS / 9.0) * np.exp(-((RADIUS / 40.0) ** 2)))[None]
MASK = (source() > 0.01)[None].astype(float)


def revised(
    pixels: NDArray[np.float64], role: str = "unknown", unit: str | None = None, told_by: str = "content"
) -> Product:
    statistics = statistics_of(pixels)
    assert statistics is not None
    layout = ImageLayout(0, pixels.shape[::-1], -32, 2880, None)
    product = replace(product_at("da39a3"), role=role, unit=unit, layout=layout, evidence="none")
    return revise_role(replace(product, told_by=told_by), statistics)


@pytest.mark.parametrize(
    ("pixels", "role", "unit", "wanted"),
    [
        (IMAGE, "image", "Jy/beam", "image"),
        (noise(channels=8) + source(), "cube", "Jy/beam", "cube"),
        (PB, "unknown", None, "pb"),
        (np.repeat(PB, 4, axis=0), "unknown", None, "pb"),
        (PSF, "unknown", None, "psf"),
        (PSF, "image", "Jy/beam", "psf"),  # CASA gives its psf the unit of the image
        (MASK, "unknown", None, "mask"),
        (MASK, "image", "Jy/beam", "mask"),
        (1.0 - MASK, "unknown", None, "unknown"),  # most are 1: a mask, or a coverage
        (np.ones((1, SIZE, SIZE)), "unknown", None, "unknown"),
        (np.full((1, SIZE, SIZE), 0.06), "cube", "K", "unknown"),  # a noise map
        (np.zeros((1, SIZE, SIZE)), "image", "Jy/beam", "image"),  # empty: nothing denies the header
        (np.abs(IMAGE), "image", "K", "unknown"),  # a peak map, a noise map, a model
        (np.abs(IMAGE) * 1e4 + 6400.0, "image", "K", "image"),  # the Sun
        (noise(channels=4), "cube", "Jy/beam", "unknown"),  # a residual, or nothing detected
        (noise()[:, :40, :40], "image", "Jy/beam", "image"),  # too few pixels to tell noise
        (IMAGE, "unknown", "Jy.km.beam**-1.s**-1", "moment0"),
        (np.abs(IMAGE), "unknown", "Jy.km.beam**-1.s**-1", "unknown"),  # or its error
        (IMAGE, "unknown", "mJy.km.pixel**-1.s**-1", "unknown"),  # of a model
        (1000.0 + 4e3 * IMAGE, "unknown", "km/s", "moment1"),
        (1e6 + 4e6 * IMAGE, "unknown", "m/s", "moment1"),
        (20.0 + 1e2 * IMAGE, "unknown", "km/s", "unknown"),  # widths, or the centre of a nearby line
        (1e3 * IMAGE, "unknown", "km/s", "unknown"),
        (IMAGE, "unknown", None, "unknown"),
    ],
)
def test_a_role_that_neither_header_nor_name_tells(
    pixels: NDArray[np.float64], role: str, unit: str | None, wanted: str
) -> None:
    product = revised(pixels, role, unit)
    assert product.role == wanted
    if wanted != role:
        assert product.told_by == "pixels"
        assert product.evidence.startswith("none; pixels: ")


@pytest.mark.parametrize("told_by", ["header", "name"])
@pytest.mark.parametrize(
    ("role", "pixels", "wanted"),
    [
        ("image", IMAGE, "image"),
        ("image", np.abs(IMAGE), "image"),
        ("image", noise(), "image"),
        ("image", MASK, "unknown"),
        ("cube", PSF, "unknown"),
        ("image", PB, "unknown"),
        ("pb", PB, "pb"),
        ("pb", IMAGE * 30, "unknown"),
        ("mask", MASK, "mask"),
        ("mask", 3.0 * MASK, "mask"),
        ("mask", IMAGE, "unknown"),
        ("psf", PSF, "psf"),
        ("psf", 30.0 * PSF, "unknown"),
        ("weight", np.abs(IMAGE), "weight"),
        ("weight", IMAGE, "unknown"),
        ("residual", noise(), "residual"),
        ("model", source()[None], "model"),
        ("moment1", IMAGE, "moment1"),
    ],
)
def test_a_role_that_is_told_stays_unless_pixels_deny_it(
    role: str, pixels: NDArray[np.float64], wanted: str, told_by: str
) -> None:
    product = revised(pixels, role, told_by=told_by)
    assert product.role == wanted
    assert ("contradiction" in product.evidence) == (wanted == "unknown")


NOISE = noise()
MODEL = np.where(source() > 0.01, source(), 0.0)[None]


def judged(name: str, pixels: NDArray[np.float64], unit: str = "Jy/beam", beam: bool = True) -> Product:
    """Header and name first, then the pixels, as the two passes do it."""
    cards = SKY | {"BUNIT": unit} | ({"BMAJ": 1e-4, "BMIN": 1e-4} if beam else {})
    if pixels.shape[0] > 1:
        cards |= FREQUENCY
    shape = pixels.shape[::-1] if pixels.shape[0] > 1 else pixels.shape[:0:-1]
    header = header_of(cards, shape)
    product = classify(measure_beam(normalise_unit(product_at(name), header), header), header)
    statistics = statistics_of(pixels)
    assert statistics is not None
    layout = ImageLayout(0, shape, -32, 2880, None)
    return revise_role(replace(product, layout=layout), statistics)


@pytest.mark.parametrize(
    ("name", "pixels", "wanted"),
    [
        ("model_galaxy.image.fits", IMAGE, "image"),
        ("model_galaxy.image.fits", NOISE, "image"),
        ("residual_cal.image.pbcor.fits", IMAGE, "image"),
        ("residual_cal.image.pbcor.fits", NOISE, "unknown"),  # a residual of "cal", or no detection
        ("peak_district.image.fits", NOISE, "image"),
        ("cube_model_sub.image.fits", noise(channels=4) + source(), "cube"),
        ("W3_err.image.pbcor.fits", NOISE, "image"),
        ("noise_source.image.fits", NOISE, "image"),
        ("beta_pic_cont.fits", IMAGE, "image"),
        ("snr_1987a.image.fits", IMAGE, "image"),
        ("psf_star.image.fits", IMAGE, "image"),
        ("mask_nebula.image.fits", IMAGE, "image"),
        # where the pixels agree the word counts
        ("M83_peak.image.fits", np.abs(IMAGE), "peak"),
        ("M83_err.image.pbcor.fits", np.abs(NOISE) + 1e-3, "error"),
        ("M83.model.image.fits", MODEL, "model"),
        ("M83.residual.image.fits", NOISE, "residual"),
        ("M83_psf.image.fits", PSF, "psf"),
        # a word between dots is no part of a source, but neither is it the last word
        ("M83.model.image.fits", IMAGE, "unknown"),
        ("M83.residual.image.fits", IMAGE, "unknown"),
        ("M83.model.image.fits", np.zeros((1, SIZE, SIZE)), "unknown"),
        # behind the image's own words it counts whatever the pixels
        ("M83.image.residual.fits", IMAGE, "residual"),
        ("M83.image.pbcor.model.fits", IMAGE, "model"),
    ],
)
def test_a_role_word_may_be_part_of_the_name_of_a_source(
    name: str, pixels: NDArray[np.float64], wanted: str
) -> None:
    product = judged(name, pixels)
    assert product.role == wanted, product.evidence
    assert product.evidence
    if wanted in ("image", "cube"):
        assert "is part of the source's name" in product.evidence


def test_a_word_in_doubt_is_not_settled_without_a_beam_or_a_brightness() -> None:
    assert judged("model_galaxy.image.fits", IMAGE, beam=False).role == "unknown"
    assert judged("model_galaxy.image.fits", IMAGE, unit="").role == "unknown"


@given(
    st.lists(st.sampled_from("M83 image pbcor model residual noise CO peak mask beta".split()), max_size=6),
    st.lists(st.sampled_from("._-"), min_size=5, max_size=5),
)
def test_no_name_makes_an_image_with_noise_a_map_of_another_kind_before_its_end(
    words: list[str], separators: list[str]
) -> None:
    name = "".join(word + between for word, between in zip(words, [*separators, ""]))
    product = judged(f"{name}.image.fits", IMAGE)
    assert product.role in {"image", "unknown"}, product.evidence


def test_higher_taylor_terms_have_any_sign() -> None:
    statistics = statistics_of(30.0 * IMAGE)
    assert statistics is not None
    product = replace(product_at(), role="pb", told_by="name")
    assert revise_role(product, statistics).role == "unknown"
    term = replace(product, identity=Identity(processing=("tt1",)))
    assert revise_role(term, statistics).role == "pb"


def test_a_role_is_revised_once_and_a_record_without_a_reason_stays() -> None:
    once = revised(PSF)
    statistics = statistics_of(MASK)
    assert statistics is not None
    assert revise_role(once, statistics) == once
    assert revised(MASK, "image", told_by="").role == "image"


numbers = st.floats(-1e6, 1e6)


@given(
    st.builds(
        PixelStatistics,
        minimum=numbers,
        maximum=numbers,
        mean=numbers,
        deviation=st.floats(0.0, 1e6),
        zero_fraction=st.floats(0.0, 1.0),
        one_fraction=st.floats(0.0, 1.0),
        integral=st.booleans(),
        distinct=st.none() | st.integers(1, 16),
        centre=st.none() | numbers,
        peak_offset=st.none() | st.floats(0.0, 1e4),
        roughness=st.none() | st.floats(0.0, 2.0),
    ),
    st.sampled_from(["image", "cube"]),
)
def test_a_science_image_never_becomes_a_derived_map_or_science_of_another_kind(
    statistics: PixelStatistics, role: str
) -> None:
    layout = ImageLayout(0, (SIZE, SIZE), -32, 2880, None)
    product = replace(product_at(), role=role, unit="Jy/beam", layout=layout, told_by="content")
    found = revise_role(product, statistics)
    assert found.role in {role, "unknown", "psf", "pb", "mask"}
    if statistics.minimum < -1.0 or statistics.maximum > 2.0:
        assert found.role in {role, "unknown"} or statistics.distinct == 2
    assert found.evidence or found == product


def test_the_oracle_reads_what_it_says(tmp_path: Path) -> None:
    pixels = np.array([[np.nan, 0.0, 1.0], [2.0, 1.0, 1.0], [1.0, 0.0, 3.0]])
    found = statistics_of(pixels[None])
    assert found is not None
    assert (found.minimum, found.maximum, found.distinct, found.integral) == (0.0, 3.0, 4, True)
    assert (found.zero_fraction, found.one_fraction, found.centre) == (0.25, 0.5, 1.0)
    assert found.peak_offset == pytest.approx(2**0.5)
