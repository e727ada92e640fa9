"""Galactic positions against astropy's frame."""

from __future__ import annotations

import astropy.units as u
import numpy as np
from astropy.coordinates import Galactic, SkyCoord

from vo_service.sky import galactic


def test_galactic_positions_are_those_of_astropy():
    rng = np.random.default_rng(5)
    lon = np.append(rng.uniform(0.0, 360.0, 200), [0.0, 0.0, 192.8594812065348])
    lat = np.append(np.degrees(np.arcsin(rng.uniform(-1.0, 1.0, 200))), [90.0, -90.0, 27.12825118085622])
    expected = SkyCoord(lon * u.deg, lat * u.deg).galactic

    found_lon, found_lat = galactic(lon, lat)

    found = SkyCoord(found_lon * u.deg, found_lat * u.deg, frame=Galactic())
    assert np.max(found.separation(expected).arcsec) < 1e-8
    assert np.all((found_lon >= 0.0) & (found_lon < 360.0))
