"""Images that are open to be cut, of this machine or behind a URL: their headers are read and understood once
for each state.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock

from vo_service.holdings.image_view import ImageView, view_image
from vo_service.holdings.read import is_as_found, read_headers
from vo_service.holdings.records import ProductError
from vo_service.pixels import FitsError
from vo_service.pixels.compute.unpacked import Requests
from vo_service.pixels.cutout.assemble import OpenImage, header_blocks
from vo_service.pixels.cutout.plan import Readable
from vo_service.pixels.held import HeldFile
from vo_service.pixels.sources import ByteSource
from vo_service.products.faults import cannot_be_cut, changed, faults_told, unreadable
from vo_service.products.stored import OpenSource, StoredFile

GZIP = "image/x-fits-gzip"


@dataclass(frozen=True, slots=True)
class Understood:
    """What an image's headers say, and their blocks as they are stored, by HDU."""

    view: ImageView
    headers: Mapping[int, bytes]

    def image(self, source: Readable) -> OpenImage:
        """The image with its pixels."""
        view = self.view
        return OpenImage(source, view.fits, view.hdu, view.header.axes, self.headers)


class Images:
    """The images asked for last, at most so many. Safe to use from many threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = Lock()
        self._known: OrderedDict[str, Understood | None] = OrderedDict()

    def plain(self, file: StoredFile, opened: OpenSource) -> Understood | None:
        """An image whose stored bytes are its pixels as they are, and can be had in pieces; None where they
        have to be unpacked or fetched first. Raises ServiceError as `understand`, and 409 where the file is
        not what was ingested."""
        pieces = opened.pieces
        if pieces is None or file.media_type == GZIP:
            return None
        with self._lock:
            if file.etag in self._known:
                self._known.move_to_end(file.etag)
                return self._known[file.etag]
        known = _read(file, opened.source, pieces)
        with self._lock:
            self._known[file.etag] = known
            if len(self._known) > self._most:
                self._known.popitem(last=False)
        return known


def _read(file: StoredFile, source: ByteSource, pieces: HeldFile | Requests) -> Understood | None:
    with faults_told():
        if isinstance(pieces, Requests) and not pieces.serves_ranges():
            return None
        view = understand(file, source)
        is_plain = view.hdu.kind == "image" and not view.fits.compressed
        known = Understood(view, header_blocks(pieces, view.fits, view.hdu)) if is_plain else None
        # kept under the tag of what was ingested, whatever the file became while it was read
        if not is_as_found(file.found, source):
            raise changed()
        return known


def understand(file: StoredFile, source: ByteSource) -> ImageView:
    """The image of a file. Raises ServiceError (400) where the file holds none that can be read, saying why,
    and (503) where it cannot be read at present."""
    try:
        return view_image(file.found, read_headers(source))
    except ProductError as error:
        if error.kind in ("permission", "changed", "unreadable"):
            raise unreadable() from error
        raise cannot_be_cut(error.message) from error
    except FitsError as error:  # data are missing behind the header
        raise cannot_be_cut(error.message) from error
