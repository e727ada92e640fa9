"""Pixels of a tile-compressed image (FITS 4.0, section 10) by the box: of the table only the rows, of the
heap only the tiles that the box touches are read.

What unpacks them is astropy, from a small table in memory that holds just those tiles. Dithering goes by the
number of a tile (10.2.1): tiles that are unpacked together follow each other then, and their first one tells
the seed.
"""

from __future__ import annotations

import io
import re
import warnings
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from vo_service.pixels.compute.reader import Stored
from vo_service.pixels.compute.unpacked import Unpacked
from vo_service.pixels.cutout.box import Box
from vo_service.pixels.cutout.cards import cards_of, header_of, number_card
from vo_service.pixels.cutout.plan import Gathering
from vo_service.pixels.cutout.runs import Piece
from vo_service.pixels.decoding import Decoder, Values
from vo_service.pixels.fits_file import Hdu
from vo_service.pixels.fits_header import BLOCK, FitsError
from vo_service.pixels.fits_table import column_bytes, parse_form
from vo_service.pixels.tiles import DAMAGED, MAXIMUM_TILE, tile_lengths

_TOGETHER = 8 << 20
"""Unpacked bytes of the tiles that are unpacked at a time."""
_KEPT = 32 << 20
"""Unpacked bytes that are kept: tiles reach through many planes, and are asked for by the plane."""
_GAP = 1 << 14
"""Bytes between two pieces that are read with them where reading costs no request."""
_SEEDS = 10000
_NEEDED = re.compile(
    rb"(TTYPE|TFORM|TNULL|TSCAL|TZERO|ZNAME|ZVAL|ZTILE)\d+ *$|ZIMAGE  |ZCMPTYPE|ZBITPIX |ZNAXIS  |ZQUANTIZ|"
    rb"ZBLANK  |ZSCALE  |ZZERO   |ZMASKCMP|BLANK   |TFIELDS "
)
_ITEMS = {"L": 1, "B": 1, "A": 1, "I": 2, "J": 4, "E": 4, "K": 8, "D": 8, "C": 8, "M": 16}
_EMPTY = header_of(
    [number_card(*card) for card in (("SIMPLE", "T"), ("BITPIX", "8"), ("NAXIS", "0"), ("EXTEND", "T"))]
)


class TileReader:
    """The pixels of the tile-compressed image in an HDU. Memory is a few times that of what is asked for, and
    some 50 MB. Raises FitsError when made: ``bad_header``, and ``too_large`` for tiles beyond 128 MB;
    OSError."""

    def __init__(self, source: Unpacked, name: str, hdu: Hdu) -> None:
        self._source = source
        self._name = name
        self._hdu = hdu
        self._decoder = Decoder.of(hdu)
        self._states_blank = any((hdu.keywords.written(key) or "").strip() for key in ("BLANK", "ZBLANK"))
        self._lengths = tile_lengths(hdu)
        if prod(self._lengths) * self.dtype.itemsize > MAXIMUM_TILE:
            shape = " x ".join(map(str, self._lengths))
            message = f"a tile of {name} is {shape} pixels: one of at most {MAXIMUM_TILE} bytes is unpacked"
            raise FitsError("too_large", message, "ZTILE1")
        self._counts = tuple(-(-axis // length) for axis, length in zip(hdu.axes, self._lengths, strict=True))
        self._table = _Table.of(source, hdu)
        if prod(self._counts) > self._table.rows:
            message = (
                f"{name} has {self._table.rows} tiles, and {prod(self._counts)} are needed for all pixels"
            )
            raise FitsError("bad_header", message, "NAXIS2")
        self._seed = _seed_of(hdu)
        self._kept: OrderedDict[Box, Stored] = OrderedDict()

    @property
    def axes(self) -> tuple[int, ...]:
        """As of PixelReader."""
        return self._hdu.axes

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """As of StoredReader."""
        return self._decoder.stored

    def read(self, box: Box) -> Values:
        """As of PixelReader."""
        return self._decoder.values(self.stored(box))[0]

    def stored(self, box: Box) -> Stored:
        """As of StoredReader."""
        if not box.fits(self.axes):
            raise ValueError(f"a box of {box.spans} does not lie within an image of {self.axes} pixels")
        result = np.empty(box.shape[::-1], self.dtype)
        grid = Box(
            tuple(
                (start // length, -(-stop // length))
                for (start, stop), length in zip(box.spans, self._lengths, strict=True)
            )
        )
        for tiles in self._together(grid):
            place, pixels = self._place_of(tiles), self._tiles(tiles)
            here, there = [], []
            for (low, high), (start, stop) in zip(box.spans[::-1], place.spans[::-1], strict=True):
                first, last = max(low, start), min(high, stop)
                here.append(slice(first - low, last - low))
                there.append(slice(first - start, last - start))
            result[tuple(here)] = pixels[tuple(there)]
        return result

    def _place_of(self, tiles: Box) -> Box:
        """The pixels of some tiles."""
        return Box(
            tuple(
                (start * length, min(stop * length, axis))
                for (start, stop), length, axis in zip(tiles.spans, self._lengths, self.axes, strict=True)
            )
        )

    def _together(self, tiles: Box) -> Iterator[Box]:
        """Tiles in portions that may be unpacked at a time, in stored order."""
        axis = next((n for n in reversed(range(len(tiles.shape))) if tiles.shape[n] > 1), 0)
        follow = all(tiles.spans[n] == (0, self._counts[n]) for n in range(axis))
        size = prod(self._lengths) * self.dtype.itemsize
        may_join = self._seed is None or follow
        if tiles.pixels == 1 or (may_join and tiles.pixels * size <= _TOGETHER):
            yield tiles
            return
        count = max(1, _TOGETHER // (prod(tiles.shape[:axis]) * size)) if may_join else 1
        start, stop = tiles.spans[axis]
        for first in range(start, stop, count):
            yield from self._together(tiles.with_span(axis, first, min(first + count, stop)))

    def _tiles(self, tiles: Box) -> Stored:
        """The pixels of some tiles, which are kept for a while."""
        pixels = self._kept.get(tiles)
        if pixels is None:
            pixels = self._kept[tiles] = self._unpack(tiles)
            while sum(each.nbytes for each in self._kept.values()) > _KEPT and len(self._kept) > 1:
                self._kept.popitem(last=False)
        self._kept.move_to_end(tiles)
        return pixels

    def _unpack(self, tiles: Box) -> Stored:
        steps = [prod(self._counts[:n]) for n in range(len(self._counts))]
        numbers = np.zeros((1,), dtype=np.int64)
        for (start, stop), step in zip(tiles.spans, steps, strict=True):
            numbers = (np.arange(start, stop, dtype=np.int64)[:, None] * step + numbers).ravel()
        place = self._place_of(tiles)
        cards = [number_card(f"ZNAXIS{n}", str(length)) for n, length in enumerate(place.shape, 1)]
        if self._seed is not None:
            seed = self._seed + int(numbers[0])
            # 0 is no seed of the standard; astropy makes something of its own of it, which has to stay so
            cards.append(number_card("ZDITHER0", str((seed - 1) % _SEEDS + 1 if seed else 0)))
        if self._decoder.blank is not None and not self._states_blank:
            cards.append(number_card("BLANK", str(self._decoder.blank)))
        try:
            content = self._table.portion(self._source, numbers, cards)
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")  # what is odd about a header has been told by the header pass
                with fits.open(io.BytesIO(content), do_not_scale_image_data=True) as hdus:
                    if not isinstance(hdus[1], fits.CompImageHDU):
                        raise ValueError(f"HDU {self._hdu.index} is no tile-compressed image")
                    return np.asarray(hdus[1].data).astype(self.dtype).reshape(place.shape[::-1])
        except DAMAGED as error:
            reason = str(error) or type(error).__name__
            message = f"a tile of {self._name} cannot be unpacked: {reason}"
            raise FitsError("unreadable", message, f"HDU {self._hdu.index}") from error


def _seed_of(hdu: Hdu) -> int | None:
    """ZDITHER0 of an image that was dithered, 0 where no card states it: what astropy takes then."""
    keys = hdu.keywords
    if not (keys.text("ZQUANTIZ") or "").startswith("SUBTRACTIVE_DITHER"):
        return None
    seed = keys.integer("ZDITHER0")
    if seed is None and (keys.written("ZDITHER0") or "").strip():
        message = f"ZDITHER0 is {keys.written('ZDITHER0')!r}: it would be a whole number from 1 to {_SEEDS}"
        raise FitsError("bad_header", message, "ZDITHER0")
    return seed or 0


@dataclass(frozen=True, slots=True)
class _Table:
    """The table that holds the tiles: where its rows and its heap begin in the file, and in a row, the places
    of what says where on the heap something lies: offset, numpy type, bytes of an element."""

    cards: list[bytes]
    rows_at: int
    row_bytes: int
    rows: int
    heap_at: int
    heap_bytes: int
    pointers: tuple[tuple[int, str, int], ...]

    @classmethod
    def of(cls, source: Unpacked, hdu: Hdu) -> _Table:
        header = source.read_at(hdu.header_offset, hdu.data_offset - hdu.header_offset)
        keys = hdu.keywords
        row_bytes, rows = keys.integer("NAXIS1") or 0, keys.integer("NAXIS2") or 0
        heap = keys.integer("THEAP") or row_bytes * rows
        if not row_bytes * rows <= heap <= hdu.data_bytes:
            message = (
                f"THEAP is {heap}: it is behind {rows} rows of {row_bytes} bytes, within {hdu.data_bytes}"
            )
            raise FitsError("bad_header", message, "THEAP")
        pointers = []
        offset = 0
        for number in range(1, (keys.integer("TFIELDS") or 0) + 1):
            form = keys.text(f"TFORM{number}") or ""
            repeat, letter = parse_form(form, number)
            if letter in "PQ" and repeat:
                element = form.lstrip("0123456789")[1:2]
                pointers.append((offset, ">i4" if letter == "P" else ">i8", _ITEMS.get(element, 1)))
            offset += column_bytes(repeat, letter)
        if offset > row_bytes:
            raise FitsError("bad_header", f"rows of {row_bytes} bytes have columns of {offset}", "NAXIS1")
        return cls(
            [card for card in cards_of(header) if _NEEDED.match(card[:8])],
            hdu.data_offset,
            row_bytes,
            rows,
            hdu.data_offset + heap,
            max(0, hdu.data_bytes - heap),
            tuple(pointers),
        )

    def portion(self, source: Unpacked, numbers: NDArray[np.int64], cards: list[bytes]) -> bytes:
        """A FITS file of some rows (numbers from 0, rising) with what they have on the heap. Raises
        ValueError for rows that are not there or point outside."""
        if numbers[-1] >= self.rows:
            raise ValueError(f"the table has {self.rows} tiles, and number {int(numbers[-1]) + 1} is needed")
        rows = self._rows(source, numbers)
        heap = bytearray()
        for offset, kind, item in self.pointers:
            width = 2 * np.dtype(kind).itemsize
            found = np.ascontiguousarray(rows[:, offset : offset + width]).view(kind).astype(np.int64)
            sizes = found[:, 0] * item
            new = np.empty_like(found)
            new[:, 0] = found[:, 0]
            new[:, 1] = len(heap) + np.cumsum(sizes) - sizes
            heap += self._heap(source, found[:, 1], sizes)
            rows[:, offset : offset + width] = new.astype(kind).view(np.uint8).reshape(len(rows), width)
        sizes_of = {"NAXIS1": self.row_bytes, "NAXIS2": len(rows), "PCOUNT": len(heap), "GCOUNT": 1}
        layout = {"BITPIX": 8, "NAXIS": 2, **sizes_of}
        header = header_of(
            [
                b"XTENSION= 'BINTABLE'".ljust(80),
                *(number_card(name, str(value)) for name, value in layout.items()),
                *self.cards,
                *cards,
            ]
        )
        content = _EMPTY + header + rows.tobytes() + heap
        return content.ljust(-(-len(content) // BLOCK) * BLOCK, b"\0")

    def _rows(self, source: Unpacked, numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
        size = self.row_bytes
        content = _gathered(source, self.rows_at + numbers * size, np.full(len(numbers), size))
        return np.frombuffer(content, np.uint8).reshape(len(numbers), size).copy()

    def _heap(self, source: Unpacked, places: NDArray[np.int64], sizes: NDArray[np.int64]) -> bytearray:
        used = sizes > 0
        if ((places < 0) | (sizes < 0) | (places + sizes > self.heap_bytes))[used].any():
            raise ValueError("a row of the table points outside its heap")
        return _gathered(source, self.heap_at + places[used], sizes[used])


def _gathered(source: Unpacked, offsets: NDArray[Any], sizes: NDArray[Any]) -> bytearray:
    """Pieces one behind the other; those that nearly follow each other are read together."""
    if isinstance(source, Gathering):
        found = bytearray(int(sizes.sum()))
        places = zip(offsets.tolist(), sizes.tolist(), strict=True)
        source.gather((Piece(offset, size, 1, size) for offset, size in places), memoryview(found))
        return found
    result = bytearray()
    ends = offsets + sizes
    gaps = offsets[1:] - ends[:-1]
    breaks = np.flatnonzero((gaps < 0) | (gaps > _GAP)) + 1
    for group in np.split(np.arange(len(offsets)), breaks):
        if not len(group):
            continue
        start = int(offsets[group[0]])
        content = bytearray(int(ends[group[-1]]) - start)
        source.read_into(start, memoryview(content))
        if len(content) == int(sizes[group].sum()):
            result += content
            continue
        for number in group:
            result += content[int(offsets[number]) - start : int(ends[number]) - start]
    return result
