"""Tiles and Allskys as they are sent: files as they lie there, packed ones unpacked for those who want them
so, and tiles below a leaf, which are made of its pixels."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final
from zlib import ZLIB_RUNTIME_VERSION

from hips.tiles.files import PACKED, kept_file, unpacked
from hips.trees.layout import AllskyName, TileName
from hips.trees.virtual import KeptTile, VirtualTile, find_tile, fits_below, png_below
from vo_service.trees.files import Asked, Content, OpenFile, as_it_is, entity_tag, made_of, open_below
from vo_service.trees.served import ServedTree

MEDIA_TYPES: Final = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "fits": "application/fits",
    "tsv": "text/tab-separated-values; charset=utf-8",
}
"""By how names end (HIPS-123)."""
_MADE_AS: Final = f"1 {ZLIB_RUNTIME_VERSION}"
"""How tiles below leaves are made: the number is raised when their bytes change."""


def tile_content(tree: ServedTree, name: TileName, asked: Asked) -> Content | None:
    """A tile; None where the tree has none of that name. Raises OSError, FitsError and ValueError where its
    file is not what it was."""
    found = _find(tree, name)
    if found is None:
        return None
    media_type = MEDIA_TYPES[name.extension]
    if isinstance(found, KeptTile):
        return _kept(tree, found.path, media_type, asked)
    below = fits_below if name.extension == "fits" else png_below
    return _made(
        tree, found, media_type, asked, partial(below, leaf=found.leaf, tile=(name.order, name.cell))
    )


def allsky_content(tree: ServedTree, name: AllskyName, asked: Asked) -> Content | None:
    """All tiles of an order in one file; None where the tree has none of that name. Raises OSError,
    FitsError."""
    path = kept_file(tree.root / str(name))
    return None if path is None else _kept(tree, path, MEDIA_TYPES[name.extension], asked)


def _find(tree: ServedTree, name: TileName) -> KeptTile | VirtualTile | None:
    if tree.held is not None:
        return find_tile(tree.root, tree.held, tree.order, name)
    path = kept_file(tree.root / str(name))
    return None if path is None else KeptTile(path)


def _kept(tree: ServedTree, path: Path, media_type: str, asked: Asked) -> Content:
    file = open_below(tree.root, path)
    tag = entity_tag(file.mark)
    if path.suffix != PACKED:
        return Content(as_it_is(asked, file, media_type, tag))
    varies = {"Vary": "Accept-Encoding"}
    if asked.takes_gzip:
        tag = entity_tag(file.mark, "gzip")  # other bytes, another strong tag (RFC 9110, 8.8.3.3)
        return Content(as_it_is(asked, file, media_type, tag), {**varies, "Content-Encoding": "gzip"})
    return Content(made_of(asked, file, media_type, tag, partial(unpacked, name=path.name)), varies)


def _made(
    tree: ServedTree, found: VirtualTile, media_type: str, asked: Asked, make: Callable[[bytes], bytes]
) -> Content:
    file: OpenFile = open_below(tree.root, found.path)
    tag = entity_tag(file.mark, str(found.name), _MADE_AS)
    return Content(made_of(asked, file, media_type, tag, make))
