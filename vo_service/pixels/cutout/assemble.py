"""The FITS file that a cut makes: the image in the place where it stood, and its beams.

An image in an extension keeps the primary header before it, since descriptive cards stand there; other
extensions are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vo_service.pixels.axes import Axes
from vo_service.pixels.cutout.beams import cut_beams
from vo_service.pixels.cutout.box import Box
from vo_service.pixels.cutout.cards import cards_of, cut_cards, header_of, number_card
from vo_service.pixels.cutout.plan import Held, Readable, Segment, Stored, padding_behind
from vo_service.pixels.cutout.runs import Runs
from vo_service.pixels.fits_file import FitsFile, Hdu
from vo_service.pixels.fits_header import FitsError
from vo_service.pixels.sources import ByteSource

BEAMS = "BEAMS"
_NO_PIXELS = [
    number_card(*card) for card in (("SIMPLE", "T"), ("BITPIX", "8"), ("NAXIS", "0"), ("EXTEND", "T"))
]


@dataclass(frozen=True, slots=True)
class OpenImage:
    """An image that can be cut: what its headers say, and their blocks as they are stored, by HDU."""

    source: Readable
    fits: FitsFile
    hdu: Hdu
    axes: Axes
    headers: Mapping[int, bytes]

    @property
    def beams(self) -> Hdu | None:
        """The table of beams by channel."""
        return self.fits.table(BEAMS)


def header_blocks(source: ByteSource, fits: FitsFile, hdu: Hdu) -> dict[int, bytes]:
    """The stored headers that a cut of an image is made of. Raises OSError where the source cannot jump."""
    wanted = {hdu.index: hdu}
    if hdu.index:
        wanted[0] = fits.hdus[0]
    beams = fits.table(BEAMS)
    if beams is not None:
        wanted[beams.index] = beams
    return {
        index: source.read_at(each.header_offset, each.data_offset - each.header_offset)
        for index, each in wanted.items()
    }


def segments_of(image: OpenImage, box: Box, provenance: Sequence[bytes]) -> list[Segment]:
    """What the cut of an image consists of, with ``provenance`` cards at the end of its header.

    Pixels are the bytes of the source: it must be plain, so that offsets in it are places in the file. Raises
    ValueError where the box lies outside, FitsError ``bad_header`` for headers and beams that cannot be cut.
    """
    hdu = image.hdu
    if hdu.kind != "image" or hdu.keywords.integer("PCOUNT") or (hdu.keywords.integer("GCOUNT") or 1) != 1:
        raise FitsError("bad_header", f"HDU {hdu.index} is not one array of plain pixels", f"HDU {hdu.index}")
    table = next((axis.ctype for axis in image.axes.axes if axis.ctype.endswith("-TAB")), None)
    if table is not None:
        raise FitsError("bad_header", f"the values of {table} stand in a table that no cut keeps", table)
    runs = Runs.of(box, hdu.axes, abs(hdu.bitpix) // 8, hdu.data_offset)
    spectral = image.axes.spectral
    cards = cut_cards(
        cards_of(image.headers[hdu.index]), box, spectral.number if spectral is not None else None
    )
    segments: list[Segment] = [
        Held(header_of([*cards, *provenance])),
        Stored(runs, image.source),
        padding_behind(runs.size),
        *beam_segments(image, box),
    ]
    if hdu.index:
        is_empty = image.fits.hdus[0].kind == "empty"
        segments.insert(0, Held(image.headers[0] if is_empty else header_of(_NO_PIXELS)))
    return segments


def beam_segments(image: OpenImage, box: Box) -> list[Segment]:
    """The table of beams of the planes that are kept, nothing where there is none."""
    table = image.beams
    if table is None:
        return []
    spectral, stokes = image.axes.spectral, image.axes.stokes
    if spectral is None and table.axes[1] > (stokes.length if stokes is not None else 1):
        raise FitsError("bad_header", "no axis says that it is the one of the channels of BEAMS", "BEAMS")
    channels = box.spans[spectral.number - 1] if spectral is not None else (0, 1)
    polarisations = box.spans[stokes.number - 1] if stokes is not None else (0, 1)
    cut = cut_beams(table, cards_of(image.headers[table.index]), channels, polarisations)
    return [Held(header_of(cut.cards)), Held(cut.rows), padding_behind(len(cut.rows))]
