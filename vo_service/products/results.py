"""Results of a data set: bytes that are sent from the source as they lie there, or are computed first."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import starmap
from pathlib import Path

from vo_service.access import Viewer
from vo_service.dali.errors import ServiceError
from vo_service.dali.sending import OpenBytes
from vo_service.dali.streams import Cancellation
from vo_service.holdings.image_view import ImageView
from vo_service.holdings.read import is_as_found
from vo_service.pixels import FitsError
from vo_service.pixels.compute.unpacked import Requests
from vo_service.pixels.cutout.assemble import OpenImage
from vo_service.pixels.cutout.gathering import cost_of
from vo_service.pixels.cutout.plan import PlannedBytes, Segment, Stored
from vo_service.pixels.cutout.select_sky import sky_box
from vo_service.products.cutting import UNBINNED, segments_wanted
from vo_service.products.datasets import DataSet
from vo_service.products.derived import Derived, Kept
from vo_service.products.faults import cannot_be_cut, changed
from vo_service.products.images import Images
from vo_service.products.making import Input, Making
from vo_service.products.many import ManyResults, files_wanted
from vo_service.products.selection import BoxOf, RowFacts
from vo_service.products.shelf import Closed, Shelf
from vo_service.products.stored import OpenSource, StoredFile
from vo_service.products.wanted import FORMAT_VERSION, Cut, HeaderOf, MomentOf, SpectrumOf, Wanted
from vo_service.products.workshop import Computing

_MOST_ASKED = 4 << 20
"""Bytes, of which a request counts 64 KiB, that a block of an answer may cost of a file behind a URL: what
costs more is left to a process that can be ended."""
_PACKED = re.compile(r"(?:\.(?:fits?|fts|gz|fz))+$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Ready:
    """A result, open for the caller to close; ``sha256`` of its bytes where that is known. One that
    ``is_far`` is read from another machine."""

    handle: OpenBytes
    size: int
    etag: str
    media_type: str
    name: str
    sha256: bytes | None = None
    is_far: bool = False

    @property
    def extension(self) -> str:
        """How the name ends."""
        return self.name.rpartition(".")[2]


class Results:
    """Makes results of data sets. Its methods may block; safe to use from many threads."""

    def __init__(
        self, shelf: Shelf, images: Images, derived: Derived, indexes: Path, most_bytes: int
    ) -> None:
        self._shelf = shelf
        self._images = images
        self._derived = derived
        self._indexes = indexes
        self._most_bytes = most_bytes

    def find(self, name: str, viewer: Viewer, address: str) -> DataSet:
        """A data set that the viewer may have pixels of. Raises Closed, and ServiceError as `Shelf.find`."""
        found = self._shelf.find_dataset(name, address)
        self._shelf.require_open(found.science, viewer)
        return found

    def look_at(self, name: str, viewer: Viewer, address: str) -> tuple[DataSet, ImageView | None]:
        """What is known of a data set, which is for everybody; with its image, where that is plain and the
        viewer may have it. Raises ServiceError as `Shelf.find`."""
        found = self._shelf.find_dataset(name, address)
        try:
            self._shelf.require_open(found.science, viewer)
            with closing(self._shelf.open_source(found.science)) as opened:
                known = self._images.plain(found.science, opened)
        except (Closed, ServiceError):
            return found, None
        return found, None if known is None else known.view

    def make(
        self,
        found: DataSet,
        wanted: Wanted,
        media_type: str,
        viewer: Viewer,
        computing: Computing,
        cancellation: Cancellation,
    ) -> Ready:
        """The result that is wanted of a data set; ``media_type`` is what it is to be called.

        Raises Closed where the viewer may not have one of its companions, NoOverlap, ClientGone, and
        ServiceError: 400 for what cannot be had of it, 409 and 410 where a file is not what was ingested,
        503.
        """
        files = files_wanted(found, wanted)
        for file in files:
            self._shelf.require_open(file, viewer)
        etag = entity_tag(files, wanted.canonical)
        with ExitStack() as opening:
            opened = []
            for file in files:
                opened.append(self._shelf.open_source(file))
                opening.callback(opened[-1].close)
            handle = self.planned(found, wanted, files, opened, partial(_close_all, opened))
            if handle is not None:
                opening.pop_all()  # the plan closes them
                ready = self._ready(found, wanted, media_type, etag, handle, handle.size)
                return replace(ready, is_far=handle.is_far)
            making = self.making(found, wanted, files, opened)
            kept = self.computed(etag, making, computing, cancellation)
        return self._ready(found, wanted, media_type, etag, kept.handle, kept.handle.size, kept.sha256)

    def computed(
        self, etag: str, making: Callable[[Path], None], computing: Computing, cancellation: Cancellation
    ) -> Kept:
        """A result that has to be computed, or was. Raises as `Derived.get`."""
        key = etag.strip('"')
        kept = self._derived.find(key)
        if kept is not None:
            return kept
        with computing.admitted():
            return self._derived.get(
                key,
                lambda out: computing.run(partial(making, out), cancellation),
                cancellation,
                computing.seconds,
            )

    def many_of(self, found: DataSet) -> ManyResults:
        """A data set of which many results are wanted, for the caller to close."""
        return ManyResults(self, self._shelf, found)

    def making(
        self, found: DataSet, wanted: Wanted, files: Sequence[StoredFile], opened: Sequence[OpenSource]
    ) -> Making:
        """How a result is computed of files that are open."""
        inputs = (Input(file, each.source, self._indexes) for file, each in zip(files, opened, strict=True))
        return Making(tuple(inputs), found.facts(), found.did, wanted, self._most_bytes)

    def planned(
        self,
        found: DataSet,
        wanted: Wanted,
        files: Sequence[StoredFile],
        opened: Sequence[OpenSource],
        close: Callable[[], None],
        facts: RowFacts | None = None,
        box_of: BoxOf = sky_box,
    ) -> PlannedBytes | None:
        """The plan of a cut of the sources' own bytes, which are closed by ``close``; None where it has to be
        computed. ``facts`` of the data set, where they are at hand; ``box_of`` finds the pixels of shapes.
        Raises NoOverlap, ServiceError as `make`."""
        if not is_plain_cut(wanted):
            return None
        images: list[OpenImage] = []
        views: list[ImageView] = []
        for file, each in zip(files, opened, strict=True):
            known = self._images.plain(file, each)
            if known is None or each.pieces is None:
                return None
            if wanted.constraints.shape is not None and _is_long_looked_for(known.view):
                return None
            images.append(known.image(each.pieces))
            views.append(known.view)
        here = [(file.found, each.source) for file, each in zip(files, opened, strict=True) if each.held]
        far = [(file.found, each.source) for file, each in zip(files, opened, strict=True) if each.far]

        def is_unchanged() -> bool:  # since it was ingested: the tag says so
            return all(starmap(is_as_found, here))

        def is_confirmed() -> bool:
            return all(starmap(is_as_found, far))

        try:
            segments = segments_wanted(files, views, images, facts or found.facts(), wanted, box_of)
        except FitsError as error:
            raise cannot_be_cut(error.message) from error
        if not is_unchanged():
            raise changed()
        if any(_is_dear(segment) for segment in segments):
            return None
        return PlannedBytes(segments, is_unchanged, close, is_confirmed if far else None)

    @staticmethod
    def _ready(
        found: DataSet,
        wanted: Wanted,
        media_type: str,
        etag: str,
        handle: OpenBytes,
        size: int,
        sha256: bytes | None = None,
    ) -> Ready:
        stem = _PACKED.sub("", found.science.name)
        return Ready(handle, size, etag, media_type, f"{stem}.{ending_of(wanted)}", sha256)


def _close_all(opened: Sequence[OpenSource]) -> None:
    for each in opened:
        each.close()


def _is_long_looked_for(view: ImageView) -> bool:
    """Whether finding the pixels of a shape may take seconds: in maps of all the sky, without an outline."""
    return view.sky is not None and view.product.sky is None


def _is_dear(segment: Segment) -> bool:
    """Whether reading a block of it would keep a thread for too long."""
    if not isinstance(segment, Stored) or not isinstance(segment.source, Requests):
        return False
    return cost_of(segment.runs, _MOST_ASKED) >= _MOST_ASKED


def ending_of(wanted: Wanted) -> str:
    """How the name of a result's file ends."""
    match wanted.result:
        case MomentOf(order=order):
            return f"moment{order}.fits"
        case SpectrumOf(form=form):
            return "spectrum.fits" if form == "fits" else "spectrum.vot"
        case HeaderOf():
            return "header.txt"
    return "cutout.fits"


def is_plain_cut(wanted: Wanted) -> bool:
    """Whether a result is made of pixels as they are stored."""
    is_cut = isinstance(wanted.result, Cut | HeaderOf)
    return is_cut and not wanted.blank and wanted.rebin == UNBINNED


def entity_tag(files: Sequence[StoredFile], canonical: str) -> str:
    """A strong entity tag: it changes with the bytes of the sources, with what is asked for, and where
    another version of this software gives other bytes."""
    state = "|".join((*(file.etag for file in files), canonical, str(FORMAT_VERSION)))
    return f'"{hashlib.blake2b(state.encode("utf-8"), digest_size=20).hexdigest()}"'
