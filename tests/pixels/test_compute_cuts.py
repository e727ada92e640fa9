"""Blanked cuts, and files of several images: what is kept is kept to the byte, what is added can be told."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from compute_files import hdus_of, opened, written
from hypothesis import given
from hypothesis import strategies as st
from test_cutout_beams import table_of

from vo_service.pixels.compute import blank
from vo_service.pixels.compute.blank import cut_blanked
from vo_service.pixels.compute.cutting import cut_stored
from vo_service.pixels.compute.writing import UnfitRequest
from vo_service.pixels.cutout.box import Box
from vo_service.pixels.cutout.extensions import as_extension, with_extensions

ORDERS = [
    ("RA---SIN", "DEC--SIN", "FREQ"),
    ("FREQ", "DEC--SIN", "RA---SIN"),
    ("RA---SIN", "FREQ", "DEC--SIN"),
]
LENGTHS = (11, 9, 5)


def cube_at(path: Path, order: tuple[str, ...], dtype: str, blank: int | None, tiles: bool) -> np.ndarray:
    data = np.random.default_rng(4).integers(0, 200, LENGTHS[::-1]).astype(dtype)
    cube = fits.CompImageHDU(data, compression_type="GZIP_1", quantize_level=0.0) if tiles else None
    plain = fits.PrimaryHDU(data)
    for number, name in enumerate(order, 1):
        (cube or plain).header[f"CTYPE{number}"] = name
    fits.HDUList([fits.PrimaryHDU(), cube] if cube is not None else [plain]).writeto(path, overwrite=True)
    if blank is not None:
        with fits.open(
            path, mode="update", do_not_scale_image_data=True, disable_image_compression=True
        ) as h:
            h[-1].header["BLANK"], h[-1].header["BSCALE"] = blank, 0.25
    return data


def chosen(x: tuple[int, int], y: tuple[int, int]) -> np.ndarray:
    """Some pixels of a plane, by their own numbers."""
    columns, rows = np.meshgrid(np.arange(*x), np.arange(*y))
    return (columns * 7 + rows * 3) % 5 < 3


@given(
    order=st.sampled_from(ORDERS),
    dtype=st.sampled_from([">f4", ">f8", ">i2", ">i4"]),
    tiles=st.booleans(),
    strip=st.sampled_from([1, 20, 1 << 18]),
)
def test_what_is_outside_is_blanked_and_all_else_is_as_stored(
    tmp_path_factory: pytest.TempPathFactory, order: tuple[str, ...], dtype: str, tiles: bool, strip: int
) -> None:
    # SODA-041, SODA-042
    path = tmp_path_factory.mktemp("blank") / "a.fits"
    is_float = np.dtype(dtype).kind == "f"
    data = cube_at(path, order, dtype, None if is_float else -99, tiles)
    box = Box(((1, 10), (2, 9), (1, 4)))
    with pytest.MonkeyPatch.context() as patch, opened(path) as found:
        patch.setattr(blank, "_STRIP", strip)
        cut = written(cut_blanked(found, box, [], chosen))
        plain = written(cut_stored(found, box, []))
    first, second = sorted(order.index(name) for name in ("RA---SIN", "DEC--SIN"))
    kept = chosen(box.spans[first], box.spans[second])
    lengths = [length if n in (first, second) else 1 for n, length in enumerate(box.shape)]
    outside = np.broadcast_to(~kept.reshape(lengths[::-1]), box.shape[::-1])
    with hdus_of(cut) as after, hdus_of(plain) as before:
        assert after[-1].header.tostring() == before[-1].header.tostring()
        wanted = data[tuple(slice(*span) for span in box.spans[::-1])]
        found_numbers = np.asarray(after[-1].data)
        assert (found_numbers[~outside] == wanted[~outside]).all()
        assert (np.isnan(found_numbers[outside]) if is_float else found_numbers[outside] == -99).all()


def test_pixels_are_looked_at_when_they_are_written(tmp_path: Path) -> None:
    """The header alone does not need them."""
    cube_at(tmp_path / "a.fits", ORDERS[0], ">f4", None, False)
    asked = []

    def keep(x: tuple[int, int], y: tuple[int, int]) -> np.ndarray:
        asked.append((x, y))
        return chosen(x, y)

    with opened(tmp_path / "a.fits") as found:
        cut = cut_blanked(found, Box.whole(LENGTHS), [], keep)
        assert not asked
        assert written(cut) == written(cut)
    assert asked == [((0, 11), (0, 9))]  # once, however often it is written


def test_integers_without_blank_cannot_be_blanked(tmp_path: Path) -> None:
    cube_at(tmp_path / "a.fits", ORDERS[0], ">i2", None, False)
    with opened(tmp_path / "a.fits") as found, pytest.raises(UnfitRequest, match="no BLANK"):
        cut_blanked(found, Box.whole(LENGTHS), [], chosen)
    cube_at(tmp_path / "b.fits", ("FREQ", "STOKES", "RA---SIN"), ">f4", None, False)
    with opened(tmp_path / "b.fits") as found, pytest.raises(UnfitRequest, match="celestial"):
        cut_blanked(found, Box.whole(LENGTHS), [], chosen)


def beamed(path: Path, channels: int, first: float, **cards: object) -> np.ndarray:
    data = np.random.default_rng(channels).normal(size=(channels, 6, 7)).astype(">f4")
    cube = fits.PrimaryHDU(data)
    cube.header["CTYPE1"], cube.header["CTYPE2"], cube.header["CTYPE3"] = "RA---SIN", "DEC--SIN", "FREQ"
    cube.header["CASAMBM"] = True
    for key, value in cards.items():
        cube.header[key] = value
    table = table_of(channels, 1)
    table.data["BMAJ"] += first
    fits.HDUList([cube, table]).writeto(path)
    return data


def test_companions_follow_as_extensions_with_their_beams(tmp_path: Path) -> None:
    # SODA-043: the science image stays where it stood
    science = beamed(tmp_path / "a.fits", 5, 0.0, OBJECT="the source", EXTEND=False)
    weight = beamed(tmp_path / "pb.fits", 5, 10.0, BUNIT="one")
    box = Box(((1, 4), (2, 5), (1, 3)))
    with opened(tmp_path / "a.fits") as one, opened(tmp_path / "pb.fits") as two:
        alone = written(cut_stored(one, box, []))
        content = written(
            cut_stored(one, box, []),
            ("pb", cut_stored(two, box, [])),
            ("mask", cut_blanked(two, box, [], partial(always, False))),
            ("pb", cut_stored(two, box, [])),
        )
    where = tuple(slice(*span) for span in box.spans[::-1])
    assert content[: len(alone)] == alone
    with hdus_of(content) as hdus:
        hdus.verify("exception")
        told = [(hdu.name, hdu.ver) for hdu in hdus]
        assert told == [
            ("PRIMARY", 1),
            ("BEAMS", 1),
            ("PB", 1),
            ("BEAMS", 2),
            ("MASK", 1),
            ("BEAMS", 3),
            ("PB", 2),
            ("BEAMS", 4),
        ]
        assert (hdus[0].data == science[where]).all() and hdus[0].header["EXTEND"] is True
        assert (hdus["PB"].data == weight[where]).all() and hdus["PB"].header["BUNIT"] == "one"
        assert np.isnan(hdus["MASK"].data).all()
        assert Table(hdus["BEAMS", 2].data)["BMAJ"].tolist() == pytest.approx(
            (table_of(5, 1).data["BMAJ"][1:3] + 10.0).tolist()
        )


def always(flag: bool, x: tuple[int, int], y: tuple[int, int]) -> np.ndarray:
    return np.full((y[1] - y[0], x[1] - x[0]), flag)


def test_cards_of_extensions_are_those_of_the_image() -> None:
    cards = [str(card.image).encode() for card in fits.PrimaryHDU(np.zeros((3, 4), ">f4")).header.cards] + [
        b"EXTNAME = 'OLD     '".ljust(80),
        b"OBJECT  = 'it''s so'  / to the letter".ljust(80),
    ]
    new = as_extension(cards, "PB", 2)
    names = [card[:8].decode().strip() for card in new]
    assert names == "XTENSION BITPIX NAXIS NAXIS1 NAXIS2 PCOUNT GCOUNT EXTNAME EXTVER OBJECT".split()
    assert new[-1] == cards[-1]
    yes, no = (f"EXTEND  = {flag:>20} / told".encode().ljust(80) for flag in "TF")
    assert with_extensions([yes]) == with_extensions([no]) == [yes]
