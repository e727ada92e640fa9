"""Reading one file: headers and layout of its image, without touching pixels."""

from __future__ import annotations

import threading
import zlib
from dataclasses import replace
from pathlib import Path

from vo_service.holdings.header import ImageHeader
from vo_service.holdings.query_marks import without_mark
from vo_service.holdings.records import UNKNOWN_SIZE, Card, FoundFile, ImageLayout, Product, ProductError
from vo_service.holdings.side_files import START
from vo_service.pixels import FitsError, FitsFile, Hdu, TruncatedFits, read_axes, read_fits, read_table
from vo_service.pixels.fits_file import FITS_MAGIC, GZIP_MAGIC
from vo_service.pixels.packed_tars import CutOff, PackedMember, PackedTar
from vo_service.pixels.sources import ByteSource, LocalFile, Slice
from vo_service.pixels.url_source import join_url, source_behind
from vo_service.store import RootPlace

_FITS_NAMES = (".fits", ".fit", ".fts")
_PACKED = (".gz", ".fz", ".z")


_last = threading.local()


def source_of(found: FoundFile, place: RootPlace) -> ByteSource:
    """The bytes of a file below the directory or URL ``place`` of its root.

    Members of a packed tar that are asked for one after the other by one thread share its one pass.
    """
    if found.container is None:
        size = None if found.size_bytes == UNKNOWN_SIZE else found.size_bytes
        return whole_source(place, found.path, size, found.query)
    whole = whole_source(place, found.container, None, found.query)
    if found.packing is None:
        return member_source(found, whole)
    key = (place, found.container, found.modified_ns)
    if getattr(_last, "key", None) != key:
        close_packed()
        _last.key, _last.tar = key, PackedTar(whole, found.packing)
    return PackedMember(_last.tar, found.offset or 0, found.size_bytes, found.path.rpartition("/")[2])


def member_source(found: FoundFile, whole: ByteSource) -> ByteSource:
    """The bytes of a member of the tar ``whole``; of a packed one by a pass of its own."""
    name = found.path.rpartition("/")[2]
    if found.packing is None:
        return Slice(whole, found.offset or 0, found.size_bytes, name)
    return PackedMember(PackedTar(whole, found.packing), found.offset or 0, found.size_bytes, name)


def close_packed() -> None:
    """Close the packed tar that this thread read last."""
    if getattr(_last, "key", None) is not None:
        _last.tar.close()
        _last.key = _last.tar = None


def whole_source(place: RootPlace, path: str, size: int | None, query: str | None = None) -> ByteSource:
    """A file that is no member of another, of which ``size`` (bytes) may be known; ``query`` as of
    FoundFile."""
    if isinstance(place, Path):
        return LocalFile(place / path)
    return source_behind(join_url(place, without_mark(path, query), query), size)


def is_as_found(found: FoundFile, source: ByteSource) -> bool:
    """Whether the bytes are still in the state in which discovery found them. Raises OSError."""
    size, modified_ns = source.state()
    if found.container is None and found.size_bytes != (UNKNOWN_SIZE if size is None else size):
        return False
    return found.modified_ns == modified_ns


def is_fits_name(name: str) -> bool:
    """Whether a file name claims to be FITS, packed or not."""
    lower = name.lower()
    for ending in _PACKED:
        lower = lower.removesuffix(ending)
    return lower.endswith(_FITS_NAMES)


def holds_fits(source: ByteSource) -> bool:
    """Whether a file begins as FITS does, gzip unpacked, whatever its name.

    Raises ProductError ``permission``, ``changed`` or ``unreadable``.
    """
    try:
        with source.open() as file:
            start = file.read(1024)
    except OSError as error:
        raise read_error(error, source.name) from error
    if start.startswith(GZIP_MAGIC):
        try:
            start = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(start, 162)
        except zlib.error:
            return False
    return start.startswith(FITS_MAGIC) and b"\n" not in start[:162]


def read_start(source: ByteSource) -> bytes:
    """The first bytes of a file, enough to tell what kind it is.

    Raises ProductError as :func:`holds_fits`.
    """
    try:
        with source.open() as file:
            return file.read(START)
    except OSError as error:
        raise read_error(error, source.name) from error


def read_headers(source: ByteSource) -> FitsFile:
    """The HDUs of a FITS file.

    Raises ProductError (``not_fits not_gzip truncated bad_header permission changed unreadable``); where
    only data are missing, TruncatedFits with what the headers say, so that the row still tells what the
    file was meant to be.
    """
    try:
        return read_fits(source)
    except TruncatedFits:
        raise
    except FitsError as error:
        raise ProductError(error.kind, error.message, error.item) from error
    except OSError as error:
        raise read_error(error, source.name) from error


def describe_layout(product: Product, fits: FitsFile) -> tuple[Product, ImageHeader | None]:
    """The product with the layout of its image and all header cards, and the image's header for the steps.

    The role is ``table`` for a file of tables, and the header None. A file with neither image nor table
    has a header without axes: what it states of the observation is kept.
    """
    image = fits.image()
    cards = tuple(
        Card(hdu.index, card.index, card.keyword, card.value, card.comment)
        for hdu in fits.hdus
        for card in hdu.cards
    )
    product = replace(product, cards=cards, header_digest=fits.digest, media_type=_media_type(fits))
    if image is None and fits.table_only():
        return replace(product, role="table", evidence="FITS with tables and no image"), None
    if image is None:
        return product, _image_header(fits, fits.hdus[0])
    compression = "gzip" if fits.compressed else "tile" if image.kind == "tile" else None
    layout = ImageLayout(
        hdu=image.index,
        axes=image.axes,
        bitpix=image.bitpix,
        data_offset=None if image.kind == "tile" else image.data_offset,
        compression=compression,
    )
    return replace(product, layout=layout), _image_header(fits, image)


def check_pixels(fits: FitsFile) -> None:
    """Raises ProductError ``no_pixels`` for a file with neither an image nor a table."""
    if any(hdu.kind != "empty" for hdu in fits.hdus):
        return
    axes = fits.hdus[0].axes
    what = "NAXIS = 0" if not axes else f"axes {' x '.join(map(str, axes))}"
    raise ProductError(
        "no_pixels", f"the file has a header but no pixels ({what}) and no extension", "NAXIS", 0
    )


def _image_header(fits: FitsFile, image: Hdu) -> ImageHeader:
    keywords = fits.keywords_of(image)
    beams = fits.table("BEAMS")
    try:
        columns = read_table(beams) if beams is not None else None
    except FitsError as error:
        raise ProductError(error.kind, f"table BEAMS: {error.message}", error.item) from error
    remarks = image.remarks if image.index == 0 else fits.hdus[0].remarks + image.remarks
    spoilt = tuple(card for hdu in fits.hdus for card in hdu.non_ascii if hdu.index in (0, image.index))
    return ImageHeader(keywords, read_axes(keywords, image.axes), remarks, columns, spoilt)


def _media_type(fits: FitsFile) -> str:
    if fits.compressed:
        return "image/x-fits-gzip"
    kinds = {hdu.kind for hdu in fits.hdus}
    if kinds <= {"empty", "table"}:
        return "application/x-fits-bintable"
    images = sum(hdu.kind in ("image", "tile") for hdu in fits.hdus)
    return "application/x-fits-mef" if images > 1 else "application/fits"


def read_error(error: OSError, name: str) -> ProductError:
    """What kept the bytes of a file from being read, as an error of its product."""
    if isinstance(error, PermissionError):
        said = f": {error}" if error.errno is None else ""
        return ProductError("permission", f"no permission to read {name}{said}", "path")
    if isinstance(error, FileNotFoundError):
        return ProductError("changed", f"{name} has gone since it was found", "path")
    if isinstance(error, CutOff):
        return ProductError("truncated", f"{name} cannot be read to its end: {error}", "path")
    return ProductError("unreadable", f"{name} cannot be read: {error.strerror or error}", "path")
