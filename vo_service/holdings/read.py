"""Reading one file: headers and layout of its image, without touching pixels."""

from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path

from vo_service.holdings.header import ImageHeader
from vo_service.holdings.records import Card, ImageLayout, Product, ProductError
from vo_service.pixels import FitsError, FitsFile, Hdu, TruncatedFits, read_axes, read_fits, read_table
from vo_service.pixels.fits_file import FITS_MAGIC, GZIP_MAGIC

_FITS_NAMES = (".fits", ".fit", ".fts")
_PACKED = (".gz", ".fz", ".z")


def is_fits_name(name: str) -> bool:
    """Whether a file name claims to be FITS, packed or not."""
    lower = name.lower()
    for ending in _PACKED:
        lower = lower.removesuffix(ending)
    return lower.endswith(_FITS_NAMES)


def holds_fits(path: Path) -> bool:
    """Whether a file begins as FITS does, gzip unpacked, whatever its name.

    Raises ProductError ``permission``, ``changed`` or ``unreadable``.
    """
    try:
        with path.open("rb") as file:
            start = file.read(1024)
    except OSError as error:
        raise _os_error(error, path.name) from error
    if start.startswith(GZIP_MAGIC):
        try:
            start = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(start, 162)
        except zlib.error:
            return False
    return start.startswith(FITS_MAGIC) and b"\n" not in start[:162]


def holds_text(path: Path) -> bool:
    """Whether a file begins as plain text does: UTF-8 without control characters, and not empty.

    Raises ProductError as :func:`holds_fits`.
    """
    try:
        with path.open("rb") as file:
            start = file.read(4096)
    except OSError as error:
        raise _os_error(error, path.name) from error
    try:
        text = start.decode()
    except UnicodeDecodeError as error:
        if error.start < len(start) - 3:  # else a letter was cut at the end
            return False
        text = start[: error.start].decode()
    return bool(text.strip()) and all(letter.isprintable() or letter in "\t\n\r\f" for letter in text)


def read_headers(path: Path) -> FitsFile:
    """The HDUs of a FITS file.

    Raises ProductError (``not_fits not_gzip truncated bad_header permission changed unreadable``); where
    only data are missing, TruncatedFits with what the headers say, so that the row still tells what the
    file was meant to be.
    """
    try:
        return read_fits(path)
    except TruncatedFits:
        raise
    except FitsError as error:
        raise ProductError(error.kind, error.message, error.item) from error
    except OSError as error:
        raise _os_error(error, path.name) from error


def describe_layout(product: Product, fits: FitsFile) -> tuple[Product, ImageHeader | None]:
    """The product with the layout of its image and all header cards, and the image's header for the steps.

    The header is None for a file without an image, and the role ``table`` for one of tables.
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
        return product, None
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


def _os_error(error: OSError, name: str) -> ProductError:
    if isinstance(error, PermissionError):
        return ProductError("permission", f"no permission to read {name}", "path")
    if isinstance(error, FileNotFoundError):
        return ProductError("changed", f"{name} has gone since it was found", "path")
    return ProductError("unreadable", f"{name} cannot be read: {error.strerror or error}", "path")
