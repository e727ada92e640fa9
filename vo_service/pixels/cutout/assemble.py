"""The FITS file that a cut makes: the image in the place where it stood, and its beams.

An image in an extension keeps the primary header before it, since descriptive cards stand there; other
extensions are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from vo_service.pixels.axes import Axes
from vo_service.pixels.cutout.beams import CutTable, cut_beams
from vo_service.pixels.cutout.box import Box
from vo_service.pixels.cutout.cards import cards_of, cut_cards, header_of, number_card
from vo_service.pixels.cutout.extensions import as_extension, named, with_extensions
from vo_service.pixels.cutout.plan import Held, Readable, Segment, Stored, padding_behind
from vo_service.pixels.cutout.runs import Runs
from vo_service.pixels.fits_file import FitsFile, Hdu
from vo_service.pixels.fits_header import FitsError
from vo_service.pixels.fits_table import table_shape

Pixels = TypeVar("Pixels", covariant=True)

BEAMS = "BEAMS"
_NO_PIXELS = [
    number_card(*card) for card in (("SIMPLE", "T"), ("BITPIX", "8"), ("NAXIS", "0"), ("EXTEND", "T"))
]


class Jumping(Protocol):
    """Bytes that can be had in pieces."""

    def read_at(self, offset: int, length: int) -> bytes:
        """A piece, shorter only at the end. Raises OSError."""


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


def header_blocks(source: Jumping, fits: FitsFile, hdu: Hdu) -> dict[int, bytes]:
    """The stored headers that a cut of an image is made of. Raises OSError."""
    wanted = {hdu.index: hdu}
    if hdu.index:
        wanted[0] = fits.hdus[0]
    beams = fits.table(BEAMS)
    if beams is not None:
        wanted[beams.index] = beams
    return {
        index: source.read_at(each.header_offset, each.data_offset - each.header_offset)
        for index, each in sorted(wanted.items())  # some sources can only be read on
    }


@dataclass(frozen=True, slots=True)
class CutImage(Generic[Pixels]):
    """A box of an image on its way into a file: its cards, its pixels (``size`` bytes), its beams, and the
    header that stands before it where it does not stand first."""

    cards: list[bytes]
    pixels: Pixels
    size: int
    beams: CutTable | None
    before: bytes | None


def segments_of(image: OpenImage, box: Box, provenance: Sequence[bytes]) -> list[Segment]:
    """What the cut of an image consists of, with ``provenance`` cards at the end of its header.

    Pixels are the bytes of the source: it must be plain, so that offsets in it are places in the file. Raises
    ValueError where the box lies outside, FitsError ``bad_header`` for headers and beams that cannot be cut.
    """
    return list(file_of(cut_image(image, box, provenance)))


def cut_image(image: OpenImage, box: Box, provenance: Sequence[bytes]) -> CutImage[Stored]:
    """The same, not put together yet."""
    hdu = image.hdu
    check_cut(image)
    runs = Runs.of(box, hdu.axes, abs(hdu.bitpix) // 8, hdu.data_offset)
    spectral = image.axes.spectral
    cards = cut_cards(
        cards_of(image.headers[hdu.index]), box, spectral.number if spectral is not None else None
    )
    pixels = Stored(runs, image.source)
    return CutImage([*cards, *provenance], pixels, runs.size, beams_of(image, box), header_before(image))


def file_of(
    science: CutImage[Pixels], companions: Sequence[tuple[str, CutImage[Pixels]]] = ()
) -> Iterator[Held | Pixels]:
    """The parts of a file: the science image where it stood, its beams, then companions by their names, each
    with its beams.

    Companions are extensions, EXTNAME their name in capitals; those of one name are counted by EXTVER. Each
    table BEAMS that comes behind another has the next EXTVER, so readers that look for the first find that of
    the science image.
    """
    if science.before is not None:
        yield Held(science.before)
    yield from _image_parts(science_cards(science, bool(companions)), science)
    tables = 0
    if science.beams is not None:
        tables += 1
        yield from _table_parts(science.beams.cards, science.beams)
    counts: Counter[str] = Counter()
    for name, companion in companions:
        counts[name] += 1
        yield from _image_parts(as_extension(companion.cards, name.upper(), counts[name]), companion)
        if companion.beams is not None:
            tables += 1
            yield from _table_parts(_as_table(companion.beams.cards, tables), companion.beams)


def science_cards(science: CutImage[Pixels], has_companions: bool = False) -> list[bytes]:
    """The cards of the image that a file is about: where it stands first they say what comes behind it."""
    if science.before is None and (has_companions or science.beams):
        return with_extensions(science.cards)
    return science.cards


def _image_parts(cards: list[bytes], image: CutImage[Pixels]) -> Iterator[Held | Pixels]:
    yield Held(header_of(cards))
    yield image.pixels
    yield padding_behind(image.size)


def _table_parts(cards: list[bytes], table: CutTable) -> Iterator[Held]:
    yield Held(header_of(cards))
    yield Held(table.rows)
    yield padding_behind(len(table.rows))


def _as_table(cards: list[bytes], version: int) -> list[bytes]:
    """The cards of a table BEAMS with its number among such. What tells the layout stays in front."""
    place = next((number for number, card in enumerate(cards) if card[:8] == b"TFIELDS "), len(cards) - 1)
    return [*cards[: place + 1], *named(cards[place + 1 :], BEAMS, version)]


def check_cut(image: OpenImage) -> None:
    """Raises FitsError ``bad_header`` where a cut would lose what gives the pixels their meaning."""
    hdu = image.hdu
    plain = hdu.kind == "image" and not hdu.keywords.integer("PCOUNT")
    if not plain or (hdu.keywords.integer("GCOUNT") or 1) != 1:
        raise FitsError("bad_header", f"HDU {hdu.index} is not one array of plain pixels", f"HDU {hdu.index}")
    check_axes(image.axes)


def check_axes(axes: Axes) -> None:
    """Raises FitsError ``bad_header`` for an axis whose values stand in a table."""
    table = next((axis.ctype for axis in axes.axes if axis.ctype.endswith("-TAB")), None)
    if table is not None:
        raise FitsError("bad_header", f"the values of {table} stand in a table that no cut keeps", table)


def header_before(image: OpenImage) -> bytes | None:
    """The header that stands before an image that is an extension, None for one that stands first."""
    if not image.hdu.index:
        return None
    return image.headers[0] if image.fits.hdus[0].kind == "empty" else header_of(_NO_PIXELS)


def beams_of(image: OpenImage, box: Box) -> CutTable | None:
    """The table of beams of the planes that are kept, None where there is none."""
    table = image.beams
    if table is None:
        return None
    spectral, stokes = image.axes.spectral, image.axes.stokes
    if spectral is None and table_shape(table)[1] > (stokes.length if stokes is not None else 1):
        raise FitsError("bad_header", "no axis says that it is the one of the channels of BEAMS", "BEAMS")
    channels = box.spans[spectral.number - 1] if spectral is not None else (0, 1)
    polarisations = box.spans[stokes.number - 1] if stokes is not None else (0, 1)
    return cut_beams(table, cards_of(image.headers[table.index]), channels, polarisations)
