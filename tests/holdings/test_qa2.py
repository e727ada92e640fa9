"""QA2 rows and requested values: arithmetic redone by hand, and what is not known stays empty."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from astropy.table import Table

from tap_schema import published
from vo_service.holdings.measurement import Measurement
from vo_service.holdings.operator_table import OperatorTableError
from vo_service.holdings.qa2 import qa2_row
from vo_service.holdings.records import Beam, FoundFile, Identity, Product, SpectralCoverage
from vo_service.holdings.requested import Request, Requests, read_requests
from vo_service.spectral import C

UID = "uid://A001/X12a3/X4b"
ROW = {
    "dataset_id": "set-1",
    "member_ous_uid": UID,
    "proposal_id": "2019.1.00001.S",
    "target_name": "NGC 253",
    "band_list": "6",
}


def cube(channels: int = 100, step: float = 1e6, **changes: object) -> Product:
    f_max = 230e9 + channels * step
    coverage = SpectralCoverage(230e9, f_max, channels, step, "BARYCENT", None, C / f_max, C / 230e9)
    product = Product(
        FoundFile("r", "a.fits", 1, 1),
        role="cube" if channels > 1 else "image",
        identity=Identity(target_name="NGC253", member_ous_uid=UID, windows=("25",)),
        spectral=coverage,
        beam=Beam(0.4, 0.25, 10.0, 0.3, 0.3),
        unit="Jy/beam",
    )
    return replace(product, **changes)


def measured(rms: float | None) -> Measurement:
    return Measurement("0" * 64, 1, 1, rms=rms)


def asked(**changes: object) -> Requests:
    scope = {"member_ous_uid": UID, "proposal_id": None, "target": None, "window": None}
    values = {"rms": 1e-3, "bandwidth": 4e6, "beam_major": 0.4, "beam_minor": 0.25}
    return Requests((Request(**(scope | values | changes)),))


def test_noise_is_brought_to_the_bandwidth_that_was_asked_for() -> None:
    row = qa2_row(cube(), "p-1", ROW, measured(2e-3), asked())
    assert row["rms_achieved"] == pytest.approx(2e-3 / math.sqrt(4.0))
    assert row["rms_bandwidth"] == row["requested_bandwidth"] == 4e6
    assert row["rms_ratio"] == pytest.approx(1.0)
    assert (row["rms_pass"], row["rms_relaxed"], row["verdict"]) == (1, 1, "pass")
    assert row["beam_area_ratio"] == pytest.approx(1.0)
    assert (row["beam_pass"], row["beam_relaxed"]) == (1, 1)
    assert (row["product_id"], row["dataset_id"], row["band"]) == ("p-1", "set-1", 6)
    assert row["flux_accuracy"] == pytest.approx(10.0)
    assert row["astrometric_accuracy"] == pytest.approx(0.1 * math.sqrt(0.4 * 0.25))
    assert row["remark"] is None


@pytest.mark.parametrize(
    ("band", "ratio", "strict", "relaxed", "verdict"),
    [
        ("3", 1.09, 1, 1, "pass"),
        ("3", 1.11, 0, 1, "relaxed"),
        ("6", 1.41, 0, 0, "fail"),
        ("7", 1.14, 1, 1, "pass"),
        ("7", 1.49, 0, 1, "relaxed"),
        ("8", 1.51, 0, 0, "fail"),
        ("9", 1.19, 1, 1, "pass"),
        ("9", 1.61, 0, 0, "fail"),
        ("10", 0.5, None, None, None),
        ("1", 0.5, None, None, None),
        ("6 7", 0.5, None, None, None),
        (None, 0.5, None, None, None),
    ],
)
def test_limits_by_band(band, ratio, strict, relaxed, verdict) -> None:
    row = qa2_row(cube(), "p", ROW | {"band_list": band}, measured(2e-3 * ratio), asked())
    assert (row["rms_pass"], row["rms_relaxed"], row["verdict"]) == (strict, relaxed, verdict)
    assert row["rms_ratio"] == pytest.approx(ratio)


@pytest.mark.parametrize(
    ("beam", "strict", "relaxed", "verdict"),
    [((0.45, 0.25), 1, 1, "pass"), ((0.5, 0.25), 0, 1, "relaxed"), ((0.8, 0.25), 0, 0, "fail")],
)
def test_the_beam_counts_too(beam, strict, relaxed, verdict) -> None:
    product = cube(beam=Beam(*beam, None, 0.3, 0.3))
    row = qa2_row(product, "p", ROW, measured(1e-3), asked())
    assert (row["beam_pass"], row["beam_relaxed"], row["verdict"]) == (strict, relaxed, verdict)
    assert row["beam_area_ratio"] == pytest.approx(beam[0] * beam[1] / 0.1)


def test_a_beam_that_fails_is_enough() -> None:
    product = cube(beam=Beam(4.0, 2.5, None, 3.0, 3.0))
    row = qa2_row(product, "p", ROW, None, asked())
    assert row["verdict"] == "fail"
    assert row["rms_achieved"] is None
    assert row["remark"] == "no noise was measured"


def test_without_a_request_only_what_the_image_tells() -> None:
    row = qa2_row(cube(), "p", ROW, measured(2e-3), Requests())
    assert (row["rms_achieved"], row["rms_bandwidth"]) == (2e-3, 1e6)
    empty = (
        "rms_requested requested_bandwidth rms_ratio rms_pass rms_relaxed beam_area_ratio beam_pass verdict"
    )
    assert all(row[name] is None for name in empty.split())
    assert row["flux_accuracy"] == pytest.approx(10.0)


@pytest.mark.parametrize(("bandwidth", "told"), [(0.99e6, True), (0.9e6, False), (1e8, True), (1.1e8, False)])
def test_a_cube_tells_of_bandwidths_from_one_channel_to_all(bandwidth: float, told: bool) -> None:
    row = qa2_row(cube(), "p", ROW, measured(2e-3), asked(bandwidth=bandwidth))
    assert (row["rms_ratio"] is not None) == (row["rms_pass"] is not None) == told
    if told:
        assert row["rms_achieved"] == pytest.approx(2e-3 * math.sqrt(1e6 / bandwidth))
    else:
        assert (row["rms_achieved"], row["rms_bandwidth"]) == (2e-3, 1e6)
        assert "seen over 1 to 100 MHz" in row["remark"]


@pytest.mark.parametrize(
    ("bandwidth", "told"), [(1.1e9, True), (0.9e9, False), (3.9e9, True), (4.1e9, False)]
)
def test_an_image_tells_of_bandwidths_near_its_own(bandwidth: float, told: bool) -> None:
    row = qa2_row(cube(1, 2e9), "p", ROW, measured(1e-4), asked(bandwidth=bandwidth))
    assert (row["rms_ratio"] is not None) == told


def test_an_image_of_several_windows_has_the_bandwidth_of_the_windows() -> None:
    edges = [(230e9, 232e9), (244e9, 246e9)]
    support = sorted(C / edge for pair in edges for edge in pair)
    product = cube(1, 16e9, identity=Identity(windows=("25", "27")))
    row = qa2_row(product, "p", ROW | {"em_support": support}, measured(1e-4), asked(bandwidth=4e9))
    assert row["rms_bandwidth"] == 4e9
    assert row["rms_achieved"] == pytest.approx(1e-4)
    row = qa2_row(product, "p", ROW | {"em_support": support}, measured(1e-4), Requests())
    assert row["rms_bandwidth"] == pytest.approx(4e9)


def test_an_upper_limit_of_the_noise_can_pass_and_cannot_fail() -> None:
    product = cube(identity=Identity(member_ous_uid=UID, processing=("pbcor",)))
    low = qa2_row(product, "p", ROW, measured(2e-3), asked())
    high = qa2_row(product, "p", ROW, measured(9e-3), asked())
    assert (low["rms_pass"], low["verdict"]) == (1, "pass")
    assert (high["rms_pass"], high["rms_relaxed"], high["verdict"]) == (None, None, None)
    assert high["rms_ratio"] == pytest.approx(4.5)
    assert "upper limit" in low["remark"]


@pytest.mark.parametrize(
    ("unit", "factor"), [("Jy/beam", 1.0), ("mJy/beam", 1e-3), ("uJy/beam", 1e-6), ("K", None), (None, None)]
)
def test_units_of_the_image(unit: str | None, factor: float | None) -> None:
    row = qa2_row(cube(unit=unit), "p", ROW, measured(3.0), Requests())
    assert row["rms_achieved"] == (None if factor is None else pytest.approx(3.0 * factor))
    assert (row["remark"] is None) == (factor is not None)


@pytest.mark.parametrize(
    ("step", "told"), [(1e6, True), (7.7e6, True), (8e6, False), (1e5, True), (5e4, False)]
)
def test_sensitivity_in_ten_kilometres_a_second(step: float, told: bool) -> None:
    # at 230 GHz 10 km/s are 7.67 MHz; 100 channels
    row = qa2_row(cube(100, step), "p", ROW, measured(2e-3), Requests())
    assert row["cont_sensitivity_bandwidth"] is None
    if told:
        middle = 230e9 + 50 * step
        expected = 2.0 * math.sqrt(step / (middle * 10.0 / 299792.458))
        assert row["sensitivity_10kms"] == pytest.approx(expected, rel=1e-9)
    else:
        assert row["sensitivity_10kms"] is None


def test_sensitivity_of_the_continuum_is_the_noise_of_an_image() -> None:
    row = qa2_row(cube(1, 2e9, unit="uJy/beam"), "p", ROW, measured(30.0), Requests())
    assert row["cont_sensitivity_bandwidth"] == pytest.approx(0.03)
    assert row["sensitivity_10kms"] is None
    assert qa2_row(cube(1, 2e9, unit="K"), "p", ROW, measured(30.0), Requests())["remark"] is not None


def test_other_products_have_no_row_and_products_without_facts_an_empty_one() -> None:
    assert qa2_row(cube(role="pb"), "p", ROW, measured(1.0), asked()) is None
    bare = Product(FoundFile("r", "a.fits", 1, 1), role="image")
    row = qa2_row(bare, "p", {}, None, asked())
    assert {name for name, value in row.items() if value is not None} == {"product_id", "remark"}


def test_rows_have_the_columns_that_are_published() -> None:
    table = published()["holdings.qa2"]
    row = qa2_row(cube(), "p", ROW, measured(1.0), asked())
    assert set(row) == {column.name for column in table.columns} - {"origin", "obs_release_date"}
    told = "rms_achieved rms_ratio rms_pass rms_relaxed sensitivity_10kms cont_sensitivity_bandwidth verdict"
    assert {column.name for column in table.columns if column.restricted} == set(told.split())


def request(**changes: object) -> Request:
    empty = dict.fromkeys(
        "member_ous_uid proposal_id target window rms bandwidth beam_major beam_minor".split()
    )
    return Request(**(empty | changes))


def test_the_request_that_says_most_of_its_scope_counts() -> None:
    project = request(proposal_id="P", target="M83", rms=1.0)
    member, window = request(member_ous_uid=UID, rms=2.0), request(member_ous_uid=UID, window="25", rms=3.0)
    ordered = sorted((project, member, window), key=lambda each: each.precision, reverse=True)
    requests = Requests(tuple(ordered))
    assert requests.of(UID, "P", "M83", "25") is window
    assert requests.of(UID, "P", "M83", "27") is project  # two words of scope against one
    assert requests.of(UID, "Q", "M83", None) is member
    assert requests.of(None, "P", "m 83", None) is project
    assert requests.of(None, "P", "M82", None) is None


HEAD = "member_ous_uid,proposal_id,target,window,rms,bandwidth,beam_major,beam_minor\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "asked.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_table_is_read_in_its_own_units(tmp_path: Path) -> None:
    plain = read_requests(written(tmp_path, f"{HEAD}{UID},,,25,0.001,4e6,0.4,0.25\n"))
    assert plain == asked(window="25")
    table = Table.read(tmp_path / "asked.csv", format="ascii.csv")
    for name, unit, factor in (
        ("rms", "mJy/beam", 1e3),
        ("bandwidth", "MHz", 1e-6),
        ("beam_major", "deg", 1 / 3600),
    ):
        table[name] = table[name] * factor
        table[name].unit = unit
    for name, form in (("asked.ecsv", "ascii.ecsv"), ("asked.vot", "votable")):
        table.write(tmp_path / name, format=form)
        (one,) = read_requests(tmp_path / name).ordered
        assert one.window == "25"
        numbers = (one.rms, one.bandwidth, one.beam_major, one.beam_minor)
        assert numbers == pytest.approx((0.001, 4e6, 0.4, 0.25))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (",,,,0.001,4e6,,", "it speaks for nothing"),
        (",P,,,0.001,4e6,,", "it speaks for nothing"),
        ("uid___A001_X12a3_X4b,,,,0.001,4e6,,", "one such as uid://A001/X12a3/X4b"),
        (f"{UID},,,,0.001,,,", "bandwidth is empty"),
        (f"{UID},,,,,4e6,,", "rms is empty"),
        (f"{UID},,,,,,0.4,", "beam_minor is empty"),
        (f"{UID},,,,,,,", "nothing is asked for"),
        (f"{UID},,,,-0.001,4e6,,", "above zero"),
        (f"{UID},,,,low,4e6,,", "a number is wanted"),
        (f"{UID},,,,nan,4e6,,", "a number is wanted"),
    ],
)
def test_mistakes_in_a_row_have_their_place(tmp_path: Path, row: str, words: str) -> None:
    with pytest.raises(OperatorTableError) as caught:
        read_requests(written(tmp_path, f"{HEAD}{UID},,M82,,0.001,4e6,,\n{row}\n"))
    assert caught.value.place == "asked.csv, row 2"
    assert words in str(caught.value)


def test_two_rows_of_one_scope_are_a_mistake(tmp_path: Path) -> None:
    line = f"{UID},,,,0.001,4e6,,\n"
    with pytest.raises(OperatorTableError, match=r"asked\.csv, row 2: asked\.csv, row 1 speaks for the same"):
        read_requests(written(tmp_path, HEAD + line + line))


def test_a_unit_of_another_kind_is_a_mistake(tmp_path: Path) -> None:
    table = Table({"member_ous_uid": [UID], "rms": [1.0], "bandwidth": [1.0]}, units={"rms": "K"})
    table.write(tmp_path / "asked.ecsv", format="ascii.ecsv")
    with pytest.raises(OperatorTableError, match="column rms is in 'K'; Jy/beam or a unit of its kind"):
        read_requests(tmp_path / "asked.ecsv")


def test_an_unknown_column_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(OperatorTableError, match="no column is called 'source'; there are"):
        read_requests(written(tmp_path, f"member_ous_uid,source\n{UID},M83\n"))
