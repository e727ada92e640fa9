"""Tiles and Allskys as they are sent: files as they lie there, packed ones unpacked for those who want them
so, and tiles below a leaf, which are made of its pixels."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final
from zlib import ZLIB_RUNTIME_VERSION

from hips.tiles.files import PACKED, kept_file, unpacked
from hips.trees.layout import AllskyName, TileName
from hips.trees.virtual import FitsLeaf, KeptTile, PngLeaf, VirtualTile, find_tile
from vo_service.query.kept import Kept
from vo_service.trees.files import Asked, Content, OpenFile, as_it_is, entity_tag, made_of, open_below
from vo_service.trees.served import ServedTree

MEDIA_TYPES: Final = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "fits": "application/fits",
    "tsv": "text/tab-separated-values; charset=utf-8",
}
"""By how names end (HIPS-123)."""
_MADE_AS: Final = f"2 {ZLIB_RUNTIME_VERSION}"
"""How tiles below leaves are made: the number is raised when their bytes change."""
_State = tuple[Path, str]
_LEAVES: Final = Kept[_State, FitsLeaf | PngLeaf](32)
"""Pixels of leaves by the trees and the states of their files, up to 1 MiB each: who looks deeper than a leaf
asks for many tiles below it one after the other, and unpacking it takes longer than all else."""


def tile_content(tree: ServedTree, name: TileName, asked: Asked) -> Content | None:
    """A tile; None where the tree has none of that name. Raises OSError, FitsError and ValueError where its
    file is not what it was."""
    found = _find(tree, name)
    if found is None:
        return None
    media_type = MEDIA_TYPES[name.extension]
    if isinstance(found, KeptTile):
        return _kept(tree, found.path, media_type, asked)
    return _made(tree, found, media_type, asked)


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


def _made(tree: ServedTree, found: VirtualTile, media_type: str, asked: Asked) -> Content:
    file: OpenFile = open_below(tree.root, found.path)
    tag = entity_tag(file.mark, str(found.name), _MADE_AS)
    state = tree.root, file.mark

    def make(content: bytes) -> bytes:
        leaf = _leaf(state, found, content)
        return bytes(leaf.below(found.leaf, (found.name.order, found.name.cell)))

    return Content(made_of(asked, file, media_type, tag, make))


def _leaf(state: _State, found: VirtualTile, content: bytes) -> FitsLeaf | PngLeaf:
    """The pixels of a leaf, of the bytes of its file if they are not known. Raises FitsError, ValueError."""
    leaf = _LEAVES.find(state)
    if leaf is None:
        is_fits = found.name.extension == "fits"
        leaf = FitsLeaf.of(content, found.leaf) if is_fits else PngLeaf.of(content)
        _LEAVES.keep(state, leaf)
    return leaf
