"""How results are had of files that are open: by a plan of their own bytes, or computed in a process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import starmap
from pathlib import Path

from vo_service.dali.errors import usage
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
from vo_service.products.faults import cannot_be_cut, changed
from vo_service.products.images import Images
from vo_service.products.making import Input, Making
from vo_service.products.selection import BoxOf, RowFacts
from vo_service.products.stored import OpenSource, StoredFile
from vo_service.products.wanted import Cut, HeaderOf, Wanted

_MOST_ASKED = 4 << 20
"""Bytes, of which a request counts 64 KiB, that a block of an answer may cost of a file behind a URL: what
costs more is left to a process that can be ended."""


class Planner:
    """Plans results. ``indexes`` is where those of packed files are kept, ``most_bytes`` the most that a
    computed result may have. Its methods may block; safe to use from many threads."""

    def __init__(self, images: Images, indexes: Path, most_bytes: int) -> None:
        self._images = images
        self._indexes = indexes
        self._most_bytes = most_bytes

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
        Raises NoOverlap, and ServiceError as `Results.make`."""
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


def files_wanted(found: DataSet, wanted: Wanted) -> list[StoredFile]:
    """The science file and the companions that are wanted beside it. Raises ServiceError (400) for a role of
    which the data set has no file."""
    files = [found.science]
    for role in wanted.companions:
        companions = found.companions.get(role)
        if not companions:
            has = ", ".join(sorted(found.companions)) or "no other files"
            raise usage(f"This data set has no companion {role!r}.", f"It has {has}.")
        files += companions
    return files


def is_plain_cut(wanted: Wanted) -> bool:
    """Whether a result is made of pixels as they are stored."""
    is_cut = isinstance(wanted.result, Cut | HeaderOf)
    return is_cut and not wanted.blank and wanted.rebin == UNBINNED


def _is_long_looked_for(view: ImageView) -> bool:
    """Whether finding the pixels of a shape may take seconds: in maps of all the sky, without an outline."""
    return view.sky is not None and view.product.sky is None


def _is_dear(segment: Segment) -> bool:
    """Whether reading a block of it would keep a thread for too long."""
    if not isinstance(segment, Stored) or not isinstance(segment.source, Requests):
        return False
    return cost_of(segment.runs, _MOST_ASKED) >= _MOST_ASKED
