"""The beams of a cube, cut with its channels: CASA's table BEAMS, one row for each channel and polarisation.

Rows stay byte for byte but for the numbers of their planes, which count from the new first one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.cutout.cards import OF_THE_WHOLE, with_value
from vo_service.pixels.fits_file import Hdu
from vo_service.pixels.fits_header import FitsError
from vo_service.pixels.fits_table import cells_of, places_of, table_shape

_COUNT = re.compile(rb"(NAXIS2|NCHAN|NPOL) *$")


@dataclass(frozen=True, slots=True)
class CutTable:
    """Cards and rows of a table of which some rows were kept."""

    cards: list[bytes]
    rows: bytes


def cut_beams(
    table: Hdu, cards: list[bytes], channels: tuple[int, int], polarisations: tuple[int, int]
) -> CutTable:
    """The beams of channels and polarisations, each from the first to behind the last and counted from 0.

    Rows tell their plane in CHAN and POL; those of a table without CHAN are the channels in their order.
    Raises FitsError ``bad_header`` where the table cannot be read so, or has no beam for a channel.
    """
    if table.table is None:
        raise FitsError("bad_header", "the table BEAMS is too large to be cut", "BEAMS")
    if table.keywords.integer("PCOUNT"):
        raise FitsError("bad_header", "the table BEAMS has columns of variable length", "BEAMS")
    width, count = table_shape(table)
    rows = np.frombuffer(table.table[: width * count], np.uint8).reshape(count, width).copy()
    places = places_of(table)
    kept = np.ones(count, dtype=bool)
    channel = np.arange(count)
    for name, (start, stop) in (("CHAN", channels), ("POL", polarisations)):
        place = places.get(name)
        if place is not None and place.stored is not None:
            stored = cells_of(rows, place)
            numbers = stored.astype(np.int64)
            kept &= _within(numbers, start, stop)
            channel = numbers if name == "CHAN" else channel
            _write(rows, place.offset, (numbers - start).astype(stored.dtype))
        elif name == "CHAN":
            kept &= _within(channel, start, stop)
    found = len(np.unique(channel[kept]))
    if found < channels[1] - channels[0]:
        message = f"the table BEAMS has {found} beams for {channels[1] - channels[0]} channels"
        raise FitsError("bad_header", message, "BEAMS")
    counts = {
        b"NAXIS2": int(np.count_nonzero(kept)),
        b"NCHAN": channels[1] - channels[0],
        b"NPOL": polarisations[1] - polarisations[0],
    }
    return CutTable(
        [_counted(card, counts) for card in cards if card[:8] not in OF_THE_WHOLE], rows[kept].tobytes()
    )


def binned_beams(table: Hdu, cut: CutTable, factor: int) -> CutTable | None:
    """The beams of channels that are put together by ``factor``, one row for each bin and polarisation; None
    where rows of one bin differ. ``cut`` is the outcome of `cut_beams` for this table."""
    width = table.axes[0]
    rows = np.frombuffer(cut.rows, np.uint8).reshape(-1, width).copy()
    places = places_of(table)
    channel = np.arange(len(rows))
    place = places.get("CHAN")
    if place is not None and place.stored is not None:
        stored = cells_of(rows, place)
        channel = stored.astype(np.int64)
        _write(rows, place.offset, (channel // factor).astype(stored.dtype))
    bins = channel // factor
    kinds = np.zeros(len(rows), dtype=np.int64)
    place = places.get("POL")
    if place is not None and place.stored is not None:
        kinds = cells_of(rows, place).astype(np.int64)
    _, first, group = np.unique(
        np.column_stack([kinds, bins]), axis=0, return_index=True, return_inverse=True
    )
    if (rows != rows[first[group.ravel()]]).any():
        return None
    kept = np.sort(first)
    counts = {b"NAXIS2": len(kept), b"NCHAN": len(np.unique(bins))}
    return CutTable([_counted(card, counts) for card in cut.cards], rows[kept].tobytes())


def _within(numbers: NDArray[np.int64], start: int, stop: int) -> NDArray[np.bool_]:
    return (numbers >= start) & (numbers < stop)


def _write(rows: NDArray[np.uint8], offset: int, numbers: NDArray[np.generic]) -> None:
    size = numbers.dtype.itemsize
    rows[:, offset : offset + size] = numbers.view(np.uint8).reshape(len(rows), size)


def _counted(card: bytes, counts: dict[bytes, int]) -> bytes:
    match = _COUNT.match(card[:8])
    return with_value(card, str(counts[match[1]])) if match and match[1] in counts else card
