"""A tree of small images, each with one card that harmonisation has to change, refuse or do without."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits

BASE: dict[str, object] = {
    "CTYPE1": "RA---SIN", "CRVAL1": 204.25, "CRPIX1": 9.0, "CDELT1": -1e-4, "CUNIT1": "deg",
    "CTYPE2": "DEC--SIN", "CRVAL2": -29.87, "CRPIX2": 9.0, "CDELT2": 1e-4, "CUNIT2": "deg",
    "CTYPE3": "FREQ", "CRVAL3": 2.3e11, "CRPIX3": 1.0, "CDELT3": 1e6, "CUNIT3": "Hz",
    "CTYPE4": "STOKES", "CRVAL4": 1.0, "CRPIX4": 1.0, "CDELT4": 1.0,
    "BUNIT": "Jy/beam", "BMAJ": 4e-4, "BMIN": 3e-4, "BPA": 10.0, "OBJECT": "M83", "TELESCOP": "ALMA",
    "RADESYS": "ICRS", "SPECSYS": "BARYCENT", "RESTFRQ": 2.30538e11,
    "DATE-OBS": "2017-04-22T17:20:14.900000", "DATE": "2018-04-22T17:20:14.900000",
}  # fmt: skip
VELOCITY = {"CRVAL3": 7e5, "CDELT3": -2e3, "CUNIT3": "m/s"}

ODD: dict[str, dict[str, object]] = {
    "unit_upper": {"BUNIT": "JY/BEAM"},
    "unit_scale": {"BUNIT": "K (Tb)"},
    "unit_bananas": {"BUNIT": "bananas"},
    "unit_blank": {"BUNIT": "   "},
    "object_blanks": {"OBJECT": "  M   83 "},
    "object_none": {"OBJECT": "none"},
    "object_blank": {"OBJECT": " "},
    "object_number": {"OBJECT": 101899},
    "object_missing": {"OBJECT": None},
    "rest_spelling": {"RESTFRQ": None, "RESTFREQ": 2.30538e11},
    "rest_zero": {"RESTFRQ": 0.0},
    "rest_zero_and_spelling": {"RESTFRQ": 0.0, "RESTFREQ": 2.30538e11},
    "rest_negative": {"RESTFRQ": -1.0},
    "rest_text": {"RESTFRQ": "CO"},
    "rest_optical": {"RESTFRQ": 5.6e14},
    "rest_of_another_line": {"RESTFRQ": 1.102e11},
    "rest_of_another_line_above": {"RESTFRQ": 1.8e13},
    "rest_of_another_redshift": {"RESTFRQ": 3.45796e11, "REDSHIFT": 1.0},
    "rest_redshifted": {"RESTFRQ": 4.61041e11, "REDSHIFT": 1.0},
    "frame_lower": {"SPECSYS": "lsrk"},
    "frame_name": {"SPECSYS": "BARYCENTRIC"},
    "frame_wrong": {"SPECSYS": "EARTHLIKE"},
    "frame_missing": {"SPECSYS": None},
    "frame_lsrk": {"SPECSYS": "LSRK"},
    "frame_topo": {"SPECSYS": "TOPOCENT"},
    "frame_topo_undated": {"SPECSYS": "TOPOCENT", "DATE-OBS": None},
    "frame_source": {"SPECSYS": "SOURCE"},
    "frame_geo": {"SPECSYS": "GEOCENTR"},
    "frame_geo_elsewhere": {"SPECSYS": "GEOCENTR", "TELESCOP": "NOEMA"},
    "sky_fk5": {"RADESYS": "FK5", "EQUINOX": 2000.0},
    "sky_j2000": {"RADESYS": "J2000"},
    "sky_radecsys": {"RADESYS": None, "RADECSYS": "FK5"},
    "sky_unknown": {"RADESYS": "MYSKY"},
    "sky_default": {"RADESYS": None},
    "sky_b1950": {"RADESYS": None, "EQUINOX": 1950.0},
    "sky_vla": {"RADESYS": None, "EQUINOX": 1979.9},
    "sky_galactic": {"CTYPE1": "GLON-CAR", "CTYPE2": "GLAT-CAR"},
    "sky_gls": {"CTYPE1": "RA---GLS", "CTYPE2": "DEC--GLS"},
    "sky_crota": {"CROTA2": 30.0},
    "sky_pc01": {"PC01_01": 0.8, "PC01_02": -0.6, "PC02_01": 0.6, "PC02_02": 0.8},
    "date_old": {"DATE-OBS": "30/08/96"},
    "date_bad": {"DATE-OBS": "2016-13-41"},
    "date_future": {"DATE-OBS": "2099-01-01"},
    "date_spelling": {"DATE-OBS": None, "DATE_OBS": "2016-01-07T11:36:21.9"},
    "date_mjd": {"DATE-OBS": None, "MJD-OBS": 57394.5},
    "date_mjd_zero": {"DATE-OBS": None, "MJD-OBS": 0.0},
    "date_tai": {"TIMESYS": "TAI"},
    "date_scale_unknown": {"TIMESYS": "LOCAL"},
    "date_end": {"DATE-END": "2017-04-22T18:00:00"},
    "date_end_before": {"DATE-END": "2017-04-22T10:00:00"},
    "date_end_number": {"MJD-END": 57865.75},
    "date_end_text": {"DATE-END": "soon"},
    "date_end_tai": {"DATE-END": "2017-04-22T18:00:00", "TIMESYS": "TAI"},
    "date_end_before_exposed": {"DATE-END": "2017-04-22T10:00:00", "EXPTIME": 60.0},
    "telescope_other": {"TELESCOP": "NOEMA"},
    "telescope_other_instrument": {"TELESCOP": "EVLA", "INSTRUME": "EVLA"},
    "telescope_missing": {"TELESCOP": None},
    "telescope_antenna": {"TELESCOP": "ALMA:DV01"},
    "instrument_band": {"INSTRUME": "BAND6"},
    "instrument_alone": {"TELESCOP": None, "INSTRUME": "BAND6"},
    "exposure": {"EXPTIME": 60.0},
    "exposure_zero": {"EXPTIME": 0.0},
    "exposure_negative": {"EXPOSURE": -5.0},
    "exposure_text": {"EXPTIME": "long"},
    "beam_swapped": {"BMAJ": 3e-4, "BMIN": 4e-4},
    "beam_negative": {"BMAJ": -4e-4},
    "beam_text": {"BMAJ": "round"},
    "beam_half": {"BMIN": None},
    "beam_huge": {"BMAJ": 3.0, "BMIN": 3.0},
    "beam_angle": {"BPA": 400.0},
    "stokes_unknown": {"CRVAL4": 17.0},
    "stokes_yy": {"CRVAL4": -6.0},
    "axis_radio": {"CTYPE3": "VRAD", **VELOCITY},
    "axis_optical": {"CTYPE3": "VOPT", **VELOCITY},
    "axis_aips": {"CTYPE3": "VELO-LSR", "SPECSYS": None, **VELOCITY},
    "axis_velref": {"CTYPE3": "VELO", "VELREF": 257, "SPECSYS": None, **VELOCITY},
    "axis_radio_without_rest": {"CTYPE3": "VRAD", "RESTFRQ": None, **VELOCITY},
    "axis_felo": {"CTYPE3": "FELO-LSR", "SPECSYS": None, **VELOCITY},
    "axis_optical_velref": {"CTYPE3": "VELO-LSR", "VELREF": 1, "SPECSYS": None, **VELOCITY},
    "axis_radio_lsrk": {"CTYPE3": "VRAD", "SPECSYS": "LSRK", **VELOCITY},
    "axis_aips_hel": {"CTYPE3": "VELO-HEL", "VELREF": 2, "SPECSYS": None, **VELOCITY},
    "axis_air": {"CTYPE3": "AWAV", "CRVAL3": 1.3e-3, "CDELT3": 1e-6, "CUNIT3": "m"},
    "axis_wave": {"CTYPE3": "WAVE", "CRVAL3": 1.3e-3, "CDELT3": 1e-6, "CUNIT3": "m"},
    "axis_log": {"CTYPE3": "FREQ-LOG", "CDELT3": 3e8},
    "axis_wave_f2w": {"CTYPE3": "WAVE-F2W", "CRVAL3": 1.3e-3, "CDELT3": 1e-6, "CUNIT3": "m"},
    "axis_radio_w2f": {"CTYPE3": "VRAD-W2F", **VELOCITY},
    "axis_freq_v2f": {"CTYPE3": "FREQ-V2F", "CDELT3": 3e8},
    "axis_apparent": {"CTYPE3": "VELO", **VELOCITY},
    "axis_apparent_f2v": {"CTYPE3": "VELO-F2V", "VELREF": 257, **VELOCITY},
    "axis_beta": {"CTYPE3": "BETA", "CRVAL3": 2e-3, "CDELT3": -1e-5, "CUNIT3": None},
    "axis_angular": {"CTYPE3": "AFRQ", "CRVAL3": 1.445e12, "CDELT3": 6e6, "CUNIT3": "rad/s"},
    "axis_table": {"CTYPE3": "FREQ-TAB"},
    "axis_grism": {"CTYPE3": "WAVE-GRI", "CRVAL3": 1.3e-3, "CDELT3": 1e-6, "CUNIT3": "m"},
    "axis_code_of_another": {"CTYPE3": "VOPT-F2V", **VELOCITY},
    "axis_code_unknown": {"CTYPE3": "FREQ-XYZ"},
    "axis_zero": {"CDELT3": 0.0},
    "axis_text": {"CRVAL3": "high"},
    "axis_unit": {"CUNIT3": "bananas"},
    "axis_audible": {"CRVAL3": 440.0},
}  # fmt: skip


IN_ALMA_PATH: dict[str, dict[str, object]] = {
    "of_evla": {"TELESCOP": "EVLA", "INSTRUME": "EVLA"},
    "of_none": {"TELESCOP": None},
    "of_alma": {"INSTRUME": "BAND6"},
}


def write_odd_headers(tree: Path) -> None:
    """One file a case, below ``tree``; cards that are None are left out."""
    tree.mkdir(parents=True)
    for name, cards in ODD.items():
        _write(tree / f"{name}.image.fits", cards)
    member = tree / "2016.1.00324.L" / "member.uid___A001_X1_X2" / "product"
    member.mkdir(parents=True)
    for name, cards in IN_ALMA_PATH.items():
        _write(member / f"{name}.image.fits", cards)
    _write_raw(tree / "object_twice.image.fits", "OBSERVER= 'x       '", "OBJECT  = 'M 84    '")
    _write_raw(tree / "object_latin.image.fits", "OBJECT  = 'M83     '", "OBJECT  = 'Se\xf1al   '")
    _write_raw(tree / "rest_unreadable.image.fits", "RESTFRQ =", "RESTFRQ = 2.30538..11")


def _write(path: Path, cards: dict[str, object]) -> None:
    hdu = fits.PrimaryHDU(np.zeros((1, 4, 16, 16), dtype=np.float32))
    for key, value in (BASE | cards).items():
        if value is not None:
            hdu.header[key] = value
    hdu.writeto(path)


def _write_raw(path: Path, card: str, text: str) -> None:
    """A file in which the card that begins with ``card`` is written as ``text``, which astropy would not."""
    hdu = fits.PrimaryHDU(np.zeros((1, 4, 16, 16), dtype=np.float32))
    hdu.header.update(BASE | {"OBSERVER": "x"})
    hdu.writeto(path)
    raw = path.read_bytes()
    at = next(at for at in range(0, len(raw), 80) if raw[at : at + 80].decode("latin-1").startswith(card))
    path.write_bytes(raw[:at] + text.encode("latin-1").ljust(80) + raw[at + 80 :])
