"""Sky frequency, frame and barycentric wavelength (OBS-081, design 4.4), against astropy's SpectralCoord."""

from __future__ import annotations

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import (
    ICRS,
    LSRK,
    BaseCoordinateFrame,
    CartesianDifferential,
    CartesianRepresentation,
    EarthLocation,
    SkyCoord,
    SpectralCoord,
)
from astropy.time import Time
from product_files import FREQUENCY, SKY, header_of, product_at

from vo_service.holdings.celestial import place_on_sky
from vo_service.holdings.records import Product
from vo_service.holdings.spectral_axis import find_rest_frequency, measure_spectrum
from vo_service.holdings.target import name_target
from vo_service.holdings.times import date_observation

C = 299792458.0
ALMA = (2225142.180269, -5440307.370349, -2481029.851874)
BASE = SKY | FREQUENCY | {"RADESYS": "ICRS", "TELESCOP": "ALMA"}


def measured(cards: dict[str, object], shape: tuple[int, ...] = (64, 64, 10)) -> Product:
    header = header_of(cards, shape)
    product = product_at()
    for step in (name_target, date_observation, find_rest_frequency, place_on_sky, measure_spectrum):
        product = step(product, header)
    return product


def rules(product: Product) -> list[str]:
    return [repair.rule for repair in product.repairs]


def test_edges_and_wavelengths_of_a_barycentric_axis() -> None:
    product = measured(BASE | {"SPECSYS": "BARYCENT"})
    spectral = product.spectral
    assert spectral is not None
    assert (spectral.f_min, spectral.f_max, spectral.channels) == (2.3e11 - 5e5, 2.3e11 + 9.5e6, 10)
    assert spectral.channel_width == pytest.approx(1e6)
    assert (spectral.em_min, spectral.em_max) == (C / spectral.f_max, C / spectral.f_min)
    assert rules(product) == []


@pytest.mark.parametrize("axis_step", [1e6, -1e6])
def test_channels_may_run_either_way(axis_step: float) -> None:
    spectral = measured(BASE | {"CDELT3": axis_step, "SPECSYS": "BARYCENT"}).spectral
    assert spectral is not None and spectral.f_min < spectral.f_max and spectral.em_min < spectral.em_max


def observer_of(specsys: str) -> BaseCoordinateFrame:
    """Somebody at rest in the local standard of rest, or ALMA at the time of the test."""
    if specsys == "LSRK":
        still = CartesianDifferential(np.zeros(3) * u.km / u.s)
        return LSRK(CartesianRepresentation(np.zeros(3) * u.km, differentials=still)).transform_to(ICRS())
    return EarthLocation.from_geocentric(*ALMA, unit="m").get_itrs(obstime=Time("2017-04-22T17:20:14.9"))


@pytest.mark.filterwarnings("ignore::astropy.coordinates.spectral_coordinate.NoVelocityWarning")
@pytest.mark.parametrize(("specsys", "rule"), [("LSRK", "SPEC-LSRK-BARY"), ("TOPOCENT", "SPEC-TOPO-BARY")])
def test_wavelengths_are_at_the_barycentre(specsys: str, rule: str) -> None:
    product = measured(BASE | {"SPECSYS": specsys, "DATE-OBS": "2017-04-22T17:20:14.9"})
    spectral, sky = product.spectral, product.sky
    assert spectral is not None and sky is not None
    target = SkyCoord(sky.ra * u.deg, sky.dec * u.deg, distance=1 * u.kpc)
    seen = SpectralCoord(
        [spectral.f_min, spectral.f_max] * u.Hz, observer=observer_of(specsys), target=target
    )
    shifted = seen.with_observer_stationary_relative_to("icrs").to_value(u.Hz)
    assert abs(C / spectral.em_max - shifted[0]) < 1.0
    assert abs(C / spectral.em_min - shifted[1]) < 1.0
    assert rules(product) == [rule, rule]
    assert (spectral.specsys, product.specsys) == (specsys, specsys)


def test_what_cannot_be_converted_stays_and_says_so() -> None:
    product = measured(BASE | {"SPECSYS": "TOPOCENT"})
    assert product.spectral is not None
    assert product.spectral.em_min == C / product.spectral.f_max
    assert rules(product) == ["SPEC-FRAME-KEPT"]
    # design 4.4: beside converted rows its name would say that these are converted, too
    assert (product.specsys, product.spectral.specsys) == (None, None)
    [repair] = product.repairs
    assert (repair.item, repair.was, repair.became) == ("SPECSYS", "TOPOCENT", None)


def test_a_frame_that_the_axis_tells_is_not_kept_either() -> None:
    cards = REST | VELOCITY | {"CTYPE3": "VELO", "VELREF": 259}
    product = measured(BASE | cards)
    assert product.spectral is not None and product.spectral.specsys is None
    told = [(each.was, each.became, each.rule) for each in product.repairs if each.item == "SPECSYS"]
    assert told == [(None, None, "SPEC-FRAME-KEPT")]


def test_the_frame_of_the_source_says_itself_that_nothing_is_converted() -> None:
    product = measured(BASE | {"SPECSYS": "SOURCE"})
    assert product.spectral is not None
    assert (rules(product), product.spectral.specsys) == (["SPEC-FRAME-KEPT"], "SOURCE")


def test_an_unknown_frame_is_null() -> None:
    product = measured(BASE)
    assert product.specsys is None and product.spectral is not None
    assert product.spectral.em_min == C / product.spectral.f_max
    assert rules(product) == ["SPEC-FRAME-UNKNOWN"]


REST = {"RESTFRQ": 230.538e9}
VELOCITY = {"CRVAL3": 1e6, "CDELT3": 1e4, "CUNIT3": "m/s"}


@pytest.mark.parametrize(
    ("cards", "definition", "specsys", "rule"),
    [
        ({"CTYPE3": "VRAD", "SPECSYS": "BARYCENT"}, "radio", "BARYCENT", "SPEC-VELOCITY"),
        ({"CTYPE3": "VOPT", "SPECSYS": "BARYCENT"}, "optical", "BARYCENT", "SPEC-VELOCITY"),
        ({"CTYPE3": "VELO-HEL", "VELREF": 258}, "radio", "BARYCENT", "SPEC-AIPS-VELOCITY"),
        ({"CTYPE3": "VELO-HEL", "VELREF": 2}, "optical", "BARYCENT", "SPEC-AIPS-VELOCITY"),
        ({"CTYPE3": "VELO-LSR", "ORIGIN": "Miriad fits"}, "radio", "LSRK", "SPEC-AIPS-VELOCITY"),
        ({"CTYPE3": "VRAD", "VELREF": 257}, "radio", "LSRK", "SPEC-VELOCITY"),
    ],
)
def test_velocity_axes(cards: dict[str, object], definition: str, specsys: str, rule: str) -> None:
    product = measured(BASE | REST | VELOCITY | cards)
    velocity = SpectralCoord(
        [1e6 + 9.5e4, 1e6 - 5e3], "m/s", doppler_convention=definition, doppler_rest=230.538 * u.GHz
    )
    low, high = velocity.to_value(u.Hz)
    assert product.spectral is not None
    assert (product.spectral.f_min, product.spectral.f_max) == (
        pytest.approx(low, rel=1e-13),
        pytest.approx(high, rel=1e-13),
    )
    assert product.specsys == specsys and rule in rules(product)


@pytest.mark.parametrize(
    ("cards", "rest", "rule"),
    [
        ({"RESTFRQ": 230.538e9}, 230.538e9, None),
        ({"RESTFREQ": 230.538e9}, 230.538e9, "REST-SPELLING"),
        ({"RESTFRQ": 0.0, "RESTFREQ": 230.538e9}, 230.538e9, "REST-SPELLING"),
        ({"RESTFRQ": "x", "RESTFREQ": 230.538e9}, 230.538e9, "REST-SPELLING"),
        ({"RESTFRQ": "x"}, None, "REST-IMPLAUSIBLE"),
        ({"RESTFRQ": 1900.5e9}, 1900.5e9, None),  # [CII] at a redshift of 7
        ({"RESTFRQ": 110.2e9}, None, "REST-OTHER-LINE"),
        ({"RESTFRQ": 1.8e13}, None, "REST-OTHER-LINE"),  # no source is at a redshift of 77
        # the redshift that a card states brings it down to 230 GHz, or not
        ({"RESTFRQ": 460.0e9, "REDSHIFT": 1.0}, 460.0e9, None),
        ({"RESTFRQ": 461.041e9, "REDSHIFT": 1.02}, 461.041e9, None),
        ({"RESTFRQ": 345.796e9, "REDSHIFT": 1.0}, None, "REST-OTHER-LINE"),
        ({"RESTFRQ": 345.796e9, "ZSOURCE": 0.001}, None, "REST-OTHER-LINE"),
        ({"RESTFRQ": 230.003e9, "REDSHIFT": 1.0}, 230.003e9, None),  # CASA's own: the middle of the window
        ({"RESTFRQ": 345.796e9, "REDSHIFT": 0.0}, 345.796e9, None),  # zero states none
        ({"RESTFREQ": 345.796e9, "REDSHIFT": 1.0}, None, "REST-SPELLING REST-OTHER-LINE"),
        ({"RESTFRQ": 1.15e14}, None, "REST-IMPLAUSIBLE"),
        ({"RESTFRQ": -1.0}, None, "REST-IMPLAUSIBLE"),
        ({"RESTFRQ": 0.0}, None, "REST-IMPLAUSIBLE"),
        ({}, None, None),
    ],
)
def test_the_rest_frequency_is_kept_apart(
    cards: dict[str, object], rest: float | None, rule: str | None
) -> None:
    product = measured(BASE | {"SPECSYS": "BARYCENT"} | cards)
    assert product.spectral is not None
    assert product.rest_frequency == product.spectral.rest_frequency == rest
    assert rules(product) == (rule.split() if rule else [])


@pytest.mark.parametrize(
    "cards",
    [{"CTYPE3": "VRAD"}, REST | {"CTYPE3": "VRAD", "CRVAL3": 299792455.5, "CDELT3": -1.1, "CUNIT3": "m/s"},
     {"CDELT3": 0.0}, {"CRVAL3": 2841.0, "CDELT3": 10.0}],
)  # fmt: skip
def test_an_axis_without_real_frequencies_gives_none(cards: dict[str, object]) -> None:
    product = measured(BASE | {"SPECSYS": "LSRK"} | cards)
    assert product.spectral is None and "SPEC-IMPLAUSIBLE" in rules(product)


def test_a_velocity_of_an_unreadable_definition_is_none() -> None:
    cards = REST | VELOCITY | {"CTYPE3": "VELO-LSR", "VELREF": "radio"}
    product = measured(BASE | cards)
    assert product.spectral is None
    [repair] = [repair for repair in product.repairs if repair.rule == "SPEC-UNREADABLE"]
    assert (repair.item, repair.was) == ("VELREF", "radio")


def test_a_site_that_is_not_on_the_ground_is_none() -> None:
    """One in kilometres, say; a place in space would turn with the Earth by any speed."""
    site = {f"OBSGEO-{letter}": value for letter, value in zip("XYZ", ALMA, strict=True)}
    cards = BASE | {"SPECSYS": "TOPOCENT", "DATE-OBS": "2017-04-22T17:20:14.9", "TELESCOP": "ACA"}
    known = measured(cards | site)
    assert "SPEC-TOPO-BARY" in rules(known)
    for factor in (1e-3, 1e3):
        product = measured(cards | {key: value * factor for key, value in site.items()})
        assert "SPEC-FRAME-KEPT" in rules(product) and product.spectral is not None
        assert product.spectral.em_min == C / product.spectral.f_max


def test_a_map_without_a_spectral_axis_keeps_line_and_frame() -> None:
    product = measured(SKY | {"RESTFRQ": 230.538e9, "SPECSYS": "LSRK", "RADESYS": "ICRS"}, (64, 64))
    assert product.spectral is None
    assert (product.rest_frequency, product.specsys) == (230.538e9, "LSRK")
