"""A box of an image, of whatever kind and wherever it is, as parts of a file: stored bytes where those are
plain, numbers as stored of tile-compressed images, and numbers with those outside a shape blanked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.axes import Axes
from vo_service.pixels.compute.opening import open_unpacked, reader_of
from vo_service.pixels.compute.reader import StoredReader, slabs_of
from vo_service.pixels.compute.unpacked import Unpacked
from vo_service.pixels.compute.writing import Computed
from vo_service.pixels.cutout.assemble import (
    CutImage,
    OpenImage,
    beams_of,
    check_axes,
    cut_image,
    header_before,
    header_blocks,
)
from vo_service.pixels.cutout.box import Box
from vo_service.pixels.cutout.cards import cards_of, cut_cards
from vo_service.pixels.cutout.plan import Stored
from vo_service.pixels.cutout.uncompressed_cards import uncompressed_cards, was_primary
from vo_service.pixels.fits_file import FitsFile, Hdu
from vo_service.pixels.sources import ByteSource

_STRUCTURE = frozenset({"SIMPLE", "BITPIX", "NAXIS", "EXTEND", "CHECKSUM", "DATASUM"})
_SLAB = 4 << 20


@dataclass(frozen=True, slots=True)
class CutSource:
    """An image that is open: its headers and bytes, and its pixels."""

    image: OpenImage
    reader: StoredReader

    @property
    def is_tiled(self) -> bool:
        """Whether its pixels are unpacked from a table of tiles."""
        return self.image.hdu.kind == "tile"


@contextmanager
def open_cut(
    source: ByteSource,
    fits: FitsFile,
    hdu: Hdu,
    axes: Axes,
    index: Path | None,
    folder: Path | None = None,
) -> Iterator[CutSource]:
    """An image to take parts from: plain, gzip or tile-compressed, a member of a tar, remote. ``index``,
    ``folder`` and errors as of `open_unpacked` and `reader_of`."""
    with (
        open_unpacked(source, fits, index, folder) as unpacked,
        reader_of(unpacked, source.name, hdu, folder=folder) as reader,
    ):
        yield CutSource(_image(unpacked, fits, hdu, axes), reader)


def _image(unpacked: Unpacked, fits: FitsFile, hdu: Hdu, axes: Axes) -> OpenImage:
    headers: Mapping[int, bytes] = header_blocks(unpacked, fits, hdu)
    return OpenImage(unpacked, fits, hdu, axes, headers)


def cut_stored(
    source: CutSource, box: Box, provenance: Sequence[bytes]
) -> CutImage[Stored] | CutImage[Computed]:
    """A box of an image with its numbers as they are stored, BSCALE, BZERO and BLANK as cards (SODA-042): of
    a tile-compressed one those that it unpacks to, in the place and by the header that it had uncompressed.

    Raises as `cut_image`.
    """
    if not source.is_tiled:
        return cut_image(source.image, box, provenance)
    return computed_cut(source, box, provenance, None)


def computed_cut(
    source: CutSource,
    box: Box,
    provenance: Sequence[bytes],
    change: Callable[[Box, NDArray[np.generic]], NDArray[np.generic]] | None,
) -> CutImage[Computed]:
    """A box with its numbers as they are stored, changed by ``change`` (box of a slab, its numbers)."""
    size = box.pixels * source.reader.dtype.itemsize
    pixels = Computed(size, partial(_slabs, source.reader, box, change))
    return CutImage(
        [*box_cards(source, box), *provenance],
        pixels,
        size,
        beams_of(source.image, box),
        before(source),
    )


def _slabs(
    reader: StoredReader,
    box: Box,
    change: Callable[[Box, NDArray[np.generic]], NDArray[np.generic]] | None,
) -> Iterator[bytes]:
    for slab in slabs_of(box, _SLAB, reader.dtype.itemsize):
        numbers = reader.stored(slab)
        yield (numbers if change is None else change(slab, numbers)).tobytes()


def box_cards(source: CutSource, box: Box) -> list[bytes]:
    """The cards of a box of an image, for the place where it stands. Raises FitsError ``bad_header``,
    ValueError where the box lies outside."""
    image = source.image
    check_axes(image.axes)
    if not box.fits(image.hdu.axes):
        raise ValueError(f"a box of {box.spans} does not lie within an image of {image.hdu.axes} pixels")
    cards = cards_of(image.headers[image.hdu.index])
    if source.is_tiled:
        cards = uncompressed_cards(cards, before(source) is None)
    spectral = image.axes.spectral
    return cut_cards(cards, box, spectral.number if spectral is not None else None)


def before(source: CutSource) -> bytes | None:
    """The header that stands before the image, None for one that stands first: as a tile-compressed one did
    that was primary, if the empty HDU before its table tells nothing of its own."""
    image = source.image
    if not source.is_tiled or not was_primary(cards_of(image.headers[image.hdu.index])):
        return header_before(image)
    says = set(image.fits.hdus[0].keywords) - _STRUCTURE
    return header_before(image) if says and image.fits.hdus[0].kind == "empty" else None
