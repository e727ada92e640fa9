"""Cards and keywords, against astropy's own reading."""

from __future__ import annotations

import io
import string

import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from vo_service.pixels.fits_header import (
    BLOCK,
    FitsError,
    Keywords,
    parse_header,
    read_header_bytes,
)

PRINTABLE = string.ascii_letters + string.digits + " .,;:+-*()[]'\"/&_"
VALUES = st.one_of(
    st.booleans(),
    st.integers(-(10**17), 10**17),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.text(PRINTABLE, max_size=100).map(str.rstrip),
)


def header_bytes(header: fits.Header) -> bytes:
    return header.tostring().encode("ascii")


@given(st.dictionaries(st.text(string.ascii_uppercase, min_size=1, max_size=7), VALUES, max_size=8))
def test_values_are_those_astropy_writes(cards: dict[str, object]) -> None:
    cards = {key + "X": value for key, value in cards.items() if key + "X" != "END"}
    header = fits.Header(list(cards.items()))
    parsed = parse_header(header_bytes(header)).keywords
    again = fits.Header.fromstring(header.tostring())
    wanted = {key: value if isinstance(value, str) else again[key] for key, value in cards.items()}
    assert {key: parsed[key] for key in cards} == wanted  # astropy itself reads '/ back as a comment


def card(text: str) -> bytes:
    return f"{text:<80}".encode("latin-1")


def block(*cards: bytes) -> bytes:
    body = b"".join(cards) + card("END")
    return body.ljust(-(-len(body) // BLOCK) * BLOCK)


def test_remarks_are_set_aside_and_cards_keep_their_places() -> None:
    parsed = parse_header(block(card("A       = 1"), card("HISTORY one"), card("B       = 2 / two")))
    assert [(each.index, each.keyword, each.value) for each in parsed.cards] == [(0, "A", "1"), (2, "B", "2")]
    assert parsed.cards[1].comment == "two"
    assert parsed.remarks.startswith(b"HISTORY one")


def test_a_value_keeps_the_text_of_its_card() -> None:
    keys = parse_header(block(card("CRVAL3  =  2.997924555369D+08 / speed"))).keywords
    assert keys["CRVAL3"] == 2.997924555369e8
    assert keys.written("CRVAL3") == "2.997924555369D+08"


def test_the_first_of_repeated_cards_counts_as_text_and_none_as_a_number() -> None:
    keys = parse_header(block(card("A       = 1"), card("A       = 2"))).keywords
    assert (keys["A"], keys.text("A"), keys.number("A"), keys.integer("A")) == (1, "1", None, None)
    assert keys.repeated == {"A": ("1", "2")}
    fault = keys.number_fault("A")
    assert fault is not None and fault.message == "A is given more than once: '1', then '2'"


@pytest.mark.parametrize("again", ["1.0E0", "1", "1.00000000001", "   1. / twice", "/ nothing"])
def test_cards_that_say_the_same_are_no_contradiction(again: str) -> None:
    keys = parse_header(block(card("A       = 1.0"), card(f"A       = {again}"))).keywords
    assert keys.number("A") == 1.0 and keys.number_fault("A") is None and not keys.repeated


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("204,25", "204,25"),
        ("abc / why", "abc"),
        ("NaN", "NaN"),
        ("(1, 2)", "(1, 2)"),
        ("'x'", "x"),
        ("T", "T"),
    ],
)
def test_an_unreadable_number_can_be_told_from_a_missing_one(text: str, written: str) -> None:
    keys = parse_header(
        block(card(f"A       = {text}"), card("B       = / none"), card("C       = ' '"))
    ).keywords
    fault = keys.number_fault("A")
    assert fault is not None
    assert (fault.keyword, fault.written, keys.written("A"), keys.number("A")) == (
        "A",
        written,
        written,
        None,
    )
    assert repr(written) in fault.message
    for nothing in "BCD":
        assert keys.number_fault(nothing) is None and keys.number(nothing) is None
    assert set(keys.stated()) == {"A", "C"}
    assert keys.written("B") is keys.written("D") is None


def test_an_unreadable_text_can_be_told_from_a_missing_one() -> None:
    keys = parse_header(block(card("A       = Jy/beam"), card("B       = 'K'"))).keywords
    fault = keys.text_fault("A")
    assert fault is not None and (fault.written, keys.text("A")) == ("Jy", None)
    assert keys.text_fault("B") is None and keys.text_fault("C") is None


def test_unreadable_and_contradicting_cards_are_inherited_as_such() -> None:
    below = parse_header(
        block(card("A       = x"), card("B       = 1"), card("B       = 2"), card("C       = 3"))
    ).keywords
    merged = Keywords({"C": 4}).merged(below, {"A", "B", "C"})
    assert merged.number_fault("A") == below.number_fault("A") is not None
    assert merged.number_fault("B") == below.number_fault("B") is not None
    assert merged.number("C") == 4.0


def test_long_strings_are_joined() -> None:
    parsed = parse_header(block(card("LONG    = 'one &'"), card("CONTINUE  'two'"), card("B       = 3")))
    assert parsed.keywords["LONG"] == "one two"
    assert parsed.cards[-1].index == 2


@pytest.mark.parametrize(
    ("raw", "text", "encoding"),
    [
        ("Señal".encode("latin-1"), "Señal", "Latin-1"),
        ("Señal α".encode(), "Señal α", "UTF-8"),
    ],
)
def test_bytes_outside_ascii_are_read_and_reported(raw: bytes, text: str, encoding: str) -> None:
    spoilt = (b"OBJECT  = '" + raw + b"'").ljust(80)
    parsed = parse_header(block(spoilt, card("B       = 3")))
    assert parsed.keywords["OBJECT"] == text
    assert parsed.keywords["B"] == 3
    [found] = parsed.non_ascii
    assert (found.keyword, found.text, found.encoding) == ("OBJECT", text, encoding)
    assert found.was.startswith("Se\\x") and found.was.isascii()


def test_a_card_that_breaks_the_rules_has_no_value_and_no_harm() -> None:
    parsed = parse_header(block(card("BAD     = 'unclosed"), card("WORSE   = 1 2 3 (("), card("B       = 3")))
    assert parsed.keywords.number("B") == 3
    assert "WORSE" not in parsed.keywords or parsed.keywords.number("WORSE") is None


def test_numbers_written_as_text_are_numbers() -> None:
    keys = Keywords({"A": " 1.5 ", "B": "x", "C": True, "D": float("nan"), "E": 2.0, "F": "  "})
    assert [keys.number(key) for key in "ABCDEG"] == [1.5, None, None, None, 2.0, None]
    assert keys.integer("E") == 2 and keys.integer("A") is None
    assert keys.text("F") is None


def test_a_header_without_end_is_truncated() -> None:
    with pytest.raises(FitsError) as caught:
        read_header_bytes(io.BytesIO(card("SIMPLE  = T") * 40), "HDU 0 of a.fits", b"SIMPLE")
    assert caught.value.kind == "truncated"
    assert "HDU 0 of a.fits stops after 3200 bytes" in caught.value.message


def test_end_is_found_in_any_block() -> None:
    raw = block(*[card(f"K{number:<7}= {number}") for number in range(100)])
    assert read_header_bytes(io.BytesIO(raw + b"data"), "", b"K0") == raw
    assert read_header_bytes(io.BytesIO(b""), "", b"K0") is None
    assert read_header_bytes(io.BytesIO(raw), "", b"XTENSION") is None
