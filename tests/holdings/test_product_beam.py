"""Beams in arcsec (OBS-075): from cards, and the median of a table of beams."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from product_files import SKY, header_of, product_at

from vo_service.holdings.beam import measure_beam
from vo_service.holdings.header import ImageHeader
from vo_service.holdings.records import ProductError


def with_table(major: list[float], minor: list[float], unit: str | None = "arcsec") -> ImageHeader:
    header = header_of({})
    columns = {
        "BMAJ": (np.array(major), unit),
        "BMIN": (np.array(minor), unit),
        "BPA": (np.array(major), "deg"),
    }
    return ImageHeader(header.keywords, header.axes, b"", columns)


def test_a_single_beam() -> None:
    product = measure_beam(product_at(), header_of({"BMAJ": 2e-4, "BMIN": 1e-4, "BPA": 30.0}))
    beam = product.beam
    assert beam is not None
    assert (beam.major, beam.minor, beam.angle) == (pytest.approx(0.72), pytest.approx(0.36), 30.0)
    assert beam.size_min == beam.size_max == pytest.approx(math.sqrt(0.72 * 0.36))
    assert product.repairs == ()


@pytest.mark.parametrize(
    ("cards", "known", "rules"),
    [
        ({}, False, []),
        ({"BMAJ": 1e-4}, False, ["BEAM-INVALID"]),
        ({"BMIN": 1e-4, "BMAJ": " "}, False, ["BEAM-INVALID"]),
        ({"BMAJ": " ", "BMIN": " "}, False, []),
        ({"BMAJ": 0.0, "BMIN": 0.0}, False, ["BEAM-INVALID"]),
        ({"BMAJ": 1e-4, "BMIN": 2e-4}, True, ["BEAM-INVALID"]),
    ],
)
def test_beams_that_are_none_or_out_of_order(cards: dict[str, object], known: bool, rules: list[str]) -> None:
    product = measure_beam(product_at(), header_of(cards))
    assert (product.beam is not None) == known
    assert product.beam is None or product.beam.major > product.beam.minor
    assert [repair.rule for repair in product.repairs] == rules


@pytest.mark.parametrize(
    ("pixels", "side", "known"),
    [
        (5.0, 64, True),
        (99.0, 3, True),
        (101.0, 3, False),
        (190.0, 200, True),
        (210.0, 200, False),
        (0.2, 64, True),
        (0.09, 64, False),
    ],
)
def test_a_beam_has_to_fit_image_and_pixels(pixels: float, side: int, known: bool) -> None:
    """A cut-out of a few pixels may be smaller than its beam; no image is, of hundreds of them."""
    size = pixels * 1e-4
    product = measure_beam(product_at(), header_of(SKY | {"BMAJ": size, "BMIN": size}, (side, side // 2)))
    assert (product.beam is not None) == known
    assert [repair.rule for repair in product.repairs] == ([] if known else ["BEAM-INVALID"])
    assert known or f"{size * 3600.0:.6g} arcsec" in product.repairs[0].why


def test_a_table_of_beams_has_to_fit_too() -> None:
    table = with_table([0.5, 0.5], [0.4, 0.4], "deg")
    sky = header_of(SKY, (64, 64))
    product = measure_beam(product_at(), ImageHeader(sky.keywords, sky.axes, b"", table.beams))
    assert product.beam is None
    assert [(repair.rule, repair.became) for repair in product.repairs] == [("BEAM-INVALID", None)]


@given(st.lists(st.tuples(st.floats(0.1, 10.0), st.floats(0.1, 10.0)), min_size=1, max_size=12))
def test_the_median_beam_has_the_median_size(axes: list[tuple[float, float]]) -> None:
    major, minor = [max(pair) for pair in axes], [min(pair) for pair in axes]
    sizes = np.sqrt(np.array(major) * np.array(minor))
    beam = measure_beam(product_at(), with_table([*major, 0.0], [*minor, 0.0])).beam
    assert beam is not None
    assert math.sqrt(beam.major * beam.minor) == pytest.approx(float(np.median(sizes)))
    assert (beam.size_min, beam.size_max) == (pytest.approx(sizes.min()), pytest.approx(sizes.max()))


def test_units_of_the_table_are_heeded() -> None:
    beam = measure_beam(product_at(), with_table([1e-3], [1e-3], "deg")).beam
    assert beam is not None and beam.major == pytest.approx(3.6)
    with pytest.raises(ProductError, match="no angle"):
        measure_beam(product_at(), with_table([1.0], [1.0], "Hz"))


def test_a_table_without_any_beam_leaves_it_to_the_cards() -> None:
    assert measure_beam(product_at(), with_table([0.0], [0.0])).beam is None
