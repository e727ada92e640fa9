"""Headers of FITS files that no reader of cards can read, and where the data behind them end."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from upload_tables import fault_of, read, rows_of


def table_in_fits() -> bytes:
    made = io.BytesIO()
    fits.HDUList(
        [fits.PrimaryHDU(), fits.BinTableHDU.from_columns([fits.Column("x", "J", array=np.array([1, 2]))])]
    ).writeto(made)
    return made.getvalue()


IN_FITS = table_in_fits()
OPTIONAL = "THEAP TTYPE1 TUNIT1 TNULL1 TSCAL1 TZERO1 TDIM1 TCOMM1 ZTABLE ZIMAGE GROUPS".split()


def with_card(content: bytes, card: str) -> bytes:
    """The file with a card in the place of the last one of its keyword, or at the end of the last header."""
    raw = card.encode().ljust(80)
    at = content.rfind(raw[:8] + b"=")
    if at >= 0:
        return content[:at] + raw + content[at + 80 :]
    end = content.rindex(b"END".ljust(80))
    assert content[end + 80 : end + 160].isspace()
    return content[:end] + raw + content[end : end + 80] + content[end + 160 :]


@pytest.mark.parametrize(
    "card",
    [
        "XTENSION= ???  'x",
        "XTENSION= 'BINTABLE",
        "XTENSION= 1E999",
        "XTENSION= T",
        "BITPIX  = 1E999",
        "BITPIX  = -1E999",
        "BITPIX  = 8.5",
        "BITPIX  = 7",
        "BITPIX  = 'abc",
        "BITPIX  = T",
        "NAXIS   = ???  'x",
        "NAXIS1  = 'abc",
        "NAXIS2  = 1E999",
        "PCOUNT  = ???  'x",
        "GCOUNT  = 'abc",
        "TFIELDS = ???  'x",
        "TFORM1  = 'J",
        "TFORM1  = 1E999",
    ],
)
def test_cards_of_fits_that_cannot_be_read(card: str) -> None:
    # VOT-181: refused with a reason, whatever the reader of the cards makes of them
    assert fault_of(with_card(IN_FITS, card)).message


@pytest.mark.parametrize(
    "keyword", "THEAP TTYPE1 TUNIT1 TNULL1 TSCAL1 TZERO1 TDIM1 TCOMM1 ZTABLE ZIMAGE GROUPS".split()
)
@pytest.mark.parametrize("value", ["???  'x", "'abc", "(1E999, 1)"])
def test_cards_of_fits_that_may_be_absent_may_be_unreadable(keyword: str, value: str) -> None:
    # VOT-181: they say nothing
    if keyword == "THEAP" and value.startswith("("):
        assert "THEAP" in fault_of(with_card(IN_FITS, f"{keyword:8}= {value}")).message
    else:
        assert rows_of(read(with_card(IN_FITS, f"{keyword:8}= {value}"))) == [(1,), (2,)]


@pytest.mark.parametrize("keyword", ["ZTABLE", "ZIMAGE"])
def test_tables_compressed_by_tiles_are_refused(keyword: str) -> None:
    assert "compressed by tiles" in fault_of(with_card(IN_FITS, f"{keyword:8}= {'T':>20}")).message


@pytest.mark.parametrize("parameters", [1, 5])
def test_a_table_behind_random_groups(parameters: int, tmp_path: Path) -> None:
    # FITS 4.0, 6.1.1: PCOUNT counts parameters of BITPIX bits, as the axes count elements
    values = [np.ones(300)] * parameters
    names = [f"p{n}" for n in range(parameters)]
    groups = fits.GroupData(np.zeros((300, 2, 3), "f4"), bitpix=-32, parnames=names, pardata=values)
    table = fits.BinTableHDU.from_columns([fits.Column("x", "J", array=np.array([7]))])
    path = tmp_path / "groups.fits"
    fits.HDUList([fits.GroupsHDU(groups), table]).writeto(path)
    assert rows_of(read(path.read_bytes())) == [(7,)]


@pytest.mark.parametrize("bits", [8, -64])
def test_data_larger_than_any_file(bits: int) -> None:
    # VOT-181
    cards = {"SIMPLE": "T", "BITPIX": bits, "NAXIS": 3, "NAXIS1": 0, "NAXIS2": 1 << 61, "NAXIS3": 1 << 61}
    cards |= {"GROUPS": "T", "PCOUNT": 1 << 61, "GCOUNT": 1 << 61}
    header = "".join(f"{key:8}= {value!s:>20}".ljust(80) for key, value in cards.items()) + "END"
    assert "no binary table" in fault_of(header.encode().ljust(2880) + IN_FITS[2880:]).message
