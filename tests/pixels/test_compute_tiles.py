"""Cuts of tile-compressed images against astropy: its numbers, its headers, and only the tiles needed."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from compute_files import hdus_of, opened, written
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from test_cutout_beams import table_of

from vo_service.pixels import FitsError, read_fits
from vo_service.pixels.compute import tile_reader
from vo_service.pixels.compute.blank import cut_blanked
from vo_service.pixels.compute.cutting import cut_stored
from vo_service.pixels.compute.reader import slabs_of
from vo_service.pixels.compute.tile_reader import TileReader
from vo_service.pixels.cutout.box import Box
from vo_service.pixels.cutout.cards import text_cards
from vo_service.pixels.held import HeldFile
from vo_service.pixels.sources import LocalFile

KINDS = ["RICE_1", "GZIP_1", "GZIP_2", "HCOMPRESS_1", "PLIO_1", "NOCOMPRESS"]
NAMES = ("RA---SIN", "DEC--SIN", "FREQ", "STOKES")
LENGTHS = (23, 17, 6, 2)
IGNORED = {"", "COMMENT", "HISTORY", "CHECKSUM", "DATASUM", "VOSRCID"}


def numbers_of(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    draw = np.random.default_rng(5)
    if np.dtype(dtype).kind == "f":
        values = draw.normal(size=shape).astype(dtype)
        values[..., 1, 2] = np.nan
        return values
    return draw.integers(0, 200, shape).astype(dtype)


def compressed(path: Path, data: np.ndarray, header: fits.Header, **how: Any) -> None:
    table = fits.CompImageHDU(data, header, **how)
    beams = [table_of(6, len(data) if data.ndim == 4 else 1)] if data.ndim > 2 else []
    fits.HDUList([fits.PrimaryHDU(), table, *beams]).writeto(path, overwrite=True)


@st.composite
def images(draw: st.DrawFn) -> tuple[np.ndarray, fits.Header, dict[str, Any], Box]:
    """An image, how it is compressed, and a box in it."""
    count = draw(st.integers(2, 4))
    lengths = LENGTHS[:count]
    kind = draw(st.sampled_from(KINDS))
    dtype = draw(st.sampled_from([">i2", ">i4"] if kind == "PLIO_1" else [">i2", ">i4", "u1", ">f4", ">f8"]))
    tile = tuple(draw(st.sampled_from([least, 5, length])) for least, length in zip((4, 3, 1, 1), lengths))
    if kind == "HCOMPRESS_1":  # two-dimensional tiles of four pixels and more, edges too
        tile = (draw(st.sampled_from([6, 23])), draw(st.sampled_from([13, 17])), 1, 1)[:count]
    how: dict[str, Any] = {"compression_type": kind, "tile_shape": tile[::-1]}
    if kind == "NOCOMPRESS" or (dtype in (">f4", ">f8") and kind.startswith("GZIP") and draw(st.booleans())):
        how["quantize_level"] = 0.0
    elif dtype in (">f4", ">f8"):
        how |= {
            "quantize_method": draw(st.sampled_from([-1, 1, 2])),
            "dither_seed": draw(st.integers(1, 10000)),
            "quantize_level": 16.0,
        }
    header = fits.Header()
    for number, name in enumerate(NAMES[:count], 1):
        header[f"CTYPE{number}"], header[f"CRPIX{number}"] = name, 4.25
        header[f"CRVAL{number}"], header[f"CDELT{number}"] = 10.0 * number, 1e-3
    header["OBJECT"], header["TELESCOP"] = "a source", "ALMA"
    header["HISTORY"] = "made for a test"
    spans = []
    for length in lengths:
        start = draw(st.integers(0, length - 1))
        spans.append((start, draw(st.integers(start + 1, length))))
    return numbers_of(lengths[::-1], dtype), header, how, Box(tuple(spans))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tiles") / "a.fits.fz"


@pytest.mark.filterwarnings("ignore::astropy.utils.exceptions.AstropyUserWarning")
@given(image=images(), has_scale=st.booleans(), together=st.sampled_from([2000, 8 << 20]))
def test_cuts_are_what_astropy_unpacks(
    place: Path, image: tuple[np.ndarray, fits.Header, dict[str, Any], Box], has_scale: bool, together: int
) -> None:
    # SODA-042, SODA-043
    data, header, how, box = image
    compressed(place, data, header, **how)
    if has_scale and data.dtype.kind != "f":
        with fits.open(place, mode="update", disable_image_compression=True) as hdus:
            for key, value in (("BSCALE", 0.5), ("BZERO", 12.0), ("BLANK", 7)):
                hdus[1].header[key] = value
    with pytest.MonkeyPatch.context() as patch, opened(place) as found:
        patch.setattr(tile_reader, "_TOGETHER", together)
        content = written(cut_stored(found, box, text_cards("VOSRCID", "a-product")))
        values = found.reader.read(box)
    where = tuple(slice(*span) for span in box.spans[::-1])
    with fits.open(place, do_not_scale_image_data=True) as before, hdus_of(content) as after:
        old, new = before[1], after[-1 if data.ndim == 2 else -2]
        wanted = old.data[where]
        assert new.data.dtype == wanted.dtype.newbyteorder(">") and new.data.shape == wanted.shape
        assert new.data.astype(wanted.dtype).tobytes() == wanted.tobytes()
        assert not isinstance(new, fits.CompImageHDU)
        same_header(old.header, new.header, box)
        if data.ndim > 2:
            beams = before["BEAMS"].data["BMAJ"].reshape(-1, 6)[slice(*(*box.spans, (0, 1))[3])]
            assert after["BEAMS"].data["BMAJ"].tolist() == beams[:, slice(*box.spans[2])].ravel().tolist()
    with fits.open(place) as physical:
        assert np.allclose(values, physical[1].data[where], equal_nan=True, rtol=1e-6)


def same_header(old: fits.Header, new: fits.Header, box: Box) -> None:
    """All cards of the image that astropy finds in the table, changed as a cut changes them alone."""
    moved = {f"{name}{n}" for name in ("NAXIS", "CRPIX") for n in range(1, 5)} | {"EXTEND"}
    kept = set(old) - IGNORED - moved
    assert set(new) - IGNORED - moved == kept
    for key in kept:
        assert new[key] == old[key], key
    for number, (length, start) in enumerate(zip(box.shape, box.starts), 1):
        assert new[f"NAXIS{number}"] == length
        assert new[f"CRPIX{number}"] == pytest.approx(old[f"CRPIX{number}"] - start, abs=1e-12)
    assert list(new.get("HISTORY", [])) == list(old.get("HISTORY", []))
    pixels = np.zeros((1, len(box.shape)))
    assert np.allclose(
        WCS(new).wcs_pix2world(pixels, 0), WCS(old).wcs_pix2world(pixels + np.array(box.starts), 0)
    )


def test_an_image_that_was_primary_is_so_again(tmp_path: Path) -> None:
    data = numbers_of((17, 23), ">i2")
    plain = fits.PrimaryHDU(data)
    plain.header["OBJECT"] = ("a source", "with a comment that stays")
    table = fits.CompImageHDU(data, plain.header)
    stored = fits.HDUList([fits.PrimaryHDU(), table])
    stored.writeto(tmp_path / "a.fits.fz")
    with fits.open(tmp_path / "a.fits.fz", mode="update", disable_image_compression=True) as hdus:
        hdus[1].header.set("ZSIMPLE", True, "it was the primary one", before="ZBITPIX")
    box = Box(((2, 9), (3, 17)))
    with opened(tmp_path / "a.fits.fz") as found, hdus_of(written(cut_stored(found, box, []))) as after:
        assert len(after) == 1 and after[0].header["SIMPLE"] is True
        assert (after[0].data == data[3:17, 2:9]).all()
        assert (
            b"OBJECT  = 'a source'           / with a comment that stays"
            in after[0].header.tostring().encode()
        )
        assert "PCOUNT" not in after[0].header
    with fits.open(tmp_path / "a.fits.fz", mode="update") as hdus:
        hdus[0].header["TELESCOP"] = "ALMA"  # what the empty one says must not be lost
    with opened(tmp_path / "a.fits.fz") as found, hdus_of(written(cut_stored(found, box, []))) as after:
        assert after[0].header["TELESCOP"] == "ALMA"
        assert after[1].header["XTENSION"] == "IMAGE" and (after[1].data == data[3:17, 2:9]).all()


def test_only_the_tiles_that_are_touched_are_read(tmp_path: Path) -> None:
    data = np.random.default_rng(1).integers(0, 30000, (40, 200, 300)).astype(">i2")
    compressed(tmp_path / "a.fits", data, fits.Header(), compression_type="RICE_1", tile_shape=(1, 50, 60))
    layout = read_fits(tmp_path / "a.fits")
    source = Counted(LocalFile(tmp_path / "a.fits"))
    reader = TileReader(source, "a.fits", layout.hdus[1])
    source.count = 0
    box = Box(((61, 119), (49, 51), (20, 22)))
    assert np.array_equal(reader.stored(box), data[20:22, 49:51, 61:119])
    assert source.count < 10 * 60 * 50 * 2


def test_tiles_through_many_planes_are_unpacked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = np.random.default_rng(1).integers(0, 30000, (40, 20, 30)).astype(">i2")
    compressed(tmp_path / "a.fits", data, fits.Header(), compression_type="GZIP_1", tile_shape=(40, 10, 10))
    calls = []
    unpack = TileReader._unpack
    monkeypatch.setattr(TileReader, "_unpack", lambda self, tiles: calls.append(tiles) or unpack(self, tiles))
    with opened(tmp_path / "a.fits") as found:
        for slab in slabs_of(Box.whole((30, 20, 40)), 1000):
            found.reader.stored(slab)
    assert len(calls) == len(set(calls))


def test_tiles_in_a_gzip_file(tmp_path: Path) -> None:
    data = numbers_of((6, 17, 23), ">i2")
    compressed(tmp_path / "a.fits", data, fits.Header())
    (tmp_path / "a.fits.gz").write_bytes(gzip.compress((tmp_path / "a.fits").read_bytes()))
    box = Box(((3, 20), (4, 8), (1, 3)))
    with opened(tmp_path / "a.fits.gz") as found:
        assert np.array_equal(found.reader.stored(box), data[1:3, 4:8, 3:20])


@pytest.mark.parametrize("fault", ["heap", "rows", "method"])
def test_damaged_tiles_are_told(tmp_path: Path, fault: str) -> None:
    data = numbers_of((6, 17, 23), ">i2")
    compressed(tmp_path / "a.fits", data, fits.Header(), compression_type="GZIP_1")
    hdu = read_fits(tmp_path / "a.fits").hdus[1]
    content = bytearray((tmp_path / "a.fits").read_bytes())
    if fault == "method":
        at = content.index(b"'GZIP_1  '")
        content[at : at + 10] = b"'NO_SUCH '"
    else:
        start = hdu.data_offset + (102 * 8 if fault == "heap" else 0)
        content[start : start + 400] = b"\x7f" * 400
    (tmp_path / "b.fits").write_bytes(bytes(content))
    with opened(tmp_path / "b.fits") as found, pytest.raises(FitsError) as caught:
        found.reader.stored(Box.whole((23, 17, 6)))
    assert caught.value.kind == "unreadable"


@pytest.mark.parametrize("seed", [None, 0, 1, 9998, 10000, 12345])
@pytest.mark.parametrize("together", [1, 400, 8 << 20])
def test_dithered_floats_of_any_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int | None, together: int
) -> None:
    # SODA-042
    path = tmp_path / "a.fits"
    data = np.random.default_rng(2).normal(0, 5, (30, 40)).astype(">f4")
    how = {"quantize_level": 4.0, "quantize_method": 1, "dither_seed": 9998}
    compressed(path, data, fits.Header(), compression_type="RICE_1", **how)
    with fits.open(path, mode="update", disable_image_compression=True) as hdus:
        del hdus[1].header["ZDITHER0"]
        if seed is not None:
            hdus[1].header["ZDITHER0"] = seed
    monkeypatch.setattr(tile_reader, "_TOGETHER", together)
    wanted = fits.getdata(path, 1)
    with opened(path) as found:
        for box in (Box.whole((40, 30)), Box(((3, 20), (5, 9)))):
            place = tuple(slice(*span) for span in box.spans[::-1])
            assert np.array_equal(found.reader.stored(box), wanted[place])


CARDS = {
    "a column": ("TTYPE1", 5), "no name": ("TTYPE1", ""), "a seed": ("ZDITHER0", 1.5), "tile": ("ZTILE1", -3),
    "width": ("ZNAXIS1", 0),
    "height": ("ZNAXIS2", 10**18), "heap": ("THEAP", -5), "method": ("ZQUANTIZ", "X"),
    "scale": ("TSCAL1", 10**30), "value": ("ZVAL1", 10**30), "parameter": ("ZVAL1", "many"),
}  # fmt: skip


@pytest.mark.parametrize("what", list(CARDS))
def test_cards_that_cannot_be_are_told(tmp_path: Path, what: str) -> None:
    path = tmp_path / "a.fits"
    data = np.random.default_rng(2).normal(0, 5, (30, 40)).astype(">f4")
    how = {"quantize_level": 4.0, "quantize_method": 1, "dither_seed": 5}
    compressed(path, data, fits.Header(), compression_type="RICE_1", **how)
    key, value = CARDS[what]
    content = path.read_bytes()
    written_value = f"{value!r:>20}" if not isinstance(value, str) else f"'{value:8}'"
    start = content.find(f"{key:8}=".encode())
    card = f"{key:8}= {written_value}".ljust(80).encode()
    if start < 0:
        start = content.index(b"END".ljust(80), 2880)
        card += b"END".ljust(80)
    path.write_bytes(content[:start] + card + content[start + len(card) :])
    try:
        with opened(path) as found:
            found.reader.stored(Box.whole(found.reader.axes))
    except FitsError as error:
        assert error.kind in ("bad_header", "unreadable")
    else:  # what is not looked at does no harm
        assert what in ("scale", "value")


@pytest.mark.parametrize("error", [AssertionError, AttributeError, OverflowError, ZeroDivisionError])
def test_whatever_astropy_finds_wrong_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    compressed(tmp_path / "a.fits", numbers_of((17, 23), ">i2"), fits.Header())

    def fail(*given: object, **named: object) -> None:
        raise error

    with opened(tmp_path / "a.fits") as found:
        monkeypatch.setattr(tile_reader.fits, "open", fail)
        with pytest.raises(FitsError, match=error.__name__):
            found.reader.stored(Box.whole((23, 17)))


@pytest.mark.filterwarnings("ignore::astropy.utils.exceptions.AstropyUserWarning")
@pytest.mark.parametrize(("dtype", "blank"), [("u1", 255), (">i2", -32768), (">i4", -(2**31))], ids=str)
def test_blank_pixels_that_a_column_tells(tmp_path: Path, dtype: str, blank: int) -> None:
    path = tmp_path / "a.fits"
    data = np.random.default_rng(8).integers(0, 100, (6, 30)).astype(dtype)
    sky = fits.Header({"CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN"})
    compressed(path, data, sky, compression_type="GZIP_1")
    with fits.open(path, disable_image_compression=True) as hdus:
        old = hdus[1]
        rows = [np.array(row) for row in old.data["COMPRESSED_DATA"]]
        tiles = fits.Column("COMPRESSED_DATA", "1PB()", array=np.array([*rows, None], dtype=object)[:-1])
        column = fits.Column("ZBLANK", "1J", array=data[:, 4].astype(int))  # another one in each row
        made = fits.BinTableHDU.from_columns([tiles, column])
        for key in old.header:
            if key.startswith(("Z", "CTYPE")):
                made.header[key] = old.header[key]
        fits.HDUList([fits.PrimaryHDU(), made]).writeto(tmp_path / "b.fits")
    none = data == data[:, 4:5]
    with opened(tmp_path / "b.fits") as found:
        values = found.reader.read(Box.whole((30, 6)))
        cut = written(cut_stored(found, Box.whole((30, 6)), []))
        blanked = written(cut_blanked(found, Box.whole((30, 6)), [], left_half))
    assert np.isnan(values[none]).all() and (values[~none] == data[~none]).all()
    with hdus_of(cut) as after:
        assert after[-1].header["BLANK"] == blank
        assert (after[-1].data[none] == blank).all() and (after[-1].data[~none] == data[~none]).all()
    with hdus_of(cut) as whole, hdus_of(blanked) as half:
        assert half[-1].header["BLANK"] == blank and (half[-1].data[:, 15:] == blank).all()
        assert (half[-1].data[:, :15] == whole[-1].data[:, :15]).all()


def left_half(columns: tuple[int, int], rows: tuple[int, int]) -> NDArray[np.bool_]:
    """The first 15 columns are kept."""
    return np.broadcast_to(np.arange(*columns) < 15, (rows[1] - rows[0], columns[1] - columns[0]))


class Counted(HeldFile):
    """Counts the bytes that are read."""

    def __init__(self, file: LocalFile) -> None:
        self._file = file
        self.count = 0

    def read_at(self, offset: int, length: int) -> bytes:
        self.count += length
        return self._file.read_at(offset, length)

    def read_into(self, offset: int, view: memoryview) -> None:
        view[:] = self.read_at(offset, len(view))
