"""HDUs and layout of small files: found where astropy finds them, broken ones named for what they are."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from vo_service.pixels import FitsError, TruncatedFits, read_fits


def test_the_data_lie_where_astropy_finds_them(make_fits) -> None:
    path = make_fits(shape=(3, 7, 5), OBJECT="M83")
    image = read_fits(path).image()
    assert image is not None
    with fits.open(path) as hdus:
        assert image.data_offset == hdus[0].fileinfo()["datLoc"]
    assert (image.axes, image.bitpix, image.index) == ((5, 7, 3), -32, 0)
    assert image.keywords["OBJECT"] == "M83"


def test_an_image_in_an_extension_inherits_what_describes_it(tmp_path: Path) -> None:
    primary = fits.PrimaryHDU()
    primary.header["OBJECT"], primary.header["CRVAL1"] = "M83", 5.0
    hdus = [primary] + [
        fits.ImageHDU(np.zeros((4, 6), np.float32), name=name) for name in ("ERR", "SCI", "DQ")
    ]
    fits.HDUList(hdus).writeto(tmp_path / "x.fits")
    found = read_fits(tmp_path / "x.fits")
    image = found.image()
    assert image is not None and (image.index, image.name) == (2, "SCI")
    keys = found.keywords_of(image)
    assert keys["OBJECT"] == "M83"
    assert "CRVAL1" not in keys


def test_an_error_image_is_not_taken_for_the_science_image(tmp_path: Path) -> None:
    hdus = [fits.PrimaryHDU()] + [fits.ImageHDU(np.zeros((4, 6)), name=name) for name in ("ERR", "FLUXMAP")]
    fits.HDUList(hdus).writeto(tmp_path / "x.fits")
    assert read_fits(tmp_path / "x.fits").image().name == "FLUXMAP"


def test_a_tile_compressed_image_has_the_axes_of_its_pixels(tmp_path: Path) -> None:
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(np.zeros((30, 40), np.int16))]).writeto(
        tmp_path / "x.fits.fz"
    )
    image = read_fits(tmp_path / "x.fits.fz").image()
    assert image is not None and (image.kind, image.axes, image.bitpix) == ("tile", (40, 30), 16)


def test_a_file_of_tables_has_no_image(tmp_path: Path) -> None:
    table = fits.BinTableHDU.from_columns([fits.Column("A", "E", array=np.ones(3))])
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(tmp_path / "x.fits")
    found = read_fits(tmp_path / "x.fits")
    assert found.image() is None and found.table_only()


def test_gzip_reads_as_the_plain_file_does(make_fits) -> None:
    path = make_fits(shape=(8, 40, 50))
    packed = path.with_suffix(".fits.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    plain, found = read_fits(path), read_fits(packed)
    assert found.compressed and found.digest == plain.digest
    assert found.image().data_offset == plain.image().data_offset


@pytest.mark.parametrize("packed", [False, True])
def test_missing_data_are_counted_and_the_header_kept(make_fits, tmp_path: Path, packed: bool) -> None:
    whole = make_fits(shape=(20, 20), OBJECT="M83").read_bytes()
    path = tmp_path / ("cut.fits.gz" if packed else "cut.fits")
    cut = whole[: 2880 + 1000]
    path.write_bytes(gzip.compress(cut) if packed else cut)
    with pytest.raises(TruncatedFits, match="600 bytes are missing") as caught:
        read_fits(path)
    assert caught.value.fits.hdus[0].keywords["OBJECT"] == "M83"


def test_a_gzip_stream_cut_off_is_truncated(make_fits, tmp_path: Path) -> None:
    path = tmp_path / "cut.fits.gz"
    noise = np.random.default_rng(1).bytes(1600)
    whole = make_fits(shape=(20, 20)).read_bytes()
    path.write_bytes(gzip.compress(whole[:2880] + noise + whole[4480:])[:-700])
    with pytest.raises(FitsError) as caught:
        read_fits(path)
    assert caught.value.kind == "truncated"


def test_missing_padding_and_rubbish_behind_the_end_are_forgiven(make_fits, tmp_path: Path) -> None:
    whole = make_fits(shape=(20, 20)).read_bytes()
    (tmp_path / "short.fits").write_bytes(whole[: 2880 + 1600])
    (tmp_path / "long.fits").write_bytes(whole + b"\0" * 5000)
    assert read_fits(tmp_path / "short.fits").image().axes == (20, 20)
    assert len(read_fits(tmp_path / "long.fits").hdus) == 1


@pytest.mark.parametrize(
    ("name", "content", "kind", "message"),
    [
        ("a.fits", b"<!DOCTYPE html><html>", "not_fits", "begins with '<!DOCTYPE html><html'"),
        ("a.fits", b"", "not_fits", "a.fits is empty"),
        ("a.fits", b"SIMPLE  = T\nBITPIX = 8\n", "not_fits", "lines of text"),
        ("a.fits.gz", b"SIMPLE  = T", "not_gzip", "is not gzip data"),
        ("a.fits.gz", b"\x1f\x8b" + b"x" * 30, "not_gzip", "damaged"),
        (
            "a.fits",
            b"SIMPLE  =                    T".ljust(80) + b"BITPIX  = 8".ljust(80),
            "truncated",
            "without END",
        ),
    ],
)
def test_what_is_no_fits_is_named(tmp_path: Path, name: str, content: bytes, kind: str, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(FitsError, match=message) as caught:
        read_fits(path)
    assert caught.value.kind == kind


@pytest.mark.parametrize(("card", "value"), [("BITPIX", 17), ("NAXIS1", -4), ("NAXIS", 2.5)])
def test_mandatory_cards_that_make_no_sense(make_fits, card: str, value: object) -> None:
    path = make_fits()
    raw = path.read_bytes()
    at = next(i for i in range(0, 2880, 80) if raw[i : i + 8].strip() == card.encode())
    path.write_bytes(raw[:at] + f"{card:<8}= {value!s:>20}".ljust(80).encode() + raw[at + 80 :])
    with pytest.raises(FitsError, match=card) as caught:
        read_fits(path)
    assert caught.value.kind == "bad_header"


def test_an_axis_given_twice_leaves_the_layout_unknown(make_fits) -> None:
    path = make_fits(LAST=1)
    path.write_bytes(path.read_bytes().replace(b"LAST    =", b"NAXIS1  =", 1))
    with pytest.raises(FitsError, match=r"NAXIS1 of HDU 0 .* is given more than once: 5 and 1") as caught:
        read_fits(path)
    assert caught.value.kind == "bad_header"


def test_a_cube_of_64_gigabytes_is_skipped_over(make_fits, tmp_path: Path) -> None:
    header = fits.Header.fromfile(make_fits())
    header["NAXIS1"], header["NAXIS2"] = 131072, 131072
    path = tmp_path / "huge.fits"
    path.write_bytes(header.tostring().encode())
    os.truncate(path, 2880 + 4 * 131072**2)
    assert read_fits(path).image().axes == (131072, 131072)
