"""The sample holdings behind a live server, and what astropy finds in their files: the oracle of cut-outs."""

from __future__ import annotations

import csv
import gzip
import io
import re
import tarfile
import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import requests
from astropy import units as u
from astropy.coordinates import (
    ICRS,
    CartesianDifferential,
    CartesianRepresentation,
    SkyCoord,
    SpectralCoord,
)
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray

C = 299_792_458.0
WORD = re.compile(
    r"(Error|AuthenticationError|AuthorizationError|ServiceUnavailable|UsageError"
    r"|MultiValuedParamNotSupported)[ :]+\S"
)
Doubles = NDArray[np.float64]
Span = tuple[int, int]
"""Pixels from 0; the second is behind the last."""


@dataclass(frozen=True)
class Sample:
    """A data set of the sample: its names, the file that it is, and its companions by role."""

    dataset_id: str
    did: str
    product_id: str
    path: Path
    companions: dict[str, Path]
    truth: dict[str, Any]

    @property
    def raw(self) -> bytes:
        """The FITS file, unpacked where it is a gzip file."""
        return unpacked(self.path)

    @cached_property
    def header(self) -> fits.Header:
        """Of the image."""
        return image_of(self.raw)[0]

    @property
    def pixels(self) -> NDArray[Any]:
        """As they are stored, in numpy's order of axes."""
        return image_of(self.raw)[1]

    @property
    def centre(self) -> tuple[float, float]:
        """The middle of the image, ICRS degrees."""
        columns, rows = self.header["NAXIS1"], self.header["NAXIS2"]
        return self.place((columns - 1) / 2, (rows - 1) / 2)

    @property
    def scale(self) -> float:
        """Degrees of a pixel."""
        return float(abs(self.header["CDELT1"]))

    def place(self, x: float, y: float) -> tuple[float, float]:
        """ICRS degrees of a place in pixels from 0."""
        found = sky_of(self.header).pixel_to_world(x, y).icrs
        return float(found.ra.deg), float(found.dec.deg)

    def circle(self, x: float, y: float, pixels: float) -> str:
        """CIRCLE round a place in pixels from 0, its radius in pixels."""
        lon, lat = self.place(x, y)
        return f"{lon!r} {lat!r} {pixels * self.scale!r}"

    def barycentric(self, channel: float, frame: str) -> float:
        """Hz at a place on a frequency axis (channels from 0, whole numbers in their middles)."""
        header = self.header
        own = header["CRVAL3"] + (channel + 1 - header["CRPIX3"]) * header["CDELT3"]
        return own if frame == "icrs" else barycentric_of(own, frame, self.centre)


def barycentric_of(frequency: float, frame: str, place: tuple[float, float]) -> float:
    """A frequency that an observer at rest in an inertial frame of astropy's sees, for one at rest at the
    barycentre."""
    target = SkyCoord(place[0] * u.deg, place[1] * u.deg, distance=1e9 * u.kpc)
    still = CartesianDifferential(np.zeros(3) * u.km / u.s)
    observer = ICRS(CartesianRepresentation(np.zeros(3) * u.km, differentials=still))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the source has no velocity
        rest = SpectralCoord(frequency * u.Hz, observer=observer, target=target)
        shifted = rest.with_observer_stationary_relative_to(frame).to_value("Hz")
    return float(frequency * frequency / shifted)


class Archive:
    """A live service with the sample holdings."""

    def __init__(self, url: str, sample: Path, truth: dict[str, Any]) -> None:
        self.url = url
        self.root = sample / "products"
        self._truth = truth
        self._products = {each["path"]: each for each in truth["products"]}
        self._rows = self._ask("SELECT product_id, dataset_id, path FROM holdings.product")
        self._dids = {
            row["dataset_id"]: row["obs_publisher_did"]
            for row in self._ask(
                "SELECT dataset_id, obs_publisher_did FROM ivoa.obscore WHERE dataset_id IS NOT NULL"
            )
        }

    def names(self) -> dict[str, str]:
        """Identifiers of products by their paths."""
        return {row["path"]: row["product_id"] for row in self._rows}

    def _ask(self, adql: str) -> list[dict[str, str]]:
        form = {"LANG": "ADQL", "QUERY": adql, "RESPONSEFORMAT": "csv", "MAXREC": "100000"}
        answer = requests.post(f"{self.url}/tap/sync", form, timeout=120)
        assert answer.status_code == 200, answer.text
        return list(csv.DictReader(io.StringIO(answer.text)))

    def row(self, sample: Sample) -> dict[str, str]:
        """The row of ``ivoa.obscore`` of a data set."""
        (row,) = self._ask(f"SELECT * FROM ivoa.obscore WHERE dataset_id = '{sample.dataset_id}'")
        return row

    def find(self, ending: str) -> Sample:
        """The data set whose file's name ends so."""
        (found,) = [each for each in self._truth["datasets"] if each["primary"].endswith(ending)]
        (row,) = [row for row in self._rows if row["path"] == found["primary"]]
        companions = {
            self._products[path]["role"]: self.root / path
            for path in found["members"]
            if path != found["primary"]
        }
        return Sample(
            row["dataset_id"],
            self._dids[row["dataset_id"]],
            row["product_id"],
            self.root / found["primary"],
            companions,
            self._products[found["primary"]],
        )

    def ask(self, *pairs: tuple[str, str], **named: str) -> requests.Response:
        """GET of sync, on a connection of its own, so that any process of the service may answer."""
        params = [*pairs, *named.items()]
        return requests.get(
            f"{self.url}/soda/sync", params=params, headers={"Connection": "close"}, timeout=120
        )

    def cut(self, sample: Sample, **named: str) -> bytes:
        """What there is of a data set."""
        answer = self.ask(ID=sample.did, **named)
        assert answer.status_code == 200, answer.text or answer.headers.get("X-VO-Reason")
        return answer.content

    def send(self, method: str, headers: dict[str, str], sample: Sample, **named: str) -> requests.Response:
        """A request with headers of its own."""
        params = {"ID": sample.did, **named}
        return requests.request(method, f"{self.url}/soda/sync", params=params, headers=headers, timeout=120)


def check_error(answer: requests.Response, status: int, word: str, *parts: str) -> None:
    """An error as SODA wants it (SODA-054 to SODA-056)."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert WORD.match(answer.text) and answer.text.startswith(f"{word}: ")
    for part in parts:
        assert part in answer.text, answer.text


def unpacked(path: Path) -> bytes:
    """The bytes of a file, or of a member of a tar, without gzip."""
    tar = next((each for each in path.parents if each.suffix == ".tar"), None)
    if tar is not None:
        with tarfile.open(tar) as packed:
            member = packed.extractfile(str(path.relative_to(tar)))
            assert member is not None
            return member.read()
    raw = path.read_bytes()
    return gzip.decompress(raw) if path.suffix == ".gz" else raw


def image_of(raw: bytes, name: str | None = None) -> tuple[fits.Header, NDArray[Any]]:
    """The first image with pixels, or the one of a name: header, and pixels as they are stored."""
    with fits.open(io.BytesIO(raw), do_not_scale_image_data=True) as hdus:
        hdu = next(
            each
            for each in hdus
            if each.is_image and each.header["NAXIS"] > 0 and (name is None or each.name == name)
        )
        return hdu.header.copy(), np.array(hdu.data)


def sky_of(header: fits.Header) -> WCS:
    """The sky of an image, by astropy."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return WCS(header).celestial


def check_cut(sample: Sample, cut: bytes, x: Span, y: Span, z: Span | None = None) -> None:
    """That a cut is this box of the file: its bytes, its header, and where its pixels lie (SODA-042,
    SODA-043)."""
    with fits.open(io.BytesIO(cut)) as hdus:
        hdus.verify("exception")
    header, pixels = image_of(cut)
    before = sample.header
    spans = [(0, length) for length in sample.pixels.shape]
    spans[-1], spans[-2] = x, y
    if z is not None:
        spans[-3] = z
    wanted = sample.pixels[tuple(slice(*span) for span in spans)]
    assert pixels.shape == wanted.shape and pixels.dtype.kind == wanted.dtype.kind
    assert pixels.tobytes() == wanted.astype(pixels.dtype).tobytes()
    starts = {f"CRPIX{number}": span[0] for number, span in enumerate(spans[::-1], 1)}
    for keyword, start in starts.items():
        assert header[keyword] == before[keyword] - start
    for card in before.cards:
        if re.match(
            r"CTYPE|CRVAL|CDELT|CD\d|PC\d|CUNIT|BUNIT|BM|BPA|BSCALE|BZERO|BLANK|SPECSYS|REST", card.keyword
        ):
            assert str(header.cards[card.keyword]) == str(card), card.keyword
    assert header["VOSRCID"] == sample.product_id
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        old, new = WCS(before), WCS(header)
    for part in (0.0, 0.4, 1.0):
        at = np.array([part * (stop - start - 1) for start, stop in spans[::-1]])
        here = new.wcs_pix2world([at], 0)[0]
        there = old.wcs_pix2world([at + [start for start, _ in spans[::-1]]], 0)[0]
        assert np.abs(here[:2] - there[:2]).max() < 1e-9
        assert np.allclose(here[2:], there[2:], rtol=1e-9)


def touched(sample: Sample, lon: Doubles, lat: Doubles) -> tuple[Span, Span]:
    """The smallest box of the pixels that a shape touches, by a dense walk along its border (ICRS)."""
    x, y = sky_of(sample.header).world_to_pixel(SkyCoord(lon, lat, unit="deg"))
    lengths = sample.header["NAXIS1"], sample.header["NAXIS2"]
    low_x, high_x, low_y, high_y = (
        int(np.floor(each + 0.5)) for each in (x.min(), x.max(), y.min(), y.max())
    )
    return (max(low_x, 0), min(high_x + 1, lengths[0])), (max(low_y, 0), min(high_y + 1, lengths[1]))


def border_of_circle(text: str) -> tuple[Doubles, Doubles]:
    """Longitudes and latitudes round a CIRCLE."""
    lon, lat, radius = (float(word) for word in text.split())
    angles = np.linspace(0, 360, 20_001) * u.deg
    walk = SkyCoord(lon, lat, unit="deg").directional_offset_by(angles, radius * u.deg)
    return walk.ra.deg, walk.dec.deg


def border_of_polygon(corners: list[tuple[float, float]]) -> tuple[Doubles, Doubles]:
    """Longitudes and latitudes along the great circles between corners."""
    vectors = SkyCoord(corners, unit="deg").cartesian.xyz.value.T
    parts = np.linspace(0, 1, 5001)[:, None]
    walk = np.concatenate(
        [
            one * (1 - parts) + other * parts
            for one, other in zip(vectors, np.roll(vectors, -1, 0), strict=True)
        ]
    )
    walk /= np.linalg.norm(walk, axis=1)[:, None]
    return np.degrees(np.arctan2(walk[:, 1], walk[:, 0])) % 360, np.degrees(np.arcsin(walk[:, 2]))
