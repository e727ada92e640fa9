"""What was measured comes back from the catalogue as it was kept, by state or digest, while it is needed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from vo_service.holdings.measured import Measured
from vo_service.holdings.measurement import Measurement, PeakSpectrum, PixelStatistics
from vo_service.holdings.measurement_store import (
    adopt_measured,
    forget_measured,
    keep_measured,
    load_measured,
    load_spectrum,
    load_states,
)
from vo_service.holdings.records import FoundFile, ImageLayout, Product
from vo_service.sky import Circle, Polygon, Union
from vo_service.store import Catalogue

STATISTICS = PixelStatistics(-1.0, 2.0, 0.1, 0.7, 0.0, 0.0, False, None, 0.5, None, 1.4)
OUTLINE = Union((Circle(10.0, -20.0, 0.1), Polygon(((1.0, 1.0), (1.0, 2.0), (2.0, 1.0)))))


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    opened = Catalogue.open_in(tmp_path)
    yield opened
    opened.close()


def product_at(path: str, modified: int = 1, sha256: str | None = "d1") -> Product:
    layout = ImageLayout(0, (4, 4), -32, 2880, None)
    return Product(FoundFile("r", path, 100, modified), layout=layout, header_digest="h1", sha256=sha256)


def measured_of(product: Product, content: str = "c1") -> Measured:
    channel = np.arange(1, 4, dtype=np.int32)
    wave = np.array([1.5, math.nan, 2.5])
    spectrum = PeakSpectrum(channel, wave * 1e11, wave, wave / 3, wave, -wave)
    found = Measurement(
        content,
        16,
        15,
        STATISTICS,
        OUTLINE,
        0.25,
        "3/1-4",
        3,
        0.5,
        2.0,
        None,
        1.0,
        4.0,
        spectrum,
        remark="no line in it; no rms",
    )
    return Measured(product.file, "h1", found, 3)


def kept_measurements(catalogue: Catalogue) -> int:
    with catalogue.reading() as connection:
        return int(connection.scalar(sa.text("SELECT COUNT(*) FROM measurement")) or 0)


def test_everything_comes_back(catalogue: Catalogue) -> None:
    product = product_at("a.fits")
    measured = measured_of(product)
    keep_measured(catalogue, [(product, measured)])
    back = load_measured(catalogue, [product.file])[product.file]
    assert measured.measurement is not None and measured.measurement.spectrum is not None
    assert back.channels == 3
    assert back.measurement == replace(measured.measurement, spectrum=None)
    assert back.record == measured.record == load_states(catalogue, [product.file])[product.file].record
    spectrum = load_spectrum(catalogue, back)
    assert spectrum is not None
    for name in ("channel", "frequency", "peak", "rms", "ra", "dec"):
        kept = getattr(measured.measurement.spectrum, name)
        np.testing.assert_array_equal(getattr(spectrum, name), kept)
        assert getattr(spectrum, name).dtype == kept.dtype


def test_only_the_state_that_was_measured_is_known(catalogue: Catalogue) -> None:
    product = product_at("a.fits", sha256=None)
    keep_measured(catalogue, [(product, measured_of(product))])
    touched = product_at("a.fits", modified=2, sha256=None)
    assert load_measured(catalogue, [touched.file]) == {}
    adopt_measured(catalogue, [touched])
    assert load_measured(catalogue, [touched.file]) == {}


def test_files_with_the_bytes_of_a_measured_one_share_its_record(catalogue: Catalogue) -> None:
    product = product_at("a.fits")
    keep_measured(catalogue, [(product, measured_of(product))])
    copy, other = product_at("copy.fits", 5), product_at("other.fits", 5, "d2")
    adopt_measured(catalogue, [copy, other])
    known = load_states(catalogue, [product.file, copy.file, other.file])
    assert set(known) == {product.file, copy.file}
    assert kept_measurements(catalogue) == 1


def test_what_no_file_leads_to_is_forgotten(catalogue: Catalogue) -> None:
    product, copy = product_at("a.fits"), product_at("copy.fits", 5)
    keep_measured(catalogue, [(product, measured_of(product))])
    adopt_measured(catalogue, [copy])
    forget_measured(catalogue, [product.file])
    assert (set(load_states(catalogue, [product.file, copy.file])), kept_measurements(catalogue)) == (
        {copy.file},
        1,
    )
    forget_measured(catalogue, [replace(copy.file, modified_ns=6)])  # another state: this one stays
    assert kept_measurements(catalogue) == 1
    forget_measured(catalogue, [copy.file])
    assert kept_measurements(catalogue) == 0


def test_an_error_is_known_until_something_else_comes_of_the_file(catalogue: Catalogue) -> None:
    product = product_at("a.fits")
    error = Measured(product.file, "h1", error_kind="too_large", error_message="too large")
    keep_measured(catalogue, [(product, error)])
    assert load_measured(catalogue, [product.file]) == {product.file: error}
    adopt_measured(catalogue, [copy := product_at("copy.fits", 5)])
    assert load_states(catalogue, [copy.file]) == {}  # a copy may fare better
    keep_measured(catalogue, [(product, measured_of(product))])
    assert load_states(catalogue, [product.file])[product.file].state == "ok"


def test_the_error_of_another_file_is_not_taken_over(catalogue: Catalogue) -> None:
    product = product_at("secret/a.fits")
    empty = replace(
        measured_of(product), error_kind="no_valid_pixels", error_message="secret/a.fits: none is a number"
    )
    keep_measured(catalogue, [(product, empty)])
    adopt_measured(catalogue, [copy := product_at("copy.fits", 5)])
    assert load_states(catalogue, [copy.file]) == {}


@pytest.mark.parametrize(
    ("valid", "distinct", "told"),
    [(15, None, True), (15, 2, True), (15, 1, False), (1, 1, False), (0, 0, False)],
)
def test_what_duplicates_are_told_by(valid: int, distinct: int | None, told: bool) -> None:
    statistics = replace(STATISTICS, distinct=distinct)
    measured = Measured(product_at("a").file, "h", Measurement("c", 16, valid, statistics))
    assert measured.pixels == ("c" if told else None)
    assert Measured(product_at("a").file, "h", Measurement("c", 16, 0)).pixels is None
