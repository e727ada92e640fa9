"""Rows of line candidates from peak spectra made here, against astropy's frames and frequencies by hand."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import (
    ICRS,
    LSRK,
    CartesianDifferential,
    CartesianRepresentation,
    SkyCoord,
    SpectralCoord,
)
from product_files import write_product

from tap_schema import published
from vo_service.holdings.describe import describe_product
from vo_service.holdings.line_candidates import candidate_rows
from vo_service.holdings.measurement import Measurement, PeakSpectrum
from vo_service.holdings.records import FoundFile, Identity, Product, SpectralCoverage
from vo_service.holdings.redshifts import Redshift, Redshifts
from vo_service.spectral import C

CHANNELS = 128
STEP = 2e6
DATASET = {"dataset_id": "set-1", "obs_publisher_did": "ivo://a.b/obs?set-1", "target_name": "NGC 253"}


def cube(f_min: float, *, specsys: str | None = "BARYCENT", factor: float = 1.0) -> Product:
    """A cube whose channels begin at ``f_min``; ``factor`` brings its frequencies to the barycentre."""
    f_max = f_min + CHANNELS * STEP
    coverage = SpectralCoverage(
        f_min, f_max, CHANNELS, STEP, specsys, None, C / (f_max * factor), C / (f_min * factor)
    )
    identity = Identity(target_name="NGC253")
    return Product(FoundFile("r", "a.fits", 1, 1), role="cube", spectral=coverage, identity=identity)


def measured(
    f_min: float, line_at: float | None, *, height: float = 40.0, falling: bool = False
) -> Measurement:
    """Noise of 300 beams, and a line five channels wide at a frequency of the file's frame."""
    rng = np.random.default_rng(1)
    channel = np.arange(1, CHANNELS + 1, dtype=np.int32)
    frequency = f_min + (channel - 0.5) * STEP
    peak = rng.standard_normal((CHANNELS, 300)).max(axis=1)
    if line_at is not None:
        peak = np.maximum(peak, height * np.exp(-0.5 * ((frequency - line_at) / (2 * STEP)) ** 2))
    if falling:
        frequency, peak = frequency[::-1], peak[::-1]
    rms = np.full(CHANNELS, 0.5)
    place = np.zeros(CHANNELS)
    spectrum = PeakSpectrum(channel, frequency.copy(), peak * 0.5, rms, place, place)
    return Measurement("0" * 64, 1, 1, spectrum=spectrum)


def redshifts(number: float, name: str = "NGC253") -> Redshifts:
    return Redshifts({"ngc253": {name: Redshift(number, "table z.csv: by hand")}})


def test_a_line_is_one_row_with_what_it_may_be() -> None:
    sky = 230.538e9 / 1.000811  # CO(2-1), and the redshift of NGC 253
    f_min = sky - 60.5 * STEP
    (row,) = candidate_rows(cube(f_min), "p-1", DATASET, measured(f_min, sky), redshifts(0.000811))
    assert row["product_id"] == "p-1"
    assert row["dataset_id"] == "set-1"
    assert row["obs_publisher_did"] == "ivo://a.b/obs?set-1"
    assert row["hint"] == "candidate"
    assert row["channel_first"] <= 61 <= row["channel_last"]
    assert row["frequency"] == pytest.approx(sky, abs=STEP)
    assert row["f_low"] == pytest.approx(f_min + (row["channel_first"] - 1) * STEP)
    assert row["f_high"] == pytest.approx(f_min + row["channel_last"] * STEP)
    width = (row["channel_last"] - row["channel_first"] + 1) * STEP
    assert row["width"] == pytest.approx(width / sky * 299792.458, rel=1e-4)
    assert row["snr"] == pytest.approx(40.0, abs=4.0)
    assert row["lines"].split("; ")[0] == "CO(2-1)"
    assert row["redshift"] == 0.000811
    assert row["redshift_source"] == "table z.csv: by hand"
    assert row["specsys"] == "BARYCENT"


def test_rows_have_the_columns_that_are_published() -> None:
    f_min = 230.4e9
    (row,) = candidate_rows(cube(f_min), "p", DATASET, measured(f_min, 230.5e9), Redshifts())
    names = {column.name for column in published()["holdings.line_candidate"].columns}
    assert set(row) == names - {"origin", "obs_release_date"}


def test_everything_that_pixels_tell_is_restricted() -> None:
    columns = published()["holdings.line_candidate"].columns
    told = "channel_first channel_last frequency f_low f_high snr width false_alarm lines"
    assert {column.name for column in columns if column.restricted} == set(told.split())


def test_without_a_redshift_nothing_is_named() -> None:
    f_min = 230.4e9
    (row,) = candidate_rows(cube(f_min), "p", DATASET, measured(f_min, 230.538e9), Redshifts())
    assert row["lines"] is None
    assert row["redshift"] is None
    assert row["redshift_source"] is None


def test_the_header_s_redshift_serves_where_the_table_has_none() -> None:
    f_min = 230.4e9
    product = replace(cube(f_min), redshift=1e-5, redshift_source="header REDSHIFT")
    (row,) = candidate_rows(product, "p", DATASET, measured(f_min, 230.538e9), Redshifts())
    assert (row["redshift"], row["redshift_source"]) == (1e-5, "header REDSHIFT")
    assert "CO(2-1)" in row["lines"]
    (row,) = candidate_rows(product, "p", DATASET, measured(f_min, 230.538e9), redshifts(0.1))
    assert (row["redshift"], row["lines"]) == (0.1, None)


def test_frequencies_of_a_file_are_barycentric_as_astropy_has_them(tmp_path: Path) -> None:
    # the whole header pass, in the LSRK: an observer at rest there against one at the barycentre
    place = (187.3, 2.05)
    found = write_product(
        tmp_path / "a_cube.fits",
        (1, CHANNELS, 8, 8),
        SPECSYS="LSRK",
        RADESYS="ICRS",
        CRVAL1=place[0],
        CRVAL2=place[1],
        CRPIX1=4.5,
        CRPIX2=4.5,
        CRVAL3=230.4e9,
        CDELT3=STEP,
    )
    product = replace(describe_product(found, tmp_path), role="cube")
    f_min, line_at = 230.4e9 - STEP / 2, 230.5e9
    (row,) = candidate_rows(product, "p", DATASET, measured(f_min, line_at), Redshifts())
    at_rest = CartesianDifferential([0, 0, 0] * u.km / u.s)
    origin = CartesianRepresentation([0, 0, 0] * u.km, differentials=at_rest)
    edges = [f_min + (row["channel_first"] - 1) * STEP, f_min + row["channel_last"] * STEP]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the source is taken as far away and at rest is meant
        seen = SpectralCoord(edges * u.Hz, observer=LSRK(origin), target=SkyCoord(*place, unit="deg"))
        there = seen.with_observer_stationary_relative_to(ICRS(origin)).to_value(u.Hz)
    assert abs(there[0] - edges[0]) > 1e6
    assert (row["f_low"], row["f_high"]) == pytest.approx(tuple(there), abs=1.0)
    assert row["f_low"] < row["frequency"] < row["f_high"]
    assert row["specsys"] == "BARYCENT"


@pytest.mark.parametrize("specsys", [None, "TOPOCENT", "GALACTOC"])
def test_a_frame_that_could_not_be_converted_is_said(specsys: str | None) -> None:
    f_min = 230.4e9
    (row,) = candidate_rows(cube(f_min, specsys=specsys), "p", DATASET, measured(f_min, 230.5e9), Redshifts())
    assert row["specsys"] == specsys
    assert row["f_low"] == f_min + (row["channel_first"] - 1) * STEP


def test_frequencies_at_rest_need_no_redshift() -> None:
    f_min = 230.4e9
    product = replace(cube(f_min, specsys="SOURCE"), redshift=2.0, redshift_source="header REDSHIFT")
    (row,) = candidate_rows(product, "p", DATASET, measured(f_min, 230.538e9), Redshifts())
    assert row["redshift"] == 0.0
    assert "SPECSYS" in row["redshift_source"]
    assert row["lines"].startswith("CO(2-1)")


def test_channels_count_as_in_the_file_on_a_falling_axis_too() -> None:
    f_min = 230.4e9
    line_at = f_min + 20.5 * STEP
    (row,) = candidate_rows(cube(f_min), "p", DATASET, measured(f_min, line_at, falling=True), Redshifts())
    assert row["channel_first"] <= CHANNELS - 20 <= row["channel_last"]
    assert row["frequency"] == pytest.approx(line_at, abs=STEP)


def test_channels_without_a_frequency_keep_the_count() -> None:
    f_min = 230.4e9
    measurement = measured(f_min, f_min + 60.5 * STEP)
    measurement.spectrum.frequency[:10] = np.nan
    (row,) = candidate_rows(cube(f_min), "p", DATASET, measurement, Redshifts())
    assert row["channel_first"] <= 61 <= row["channel_last"]


def test_noise_has_no_rows_and_neither_has_anything_but_a_cube_with_frequencies() -> None:
    f_min = 230.4e9
    product, bright = cube(f_min), measured(f_min, 230.5e9)
    assert candidate_rows(product, "p", DATASET, measured(f_min, None), Redshifts()) == []
    for role in ("image", "pb", "residual", "unknown"):
        assert candidate_rows(replace(product, role=role), "p", DATASET, bright, Redshifts()) == []
    assert candidate_rows(replace(product, spectral=None), "p", DATASET, bright, Redshifts()) == []
    assert candidate_rows(product, "p", DATASET, replace(bright, spectrum=None), Redshifts()) == []
    bright.spectrum.frequency[:] = np.nan
    assert candidate_rows(product, "p", DATASET, bright, Redshifts()) == []


def test_identifiers_tell_nothing_of_the_pixels_and_stay() -> None:
    f_min = 230.4e9
    first = candidate_rows(cube(f_min), "p-1", DATASET, measured(f_min, 230.45e9), Redshifts())
    other = candidate_rows(cube(f_min), "p-1", DATASET, measured(f_min, 230.6e9), Redshifts())
    assert [row["candidate_id"] for row in first] == [row["candidate_id"] for row in other] == ["p-1-line1"]
