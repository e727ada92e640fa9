"""Whole files that cuts make: astropy opens them, pixels are the bytes of the source, beams go with them."""

from __future__ import annotations

import io
import os
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st
from test_cutout_beams import table_of

from vo_service.pixels import FitsError, read_axes, read_fits
from vo_service.pixels.cutout.assemble import OpenImage, header_blocks, segments_of
from vo_service.pixels.cutout.box import Box
from vo_service.pixels.cutout.cards import text_cards
from vo_service.pixels.cutout.plan import PlannedBytes
from vo_service.pixels.held import HeldFile


def cut_of(path: Path, box: Box) -> bytes:
    """All bytes of a cut, in pieces of odd sizes."""
    with closing(HeldFile(os.open(path, os.O_RDONLY), path.name, 0, path.stat().st_size)) as source:
        found = read_fits(source)
        hdu = found.image()
        assert hdu is not None
        axes = read_axes(hdu.keywords, hdu.axes)
        image = OpenImage(source, found, hdu, axes, header_blocks(source, found, hdu))
        segments = segments_of(image, box, text_cards("VOSRCID", "a-product"))
        plan = PlannedBytes(segments, lambda: True, lambda: None)
        step = 997
        content = b"".join(plan.read_at(start, step) for start in range(0, plan.size, step))
        assert len(content) == plan.size
    return content


@st.composite
def cubes(draw: st.DrawFn) -> tuple[np.ndarray, fits.Header, Box]:
    """A cube as it is stored, in any type and order of axes, and a box in it."""
    order = draw(st.permutations(["RA---SIN", "DEC--SIN", "FREQ", "STOKES"]))
    lengths = {"RA---SIN": 9, "DEC--SIN": 8, "FREQ": 6, "STOKES": draw(st.sampled_from([1, 2]))}
    header = fits.Header()
    steps = {"RA---SIN": -1e-4, "DEC--SIN": 1e-4, "FREQ": 1e6, "STOKES": 1.0}
    values = {"RA---SIN": 150.1, "DEC--SIN": -30.0, "FREQ": 100e9, "STOKES": 1.0}
    spans = []
    for number, name in enumerate(order, 1):
        header[f"CTYPE{number}"], header[f"CRVAL{number}"] = name, values[name]
        header[f"CDELT{number}"], header[f"CRPIX{number}"] = steps[name], draw(st.floats(-20, 20))
        start = draw(st.integers(0, lengths[name] - 1))
        spans.append((start, draw(st.integers(start + 1, lengths[name]))))
    dtype = draw(st.sampled_from([">f4", ">f8", ">i2", ">i4", "u1"]))
    shape = [lengths[name] for name in order][::-1]
    data = np.random.default_rng(len(order)).integers(0, 200, shape).astype(dtype)
    if draw(st.booleans()) and data.dtype.kind == "i":
        header["BSCALE"], header["BZERO"], header["BLANK"] = 0.5, 10.0, -1
    return data, header, Box(tuple(spans))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cuts") / "cube.fits"


@given(given_cube=cubes(), in_extension=st.booleans())
def test_cubes_of_every_kind(
    place: Path, given_cube: tuple[np.ndarray, fits.Header, Box], in_extension: bool
) -> None:
    # SODA-042, SODA-043
    data, header, box = given_cube
    stored = fits.ImageHDU(data, header) if in_extension else fits.PrimaryHDU(data, header)
    if "BSCALE" in header:  # astropy scales as it writes: the cards are put back on what is stored
        for key in ("BSCALE", "BZERO", "BLANK"):
            stored.header[key] = header[key]
    hdus = [fits.PrimaryHDU(), stored] if in_extension else [stored]
    fits.HDUList(hdus).writeto(place, overwrite=True, output_verify="ignore")
    content = cut_of(place, box)
    assert len(content) % 2880 == 0
    with (
        fits.open(place, do_not_scale_image_data=True) as before,
        fits.open(io.BytesIO(content), do_not_scale_image_data=True) as after,
    ):
        old, new = before[-1], after[-1]
        wanted = old.data[tuple(slice(*span) for span in box.spans[::-1])]
        assert new.data.dtype == old.data.dtype and new.data.shape == wanted.shape
        assert new.data.tobytes() == wanted.tobytes()
        pixels = np.array([[0.0] * 4, [1.0, 2.0, 0.0, 0.0]])
        shifted = pixels + np.array(box.starts)
        there = WCS(old.header).wcs_pix2world(shifted, 0)
        assert np.allclose(WCS(new.header).wcs_pix2world(pixels, 0), there, rtol=1e-14, atol=1e-12)
        assert new.header["VOSRCID"] == "a-product"
        changed = {f"{name}{n}" for name in ("NAXIS", "CRPIX") for n in range(1, 5)} | {"VOSRCID"}
        assert {card.image for card in new.header.cards if card.keyword not in changed} == {
            card.image for card in old.header.cards if card.keyword not in changed
        }


def test_beams_go_with_their_channels(tmp_path: Path) -> None:
    # SODA-043
    cube = fits.PrimaryHDU(np.zeros((12, 5, 4), ">f4"))
    cube.header["CTYPE3"], cube.header["CASAMBM"] = "FREQ", True
    table = table_of(12, 1)
    fits.HDUList([cube, table]).writeto(tmp_path / "a.fits")
    with fits.open(io.BytesIO(cut_of(tmp_path / "a.fits", Box(((0, 4), (1, 2), (3, 8)))))) as after:
        assert after[0].data.shape == (5, 1, 4)
        assert (Table(after["BEAMS"].data)["BMAJ"] == Table(table.data)["BMAJ"][3:8]).all()


def test_a_primary_with_pixels_gives_way_to_the_science_image(tmp_path: Path) -> None:
    science = fits.ImageHDU(np.arange(64, dtype=">f4").reshape(8, 8), name="SCI")
    fits.HDUList([fits.PrimaryHDU(np.ones((20, 20), ">f4")), science]).writeto(tmp_path / "a.fits")
    with fits.open(io.BytesIO(cut_of(tmp_path / "a.fits", Box(((2, 5), (1, 4)))))) as after:
        assert [hdu.data is None for hdu in after] == [True, False]
        assert (after["SCI"].data == science.data[1:4, 2:5]).all()


def test_the_second_reference_channel_moves_with_the_first(tmp_path: Path) -> None:
    cube = fits.PrimaryHDU(np.zeros((10, 5, 4), ">f4"))
    cube.header["CTYPE3"], cube.header["CRPIX3"], cube.header["ALTRPIX"] = "FREQ", 5.0, 5.0
    cube.writeto(tmp_path / "a.fits")
    with fits.open(io.BytesIO(cut_of(tmp_path / "a.fits", Box(((0, 4), (1, 2), (4, 6)))))) as after:
        assert (after[0].header["CRPIX3"], after[0].header["ALTRPIX"]) == (1.0, 1.0)


def test_what_cannot_be_cut_is_refused(tmp_path: Path) -> None:
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(np.ones((64, 64), ">f4"))]).writeto(
        tmp_path / "a.fits"
    )
    with pytest.raises(FitsError, match="plain pixels"):
        cut_of(tmp_path / "a.fits", Box(((0, 4), (0, 4))))
    cube = fits.PrimaryHDU(np.zeros((10, 5, 4), ">f4"))
    cube.header["CTYPE3"] = "FREQ-TAB"
    cube.writeto(tmp_path / "b.fits")
    with pytest.raises(FitsError, match="stand in a table"):
        cut_of(tmp_path / "b.fits", Box(((0, 4), (0, 4), (0, 1))))
