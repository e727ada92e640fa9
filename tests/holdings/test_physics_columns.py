"""Physics columns of ivoa.obscore and its radio extension: files and archive rows written here, every number
worked out again from the cards with numpy and astropy."""

from __future__ import annotations

import csv
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from ingest_homes import Home, open_home
from product_files import write_product

from vo_service.holdings.antennas import read_antennas
from vo_service.holdings.harvest_sources import open_file
from vo_service.holdings.pads import baselines, positions
from vo_service.holdings.shown_windows import add_windows

C = 299792458.0
UID = "uid://A001/X1/X2"
FOLDER = "member.uid___A001_X1_X2"
CHANNELS, STEP, FIRST = 20, 2e6, 230.1e9  # channel width in Hz, centre of the first channel
UNEVEN = {"FREQ-LOG": (FIRST, 4e9), "WAVE": (1.3e-3, -1e-5), "WAVE-F2W": (1.3e-3, -1e-5)}
"""Axes with channels of a hundredth of the frequency and more; those of the last are equal."""
PADS = "A001:DV01 A002:DV02 A003:DV03 A004:DV04"
SUPPORT = (
    "[230.09..230.14GHz,2000.00kHz,1.5mJy/beam@10km/s,900uJy/beam@native, XX YY] U "
    "[232.00..233.87GHz,976.56kHz,2mJy/beam@10km/s,90.1uJy/beam@native, XX YY] U "
    "[245.00..246.87GHz,976.56kHz,3mJy/beam@10km/s,95.1uJy/beam@native, XX YY]"
)


def archive_row(window: int, low: float, high: float, **changes: object) -> dict[str, Any]:
    return {
        "obs_id": f"{UID}.source.M83.spw.{window}", "member_ous_uid": UID, "target_name": "M83",
        "proposal_id": "2016.1.00001.S", "instrument_name": "ALMA", "s_ra": 204.25, "s_dec": -29.87,
        "s_fov": 0.0075, "em_min": C / high, "em_max": C / low, "frequency": (low + high) / 2e9,
        "em_xel": CHANNELS, "sensitivity_10kms": 1.5, "cont_sensitivity_bandwidth": 0.04, "t_min": 57000.0,
        "t_max": 57000.5, "t_exptime": 600.0, "antenna_arrays": PADS, "spatial_scale_max": 8.0,
        "is_mosaic": "F", "frequency_support": SUPPORT, "em_res_power": 1e5,
        "obs_release_date": "2018-01-01T00:00:00.000", **changes,
    }  # fmt: skip


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("physics")
    cards: dict[str, object] = {"SPECSYS": "BARYCENT", "RADESYS": "ICRS", "CRVAL3": FIRST, "CDELT3": STEP}
    cube = {**cards, "EXPTIME": 321.0, "DATE__OBS": "2015-01-01T00:00:00"}
    write_product(top / "alone.cube.fits", (1, CHANNELS, 64, 64), **cube)
    write_product(top / f"{FOLDER}.M83_sci.spw25.cube.I.pbcor.fits", (1, CHANNELS, 64, 64), **cards)
    write_product(
        top / f"{FOLDER}.M83_sci.spw27_29.cont.I.pbcor.fits",
        (1, 1, 64, 64),
        **cards | {"CRVAL3": 239.435e9, "CDELT3": 14.87e9},
    )
    for ctype, (value, step) in UNEVEN.items():
        axis = {"CTYPE3": ctype, "CRVAL3": value, "CDELT3": step, "CUNIT3": ""}
        write_product(top / f"{ctype}.cube.fits", (1, CHANNELS, 64, 64), **cards | axis)
    write_product(top / "beams.cube.fits", (1, CHANNELS, 64, 64), **cards, BMAJ=None, BMIN=None, BPA=None)
    columns = [
        fits.Column("BMAJ", "1E", unit="arcsec", array=np.linspace(1.0, 0.9, CHANNELS)),
        fits.Column("BMIN", "1E", unit="arcsec", array=np.linspace(0.5, 0.45, CHANNELS)),
        fits.Column("BPA", "1E", unit="deg", array=np.zeros(CHANNELS)),
    ]
    table = fits.BinTableHDU.from_columns(columns, name="BEAMS")
    with fits.open(top / "beams.cube.fits", mode="append") as file:
        file[0].header["CASAMBM"] = True
        file.append(table)
    return top


@pytest.fixture(scope="module")
def home(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    opened = open_home(tmp_path_factory.mktemp("home"))
    rows = [
        archive_row(25, 230.099e9, 230.139e9),
        archive_row(27, 232.0e9, 233.87e9, sensitivity_10kms=2.0),
        archive_row(29, 245.0e9, 246.87e9, sensitivity_10kms=3.0, spatial_scale_max=""),
        archive_row(31, 247.0e9, 248.87e9, spatial_scale_max="", frequency_support=""),
    ]
    opened.harvest(write_rows(tree / "rows.csv", rows))
    (tree / "rows.csv").unlink()
    opened.ingest(tree)
    yield opened
    opened.snapshots.close()
    opened.catalogue.close()


@pytest.fixture(scope="module")
def listed(home: Home) -> dict[str, dict[str, Any]]:
    """The row of ivoa.obscore with its radio row, by path of the primary file or by archive obs_id."""
    radio = {row["obs_publisher_did"]: row for row in home.rows("ivoa.obscore_radio")}
    paths = {row["dataset_id"]: row["path"] for row in home.rows("holdings.product") if row["is_primary"]}
    windows = {row["obs_publisher_did"]: row["archive_obs_id"] for row in home.rows("holdings.archive_row")}
    found = {}
    for row in home.rows("ivoa.obscore"):
        key = paths.get(row["dataset_id"]) or windows[row["obs_publisher_did"]]
        found[key] = row | radio[row["obs_publisher_did"]]
    return found


def edges() -> tuple[float, float]:
    return FIRST - STEP / 2, FIRST + (CHANNELS - 0.5) * STEP


def test_the_spectral_columns_of_a_cube(listed: dict[str, dict[str, Any]]) -> None:
    row = listed["alone.cube.fits"]
    low, high = edges()
    centres = FIRST + STEP * np.arange(CHANNELS)
    middle = centres.mean()
    assert row["em_min"] == pytest.approx(C / high, rel=1e-12)
    assert row["em_max"] == pytest.approx(C / low, rel=1e-12)
    assert row["em_support"] == [row["em_min"], row["em_max"]]
    assert row["em_xel"] == CHANNELS
    assert row["frequency"] == pytest.approx(middle / 1e9, rel=1e-12)
    assert row["bandwidth"] == pytest.approx(CHANNELS * STEP, rel=1e-6)
    assert row["em_res_power"] == pytest.approx(middle / STEP, rel=1e-6)
    assert row["em_res_power_min"] == pytest.approx(centres.min() / STEP, rel=1e-6)
    assert row["em_res_power_max"] == pytest.approx(centres.max() / STEP, rel=1e-6)
    assert row["em_resolution"] == pytest.approx(C / middle / (middle / STEP), rel=1e-4)
    assert row["spectral_resolution"] == row["f_resolution"] == pytest.approx(STEP / 1e3, rel=1e-6)
    assert row["velocity_resolution"] == pytest.approx(C * STEP / middle, rel=1e-6)
    assert (row["specsys"], row["band_list"]) == ("BARYCENT", "6")
    assert (row["em_ucd"], row["em_unit"]) == ("em.freq", "Hz")


def frequencies_of(ctype: str, pixels: np.ndarray) -> np.ndarray:
    value, step = UNEVEN[ctype]
    if ctype == "FREQ-LOG":
        return value * np.exp((pixels - 1.0) * step / value)
    if ctype == "WAVE":
        return C / (value + (pixels - 1.0) * step)
    return C / value * (1.0 - (pixels - 1.0) * step / value)


@pytest.mark.parametrize("ctype", UNEVEN)
def test_channels_that_are_not_equally_wide(listed: dict[str, dict[str, Any]], ctype: str) -> None:
    """Typical values hold in the middle, the range of resolving powers is that of the channels (OBS-120)."""
    row = listed[f"{ctype}.cube.fits"]
    edges = frequencies_of(ctype, np.arange(0.5, CHANNELS + 1.0))
    widths, centres = np.abs(np.diff(edges)), frequencies_of(ctype, np.arange(1.0, CHANNELS + 1.0))
    assert (row["em_min"], row["em_max"]) == pytest.approx((C / edges.max(), C / edges.min()), rel=1e-12)
    assert row["em_res_power_min"] == pytest.approx((centres / widths).min(), rel=1e-9)
    assert row["em_res_power_max"] == pytest.approx((centres / widths).max(), rel=1e-9)
    assert row["em_res_power_min"] <= row["em_res_power"] * (1 + 1e-9)
    assert row["em_res_power"] <= row["em_res_power_max"] * (1 + 1e-9)
    # half a channel from the middle on either side, on a grid so fine that linear steps are exact enough
    fine = np.linspace(0.5, CHANNELS + 0.5, 2_000_001)
    middle = fine[np.abs(frequencies_of(ctype, fine) - (edges[0] + edges[-1]) / 2).argmin()]
    width = abs(np.diff(frequencies_of(ctype, middle + np.array([-0.5, 0.5])))[0])
    assert row["spectral_resolution"] == row["f_resolution"] == pytest.approx(width / 1e3, rel=1e-6)
    assert row["velocity_resolution"] == pytest.approx(C * width / (edges[0] + edges[-1]) * 2, rel=1e-6)
    assert row["bandwidth"] == pytest.approx(widths.sum(), rel=1e-12)


def test_the_spatial_columns_of_a_cube(listed: dict[str, dict[str, Any]], tree: Path) -> None:
    row = listed["alone.cube.fits"]
    header = fits.getheader(tree / "alone.cube.fits")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that astropy sets MJD-OBS from DATE-OBS
        wcs = WCS(header).celestial
    centre = wcs.pixel_to_world(31.5, 31.5)
    assert centre.separation(SkyCoord(row["s_ra"], row["s_dec"], unit="deg")) < 0.01 * u.arcsec
    corners = wcs.pixel_to_world([-0.5, 63.5, 63.5, -0.5], [-0.5, -0.5, 63.5, 63.5])
    assert 0 < max(corners.separation(centre).deg) <= row["s_fov"] / 2 * 1.01
    numbers = [float(word) for word in re.findall(r"[-+0-9.eE]+(?=\s|$)", row["s_region"].split("ICRS")[1])]
    outline = SkyCoord(numbers[::2], numbers[1::2], unit="deg")
    assert max(outline.separation(centre).deg) <= row["s_fov"] / 2 * 1.01
    assert row["s_fov_min"] == row["s_fov_max"] == row["s_fov"]
    assert (row["s_xel1"], row["s_xel2"]) == (64, 64)
    assert row["s_pixel_scale"] == pytest.approx(0.36, rel=1e-6)
    beam = np.sqrt(header["BMAJ"] * header["BMIN"]) * 3600
    for name in ("s_resolution", "spatial_resolution", "s_resolution_min", "s_resolution_max"):
        assert row[name] == pytest.approx(beam), name
    assert (row["o_unit"], row["o_ucd"]) == ("Jy/beam", "phot.flux.density")
    assert (row["pol_states"], row["pol_xel"]) == ("/I/", 1)


def test_beams_by_channel_give_the_finest_and_the_coarsest(listed: dict[str, dict[str, Any]]) -> None:
    # RAD-040
    row = listed["beams.cube.fits"]
    assert row["s_resolution_min"] == pytest.approx(np.sqrt(0.9 * 0.45), rel=1e-6)
    assert row["s_resolution_max"] == pytest.approx(np.sqrt(1.0 * 0.5), rel=1e-6)
    assert row["s_resolution_min"] < row["s_resolution"] < row["s_resolution_max"]


def test_what_a_file_alone_does_not_tell_is_empty(listed: dict[str, dict[str, Any]]) -> None:
    row = listed["alone.cube.fits"]
    assert (row["t_exptime"], row["t_resolution"]) == (321.0, 321.0)
    unknown = (
        "sensitivity_10kms cont_sensitivity_bandwidth frequency_support spatial_scale_max antenna_arrays "
        "s_largest_angular_scale instr_tel_number instr_tel_min_dist instr_tel_max_dist instr_tel_diameter "
        "uv_distance_min uv_distance_max scan_mode"
    )
    assert {name: row[name] for name in unknown.split() if row[name] is not None} == {}


def test_the_archives_facts_flow_to_the_cube_of_its_window(listed: dict[str, dict[str, Any]]) -> None:
    # RAD-043, RAD-046, RAD-048 to RAD-051
    row = listed[f"{FOLDER}.M83_sci.spw25.cube.I.pbcor.fits"]
    assert row["origin"] == "both"
    assert (row["sensitivity_10kms"], row["cont_sensitivity_bandwidth"]) == (1.5, 0.04)
    assert row["frequency_support"] == SUPPORT.split(" U ")[0]
    low, high = edges()
    middle = (low + high) / 2
    assert row["s_largest_angular_scale"] == 8.0
    assert row["s_largest_angular_scale_min"] == pytest.approx(8.0 * middle / high, rel=1e-9)
    assert row["s_largest_angular_scale_max"] == pytest.approx(8.0 * middle / low, rel=1e-9)
    assert (row["instr_tel_number"], row["instr_tel_diameter"], row["instr_feed"]) == (4, 12.0, 1)
    assert (row["scan_mode"], row["tracking_type"]) == ("on-source", "sidereal")


def own_row(low: float, high: float, **changes: object) -> dict[str, Any]:
    return {
        "target_name": "M83", "dataproduct_type": "cube", "sensitivity_10kms": None,
        "em_support": [C / high, C / low], **changes,
    }  # fmt: skip


SIBLINGS = [{"target_name": "M82", "frequency_support": "[1.00..2.00GHz]"}, archive_row(25, 1e9, 2e9)]


@pytest.mark.parametrize(
    ("low", "high", "shown", "noise"),
    [
        (230.095e9, 230.135e9, [0], 1.5),
        (232.0e9, 233.87e9, [1], 2.0),
        (232.1e9, 232.3e9, [1], None),  # cut from a window: its noise is that of the window's middle
        (230.0e9, 247.0e9, [0, 1, 2], None),
        (244.5e9, 247.0e9, [2], 3.0),
        (250.0e9, 251.0e9, [], None),
    ],
)
def test_the_windows_that_a_cube_shows(
    low: float, high: float, shown: list[int], noise: float | None
) -> None:
    row = add_windows(own_row(low, high), None, SIBLINGS)
    expected = " U ".join(SUPPORT.split(" U ")[index] for index in shown)
    assert row.get("frequency_support") == (expected or None)
    assert row["sensitivity_10kms"] == noise


def test_windows_of_other_rows_are_not_taken_where_they_say_something_else() -> None:
    inside = (232.0e9, 233.87e9)
    assert (
        add_windows(own_row(*inside, dataproduct_type="image"), None, SIBLINGS)["sensitivity_10kms"] is None
    )
    assert add_windows(own_row(*inside, sensitivity_10kms=7.0), None, SIBLINGS)["sensitivity_10kms"] == 7.0
    assert "frequency_support" not in add_windows(own_row(*inside, target_name="M81"), None, SIBLINGS)
    assert "frequency_support" not in add_windows(own_row(*inside, em_support=None), None, SIBLINGS)
    assert "frequency_support" not in add_windows(
        own_row(*inside), {"frequency_support": "[broken"}, SIBLINGS
    )


def test_an_image_of_several_windows_shows_these_and_not_the_gap(listed: dict[str, dict[str, Any]]) -> None:
    row = listed[f"{FOLDER}.M83_sci.spw27_29.cont.I.pbcor.fits"]
    expected = [C / 246.87e9, C / 245e9, C / 233.87e9, C / 232e9]
    assert row["em_support"] == pytest.approx(expected, rel=1e-9)
    assert row["frequency_support"] == " U ".join(SUPPORT.split(" U ")[1:])
    assert row["sensitivity_10kms"] is None
    assert row["em_res_power_min"] is None
    assert row["f_resolution"] == pytest.approx(14.87e6, rel=1e-6)


def test_a_row_without_a_largest_scale_gets_it_from_its_antennas(listed: dict[str, dict[str, Any]]) -> None:
    # RAD-047
    places = np.array([(-33.894, -712.752, -2.330), (-17.454, -709.609, -2.329), (-22.559, -691.984, -2.324),
                       (-5.421, -723.791, -2.334)])  # fmt: skip
    distances = [np.hypot.reduce(places[i] - places[j]) for i in range(4) for j in range(i)]
    row = listed[f"{UID}.source.M83.spw.31"]
    assert row["spatial_scale_max"] is None
    assert row["instr_tel_min_dist"] == pytest.approx(min(distances), abs=0.02)
    assert row["instr_tel_max_dist"] == pytest.approx(max(distances), abs=0.02)
    scale = 0.983 * C / row["frequency"] / 1e9 / np.percentile(distances, 5) * 206264.806
    assert row["s_largest_angular_scale"] == pytest.approx(scale, rel=1e-3)


@pytest.mark.parametrize(
    ("text", "number", "known"),
    [
        (PADS, 4, True),
        (f"{PADS} A005:DV04", 4, False),  # an antenna that moved
        (f"{PADS} A001:DV05", 5, False),  # a pad that two stood on, one after the other
        (f"{PADS} Z999:DV05", 5, False),  # a pad of no known place
        (f"{PADS} A005:D...", None, False),  # a list that was cut
        ("A001:DV01", 1, False),
        ("", None, False),
        (None, None, False),
    ],
)
def test_distances_need_a_whole_list_of_one_array(text: str | None, number: int | None, known: bool) -> None:
    # RAD-046, RAD-047
    array = read_antennas(text)
    assert array.number == number
    assert (array.shortest is not None) == (array.longest is not None) == (array.short is not None) == known


def test_pads_have_a_place_each() -> None:
    places = positions()
    assert len(places) == 192
    assert len(set(places.values())) == 192
    distances = baselines(list(places))
    assert distances is not None
    assert distances[0] > 8.0  # antennas of the 7-metre array stand 9 m apart
    assert distances[-1] < 20e3


@pytest.mark.data
def test_distances_of_a_real_row(real_data: Path) -> None:
    # RAD-054
    found = [
        row["antenna_arrays"]
        for path in sorted((real_data / "obscore").glob("*.csv*"))
        for table in _tables(path)
        for row in table.to_pylist()
        if row.get("member_ous_uid") == "uid://A001/X121/X37e"
    ]
    assert found
    array = read_antennas(found[0])
    assert (array.number, array.diameter, array.kind) == (34, 12.0, "12m")
    assert array.shortest == pytest.approx(19.65, abs=0.02)
    assert array.longest == pytest.approx(645.57, abs=0.02)


@pytest.mark.data
def test_the_estimated_largest_scale_of_real_rows_is_near_the_archives(real_data: Path) -> None:
    ratios = {}
    for path in sorted((real_data / "obscore").glob("*.csv*")):
        for table in _tables(path):
            for row in table.to_pylist():
                array = read_antennas(row.get("antenna_arrays"))
                if array.short is None or array.kind == "TP" or not row.get("spatial_scale_max"):
                    continue
                frequency = float(row["frequency"]) * (1.0 if float(row["frequency"]) > 1e9 else 1e9)
                estimate = 0.983 * C / frequency / array.short * 206264.806
                ratios[row["member_ous_uid"]] = float(row["spatial_scale_max"]) / estimate
    assert len(ratios) > 20
    assert 1.0 < np.median(list(ratios.values())) < 1.3


def _tables(path: Path) -> list[pa.Table]:
    tables = list(open_file(path).tables())
    return [table for table in tables if "antenna_arrays" in table.column_names]
