"""Headers of FITS extensions, bounded before they are believed (FITS 4.0, sections 3, 7.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from vo_service.dali.uploads.faults import UploadFault

if TYPE_CHECKING:
    from astropy.io.fits import Header

_BLOCK = 2880
_HEADER_BLOCKS = 720  # 25,920 cards
_EXTENSIONS = 100
_MOST = 1 << 62
_BITPIX = (8, 16, 32, 64, -32, -64)


@dataclass(frozen=True, slots=True)
class BinaryTable:
    """One table extension: its header, and where its rows and its heap lie in the file, in bytes."""

    header: Header
    rows: int
    width: int
    start: int
    heap: int
    heap_bytes: int


def find_table(file: BinaryIO, size: int, extension: int | None) -> BinaryTable:
    """The binary table at a number of extension (1 is the one behind the primary header), or the first one.

    Raises UploadFault where there is none, and for a header that does not fit its file.
    """
    at = 0
    for number in range(_EXTENSIONS):
        if at >= size:
            break
        header, start = _read_header(file, at, number)
        extent = _data_bytes(header, number)
        kind = (text_value(header, "XTENSION") or "").upper()
        if number > 0 and (extension == number or (extension is None and kind == "BINTABLE")):
            if kind != "BINTABLE":
                raise UploadFault(
                    f"FITS extension {number} is {kind or 'no extension'}, a BINTABLE is wanted"
                )
            return _binary_table(header, number, start, size)
        at = start + (extent + _BLOCK - 1) // _BLOCK * _BLOCK
    where = "" if extension is None else f" at extension {extension}"
    raise UploadFault(f"the FITS file has no binary table{where}")


def _read_header(file: BinaryIO, at: int, number: int) -> tuple[Header, int]:
    """The header that begins at a place, and the place behind it."""
    from astropy.io.fits import Header
    from astropy.io.fits.verify import VerifyError

    file.seek(at)
    blocks: list[bytes] = []
    while True:
        block = file.read(_BLOCK)
        if len(block) < _BLOCK:
            raise UploadFault(f"the header of FITS extension {number} ends too early")
        blocks.append(block)
        if any(block[card : card + 8] == b"END     " for card in range(0, _BLOCK, 80)):
            break
        if len(blocks) == _HEADER_BLOCKS:
            raise UploadFault(
                f"the header of FITS extension {number} is above {_HEADER_BLOCKS * _BLOCK} bytes"
            )
    text = b"".join(blocks)
    end = next(card for card in range(0, len(text), 80) if text[card : card + 8] == b"END     ")
    try:
        header = Header.fromstring(text[:end].decode("ascii", "replace"))
        for key in ("NAXIS", "PCOUNT", "GCOUNT"):
            header.get(key)
    except (VerifyError, ValueError, KeyError) as error:
        raise UploadFault(f"the header of FITS extension {number} cannot be read") from error
    return header, at + len(text)


def _integer(header: Header, key: str, number: int, default: int | None = None) -> int:
    """A count of a header. Raises UploadFault for what is no whole number from 0."""
    value = _value(header, key, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _MOST:
        raise UploadFault(f"{key} of FITS extension {number} is {str(value)[:40]}, no count")
    return value


def _value(header: Header, key: str, default: object = None) -> object:
    """A value of a header; cards that cannot be read have none."""
    from astropy.io.fits.verify import VerifyError

    try:
        value: object = header.get(key, default)
    except (VerifyError, ValueError):
        return default
    return value


def text_value(header: Header, key: str) -> str | None:
    """A text of a header without blanks around it; None where there is none."""
    value = _value(header, key)
    return value.strip() or None if isinstance(value, str) else None


def number_value(header: Header, key: str) -> int | float | None:
    """A number of a header; None where there is none."""
    value = _value(header, key)
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _data_bytes(header: Header, number: int) -> int:
    """Bytes of the data behind a header (FITS 4.0, 4.4.1 and 6.1.1); PCOUNT counts elements too."""
    axes = _integer(header, "NAXIS", number, 0)
    if axes == 0:
        return 0
    if axes > 999:
        raise UploadFault(f"NAXIS of FITS extension {number} is {axes}")
    sizes = [_integer(header, f"NAXIS{axis}", number) for axis in range(1, axes + 1)]
    if sizes[0] == 0 and _value(header, "GROUPS") is True:
        sizes = sizes[1:]
    bits = number_value(header, "BITPIX")
    if not isinstance(bits, int) or bits not in _BITPIX:
        raise UploadFault(f"BITPIX of FITS extension {number} is {str(bits)[:40]}, none of FITS's")
    elements = 1
    for length in sizes:
        elements = min(elements * length, _MOST)
    elements += _integer(header, "PCOUNT", number, 0)
    return min(abs(bits) // 8 * elements * _integer(header, "GCOUNT", number, 1), _MOST)


def _binary_table(header: Header, number: int, start: int, size: int) -> BinaryTable:
    """The places within an extension. Raises UploadFault where they are not within the file."""
    if _value(header, "ZTABLE") is True or _value(header, "ZIMAGE") is True:
        raise UploadFault(f"FITS extension {number} is compressed by tiles, which is not read")
    width, rows = _integer(header, "NAXIS1", number), _integer(header, "NAXIS2", number)
    pcount = _integer(header, "PCOUNT", number, 0)
    heap = start + _integer(header, "THEAP", number, min(width * rows, _MOST))
    end = start + width * rows
    if width * rows >= _MOST or end > size or heap < end or end + pcount > size:
        raise UploadFault(
            f"FITS extension {number} says {rows} rows of {width} bytes and {pcount} behind them, more than "
            "the file holds"
        )
    return BinaryTable(header, rows, width, start, heap, max(end + pcount - heap, 0))
