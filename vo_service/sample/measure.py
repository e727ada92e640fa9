"""What a file says, read back from its bytes with astropy: the measured half of the truth table.

Positions go through ``astropy.wcs`` (outline along the outer pixel edges, 0.5 to N + 0.5) and ``SkyCoord``
to ICRS; frequencies come from the literal cards of the linear spectral axis; wavelengths from
:mod:`frames`. Nothing is taken from the plan the file was made by, so a slip in writing shows as a
difference in the tests.
"""

from __future__ import annotations

import gzip
import io
import re
import warnings
from dataclasses import dataclass

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.time import Time
from astropy.wcs import WCS
from numpy.typing import NDArray

from vo_service.sample.frames import barycentric_factor
from vo_service.sample.lines import SPEED_OF_LIGHT
from vo_service.sample.pixel_truth import PixelTruth, read_pixels

_STOKES = {
    1: "I",
    2: "Q",
    3: "U",
    4: "V",
    -1: "RR",
    -2: "LL",
    -3: "RL",
    -4: "LR",
    -5: "XX",
    -6: "YY",
    -7: "XY",
    -8: "YX",
}
_EDGE_POINTS = 9


@dataclass(frozen=True, slots=True)
class Measured:
    """Values of truth.json read from a file; None where the file does not tell."""

    s_ra: float
    s_dec: float
    footprint_area: float
    s_resolution: float | None
    beam_min: float | None
    beam_max: float | None
    n_chan: int
    f_min: float | None
    f_max: float | None
    specsys: str | None
    em_min: float | None
    em_max: float | None
    rest_frequency: float | None
    pol_states: str | None
    axes: tuple[int, ...]
    t_min: float | None
    pixels: PixelTruth


def _open(content: bytes) -> fits.HDUList:
    data = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    return fits.open(io.BytesIO(data), memmap=False)


def _sky(header: fits.Header) -> tuple[float, float, float]:
    """Centre (degrees ICRS) and area (square degrees) of the outline of all pixels."""
    wcs = WCS(header).celestial
    nx, ny = int(header["NAXIS1"]), int(header["NAXIS2"])
    along = np.linspace(0.0, 1.0, _EDGE_POINTS)[:-1]
    x = np.concatenate((along, np.ones_like(along), 1.0 - along, np.zeros_like(along))) * nx - 0.5
    y = np.concatenate((np.zeros_like(along), along, np.ones_like(along), 1.0 - along)) * ny - 0.5
    outline = wcs.pixel_to_world(x, y).icrs
    centre = wcs.pixel_to_world((nx - 1) / 2.0, (ny - 1) / 2.0).icrs
    return float(centre.ra.deg), float(centre.dec.deg), _area(outline, centre)


def _area(outline: SkyCoord, centre: SkyCoord) -> float:
    """Area of a spherical polygon as a fan of triangles around ``centre``, in square degrees."""
    corners: NDArray[np.float64] = np.asarray(outline.cartesian.xyz).T
    apex = np.asarray(centre.cartesian.xyz)
    following = np.roll(corners, -1, axis=0)
    triple = np.einsum("i,ji->j", apex, np.cross(corners, following))
    cosines = 1.0 + corners @ apex + following @ apex + np.einsum("ij,ij->i", corners, following)
    excess = 2.0 * np.arctan2(triple, cosines)
    return float(abs(excess.sum()) * np.degrees(1.0) ** 2)


def _beams(hdus: fits.HDUList, header: fits.Header) -> tuple[float, float, float] | None:
    """Median, smallest and largest geometric mean of the beam axes, in arcsec."""
    for hdu in hdus[1:]:
        if hdu.name == "BEAMS":
            sizes = np.sqrt(hdu.data["BMAJ"].astype(float) * hdu.data["BMIN"].astype(float))
            return float(np.median(sizes)), float(sizes.min()), float(sizes.max())
    if "BMAJ" not in header:
        return _beam_of_history(header)
    size = float(np.sqrt(header["BMAJ"] * header["BMIN"]) * 3600.0)
    return size, size, size


def _beam_of_history(header: fits.Header) -> tuple[float, float, float] | None:
    """The beam that AIPS or CASA logged last, where no card has it; CASA goes on with ``>`` on the next line.

    AIPS programs other than CLEAN log beams of their own, which are not the image's.
    """
    log = "\n".join(str(line).rstrip("\n") for line in header.get("HISTORY", []))
    found = re.findall(r"^AIPS   CLEAN BMAJ= *(\S+) BMIN= *(\S+)", log, re.MULTILINE)
    scale = 3600.0
    if not found:
        log = log.replace("\n>", "")
        found = re.findall(r"eam used in restoration: (\S+) by (\S+) \(arcsec\)", log)
        scale = 1.0
    if not found:
        return None
    size = scale * float(np.sqrt(float(found[-1][0]) * float(found[-1][1])))
    return size, size, size


def _spectrum(header: fits.Header, rest: float | None) -> tuple[int, float | None, float | None, str | None]:
    """Channels, outer edges in Hz (in the frame of the file) and that frame."""
    for axis in range(3, int(header["NAXIS"]) + 1):
        ctype = str(header.get(f"CTYPE{axis}", "")).strip()
        if ctype not in ("FREQ", "VRAD", "VELO-LSR", "VOPT", "FELO-LSR", "AWAV"):
            continue
        count = int(header[f"NAXIS{axis}"])
        specsys = str(header["SPECSYS"]).strip() if "SPECSYS" in header else None
        if ctype.endswith("-LSR"):  # the velocities of AIPS and Miriad, frame in the axis name
            specsys = "LSRK"
        offsets = np.array([0.5, count + 0.5]) - header[f"CRPIX{axis}"]
        edges = _frequencies(ctype, header[f"CRVAL{axis}"], header[f"CDELT{axis}"] * offsets, rest)
        if edges is None:
            return count, None, None, specsys
        return count, float(edges.min()), float(edges.max()), specsys
    # a map that has lost the axis still states the frame of its parent
    return 1, None, None, str(header["SPECSYS"]).strip() if "SPECSYS" in header else None


def _frequencies(
    ctype: str, value: float, offsets: NDArray[np.float64], rest: float | None
) -> NDArray[np.float64] | None:
    """Sky frequency (Hz) at ``offsets`` from the reference value, both in the unit of the axis; None for a
    velocity without a rest frequency.
    """
    if ctype == "FREQ":
        return value + offsets
    if ctype == "AWAV":
        return SPEED_OF_LIGHT / vacuum_wavelength(value + offsets)
    if rest is None:
        return None
    if ctype == "VOPT":
        return rest / (1.0 + (value + offsets) / SPEED_OF_LIGHT)
    if ctype == "FELO-LSR":  # channels equal in frequency, labelled by the optical velocity at the reference
        reference = rest / (1.0 + value / SPEED_OF_LIGHT)
        return reference - offsets * reference**2 / (rest * SPEED_OF_LIGHT)
    return rest * (1.0 - (value + offsets) / SPEED_OF_LIGHT)


def vacuum_wavelength(air: NDArray[np.float64]) -> NDArray[np.float64]:
    """Wavelength in vacuum (m) of a wavelength in air (m), by the index of refraction of the FITS Standard
    4.0, section 8.4.
    """
    micron = 1e-6 / air
    return air * (1.0 + 1e-6 * (287.6155 + 1.62887 * micron**2 + 0.01360 * micron**4))


def _polarisations(header: fits.Header) -> str | None:
    for axis in range(3, int(header["NAXIS"]) + 1):
        if str(header.get(f"CTYPE{axis}", "")).strip() == "STOKES":
            steps = np.arange(1, int(header[f"NAXIS{axis}"]) + 1) - header[f"CRPIX{axis}"]
            codes = header[f"CRVAL{axis}"] + steps * header[f"CDELT{axis}"]
            return "/" + "/".join(_STOKES[round(float(code))] for code in codes) + "/"
    return None


def measure(content: bytes, rest_known: bool = True) -> Measured:
    """Read the first image of a FITS file, gzipped or not; its rest frequency only if ``rest_known``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with _open(content) as hdus:
            image = next(
                hdu
                for hdu in hdus
                if isinstance(hdu, fits.PrimaryHDU | fits.ImageHDU) and hdu.data is not None
            )
            header = image.header
            ra, dec, area = _sky(header)
            stated = header.get("RESTFRQ", header.get("RESTFREQ"))
            rest = float(stated) if stated is not None else None
            count, low, high, specsys = _spectrum(header, rest)
            beam = _beams(hdus, header)
            polarisations = _polarisations(header)
            pixels = read_pixels(image)
            axes = tuple(int(header[f"NAXIS{n}"]) for n in range(1, int(header["NAXIS"]) + 1))
            date = str(header["DATE-OBS"]) if "DATE-OBS" in header else None
    factor = 1.0
    if specsys is not None and low is not None:
        factor = barycentric_factor(specsys, round(ra, 9), round(dec, 9), date)
    return Measured(
        s_ra=ra,
        s_dec=dec,
        footprint_area=area,
        s_resolution=beam[0] if beam else None,
        beam_min=beam[1] if beam else None,
        beam_max=beam[2] if beam else None,
        n_chan=count,
        f_min=low,
        f_max=high,
        specsys=specsys,
        em_min=SPEED_OF_LIGHT / (high * factor) if high is not None else None,
        em_max=SPEED_OF_LIGHT / (low * factor) if low is not None else None,
        rest_frequency=rest if rest_known else None,
        pol_states=polarisations,
        axes=axes,
        t_min=float(Time(date, scale="utc").mjd) if date is not None else None,
        pixels=pixels,
    )
