"""Images whose axes are not those of a cube on the sky, and companions that have others: what can be had is
right, what cannot is told."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.io.votable import parse_single_table
from cut_files import stored_at
from numpy.typing import NDArray

from vo_service.dali.errors import ServiceError
from vo_service.pixels.compute.rebin import _means
from vo_service.pixels.cutout.box import Box
from vo_service.pixels.decoding import Values
from vo_service.pixels.sources import LocalFile
from vo_service.products.making import Input, Making
from vo_service.products.selection import Constraints, NoOverlap, RowFacts
from vo_service.products.wanted import HeaderOf, MomentOf, SpectrumOf, Wanted

AXES = {
    "RA": ("RA---SIN", 10.0, -1e-3, "deg"),
    "DEC": ("DEC--SIN", 20.0, 1e-3, "deg"),
    "FREQ": ("FREQ", 1e11, 1e6, "Hz"),
    "VRAD": ("VRAD", 0.0, 1e3, "m/s"),
    "OFFSET": ("OFFSET", 0.0, 1.0, "arcsec"),
    "LINEAR": ("LINEAR", 0.0, 1.0, ""),
    "STOKES": ("STOKES", 1.0, 1.0, ""),
}
ALL = Constraints()
MEAN = SpectrumOf("mean")


def write(
    path: Path, order: Sequence[str], lengths: Sequence[int], *more: fits.BinTableHDU
) -> NDArray[np.float32]:
    """An image of noise with these axes (FITS order); its pixels in numpy's."""
    pixels = np.random.default_rng(1).normal(5, 1, lengths[::-1]).astype(np.float32)
    hdu = fits.PrimaryHDU(pixels)
    for number, name in enumerate(order, 1):
        for key, value in zip(("CTYPE", "CRVAL", "CDELT", "CUNIT"), AXES[name], strict=True):
            hdu.header[f"{key}{number}"] = value
        hdu.header[f"CRPIX{number}"] = 1.0
    hdu.header.update({"RESTFRQ": 1.00001e11, "SPECSYS": "BARYCENT", "BUNIT": "Jy/beam"})
    hdu.header.update({"BMAJ": 3e-3, "BMIN": 2e-3, "BPA": 0.0})
    fits.HDUList([hdu, *more]).writeto(path, overwrite=True)
    return pixels


def make(science: Path, wanted: Wanted, companion: Path | None = None) -> bytes:
    """The bytes of a result, as a process of its own makes it."""
    inputs = [Input(stored_at(science), LocalFile(science), science.parent)]
    if companion is not None:
        inputs.append(Input(replace(stored_at(companion), role="pb"), LocalFile(companion), science.parent))
        wanted = replace(wanted, companions=("pb",))
    out = science.parent / "out"
    out.unlink(missing_ok=True)
    Making(tuple(inputs), RowFacts(), None, wanted, 1 << 32)(out)
    return out.read_bytes()[:-32]


def refusal(science: Path, wanted: Wanted, companion: Path | None = None) -> str:
    with pytest.raises(ServiceError) as error:
        make(science, wanted, companion)
    assert error.value.status == 400
    return error.value.message


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return tmp_path / "image.fits"


@pytest.mark.parametrize(
    ("order", "lengths"),
    [
        (("FREQ",), (8,)),
        (("OFFSET", "VRAD"), (6, 8)),
        (("VRAD", "OFFSET"), (8, 6)),
        (("FREQ", "STOKES"), (8, 3)),
        (("STOKES", "FREQ"), (3, 8)),
        (("RA", "FREQ"), (4, 8)),
    ],
    ids=["1-d", "position-velocity", "velocity-position", "freq-stokes", "stokes-freq", "ra-freq"],
)
def test_a_spectrum_needs_two_axes_to_be_summed_up_over(
    image: Path, order: tuple[str, ...], lengths: tuple[int, ...]
) -> None:
    pixels = write(image, order, lengths)
    assert "two axes beside the spectral one" in refusal(image, Wanted(ALL, (), result=MEAN))
    axis = len(order) - 1 - [name in ("FREQ", "VRAD") for name in order].index(True)
    with fits.open(io.BytesIO(make(image, Wanted(ALL, (), result=MomentOf(8))))) as made:
        np.testing.assert_array_equal(made[0].data.squeeze(), pixels.max(axis).squeeze())


@pytest.mark.parametrize(
    ("order", "lengths"),
    [(("OFFSET", "FREQ", "LINEAR"), (4, 8, 3)), (("FREQ", "LINEAR", "OFFSET"), (8, 3, 4))],
    ids=["between", "first"],
)
def test_without_a_sky_the_other_two_axes_are_summed_up(
    image: Path, order: tuple[str, ...], lengths: tuple[int, ...]
) -> None:
    pixels = write(image, order, lengths)
    table = parse_single_table(io.BytesIO(make(image, Wanted(ALL, (), result=MEAN)))).to_table()
    axes = tuple(len(order) - 1 - place for place, name in enumerate(order) if name != "FREQ")
    np.testing.assert_allclose(table["mean"], pixels.astype(float).mean(axes), rtol=1e-9)


def test_pixels_and_channels_of_one_axis_have_to_meet(image: Path) -> None:
    pixels = write(image, ("OFFSET", "VRAD"), (6, 8))
    both = Constraints(pixels=((2, 3), (1, 5)), channels=(4, 8))
    with fits.open(io.BytesIO(make(image, Wanted(both, ())))) as made:
        np.testing.assert_array_equal(made[0].data, pixels[3:5, 1:3])
    with pytest.raises(NoOverlap, match="all that is wanted"):
        make(image, Wanted(replace(both, channels=(6, 8)), ()))


def test_polarisations_without_a_name_are_planes_like_others(image: Path) -> None:
    pixels = write(image, ("RA", "DEC", "STOKES", "FREQ"), (6, 5, 20, 4))
    table = parse_single_table(io.BytesIO(make(image, Wanted(ALL, (), result=MEAN)))).to_table()
    planes = [name for name in table.colnames if name.startswith("mean")]
    assert len(planes) == 20 and len(table) == 4
    for plane, name in enumerate(planes):
        np.testing.assert_allclose(table[name], pixels[:, plane].astype(float).mean((1, 2)), rtol=1e-9)


def test_beams_without_channels_are_in_order_in_each_polarisation(image: Path) -> None:
    # 2 polarisations x 4 channels, the beam of each known by its size
    major = np.arange(1, 9, dtype=np.float32)
    told = [
        fits.Column("BMAJ", "1E", "arcsec", array=major),
        fits.Column("BMIN", "1E", "arcsec", array=major),
        fits.Column("BPA", "1E", "deg", array=major),
        fits.Column("CHAN", "1J", array=np.repeat(np.arange(4), 2)),
        fits.Column("POL", "1J", array=np.tile([0, 1], 4)),
    ]
    order, lengths = ("RA", "DEC", "STOKES", "FREQ"), (6, 5, 2, 4)
    second = Constraints(channels=(2, 3))
    made = []
    for columns in (told, [told[0], told[1], told[2], told[4]]):
        write(image, order, lengths, fits.BinTableHDU.from_columns(columns, name="BEAMS"))
        with fits.open(io.BytesIO(make(image, Wanted(second, ())))) as cut:
            assert list(cut["BEAMS"].data["BMAJ"]) == [3, 4, 5, 6]
            assert list(cut["BEAMS"].data["POL"]) == [0, 1, 0, 1]
        flux = make(image, Wanted(ALL, (), result=SpectrumOf("flux")))
        table = parse_single_table(io.BytesIO(flux)).to_table()
        made.append([table[name] for name in table.colnames if name.startswith("flux")])
    np.testing.assert_array_equal(made[0], made[1])
    assert np.shape(made[0]) == (2, 4) and np.isfinite(made[0]).all()


def test_a_header_alone_is_that_of_the_cut_before_its_beams(image: Path) -> None:
    columns = [fits.Column(name, "1E", "arcsec", array=np.ones(4)) for name in ("BMAJ", "BMIN", "BPA")]
    write(image, ("RA", "DEC", "FREQ"), (6, 5, 4), fits.BinTableHDU.from_columns(columns, name="BEAMS"))
    raw = image.read_bytes()
    place = raw.index(b"EXTEND  =")
    image.write_bytes(raw[:place] + b"EXTEND  =                    F".ljust(80) + raw[place + 80 :])
    cut = make(image, Wanted(ALL, ()))
    lines = make(image, Wanted(ALL, (), result=HeaderOf())).decode().splitlines()
    stored = [cut[start : start + 80].decode().rstrip() for start in range(0, 80 * len(lines), 80)]
    assert lines == stored and "EXTEND  =                    T" in lines


@pytest.mark.parametrize(
    ("order", "lengths"), [(("RA", "DEC"), (6, 5)), (("RA", "DEC", "FREQ"), (6, 5, 1))], ids=["plane", "one"]
)
def test_a_companion_without_channels_goes_with_all_bins(
    image: Path, order: tuple[str, ...], lengths: tuple[int, ...]
) -> None:
    pb = image.with_name("pb.fits")
    beam = write(pb, order, lengths)
    cube = write(image, ("RA", "DEC", "FREQ"), (6, 5, 4))
    with fits.open(io.BytesIO(make(image, Wanted(ALL, (), rebin=(1, 1, 2)), pb))) as made:
        np.testing.assert_allclose(made[0].data, (cube[::2] + cube[1::2]) / 2, rtol=1e-6)
        np.testing.assert_array_equal(made["PB"].data, beam)
    with fits.open(io.BytesIO(make(image, Wanted(ALL, (), rebin=(2, 1, 4)), pb))) as made:
        wanted = (beam[..., ::2] + beam[..., 1::2]) / 2
        np.testing.assert_allclose(made["PB"].data, wanted, rtol=1e-6)


@pytest.mark.parametrize(
    ("order", "lengths", "rebin", "what"),
    [
        (("DEC", "RA", "FREQ"), (5, 6, 4), (2, 1, 1), "pixels"),
        (("RA", "DEC"), (7, 5), (2, 2, 1), "pixels"),
        (("RA", "DEC", "FREQ"), (6, 5, 5), (1, 1, 2), "channels"),
        (("FREQ",), (4,), (2, 1, 1), "pixels"),
    ],
    ids=["turned", "larger", "channels", "1-d"],
)
def test_bins_of_a_companion_are_those_of_the_image(
    image: Path, order: tuple[str, ...], lengths: tuple[int, ...], rebin: tuple[int, int, int], what: str
) -> None:
    pb = image.with_name("pb.fits")
    write(pb, order, lengths)
    write(image, ("RA", "DEC", "FREQ"), (6, 5, 4))
    assert f"REBIN counts {what} of the image" in refusal(image, Wanted(ALL, (), rebin=rebin), pb)
    make(image, Wanted(ALL, (), rebin=rebin))


@pytest.mark.soak
def test_a_bin_counts_more_pixels_than_32_bits_do() -> None:
    side = 47_000

    class Blank:
        """Nothing but a last row of ones."""

        axes = (side, side)

        def read(self, box: Box) -> Values:
            values = np.full(box.shape[::-1], np.nan, np.float32)
            if box.spans[1][1] == side:
                values[-1] = 1.0
            return values

    whole = Box.whole((side, side))
    assert _means(Blank(), whole, (side, side), None, Box.whole((1, 1))) == 1.0  # type: ignore[arg-type]
