"""Literal cards: text that astropy reads back as the value that was meant."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import assume, given
from hypothesis import strategies as st

from vo_service.sample.fitsfile import beams_extension, compress, image_bytes
from vo_service.sample.headers import Grid, HeaderText, ImageHeader, SpectralAxis, build_header, card

_TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40).map(str.rstrip)


@given(
    st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(10**9), 10**9), st.booleans())
)
def test_numbers_survive_as_cards(value: float | int | bool) -> None:
    text = card("KEY", value)
    assert len(text) == 80
    read = fits.Card.fromstring(text).value
    assert read == pytest.approx(value, rel=1e-12)
    assert type(read) is type(value)


@given(_TEXT)
def test_text_survives_as_card(value: str) -> None:
    assume("'/" not in value)  # astropy takes the slash after a doubled quotation mark for a comment's
    assert fits.Card.fromstring(card("KEY", value)).value == value


def test_a_card_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="80 characters"):
        card("KEY", "x" * 90)


def test_rename_and_drop_keep_the_order() -> None:
    header = HeaderText()
    for name in ("A", "RESTFRQ", "B"):
        header.put(name, 1.0)
    header.rename("RESTFRQ", "RESTFREQ")
    header.drop("A", "NOTTHERE")
    assert list(header.cards) == ["RESTFREQ", "B"]
    assert fits.Card.fromstring(header.cards["RESTFREQ"]).keyword == "RESTFREQ"


@pytest.mark.parametrize("matrix", ["PC1_1", "PC01_01", "PC001001", "CROTA", "none"])
def test_headers_are_read_without_repair(matrix: str) -> None:
    spec = ImageHeader(
        "M83", Grid(10.0, -30.0, 0.2, 6, 4), SpectralAxis(2.3e11, -1e6, 3), "2016-01-01T00:00:00.000000",
        "CASA 5.4.0-70", beam=(0.6, 0.5, 10.0), rest=2.30538e11, matrix=matrix,
    )  # fmt: skip
    content = image_bytes(build_header(spec), np.arange(72.0).reshape(1, 3, 4, 6))
    assert len(content) % 2880 == 0
    header = fits.Header.fromstring(content[: content.index(b"END" + b" " * 77)].decode("ascii"))
    assert [header[f"NAXIS{n}"] for n in range(1, 5)] == [6, 4, 3, 1]
    assert header["BMAJ"] * 3600 == pytest.approx(0.6, rel=1e-12)


def test_beams_table_and_pixels(tmp_path) -> None:  # type: ignore[no-untyped-def]
    spec = ImageHeader(
        "M83", Grid(10.0, -30.0, 0.2, 6, 4), SpectralAxis(2.3e11, 1e6, 3), "2016-01-01T00:00:00.000000",
        "CASA 5.4.0-70", beams_table=True,
    )  # fmt: skip
    pixels = np.arange(72.0).reshape(1, 3, 4, 6)
    beams = [(0.6, 0.5, 10.0), (0.61, 0.51, 10.0), (0.62, 0.52, 10.0)]
    path = tmp_path / "cube.fits"
    path.write_bytes(image_bytes(build_header(spec), pixels) + beams_extension(beams))
    with fits.open(path) as hdus:
        hdus.verify("exception")
        assert hdus[0].header["CASAMBM"] is True
        assert np.array_equal(hdus[0].data, pixels)
        assert hdus["BEAMS"].data["BMAJ"] == pytest.approx([0.6, 0.61, 0.62], rel=1e-6)
        assert hdus["BEAMS"].columns["BMAJ"].unit == "arcsec"


def test_gzip_does_not_know_the_time() -> None:
    assert compress(b"pixels") == compress(b"pixels")
    assert compress(b"pixels")[4:8] == b"\0\0\0\0"
