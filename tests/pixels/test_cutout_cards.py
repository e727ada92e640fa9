"""Header cards of a cut: astropy reads them, and nothing but what the cut changes has changed."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st

from vo_service.pixels.cutout.box import Box
from vo_service.pixels.cutout.cards import cards_of, cut_cards, header_of, history_cards, text_cards
from vo_service.pixels.fits_header import FitsError


def header(**cards: object) -> fits.Header:
    made = fits.Header([("SIMPLE", True), ("BITPIX", -32), ("NAXIS", 2), ("NAXIS1", 40), ("NAXIS2", 30)])
    for key, value in cards.items():
        made[key] = value
    return fits.Header.fromstring(made.tostring())  # astropy writes no more than twenty characters


def cut(given_header: fits.Header, box: Box) -> fits.Header:
    raw = given_header.tostring().encode("ascii")
    return fits.Header.fromstring(header_of(cut_cards(cards_of(raw), box)).decode("ascii"))


REFERENCE = st.one_of(st.integers(-5000, 5000), st.floats(-1e6, 1e6, allow_nan=False))


@given(REFERENCE, REFERENCE, st.integers(0, 39), st.integers(0, 29))
def test_reference_pixels_move_by_the_pixels_that_are_gone(
    one: float, other: float, left: int, below: int
) -> None:
    before = header(CTYPE1="RA---SIN", CRPIX1=one, CRPIX2=other, CRPIX1B=other, CRVAL1=10.123456789012)
    after = cut(before, Box(((left, 40), (below, 30))))
    assert (after["NAXIS1"], after["NAXIS2"]) == (40 - left, 30 - below)
    assert after["CRPIX1"] == before["CRPIX1"] - left
    assert after["CRPIX2"] == before["CRPIX2"] - below
    assert after["CRPIX1B"] == before["CRPIX1B"] - left


def test_all_other_cards_stay_to_the_letter() -> None:
    before = header(CRPIX1=20.5, CRPIX2=1.0, CDELT1=-1e-4, PC1_2=0.25, OBJECT="it's / a name", CRVAL1=1.5)
    before.comments["CRPIX1"] = "[pix] reference"
    before["HISTORY"] = "CRPIX1  = 5"
    before["HIERARCH ESO CRPIX1"] = 7.0
    raw = before.tostring().encode("ascii")
    changed = [
        (one.decode(), other.decode())
        for one, other in zip(cards_of(raw), cut_cards(cards_of(raw), Box(((3, 9), (0, 30)))), strict=True)
        if one != other
    ]
    assert [one[:8].strip() for one, _ in changed] == ["NAXIS1", "CRPIX1"]
    assert "[pix] reference" in changed[1][1]


def test_what_is_true_of_the_whole_alone_is_left_out() -> None:
    before = header(CRPIX1=1.0, CRPIX2=1.0, DATAMAX=5.0, DATAMIN=1.0, CHECKSUM="a", DATASUM="0", BMAJ=1.0)
    after = cut(before, Box(((0, 40), (0, 30))))
    assert not {"DATAMAX", "DATAMIN", "CHECKSUM", "DATASUM"} & set(after) and after["BMAJ"] == 1.0


def test_a_reference_pixel_that_is_not_stated_becomes_one_that_is() -> None:
    before = header(CTYPE1="LINEAR", CTYPE2="LINEAR", CRVAL1=3.0, CDELT1=2.0, CTYPE1A="LINEAR")
    after = cut(before, Box(((4, 9), (0, 30))))
    assert after["CRPIX1"] == -4.0 and "CRPIX2" not in after and after["CRPIX1A"] == -4.0
    assert WCS(after).wcs_pix2world([[0, 0]], 0)[0, 0] == WCS(before).wcs_pix2world([[4, 0]], 0)[0, 0]


@pytest.mark.parametrize("written", ["1.5D+01", "  15.", "15", "+1.5E1", "'15.0    '"])
def test_numbers_in_every_spelling(written: str) -> None:
    card = f"CRPIX1  = {written:>20} / comment".ljust(80).encode()
    (moved,) = cut_cards([card], Box(((5, 9),)))
    assert fits.Card.fromstring(moved).value == 10.0
    assert cut_cards([card], Box(((0, 9),))) == [card]


def test_a_reference_pixel_that_is_no_number_is_refused() -> None:
    card = b"CRPIX1  = 'middle  '".ljust(80)
    with pytest.raises(FitsError, match="CRPIX1 is 'middle', not a number"):
        cut_cards([card], Box(((5, 9),)))


def test_world_coordinates_are_those_of_the_source() -> None:
    before = header(
        CTYPE1="RA---TAN",
        CTYPE2="DEC--TAN",
        CRPIX1=20.25,
        CRPIX2=15.75,
        CRVAL1=123.456,
        CRVAL2=-45.0,
        CD1_1=-2.7e-4,
        CD1_2=1e-5,
        CD2_1=1e-5,
        CD2_2=2.7e-4,
    )
    after = cut(before, Box(((7, 20), (11, 30))))
    pixels = np.array([[0.0, 0.0], [12.0, 18.0], [5.5, 3.25]])
    assert (
        WCS(after).wcs_pix2world(pixels, 0) == WCS(before).wcs_pix2world(pixels + np.array([7, 11]), 0)
    ).all()


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=400))
def test_texts_of_any_length_are_read_back(text: str) -> None:
    made = fits.Header.fromstring(header_of(text_cards("VOPARAM", text)).decode("ascii"))
    assert made["VOPARAM"] == text.rstrip() or "'/" in f"'{text}".replace("''", "'")
    told = fits.Header.fromstring(header_of(history_cards(text)).decode("ascii"))
    assert "".join(line.ljust(72) for line in told["HISTORY"]).rstrip() == text.rstrip()
