"""Moment maps: against numpy in any order of axes, against spectral-cube, and as astropy reads the files."""

from __future__ import annotations

import io
import tracemalloc
import warnings

import numpy as np
import pytest
from array_reader import ArrayReader, cubes, edges
from astropy import units as u
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from test_cutout_beams import stored, table_of

from vo_service.pixels import FitsError
from vo_service.pixels.compute.channel_beams import ChannelBeams, beams_of
from vo_service.pixels.compute.channels import ChannelScale, NotComputable
from vo_service.pixels.compute.collapsed_cards import MomentFacts, collapsed_cards, write_map
from vo_service.pixels.compute.moments import moment_map, moment_parts
from vo_service.pixels.cutout.box import Box
from vo_service.pixels.cutout.cards import cards_of, cut_cards, header_of
from vo_service.pixels.decoding import computed_bitpix

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it asks for what astropy will drop
    from spectral_cube import SpectralCube

Doubles = NDArray[np.float64]
ORDERS = [0, 1, 2, 8]
DEFINITIONS = {
    "radio": u.doppler_radio,
    "optical": u.doppler_optical,
    "relativistic": u.doppler_relativistic,
}
REST = 100.01e9


def velocities(frequency: Doubles, definition: str, rest: float = REST) -> Doubles:
    """km/s, by astropy."""
    return (frequency * u.Hz).to_value(u.km / u.s, DEFINITIONS[definition](rest * u.Hz))


def by_numpy(spectrum: Doubles, borders: Doubles, order: int) -> float | None:
    """A moment (2: its square) of one spectrum whose channels have these borders in velocity; None where the
    sum of the values is so near to zero that it cannot be told."""
    known = np.isfinite(spectrum)
    if not known.any():
        return np.nan
    values, widths = spectrum[known].astype(np.longdouble), np.abs(np.diff(borders))[known]
    velocity = ((borders[1:] + borders[:-1]) / 2)[known]
    if order == 8:
        return float(values.max())
    total = (values * widths).sum()
    if order == 0:
        return float(total)
    if abs(total) < 1e-3 * np.abs(values * widths).sum():
        return None
    mean = (values * widths * velocity).sum() / total
    if order == 1:
        return float(mean)
    square = float((values * widths * (velocity - mean) ** 2).sum() / total)
    return square if total > 0 and square >= 0 else np.nan


@pytest.mark.parametrize("order", ORDERS)
@given(given_cube=cubes(), data=st.data())
def test_every_order_of_axes_and_channels_of_any_width(
    order: int, given_cube: tuple[np.ndarray, tuple[str, ...], Box], data: st.DataObject
) -> None:
    values, names, box = given_cube
    axis = names.index("channel")
    definition = data.draw(st.sampled_from(sorted(DEFINITIONS)))
    borders = data.draw(edges(box.shape[axis]))
    reader = ArrayReader(values)
    scale = ChannelScale(borders, definition, REST)
    small = data.draw(st.sampled_from([8, 100, 1 << 20]))
    parts = list(moment_parts(reader, box, axis + 1, scale, order, sums_bytes=small, slab_bytes=small))
    found = np.concatenate([part.ravel() for part in parts])
    place = tuple(slice(*span) for span in box.spans[::-1])
    spectra = np.moveaxis(values[place], len(names) - 1 - axis, -1)
    borders = velocities(borders, definition)
    wanted = [by_numpy(each, borders, order) for each in spectra.reshape(-1, box.shape[axis])]
    clear = [each is not None for each in wanted]
    power = 2 if order == 2 else 1
    assert np.allclose(
        found[clear] ** power, np.array(wanted)[clear].astype(float), rtol=1e-9, atol=1e-6, equal_nan=True
    )
    assert (reader.reads[place] == 1).all() and reader.reads.sum() == box.pixels
    whole = moment_map(ArrayReader(values), box, axis + 1, scale, order)
    assert whole.shape == box.with_span(axis, 0, 1).shape[::-1]
    assert np.allclose(
        whole.ravel()[clear] ** power, found[clear] ** power, rtol=1e-9, atol=1e-6, equal_nan=True
    )


def line_cube(convention: str) -> tuple[SpectralCube, ArrayReader, Doubles]:
    """Lines of positive values as spectral-cube takes them and as we do, and the borders of channels (Hz)."""
    rng = np.random.default_rng(3)
    header = fits.Header()
    for number, (name, value, step, reference, unit) in enumerate(
        [("RA---SIN", 150.0, -1e-4, 3.0, "deg"), ("DEC--SIN", 2.0, 1e-4, 3.0, "deg"),
         ("FREQ", 100e9, 1e6, 1.0, "Hz")], 1
    ):  # fmt: skip
        header[f"CTYPE{number}"], header[f"CRVAL{number}"], header[f"CDELT{number}"] = name, value, step
        header[f"CRPIX{number}"], header[f"CUNIT{number}"] = reference, unit
    header["BUNIT"], header["RESTFRQ"] = "K", REST
    channel = np.arange(40)[:, None, None]
    middle, width = rng.uniform(8, 30, (1, 5, 6)), rng.uniform(1, 4, (1, 5, 6))
    data = np.exp(-0.5 * ((channel - middle) / width) ** 2) + 1e-3
    data[3, 2, 2] = np.nan
    data[:, 0, 0] = np.nan
    cube = SpectralCube(data=data * u.K, wcs=WCS(header), header=header)
    cube = cube.with_spectral_unit(u.km / u.s, velocity_convention=convention, rest_value=REST * u.Hz)
    return cube, ArrayReader(data), 100e9 + (np.arange(41) - 0.5) * 1e6


@pytest.mark.parametrize("convention", ["radio", "optical"])
def test_against_spectral_cube(convention: str) -> None:
    cube, reader, borders = line_cube(convention)
    box = Box.whole(reader.axes)
    scale = ChannelScale(borders, convention, REST)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        judged = {
            0: cube.moment0().to_value(u.K * u.km / u.s),
            1: cube.moment1().to_value(u.km / u.s),
            2: cube.linewidth_sigma().to_value(u.km / u.s),
            8: cube.max(axis=0).to_value(u.K),
        }
    # on an axis that is not linear spectral-cube takes all channels for as wide as the first
    tolerance = {"radio": 1e-9, "optical": 2e-3}[convention]
    for order, wanted in judged.items():
        found = moment_map(reader, box, 3, scale, order)[0]
        near = tolerance * 40 if order == 1 and convention == "optical" else 0.0
        if order == 0:  # spectral-cube's is NaN, or zero, by version
            wanted = np.where(np.isnan(reader.data).all(axis=0), np.nan, wanted)
        assert np.allclose(found, wanted, rtol=tolerance, atol=near, equal_nan=True), order


def test_narrow_lines_far_away_keep_their_width() -> None:
    channel = np.arange(2000)
    for rest in (100e9, 300e9):
        borders = 100e9 + np.arange(2001) * 1e4
        data = np.exp(-0.5 * ((channel - 1500.3) / 2.0) ** 2)[:, None, None]
        found = moment_map(
            ArrayReader(data), Box.whole((1, 1, 2000)), 3, ChannelScale(borders, "radio", rest), 2
        )
        step = 1e4 / rest * 299792.458
        assert found[0, 0, 0] == pytest.approx(2.0 * step, rel=1e-8)


def test_pixels_with_little_to_tell() -> None:
    scale = ChannelScale(100e9 + np.arange(4) * 1e6, "radio", REST)
    data = np.array([[np.nan, np.nan, np.nan], [np.nan, 2.0, np.nan], [0.0, 0.0, np.nan], [-1.0, -1.0, -2.0],
                     [-np.inf, np.inf, np.nan], [1.0, -5.0, 1.0]]).T[:, None, :]  # fmt: skip
    maps = {
        order: moment_map(ArrayReader(data), Box.whole((6, 1, 3)), 3, scale, order)[0, 0] for order in ORDERS
    }
    width, velocity = scale.widths[1], scale.velocities
    assert np.isnan([maps[order][0] for order in ORDERS]).all()
    assert [maps[order][1] for order in ORDERS] == pytest.approx(
        [2.0 * width, velocity[1], 0.0, 2.0], abs=1e-9
    )
    assert maps[0][2] == maps[8][2] == 0.0 and np.isnan([maps[1][2], maps[2][2]]).all()
    assert maps[8][3] == -1.0 and np.isfinite(maps[1][3]) and np.isnan(maps[2][3])
    assert np.isnan([maps[order][4] for order in ORDERS]).all()
    assert np.isnan(maps[2][5])


def test_without_a_reference_frequency() -> None:
    data = np.arange(12.0).reshape(3, 2, 2)
    scale = ChannelScale(np.array([100e9, 100.1e9, 100.4e9, 100.5e9]))
    found = moment_map(ArrayReader(data), Box.whole((2, 2, 3)), 3, scale, 0)
    assert np.allclose(found[0], (data * np.array([1e8, 3e8, 1e8])[:, None, None]).sum(axis=0))
    assert (moment_map(ArrayReader(data), Box.whole((2, 2, 3)), 3, scale, 8)[0] == data[2]).all()
    for order in (1, 2):
        with pytest.raises(NotComputable, match="states no rest frequency"):
            moment_parts(ArrayReader(data), Box.whole((2, 2, 3)), 3, scale, order)
    with pytest.raises(ValueError, match="3 channels are described, the box has 2"):
        moment_parts(ArrayReader(data), Box(((0, 2), (0, 2), (1, 3))), 3, scale, 0)


class Endless:
    """A cube of which no more than what is asked for is ever held."""

    axes = (3000, 2500, 2)

    def read(self, box: Box) -> np.ndarray:
        return np.full(box.shape[::-1], 2.0, np.float32)


def test_memory_does_not_grow_with_the_map() -> None:
    scale = ChannelScale(np.array([100e9, 100.1e9, 100.2e9]), "radio", REST)
    tracemalloc.start()
    try:
        parts = moment_parts(Endless(), Box.whole(Endless.axes), 3, scale, 2)
        assert sum(part.size for part in parts) == 3000 * 2500
        assert tracemalloc.get_traced_memory()[1] < 80 << 20  # three sums of all of it would be 180 MB
    finally:
        tracemalloc.stop()


# --- headers ---------------------------------------------------------------------------------------------


def header_cards(header: fits.Header) -> list[bytes]:
    return cards_of(header.tostring().encode("ascii"))


def cube_header(**cards: object) -> fits.Header:
    header = fits.Header([("SIMPLE", True), ("BITPIX", 16), ("NAXIS", 3), ("NAXIS1", 8), ("NAXIS2", 6),
                          ("NAXIS3", 10)])  # fmt: skip
    header["CTYPE1"], header["CTYPE2"] = "RA---SIN", "DEC--SIN"
    header["CRVAL1"], header["CRVAL2"], header["CRPIX1"], header["CRPIX2"] = 150.0, 2.0, 4.0, 3.0
    header["CDELT1"], header["CDELT2"] = -1e-3, 1e-3
    for key, value in cards.items():
        header[key] = value
    return header


def facts_of(channels: int, order: int = 0, **more: object) -> MomentFacts:
    scale = ChannelScale(100e9 + np.arange(channels + 1) * 1e6, "radio", more.pop("reference", REST))
    return MomentFacts(order, 3, scale, more.pop("unit", "Jy/beam"), **more)


def map_header(header: fits.Header, box: Box, facts: MomentFacts) -> fits.Header:
    cards = collapsed_cards(cut_cards(header_cards(header), box, 3), facts, computed_bitpix(header["BITPIX"]))
    return fits.Header.fromstring(header_of(cards).decode("ascii"))


SPECTRAL = {
    "FREQ": {"CTYPE3": "FREQ", "CRVAL3": 100e9, "CUNIT3": "Hz"},
    "VRAD": {"CTYPE3": "VRAD", "CRVAL3": 1e5, "CUNIT3": "m/s", "RESTFRQ": REST},
    "VOPT-F2W": {"CTYPE3": "VOPT-F2W", "CRVAL3": 1e5, "CUNIT3": "m/s", "RESTFRQ": REST},
    "FREQ-LOG": {"CTYPE3": "FREQ-LOG", "CRVAL3": 100e9, "CUNIT3": "Hz"},
    "WAVE": {"CTYPE3": "WAVE", "CRVAL3": 3e-3, "CUNIT3": "m"},
}
STEPS = {"FREQ": 1e6, "VRAD": -3e3, "VOPT-F2W": 3e3, "FREQ-LOG": 2e8, "WAVE": 1e-7}


@pytest.mark.filterwarnings("ignore::astropy.wcs.FITSFixedWarning")  # the old spelling of PC
@pytest.mark.parametrize("form", ["CDELT", "CD", "PC", "mixed", "old"])
@pytest.mark.parametrize("name", list(SPECTRAL))
@settings(max_examples=30)
@given(
    reference=st.integers(-20, 20) | st.floats(-20, 20),
    start=st.integers(0, 9),
    more=st.integers(0, 9),
    second=st.booleans(),
)
def test_one_pixel_reaches_as_far_as_all_channels(
    name: str, form: str, reference: float, start: int, more: int, second: bool
) -> None:
    step, stop = STEPS[name], min(10, start + 1 + more)
    header = cube_header(**SPECTRAL[name], CRPIX3=reference)
    if form == "CD":
        del header["CDELT1"], header["CDELT2"]
        header["CD1_1"], header["CD2_2"], header["CD3_3"] = -1e-3, 1e-3, step
        header["CD1_3"] = 1e-5
    else:
        header["CDELT3"] = step
    if form in ("PC", "mixed"):
        header["PC3_3"] = 1.0
    if form == "mixed":
        header["PC3_1"], header["PC2_3"] = 0.25, 0.1
    if form == "old":
        header["PC003001"], header["PC002003"] = 0.25, 0.1
    if second:
        header["CTYPE3A"], header["CRVAL3A"], header["CDELT3A"], header["CUNIT3A"] = "LINEAR", 5.0, 2.0, ""
        header["CRPIX3A"], header["CTYPE1A"], header["CTYPE2A"] = 2.5, "LINEAR", "LINEAR"
    made = map_header(header, Box(((0, 8), (0, 6), (start, stop))), facts_of(stop - start))
    assert made["NAXIS3"] == 1 and made["CTYPE3"] == name and made["CRVAL3"] == header["CRVAL3"]
    middle, low, high = (start + 1 + stop) / 2, start + 0.5, stop + 0.5
    ends, wanted = ([[2, 5, at] for at in places] for places in ([0.5, 1.0, 1.5], [low, middle, high]))
    for alternate in " A" if second else " ":
        found = WCS(made, key=alternate).wcs_pix2world(ends, 1)
        there = WCS(header, key=alternate).wcs_pix2world(wanted, 1)
        assert np.allclose(found, there, rtol=1e-12, atol=1e-9)


def test_increments_stay_where_simple_readers_look_for_them() -> None:
    zeros = {f"PC{i}_{j}": float(i == j) for i in (1, 2, 3) for j in (1, 2, 3)}
    header = cube_header(**SPECTRAL["FREQ"], CRPIX3=1.0, CDELT3=1e6, **zeros)
    made = map_header(header, Box.whole((8, 6, 10)), facts_of(10))
    assert (made["CDELT3"], made["PC3_3"], made["CRPIX3"]) == (1e7, 1.0, pytest.approx(0.55))


@pytest.mark.parametrize(
    ("card", "message"),
    [(b"CRPIX3  = 'middle  '", "CRPIX3 is 'middle'"), (b"CTYPE3  = 'FREQ-TAB'", "stand in a table")],
    ids=["reference", "table"],
)
def test_axes_that_no_map_can_have(card: bytes, message: str) -> None:
    with pytest.raises(FitsError, match=message):
        collapsed_cards([card.ljust(80), b"CDELT3  = 1.0".ljust(80)], facts_of(10), -32)


@pytest.mark.parametrize("unit", ["Jy/beam", "mJy/beam", "K", "Jy/pixel", "MJy/sr"])
@pytest.mark.parametrize("reference", [REST, None])
def test_units_are_what_astropy_reads(unit: str, reference: float | None) -> None:
    header = cube_header(**SPECTRAL["FREQ"], CRPIX3=1.0, CDELT3=1e6, BUNIT=unit, BTYPE="Intensity")
    step = u.Hz if reference is None else u.km / u.s
    whole = Box.whole((8, 6, 10))
    made = map_header(header, whole, facts_of(10, 0, unit=unit, reference=reference))
    assert u.Unit(made["BUNIT"], format="fits") == u.Unit(unit) * step and made["BTYPE"] == "Intensity"
    if reference is not None:
        for order, kind in ((1, "Velocity"), (2, "Velocity Dispersion")):
            made = map_header(header, whole, facts_of(10, order, unit=unit))
            assert u.Unit(made["BUNIT"]) == u.km / u.s and made["BTYPE"] == kind
    assert map_header(header, whole, facts_of(10, 8, unit=unit))["BUNIT"] == unit


def test_what_is_not_known_of_the_cube_is_not_said_of_the_map() -> None:
    header = cube_header(**SPECTRAL["FREQ"], CRPIX3=1.0, CDELT3=1e6, BUNIT="blobs")
    made = map_header(header, Box.whole((8, 6, 10)), facts_of(10, 0, unit=None))
    assert "BUNIT" not in made and "BTYPE" not in made
    assert map_header(header, Box.whole((8, 6, 10)), facts_of(10, 8, unit=None))["BUNIT"] == "blobs"


def test_what_was_true_of_the_stored_pixels_alone_is_gone() -> None:
    gone = {"BSCALE": 2.0, "BZERO": 1.0, "BLANK": -1, "DATAMIN": 0.0, "DATAMAX": 5.0, "CHECKSUM": "x",
            "DATASUM": "1"}  # fmt: skip
    kept = {"RESTFRQ": REST, "SPECSYS": "LSRK", "VELREF": 257, "OBJECT": "it", "BMAJ": 1e-3, "BMIN": 5e-4,
            "BPA": 10.0}  # fmt: skip
    header = cube_header(
        **SPECTRAL["FREQ"], CRPIX3=1.0, CDELT3=1e6, BUNIT="K" * 90, ALTRPIX=4.0, **gone, **kept
    )
    made = map_header(header, Box(((2, 8), (0, 6), (0, 10))), facts_of(10, 0, unit="K"))
    assert not set(gone) & set(made) and b"CONTINUE" not in made.tostring().encode("ascii")
    assert {key: made[key] for key in kept} == kept
    assert (made["BITPIX"], made["VOMOMENT"], made["VOVELDEF"], made["VOVELREF"]) == (-32, 0, "radio", REST)
    assert made["ALTRPIX"] == pytest.approx(1 + (4.0 - 5.5) / 10)
    assert "integral over velocity) of 10 channels" in str(made["HISTORY"])
    assert [computed_bitpix(bitpix) for bitpix in (8, 16, -32, 32, 64, -64)] == [-32] * 3 + [-64] * 3


def test_a_beam_stays_where_all_channels_have_it() -> None:
    header = cube_header(
        **SPECTRAL["FREQ"], CRPIX3=1.0, CDELT3=1e6, BMAJ=0.5, BMIN=0.5, BPA=1.0, CASAMBM=True
    )
    differing, _ = stored(table_of(10, 1))
    whole = Box.whole((8, 6, 10))
    made = map_header(header, whole, facts_of(10, beams=beams_of(differing, (0, 10), (0, 1))))
    assert not {"BMAJ", "BMIN", "BPA", "CASAMBM"} & set(made)
    assert "differ in their beams" in str(made["HISTORY"])
    one = map_header(
        header, Box(((0, 8), (0, 6), (7, 8))), facts_of(1, beams=beams_of(differing, (7, 8), (0, 1)))
    )
    assert one["BMAJ"] == pytest.approx((1 + 7 / 7) / 3600) and one["BPA"] == 7.0
    unknown = ChannelBeams(np.array([[1e-3, np.nan]]), np.array([[1e-3, np.nan]]), np.array([[0.0, np.nan]]))
    assert "BMAJ" not in map_header(header, Box(((0, 8), (0, 6), (0, 2))), facts_of(2, beams=unknown))
    turnless = ChannelBeams.one(1e-3, 5e-4, None)
    made = map_header(header, whole, facts_of(10, beams=turnless))
    assert (made["BMAJ"], made["BMIN"]) == (1e-3, 5e-4) and "BPA" not in made


def test_large_integers_keep_their_digits() -> None:
    data = np.full((2, 3, 4), 2.0**24 + 1)
    out = io.BytesIO()
    header = cube_header(**SPECTRAL["FREQ"], CRPIX3=1.0, CDELT3=1e6, BITPIX=32)
    box, bitpix = Box.whole((4, 3, 2)), computed_bitpix(32)
    cards = collapsed_cards(cut_cards(header_cards(header), box, 3), facts_of(2, 8), bitpix)
    write_map(out, b"", cards, moment_parts(ArrayReader(data), box, 3, facts_of(2).scale, 8), bitpix)
    assert (fits.getdata(io.BytesIO(out.getvalue())) == 2**24 + 1).all()


@pytest.mark.parametrize("in_extension", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_files_as_astropy_reads_them(dtype: type, in_extension: bool) -> None:
    data = np.random.default_rng(1).normal(size=(10, 6, 8)).astype(dtype)
    header = cube_header(**SPECTRAL["FREQ"], CRPIX3=1.0, CDELT3=1e6, BUNIT="Jy/beam")
    image = fits.ImageHDU(data, header) if in_extension else fits.PrimaryHDU(data, header)
    box, facts = Box(((1, 8), (2, 6), (3, 9))), facts_of(6)
    before = fits.PrimaryHDU().header.tostring().encode("ascii") if in_extension else b""
    made = []
    for _ in range(2):
        cards = collapsed_cards(
            cut_cards(header_cards(image.header), box, 3), facts, computed_bitpix(image.header["BITPIX"])
        )
        out = io.BytesIO()
        parts = moment_parts(ArrayReader(data), box, 3, facts.scale, 0, sums_bytes=100)
        write_map(out, before, cards, parts, computed_bitpix(image.header["BITPIX"]))
        made.append(out.getvalue())
    assert made[0] == made[1] and len(made[0]) % 2880 == 0
    with fits.open(io.BytesIO(made[0])) as hdus:
        hdus.verify("exception")
        found = hdus[-1].data
        wanted = moment_map(ArrayReader(data), box, 3, facts.scale, 0)
        assert found.shape == (1, 4, 7) and found.dtype.itemsize == np.dtype(dtype).itemsize
        assert (found == wanted.astype(dtype)).all()
