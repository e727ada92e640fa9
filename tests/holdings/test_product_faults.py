"""Cards that are missing, unreadable or contradict each other never give a published number in silence."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from product_files import rewrite_card, write_product

from vo_service.holdings.describe import describe_product
from vo_service.holdings.records import FoundFile, Product, Repair

GOOD = {"SPECSYS": "BARYCENT", "RADESYS": "ICRS", "DATE__OBS": "2016-01-07T01:00:00", "EXPTIME": 60.0,
        "RESTFRQ": 230.538e9, "LONPOLE": 180.0, "CROTA2": 0.0, "EQUINOX": 2000.0}  # fmt: skip


def describe(path: Path) -> Product:
    status = path.stat()
    return describe_product(FoundFile("r", path.name, status.st_size, status.st_mtime_ns), path.parent)


def spoilt(folder: Path, key: str, text: str | None, **cards: object) -> Product:
    """A good cube of which one card reads ``text``, or is taken away."""
    written = GOOD | cards
    if text is None:
        written[key.replace("-", "__")] = None
    write_product(folder / "a.fits", **written)
    if text is not None:
        rewrite_card(folder / "a.fits", key, text)
    return describe(folder / "a.fits")


def twice(folder: Path, key: str, second: str) -> Product:
    """A good cube with a second card of one name behind the others."""
    write_product(folder / "a.fits", **GOOD, LAST=1)
    path = folder / "a.fits"
    rewrite_card(path, "LAST", "0")
    path.write_bytes(
        path.read_bytes().replace(b"LAST    = 0".ljust(80), f"{key:<8}= {second}".ljust(80).encode(), 1)
    )
    return describe(path)


def only(product: Product, rule: str) -> Repair:
    [repair] = [repair for repair in product.repairs if repair.rule == rule]
    return repair


BAD_TEXTS = ["204,25", "abc", "NaN", "Infinity", "1E999", "'nan'", "'x'", "204.25.1", "T", "(1.0, 2.0)"]


def test_the_cube_that_is_spoilt_below_is_good(tmp_path: Path) -> None:
    product = spoilt(tmp_path, "CRVAL1", "204.25")
    assert product.state == "ok" and product.sky and product.spectral and product.beam
    assert product.sky.ra == pytest.approx(204.25, abs=1e-3)
    assert {repair.rule for repair in product.repairs} == {"DATE-END", "NAME-ARCHIVE"}


@pytest.mark.parametrize("text", BAD_TEXTS)
def test_no_text_in_place_of_a_number_gives_a_position(tmp_path: Path, text: str) -> None:
    product = spoilt(tmp_path, "CRVAL1", text)
    assert (product.state, product.error_kind, product.sky) == ("failed", "bad_wcs", None)
    assert (product.error_message or "").startswith("CRVAL1 is ")
    assert text.strip("'") in (product.error_message or "")


@pytest.mark.parametrize(
    ("key", "text"),
    [
        *((f"{name}{axis}", None) for name in ("CRVAL", "CRPIX", "CDELT") for axis in (1, 2)),
        ("CRVAL1", ""),
        ("CRPIX1", "'nan'"),
        ("CRPIX2", "nan"),
        ("CDELT1", "-1e-4 deg"),
        ("CDELT2", "'x'"),
        ("CUNIT1", "arcsec"),
        ("CTYPE1", "RA---SIN"),
        ("CTYPE2", None),
        ("CROTA2", "ten"),
        ("LONPOLE", "ten"),
        ("RADESYS", "FK4"),
    ],
)
def test_a_card_that_the_position_rests_on_is_named(tmp_path: Path, key: str, text: str | None) -> None:
    product = spoilt(tmp_path, key, text)
    assert (product.state, product.error_kind, product.sky) == ("failed", "bad_wcs", None)
    assert key in (product.error_message or "")


@pytest.mark.parametrize("extra", ["PC1_2", "PC001002", "CD1_2", "PV2_1"])
def test_elements_of_matrix_and_projection_have_to_be_readable(tmp_path: Path, extra: str) -> None:
    product = spoilt(tmp_path, extra, "zero", **{extra: 0.0, "CD1_1": -1e-4, "CD2_2": 1e-4})
    assert product.error_kind == "bad_wcs" and extra in (product.error_message or "")


def test_a_matrix_of_cd_stands_for_cdelt(tmp_path: Path) -> None:
    """Zeros of the matrix may be left out; CDELT beside it is to be ignored."""
    cards = {"CD1_1": -1e-4, "CD2_2": 1e-4, "CD3_3": 1e6, "CDELT1": None, "CDELT2": None, "CDELT3": 1.0}
    product = spoilt(tmp_path, "CRVAL1", "204.25", **cards)
    assert product.sky is not None and product.sky.pixel_scale == pytest.approx(0.36)
    assert product.spectral is not None and product.spectral.channel_width == pytest.approx(1e6)
    turned = {"CD1_1": None, "CD2_2": None, "CD1_2": 1e-4, "CD2_1": 1e-4}
    product = spoilt(tmp_path, "CRVAL1", "204.25", **cards | turned)
    assert product.sky is not None and product.sky.pixel_scale == pytest.approx(0.36)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("CDELT3", "'x'"),
        ("CDELT3", None),
        ("CRVAL3", "230,5E9"),
        ("CRVAL3", None),
        ("CRPIX3", "nan"),
        ("CRPIX3", None),
        ("CUNIT3", "GHz"),
        ("CTYPE3", "FREQ"),
        ("PC3_3", "one"),
    ],
)
def test_the_spectral_axis_alone_is_lost_with_its_card(tmp_path: Path, key: str, text: str | None) -> None:
    product = spoilt(tmp_path, key, text, PC3_3=1.0)
    assert product.state == "ok" and product.sky is not None and product.spectral is None
    repair = only(product, "SPEC-UNREADABLE")
    assert (repair.item, repair.was, repair.became) == (key, text.strip("'") if text else None, None)
    assert key in repair.why


def test_an_increment_on_the_diagonal_of_pc_counts(tmp_path: Path) -> None:
    product = spoilt(tmp_path, "CRVAL1", "204.25", PC3_3=2.0)
    assert product.spectral is not None and product.spectral.channel_width == pytest.approx(2e6)


@pytest.mark.parametrize(
    ("key", "text", "rule"),
    [
        ("BMAJ", "'x'", "BEAM-INVALID"),
        ("BMIN", "nan", "BEAM-INVALID"),
        ("BMIN", None, "BEAM-INVALID"),
        ("BPA", "north", "BEAM-INVALID"),
        ("BPA", "4000.0", "BEAM-INVALID"),
        ("RESTFRQ", "'x'", "REST-IMPLAUSIBLE"),
        ("SPECSYS", "LSRK", "SPEC-FRAME-UNKNOWN"),
        ("DATE-OBS", "2016-01-07", "DATE-INVALID"),
        ("EXPTIME", "long", "EXP-INVALID"),
        ("EXPTIME", "1E12", "EXP-INVALID"),
        ("EXPTIME", "-5", "EXP-INVALID"),
        ("BUNIT", "Jy/beam", "UNIT-UNKNOWN"),
        ("OBJECT", "M83", "OBJ-BLANK"),
        ("CRVAL4", "one", "POL-CODE"),
        ("CRVAL4", None, "POL-CODE"),
        ("CRPIX4", None, "POL-CODE"),
        ("CTYPE4", "STOKES", "POL-CODE"),
    ],
)
def test_every_other_value_is_null_with_a_repair(
    tmp_path: Path, key: str, text: str | None, rule: str
) -> None:
    product = spoilt(tmp_path, key, text)
    assert product.state == "ok" and product.sky is not None
    assert only(product, rule).became is None
    nulls = {
        "BMAJ": product.beam, "BMIN": product.beam, "BPA": product.beam and product.beam.angle,
        "RESTFRQ": product.rest_frequency, "SPECSYS": product.specsys, "DATE-OBS": product.date_start,
        "EXPTIME": product.exposure_seconds, "BUNIT": product.unit, "OBJECT": product.identity.target_name,
    }  # fmt: skip
    assert nulls.get(key) is None
    assert product.polarisations == (() if key.endswith("4") else ("I",))


@pytest.mark.parametrize("key", ["CRVAL1", "CDELT2", "CRPIX1", "CTYPE1", "RADESYS"])
def test_a_position_given_twice_is_none(tmp_path: Path, key: str) -> None:
    product = twice(tmp_path, key, "'17.5'")
    assert product.error_kind == "bad_wcs" and f"{key} is given more than once" in (
        product.error_message or ""
    )


def test_the_same_value_twice_is_no_contradiction(tmp_path: Path) -> None:
    product = twice(tmp_path, "CRVAL1", "2.0425E+02")
    assert product.sky is not None and product.sky.ra == pytest.approx(204.25, abs=1e-3)


@pytest.mark.parametrize(
    ("key", "second", "rule", "was", "became"),
    [
        ("CDELT3", "5.0", "SPEC-UNREADABLE", "1000000.0; 5.0", None),
        ("BMAJ", "5.0", "BEAM-INVALID", "0.0002 x 0.0001", None),
        ("RESTFRQ", "1.1E11", "REST-IMPLAUSIBLE", "230538000000.0; 1.1E11", None),
        ("EXPTIME", "5.0", "EXP-INVALID", "60.0; 5.0", None),
        ("TELESCOP", "'VLA'", "CARD-REPEATED", "ALMA; VLA", "ALMA"),
        ("OBJECT", "'NGC 253'", "CARD-REPEATED", "M83; NGC 253", "M83"),
        ("BUNIT", "'K'", "CARD-REPEATED", "Jy/beam; K", "Jy/beam"),
    ],
)  # fmt: skip
def test_which_of_two_values_counts_is_on_record(
    tmp_path: Path, key: str, second: str, rule: str, was: str, became: str | None
) -> None:
    """FITS 4.0, 4.1.2.3: the value is indeterminate. Numbers are unknown, texts those of the first card."""
    product = twice(tmp_path, key, second)
    repair = only(product, rule)
    assert (product.state, repair.item, repair.was, repair.became) == ("ok", key, was, became)


def test_arcseconds_written_as_degrees_are_no_beam(tmp_path: Path) -> None:
    product = spoilt(tmp_path, "CRVAL1", "204.25", BMAJ=0.5, BMIN=0.4)
    assert product.beam is None and product.state == "ok"
    repair = only(product, "BEAM-INVALID")
    assert (repair.was, repair.became) == ("0.5 x 0.4", None)
    assert "1800 x 1440 arcsec is larger than the image of 23.04 arcsec" in repair.why


def test_a_file_without_its_last_pixels_is_truncated_whatever_else_is_wrong(tmp_path: Path) -> None:
    product = spoilt(tmp_path, "NAXIS1", "9999999999")
    assert product.error_kind == "truncated"
    assert "bytes are missing" in (product.error_message or "")


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("NAXIS1", "-6", "NAXIS1 of HDU 0 of a.fits is '-6', it must be a whole number of 0 or more"),
        ("NAXIS1", "6.5", "is '6.5', it must be a whole number of 0 or more"),
        ("NAXIS1", "six", "is 'six', it must be a whole number of 0 or more"),
        ("NAXIS2", None, "HDU 0 of a.fits has no NAXIS2"),
        ("PCOUNT", "-100000", "PCOUNT of HDU 0 of a.fits is '-100000'"),
        ("GCOUNT", "x", "GCOUNT of HDU 0 of a.fits is 'x'"),
    ],
)
def test_a_layout_that_makes_no_sense(tmp_path: Path, key: str, text: str | None, message: str) -> None:
    write_product(tmp_path / "a.fits", PCOUNT=0, GCOUNT=1)
    if text is None:
        rewrite_card(tmp_path / "a.fits", key, "1")
        path = tmp_path / "a.fits"
        path.write_bytes(path.read_bytes().replace(b"NAXIS2  =", b"NAXISX  ="))
    else:
        rewrite_card(tmp_path / "a.fits", key, text)
    product = describe(tmp_path / "a.fits")
    assert product.error_kind == "bad_header" and message in (product.error_message or "")


def test_the_card_as_it_stands_is_kept(tmp_path: Path) -> None:
    product = spoilt(tmp_path, "CRVAL1", "204,25 / a comma")
    [card] = [card for card in product.cards if card.keyword == "CRVAL1"]
    assert card.value == "204,25"


@pytest.mark.parametrize(
    ("written", "observed", "known"),
    [
        ("2020-05-05", "2099-01-01", False),
        ("2020-05-05", "2020-05-07", False),
        ("2020-05-05", "2020-05-05T23:00:00", True),
        ("1980-01-01", "2016-01-07", True),
    ],
)
def test_nothing_is_observed_after_its_file_was_written(
    tmp_path: Path, written: str, observed: str, known: bool
) -> None:
    """A file unpacked with the date 1980 (as ZIP does) tells nothing."""
    write_product(tmp_path / "a.fits", **GOOD | {"DATE__OBS": observed})
    seconds = datetime.fromisoformat(written).replace(tzinfo=UTC).timestamp()
    os.utime(tmp_path / "a.fits", (seconds, seconds))
    product = describe(tmp_path / "a.fits")
    assert (product.date_start is not None) == known == (product.date_end is not None)
    if not known:
        repair = only(product, "DATE-INVALID")
        assert (repair.item, repair.was, repair.became) == ("DATE-OBS", observed, None)
        assert "written on 2020-05-05" in repair.why
