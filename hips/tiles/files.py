"""FITS tiles: the bytes of one, and back (HIPS-023, -024, -025, -027, -030)."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hips.tiles.grid import WIDTH, place_in_base_cell
from vo_service.pixels.fits_header import FitsError

BITPIX = -32
BLOCK = 2880
_CARD = 80
PACKED = ".gz"
"""What follows the name of a file that is kept compressed; it is served as what it was."""
_PACK_ABOVE = 0.5
"""Share of blank pixels above which a tile is kept compressed."""
_LEVEL = 1  # noise does not get smaller, and blanks are gone at any level
_MAGIC = b"\x1f\x8b"

Values = NDArray[np.float32]
Bytes = bytes | bytearray


def fits_tile(order: int, cell: int, values: Values, unit: str) -> Bytes:
    """The file of a tile: float32, NaN where there are no data; ``unit`` is left out where it is empty."""
    content, pixels = empty_tile(order, cell, unit)
    pixels[:] = values
    return content


def empty_tile(order: int, cell: int, unit: str) -> tuple[bytearray, NDArray[np.float32]]:
    """The file of a tile, and its pixels, to be set: see `empty_image`."""
    return empty_image((WIDTH, WIDTH), unit, [("ORDER", order), ("NPIX", cell), *wcs_cards(order, cell)])


def fits_image(values: Values, unit: str, cards: list[tuple[str, object]]) -> Bytes:
    """A FITS file of one image (rows, columns) with further cards."""
    content, pixels = empty_image(values.shape, unit, cards)
    pixels[:] = values
    return content


def empty_image(
    shape: tuple[int, ...], unit: str, cards: list[tuple[str, object]]
) -> tuple[bytearray, NDArray[np.float32]]:
    """A FITS file of one image ``(rows, columns)`` of zeros with further cards, and its pixels, to be set in
    their place: copies of a tile would take longer than all else that is done to serve it."""
    rows, columns = shape
    first: list[tuple[str, object]] = [
        ("SIMPLE", True),
        ("BITPIX", BITPIX),
        ("NAXIS", 2),
        ("NAXIS1", columns),
        ("NAXIS2", rows),
    ]
    if unit:
        first.append(("BUNIT", unit))
    header = "".join(_card(key, value) for key, value in [*first, *cards]) + "END".ljust(_CARD)
    start = _blocks(len(header))
    content = bytearray(start + _blocks(4 * rows * columns))
    content[:start] = header.ljust(start).encode("ascii")
    pixels = np.frombuffer(content, dtype=">f4", count=rows * columns, offset=start)
    return content, pixels.reshape(rows, columns)


def _blocks(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _card(key: str, value: object) -> str:
    if isinstance(value, bool):
        text = f"{'T' if value else 'F':>20}"
    elif isinstance(value, str):
        text = "'" + value.replace("'", "''").ljust(8) + "'"
    else:
        text = f"{value:>20}" if isinstance(value, int) else f"{value!r:>20}".upper()
    card = f"{key:<8}= {text}"
    if len(card) > _CARD:
        raise ValueError(f"{key} = {value!r} is too long for a card")
    return card.ljust(_CARD)


def wcs_cards(order: int, cell: int) -> list[tuple[str, object]]:
    """The projection HPX of a tile (HIPS-024). None on tiles that right ascension 180 degrees runs through in
    the base cell that lies on both sides of it: no such cards would hold for all their pixels.
    """
    base, east, west = place_in_base_cell(order, cell)
    if base == 6 and east == west:
        return []
    across = (1, 3, -3, -1)[base % 4] if base // 4 != 1 else (0, 2, 4 if east < west else -4, -2)[base % 4]
    up = 1 - base // 4
    side = WIDTH << order
    step = 45.0 / side
    return [
        ("CTYPE1", "RA---HPX"),
        ("CTYPE2", "DEC--HPX"),
        ("CRPIX1", (side + 1) / 2 - side * (up - across) / 2 - WIDTH * west),
        ("CRPIX2", (side + 1) / 2 + side * (across + up) / 2 - WIDTH * ((1 << order) - 1 - east)),
        ("CRVAL1", 0.0),
        ("CRVAL2", 0.0),
        ("CD1_1", -step),
        ("CD1_2", -step),
        ("CD2_1", step),
        ("CD2_2", -step),
        ("PV2_1", 4),
        ("PV2_2", 3),
        ("RADESYS", "ICRS"),
    ]


def as_kept(name: str, content: Bytes, blank: float) -> tuple[str, Bytes]:
    """The name and the content under which a FITS file is kept: compressed, with ``.gz`` behind the name,
    where most of it, the share ``blank``, is blank."""
    return (name + PACKED, packed(content)) if blank > _PACK_ABOVE else (name, content)


def packed(content: Bytes) -> bytes:
    """As gzip does, with no name and no time in it."""
    packing = zlib.compressobj(_LEVEL, zlib.DEFLATED, 31)
    return packing.compress(content) + packing.flush()


def kept_file(path: Path) -> Path | None:
    """The file that keeps what is served under this name: itself, or a compressed one; None for neither."""
    if path.is_file():
        return path
    beside = path.with_name(path.name + PACKED)
    return beside if beside.is_file() else None


def read_tile(path: Path) -> Values:
    """The values of a tile of ours, ``(512, 512)``. Raises FitsError for another file, OSError for none."""
    found = kept_file(path)
    if found is None:
        raise FileNotFoundError(2, "no such tile", str(path))
    return tile_values(found.read_bytes(), path.name)


def unpacked(content: bytes, name: str) -> bytes:
    """The bytes of a FITS file that may be compressed. Raises FitsError."""
    if content[:2] != _MAGIC:
        return content
    try:
        return zlib.decompress(content, 31)
    except zlib.error as error:
        raise FitsError("truncated", f"{name}: a tile that is broken off: {error}") from error


def tile_values(content: bytes, name: str) -> Values:
    """The values in the bytes of a tile, compressed or not. Raises FitsError."""
    return stored_pixels(unpacked(content, name), name).astype(np.float32)


def stored_pixels(content: bytes, name: str) -> Values:
    """The pixels in the plain bytes of a tile where they lie, in the order of bytes of FITS. Raises
    FitsError."""
    size = WIDTH * WIDTH * 4
    if not content.startswith(b"SIMPLE  =") or len(content) < BLOCK + size:
        raise FitsError("truncated", f"{name}: {len(content)} bytes are no tile of {WIDTH} pixels")
    pixels = np.frombuffer(content, dtype=">f4", count=WIDTH * WIDTH, offset=BLOCK)
    return pixels.reshape(WIDTH, WIDTH)


def unit_of(content: bytes) -> str:
    """BUNIT in the plain bytes of a tile; empty where there is none."""
    place = content.find(b"BUNIT   = '", 0, BLOCK)
    if place < 0 or place % _CARD:
        return ""
    card = content[place : place + _CARD].decode("ascii")
    return card[11 : card.rindex("'")].rstrip().replace("''", "'")
