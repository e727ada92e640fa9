"""Binned cuts: block means by numpy, world coordinates by astropy."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from compute_files import hdus_of, opened, written
from hypothesis import given
from hypothesis import strategies as st
from test_cutout_beams import table_of

from vo_service.pixels import FitsError
from vo_service.pixels.compute import rebin
from vo_service.pixels.compute.rebin import bins_along, cut_rebinned
from vo_service.pixels.compute.writing import UnfitRequest
from vo_service.pixels.cutout.binned_cards import binned_cards
from vo_service.pixels.cutout.box import Box
from vo_service.pixels.cutout.cards import cards_of, header_of

LENGTHS = (13, 11, 7, 2)
NAMES = ("RA---SIN", "DEC--SIN", "FREQ", "STOKES")
STEPS = {"RA---SIN": -3e-4, "DEC--SIN": 2e-4, "FREQ": 1e6, "STOKES": 1.0}
VALUES = {"RA---SIN": 150.1, "DEC--SIN": -30.0, "FREQ": 100e9, "STOKES": 1.0}
UNITS = {"RA---SIN": "deg", "DEC--SIN": "deg", "FREQ": "Hz", "STOKES": ""}


@st.composite
def headers(draw: st.DrawFn) -> fits.Header:
    """Coordinates in all forms, any order of axes, with an alternate system."""
    order = draw(st.permutations(NAMES))
    form = draw(st.sampled_from(["CDELT", "PC", "CD", "CROTA"]))
    turn = draw(st.floats(-60, 60))
    sky = sorted(order.index(name) + 1 for name in NAMES[:2])
    header = fits.Header()
    for number, name in enumerate(order, 1):
        header[f"CTYPE{number}"], header[f"CRVAL{number}"] = name, VALUES[name]
        header[f"CUNIT{number}"] = UNITS[name]
        header[f"CRPIX{number}"] = draw(st.floats(-9, 20))
        if form == "CD":
            header[f"CD{number}_{number}"] = STEPS[name]
        else:
            header[f"CDELT{number}"] = STEPS[name]
    cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    matrix = [[cos, -sin], [sin, cos]]
    for row in range(2):
        for column in range(2):
            key = f"{sky[row]}_{sky[column]}"
            if form == "PC":
                header[f"PC{key}"] = matrix[row][column]
            elif form == "CD":
                header[f"CD{key}"] = matrix[row][column] * STEPS[order[sky[row] - 1]]
    if form == "CROTA":
        header[f"CROTA{order.index('DEC--SIN') + 1}"] = turn
    if draw(st.booleans()):
        spectral = order.index("FREQ") + 1
        header["WCSNAMEA"] = "steps"
        for number in range(1, 5):
            header[f"CTYPE{number}A"], header[f"CRVAL{number}A"] = f"X{number}", 2.0 * number
        header[f"CRPIX{spectral}A"], header[f"CDELT{spectral}A"] = 3.5, 0.5
    return header


def world(header: fits.Header, pixels: np.ndarray, alternate: str = " ") -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(WCS(header, key=alternate, naxis=4).wcs_pix2world(pixels, 0))


@given(header=headers(), data=st.data())
def test_pixels_and_coordinates(
    tmp_path_factory: pytest.TempPathFactory, header: fits.Header, data: st.DataObject
) -> None:
    # SODA-042: the centre of a bin is where the mean of the centres in it was
    order = [header[f"CTYPE{number}"] for number in range(1, 5)]
    lengths = [LENGTHS[NAMES.index(name)] for name in order]
    x, y, z = (data.draw(st.one_of(st.integers(1, 6), st.integers(1, 40))) for _ in range(3))
    numbers, dtype, keeps = (
        stored_numbers(lengths[::-1], data),
        data.draw(st.sampled_from(["f4", "f8", "i2"])),
        None,
    )
    cube = fits.PrimaryHDU(numbers.astype(dtype).astype(">" + dtype), header)
    path = tmp_path_factory.mktemp("bins") / "a.fits"
    cube.writeto(path, output_verify="ignore")
    if dtype == "i2":
        with fits.open(path, mode="update", do_not_scale_image_data=True) as hdus:
            for key, value in (("BSCALE", 0.5), ("BZERO", 3.0), ("BLANK", 77)):
                hdus[0].header[key] = value
    spans = []
    for length in lengths:
        start = data.draw(st.integers(0, length - 1))
        spans.append((start, data.draw(st.integers(start + 1, length))))
    box = Box(tuple(spans))
    if data.draw(st.booleans()):
        keeps = some
    with pytest.MonkeyPatch.context() as patch, opened(path) as found:
        patch.setattr(rebin, "_AT_ONCE", data.draw(st.sampled_from([64, 3000, 4 << 20])))
        factors = bins_along(found.image.axes, x, y, z)
        content = written(cut_rebinned(found, box, [], factors, keeps))
    assert factors == tuple(wanted_factors(order, x, y, z))
    with hdus_of(content) as after, fits.open(path) as before:
        values = np.array(before[0].data, dtype=np.float64)[tuple(slice(*span) for span in spans[::-1])]
        if keeps is not None:
            blank(values, order, box)
        wanted = block_means(values, factors[::-1])
        assert after[0].data.dtype == (np.dtype(">f8") if dtype == "f8" else np.dtype(">f4"))
        assert np.allclose(after[0].data, wanted, rtol=1e-6, atol=1e-6, equal_nan=True)
        assert not {"BSCALE", "BZERO", "BLANK"} & set(after[0].header)
        held = tuple(min(factor, length) for factor, length in zip(factors, box.shape))
        check_coordinates(before[0].header, after[0].header, box, held)


def stored_numbers(shape: list[int], data: st.DataObject) -> np.ndarray:
    draw = np.random.default_rng(data.draw(st.integers(0, 99)))
    return draw.integers(0, 100, shape)


def wanted_factors(order: list[str], x: int, y: int, z: int) -> list[int]:
    sky = iter((x, y))
    return [next(sky) if name in NAMES[:2] else z if name == "FREQ" else 1 for name in order]


def some(x: tuple[int, int], y: tuple[int, int]) -> np.ndarray:
    columns, rows = np.meshgrid(np.arange(*x), np.arange(*y))
    return (columns + 2 * rows) % 4 != 0


def blank(values: np.ndarray, order: list[str], box: Box) -> None:
    first, second = sorted(order.index(name) for name in NAMES[:2])
    lengths = [length if n in (first, second) else 1 for n, length in enumerate(box.shape)]
    kept = some(box.spans[first], box.spans[second]).reshape(lengths[::-1])
    values[np.broadcast_to(~kept, values.shape)] = np.nan


def block_means(values: np.ndarray, factors: tuple[int, ...]) -> np.ndarray:
    """The mean of what is known in each block, NaN where nothing is."""
    shape = [-(-length // factor) for length, factor in zip(values.shape, factors)]
    result = np.full(shape, np.nan)
    for place in np.ndindex(*shape):
        block = values[tuple(slice(n * f, (n + 1) * f) for n, f in zip(place, factors))]
        if not np.isnan(block).all():
            result[place] = np.nanmean(block)
    return result


def check_coordinates(old: fits.Header, new: fits.Header, box: Box, factors: tuple[int, ...]) -> None:
    centres = np.array([[0.0, 0.0, 0.0, 0.0], [1.0, 2.0, 0.0, 0.0], [0.5, 0.0, 1.5, 0.0]])
    before = np.array(box.starts) + (centres + 0.5) * factors - 0.5
    for alternate in (" ", "A") if "WCSNAMEA" in old else (" ",):
        assert np.allclose(
            world(new, centres, alternate), world(old, before, alternate), rtol=1e-13, atol=1e-10
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        back = np.asarray(WCS(new, naxis=4).wcs_world2pix(world(old, before), 0))
    assert np.abs(back - centres).max() < 1e-6


def test_cards_that_are_not_touched_stay_to_the_letter() -> None:
    header = fits.PrimaryHDU(np.zeros((4, 5), ">f4")).header
    header["OBJECT"] = ("x", "to the letter")
    header["CDELT1"], header["CDELT2"] = 2.0, 3.0
    header["PC001002"], header["DATAMAX"] = 0.5, 9.0
    cards = cards_of(header.tostring().encode())
    new = binned_cards(cards, (2, 1), -32)
    said = fits.Header.fromstring(header_of(new).decode())
    assert (said["NAXIS1"], said["CDELT1"], said["CDELT2"], said["PC001002"]) == (3, 4.0, 3.0, 0.25)
    assert said["CRPIX1"] == 0.25 and "DATAMAX" not in said and "CRPIX2" not in said
    for card in cards:
        if card[:8] in (b"OBJECT  ", b"CDELT2  ", b"NAXIS2  "):
            assert card in new


@pytest.mark.parametrize("card", [("A_ORDER", 2), ("CPDIS1", "LOOKUP"), ("CTYPE1", "RA---TAN-SIP")])
def test_distortions_told_in_pixels_are_refused(card: tuple[str, object]) -> None:
    header = fits.PrimaryHDU(np.zeros((4, 5), ">f4")).header
    header[card[0]] = card[1]
    cards = cards_of(header.tostring().encode())
    assert binned_cards(cards, (1, 1), -32)
    with pytest.raises(FitsError, match=card[0]):
        binned_cards(cards, (2, 1), -32)


def test_the_second_reference_channel_moves_with_the_first(tmp_path: Path) -> None:
    cube = fits.PrimaryHDU(np.zeros((10, 5, 4), ">f4"))
    cube.header["CTYPE3"], cube.header["CRPIX3"], cube.header["ALTRPIX"] = "FREQ", 5.0, 5.0
    cube.writeto(tmp_path / "a.fits")
    with opened(tmp_path / "a.fits") as found:
        content = written(cut_rebinned(found, Box(((0, 4), (0, 5), (2, 10))), [], (1, 1, 2)))
    with hdus_of(content) as after:
        assert (after[0].header["CRPIX3"], after[0].header["ALTRPIX"]) == (1.75, 1.75)


@pytest.mark.parametrize("dtype", [">f4", ">f8"])
@pytest.mark.parametrize("factors", [(2, 3, 1), (1, 1, 4), (20, 1, 5), (1, 17, 2)])
def test_what_is_not_finite_is_no_value(tmp_path: Path, dtype: str, factors: tuple[int, int, int]) -> None:
    # as in moments and spectra
    values = np.random.default_rng(3).normal(5.0, 1.0, (10, 40, 45)).astype(dtype)
    chosen = np.random.default_rng(4).integers(0, 30, values.shape)
    for number, nothing in enumerate((np.nan, np.inf, -np.inf)):
        values[chosen == number] = nothing
    values[3:8, :30, 4:30] = np.inf
    cube = fits.PrimaryHDU(values)
    for number, name in enumerate(("RA---SIN", "DEC--SIN", "FREQ"), 1):
        cube.header[f"CTYPE{number}"] = name
    cube.writeto(tmp_path / "a.fits")
    known = np.where(np.isfinite(values), values, np.nan).astype(np.float64)
    with opened(tmp_path / "a.fits") as found, pytest.MonkeyPatch.context() as patch:
        for at_once in (8 * 45, 8 * 45 * 7, 4 << 20):
            patch.setattr(rebin, "_AT_ONCE", at_once)
            content = written(cut_rebinned(found, Box(((1, 45), (0, 40), (1, 10))), [], factors))
            with hdus_of(content) as after:
                wanted = block_means(known[1:10, :, 1:45], factors[::-1])
                assert np.allclose(after[0].data, wanted, rtol=1e-6, equal_nan=True)


def test_a_bin_longer_than_the_cut_is_the_cut(tmp_path: Path) -> None:
    # the one pixel lies in the middle of what it is the mean of, whatever was asked for
    cube = fits.PrimaryHDU(np.arange(240.0).reshape(6, 5, 8).astype(">f4"))
    for number, name in enumerate(("RA---CAR", "DEC--CAR", "FREQ"), 1):
        cube.header[f"CTYPE{number}"], cube.header[f"CRPIX{number}"] = name, 1.0
        cube.header[f"CDELT{number}"] = 0.01
    cube.writeto(tmp_path / "a.fits")
    box = Box(((2, 8), (1, 5), (0, 6)))
    with opened(tmp_path / "a.fits") as found:
        made = [
            written(cut_rebinned(found, box, [], factors))
            for factors in ((6, 4, 6), (7, 4, 30), (999999999,) * 3)
        ]
    assert made[0] == made[1] == made[2]
    with hdus_of(made[0]) as after:
        assert after[0].data.shape == (1, 1, 1)
        assert after[0].data.item() == np.arange(240.0).reshape(6, 5, 8)[:, 1:5, 2:8].mean()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            [middle] = WCS(after[0].header).wcs_pix2world([[0, 0, 0]], 0)
        assert np.allclose(middle, [0.045, 0.025, 0.025])


def test_bins_along_axes_that_are_not_there(tmp_path: Path) -> None:
    fits.PrimaryHDU(np.zeros((4, 5), ">f4")).writeto(tmp_path / "a.fits")
    with opened(tmp_path / "a.fits") as found:
        assert bins_along(found.image.axes, 1, 1, 1) == (1, 1)
        for factors in ((2, 1, 1), (1, 1, 2)):
            with pytest.raises(UnfitRequest, match="REBIN"):
                bins_along(found.image.axes, *factors)


@pytest.mark.parametrize("polarisations", [1, 2])
def test_beams_of_binned_channels(tmp_path: Path, polarisations: int) -> None:
    shape = (polarisations, 7, 3, 4)
    cube = fits.PrimaryHDU(np.zeros(shape, ">f4"))
    cube.header["CTYPE3"], cube.header["CTYPE4"], cube.header["CASAMBM"] = "FREQ", "STOKES", True
    for name, steps in (("equal", 3), ("other", 2)):
        table = table_of(7, polarisations)
        table.data["BMAJ"] = table.data["CHAN"] // steps + 10.0 * table.data["POL"]
        table.data["BMIN"], table.data["BPA"] = 0.5, 30.0
        fits.HDUList([cube, table]).writeto(tmp_path / f"{name}.fits")
    box = Box(((0, 4), (0, 3), (0, 7), (0, polarisations)))
    with opened(tmp_path / "equal.fits") as found:
        content = written(cut_rebinned(found, box, [], (1, 1, 3, 1)))
        unbinned = written(cut_rebinned(found, box, [], (2, 1, 1, 1)))
    with hdus_of(content) as after, hdus_of(unbinned) as whole:
        beams = Table(after["BEAMS"].data)
        assert after["BEAMS"].header["NCHAN"] == 3 and len(beams) == 3 * polarisations
        assert beams["CHAN"].tolist() == [0, 1, 2] * polarisations
        assert beams["BMAJ"].tolist() == [n + 10.0 * pol for pol in range(polarisations) for n in range(3)]
        assert len(whole["BEAMS"].data) == 7 * polarisations
    with opened(tmp_path / "other.fits") as found, pytest.raises(UnfitRequest, match="different beams"):
        cut_rebinned(found, box, [], (1, 1, 3, 1))
