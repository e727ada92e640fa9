"""Spectral axes of every quantity on every spacing of WCS paper III, against wcslib; pixels come back."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from astropy import units
from hypothesis import given
from hypothesis import strategies as st
from spectral_oracle import CTYPES, SPACINGS, TYPES, VALUES, C, frequencies_by_wcslib

from vo_service.pixels import (
    LOGARITHM,
    Keywords,
    SpectralAxis,
    SpectralAxisError,
    read_axes,
    read_spectral_axis,
)
from vo_service.pixels.spectral_quantities import QUANTITIES, air_wavelength, vacuum_wavelength

REST = 230.538e9


def spectral(ctype: str, rest: float | None = None, length: int = 11, **cards: object) -> SpectralAxis:
    """The axis by the standard's meaning of its CTYPE."""
    keys = Keywords({"CTYPE1": ctype, "CRVAL1": 1e6, "CDELT1": 2e3, "CRPIX1": 3.0, **cards})
    definition, letter = TYPES[ctype[:4]]
    code = ctype[5:]
    spacing = LOGARITHM if code == "LOG" else SPACINGS[code[0]] if code and code[0] != letter else None
    return read_spectral_axis(read_axes(keys, (length,)).axes[0], definition, rest, spacing)


@dataclass(frozen=True)
class Drawn:
    """An axis with its reference at a frequency (Hz), and pixels that reach a few per cent from there."""

    ctype: str
    rest: float
    crval: float
    cdelt: float
    crpix: float
    pixels: np.ndarray

    def axis(self) -> SpectralAxis:
        cards = {"CRVAL1": self.crval, "CDELT1": self.cdelt, "CRPIX1": self.crpix}
        return spectral(self.ctype, self.rest, **cards)


@st.composite
def drawn_axes(draw: st.DrawFn, finest: float = 1e-7) -> Drawn:
    """Radio frequencies, rest frequencies on either side of them, channels of ``finest`` to a thousandth of
    the frequency.
    """
    ctype = draw(st.sampled_from(CTYPES))
    frequency = 10.0 ** draw(st.floats(9.0, 12.0))
    # a logarithm has positive values alone: those of sources that recede
    shift = draw(st.floats(1.3, 3.0) if ctype.endswith("LOG") else st.floats(0.7, 3.0))
    share = 10.0 ** draw(st.floats(math.log10(finest), -3.0)) * draw(st.sampled_from([1.0, -1.0]))
    crpix = draw(st.floats(-1e4, 1e4))
    value, rest = VALUES[ctype[:4]], frequency * shift
    crval = float(value(np.asarray(frequency), rest))
    cdelt = float(value(np.asarray(frequency * (1.0 + share)), rest)) - crval
    reach = 0.05 / abs(share)
    return Drawn(ctype, rest, crval, cdelt, crpix, crpix + np.linspace(-reach, reach, 9))


@given(drawn_axes())
def test_frequencies_are_those_of_wcslib(drawn: Drawn) -> None:
    # OBS-081: em_min and em_max come of these; energies and air in the constants that the oracle tells
    theirs = frequencies_by_wcslib(
        drawn.ctype, drawn.crval, drawn.cdelt, drawn.crpix, drawn.rest, drawn.pixels
    )
    assert drawn.axis().frequency(drawn.pixels) == pytest.approx(theirs, rel=1e-12, abs=0.0)


@pytest.mark.parametrize("ctype", CTYPES)
def test_every_type_is_that_of_wcslib_far_from_its_reference(ctype: str) -> None:
    frequency = 115.2712018e9 / 1.4
    value = VALUES[ctype[:4]]
    crval = float(value(np.asarray(frequency), 115.2712018e9))
    cdelt = float(value(np.asarray(frequency * 1.0001), 115.2712018e9)) - crval
    pixels = np.array([-2999.0, 1.0, 64.5, 2500.0])
    axis = spectral(ctype, 115.2712018e9, CRVAL1=crval, CDELT1=cdelt, CRPIX1=1.0)
    theirs = frequencies_by_wcslib(ctype, crval, cdelt, 1.0, 115.2712018e9, pixels)
    assert axis.frequency(pixels) == pytest.approx(theirs, rel=1e-12, abs=0.0)
    plain = spectral(ctype[:4], 115.2712018e9, CRVAL1=crval, CDELT1=cdelt, CRPIX1=1.0)
    if ctype[5:] and {ctype[5], ctype[-1]} != {"A", "W"}:  # air is a vacuum to radio waves, but for a factor
        assert (np.abs(axis.frequency(pixels[::3]) / plain.frequency(pixels[::3]) - 1.0) > 1e-3).all()


@given(drawn_axes(finest=1e-5))
def test_pixels_come_back_from_their_frequencies(drawn: Drawn) -> None:
    axis = drawn.axis()
    assert np.abs(axis.pixel(axis.frequency(drawn.pixels)) - drawn.pixels).max() < 1e-9


@given(drawn_axes(finest=1e-9))
def test_pixels_of_fine_channels_come_back_as_far_as_a_frequency_can_tell_them(drawn: Drawn) -> None:
    """A double of 100 GHz is known to 15 microhertz, whatever the channel."""
    axis = drawn.axis()
    frequency = axis.frequency(drawn.pixels)
    channel = np.abs(axis.frequency(drawn.pixels + 0.5) - axis.frequency(drawn.pixels - 0.5))
    apart = np.abs(axis.pixel(frequency) - drawn.pixels)
    assert (apart <= 1e-9 + 16.0 * np.spacing(frequency) / channel).all()


@given(drawn_axes())
def test_value_and_increment_are_those_of_the_cards_at_the_reference_pixel(drawn: Drawn) -> None:
    around = drawn.axis().frequency(drawn.crpix + np.array([-0.5, 0.0, 0.5]))
    values = VALUES[drawn.ctype[:4]](around, drawn.rest)
    whole = {"VRAD": C, "VOPT": C, "VELO": C, "ZOPT": 1.0, "BETA": 1.0}.get(drawn.ctype[:4], drawn.crval)
    assert values[1] == pytest.approx(drawn.crval, rel=1e-14, abs=1e-14 * whole)
    assert values[2] - values[0] == pytest.approx(drawn.cdelt, rel=1e-5)


def test_a_frequency_that_is_none_has_no_pixel() -> None:
    for ctype in CTYPES:
        axis = spectral(ctype, REST, CRVAL1=0.5, CDELT1=0.01)
        assert np.isnan(axis.pixel(np.array([0.0, -1e9, np.nan]))).all(), ctype


def test_channels_are_as_wide_as_their_edges_are_apart() -> None:
    even = spectral("VRAD", REST)
    assert even.channels_are_equal
    assert even.widths() == pytest.approx(np.full(11, 2e3 * REST / C), rel=1e-8)
    uneven = spectral("WAVE-LOG", CRVAL1=2e-3, CDELT1=-2e-5, CRPIX1=1.0)
    assert not uneven.channels_are_equal
    assert uneven.widths().sum() == pytest.approx(np.ptp(uneven.edges()), rel=1e-12)
    # each channel of a logarithmic axis is the same share of its frequency
    shares = uneven.widths() / uneven.frequency(np.arange(1.0, 12.0))
    assert shares == pytest.approx(np.full(11, 2.0 * math.sinh(0.005)), rel=1e-12)


UNITS = {
    "frequency": {"kHz": "KHZ", "MHz": "MHZ", "GHz": "GHZ", "Hz": "HZ"},
    "angular": {"rad/s": "rad/s"},
    "energy": {"J": "J", "eV": "eV", "keV": "keV", "erg": "erg"},
    "wavenumber": {"1/m": "m-1", "1/cm": "cm-1"},
    "radio": {"m/s": "M/S", "km/s": "km/s"},
    "wavelength": {"m": "m", "cm": "cm", "mm": "mm", "um": "um", "nm": "nm", "Angstrom": "Angstrom"},
}


@pytest.mark.parametrize(
    ("definition", "unit", "written"),
    [(each, unit, written) for each, names in UNITS.items() for unit, written in names.items()],
)
def test_units_scale_reference_and_increment(definition: str, unit: str, written: str) -> None:
    base = {"frequency": "Hz", "angular": "rad/s", "energy": "J", "wavenumber": "1/m", "radio": "m/s"}
    ctype = next(name for name, (each, _) in TYPES.items() if each == definition)
    factor = units.Unit(unit).to(base.get(definition, "m"))
    axis = spectral(ctype, REST, CRVAL1=3.0, CDELT1=0.25, CUNIT1=written)
    assert (axis.crval, axis.cdelt) == (pytest.approx(3.0 * factor), pytest.approx(0.25 * factor))


def test_velocities_and_wavelengths_have_the_same_units_each() -> None:
    assert QUANTITIES["radio"].units == QUANTITIES["optical"].units == QUANTITIES["velocity"].units
    assert QUANTITIES["wavelength"].units == QUANTITIES["air"].units


@given(st.floats(1e-7, 300.0))
def test_air_and_vacuum_lead_to_each_other(vacuum: float) -> None:
    air = air_wavelength(np.asarray(vacuum))
    assert float(vacuum_wavelength(air)) == pytest.approx(vacuum, rel=1e-15)


def test_air_refracts_as_the_standard_says() -> None:
    # FITS 4.0, 8.4: 287.6155 + 1.62887 / w**2 + 0.01360 / w**4 millionths, w in micrometres
    assert float(vacuum_wavelength(np.asarray(0.5e-6))) == pytest.approx(
        0.5e-6 * (1.0 + 287.6155e-6 + 4 * 1.62887e-6 + 16 * 0.0136e-6), rel=1e-15
    )


@pytest.mark.parametrize(
    ("ctype", "cards", "rest", "keyword"),
    [
        ("FREQ", {"CDELT1": 0.0}, None, "CDELT1"),
        ("FREQ", {"CDELT1": "x"}, None, "CDELT1"),
        ("FREQ", {"CRVAL1": float("nan")}, None, "CRVAL1"),
        ("FREQ", {"CRPIX1": " "}, None, "CRPIX1"),
        ("FREQ", {"CUNIT1": "furlong"}, None, "CUNIT1"),
        ("FREQ", {"CUNIT1": "m/s"}, None, "CUNIT1"),
        ("ZOPT", {"CUNIT1": "km/s"}, REST, "CUNIT1"),
        ("VRAD", {}, None, "CTYPE1"),
        ("VRAD", {}, 0.0, "CTYPE1"),
        ("VELO", {}, None, "CTYPE1"),
        ("BETA-F2V", {}, None, "CTYPE1"),
        ("FREQ-V2F", {}, None, "CTYPE1"),
        ("FREQ-LOG", {"CRVAL1": 0.0}, None, "CRVAL1"),
        ("VRAD-LOG", {"CRVAL1": -1e6}, REST, "CRVAL1"),
    ],
)
def test_a_spectral_axis_that_gives_no_frequency_says_why(
    ctype: str, cards: dict[str, object], rest: float | None, keyword: str
) -> None:
    with pytest.raises(SpectralAxisError) as caught:
        spectral(ctype, rest, **cards)
    assert caught.value.keyword == keyword


@pytest.mark.parametrize(
    ("ctype", "cards"),
    [
        ("FREQ", {"CRVAL1": -5e9, "CDELT1": 1.0}),
        ("WAVE", {"CRVAL1": 1e-3, "CDELT1": -5e-4}),  # runs through zero
        ("WAVE-F2W", {"CRVAL1": 0.0, "CDELT1": 1e-6}),
        ("FREQ-W2F", {"CRVAL1": 1e11, "CDELT1": 5e10}),
        ("VRAD", {"CRVAL1": C}),
        ("VOPT", {"CRVAL1": -C, "CDELT1": -1.0}),
        ("VELO", {"CRVAL1": 299792000.0, "CDELT1": 1e3}),
        ("BETA", {"CRVAL1": 0.99, "CDELT1": 0.1}),
        ("AWAV", {"CRVAL1": -1e-3, "CDELT1": 1e-6}),
        ("VELO-F2V", {"CRVAL1": 4e8, "CDELT1": 1.0}),
        ("VRAD-LOG", {"CRVAL1": 2e8, "CDELT1": 1e8}),
    ],
)
def test_an_axis_that_leaves_the_frequencies_has_no_edges(ctype: str, cards: dict[str, object]) -> None:
    with pytest.raises(SpectralAxisError, match="no sky frequencies"):
        spectral(ctype, REST, **cards).edges()


def test_edges_lie_half_a_channel_outside() -> None:
    axis = spectral("FREQ", CRVAL1=100.0, CDELT1=-0.5, CRPIX1=1.0, CUNIT1="GHz")
    assert axis.edges() == (94.75e9, 100.25e9)
