"""What was measured on pixels equals the truth of the sample: content, validity, peaks, noise, duplicates."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import pytest

ARCSEC = 1.0 / 3600.0


def measured(case):
    """(truth, row of holdings.measurement) of every image."""
    rows = case.by("holdings.measurement", "product_id")
    return [(true, rows[case.product_ids[true["path"]]]) for true in case.images]


def spectra(case):
    """Rows of holdings.peak_spectrum by product, in order of channel."""
    found = defaultdict(list)
    for row in sorted(case.tables["holdings.peak_spectrum"], key=lambda row: row["channel"]):
        found[row["product_id"]].append(row)
    return found


def test_every_image_is_measured_and_nothing_else(case) -> None:
    wanted = {case.product_ids[true["path"]] for true in case.images}
    rows = case.tables["holdings.measurement"]
    assert {row["product_id"] for row in rows} == wanted and len(rows) == len(wanted)
    states = {True: ("ok", None), False: ("failed", "no_valid_pixels")}
    for true, row in measured(case):
        assert (row["state"], row["error_class"]) == states[true["valid_count"] > 0], true["path"]


def test_content_counts_and_area_equal_truth(case) -> None:
    wrong = []
    for true, row in measured(case):
        if row["content_hash"] != true["content_hash"]:
            wrong.append((true["path"], "content_hash"))
        if not math.isclose(row["valid_fraction"], true["valid_count"] / true["pixel_count"], rel_tol=1e-12):
            wrong.append((true["path"], "valid_fraction", row["valid_fraction"], true["valid_count"]))
        if not math.isclose(row["valid_area"] or 0.0, true["valid_area"] or 0.0, rel_tol=1e-7):
            wrong.append((true["path"], "valid_area", row["valid_area"], true["valid_area"]))
        if row["rms_unit"] != (true["unit"] if true["valid_count"] else None):
            wrong.append((true["path"], "unit", row["rms_unit"], true["unit"]))
    assert wrong == []


def test_peak_and_its_place_equal_truth(case) -> None:
    wrong = []
    for true, row in measured(case):
        if true["peak"] is None:
            assert row["peak"] is row["peak_ra"] is row["peak_dec"] is None, true["path"]
            continue
        east = (row["peak_ra"] - true["peak_ra"]) * math.cos(math.radians(true["peak_dec"]))
        off = math.hypot(east, row["peak_dec"] - true["peak_dec"])
        if row["peak"] != true["peak"] or off > 1e-5 * ARCSEC:
            wrong.append((true["path"], row["peak"], true["peak"], off / ARCSEC))
    assert wrong == []


def test_an_image_without_a_valid_pixel_says_nothing_of_them(case) -> None:
    for true, row in measured(case):
        if true["valid_count"] == 0:
            silent = ("rms", "peak", "dynamic_range", "moc", "outline")
            assert [row[name] for name in silent] == [None] * len(silent)


def noise_errors(case, channels: bool) -> dict[str, float]:
    """Relative errors of the noise of science images with one channel, or with more, by path."""
    return {
        true["path"]: row["rms"] / true["noise_robust"] - 1.0
        for true, row in measured(case)
        if true["role"] in ("image", "cube")
        if true["noise"] is not None and (true["n_chan"] > 1) == channels
    }


def test_noise_is_that_of_the_realisation(cases) -> None:
    """Within 10 % of the noise drawn on 95 % of all science images; robust, since correction for the primary
    beam makes it differ over the image.
    """
    errors = np.array(
        [error for case in cases for many in (False, True) for error in noise_errors(case, many).values()]
    )
    assert len(errors) > 250
    assert np.mean(np.abs(errors) < 0.10) >= 0.95, np.sort(np.abs(errors))[-20:]


def test_noise_is_far_off_nowhere_and_right_on_every_cube(case) -> None:
    single, many = noise_errors(case, channels=False), noise_errors(case, channels=True)
    assert single and many
    assert {path: error for path, error in single.items() if abs(error) > 0.20} == {}
    assert {path: error for path, error in many.items() if abs(error) > 0.10} == {}


def test_beams_are_exact(case) -> None:
    rows = {row["dataset_id"]: row for row in case.tables["ivoa.obscore"] if row["dataset_id"]}
    products = case.by("holdings.product", "path")
    primaries = [true for true in case.science if true["is_primary"] and true["s_resolution"] is not None]
    exact = [
        math.isclose(
            rows[products[true["path"]]["dataset_id"]]["s_resolution"] or 0.0,
            true["s_resolution"],
            rel_tol=1e-9,
        )
        for true in primaries
    ]
    assert np.mean(exact) >= 0.95


def test_peak_spectra_of_cubes_equal_truth(case) -> None:
    found = spectra(case)
    cubes = [true for true in case.images if true["n_chan"] > 1]
    assert set(found) == {case.product_ids[true["path"]] for true in cubes}
    for true in cubes:
        rows = found[case.product_ids[true["path"]]]
        assert [row["channel"] for row in rows] == list(range(1, true["n_chan"] + 1)), true["path"]
        peaks = [row["peak"] for row in rows if row["peak"] is not None]
        assert max(peaks) == true["peak"], true["path"]
        assert rows[true["peak_channel"] - 1]["peak"] == true["peak"], true["path"]
        if true["f_min"] is None:
            assert all(row["frequency"] is None for row in rows)
            continue
        centres = np.sort([row["frequency"] for row in rows])
        edges = np.concatenate(([true["f_min"]], 0.5 * (centres[1:] + centres[:-1]), [true["f_max"]]))
        # the outer channels are as wide as their neighbours, to what an axis of wavelengths bends
        assert np.diff(edges) == pytest.approx(np.diff(edges).mean(), rel=0.02), true["path"]


def test_noise_of_channels_is_that_of_the_realisation(case) -> None:
    """A channel has fewer independent pixels than a cube: nine in ten are within 15 %."""
    found = spectra(case)
    ratios: list[float] = []
    for true in case.science:
        if true["noise"] is not None and true["n_chan"] > 1:
            rms = np.array([row["rms"] for row in found[case.product_ids[true["path"]]]])
            ratios += list(rms / np.array(true["noise_channels"]) - 1.0)
    assert len(ratios) > 300
    assert np.mean(np.abs(ratios) < 0.15) > 0.9
    assert abs(np.median(ratios)) < 0.05


def test_outline_holds_the_valid_pixels_and_no_more(case) -> None:
    rows = [(true, row) for true, row in measured(case) if true["valid_count"]]
    assert all(row["outline"] and row["moc"] for _, row in rows)
    for true, row in rows:
        if true["role"] in ("image", "cube") and row["outline"].startswith("Polygon"):
            assert polygon_area(row["outline"]) == pytest.approx(true["valid_area"], rel=0.02), true["path"]


def polygon_area(stcs: str) -> float:
    """Square degrees of a small polygon in the plane through its first vertex."""
    lon, lat = np.reshape([float(text) for text in stcs.split()[2:]], (-1, 2)).T
    x = ((lon - lon[0] + 180.0) % 360.0 - 180.0) * np.cos(np.radians(lat))
    y = lat - lat[0]
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2.0)


def test_copies_of_science_images_are_marked_and_no_others(case) -> None:
    products = case.by("holdings.product", "path")
    paths = {row["product_id"]: row["path"] for row in products.values()}
    truth = {true["path"]: true for true in case.images}
    planted = defaultdict(set)
    for true in case.science:
        planted[true["content_hash"]].add(true["path"])
    copies = {frozenset(group) for group in planted.values() if len(group) > 1}
    assert {path for group in copies for path in group} >= {
        path for path, true in truth.items() if "duplicate_of" in true
    }
    found = defaultdict(set)
    for path, row in products.items():
        if row["duplicate_of"] is not None:
            first = paths[row["duplicate_of"]]
            assert truth[path]["content_hash"] == truth[first]["content_hash"], (path, first)
            assert products[first]["duplicate_of"] is None, first
            found[first] |= {first, path}
    science = {true["path"] for true in case.science}
    assert {frozenset(group) for group in found.values() if group & science} == copies
    assert all(row["state"] == "ok" for row in products.values() if row["duplicate_of"])


def test_copies_that_contradict_each_other_on_the_sky_are_told_and_no_others(case) -> None:
    """Of files with the same pixels some are labelled with a projection that they do not have; the row is on
    the one that is marked as the duplicate, and names the other."""
    paths = {row["product_id"]: row["path"] for row in case.tables["holdings.product"]}
    mislabelled = {true["path"] for true in case.images if "wrong_projection" in true["quirks"]}
    assert mislabelled
    wanted = {
        (row["path"], paths[row["duplicate_of"]])
        for row in case.tables["holdings.product"]
        if row["duplicate_of"] is not None
        and (row["path"] in mislabelled) != (paths[row["duplicate_of"]] in mislabelled)
    }
    told = [row for row in case.tables["holdings.repair"] if row["rule_id"] == "SKY-TWIN"]
    assert len(told) == len(wanted) > 0
    for row in told:
        [original] = [other for path, other in wanted if path == paths[row["product_id"]]]
        assert original in row["why"] and row["item"].startswith("CTYPE"), row
