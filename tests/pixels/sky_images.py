"""Masks on the sky for tests: a mask, the plane it lies in, and what astropy says of its pixels."""

from __future__ import annotations

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from vo_service.pixels import Celestial, read_axes
from vo_service.pixels.blocks import Block, Shape
from vo_service.pixels.fits_header import Keywords
from vo_service.pixels.sky_plane import SkyPlane
from vo_service.pixels.valid import ValidMask

ARCSEC = 1.0 / 3600.0


def sky_header(
    columns: int,
    rows: int,
    *,
    ra: float = 83.6,
    dec: float = -5.4,
    scale: float = ARCSEC,
    projection: str = "SIN",
    turn: float = 0.0,
    stretch: float = 1.0,
) -> fits.Header:
    """Cards of an image; ``scale`` in degrees a pixel, ``stretch`` times that along the second axis."""
    header = fits.Header()
    header["CTYPE1"], header["CTYPE2"] = f"RA---{projection}", f"DEC--{projection}"
    header["CRVAL1"], header["CRVAL2"] = ra, dec
    header["CRPIX1"], header["CRPIX2"] = columns // 2 + 1.0, rows // 2 + 1.0
    header["CDELT1"], header["CDELT2"] = -scale, scale * stretch
    header["CUNIT1"] = header["CUNIT2"] = "deg"
    header["RADESYS"] = "ICRS"
    if turn:
        header["CROTA2"] = turn
    return header


def plane_of(columns: int, rows: int, header: fits.Header) -> SkyPlane:
    """The plane of an image with that header, by the code under test."""
    keys = Keywords(dict(header))
    return SkyPlane(Celestial(keys, read_axes(keys, (columns, rows))), None)


def mask_of(valid: np.ndarray, maximum_cells: int = 1 << 26) -> ValidMask:
    """The mask of one plane."""
    rows, columns = valid.shape
    mask = ValidMask(Shape(columns, rows, 1), maximum_cells)
    mask.add(Block(0, 0, np.where(valid, 1.0, np.nan)[None], valid[None]))
    return mask


def astropy_vectors(header: fits.Header, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(n, 3) unit vectors of 0-based pixel coordinates, by astropy."""
    ra, dec = np.radians(WCS(header).wcs_pix2world(np.ravel(x), np.ravel(y), 0))
    return np.column_stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])


def astropy_area(header: fits.Header, valid: np.ndarray) -> float:
    """Square degrees of the valid pixels, each as the two flat triangles between its corners; pixels that
    have a corner off the projection count nothing.
    """
    rows, columns = valid.shape
    y, x = np.mgrid[: rows + 1, : columns + 1] - 0.5
    corner = astropy_vectors(header, x, y).reshape(rows + 1, columns + 1, 3)
    a, b, c, d = corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]
    halves = np.linalg.norm(np.cross(b - a, c - a), axis=-1) + np.linalg.norm(np.cross(c - a, d - a), axis=-1)
    return float(np.nansum((0.5 * halves)[valid]) * np.degrees(1.0) ** 2)
