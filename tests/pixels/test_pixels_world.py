"""Sky coordinates, against astropy's WCS."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st

from vo_service.pixels import (
    Celestial,
    CelestialError,
    Keywords,
    read_axes,
    trace_outline,
)
from vo_service.pixels.outline import sky_positions

BASE = {
    "CTYPE1": "RA---SIN", "CRVAL1": 204.25, "CRPIX1": 33.0, "CDELT1": -1e-3, "CUNIT1": "deg",
    "CTYPE2": "DEC--SIN", "CRVAL2": -29.87, "CRPIX2": 30.0, "CDELT2": 1e-3, "CUNIT2": "deg",
}  # fmt: skip
TURN = {"11": 0.8, "12": -0.6, "21": 0.6, "22": 0.8}
PIXELS = np.array([[1.0, 1.0], [33.0, 30.0], [64.5, 12.25], [0.5, 60.5]])


def celestial_of(cards: dict[str, object], shape: tuple[int, ...] = (64, 60)) -> Celestial:
    keys = Keywords(cards)
    return Celestial(keys, read_axes(keys, shape))


def astropy_sky(cards: dict[str, object], pixels: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wcs = WCS(fits.Header({"NAXIS": 2, **cards})).celestial
        return np.column_stack(wcs.wcs_pix2world(pixels[:, 0], pixels[:, 1], 1))


CASES = {
    "SIN": {},
    "TAN": {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"},
    "ARC": {"CTYPE1": "RA---ARC", "CTYPE2": "DEC--ARC"},
    "GLS": {"CTYPE1": "RA---GLS", "CTYPE2": "DEC--GLS"},
    "slant SIN": {"PV2_1": 0.1, "PV2_2": -0.2},
    "CROTA2": {"CROTA1": 0.0, "CROTA2": 33.0},
    "PCi_j": {f"PC{n[0]}_{n[1]}": value for n, value in TURN.items()},
    "PC0i_0j": {f"PC0{n[0]}_0{n[1]}": value for n, value in TURN.items()},
    "PC00i00j": {f"PC00{n[0]}00{n[1]}": value for n, value in TURN.items()},
    "CDi_j": {f"CD{n[0]}_{n[1]}": value * 1e-3 for n, value in TURN.items()},
    "LONPOLE": {"LONPOLE": 170.0},
    "negative right ascension": {"CRVAL1": -120.8254},
    "upper-case unit": {"CUNIT1": "deg", "CUNIT2": "deg"},
}


@pytest.mark.parametrize("case", CASES)
def test_sky_positions_are_astropys(case: str) -> None:
    cards = BASE | CASES[case]
    ours = celestial_of(cards).to_world(PIXELS)
    theirs = astropy_sky(cards, PIXELS)
    apart = (ours - theirs + [180.0, 0.0]) % [360.0, 1e9] - [180.0, 0.0]
    assert np.abs(apart).max() < 1e-10


def test_units_of_angle_are_converted_whatever_their_case() -> None:
    arcsec = BASE | {"CUNIT1": "ARCSEC", "CUNIT2": "arcsec"}
    for key in ("CRVAL1", "CRVAL2", "CDELT1", "CDELT2"):
        arcsec[key] = BASE[key] * 3600.0
    assert np.allclose(celestial_of(arcsec).to_world(PIXELS), celestial_of(BASE).to_world(PIXELS), atol=1e-10)
    assert celestial_of(arcsec).pixel_scale() == pytest.approx(1e-3)


@pytest.mark.parametrize(
    ("cards", "sides"),
    [
        ({}, (2e-3, 5e-3)),
        ({"PC1_1": 0.0, "PC1_2": 1.0, "PC2_1": -1.0, "PC2_2": 0.0}, (2e-3, 5e-3)),
        ({"CD1_1": -1.2e-3, "CD1_2": 4e-3, "CD2_1": 1.6e-3, "CD2_2": 3e-3}, (2e-3, 5e-3)),
    ],
    ids=["plain", "turned", "matrix"],
)
def test_pixels_that_are_not_square_have_two_sides(
    cards: dict[str, float], sides: tuple[float, float]
) -> None:
    odd = BASE | {"CDELT1": -2e-3, "CDELT2": 5e-3} | cards
    if "CD1_1" in cards:
        del odd["CDELT1"], odd["CDELT2"]
    sky = celestial_of(odd)
    assert sky.pixel_scale() == pytest.approx(np.sqrt(sides[0] * sides[1]))
    assert sky.finest_side() == pytest.approx(sides[0])


def test_the_sky_is_found_among_four_axes_in_any_order() -> None:
    cards = {"CTYPE1": "STOKES", "CTYPE2": "DEC--SIN", "CTYPE3": "FREQ", "CTYPE4": "RA---SIN"}
    for number, source in ((2, 2), (4, 1)):
        cards |= {f"{name}{number}": BASE[f"{name}{source}"] for name in ("CRVAL", "CRPIX", "CDELT", "CUNIT")}
    sky = celestial_of(cards, (1, 60, 9, 64))
    assert sky.size == (60, 64)
    assert np.allclose(sky.to_world(PIXELS[:, ::-1]), celestial_of(BASE).to_world(PIXELS), atol=1e-11)


@settings(max_examples=60)
@given(
    st.floats(-89.9, 89.9),
    st.floats(0.0, 360.0),
    st.floats(-180.0, 180.0),
    st.sampled_from(["SIN", "TAN", "ARC"]),
)
def test_pixels_come_back_from_the_sky(dec: float, ra: float, turn: float, projection: str) -> None:
    sky = celestial_of(
        BASE
        | {
            "CRVAL1": ra,
            "CRVAL2": dec,
            "CROTA2": turn,
            "CTYPE1": f"RA---{projection}",
            "CTYPE2": f"DEC--{projection}",
        }
    )
    assert np.allclose(sky.to_pixels(sky.to_world(PIXELS)), PIXELS, atol=1e-6)


@pytest.mark.parametrize(
    ("cards", "keyword"),
    [
        ({"CDELT1": 0.0}, "CDELT1"),
        ({"CRVAL2": 91.0}, "CRVAL2"),
        ({"CRVAL1": 721.0}, "CRVAL1"),
        ({"CRVAL1": float("nan")}, "CRVAL1"),
        ({"CRPIX2": float("inf")}, "CRPIX2"),
        ({"CRPIX2": " "}, "CRPIX2"),
        ({"CD1_1": "x", "CD2_2": 1e-3}, "CD1_1"),
        ({"PC1_2": float("nan")}, "PC1_2"),
        ({"PV2_1": "x"}, "PV2_1"),
        ({"LATPOLE": "x"}, "LATPOLE"),
        ({"LONPOLE": -1e30}, "LONPOLE"),
        ({"CROTA2": "x"}, "CROTA2"),
        ({"CRVAL1": "abc"}, "CRVAL1"),
        ({"CUNIT2": "Hz"}, "CUNIT2"),
        ({"CTYPE1": "RA---XYZ", "CTYPE2": "DEC--XYZ"}, "CTYPE1"),
        ({"PC1_1": 1.0, "PC1_2": 1.0, "PC2_1": 1.0, "PC2_2": 1.0}, "PC1_1"),
    ],
)
def test_a_sky_that_cannot_be_used_says_where(cards: dict[str, object], keyword: str) -> None:
    with pytest.raises(CelestialError) as caught:
        celestial_of(BASE | cards)
    assert caught.value.keyword == keyword


@settings(max_examples=60)
@given(st.floats(-89.0, 89.0), st.floats(0.0, 360.0), st.floats(-180.0, 180.0), st.floats(1e-6, 0.05))
def test_the_outline_holds_the_image_and_turns_counter_clockwise(
    dec: float, ra: float, turn: float, cell: float
) -> None:
    cards = BASE | {"CRVAL1": ra, "CRVAL2": dec, "CROTA2": turn, "CDELT1": -cell, "CDELT2": cell}
    sky = celestial_of(cards)
    outline = trace_outline(sky)
    assert 4 <= len(outline.vertices) <= 60
    ring = outline.vertices
    inner = ring.sum(axis=0) / np.linalg.norm(ring.sum(axis=0))
    turned = np.cross(ring - inner, np.roll(ring, -1, axis=0) - inner).sum(axis=0)
    assert turned @ inner > 0.0
    corners = sky_positions(ring)
    back = sky.to_pixels(corners)
    on_edge = np.minimum(np.abs(back - 0.5), np.abs(back - [64.5, 60.5])).min(axis=1)
    assert on_edge.max() < 1e-3
    expected = max(
        2 * math.asin(min(1.0, float(np.linalg.norm(vertex - outline.centre)) / 2))
        for vertex in outline.vertices
    )
    assert outline.radius == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("projection", ["AIT", "MOL", "SFL"])
def test_an_outline_of_which_two_corners_lie_off_the_projection_is_one_of_few_points(projection: str) -> None:
    # of the 64 points round the image 61 to 63 are left, one of which at least has to go
    cards = BASE | {"CRPIX1": 20.0, "CRPIX2": 23.0, "CDELT1": -2.0, "CDELT2": 2.0, "CRVAL2": 0.0}
    cards |= {"CTYPE1": f"RA---{projection}", "CTYPE2": f"DEC--{projection}"}
    sky = celestial_of(cards, (88, 44))
    outline = trace_outline(sky)
    assert 4 <= len(outline.vertices) <= 60
    back = sky.to_pixels(sky_positions(outline.vertices))
    assert np.minimum(np.abs(back - 0.5), np.abs(back - [88.5, 44.5])).min(axis=1).max() < 1e-3


def test_nothing_stands_in_for_a_card_that_is_missing() -> None:
    axis = read_axes(Keywords({"CTYPE1": "FREQ", "CRVAL1": 1e9, "CRPIX1": 1.0}), (4,)).axes[0]
    assert math.isnan(axis.cdelt) and math.isnan(axis.value_at(2.0))
    assert axis.fault is not None and axis.fault.message == "CDELT1 is missing"
