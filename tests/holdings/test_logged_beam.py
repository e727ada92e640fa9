"""Beams that only the log of imaging programs tells (HISTORY), in the words of AIPS, CASA and Miriad."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from product_files import SKY, header_of, product_at

from vo_service.holdings.beam import measure_beam
from vo_service.holdings.logged_beam import find_logged_beam
from vo_service.holdings.records import Product
from vo_service.holdings.units import normalise_unit

AIPS = "AIPS   CLEAN BMAJ=  1.6489E-03 BMIN=  1.5866E-03 BPA=  30.58"
CASA = "Fitted beam used in restoration: 1.87699 by 1.31342 (arcsec) at pa -1.4617 (deg)"
MIRIAD = "RESTOR: Beam =  4.289E+00 x  3.678E+00 arcsec, pa =  4.356E+01 degrees"


def remarks(*lines: str, keyword: str = "HISTORY") -> bytes:
    return "".join(f"{keyword} {line}"[:80].ljust(80) for line in lines).encode("ascii")


def casa(text: str) -> list[str]:
    """A line of CASA's log, cut where its FITS writer cuts it."""
    text = f"Sat Aug 20 16:41:41 2016  HISTORY imager::clean() [] {text}"
    return [text[:72], *(">" + text[at : at + 71] for at in range(72, len(text), 71))]


@pytest.mark.parametrize(
    ("lines", "beam"),
    [
        ([AIPS], (5.93604, 5.71176, 30.58)),
        (casa(CASA), (1.87699, 1.31342, -1.4617)),
        ([MIRIAD], (4.289, 3.678, 43.56)),
        ([MIRIAD, AIPS], (5.93604, 5.71176, 30.58)),
        ([AIPS, *casa(CASA)], (1.87699, 1.31342, -1.4617)),  # the last that was written
    ],
)
def test_the_last_beam_of_the_log(lines: list[str], beam: tuple[float, float, float]) -> None:
    found = find_logged_beam(remarks("before", *lines, "after"))
    assert found is not None
    assert (found.major, found.minor, found.angle) == pytest.approx(beam, rel=1e-12)


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["AIPS   IMAGR BMAJ=  1.6489E-03 BMIN=  1.5866E-03 BPA=  30.58"],  # what was asked for
        ["CONVL BMAJ=  2.9700 BMIN=  1.6500 BPA= -15.1/Output beam"],
        ["AIPS   CLEAN BMAJ=  0.0000E+00 BMIN=  0.0000E+00 BPA=   0.00"],
        ["AIPS   CLEAN BMAJ=  1.0000E-03 BMIN=  2.0000E-03 BPA=   0.00"],
        ["AIPS   CLEAN BMAJ=  1.6489E-03 BMIN="],
        ["restoration = True", 'restoringbeam = "common"'],
    ],
)
def test_other_lines_tell_no_beam(lines: list[str]) -> None:
    assert find_logged_beam(remarks(*lines)) is None


def test_a_comment_is_no_log() -> None:
    assert find_logged_beam(remarks(AIPS, keyword="COMMENT")) is None


@given(st.binary(max_size=400).map(lambda tail: remarks(AIPS[:40]) + b"HISTORY AIPS   CLEAN BMAJ=" + tail))
def test_a_spoilt_log_gives_no_beam_or_one_that_can_be(log: bytes) -> None:
    found = find_logged_beam(log)
    assert found is None or 0.0 < found.minor <= found.major


def measured(unit: str, **cards: object) -> Product:
    header = replace(header_of(SKY | {"BUNIT": unit} | cards), remarks=remarks(AIPS))
    return measure_beam(normalise_unit(product_at(), header), header)


@pytest.mark.parametrize("unit", ["Jy/beam", "JY/BEAM", "K", "Jy/beam.km/s"])
def test_an_image_without_the_cards_has_the_beam_of_its_log_on_record(unit: str) -> None:
    product = measured(unit)
    assert product.beam is not None
    assert product.beam.size_min == pytest.approx((5.93604 * 5.71176) ** 0.5)
    repair = product.repairs[-1]
    assert (repair.item, repair.was, repair.rule) == ("BMAJ", None, "BEAM-HISTORY")
    assert "AIPS CLEAN BMAJ" in repair.why


def test_cards_win_and_what_was_not_restored_has_no_beam() -> None:
    card = measured("Jy/beam", BMAJ=1e-3, BMIN=1e-3)
    assert card.beam is not None and card.beam.major == pytest.approx(3.6)
    assert measured("Jy/pixel").beam is None
    assert measured("").beam is None
    assert measured("km/s").beam is None
    assert measured("Jy/beam", CDELT1=-1.0, CDELT2=1.0).beam is None  # far below a pixel: of another image
