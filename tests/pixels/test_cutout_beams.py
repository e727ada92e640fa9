"""The table of beams is cut with the channels: astropy reads what is left of it."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from vo_service.pixels import FitsError
from vo_service.pixels.cutout.beams import cut_beams
from vo_service.pixels.cutout.cards import cards_of, header_of
from vo_service.pixels.fits_file import Hdu, read_fits
from vo_service.pixels.fits_table import places_of, read_table


def table_of(channels: int, polarisations: int, with_planes: bool = True) -> fits.BinTableHDU:
    """A table as CASA writes it: polarisations counted last."""
    number = np.arange(channels * polarisations)
    columns = [
        fits.Column("BMAJ", "1E", "arcsec", array=1.0 + number / 7),
        fits.Column("BMIN", "1E", "arcsec", array=0.5 + number / 9),
        fits.Column("BPA", "1E", "deg", array=number * 1.0),
    ]
    if with_planes:
        columns += [
            fits.Column("CHAN", "1J", array=number % channels),
            fits.Column("POL", "1J", array=number // channels),
        ]
    hdu = fits.BinTableHDU.from_columns(columns, name="BEAMS")
    hdu.header["NCHAN"], hdu.header["NPOL"] = channels, polarisations
    return hdu


def read_cut(
    hdu: fits.BinTableHDU, channels: tuple[int, int], polarisations: tuple[int, int]
) -> tuple[Table, fits.Header]:
    table, raw = stored(hdu)
    result = cut_beams(table, cards_of(raw), channels, polarisations)
    data = result.rows.ljust(-(-len(result.rows) // 2880) * 2880, b"\0")
    primary = fits.PrimaryHDU().header.tostring().encode("ascii")
    with fits.open(io.BytesIO(primary + header_of(result.cards) + data)) as hdus:
        return Table(hdus[1].data), hdus[1].header


def stored(hdu: fits.BinTableHDU) -> tuple[Hdu, bytes]:
    """The table as our own reader finds it, and its header blocks."""
    file = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(np.zeros((2, 2), ">f4")), hdu]).writeto(file)
    content = file.getvalue()

    class Bytes:
        name, size = "a.fits", len(content)

        def open(self) -> io.BytesIO:
            return io.BytesIO(content)

        def read_at(self, offset: int, length: int) -> bytes:
            return content[offset : offset + length]

        def state(self) -> tuple[object, ...]:
            return (len(content),)

    table = read_fits(Bytes()).table("BEAMS")
    assert table is not None
    raw = content[: table.data_offset]
    return table, raw[raw.rindex(b"XTENSION") :]


@pytest.mark.parametrize("polarisations", [(0, 1), (0, 2), (1, 2)])
@pytest.mark.parametrize("channels", [(0, 12), (3, 4), (5, 11)])
def test_the_beams_of_the_planes_that_are_kept(
    channels: tuple[int, int], polarisations: tuple[int, int]
) -> None:
    # SODA-043
    hdu = table_of(12, 2)
    before = Table(hdu.data)
    after, header = read_cut(hdu, channels, polarisations)
    kept = (before["CHAN"] >= channels[0]) & (before["CHAN"] < channels[1])
    kept &= (before["POL"] >= polarisations[0]) & (before["POL"] < polarisations[1])
    for name in ("BMAJ", "BMIN", "BPA"):
        assert (after[name] == before[name][kept]).all()
    assert (after["CHAN"] == before["CHAN"][kept] - channels[0]).all()
    assert (after["POL"] == before["POL"][kept] - polarisations[0]).all()
    assert (header["NCHAN"], header["NPOL"]) == (
        channels[1] - channels[0],
        polarisations[1] - polarisations[0],
    )
    assert header["TUNIT1"] == "arcsec" and header["EXTNAME"] == "BEAMS"


def test_a_table_without_planes_has_its_channels_in_order() -> None:
    hdu = table_of(12, 1, with_planes=False)
    after, header = read_cut(hdu, (4, 7), (0, 1))
    assert (after["BPA"] == [4.0, 5.0, 6.0]).all() and header["NAXIS2"] == 3


def test_a_table_with_too_few_beams_is_refused() -> None:
    with pytest.raises(FitsError, match="has 2 beams for 4 channels"):
        read_cut(table_of(12, 1), (10, 14), (0, 1))


@pytest.mark.parametrize("axes", [(), (60,), (20, 3, 1)], ids=str)
def test_a_table_without_rows_and_columns_is_refused(axes: tuple[int, ...]) -> None:
    whole, raw = stored(table_of(3, 1))
    table = replace(whole, axes=axes)
    with pytest.raises(FitsError, match="a table has 2 axes") as caught:
        cut_beams(table, cards_of(raw), (0, 3), (0, 1))
    assert caught.value.kind == "bad_header"
    for read in (read_table, places_of):
        with pytest.raises(FitsError, match="a table has 2 axes"):
            read(table)
