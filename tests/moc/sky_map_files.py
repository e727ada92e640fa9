"""Maps of the sky as files: of probability by healpy's and ligo.skymap's habits, written with astropy, and
coverage maps by mocpy."""

from __future__ import annotations

import gzip
import io
import json
from typing import Any

import cdshealpix
import cdshealpix.nested
import mocpy
import numpy as np
from astropy.coordinates import angular_separation
from astropy.io import fits
from numpy.typing import NDArray

Doubles = NDArray[np.float64]


def bell(order: int, lon: float, lat: float, width: float) -> Doubles:
    """The probability in each pixel (NESTED) of an order, round a place (degrees); 1 together."""
    lons, lats = cdshealpix.nested.healpix_to_lonlat(np.arange(12 * 4**order, dtype=np.uint64), order)
    away = np.degrees(angular_separation(lons.rad, lats.rad, np.radians(lon), np.radians(lat)))
    found = np.exp(-0.5 * (away / width) ** 2)
    found[away > 5.0 * width] = 0.0
    return found / found.sum()


def table_file(columns: dict[str, Any], units: dict[str, str] | None = None, **cards: Any) -> bytes:
    """A FITS file with one table."""
    kinds = {"f8": "D", "f4": "E", "i8": "K", "i4": "J"}
    made = [
        fits.Column(
            name, f"{values.shape[1] if values.ndim > 1 else ''}{kinds[values.dtype.str[1:]]}", array=values,
            unit=(units or {}).get(name),
        )
        for name, values in columns.items()
    ]  # fmt: skip
    table = fits.BinTableHDU.from_columns(made)
    table.header.update({key.replace("_", "-"): value for key, value in cards.items()})
    content = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(content)
    return content.getvalue()


def multi_order(probability: Doubles, unit: str = "sr-1", **cards: Any) -> bytes:
    """UNIQ and PROBDENSITY: four pixels of one density are one cell."""
    order = int(np.log2(len(probability) / 12)) // 2
    density = probability / (np.pi / 3.0 / 4.0**order)
    uniq, values = [], []
    for depth in range(order, -1, -1):
        four = density.reshape(-1, 4) if depth else density[:, None]
        alike = (
            (four == four[:, :1]).all(axis=1) & ~np.isnan(four[:, 0]) if depth else np.zeros(len(four), bool)
        )
        numbers = np.arange(density.size).reshape(four.shape)
        kept = ~alike[:, None] & ~np.isnan(four)
        uniq.append(4 * 4**depth + numbers[kept])
        values.append(four[kept])
        density = np.where(alike, four[:, 0], np.nan)
    places = np.random.default_rng(5).permutation(sum(map(len, uniq)))  # in no order
    columns = {
        "UNIQ": np.concatenate(uniq)[places].astype(np.int64),
        "PROBDENSITY": np.concatenate(values)[places],
    }
    known = {
        "PIXTYPE": "HEALPIX", "ORDERING": "NUNIQ", "COORDSYS": "C", "MOCORDER": order, "INDXSCHM": "EXPLICIT",
        "MOC": True,
    }  # fmt: skip
    scale = {"sr-1": 1.0, "deg-2": np.radians(1.0) ** 2}.get(unit, 1.0)
    columns["PROBDENSITY"] = columns["PROBDENSITY"] * scale
    return table_file(columns, {"PROBDENSITY": unit}, **(known | cards))


def flat(
    probability: Doubles,
    ordering: str = "NESTED",
    name: str = "PROB",
    rows: int = 1,
    kind: str = "f8",
    explicit: bool = False,
    **cards: Any,
) -> bytes:
    """Pixels of one size, ``rows`` of them in each row of the table."""
    order = int(np.log2(len(probability) / 12)) // 2
    pixels = np.arange(len(probability))
    if ordering == "RING":
        pixels = cdshealpix.to_ring(pixels.astype(np.uint64), order).astype(np.int64)
    at = np.argsort(pixels)
    columns: dict[str, Any] = {}
    if explicit:
        at = at[probability[at] > 0.0]
        columns["PIXEL"] = pixels[at]
    values = probability[at].astype(kind)
    columns[name] = values.reshape(-1, rows) if rows > 1 else values
    known = {
        "PIXTYPE": "HEALPIX", "ORDERING": ordering, "COORDSYS": "C", "NSIDE": 2**order,
        "INDXSCHM": "EXPLICIT" if explicit else "IMPLICIT",
    }  # fmt: skip
    return table_file(columns, **(known | cards))


def moc_files(map: mocpy.MOC) -> dict[str, bytes]:
    """A coverage map in all forms."""
    ranges, cells = io.BytesIO(), io.BytesIO()
    map.serialize(format="fits").writeto(ranges)
    map.serialize(format="fits", v1_compatible=True).writeto(cells)
    return {
        "ranges": ranges.getvalue(),
        "cells": cells.getvalue(),
        "json": json.dumps(map.serialize(format="json")).encode(),
        "ascii": map.to_string().encode(),
        "packed": gzip.compress(ranges.getvalue(), mtime=0),
    }


def told_otherwise(content: bytes, **cards: Any) -> bytes:
    """A FITS file with other cards in the header of its table."""
    with fits.open(io.BytesIO(content)) as hdus:
        hdus[1].header.update(cards)
        made = io.BytesIO()
        hdus.writeto(made)
    return made.getvalue()
