"""North up and east left whatever the header does, beams by their angle on the sky, and a grid that astropy
agrees with."""

from __future__ import annotations

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st
from pictures import cards_of, plane_of

from vo_service.pixels.quicklook.drawn_sky import DrawnSky
from vo_service.pixels.quicklook.stand import Stand, beam_outline, stand_of
from vo_service.pixels.quicklook.words import Beam

STANDS = st.builds(Stand, st.integers(1, 9), st.integers(1, 9), st.booleans(), st.booleans(), st.booleans())


@given(STANDS)
def test_pixels_go_to_the_picture_and_back(stand: Stand) -> None:
    values = np.arange(stand.columns * stand.rows).reshape(stand.rows, stand.columns).astype(float)
    y, x = np.mgrid[: stand.rows, : stand.columns]
    image = np.column_stack([x.ravel(), y.ravel()]).astype(float)
    places = stand.to_picture(image)
    shown = stand.turn(values)
    assert shown.shape == stand.size[::-1]
    assert np.array_equal(shown[places[:, 1].astype(int), places[:, 0].astype(int)], values.ravel())
    assert np.array_equal(stand.to_image(places), image)
    steps = stand.to_picture(image + np.array([0.25, 0.5])) - places
    assert np.allclose(steps, stand.matrix() @ [0.25, 0.5])


@given(st.integers(0, 359), st.booleans(), st.booleans())
def test_east_is_left_and_north_is_up(angle: int, mirrored: bool, swapped: bool) -> None:
    turn = np.radians(angle)
    matrix = np.array([[-np.cos(turn), np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    if mirrored:
        matrix = matrix[:, ::-1]
    cards = {f"CD{i + 1}_{j + 1}": matrix[i, j] / 3600 for i in (0, 1) for j in (0, 1)}
    if swapped:
        cards = {f"CD{3 - int(key[2])}_{key[4]}": value for key, value in cards.items()}
        cards |= {"CTYPE1": "DEC--TAN", "CTYPE2": "RA---TAN", "CRVAL1": -5.4, "CRVAL2": 83.6}
    cards |= {"CDELT1": None, "CDELT2": None}
    stand = stand_of(plane_of(40, 30, **cards).celestial, 40, 30)
    wcs = WCS(cards_of(40, 30, **cards))
    here = SkyCoord(83.6, -5.4, unit="deg")
    places = []
    for way in (None, 90.0, 0.0):
        there = here if way is None else here.directional_offset_by(way * u.deg, 5 * u.arcsec)
        places.append(stand.to_picture(np.array([wcs.world_to_pixel(there)]).reshape(1, 2))[0])
    middle, east, north = places
    assert (north - middle)[1] >= 5 * np.cos(np.radians(45.001))
    assert (east - middle)[0] <= -5 * np.cos(np.radians(45.001))


def test_an_image_as_it_should_be_stays_and_so_does_one_without_a_sky() -> None:
    for celestial in (plane_of(5, 4).celestial, plane_of(5, 4, CROTA2=44.0).celestial, None):
        assert stand_of(celestial, 5, 4) == Stand(5, 4)
    galactic = {"CTYPE1": "GLON-CAR", "CTYPE2": "GLAT-CAR", "CRVAL1": 30.0, "CRVAL2": 0.0}
    assert stand_of(plane_of(5, 4, **galactic).celestial, 5, 4) == Stand(5, 4)  # its plane stays level


@pytest.mark.parametrize("dec", [90.0, -90.0])
@pytest.mark.parametrize("step", [1e-3, -1e-3])
def test_a_pole_leaves_a_left_but_no_up(dec: float, step: float) -> None:
    stand = stand_of(plane_of(5, 5, CRVAL2=dec, CDELT1=step, CDELT2=1e-3).celestial, 5, 5)
    assert stand == Stand(5, 5, mirrored_across=step > 0.0)


@pytest.mark.parametrize("angle", [0.0, 30.0, 90.0, 135.0, -61.7])
@pytest.mark.parametrize("turn", [0.0, 25.0, 170.0])
@pytest.mark.parametrize("step", [-1 / 3600, 1 / 3600], ids=["left", "right"])
def test_the_beam_lies_by_its_angle_from_north_through_east(angle: float, turn: float, step: float) -> None:
    cards = {"CROTA2": turn, "CDELT1": step, "CDELT2": 0.5 / 3600}  # pixels that are no squares
    plane = plane_of(41, 31, **cards)
    stand = stand_of(plane.celestial, 41, 31)
    outline = beam_outline(Beam(20.0, 6.0, angle), plane.celestial, stand)
    assert outline is not None
    wcs = WCS(cards_of(41, 31, **cards))
    here = SkyCoord(*wcs.pixel_to_world_values(20.0, 15.0), unit="deg")
    for toward, half in ((angle, 10.0), (angle + 90.0, 3.0)):
        there = here.directional_offset_by(toward * u.deg, half * u.arcsec)
        [place] = stand.to_picture(np.array(wcs.world_to_pixel(there)).reshape(1, 2))
        [middle] = stand.to_picture(np.array([[20.0, 15.0]]))
        # the ends of either axis lie on the outline
        assert np.linalg.norm(outline - (place - middle), axis=1).min() < 1e-3


def test_a_beam_that_is_not_known_is_not_drawn() -> None:
    plane = plane_of(9, 9)
    stand = stand_of(plane.celestial, 9, 9)
    assert beam_outline(Beam(3.0, 2.0, None), plane.celestial, stand) is None
    circle = beam_outline(Beam(3.0, 3.0, None), plane.celestial, stand)
    assert circle is not None and np.allclose(np.linalg.norm(circle, axis=1), 1.5, rtol=1e-6)
    nowhere = plane_of(9, 9, CTYPE1="RA---SIN", CTYPE2="DEC--SIN", CRPIX1=1e6).celestial
    assert beam_outline(Beam(3.0, 3.0, None), nowhere, stand) is None
    assert stand_of(nowhere, 9, 9) == Stand(9, 9)


@pytest.mark.parametrize("frame", ["ICRS", "FK5", "FK4", "GALACTIC"])
def test_the_grid_is_where_astropy_puts_it(frame: str) -> None:
    cards: dict[str, object] = {"RADESYS": frame, "CROTA2": 130.0}
    if frame == "GALACTIC":
        cards = {"CTYPE1": "GLON-TAN", "CTYPE2": "GLAT-TAN", "CROTA2": 130.0, "RADESYS": None}
    if frame in ("FK4", "FK5"):
        cards["EQUINOX"] = 1950.0 if frame == "FK4" else 2000.0
    plane = plane_of(40, 30, frame, **cards)
    stand = stand_of(plane.celestial, 40, 30)
    sky = DrawnSky(plane, stand)
    x, y = np.array([[0.0, 39.0, 7.5]]), np.array([[0.0, 29.0, 11.25]])
    image = stand.to_image(np.column_stack([x[0], y[0]]))
    wcs = WCS(cards_of(40, 30, **cards))
    place = wcs.pixel_to_world(image[:, 0], image[:, 1]).icrs
    ra, dec = sky.pixel_to_world_values(x, y)
    assert ra.shape == (1, 3)
    assert SkyCoord(ra[0], dec[0], unit="deg").separation(place).arcsec.max() < 1e-3
    back = sky.world_to_pixel_values(ra, dec)
    assert np.allclose(back, (x, y), atol=1e-6)


def test_off_the_projection_there_is_no_place_and_no_warning() -> None:
    plane = plane_of(40, 30, CTYPE1="RA---SIN", CTYPE2="DEC--SIN", CDELT1=-10.0, CDELT2=10.0)
    sky = DrawnSky(plane, Stand(40, 30))
    assert np.isnan(sky.pixel_to_world_values(0.0, 0.0)).all()
    assert np.isnan(sky.world_to_pixel_values(83.6 + 180.0, 0.0)).all()
    assert np.isnan(sky.world_to_pixel_values(np.nan, 0.0)).all()
