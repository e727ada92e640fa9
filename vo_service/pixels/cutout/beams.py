"""The beams of a cube, cut with its channels: CASA's table BEAMS, one row for each channel and polarisation.

Rows stay byte for byte but for the numbers of their planes, which count from the new first one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.cutout.cards import OF_THE_WHOLE, with_value
from vo_service.pixels.fits_file import Hdu
from vo_service.pixels.fits_header import FitsError
from vo_service.pixels.fits_table import ColumnPlace, cells_of, places_of, table_shape

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

    Rows tell their plane in CHAN and POL; those of a table without CHAN are the channels in their order, of
    each polarisation for itself. Raises FitsError ``bad_header`` where the table cannot be read so, or has no
    beam for a channel.
    """
    if table.table is None:
        raise FitsError("bad_header", "the table BEAMS is too large to be cut", "BEAMS")
    if table.keywords.integer("PCOUNT"):
        raise FitsError("bad_header", "the table BEAMS has columns of variable length", "BEAMS")
    width, count = table_shape(table)
    rows = np.frombuffer(table.table[: width * count], np.uint8).reshape(count, width).copy()
    places = places_of(table)
    channel, polarisation = _numbers(rows, places)
    kept = _within(channel, *channels)
    if polarisation is not None:
        kept &= _within(polarisation, *polarisations)
    for name, numbers, start in (("CHAN", channel, channels[0]), ("POL", polarisation, polarisations[0])):
        place = places.get(name)
        if numbers is not None and place is not None and place.stored is not None:
            _write(rows, place.offset, (numbers - start).astype(cells_of(rows, place).dtype))
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
    channel, polarisation = _numbers(rows, places)
    bins = channel // factor
    place = places.get("CHAN")
    if place is not None and place.stored is not None:
        _write(rows, place.offset, bins.astype(cells_of(rows, place).dtype))
    kinds = np.zeros(len(rows), dtype=np.int64) if polarisation is None else polarisation
    _, first, group = np.unique(
        np.column_stack([kinds, bins]), axis=0, return_index=True, return_inverse=True
    )
    if (rows != rows[first[group.ravel()]]).any():
        return None
    kept = np.sort(first)
    counts = {b"NAXIS2": len(kept), b"NCHAN": len(np.unique(bins))}
    return CutTable([_counted(card, counts) for card in cut.cards], rows[kept].tobytes())


def channels_in_order(polarisation: NDArray[np.int64]) -> NDArray[np.int64]:
    """The channels (from 0) of rows that do not tell them: those of each polarisation in their order."""
    order = np.argsort(polarisation, kind="stable")
    _, first, counts = np.unique(polarisation[order], return_index=True, return_counts=True)
    channel = np.empty(len(order), dtype=np.int64)
    channel[order] = np.arange(len(order)) - np.repeat(first, counts)
    return channel


def _numbers(
    rows: NDArray[np.uint8], places: Mapping[str, ColumnPlace]
) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
    """Channel and polarisation of each row; None for polarisations that are not told."""
    channel, polarisation = (
        cells_of(rows, place).astype(np.int64) if place is not None and place.stored is not None else None
        for place in (places.get("CHAN"), places.get("POL"))
    )
    if channel is None:
        told = np.zeros(len(rows), dtype=np.int64) if polarisation is None else polarisation
        channel = channels_in_order(told)
    return channel, polarisation


def _within(numbers: NDArray[np.int64], start: int, stop: int) -> NDArray[np.bool_]:
    return (numbers >= start) & (numbers < stop)


def _write(rows: NDArray[np.uint8], offset: int, numbers: NDArray[np.generic]) -> None:
    size = numbers.dtype.itemsize
    rows[:, offset : offset + size] = numbers.view(np.uint8).reshape(len(rows), size)


def _counted(card: bytes, counts: dict[bytes, int]) -> bytes:
    match = _COUNT.match(card[:8])
    return with_value(card, str(counts[match[1]])) if match and match[1] in counts else card
