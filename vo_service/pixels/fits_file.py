"""The HDUs of a FITS file: headers read, data skipped by their computed size. Pixels are never touched.

Plain files are sought through; gzip streams, and sources that cannot seek, are read through only as far as
needed (to the image, to the table of beams that its header announces, or to the end where the length in the
gzip trailer leaves doubts).
"""

from __future__ import annotations

import gzip
import hashlib
import struct
import zlib
from dataclasses import dataclass, replace
from io import SEEK_END, BufferedReader
from math import prod
from pathlib import Path
from typing import Any

from vo_service.pixels.fits_header import (
    BLOCK,
    FitsError,
    HeaderCard,
    Keywords,
    NonAsciiCard,
    parse_header,
    read_header_bytes,
)
from vo_service.pixels.sources import ByteSource, LocalFile

GZIP_MAGIC = b"\x1f\x8b"
FITS_MAGIC = b"SIMPLE  ="
SMALL_TABLE = 16 * 1024 * 1024
"""Tables up to this size (bytes) are kept for reading; beams of a hundred thousand channels fit."""
MAXIMUM_HDUS = 100
_MAGIC_LENGTH = 162
"""Two cards and their line ends: a header saved as text shows there."""
_STRUCTURE = (
    "SIMPLE",
    "XTENSION",
    "BITPIX",
    "EXTEND",
    "PCOUNT",
    "GCOUNT",
    "GROUPS",
    "BSCALE",
    "BZERO",
    "BLANK",
)
_IMAGE_ONLY = (
    "NAXIS",
    "CTYPE",
    "CRVAL",
    "CRPIX",
    "CDELT",
    "CROTA",
    "CUNIT",
    "PC",
    "CD",
    "PV",
    "WCS",
    "BUNIT",
)
_COMPANION_EXTENSIONS = frozenset(
    {"ERR", "ERROR", "STAT", "DQ", "MASK", "FLAG", "FLAGS", "WHT", "WEIGHT", "VAR"}
)


@dataclass(frozen=True, slots=True)
class Hdu:
    """One header and data unit. ``kind``: ``image`` (with pixels), ``tile`` (a tile-compressed image),
    ``table`` or ``empty``. ``axes`` in FITS order; offsets and sizes in bytes of the uncompressed
    stream.
    """

    index: int
    kind: str
    name: str
    keywords: Keywords
    cards: tuple[HeaderCard, ...]
    remarks: bytes
    non_ascii: tuple[NonAsciiCard, ...]
    axes: tuple[int, ...]
    bitpix: int
    header_offset: int
    data_offset: int
    data_bytes: int
    table: bytes | None = None


class TruncatedFits(FitsError):
    """The file ends before its header says; ``fits`` is what could still be read of it."""

    def __init__(self, message: str, item: str, fits: FitsFile) -> None:
        super().__init__("truncated", message, item)
        self.fits = fits

    def __reduce__(self) -> tuple[object, ...]:
        return TruncatedFits, (self.message, self.item, self.fits)


@dataclass(frozen=True, slots=True)
class FitsFile:
    """What the headers of a file say. ``digest`` is a hash (hex) over the header bytes of all HDUs read."""

    hdus: tuple[Hdu, ...]
    compressed: bool
    digest: str

    def image(self) -> Hdu | None:
        """The science image: the extension SCI, else the first image that no name makes a companion of
        one.
        """
        images = [hdu for hdu in self.hdus if hdu.kind in ("image", "tile")]
        for hdu in images:
            if hdu.name == "SCI":
                return hdu
        ranked = [hdu for hdu in images if hdu.name not in _COMPANION_EXTENSIONS] or images
        return ranked[0] if ranked else None

    def keywords_of(self, hdu: Hdu) -> Keywords:
        """Keywords of ``hdu``, with descriptive ones of the primary header where an extension lacks them."""
        primary = self.hdus[0]
        if hdu.index == 0 or hdu.keywords.get("INHERIT") is False or primary.kind != "empty":
            return hdu.keywords
        shared = {k for k in primary.keywords if k not in _STRUCTURE and not k.startswith(_IMAGE_ONLY)}
        return hdu.keywords.merged(primary.keywords, shared)

    def table_only(self) -> bool:
        """Whether the file holds tables and no image."""
        return self.image() is None and any(hdu.kind == "table" for hdu in self.hdus)

    def table(self, name: str) -> Hdu | None:
        """The binary table of that EXTNAME, or None."""
        return next((hdu for hdu in self.hdus if hdu.kind == "table" and hdu.name == name), None)


def read_fits(source: ByteSource | Path) -> FitsFile:
    """Headers and layout of a FITS file, gzip-compressed or not.

    Raises FitsError (kinds ``not_fits not_gzip truncated bad_header``; TruncatedFits where headers could be
    read) and OSError.
    """
    if isinstance(source, Path):
        source = LocalFile(source)
    with source.open() as raw:
        stream = raw if isinstance(raw, BufferedReader) else BufferedReader(raw)  # type: ignore[type-var]
        start = stream.peek(_MAGIC_LENGTH)[:_MAGIC_LENGTH]
        if start[:2] == GZIP_MAGIC:
            return _read_gzip(stream, source.name)
        if source.name.lower().endswith(".gz"):
            raise FitsError(
                "not_gzip", f"{source.name} is not gzip data: it begins with {_show(start)}", "byte 0"
            )
        _check_magic(start, source.name)
        return _Walk(stream, source.name, source.size, compressed=False).run()


def _read_gzip(raw: BufferedReader[Any], name: str) -> FitsFile:
    announced = _announced_length(raw)
    try:
        with gzip.GzipFile(fileobj=raw) as unzipped:
            stream = BufferedReader(unzipped, 1 << 16)
            _check_magic(stream.peek(_MAGIC_LENGTH)[:_MAGIC_LENGTH], name)
            return _Walk(stream, name, announced, compressed=True).run()
    except EOFError as error:
        raise FitsError("truncated", f"the gzip stream of {name} ends too early: {error}") from error
    except (zlib.error, gzip.BadGzipFile) as error:
        raise FitsError("not_gzip", f"the gzip stream of {name} is damaged: {error}") from error


def _announced_length(raw: BufferedReader[Any]) -> int:
    """The length in the trailer of a gzip stream; 0, which confirms nothing, where it cannot be got at."""
    if not raw.seekable():
        return 0
    raw.seek(max(0, raw.seek(0, SEEK_END) - 4))
    trailer = raw.read(4)
    raw.seek(0)
    return int(struct.unpack("<I", trailer)[0]) if len(trailer) == 4 else 0


def _check_magic(start: bytes, name: str) -> None:
    if not start:
        raise FitsError("not_fits", f"{name} is empty", "byte 0")
    if start.startswith(FITS_MAGIC) and b"\n" in start:
        raise FitsError("not_fits", f"{name} is a header saved as lines of text", "byte 0")
    if not start.startswith(FITS_MAGIC):
        raise FitsError(
            "not_fits", f"{name} begins with {_show(start)}, a FITS file with 'SIMPLE  ='", "byte 0"
        )


def _show(start: bytes) -> str:
    return repr(start[:20].decode("ascii", "replace"))


class _Walk:
    """One pass over a stream, from HDU to HDU. ``length`` is the file's size (None where unknown), for gzip
    that of its trailer (which counts modulo 2**32 and is believed only where it fits).
    """

    def __init__(
        self, stream: BufferedReader[Any], name: str, length: int | None, *, compressed: bool
    ) -> None:
        self.stream = stream
        self.name = name
        self.length = length
        self.compressed = compressed
        self.jumps = not compressed and stream.seekable()
        self.hdus: list[Hdu] = []
        self.hash = hashlib.blake2b(digest_size=16)

    def run(self) -> FitsFile:
        """All HDUs that matter; raises TruncatedFits, FitsError."""
        offset = 0
        while len(self.hdus) < MAXIMUM_HDUS:
            offset = self._read_hdu(offset)
            if offset < 0 or (not self.jumps and not self._needs_more() and self._is_last(offset)):
                break
        return self._result()

    def _result(self) -> FitsFile:
        return FitsFile(tuple(self.hdus), self.compressed, self.hash.hexdigest())

    def _read_hdu(self, offset: int) -> int:
        """Reads the HDU at ``offset``; the offset of the next one, or -1 at the end."""
        place = f"HDU {len(self.hdus)} of {self.name}"
        try:
            raw = read_header_bytes(self.stream, place, b"XTENSION" if self.hdus else FITS_MAGIC)
        except FitsError as error:
            if not self.hdus:
                raise
            raise TruncatedFits(error.message, place, self._result()) from error
        if raw is None:
            return -1
        hdu = _make_hdu(len(self.hdus), raw, offset, place)
        self.hash.update(raw)
        self.hdus.append(hdu)
        end = hdu.data_offset + hdu.data_bytes
        if hdu.kind == "table" and hdu.data_bytes <= SMALL_TABLE and hdu.name == "BEAMS":
            table = self.stream.read(hdu.data_bytes)
            self.hdus[-1] = replace(hdu, table=table)
            self._check_length(hdu, hdu.data_offset + len(table))
            self._skip(hdu, hdu.data_offset + len(table), -(-end // BLOCK) * BLOCK)
        else:
            self._skip(hdu, hdu.data_offset, end)
            self._skip(hdu, end, -(-end // BLOCK) * BLOCK, padding=True)
        return -(-end // BLOCK) * BLOCK

    def _needs_more(self) -> bool:
        """Whether a stream that cannot jump has to be read on: no image yet, or beams are announced."""
        image = next((hdu for hdu in self.hdus if hdu.kind in ("image", "tile")), None)
        if image is None:
            return True
        return image.keywords.get("CASAMBM") is True and not any(hdu.name == "BEAMS" for hdu in self.hdus)

    def _is_last(self, end: int) -> bool:
        """Whether the stream ends with the data up to ``end``, or nothing but its end would tell."""
        padded = -(-end // BLOCK) * BLOCK
        if self.compressed:
            return self.length == padded % 2**32
        return self.length is None or self.length <= padded

    def _skip(self, hdu: Hdu, start: int, end: int, *, padding: bool = False) -> None:
        """Moves on from ``start`` to ``end``; missing padding is forgiven, missing data are not."""
        if not self.compressed and not padding and self.length is not None:
            self._check_length(hdu, min(end, self.length))
        if self.jumps:
            self.stream.seek(end)
            return
        if not self._needs_more() and self._is_last(end):
            return  # nothing is missing, nothing follows: no need to read or unpack the pixels
        position = start
        while position < end:
            try:
                chunk = self.stream.read(min(1 << 20, end - position))
            except EOFError:  # the gzip stream was cut off
                break
            if not chunk:
                break
            position += len(chunk)
        if not padding:
            self._check_length(hdu, position)

    def _check_length(self, hdu: Hdu, available: int) -> None:
        expected = hdu.data_offset + hdu.data_bytes
        if available < expected:
            raise TruncatedFits(
                f"{self.name} ends at byte {available}, but HDU {hdu.index} (axes {_shape(hdu.axes)}, BITPIX "
                f"{hdu.bitpix}) needs {expected}: {expected - available} bytes are missing",
                f"HDU {hdu.index}",
                self._result(),
            )


def _shape(axes: tuple[int, ...]) -> str:
    return " x ".join(map(str, axes)) or "none"


def _make_hdu(index: int, raw: bytes, offset: int, place: str) -> Hdu:
    """Classifies an HDU from its header. Raises FitsError ``bad_header`` where the mandatory cards are
    wrong.
    """
    header = parse_header(raw)
    keys = header.keywords
    bitpix = _mandatory(keys, "BITPIX", place)
    axes = tuple(_mandatory(keys, f"NAXIS{n + 1}", place) for n in range(_mandatory(keys, "NAXIS", place)))
    size = _data_bytes(keys, bitpix, axes, place)
    kind = "image" if size else "empty"
    if (keys.text("XTENSION") or "IMAGE") in ("BINTABLE", "TABLE", "A3DTABLE", "FOREIGN"):
        kind = "table"
    if kind == "table" and keys.get("ZIMAGE") is True:
        kind = "tile"
        bitpix = _mandatory(keys, "ZBITPIX", place)
        axes = tuple(
            _mandatory(keys, f"ZNAXIS{n + 1}", place) for n in range(_mandatory(keys, "ZNAXIS", place))
        )
    if keys.get("GROUPS") is True and axes[:1] == (0,):
        kind = "table"  # random groups hold visibilities, not an image
    name = (keys.text("EXTNAME") or "").upper()
    return Hdu(
        index,
        kind,
        name,
        keys,
        header.cards,
        header.remarks,
        header.non_ascii,
        axes,
        bitpix,
        offset,
        offset + len(raw),
        size,
    )


def _mandatory(keys: Keywords, key: str, place: str) -> int:
    """A whole number that the layout rests on. Raises FitsError ``bad_header`` where it is missing, no such
    number, or contradicted by a second card of its name.
    """
    value = _whole(keys, key, place, least=None if "BITPIX" in key else 0)
    if value is None:
        raise FitsError("bad_header", f"{place} has no {key}", key)
    if key.endswith("NAXIS") and value > 999:
        raise FitsError("bad_header", f"{key} of {place} is {value}, it must be 0 to 999", key)
    if key in ("BITPIX", "ZBITPIX") and value not in (8, 16, 32, 64, -32, -64):
        raise FitsError("bad_header", f"{key} of {place} is {value}, not one of 8 16 32 64 -32 -64", key)
    return value


def _whole(keys: Keywords, key: str, place: str, least: int | None) -> int | None:
    """The whole number of a card, None where there is no such card."""
    value = keys.integer(key)
    if key in keys.repeated:
        texts = " and ".join(keys.repeated[key])
        raise FitsError("bad_header", f"{key} of {place} is given more than once: {texts}", key)
    written = keys.written(key)
    if written is not None and (value is None or (least is not None and value < least)):
        wanted = "a whole number" if least is None else f"a whole number of {least} or more"
        raise FitsError("bad_header", f"{key} of {place} is {written!r}, it must be {wanted}", key)
    return value


def _data_bytes(keys: Keywords, bitpix: int, axes: tuple[int, ...], place: str) -> int:
    if not axes:
        return 0
    pixels = prod(axes)
    if axes[0] == 0 and keys.get("GROUPS") is True:
        pixels = prod(axes[1:])
    groups = _whole(keys, "GCOUNT", place, least=0) or 1
    parameters = _whole(keys, "PCOUNT", place, least=0) or 0
    return abs(bitpix) // 8 * groups * (parameters + pixels)
