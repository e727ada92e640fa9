"""Wavelengths of LSRK and TOPO images against astropy's SpectralCoord to 1 Hz; supports against the axes."""

from __future__ import annotations

import warnings
from functools import cache

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import ITRS, EarthLocation, SkyCoord, SpectralCoord
from astropy.time import Time
from astropy.utils import iers

C = 299792458.0
SITE = (2225142.180269, -5440307.370349, -2481029.851874)  # OBSGEO-X, -Y, -Z of the files


def observer_at(mjd: float) -> ITRS:
    """The telescope as any client of astropy says it."""
    time = Time(mjd, format="mjd", scale="utc")
    return EarthLocation.from_geocentric(*SITE, unit=u.m).get_itrs(obstime=time)


@cache
def to_barycentre(specsys: str, ra: float, dec: float, mjd: float | None) -> float:
    """What a frequency of the file is multiplied by at the barycentre: LSRK needs no time, any will do."""
    target = SkyCoord(ra * u.deg, dec * u.deg, distance=1e9 * u.kpc)
    with warnings.catch_warnings(), iers.conf.set_temp("auto_download", False):
        warnings.simplefilter("ignore")  # "no velocity defined": the source has none
        seen = SpectralCoord(1e12 * u.Hz, observer=observer_at(mjd or 57000.0), target=target)
        barycentric = seen.with_observer_stationary_relative_to("icrs").to_value(u.Hz)
        if specsys == "TOPOCENT":
            return float(barycentric / 1e12)
        return float(barycentric / seen.with_observer_stationary_relative_to("lsrk").to_value(u.Hz))


def primaries(case):
    """(truth, row of ivoa.obscore) of the images that data sets are made of and that have a spectral axis."""
    rows = {row["dataset_id"]: row for row in case.tables["ivoa.obscore"] if row["dataset_id"]}
    datasets = {row["path"]: row["dataset_id"] for row in case.tables["holdings.product"]}
    return [
        (true, rows[datasets[true["path"]]])
        for true in case.science
        if true["is_primary"] and true["f_min"] is not None
    ]


def test_wavelengths_are_barycentric_to_1_hz(case) -> None:
    # design 4.4
    checked = set()
    for true, row in primaries(case):
        if true["specsys"] not in ("LSRK", "TOPOCENT"):
            continue
        factor = to_barycentre(true["specsys"], true["s_ra"], true["s_dec"], true["t_min"])
        wanted = true["f_min"] * factor, true["f_max"] * factor
        found = C / row["em_max"], C / row["em_min"]
        assert found == pytest.approx(wanted, abs=1.0, rel=0), true["path"]
        checked.add(true["specsys"])
    assert checked == {"LSRK", "TOPOCENT"}


def test_frequencies_stay_where_the_frame_is_not_known(case) -> None:
    unknown = [(true, row) for true, row in primaries(case) if true["specsys"] is None]
    assert unknown
    for true, row in unknown:
        assert row["specsys"] is None
        found = C / row["em_max"], C / row["em_min"]
        assert found == pytest.approx((true["f_min"], true["f_max"]), abs=1.0, rel=0), true["path"]


def test_support_is_the_axis_of_the_file(case) -> None:
    """One window has one interval; that of an aggregate is compared with its windows elsewhere."""
    single = [(true, row) for true, row in primaries(case) if " " not in (true["spectral_windows"] or "")]
    assert len(single) > 30
    for true, row in single:
        support = np.array(row["em_support"]).ravel()
        assert support == pytest.approx([row["em_min"], row["em_max"]], rel=1e-12), true["path"]
        assert row["em_xel"] == true["n_chan"]
        assert C / support[::-1] == pytest.approx([true["f_min"], true["f_max"]], rel=1.2e-4)
