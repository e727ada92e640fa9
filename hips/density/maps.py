"""Which maps there are: of the number of data sets and of their time of exposure, of all and of each band."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import blake2b
from typing import Final

import numpy as np

from hips.density.tallies import Places, Tallies
from hips.trees.description import Description
from vo_service.sky.cell_ranges import Numbers
from vo_service.sky.vectors import Floats

ALGORITHM: Final = "2"
"""Goes up with every change to what is made of the same rows."""
_NOT_IN_NAMES: Final = re.compile(r"[^a-z0-9]+")


class Quantity(StrEnum):
    """What the values of a map are."""

    DENSITY = "density"
    EXPOSURE = "exposure"


_TITLE: Final = {
    Quantity.DENSITY: "number of data sets",
    Quantity.EXPOSURE: "total time of exposure",
}
_UNIT: Final = {Quantity.DENSITY: "", Quantity.EXPOSURE: "s"}
_UCD: Final = {Quantity.DENSITY: "meta.number;obs", Quantity.EXPOSURE: "time.duration;obs.exposure"}
_VALUES: Final = {
    Quantity.DENSITY: "How many data sets{of} look at each part of the sky: a pixel of order 12 (51 arcsec),"
    " in tiles of order 3, has the number of those whose footprint touches it.",
    Quantity.EXPOSURE: "How long observations{of} look at each part of the sky, in seconds: a pixel of order"
    " 12 (51 arcsec), in tiles of order 3, has the sum of their times of exposure (t_exptime). An observation"
    " (obs_id) counts once, however many data sets it gave: with the longest time of those whose footprint"
    " touches the pixel. Data sets whose time is not known do not count.",
}
_HOW: Final = (
    " A data set without a footprint touches the pixel of its position, one of several bands counts in each"
    " of them. Pixels that none touches are blank. A pixel of an order above is the mean of those of the four"
    " below it that are not blank: the mean over that part of it which any data set looks at, not over all of"
    " it. Pictures are logarithmic."
)


@dataclass(frozen=True, slots=True, eq=False)
class Map:
    """One map; ``tallies`` are the numbers of those that count. ``band`` is empty for all of them."""

    quantity: Quantity
    band: str
    tallies: Places

    @property
    def name(self) -> str:
        """Of its tree."""
        return f"{self.quantity}-band-{_slug(self.band)}" if self.band else str(self.quantity)

    @property
    def unit(self) -> str:
        """Of its values."""
        return _UNIT[self.quantity]

    def counted(self, of: Tallies) -> tuple[Floats, Floats, Numbers]:
        """Of each tally: the rows that count, what they count, and of which observation they are, 0 where
        that makes no difference."""
        rows = of.rows[self.tallies].astype(np.float64)
        if self.quantity is Quantity.DENSITY:
            return rows, rows, np.zeros(len(rows), dtype=np.int64)
        timed = of.timed[self.tallies].astype(np.float64)
        return timed, of.exposure[self.tallies], of.observation[self.tallies]

    def digest(self, of: Tallies) -> bytes:
        """Of all that its pixels depend on."""
        counts, amounts, observation = self.counted(of)
        places = np.column_stack([of.digest[self.tallies], of.pixel[self.tallies].astype(np.uint64)])
        columns: tuple[np.ndarray, ...] = (places, observation, counts > 0.0, amounts)
        if self.quantity is Quantity.DENSITY:  # of whichever observations the rows are
            firsts = np.flatnonzero(np.append(True, (places[1:] != places[:-1]).any(axis=1)))
            columns = (places[firsts], np.add.reduceat(counts, firsts))
        found = blake2b(f"{ALGORITHM}|{self.quantity}|".encode(), digest_size=16)
        for column in columns:
            found.update(np.ascontiguousarray(column).tobytes())
        return found.digest()

    def describe(self, archive: Description, of: Tallies) -> Description:
        """What its tree says of itself; ``archive`` has what is true of all trees, and its name for a
        title."""
        ends = {name: _end(name, values[self.tallies]) for name, values in of.extent.items()}
        return replace(
            archive,
            title=f"{archive.title}: {_TITLE[self.quantity]}{f', band {self.band}' if self.band else ''}",
            text=_VALUES[self.quantity].format(of=f" of band {self.band}" if self.band else "") + _HOW,
            unit=self.unit,
            ucds=(_UCD[self.quantity],),
            t_min=ends["t_min"],
            t_max=ends["t_max"],
            em_min=ends["em_min"],
            em_max=ends["em_max"],
        )


def maps_of(tallies: Tallies) -> Iterator[Map]:
    """All maps that have anything to show: of all data sets first, then band by band. Bands whose names make
    the same name of a tree are one."""
    somewhere = (tallies.text >= 0) | (tallies.pixel >= 0)
    timed = tallies.timed > 0
    named: dict[str, str] = {}
    for word in sorted({word for words in tallies.bands for word in words}, key=_natural):
        if _slug(word):
            named.setdefault(_slug(word), word)
    for quantity in Quantity:
        counts = somewhere & timed if quantity is Quantity.EXPOSURE else somewhere
        for band in ("", *named.values()):
            rows = np.flatnonzero(counts & _has(tallies, band))
            if len(rows):
                yield Map(quantity, band, rows)


def is_name_of_map(name: str) -> bool:
    """Whether a tree of this name is one of these maps."""
    return any(name == quantity or name.startswith(f"{quantity}-band-") for quantity in Quantity)


def _has(tallies: Tallies, band: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    if not band:
        return np.ones(len(tallies), dtype=np.bool_)
    named = [_slug(band) in map(_slug, words) for words in tallies.bands]
    return np.array(named, dtype=np.bool_)[tallies.band]


def _slug(word: str) -> str:
    return _NOT_IN_NAMES.sub("-", word.lower()).strip("-")


def _natural(word: str) -> tuple[int, str]:
    return (int(word), "") if word.isdecimal() else (1 << 30, word)


def _end(name: str, values: Floats) -> float | None:
    known = values[np.isfinite(values)]
    if not len(known):
        return None
    return float(known.min() if name.endswith("_min") else known.max())
