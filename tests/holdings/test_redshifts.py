"""Redshifts of header cards and of an operator's table: what is stated, and nothing else."""

from __future__ import annotations

import warnings
from pathlib import Path

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
from astropy.io import fits
from astropy.table import Table
from product_files import header_of, product_at, write_product

from vo_service.holdings.describe import describe_product
from vo_service.holdings.operator_table import OperatorTableError
from vo_service.holdings.recorded import read_record, record_text
from vo_service.holdings.records import Card, Identity, SkyCoverage
from vo_service.holdings.redshift_cards import find_redshift
from vo_service.holdings.redshifts import Redshift, Redshifts, read_redshifts, redshift_of
from vo_service.sky import Circle


def written(folder: Path, text: str, name: str = "z.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("cards", "redshift", "source"),
    [
        ({"REDSHIFT": 2.957}, 2.957, "header REDSHIFT"),
        ({"REDSHIFT": "2.957"}, 2.957, "header REDSHIFT"),
        ({"ZSOURCE": 0.0008}, 0.0008, "header ZSOURCE"),
        ({"ZSOURCE": 0.5, "REDSHIFT": 0.6}, 0.5, "header ZSOURCE"),
        ({"ZSOURCE": 0.5, "SSYSSRC": "BARYCENT"}, 0.5, "header ZSOURCE"),
        ({}, None, None),
    ],
)
def test_cards_that_state_a_redshift(cards, redshift, source) -> None:
    product = find_redshift(product_at(), header_of(cards))
    assert (product.redshift, product.redshift_source) == (redshift, source)
    assert product.repairs == ()


@pytest.mark.parametrize(
    "cards",
    [
        {"VELO-LSR": 7000.0},
        {"VELREF": 257, "ALTRVAL": 2.3e11, "ALTRPIX": 1.0},
        {"VELOSYS": 26108.0},
        {"VSYS": 1200.0},
        {"VLSR": 5.0},
        {"Z": 3.0},
        {"RESTFRQ": 115.2712e9},
        {"REDSHIFT": ""},
    ],
)
def test_other_cards_state_none(cards) -> None:
    product = find_redshift(product_at(), header_of(cards))
    assert product.redshift is None
    assert product.repairs == ()


@pytest.mark.parametrize(
    ("comment", "redshift"), [("Redshift of the lens", 3.0), ("height [m]", None), ("", None)]
)
def test_z_is_one_where_its_comment_says_so(comment: str, redshift: float | None) -> None:
    cards = (Card(0, 5, "Z", "3.0", comment),)
    product = find_redshift(product_at().repaired(cards=cards), header_of({"Z": 3.0}))
    assert product.redshift == redshift


@pytest.mark.parametrize("value", [0.0, -0.5, 1200.0, "unknown"])
def test_a_card_that_gives_no_redshift_is_on_record(value: object) -> None:
    product = find_redshift(product_at(), header_of({"REDSHIFT": value}))
    assert product.redshift is None
    (repair,) = product.repairs
    assert (repair.item, repair.was, repair.became) == ("REDSHIFT", str(value), None)
    assert repair.rule == "REDSHIFT-UNKNOWN"


@pytest.mark.parametrize("place", [(187.3, 2.05), (271.0, 30.0), (10.0, -80.0)])
def test_zsource_is_brought_to_the_barycentre_as_astropy_does(place: tuple[float, float]) -> None:
    sky = SkyCoverage(*place, Circle(*place, 0.01), 0.02, 0.1, (64, 64))
    header = header_of({"ZSOURCE": 0.158, "SSYSSRC": "LSRK"})
    product = find_redshift(product_at().repaired(sky=sky), header)
    # one line, from an observer at rest in the LSRK to one at the barycentre
    at_rest = CartesianDifferential([0, 0, 0] * u.km / u.s)
    origin = CartesianRepresentation([0, 0, 0] * u.km, differentials=at_rest)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the source is taken as far away and at rest is meant
        seen = SpectralCoord(1e11 * u.Hz / 1.158, observer=LSRK(origin), target=SkyCoord(*place, unit="deg"))
        there = seen.with_observer_stationary_relative_to(ICRS(origin)).to_value(u.Hz)
    assert product.redshift == pytest.approx(1e11 / there - 1.0, abs=1e-9)
    (repair,) = product.repairs
    assert (repair.rule, repair.was, repair.became) == ("REDSHIFT-FRAME", "0.158", repr(product.redshift))


@pytest.mark.parametrize("frame", ["SOURCE", "nonsense", "TOPOCENT"])
def test_zsource_in_a_frame_that_cannot_be_left_stays_as_it_is(frame: str) -> None:
    product = find_redshift(product_at(), header_of({"ZSOURCE": 0.158, "SSYSSRC": frame}))
    assert product.redshift == 0.158
    assert product.repairs == ()


def test_the_redshift_of_a_file_is_in_its_record(tmp_path: Path) -> None:
    found = write_product(tmp_path / "a.fits", REDSHIFT=2.957)
    with fits.open(tmp_path / "a.fits", mode="update") as file:
        file[0].header["Z"] = (2.957, "redshift")
    product = describe_product(found, tmp_path)
    assert read_record(record_text(product)).redshift == 2.957
    assert product.redshift_source == "header REDSHIFT"


TABLE = """target,redshift,reference
NGC 253,0.000811,2004AJ....128...16K
J1234+0506,2.1,
J1234-0506,3.4,by eye
"""


@pytest.mark.parametrize("kind", ["csv", "ecsv", "vot"])
def test_a_table_is_read_in_any_of_its_forms(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path, TABLE)
    if kind != "csv":
        table = Table.read(path, format="ascii.csv")
        path = tmp_path / f"z.{kind}"
        table.write(path, format={"ecsv": "ascii.ecsv", "vot": "votable"}[kind])
    found = read_redshifts(path)
    assert found.of("NGC253") == Redshift(0.000811, f"table z.{kind}: 2004AJ....128...16K")
    assert found.of("ngc_253").number == 0.000811
    assert found.of("NGC 4321") is None
    assert found.of(None) is None


def test_signs_of_coordinates_are_no_spelling(tmp_path: Path) -> None:
    found = read_redshifts(written(tmp_path, TABLE))
    assert found.of("J1234+0506").number == 2.1
    assert found.of("J1234p0506").number == 2.1  # as the pipeline writes it in file names
    assert found.of("J1234-0506").number == 3.4
    assert found.of("J12340506") is None  # it may be either


def test_the_table_wins_over_the_header_and_the_published_name_over_the_file_s() -> None:
    product = product_at().repaired(
        identity=Identity(target_name="b"), redshift=1.0, redshift_source="header REDSHIFT"
    )
    listed = Redshifts({"a": {"a": Redshift(2.0, "t")}, "b": {"b": Redshift(3.0, "t")}})
    assert redshift_of(product, "a", listed).number == 2.0
    assert redshift_of(product, "c", listed).number == 3.0
    assert redshift_of(product, None, Redshifts()) == Redshift(1.0, "header REDSHIFT")
    assert redshift_of(product_at(), "a", Redshifts()) is None


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("target\nM83\n", "z.csv", "column redshift is missing"),
        ("target,redshft\nM83,1\n", "z.csv", "redshift is near it"),
        ("target,redshift,redshift\nM83,1,1\n", "z.csv", "two columns"),
        ("target,redshift\nM83,high\n", "z.csv, row 1", "'high'; a number is wanted"),
        ("target,redshift\nM82,0.1\nM83,\n", "z.csv, row 2", "a number from -0.01 to 30"),
        ("target,redshift\nM83,1200\n", "z.csv, row 1", "a number from -0.01 to 30"),
        ("target,redshift\nM83,inf\n", "z.csv, row 1", "a number is wanted"),
        ("target,redshift\n ,0.1\n", "z.csv, row 1", "names nothing"),
        ("target,redshift\nM83,0.1\nm 83,0.2\n", "z.csv, row 2", "has redshift 0.1 further up"),
        ("", "z.csv", "cannot be read"),
    ],
)
def test_mistakes_in_a_table_have_their_place(tmp_path: Path, text: str, place: str, words: str) -> None:
    with pytest.raises(OperatorTableError) as caught:
        read_redshifts(written(tmp_path, text))
    assert caught.value.place == place
    assert words in str(caught.value)


def test_a_target_may_stand_twice_with_one_redshift(tmp_path: Path) -> None:
    found = read_redshifts(written(tmp_path, "target,redshift\nM83,0.0017\nm 83,0.0017\n"))
    assert found.of("M83").number == 0.0017


def test_a_missing_table_is_an_error_by_name_and_not_by_path(tmp_path: Path) -> None:
    with pytest.raises(OperatorTableError, match=r"^gone\.csv: ") as caught:
        read_redshifts(tmp_path / "gone.csv")
    assert str(tmp_path) not in str(caught.value)
