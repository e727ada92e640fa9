"""Tiles, Allskys and previews of the tree of one data set: made of what is kept when they are sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from typing import Final
from zlib import ZLIB_RUNTIME_VERSION

import numpy as np

from hips.frames.packed import read_tile
from hips.frames.trimmed import Trimmed
from hips.images.field import Values
from hips.tiles import allsky
from hips.tiles.files import Bytes, empty_tile, fits_image, packed
from hips.tiles.grid import WIDTH
from hips.tiles.pictures import Greys, Transfer, jpeg_preview, png_tile
from hips.trees.layout import AllskyName, TileName
from vo_service.dali.sending import KnownBytes, Sendable
from vo_service.trees.files import Asked, Content, entity_tag
from vo_service.trees.live_facts import TreeFacts
from vo_service.trees.live_trees import OpenFrame
from vo_service.trees.tiles import MEDIA_TYPES

_MADE_AS: Final = f"1 {ZLIB_RUNTIME_VERSION}"
"""How files are made of what is kept: the number is raised when their bytes change."""
_PACKED_BELOW: Final = WIDTH * WIDTH // 4
"""Pixels with data up to which a tile is sent packed: of more, packing takes longer than sending."""
_VARIES: Final = {"Vary": "Accept-Encoding"}


def tile_content(asked: Asked, facts: TreeFacts, frame: OpenFrame | None, name: TileName) -> Content:
    """A tile that the coverage of the tree holds; blank in a ``frame`` without data there, or at all (None).
    Raises OSError and NoFrame where what is kept of the frame cannot be read."""
    mark = _mark(facts, frame, str(name))
    entry = None if frame is None else frame.index.find(name.order, name.cell)
    tile = None if frame is None or entry is None else partial(read_tile, frame.read_at, entry)
    if name.extension == "png":
        return _made(asked, mark, "png", partial(_picture, facts.transfer, tile))
    unit = facts.unit or ""
    small = entry is None or int(entry["rows"]) * int(entry["columns"]) < _PACKED_BELOW
    return _made_fits(asked, mark, small, partial(_fits, name, tile, unit))


def allsky_content(asked: Asked, facts: TreeFacts, frame: OpenFrame | None, name: AllskyName) -> Content:
    """All tiles of order 3 (HIPS-040 to -045). Raises as `tile_content`."""
    mark = _mark(facts, frame, str(name))
    if name.extension == "png":
        return _made(asked, mark, "png", lambda: png_tile(facts.transfer.greys(_allsky(frame))))
    cards: list[tuple[str, object]] = [("ORDER", allsky.ORDER)]
    return _made_fits(asked, mark, True, lambda: fits_image(_allsky(frame), facts.unit or "", cards))


def preview_content(asked: Asked, facts: TreeFacts, frame: OpenFrame) -> Content:
    """The deepest tile with the brightest pixel of the first frame (HIPS-086). Raises as `tile_content`."""

    def make() -> bytes:
        cell = frame.index.brightest(facts.order)
        entry = None if cell is None else frame.index.find(facts.order, cell)
        tile = None if entry is None else read_tile(frame.read_at, entry)
        return jpeg_preview(_greys(facts.transfer, tile))

    return _made(asked, _mark(facts, frame, "preview"), "jpg", make)


_Read = Callable[[], Trimmed]


def _mark(facts: TreeFacts, frame: OpenFrame | None, name: str) -> tuple[str | bytes, ...]:
    """A state in which the bytes of a file are the same: that of the frame, and what greys go by."""
    state = b"blank" if frame is None else frame.mark
    return state, name, repr(facts.transfer), facts.unit or "", _MADE_AS


def _made(asked: Asked, mark: tuple[str | bytes, ...], ending: str, make: Callable[[], Bytes]) -> Content:
    tag = entity_tag(*mark)
    content = memoryview(make() if asked.wants(tag, None) else b"")
    return Content(Sendable(KnownBytes(content), len(content), tag, None, MEDIA_TYPES[ending]))


def _made_fits(
    asked: Asked, mark: tuple[str | bytes, ...], is_small: bool, make: Callable[[], Bytes]
) -> Content:
    """Packed for those who take it so, where that saves much."""
    if not is_small:
        return _made(asked, mark, "fits", make)
    if not asked.takes_gzip:
        return replace(_made(asked, mark, "fits", make), headers=_VARIES)
    made = _made(asked, (*mark, "gzip"), "fits", lambda: packed(make()))
    return replace(made, headers={**_VARIES, "Content-Encoding": "gzip"})


def _fits(name: TileName, tile: _Read | None, unit: str) -> Bytes:
    content, pixels = empty_tile(name.order, name.cell, unit)
    pixels[:] = np.nan
    if tile is not None:
        held = tile()
        pixels[held.place] = held.values
    return content


def _picture(transfer: Transfer, tile: _Read | None) -> bytes:
    return _blank_picture() if tile is None else png_tile(_greys(transfer, tile()))


@lru_cache(maxsize=1)
def _blank_picture() -> bytes:
    return png_tile(np.zeros((WIDTH, WIDTH), dtype=np.uint8))


def _greys(transfer: Transfer, tile: Trimmed | None) -> Greys:
    found = np.zeros((WIDTH, WIDTH), dtype=np.uint8)
    if tile is not None:
        found[tile.place] = transfer.greys(tile.values)
    return found


def _allsky(frame: OpenFrame | None) -> Values:
    picture = allsky.blank_allsky()
    for cell in [] if frame is None else frame.index.cells(allsky.ORDER):
        entry = frame.index.find(allsky.ORDER, cell) if frame is not None else None
        if frame is not None and entry is not None:
            allsky.put(picture, cell, read_tile(frame.read_at, entry).whole())
    return picture
