"""Results of a data set: bytes that are sent from the source as they lie there, or are computed first."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from vo_service.access import Viewer
from vo_service.dali.errors import ServiceError
from vo_service.dali.sending import OpenBytes
from vo_service.dali.streams import Cancellation
from vo_service.holdings.image_view import ImageView
from vo_service.products.datasets import DataSet
from vo_service.products.derived import Derived, Kept
from vo_service.products.images import Images
from vo_service.products.many import ManyResults
from vo_service.products.planning import Planner, files_wanted
from vo_service.products.shelf import Closed, Shelf
from vo_service.products.stored import OpenSource, StoredFile
from vo_service.products.wanted import FORMAT_VERSION, HeaderOf, MomentOf, SpectrumOf, Wanted
from vo_service.products.workshop import Computing

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
        self._planner = Planner(images, indexes, most_bytes)

    def find(self, name: str, viewer: Viewer, address: str) -> DataSet:
        """A data set that the viewer may have pixels of. Raises Closed, and ServiceError as `Shelf.find`."""
        found = self._shelf.find_dataset(name, address)
        self._shelf.require_open(found.science, viewer)
        return found

    def look_at(self, name: str, viewer: Viewer, address: str) -> tuple[DataSet, ImageView | None]:
        """What is known of a data set, which is for everybody; with its image as `view_of`. Raises
        ServiceError as `Shelf.find`."""
        found = self._shelf.find_dataset(name, address)
        return found, self.view_of(found, viewer)

    def view_of(self, found: DataSet, viewer: Viewer) -> ImageView | None:
        """The image of a data set, where that is plain and the viewer may have it."""
        try:
            self._shelf.require_open(found.science, viewer)
            with closing(self._shelf.open_source(found.science)) as opened:
                known = self._images.plain(found.science, opened)
        except (Closed, ServiceError):
            return None
        return None if known is None else known.view

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
            handle = self._planner.planned(found, wanted, files, opened, partial(_close_all, opened))
            if handle is not None:
                opening.pop_all()  # the plan closes them
                ready = self._ready(found, wanted, media_type, etag, handle, handle.size)
                return replace(ready, is_far=handle.is_far)
            making = self._planner.making(found, wanted, files, opened)
            kept = self.computed(etag, making, computing, cancellation)
        return self._ready(found, wanted, media_type, etag, kept.handle, kept.handle.size, kept.sha256)

    def computed(
        self, etag: str, making: Callable[[Path], None], computing: Computing, cancellation: Cancellation
    ) -> Kept:
        """A result that has to be computed, or was. Raises as `Derived.get`."""
        kept = self.kept(etag)
        if kept is not None:
            return kept
        with computing.admitted():
            return self._derived.get(
                etag.strip('"'),
                lambda out: computing.run(partial(making, out), cancellation),
                cancellation,
                computing.seconds,
            )

    def kept(self, etag: str) -> Kept | None:
        """A result that was computed and is still kept, None where it is not."""
        return self._derived.find(etag.strip('"'))

    def many_of(self, found: DataSet) -> ManyResults:
        """A data set of which many results are wanted, for the caller to close."""
        return ManyResults(self._planner, self._shelf, found)

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


def entity_tag(files: Sequence[StoredFile], canonical: str) -> str:
    """A strong entity tag: it changes with the bytes of the sources, with what is asked for, and where
    another version of this software gives other bytes."""
    state = "|".join((*(file.etag for file in files), canonical, str(FORMAT_VERSION)))
    return f'"{hashlib.blake2b(state.encode("utf-8"), digest_size=20).hexdigest()}"'
