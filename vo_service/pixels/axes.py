"""The axes of an image as its header describes them: which is longitude, latitude, spectral, Stokes."""

from __future__ import annotations

from dataclasses import dataclass

from vo_service.pixels.fits_header import Keywords

_LONGITUDES = ("RA", "GLON", "ELON")
_LATITUDES = ("DEC", "GLAT", "ELAT")
_SPECTRAL = (
    "FREQ",
    "VRAD",
    "VOPT",
    "VELO",
    "VELOCITY",
    "FELO",
    "WAVE",
    "AWAV",
    "ENER",
    "WAVN",
    "ZOPT",
    "BETA",
)


@dataclass(frozen=True, slots=True)
class Axis:
    """One pixel axis. ``number`` counts from 1 as in FITS; ``crval`` and ``cdelt`` are in ``cunit`` as
    written.

    ``kind``: ``longitude latitude spectral stokes`` or ``other``. A missing card has the default of the
    standard (CRPIX 0, CRVAL 0, CDELT 1) unless a matrix of CDi_j stands for CDELT.
    """

    number: int
    kind: str
    ctype: str
    cunit: str
    crval: float
    cdelt: float
    crpix: float
    length: int

    def value_at(self, pixel: float) -> float:
        """The linear world coordinate at a FITS pixel (the first is 1), in the axis' unit."""
        return self.crval + (pixel - self.crpix) * self.cdelt


@dataclass(frozen=True, slots=True)
class Axes:
    """All axes of an image in FITS order."""

    axes: tuple[Axis, ...]

    def find(self, kind: str) -> Axis | None:
        """The first axis of that kind, or None."""
        return next((axis for axis in self.axes if axis.kind == kind), None)

    @property
    def celestial(self) -> tuple[Axis, Axis] | None:
        """(longitude, latitude), or None where the image does not lie on the sky."""
        longitude, latitude = self.find("longitude"), self.find("latitude")
        return (longitude, latitude) if longitude and latitude else None

    @property
    def spectral(self) -> Axis | None:
        """The spectral axis, or None."""
        return self.find("spectral")

    @property
    def stokes(self) -> Axis | None:
        """The Stokes axis, or None."""
        return self.find("stokes")


def read_axes(keys: Keywords, shape: tuple[int, ...]) -> Axes:
    """Describes the axes of an image of ``shape`` (FITS order) from its keywords."""
    return Axes(tuple(_read_axis(keys, number + 1, length) for number, length in enumerate(shape)))


def _read_axis(keys: Keywords, number: int, length: int) -> Axis:
    ctype = (keys.text(f"CTYPE{number}") or "").upper()
    cdelt = _first(
        keys.number(f"CDELT{number}"),
        keys.number(f"CD{number}_{number}"),
        keys.number(f"CD{number:03d}{number:03d}"),
        1.0,
    )
    return Axis(
        number=number,
        kind=_kind_of(ctype),
        ctype=ctype,
        cunit=keys.text(f"CUNIT{number}") or "",
        crval=_first(keys.number(f"CRVAL{number}"), 0.0),
        cdelt=cdelt,
        crpix=_first(keys.number(f"CRPIX{number}"), 0.0),
        length=length,
    )


def _first(*values: float | None) -> float:
    return next(value for value in values if value is not None)


def _kind_of(ctype: str) -> str:
    name = ctype.split("-")[0]
    if name in _LONGITUDES:
        return "longitude"
    if name in _LATITUDES:
        return "latitude"
    if name in _SPECTRAL:
        return "spectral"
    return "stokes" if name == "STOKES" else "other"
