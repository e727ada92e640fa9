"""Where the indexes of gzip files are kept, for any part of them to be read without what lies before it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from contextlib import suppress
from math import prod
from pathlib import Path

from vo_service.holdings.records import FoundFile, Product
from vo_service.pixels import FitsError
from vo_service.pixels.compute.gzip_index import UNFINISHED, WORTH_AN_INDEX, build_index
from vo_service.pixels.sources import ByteSource
from vo_service.store import RootPlace

FOLDER = "indexes"
"""Their folder in the home of a service."""
_ENDING = ".gzidx"
_ABANDONED_SECONDS = 86400.0


def index_key(found: FoundFile) -> str:
    """A name for a file in its present state."""
    place = (found.root, found.path, found.query, found.container, found.offset)
    state = repr((*place, found.size_bytes, found.modified_ns))
    return hashlib.blake2b(state.encode("utf-8"), digest_size=20).hexdigest()


def index_place(indexes: Path, found: FoundFile) -> Path:
    """Where the index of a file is kept in the folder ``indexes``, whether there is one or not."""
    return indexes / f"{index_key(found)}{_ENDING}"


def keep_index(indexes: Path, product: Product, source: ByteSource, root: RootPlace) -> None:
    """Make the index of a measured file if it pays: of gzip files of this machine above 8 MiB unpacked.

    Files behind a URL would be fetched once more, and members of packed tars cannot be jumped in: those are
    left to the first who wants a part. An index that cannot be made is left to him, too.
    """
    layout = product.layout
    if layout is None or layout.compression != "gzip" or product.file.packing is not None:
        return
    size = (layout.data_offset or 0) + prod(layout.axes) * abs(layout.bitpix) // 8
    place = index_place(indexes, product.file)
    if size <= WORTH_AN_INDEX or isinstance(root, str) or place.exists():
        return
    with suppress(OSError, FitsError):
        build_index(source, place, size)


def sweep_indexes(indexes: Path, listed: Iterable[FoundFile]) -> None:
    """Remove the indexes of files that are not ``listed``, or not in that state, and what a killed process
    left of one a day ago or earlier."""
    wanted = {index_place(indexes, found).name for found in listed}
    for path in indexes.iterdir():
        if path.name.endswith(UNFINISHED):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > _ABANDONED_SECONDS:
                    path.unlink()
        elif path.name.endswith(_ENDING) and path.name not in wanted:
            with suppress(OSError):  # what stays does no harm
                path.unlink()
