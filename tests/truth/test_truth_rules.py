"""The rules that ObsCore and its radio extension have for values, over every row of five seeds."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

from astropy.io.votable.ucd import check_ucd

WORDS = {"image", "cube", "spectrum", "sed", "timeseries", "visibility", "event", "measurements"}
DAY = 86400.0
ROUNDING = 1e-3
"""Seconds: days of a modified Julian date are told to some microseconds."""


def rows(case) -> list[dict[str, Any]]:
    found = case.tables["ivoa.obscore"]
    assert len(found) > 100
    return found


def told(case, *columns: str) -> Iterator[dict[str, Any]]:
    """The rows in which all these columns have a value; there are some."""
    found = [row for row in rows(case) if all(row[name] is not None for name in columns)]
    assert found, columns
    yield from found


def both_tables(case) -> list[dict[str, Any]]:
    """Rows of both tables, joined as their users join them."""
    radio = case.by("ivoa.obscore_radio", "obs_publisher_did")
    return [{**row, **radio[row["obs_publisher_did"]]} for row in rows(case)]


def test_regions_are_icrs_and_say_so(case) -> None:
    # OBS-010: that their numbers are right is tests/holdings/test_product_celestial.py's
    for row in told(case, "s_region"):
        assert re.match(r"(Polygon|Circle|Union) ICRS ", row["s_region"]), row["s_region"]
        words = set(re.findall(r"[A-Za-z]\w+", row["s_region"]))
        assert words <= {"ICRS", "Polygon", "Circle", "Union", "Not"}, row["s_region"]


def test_types_of_products_are_the_eight_words(case) -> None:
    # OBS-161: newer words stay out of this table
    assert {row["dataproduct_type"] for row in rows(case)} <= {*WORDS, None}


def test_addresses_hold_no_blank(case) -> None:
    # OBS-066: that they give the file, tests/tap/test_tap_live.py holds
    for row in told(case, "_access_path"):
        assert re.fullmatch(r"[!-~]+", row["_access_path"])
        assert not re.search(r"%(?![0-9A-Fa-f]{2})", row["_access_path"])


def test_sizes_are_kilobytes_of_the_file(case) -> None:
    # OBS-069: null where unknown, never 0
    bytes_of = {row["product_id"]: row["size_bytes"] for row in case.tables["holdings.product"]}
    primary = {row["dataset_id"]: row["primary_product_id"] for row in case.tables["holdings.dataset"]}
    assert all(row["access_estsize"] > 0 for row in told(case, "access_estsize"))
    for row in told(case, "dataset_id"):
        assert row["access_estsize"] == math.ceil(bytes_of[primary[row["dataset_id"]]] / 1000)


def test_exposures_are_no_longer_than_the_observation(case) -> None:
    # OBS-078
    assert all(row["t_exptime"] > 0 for row in told(case, "t_exptime"))
    for row in told(case, "t_exptime", "t_min", "t_max"):
        assert row["t_exptime"] <= (row["t_max"] - row["t_min"]) * DAY + ROUNDING


def test_products_have_one_sample_of_time(case) -> None:
    # OBS-079, OBS-080
    assert all(row["t_resolution"] == row["t_exptime"] for row in rows(case))
    assert {row["t_xel"] for row in rows(case)} == {1}


def test_resolving_power_goes_with_the_range_and_its_channels(case) -> None:
    # OBS-082, OBS-083; channels that were averaged or smoothed are wider than their steps
    assert all(row["em_xel"] >= 1 for row in told(case, "em_xel"))
    for row in told(case, "em_res_power", "em_min", "em_max"):
        width = (row["em_max"] - row["em_min"]) / ((row["em_max"] + row["em_min"]) / 2)
        assert row["em_res_power"] > 0
        assert width >= 0.9 / row["em_res_power"], row["obs_publisher_did"]


def test_ucds_of_pixels_are_of_the_list(case) -> None:
    # OBS-084: each word is known, and may stand where it stands
    found = {row["o_ucd"] for row in told(case, "o_ucd")}
    assert {"phot.flux.density", "phys.temperature", "spect.line.intensity"} <= found
    assert [ucd for ucd in found if not check_ucd(ucd, check_controlled_vocabulary=True)] == []
    kelvin = {row["o_ucd"] for row in told(case, "o_ucd", "o_unit") if row["o_unit"] == "K"}
    assert kelvin and all("phot.flux" not in ucd for ucd in kelvin)


def test_labels_of_polarisation_are_as_many_as_told(case) -> None:
    # OBS-086: rows of the archive keep its order of labels, ours have that of the standard
    order = ["I", "Q", "U", "V", "RR", "LL", "RL", "LR", "XX", "YY", "XY", "YX", "POLI", "POLA"]
    for row in told(case, "pol_states", "pol_xel"):
        labels = row["pol_states"].strip("/").split("/")
        assert len(labels) == row["pol_xel"] and set(labels) <= set(order)
        if row["origin"] != "archive":
            assert labels == sorted(labels, key=order.index)


def test_there_are_no_rows_of_visibilities(case) -> None:
    # RAD-053, RAD-044, RAD-045: what only visibilities tell is null
    for row in both_tables(case):
        assert row["dataproduct_type"] != "visibility"
        assert {name for name in row if name.startswith("uv_") and row[name] is not None} == set()


def test_ranges_are_in_order(case) -> None:
    # RAD-040, RAD-041, RAD-043, RAD-052
    seen = 0
    for row in both_tables(case):
        for name, slack in (("s_resolution", 1e-9), ("s_fov", 0.01), ("s_largest_angular_scale", 1e-9)):
            low, typical, high = row[f"{name}_min"], row[name], row[f"{name}_max"]
            if low is None or typical is None:
                continue
            seen += 1
            assert low <= typical * (1 + slack) and typical <= high * (1 + slack), (name, row["obs_id"])
    assert seen > len(rows(case))


def test_arrays_are_those_of_the_archives_list(case) -> None:
    # RAD-046 to RAD-051
    found = [row for row in both_tables(case) if row["antenna_arrays"] is not None]
    assert found
    for row in found:
        names = {pair.split(":")[1] for pair in row["antenna_arrays"].split()}
        assert row["instr_tel_number"] == len(names)
        assert row["instr_tel_diameter"] == (7 if all(name.startswith("CM") for name in names) else 12)
        if row["instr_tel_min_dist"] is not None:
            assert 0 < row["instr_tel_min_dist"] <= row["instr_tel_max_dist"]
        assert row["instr_feed"] == 1
        mosaic = {"T": "raster-map", "F": "on-source"}
        assert row["scan_mode"] == mosaic.get(row["is_mosaic"], row["scan_mode"])
    # of the sample's sources the Sun alone moves; other names: tests/holdings/test_tracking_type.py
    for row in both_tables(case):
        moves = row["tracking_type"] == "Solar-system-object-tracking"
        assert moves is (row["target_name"] == "Sun"), row["target_name"]
