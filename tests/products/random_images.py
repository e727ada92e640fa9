"""FITS images as telescopes and their software write them, drawn at random and written by astropy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from astropy.io import fits
from hypothesis import strategies as st
from numpy.typing import NDArray
from spectral_oracle import CTYPES, VALUES, frequencies_by_wcslib

Doubles = NDArray[np.float64]

ZENITHAL = ["SIN", "TAN", "ARC", "STG", "ZEA", "NCP", "slant SIN", "ZPN", "AZP", "SZP", "AIR"]
AROUND = ["CAR", "SFL", "GLS", "MOL", "AIT", "MER", "CEA", "CYP", "PAR", "PCO", "HPX", "TSC", "QSC"]
CONIC = ["COP", "COE", "COD", "COO", "BON"]
PARAMETERS = {
    "slant SIN": {1: 0.2, 2: -0.1},
    "ZPN": {1: 1.0, 3: 0.05},
    "AZP": {1: 2.0, 2: 30.0},
    "SZP": {1: 2.0, 2: 180.0, 3: 60.0},
    "AIR": {1: 45.0},
    **{name: {1: 45.0, 2: 25.0} for name in ("COP", "COE", "COD", "COO")},
    "BON": {1: 45.0},
}
FRAMES: list[tuple[str, str, dict[str, object]]] = [
    ("RA", "DEC", {"RADESYS": "ICRS"}),
    ("RA", "DEC", {"RADESYS": "FK5", "EQUINOX": 2000.0}),
    ("RA", "DEC", {"RADESYS": "FK5", "EQUINOX": 1975.0}),
    ("RA", "DEC", {"RADESYS": "FK4", "EQUINOX": 1950.0}),
    ("RA", "DEC", {"EQUINOX": 2000.0}),
    ("RA", "DEC", {"EQUINOX": 1950.0}),
    ("RA", "DEC", {}),
    ("GLON", "GLAT", {}),
]
MATRICES = ["CDELT", "CROTA", "PC", "PC001001", "CD", "skewed PC", "skewed CD"]
STOKES = [
    (1, 1, "IQUV"),
    (2, 1, "QUV"),
    (-1, -1, ["RR", "LL", "RL", "LR"]),
    (-5, -1, ["XX", "YY", "XY", "YX"]),
]
TYPES = [(8, "u1"), (16, ">i2"), (32, ">i4"), (64, ">i8"), (-32, ">f4"), (-64, ">f8")]


@dataclass
class Drawn:
    """An image in FITS order of its axes: what it is made of, and what was meant by its cards."""

    names: list[str]
    lengths: list[int]
    scale: float
    header: fits.Header = field(default_factory=fits.Header)
    labels: list[str] = field(default_factory=list)
    edges: Doubles = field(default_factory=lambda: np.empty(0))
    beams: fits.BinTableHDU | None = None

    def axis(self, name: str) -> int:
        """Place of an axis, from 0."""
        return self.names.index(name)

    def length(self, name: str) -> int:
        return self.lengths[self.axis(name)] if name in self.names else 1


@st.composite
def images(draw: st.DrawFn, most: int = 14) -> Drawn:
    """Cubes and planes with axes in any order, degenerate ones among them."""
    names = ["lon", "lat"]
    names += [name for name in ("channel", "stokes", "other") if draw(st.booleans())]
    names = draw(st.permutations(names)) if draw(st.booleans()) else names
    lengths = {
        "lon": draw(st.integers(1, most)), "lat": draw(st.integers(2, most)),
        "channel": draw(st.sampled_from([1, 2, 5, 9])), "stokes": draw(st.integers(1, 3)), "other": 1,
    }  # fmt: skip
    image = Drawn(list(names), [lengths[name] for name in names], 0.0)
    _draw_sky(draw, image)
    if "channel" in names:
        _draw_channels(draw, image)
    if "stokes" in names:
        _draw_stokes(draw, image)
    if "other" in names and draw(st.booleans()):
        image.header[f"CTYPE{image.axis('other') + 1}"] = "LINEAR"
    if draw(st.booleans()):
        _draw_oddments(draw, image)
    return image


def _draw_sky(draw: st.DrawFn, image: Drawn) -> None:
    projection = draw(st.sampled_from([*ZENITHAL, *AROUND, *CONIC]))
    is_zenithal = projection in ZENITHAL
    lat = draw(st.sampled_from([-90.0, -60.3, 0.0, 25.0, 89.9])) if is_zenithal else 0.0
    lat = 45.0 if projection in CONIC else lat
    lat = -60.3 if projection == "NCP" and lat == 0.0 else lat
    lon = draw(st.sampled_from([0.0, 0.001, 150.0, 359.999]))
    image.scale = draw(st.sampled_from([1e-5, 1e-3, 3e-2, 0.4, *([4.0] if projection in AROUND else [])]))
    first, second, frame = draw(st.sampled_from(FRAMES))
    number = {axis: image.axis(axis) + 1 for axis in ("lon", "lat")}
    for axis, ctype, value in (("lon", first, lon), ("lat", second, lat)):
        key = number[axis]
        image.header[f"CTYPE{key}"] = f"{ctype:-<4}-{projection[-3:]}"
        image.header[f"CRVAL{key}"], image.header[f"CUNIT{key}"] = value, "deg"
        image.header[f"CRPIX{key}"] = draw(st.floats(-20.0, 30.0).map(lambda x: round(x, 9)))
    for parameter, value in PARAMETERS.get(projection, {}).items():
        image.header[f"PV{number['lat']}_{parameter}"] = value
    image.header.update(frame)
    if draw(st.booleans()):
        image.header["LONPOLE"] = draw(st.sampled_from([180.0, 150.0] if is_zenithal else [0.0]))
    _draw_matrix(draw, image, number["lon"], number["lat"])


def _draw_matrix(draw: st.DrawFn, image: Drawn, lon: int, lat: int) -> None:
    form = draw(st.sampled_from(MATRICES))
    angle = math.radians(draw(st.sampled_from([0.0, 17.0, 90.0, 233.3]))) if form != "CDELT" else 0.0
    cos, sin = math.cos(angle), math.sin(angle)
    shear = 0.3 if form.startswith("skewed") else 0.0
    turn = {(lon, lon): cos, (lon, lat): shear - sin, (lat, lon): sin, (lat, lat): cos * (1.0 + shear)}
    step = {lon: -image.scale, lat: image.scale * draw(st.sampled_from([1.0, 1.5]))}
    if form.endswith("CD"):
        for (row, column), value in turn.items():
            image.header[f"CD{row}_{column}"] = step[row] * value
        return
    for row, value in step.items():
        image.header[f"CDELT{row}"] = value
    if form == "CROTA":
        image.header[f"CROTA{lat}"] = math.degrees(angle)
    elif form != "CDELT":
        for (row, column), value in turn.items():
            image.header[f"PC{row:03d}{column:03d}" if form == "PC001001" else f"PC{row}_{column}"] = value


def _put_step(image: Drawn, number: int, step: float) -> None:
    """The increment of an axis off the sky, in the form that the others have."""
    has_cd = any(key.startswith("CD") and "_" in key for key in image.header)
    image.header[f"CD{number}_{number}" if has_cd else f"CDELT{number}"] = step


def _draw_channels(draw: st.DrawFn, image: Drawn) -> None:
    number, count = image.axis("channel") + 1, image.length("channel")
    ctype = draw(st.sampled_from([*["FREQ"] * 8, *CTYPES]))
    frequency = draw(st.sampled_from([1.42e9, 100.123e9, 691.4e9]))
    shifts = [1.2] if ctype.endswith("LOG") else [1.0, 1.001, 1.2]  # no logarithm of no velocity
    rest = round(frequency * draw(st.sampled_from(shifts)), 3)
    share = draw(st.sampled_from([1e-3, -1e-3, 1e-5, -1e-6]))
    crpix = draw(st.floats(-20.0, 30.0).map(lambda x: round(x, 9)))
    value = VALUES[ctype[:4]]
    crval = float(value(np.asarray(frequency), rest))
    step = float(value(np.asarray(frequency * (1.0 + share)), rest)) - crval
    image.header[f"CTYPE{number}"] = ctype
    image.header[f"CRVAL{number}"], image.header[f"CRPIX{number}"] = crval, crpix
    image.header["RESTFRQ"], image.header["SPECSYS"] = rest, "BARYCENT"
    _put_step(image, number, step)
    image.header = fits.Header.fromstring(image.header.tostring())  # with the digits that a card has
    stated = [image.header[key] for key in (f"CRVAL{number}", f"CRPIX{number}")]
    step = image.header.get(f"CDELT{number}", image.header.get(f"CD{number}_{number}"))
    pixels = np.arange(0.5, count + 1.0)
    image.edges = frequencies_by_wcslib(ctype, stated[0], step, stated[1], rest, pixels)
    if draw(st.booleans()):
        image.beams = beams_of(count, image.length("stokes"), draw(st.booleans()))
        image.header["CASAMBM"] = True


def beams_of(channels: int, polarisations: int, by_channel: bool) -> fits.BinTableHDU:
    """A beam for each plane, counted as CASA does or the other way round."""
    number = np.arange(channels * polarisations)
    pair = (number // polarisations, number % polarisations)
    channel, polarisation = pair if by_channel else (number % channels, number // channels)
    size = 1.0 + channel / 7.0 + polarisation / 90.0
    hdu = fits.BinTableHDU.from_columns(
        [
            fits.Column("BMAJ", "1E", "arcsec", array=size),
            fits.Column("BMIN", "1E", "arcsec", array=size / 2.0),
            fits.Column("BPA", "1E", "deg", array=10.0 * size),
            fits.Column("CHAN", "1J", array=channel),
            fits.Column("POL", "1J", array=polarisation),
        ],
        name="BEAMS",
    )
    hdu.header["NCHAN"], hdu.header["NPOL"] = channels, polarisations
    return hdu


def _draw_stokes(draw: st.DrawFn, image: Drawn) -> None:
    number, count = image.axis("stokes") + 1, image.length("stokes")
    first, step, labels = draw(st.sampled_from(STOKES))
    before = draw(st.integers(-1, 2))
    image.header[f"CTYPE{number}"] = "STOKES"
    image.header[f"CRVAL{number}"] = float(first + before * step)
    image.header[f"CRPIX{number}"] = 1.0 + before
    _put_step(image, number, float(step))
    image.labels = list(labels)[:count]


def _draw_oddments(draw: st.DrawFn, image: Drawn) -> None:
    """What stands in headers beside: another description of the same axes, long texts, histories."""
    for number in range(1, len(image.names) + 1):
        image.header[f"CTYPE{number}A"], image.header[f"CRVAL{number}A"] = "LINEAR", 3.5 * number
        image.header[f"CDELT{number}A"] = 0.25
        image.header[f"CRPIX{number}A"] = (draw(st.integers(-9, 9)), "another [pix]")
    image.header["OBJECT"], image.header["BUNIT"] = "it's / a name", "Jy/beam"
    image.header["LONGTEXT"] = "more than a card has room for " * 5
    image.header["HIERARCH ESO CRPIX1"] = 7.0
    image.header["HISTORY"] = "CRPIX1  = 5"
    image.header["DATAMAX"], image.header["DATAMIN"] = 4.0, 1.0


class Stored(NamedTuple):
    """How an image lies in its file: ``kind`` is the type of its numbers, ``cards`` scale them, ``seed``
    draws their bytes."""

    bitpix: int = -32
    kind: str = ">f4"
    cards: Mapping[str, object] = MappingProxyType({})
    in_extension: bool = False
    with_sums: bool = False
    seed: int = 0


PLAIN = Stored()


@st.composite
def ways_to_store(draw: st.DrawFn) -> Stored:
    """Of every type and scale, in the primary HDU or behind it."""
    bitpix, kind = draw(st.sampled_from(TYPES))
    cards: dict[str, object] = {}
    if draw(st.booleans()):
        cards = {"BSCALE": 0.5, "BZERO": 10.0}
    if bitpix > 0 and draw(st.booleans()):
        cards["BLANK"] = 7
    return Stored(bitpix, kind, cards, draw(st.booleans()), draw(st.booleans()), draw(st.integers(0, 99)))


def write_image(path: Path, image: Drawn, stored: Stored = PLAIN) -> None:
    """The file: bytes at random, so that there is no bit pattern that may not occur."""
    size = int(np.prod(image.lengths)) * abs(stored.bitpix) // 8
    data = np.frombuffer(np.random.default_rng(stored.seed).bytes(size), stored.kind)
    made = (fits.ImageHDU if stored.in_extension else fits.PrimaryHDU)(data.reshape(image.lengths[::-1]))
    made.header.extend(image.header, update=True)
    for key, value in stored.cards.items():
        made.header[key] = value
    hdus = [fits.PrimaryHDU(), made] if stored.in_extension else [made]
    if image.beams is not None:
        hdus.append(image.beams)
    fits.HDUList(hdus).writeto(path, overwrite=True, output_verify="ignore", checksum=stored.with_sums)
