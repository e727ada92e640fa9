"""Position and footprint in ICRS (OBS-071 to OBS-074), against astropy's frames."""

from __future__ import annotations

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import (
    FK4,
    FK5,
    BarycentricMeanEcliptic,
    BaseCoordinateFrame,
    CartesianRepresentation,
    Galactic,
    SkyCoord,
    UnitSphericalRepresentation,
)
from product_files import SKY, header_of, product_at

from vo_service.holdings.celestial import place_on_sky, turn_from_icrs, turn_to_icrs
from vo_service.holdings.records import ProductError
from vo_service.sky import unit_vectors

CENTRED = SKY | {"CRPIX1": 32.5, "CRPIX2": 32.5}


@pytest.mark.parametrize(
    ("cards", "frame", "rules"),
    [
        ({"RADESYS": "ICRS"}, "icrs", []),
        ({"RADESYS": "FK5", "EQUINOX": 2000.0}, FK5(equinox="J2000"), ["SKY-FK5"]),
        ({"RADESYS": "fk5"}, FK5(equinox="J2000"), ["SKY-FRAME-SPELLING", "SKY-FK5"]),
        ({"RADECSYS": "FK5"}, FK5(equinox="J2000"), ["SKY-FRAME-SPELLING", "SKY-FK5"]),
        ({"EPOCH": 2000.0}, FK5(equinox="J2000"), ["SKY-FRAME-EQUINOX", "SKY-FK5"]),
        ({"EQUINOX": "J2000.0"}, FK5(equinox="J2000"), ["SKY-FRAME-EQUINOX", "SKY-FK5"]),
        ({"RADESYS": "ICRS", "EQUINOX": "none"}, "icrs", []),
        ({"EQUINOX": 1950.0}, FK4(equinox="B1950", obstime="B1950"), ["SKY-FRAME-EQUINOX", "SKY-FK5"]),
        ({}, "icrs", ["SKY-FRAME-DEFAULT"]),
        ({"RADESYS": "GAPPT"}, "icrs", ["SKY-FRAME-UNKNOWN"]),
        ({"CTYPE1": "GLON-TAN", "CTYPE2": "GLAT-TAN"}, Galactic(), ["SKY-GALACTIC"]),
        (
            {"CTYPE1": "ELON-TAN", "CTYPE2": "ELAT-TAN"},
            BarycentricMeanEcliptic(equinox="J2000"),
            ["SKY-GALACTIC"],
        ),
    ],
)
def test_the_centre_is_where_astropy_puts_it(
    cards: dict[str, object], frame: object, rules: list[str]
) -> None:
    product = place_on_sky(product_at(), header_of(CENTRED | cards, (64, 64)))
    expected = SkyCoord(204.25 * u.deg, -29.87 * u.deg, frame=frame).icrs
    assert product.sky is not None
    found = SkyCoord(product.sky.ra * u.deg, product.sky.dec * u.deg)
    assert found.separation(expected).to_value(u.arcsec) < 1e-5
    assert [repair.rule for repair in product.repairs] == rules


@pytest.mark.parametrize(
    ("name", "year", "frame"),
    [
        ("FK4", 1950.0, FK4(equinox="B1950", obstime="B1950")),
        ("FK4", 1900.0, FK4(equinox="B1900", obstime="B1900")),
        ("FK5", 1975.0, FK5(equinox="J1975")),
        ("GALACTIC", 2000.0, Galactic()),
    ],
    ids=["B1950", "B1900", "J1975", "galactic"],
)
def test_the_way_from_icrs_is_that_of_astropy_and_leads_back(
    name: str, year: float, frame: BaseCoordinateFrame
) -> None:
    draws = np.random.default_rng(1).normal(size=(200, 3))
    places = np.vstack([np.eye(3), -np.eye(3), draws / np.linalg.norm(draws, axis=1)[:, None]])
    there, back = turn_to_icrs(name, year), turn_from_icrs(name, year)
    assert there is not None and back is not None
    assert np.abs(there(back(places)) - places).max() < 1e-15 * 4
    theirs = SkyCoord(CartesianRepresentation(places.T), frame="icrs").transform_to(frame)
    expected = theirs.represent_as(UnitSphericalRepresentation).to_cartesian().xyz.value.T
    assert np.abs(back(places) - expected).max() < 1e-9  # of B1900 astropy does not come back nearer itself


def test_the_footprint_is_the_square_of_the_outer_pixel_edges() -> None:
    product = place_on_sky(product_at(), header_of(CENTRED | {"RADESYS": "ICRS"}, (64, 64)))
    sky = product.sky
    assert sky is not None and len(sky.footprint.vertices) == 4
    assert sky.footprint.area() == pytest.approx((64e-4) ** 2, rel=1e-6)
    assert sky.field_of_view == pytest.approx(64e-4 * np.sqrt(2.0), rel=1e-6)
    assert (sky.pixel_scale, sky.pixels) == (pytest.approx(0.36), (64, 64))
    assert sky.footprint.contains(unit_vectors([sky.ra], [sky.dec])).all()


def test_the_projections_of_aips_are_recorded() -> None:
    cards = CENTRED | {"CTYPE1": "RA---GLS", "CTYPE2": "DEC--GLS", "RADESYS": "ICRS"}
    [repair] = place_on_sky(product_at(), header_of(cards, (64, 64))).repairs
    assert (repair.item, repair.was, repair.became) == ("CTYPE1", "RA---GLS", "RA---SFL")


def test_a_map_across_right_ascension_zero_and_at_the_pole() -> None:
    for ra, dec in ((0.0, 0.0), (0.0, 90.0)):
        sky = place_on_sky(product_at(), header_of(CENTRED | {"CRVAL1": ra, "CRVAL2": dec}, (64, 64))).sky
        assert sky is not None and sky.footprint.area() == pytest.approx((64e-4) ** 2, rel=1e-4)


def test_no_sky_is_none_and_a_bad_one_is_an_error() -> None:
    assert place_on_sky(product_at(), header_of({"CTYPE1": "FREQ"}, (64,))).sky is None
    with pytest.raises(ProductError, match="CDELT1 is zero") as caught:
        place_on_sky(product_at(), header_of(SKY | {"CDELT1": 0.0}, (64, 64)))
    assert (caught.value.kind, caught.value.item) == ("bad_wcs", "CDELT1")


@pytest.mark.parametrize(
    ("cards", "keyword"),
    [
        ({"EQUINOX": 20000.0}, "EQUINOX"),
        ({"EQUINOX": "now"}, "EQUINOX"),
        ({"EQUINOX": 0.0, "EPOCH": 1.0}, "EPOCH"),
        ({"CRVAL1": 99999.0}, "CRVAL1"),
    ],
)
def test_numbers_that_no_position_has_give_none(cards: dict[str, object], keyword: str) -> None:
    with pytest.raises(ProductError, match=keyword) as caught:
        place_on_sky(product_at(), header_of(CENTRED | cards, (64, 64)))
    assert (caught.value.kind, caught.value.item) == ("bad_wcs", keyword)


def test_one_celestial_axis_beside_one_of_another_kind_is_no_image_of_the_sky() -> None:
    """As in a cut along right ascension; beside an axis without a name, its partner was lost."""
    cut = SKY | {"CTYPE2": "VRAD"}
    assert place_on_sky(product_at(), header_of(cut, (64, 64))).sky is None
    with pytest.raises(ProductError, match="CTYPE2 is missing beside RA---SIN"):
        place_on_sky(product_at(), header_of(SKY | {"CTYPE2": " "}, (64, 64)))


def test_an_image_whose_edge_is_no_outline_is_an_error() -> None:
    """Rows and columns turned all but into each other: the pixels lie on one line."""
    line = {"PC1_1": 1.0, "PC1_2": 1.0, "PC2_1": 1.0, "PC2_2": 1.0 + 1e-12}
    with pytest.raises(ProductError, match="no outline") as caught:
        place_on_sky(product_at(), header_of(CENTRED | line, (64, 64)))
    assert caught.value.kind == "bad_wcs"
