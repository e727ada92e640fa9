"""Forms of header that are rare: spectral axes of other wavebands, leftover axes, B1950_VLA."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import FK4, ICRS, SkyCoord
from astropy.io import fits
from astropy.time import Time
from astropy.wcs import WCS
from product_files import FREQUENCY, SKY, header_of, product_at

from vo_service.holdings.celestial import place_on_sky
from vo_service.holdings.records import Product
from vo_service.holdings.spectral_axis import find_rest_frequency, measure_spectrum
from vo_service.holdings.times import date_observation

CARTA = [
    "CARTA MOMENT MAP GENERATOR LOG",
    "Spectral range: [0, 1917](channel), [84.0528, 84.9888](GHz), [1755.8180,",
]


def measured(cards: dict[str, object], channels: int, *history: str) -> Product:
    header = header_of(SKY | {"SPECSYS": "BARYCENT"} | cards, (64, 64, channels))
    log = "".join(f"HISTORY {line}".ljust(80) for line in history).encode("ascii")
    header = replace(header, remarks=log)
    product = product_at()
    for step in (find_rest_frequency, place_on_sky, measure_spectrum):
        product = step(product, header)
    return product


@pytest.mark.parametrize(
    ("ctype", "crval", "cdelt", "cunit", "cards"),
    [
        ("WAVE", 1.3e-3, 1e-7, "m", {}),
        ("WAVE", 1.3, 1e-4, "mm", {}),
        ("WAVN", 766.0, 0.05, "m-1", {}),
        ("WAVN", 7.66, 0.0005, "cm-1", {}),
        ("ENER", 1.52e-22, 1e-26, "J", {}),
        ("ENER", 9.5e-4, 1e-7, "eV", {}),
        ("ZOPT", 0.0123, 1e-5, "", {"RESTFRQ": 2.30538e11}),
        ("VOPT", 3.69e6, 5e3, "m/s", {"RESTFRQ": 2.30538e11}),
        ("VRAD", 3690.0, 5.0, "km/s", {"RESTFRQ": 2.30538e11}),
        ("FREQ", 230.538, 0.001, "GHz", {}),
    ],
)
def test_spectral_axes_of_all_wavebands_are_astropys(
    ctype: str, crval: float, cdelt: float, cunit: str, cards: dict[str, object]
) -> None:
    axis = {"CTYPE3": ctype, "CRVAL3": crval, "CDELT3": cdelt, "CRPIX3": 2.0, "CUNIT3": cunit}
    product = measured(axis | cards, 12)
    assert product.spectral is not None
    world = crval + (np.array([0.5, 12.5]) - 2.0) * cdelt
    edges = sorted(frequency_of(ctype, world, cunit, cards.get("RESTFRQ")))
    assert (product.spectral.f_min, product.spectral.f_max) == pytest.approx(tuple(edges), rel=1e-12)


def frequency_of(ctype: str, world: np.ndarray, unit: str, rest: object) -> list[float]:
    """By astropy's equivalencies."""
    if ctype == "ZOPT":
        return list(float(str(rest)) / (1.0 + world))
    how = {"VOPT": u.doppler_optical, "VRAD": u.doppler_radio}.get(ctype)
    meaning = u.spectral() if how is None else how(float(str(rest)) * u.Hz)
    return [float(each) for each in (world * u.Unit(unit)).to_value(u.Hz, equivalencies=meaning)]


@pytest.mark.parametrize(("crval", "cdelt"), [(1.3e-3, 1e-7), (8.7e-4, -2e-8), (6.56e-5, 1e-9)])
def test_wavelengths_in_air_become_those_in_vacuum(crval: float, cdelt: float) -> None:
    axis = {"CTYPE3": "AWAV", "CRVAL3": crval, "CDELT3": cdelt, "CRPIX3": 2.0, "CUNIT3": "m"}
    product = measured(axis, 12)
    assert product.spectral is not None
    oracle = WCS(fits.Header({"NAXIS": 1, "CTYPE1": "AWAV", "CRVAL1": crval, "CDELT1": cdelt, "CRPIX1": 2.0}))
    oracle.wcs.sptr("FREQ-A2F")
    edges = sorted(oracle.wcs.p2s([[0.5], [12.5]], 1)["world"][:, 0])
    found = product.spectral.f_min, product.spectral.f_max
    # wcslib has the index of Edlen at 15 C, the standard that of air at 0 C: 1.5e-5 apart
    assert found == pytest.approx(tuple(edges), rel=1.6e-5)
    air = crval + (np.array([0.5, 12.5]) - 2.0) * cdelt
    index = 1.0 + np.polyval([0.01360e-24, 0.0, 1.62887e-12, 0.0, 287.6155], 1.0 / air) * 1e-6
    assert found == pytest.approx(tuple(sorted(299792458.0 / (air * index))), rel=1e-12)


def test_air_is_on_record_and_a_redshift_needs_a_line() -> None:
    air = measured({"CTYPE3": "AWAV", "CRVAL3": 1.3e-3, "CDELT3": 1e-7, "CRPIX3": 1.0, "CUNIT3": "m"}, 8)
    assert ("CTYPE3", "AWAV", "WAVE", "SPEC-AIR") in [
        (each.item, each.was, each.became, each.rule) for each in air.repairs
    ]
    lost = measured({"CTYPE3": "ZOPT", "CRVAL3": 0.01, "CDELT3": 1e-5, "CRPIX3": 1.0}, 8)
    assert lost.spectral is None
    assert lost.repairs[-1].rule == "SPEC-IMPLAUSIBLE"


def test_the_one_channel_that_a_moment_map_has_left_is_not_its_range() -> None:
    alone = measured(FREQUENCY, 1)
    assert alone.spectral is not None
    left = measured(FREQUENCY, 1, *CARTA)
    assert left.spectral is None
    assert (left.repairs[-1].item, left.repairs[-1].rule) == ("CRVAL3", "SPEC-LEFTOVER")
    assert "1918 channels" in left.repairs[-1].why
    assert measured(FREQUENCY, 10, *CARTA[1:]).spectral is not None  # no log of CARTA's
    assert measured(FREQUENCY, 1918, *CARTA).spectral is not None


def test_the_equinox_that_casa_writes_for_b1950_vla_is_1950() -> None:
    header = header_of(SKY | {"EQUINOX": 1979.9}, (64, 64))
    product = place_on_sky(product_at(), header)
    assert product.sky is not None
    written = place_on_sky(product_at(), header_of(SKY | {"RADESYS": "FK4", "EQUINOX": 1950.0}, (64, 64)))
    assert written.sky is not None
    assert (product.sky.ra, product.sky.dec) == (written.sky.ra, written.sky.dec)
    year = Time(1950.0, format="byear")
    frame = FK4(equinox=year, obstime=year)
    reference = SkyCoord(204.25 * u.deg, -29.87 * u.deg, frame=frame).transform_to(ICRS())
    centre = SkyCoord(product.sky.ra * u.deg, product.sky.dec * u.deg)
    assert centre.separation(reference) < 0.4 * u.arcsec  # half a pixel from CRPIX to the middle
    assert [(each.item, each.became) for each in product.repairs if each.rule == "SKY-EQUINOX-VLA"] == [
        ("EQUINOX", "1950.0")
    ]


def test_the_date_of_the_file_is_when_it_was_made() -> None:
    header = header_of({"DATE": "2018-03-04T05:06:07.5", "ORIGIN": "CASA 5.1", "DATE-OBS": "2017-01-01"})
    product = date_observation(product_at(), header)
    assert product.created == "2018-03-04T05:06:07.500"
    assert date_observation(product_at(), header_of({"DATE": "yesterday"})).created is None
    old = date_observation(product_at(), header_of({"DATE": "21/06/96"}))
    assert old.created == "1996-06-21T00:00:00.000"
