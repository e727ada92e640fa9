"""From a file of the holdings to its open image, wherever it lies."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.holdings.gzip_indexes import index_place
from vo_service.holdings.image_view import ImageView
from vo_service.holdings.read import is_as_found
from vo_service.pixels import FitsError
from vo_service.pixels.compute.cutting import open_cut
from vo_service.pixels.compute.unpacked import InMemory
from vo_service.pixels.held import HeldFile
from vo_service.products.cutting import OpenFile
from vo_service.products.faults import changed
from vo_service.products.images import understand
from vo_service.products.stored import OpenSource, StoredFile, open_source
from vo_service.store import RootPlace

_KINDS = {
    ErrorKind.CONFLICT: "changed",
    ErrorKind.GONE: "changed",
    ErrorKind.NOT_FOUND: "changed",
    ErrorKind.USAGE: "bad_header",
}
_REMEMBERED = 32


@dataclass(frozen=True, slots=True)
class Origin:
    """A file, and the directory or URL of its root."""

    file: StoredFile
    place: RootPlace


@dataclass(frozen=True, slots=True)
class Workbench:
    """Where maps are worked on: the folder where indexes of gzip files are kept, the one for what is laid
    aside as long as it may be asked for again, and the ``seconds`` that reading one map may take."""

    indexes: Path
    scratch: Path
    seconds: float = math.inf


@lru_cache(maxsize=_REMEMBERED)
def view_of(origin: Origin) -> ImageView:
    """What the headers of an image say; those of the files looked at last are remembered. Raises OSError and
    FitsError (``changed`` where the file is not what was ingested)."""
    with _told(), _opened(origin) as opened:
        return understand(origin.file, opened.source)


@contextmanager
def open_image(origin: Origin, bench: Workbench) -> Iterator[OpenFile]:
    """An image with its pixels, by the box. Raises OSError and FitsError, ``changed`` when it is closed where
    it changed meanwhile."""
    view = view_of(origin)
    with _told(), _opened(origin) as opened:
        index = index_place(bench.indexes, origin.file.found)
        axes = view.header.axes
        with open_cut(opened.source, view.fits, view.hdu, axes, index, bench.scratch) as source:
            yield OpenFile(origin.file, view, source)
        if not is_as_found(origin.file.found, opened.source):
            raise changed()


def can_jump(image: OpenFile) -> bool:
    """Whether any part of an open image is read as fast as any other."""
    return isinstance(image.source.image.source, HeldFile | InMemory)


@contextmanager
def _opened(origin: Origin) -> Iterator[OpenSource]:
    with closing(open_source(origin.file, {origin.file.found.root: origin.place})) as opened:
        yield opened


@contextmanager
def _told() -> Iterator[None]:
    """What clients of the service would be told, as errors of a file."""
    try:
        yield
    except ServiceError as error:
        raise FitsError(_KINDS.get(error.kind, "unreadable"), error.message) from error
