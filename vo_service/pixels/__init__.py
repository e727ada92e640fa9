"""Images and cubes: headers and layout read without touching pixels, world coordinates of all axes,
outlines.
"""

from vo_service.pixels.axes import Axes, Axis, read_axes
from vo_service.pixels.celestial import Celestial, CelestialError
from vo_service.pixels.fits_file import FitsFile, Hdu, TruncatedFits, read_fits
from vo_service.pixels.fits_header import CardFault, FitsError, HeaderCard, Keywords, NonAsciiCard
from vo_service.pixels.fits_table import read_table
from vo_service.pixels.outline import Outline, trace_outline
from vo_service.pixels.spectral_wcs import LOGARITHM, SpectralAxis, SpectralAxisError, read_spectral_axis

__all__ = [
    "LOGARITHM",
    "Axes",
    "Axis",
    "CardFault",
    "Celestial",
    "CelestialError",
    "FitsError",
    "FitsFile",
    "Hdu",
    "HeaderCard",
    "Keywords",
    "NonAsciiCard",
    "Outline",
    "SpectralAxis",
    "SpectralAxisError",
    "TruncatedFits",
    "read_axes",
    "read_fits",
    "read_spectral_axis",
    "read_table",
    "trace_outline",
]
