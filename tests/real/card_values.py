"""What the published columns of a file would hold if every card were taken as it is written.

Read with astropy and numpy alone: the independent side of the test that every other value is on record.
Conversions of unit (degrees to arcsec) and of definition (frequency to wavelength) are done here; frames,
spellings, defaults and doubts are not. What is stated and cannot be read is NaN: no column may pass over it.
"""

from __future__ import annotations

import io
import math
import re
import tarfile
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units
from astropy.io import fits
from astropy.time import Time
from astropy.wcs import WCS
from spectral_oracle import frequencies_by_wcslib

C = 299792458.0
BANDS = (
    (1, 35, 50), (3, 84, 116), (4, 125, 163), (5, 163, 211), (6, 211, 275), (7, 275, 373), (8, 385, 500),
    (9, 602, 720), (10, 787, 950),
)  # fmt: skip
"""Number and edges (GHz) of ALMA's receivers; band 2 lies within 3 but for 67 to 84 GHz."""
AIPS_FRAMES = frozenset({"LSR", "HEL", "OBS"})
SKY_AXES = ("RA", "GLON", "ELON", "DEC", "GLAT", "ELAT")
STOKES = {1: "I", 2: "Q", 3: "U", 4: "V", -1: "RR", -2: "LL", -5: "XX", -6: "YY", -7: "XY", -8: "YX"}
PROJECT = re.compile(r"(?<![\w.])\d{4}\.\w\.\d{5}\.[A-Z]{1,3}(?![\w.])")
MEMBER = re.compile(r"member\.(uid___A\w+_X\w+?_X[0-9a-f]+)")


@dataclass(frozen=True)
class Cards:
    """The cards of an image as they stand in its file; those of the primary header where it lacks them."""

    texts: dict[str, str]
    header: fits.Header
    table: fits.FITS_rec | None

    def text(self, keyword: str) -> str | None:
        """The value field without quotes and without blanks at its end; None where there is no card."""
        return self.texts.get(keyword)

    def number(self, keyword: str) -> float | None:
        """NaN where the card states something that is no number, None where it states nothing."""
        text = self.texts.get(keyword, "").strip()
        try:
            return float(text.replace("D", "E")) if text else None
        except ValueError:
            return math.nan


def content_of(path: Path) -> Path | io.BytesIO:
    """What astropy can open: the file, or the member of a tar whose path goes on behind it."""
    container = next((each for each in path.parents if each.is_file()), None)
    if container is None:
        return path
    with tarfile.open(container) as tar:
        member = tar.extractfile(path.relative_to(container).as_posix())
        assert member is not None
        return io.BytesIO(member.read())


@cache
def read_cards(path: Path, hdu: int) -> Cards:
    """Cards of HDU ``hdu`` over those of the primary one; the table BEAMS where there is one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with fits.open(content_of(path), disable_image_compression=True, ignore_missing_simple=True) as hdus:
            texts: dict[str, str] = {}
            for each in [hdus[hdu], hdus[0]]:
                for card in each.header.cards:
                    if card.keyword not in ("", "HISTORY", "COMMENT", "CONTINUE"):
                        texts.setdefault(card.keyword, _value_field(card))
            beams = next((each.data for each in hdus if each.name == "BEAMS"), None)
            return Cards(texts, hdus[hdu].header.copy(), None if beams is None else beams.copy())


def _value_field(card: fits.Card) -> str:
    image = card.image
    quoted = re.match(r".{8}= *'((?:[^']|'')*)'", image)
    if quoted:
        return quoted.group(1).replace("''", "'").rstrip()
    return image[10:80].split("/")[0].strip()


def plain_values(cards: Cards, path: str) -> dict[str, Any]:
    """Column of ``ivoa.obscore`` -> value by cards and path as written, None where they state none."""
    spectrum = _wavelengths(cards)
    position = _middle(cards)
    project, member = PROJECT.search(path), MEMBER.search(path)
    return {
        "target_name": cards.text("OBJECT"),
        "o_unit": cards.text("BUNIT") or None,
        "s_resolution": _beam_size(cards),
        "rest_frequency": cards.number("RESTFRQ"),
        "specsys": cards.text("SPECSYS") or None,
        "t_min": _mjd(cards.text("DATE-OBS")),
        "t_max": _mjd(cards.text("DATE-END")),  # MJD-END is another card: it needs a record
        "t_exptime": cards.number("EXPTIME") if "EXPTIME" in cards.texts else cards.number("EXPOSURE"),
        "pol_states": _polarisations(cards),
        "em_min": spectrum[0],
        "em_max": spectrum[1],
        "s_ra": position[0],
        "s_dec": position[1],
        "s_fov": field_of(cards),
        **_made_of(*spectrum),
        "em_xel": _channels(cards),
        "obs_collection": cards.text("TELESCOP") or None,
        "facility_name": cards.text("TELESCOP") or None,
        "instrument_name": cards.text("INSTRUME") or None,
        "proposal_id": project.group(0) if project else None,
        "member_ous_uid": member.group(1).replace("___", "://").replace("_", "/") if member else None,
        "obs_creation_date": _mjd(cards.text("DATE")),
    }


def _made_of(em_min: float | None, em_max: float | None) -> dict[str, Any]:
    """What follows from the edges: middle (GHz), width (Hz), and the receiver band of the middle."""
    if em_min is None or em_max is None or not math.isfinite(em_min + em_max):
        unknown = None if em_min is None else math.nan
        return {"frequency": unknown, "bandwidth": unknown, "band_list": None}
    low, high = C / em_max, C / em_min
    middle = (low + high) / 2e9
    bands = [number for number, first, last in BANDS if first <= middle <= last]
    return {
        "frequency": middle,
        "bandwidth": high - low,
        "band_list": str(max(bands)) if bands else None,
    }


def _channels(cards: Cards) -> int:
    """Planes along all axes but those of the sky and of polarisation."""
    count = int(cards.number("ZNAXIS") or cards.number("NAXIS") or 0)
    apart = {axis_of(cards, *SKY_AXES[:3]), axis_of(cards, *SKY_AXES[3:]), axis_of(cards, "STOKES")}
    return math.prod(length_of(cards, number) for number in range(1, count + 1) if number not in apart)


def field_of(cards: Cards) -> float | None:
    """Diameter in degrees of the circle about the outer corners of the image."""
    wcs, size = sky_of(cards)
    if wcs is None:
        return None
    corners = [(x, y) for x in (0.5, size[0] + 0.5) for y in (0.5, size[1] + 0.5)]
    lon, lat = np.radians(wcs.wcs_pix2world(corners, 1).T)
    points = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)]).T
    chord = max(np.linalg.norm(points[one] - points[other]) for one, other in ((0, 3), (1, 2)))
    return float(np.degrees(2 * np.arcsin(chord / 2)))


def _beam_size(cards: Cards) -> float | None:
    major, minor = cards.number("BMAJ"), cards.number("BMIN")
    if major is None and minor is None:
        return None
    product = (math.nan if major is None else major) * (math.nan if minor is None else minor)
    return 3600.0 * math.sqrt(product) if product > 0.0 else math.nan


def _mjd(text: str | None) -> float | None:
    try:
        with warnings.catch_warnings():  # of dates that are far ahead
            warnings.simplefilter("ignore")
            return None if not text else float(Time(text, scale="utc").mjd)
    except ValueError:
        return math.nan


def axis_of(cards: Cards, *names: str) -> int | None:
    count = int(cards.number("ZNAXIS") or cards.number("NAXIS") or 0)
    for number in range(1, count + 1):
        if (cards.text(f"CTYPE{number}") or "").startswith(names):
            return number
    return None


def length_of(cards: Cards, axis: int) -> int:
    return int(cards.number(f"ZNAXIS{axis}") or cards.number(f"NAXIS{axis}") or 0)


def linear_of(cards: Cards, axis: int, pixels: np.ndarray) -> np.ndarray:
    value, step, reference = (cards.number(f"{word}{axis}") for word in ("CRVAL", "CDELT", "CRPIX"))
    if value is None or step is None or reference is None:
        return np.full(len(pixels), np.nan)
    turn = cards.number(f"PC{axis}_{axis}")
    return value + (pixels - reference) * step * (1.0 if turn is None else turn)


def _polarisations(cards: Cards) -> str | None:
    axis = axis_of(cards, "STOKES")
    if axis is None:
        return None
    codes = linear_of(cards, axis, np.arange(1, length_of(cards, axis) + 1))
    labels = {STOKES.get(round(code), f"code {code:g}") for code in codes}
    if not labels <= set(STOKES.values()):
        return " ".join(sorted(labels))
    return "/" + "/".join(label for label in STOKES.values() if label in labels) + "/"


def _wavelengths(cards: Cards) -> tuple[float | None, float | None]:
    """Of the outer channel edges, in the frame of the file; None where the axis needs to be interpreted."""
    axis = axis_of(cards, "FREQ", "AFRQ", "VRAD", "VOPT", "WAVE")
    if axis is None:
        return None, None
    pixels = np.array([0.5, length_of(cards, axis) + 0.5])
    kind, _, code = (cards.text(f"CTYPE{axis}") or "").partition("-")
    if kind == "AFRQ" or (code and code not in AIPS_FRAMES):
        return by_wcslib(cards, axis, pixels) or (math.nan, math.nan)
    ends = linear_of(cards, axis, pixels)
    written = cards.text(f"CUNIT{axis}") or {"FREQ": "Hz", "WAVE": "m"}.get(kind, "m/s")
    try:
        given = ends * units.Unit(written.replace("HZ", "Hz").replace("M/S", "m/s"))
    except ValueError:
        return math.nan, math.nan
    rest = (cards.number("RESTFRQ") or 0.0) * units.Hz
    meanings = {"VRAD": units.doppler_radio, "VOPT": units.doppler_optical}
    if kind in meanings and not rest.value > 0.0:
        return math.nan, math.nan
    how = meanings[kind](rest) if kind in meanings else units.spectral()
    low, high = sorted(float(each) for each in C / given.to_value(units.Hz, equivalencies=how))
    return low, high


def by_wcslib(cards: Cards, axis: int, ends: np.ndarray) -> tuple[float, float] | None:
    """By wcslib, for axes of paper III in SI units; None for those that it does not know."""
    ctype, unit = cards.text(f"CTYPE{axis}") or "", cards.text(f"CUNIT{axis}")
    numbers = [cards.number(f"{name}{axis}") for name in ("CRVAL", "CDELT", "CRPIX")]
    if ctype[4:] in ("-TAB", "-GRI", "-GRA") or None in numbers:
        return None
    assert unit in (None, "Hz", "m", "m/s", "rad/s")
    rest = cards.number("RESTFRQ") or math.nan
    try:
        frequency = frequencies_by_wcslib(ctype, *numbers, rest, ends)
    except ValueError:
        return None
    low, high = sorted(C / frequency)
    return float(low), float(high)


def _middle(cards: Cards) -> tuple[float | None, float | None]:
    """Longitude and latitude of the middle of the image in degrees of whatever frame the cards name."""
    wcs, size = sky_of(cards)
    if wcs is None:
        return None, None
    found = wcs.wcs_pix2world([[(each + 1) / 2 for each in size]], 1)[0]
    return float(found[0]), float(found[1])


def sky_of(cards: Cards) -> tuple[WCS | None, tuple[int, int]]:
    """The celestial axes and their lengths, None where there are none that wcslib understands."""
    longitude, latitude = axis_of(cards, *SKY_AXES[:3]), axis_of(cards, *SKY_AXES[3:])
    if longitude is None or latitude is None:
        return None, (0, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        header = cards.header.copy()
        for word in ("SPECSYS", "RESTFRQ", "RESTFREQ", "VELREF"):
            header.remove(word, ignore_missing=True)
        others = [n for n in range(3, int(header["NAXIS"]) + 1) if n not in (longitude, latitude)]
        for number in others:  # axes that wcslib may refuse have no part in this
            header[f"CTYPE{number}"] = "LINEAR"
            header.remove(f"CUNIT{number}", ignore_missing=True)
            header[f"CDELT{number}"] = header[f"CRVAL{number}"] = 1.0
        try:
            wcs = WCS(header).sub([longitude, latitude])
            wcs.wcs.set()
        except ValueError:
            return None, (0, 0)
    return wcs, (length_of(cards, longitude), length_of(cards, latitude))
