"""Maps of probability on the sky in FITS: of cells of many orders, as LIGO, Virgo, KAGRA and Fermi publish
them (UNIQ with PROBDENSITY), and of pixels of one size (PROB or PROBABILITY, NESTED or RING, with or without
their numbers).
"""

from __future__ import annotations

import math
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import cdshealpix
import numpy as np
from numpy.typing import NDArray

from vo_service.dali.multipart import Part
from vo_service.dali.uploads.coverage import Coverage
from vo_service.dali.uploads.faults import UploadFault
from vo_service.dali.uploads.fits import Stored, columns_of, content_of, is_coverage, read_coverage
from vo_service.dali.uploads.fits_header import BinaryTable, find_table, number_value, text_value
from vo_service.dali.uploads.packing import GZIP, unpacked
from vo_service.dali.uploads.reading import read_table
from vo_service.dali.uploads.rows import ReadLimits
from vo_service.sky import Density, RegionError
from vo_service.sky.cell_ranges import CELLS, ORDER, Numbers, of_uniq
from vo_service.sky.vectors import Floats

if TYPE_CHECKING:
    from astropy.io.fits import Header

_FLAT_ORDER: Final = 10
"""Of a map of pixels of one size: 12.6 million of them."""
_PIXELS_AT_ONCE: Final = 1 << 18
_MOST: Final = 1.01  # that a map may add up to: rounding, and pixels that were interpolated
_DENSITY: Final = "PROBDENSITY"
_PER_CELL: Final = ("PROB", "PROBABILITY")
_FRAMES: Final = ("C", "ICRS", "EQUATORIAL", "CELESTIAL")
_PER_SR: Final = {
    **dict.fromkeys(("", "sr-1", "1/sr", "sr^-1", "sr**-1", "sr**(-1)", "/sr"), 1.0),
    **dict.fromkeys(
        ("deg-2", "1/deg2", "1/deg^2", "1/deg**2", "deg^-2", "deg**-2", "/deg2"), np.degrees(1.0) ** 2
    ),
}
_TYPES: Final = {
    "unsignedByte": ">u1",
    "short": ">i2",
    "int": ">i4",
    "long": ">i8",
    "float": ">f4",
    "double": ">f8",
}
_WANTED: Final = (
    "A coverage map (MOC in FITS, JSON or ASCII) is wanted, or a FITS table of HEALPix cells with the"
    " probability in each: UNIQ and PROBDENSITY, or PROB with ORDERING NESTED or RING."
)


@dataclass(frozen=True, slots=True)
class SkyMap:
    """A map of probability: so many cells, the smallest of which have that order."""

    density: Density
    cells: int
    order: int


def read_map(part: Part, limits: ReadLimits) -> Coverage | SkyMap:
    """The map that a file holds, packed by gzip or not. Raises UploadFault, and what ``limits.check``
    raises."""
    with part.open() as file:
        head = file.read(30)
    if head.startswith(GZIP):
        inside = unpacked(part, limits)
        try:
            return read_map(inside, limits)
        finally:
            inside.close()
    if head.startswith(b"SIMPLE  ="):
        return _read_fits(part, limits)
    found = read_table(part, limits)
    if isinstance(found, Coverage):
        return found
    raise UploadFault("the file is a table", hint=_WANTED)


def _read_fits(part: Part, limits: ReadLimits) -> Coverage | SkyMap:
    with ExitStack() as closing:
        table = find_table(closing.enter_context(part.open()), part.size, None)
        content = content_of(part.content)
        if is_coverage(table):
            return read_coverage(table, content, limits)
        limits.check()
        return _Reader(table, content, limits).sky_map()


class _Reader:
    """Reads one table. All methods raise UploadFault."""

    def __init__(self, table: BinaryTable, content: NDArray[np.uint8], limits: ReadLimits) -> None:
        self._table = table
        self._header: Header = table.header
        self._content = content
        self._limits = limits
        self._columns = {column.given.name.upper(): column for column in columns_of(table)}

    def sky_map(self) -> SkyMap:
        """The map. Its probability is in one column, its cells are told by others or by their places."""
        name = next((each for each in (_DENSITY, *_PER_CELL) if each in self._columns), None)
        if name is None:
            raise UploadFault(
                f"the FITS table has no column {_DENSITY}, {' or '.join(_PER_CELL)}; it has"
                f" {', '.join(sorted(self._columns))[:200]}",
                hint=_WANTED,
            )
        frame = (text_value(self._header, "COORDSYS") or "C").upper()
        if frame not in _FRAMES:
            raise UploadFault(f"the sky map is in the frame COORDSYS {frame!r}, one in ICRS ('C') is wanted")
        ordering = (text_value(self._header, "ORDERING") or "").upper()
        try:
            found = (
                self._of_many_orders(name, ordering)
                if "UNIQ" in self._columns
                else self._flat(name, ordering)
            )
        except RegionError as error:
            raise UploadFault(f"the sky map is none: {error.expected} are wanted") from None
        if not found.density.total > 0.0:
            raise UploadFault("the sky map is empty: the probability is 0 in all of its cells")
        if found.density.total > _MOST:
            raise UploadFault(
                f"the probabilities of the sky map add up to {found.density.total:.6g}, more than 1",
                hint="PROBDENSITY is probability per steradian, PROB is probability per pixel.",
            )
        return found

    def _of_many_orders(self, name: str, ordering: str) -> SkyMap:
        if ordering not in ("NUNIQ", ""):
            raise UploadFault(f"the table has UNIQ numbers and ORDERING {ordering!r}, NUNIQ is wanted")
        count = self._table.rows * self._repeat("UNIQ")
        if self._repeat(name) != self._repeat("UNIQ"):
            told = f"{self._repeat(name)} values in a row, and {self._repeat('UNIQ')} cells"
            raise UploadFault(told, column=name)
        if count > self._limits.rows:
            raise UploadFault(f"the sky map has {count} cells, more than the {self._limits.rows} allowed")
        if count == 0:
            raise UploadFault("the sky map has no cells")
        orders, cells = of_uniq(self._uniq())
        per_sr = self._per_sr(name, orders)
        ranges = np.stack([cells, cells + 1], axis=1) << 2 * (ORDER - orders)[:, None]
        return SkyMap(Density.of_cells(ranges, per_sr), count, int(orders.max()))

    def _uniq(self) -> Numbers:
        numbers = self._whole("UNIQ")
        wrong = np.flatnonzero((numbers < 4) | (numbers >= 4 * 4**ORDER + CELLS))
        if len(wrong):
            raise UploadFault(
                f"{numbers[wrong[0]]} is no cell, which is 4 * 4**order + its number",
                row=int(wrong[0]) + 1,
                column="UNIQ",
            )
        return numbers

    def _flat(self, name: str, ordering: str) -> SkyMap:
        """Pixels of one size, whose numbers are told or run from 0."""
        if ordering not in ("NESTED", "NEST", "RING"):
            told = ordering or "missing"
            raise UploadFault(f"ORDERING is {told}, NUNIQ, NESTED or RING is wanted", hint=_WANTED)
        explicit = next((each for each in ("PIXEL", "PIX", "IPIX") if each in self._columns), None)
        count = self._table.rows * self._repeat(name)
        order = self._order(None if explicit else count)
        pixels = None if explicit is None else self._whole(explicit)
        values = self._per_sr(name, np.array(order))
        if pixels is not None:
            values = _placed(pixels, values, order, explicit)
        elif len(values) != 12 * 4**order:
            side = 2**order
            raise UploadFault(f"the sky map has {count} pixels, {12 * side * side} belong to NSIDE {side}")
        if ordering == "RING":
            values = self._nested(values, order)
        return SkyMap(Density.of_pixels(values, self._limits.check), count, order)

    def _nested(self, ring: Floats, order: int) -> Floats:
        """The values of all pixels, whose order was RING."""
        nested = np.empty_like(ring)
        for at in range(0, len(ring), _PIXELS_AT_ONCE):
            self._limits.check()
            pixels = np.arange(at, min(at + _PIXELS_AT_ONCE, len(ring)), dtype=np.uint64)
            nested[at : at + len(pixels)] = ring[cdshealpix.to_ring(pixels, order).astype(np.int64)]
        return nested

    def _order(self, count: int | None) -> int:
        """The order of the pixels, by NSIDE, or by how many there are."""
        side = number_value(self._header, "NSIDE")
        if side is None and count is not None:
            side = int((count // 12) ** 0.5)
        order = -1 if not isinstance(side, int) or side < 1 else side.bit_length() - 1
        if order < 0 or side != 2**order:
            raise UploadFault(f"NSIDE is {side}, a power of two is wanted")
        if order > _FLAT_ORDER or (count or 0) > 12 * 4**_FLAT_ORDER:
            raise UploadFault(
                f"the sky map has pixels of NSIDE {side}, {2**_FLAT_ORDER} at most are read",
                hint="Make it coarser, or one of many orders (UNIQ and PROBDENSITY).",
            )
        return order

    def _per_sr(self, name: str, orders: Numbers) -> Floats:
        """The density in cells of these orders (one, or one each)."""
        self._limits.check()
        values = self._numbers(name).astype(np.float64)
        wrong = np.flatnonzero(~(np.isfinite(values) & (values >= 0.0)))
        if len(wrong):
            raise UploadFault(
                f"{values[wrong[0]]:g} is no probability, which is a number of 0 or more",
                row=int(wrong[0]) // self._repeat(name) + 1,
                column=name,
            )
        scale = 4.0**orders * (3.0 / math.pi)
        if name == _DENSITY:
            unit = (self._columns[name].given.unit or "").replace(" ", "")
            if unit not in _PER_SR:
                raise UploadFault(f"the unit {unit[:40]!r} is not known, 'sr-1' is wanted", column=name)
            scale = np.array(_PER_SR[unit])
        values *= scale
        return values

    def _repeat(self, name: str) -> int:
        """Values in a row."""
        column = self._columns[name]
        return column.width // np.dtype(_TYPES.get(column.field.datatype, ">u1")).itemsize

    def _whole(self, name: str) -> Numbers:
        numbers = self._numbers(name)
        if numbers.dtype.kind not in "iu":
            raise UploadFault("whole numbers are wanted", column=name)
        return numbers.astype(np.int64)

    def _numbers(self, name: str) -> NDArray[Any]:
        """The values of a column, those of a row one after another."""
        column: Stored = self._columns[name]
        kind = _TYPES.get(column.field.datatype)
        if kind is None or column.pointer is not None or (column.scale, column.zero) != (1.0, 0.0):
            raise UploadFault("plain numbers, without TSCAL and TZERO, are wanted", column=name)
        table = self._table
        rows = self._content[table.start : table.start + table.rows * table.width]
        cells = rows.reshape(table.rows, table.width)[:, column.begin : column.begin + column.width]
        return np.ascontiguousarray(cells).view(kind).ravel()


def _placed(pixels: Numbers, values: Floats, order: int, column: str | None) -> Floats:
    """The values of all pixels of an order, 0 where there is none. Raises UploadFault."""
    if len(pixels) != len(values):
        raise UploadFault(f"there are {len(values)} values and {len(pixels)} pixels", column=column)
    wrong = np.flatnonzero((pixels < 0) | (pixels >= 12 * 4**order))
    if len(wrong):
        told = f"{pixels[wrong[0]]} is no pixel of NSIDE {2**order}"
        raise UploadFault(told, row=int(wrong[0]) + 1, column=column)
    if len(np.unique(pixels)) < len(pixels):
        raise UploadFault("the sky map has a pixel twice", column=column)
    placed = np.zeros(12 * 4**order)
    placed[pixels] = values
    return placed
