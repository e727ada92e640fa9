"""Trees of single data sets, each made when somebody asks for it: found, asked for by somebody, and what is
kept of them opened.

Two kinds of results are kept like all that the desk makes (docs/architecture.md): what is known of a tree
together with its first frame, and each run of other frames. A tile is a piece of one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from hips.frames.packed import FrameIndex, NoFrame, ReadAt, read_index
from vo_service.access import Rights, Viewer
from vo_service.dali.errors import ErrorKind, ServiceAway, ServiceError
from vo_service.holdings.finish import did_of
from vo_service.products.authority import Authority
from vo_service.products.datasets import DataSet
from vo_service.products.derived import Kept
from vo_service.products.remembered import Last
from vo_service.products.results import Results, entity_tag
from vo_service.products.shelf import Shelf
from vo_service.products.stored import StoredFile, WithdrawnFile
from vo_service.products.withdrawn import no_file
from vo_service.store import StoreError
from vo_service.trees.live_documents import ROW, Subject
from vo_service.trees.live_facts import NoTree, Told, TreeFacts, read_note
from vo_service.trees.live_making import FrameMaking, Source, TreeMaking

GATED: Final = {"Cache-Control": "no-cache"}
"""The gate is asked at every request: whoever has kept something asks whether it may still be shown."""
_MADE_BY: Final = f"2 reproject {version('reproject')}"
"""How trees are made: the number is raised when the same file gives another one."""
_REMEMBERED: Final = 512
"""Files of frames of which it is remembered where their tiles are; data sets of which rows are."""
_STONE: Final = ("product_id", "dataset_id", "version", "withdrawn", "successor")

Making = Callable[[Path], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """Pixels that a plane may have, and bytes that a result may."""

    plane_pixels: int
    result_bytes: int


@dataclass(frozen=True, slots=True)
class LiveSet:
    """A data set that the viewer may see now, and what was measured of it."""

    subject: Subject
    told: Told


@dataclass(frozen=True, slots=True)
class Pending:
    """A result that has to be made first; ``etag`` is what it is kept under."""

    etag: str
    making: Making


@dataclass(frozen=True, slots=True)
class OpenFrame:
    """The tiles of a frame, which are read as long as it is open; ``mark`` changes with the bytes of any."""

    index: FrameIndex
    read_at: ReadAt
    mark: bytes


@dataclass(frozen=True, slots=True)
class OpenTree:
    """What is known of a tree, and its first frame."""

    facts: TreeFacts
    frame: OpenFrame


class TreeMissing(ServiceError):
    """404: a data set has no tree, for as long as its file is what it is."""

    @classmethod
    def because(cls, reason: str) -> TreeMissing:
        """``reason`` is the end of a sentence about the data set."""
        return cls(ErrorKind.NOT_FOUND, _missing(reason), headers=GATED)


class LiveTrees:
    """Finds data sets and what is kept of their trees. Its methods may block; safe to use from many threads.

    ``newest`` tells the number of the current snapshot, None where there is none yet.
    """

    def __init__(
        self,
        shelf: Shelf,
        results: Results,
        newest: Callable[[], int | None],
        rights: Rights,
        clock: Callable[[], datetime],
        authority: Authority,
        indexes: Path,
        limits: Limits,
    ) -> None:
        self._shelf = shelf
        self._results = results
        self._newest = newest
        self._rights = rights
        self._clock = clock
        self._authority = authority
        self._indexes = indexes
        self._limits = limits
        self._opened: Last[tuple[FrameIndex, TreeFacts | NoTree | None]] = Last(_REMEMBERED)
        self._known: Last[tuple[Told, dict[str, Any]]] = Last(_REMEMBERED)
        self._apart: Last[bool] = Last(_REMEMBERED)

    def find(self, name: str, viewer: Viewer, address: str) -> LiveSet:
        """A data set by its name. Raises Closed where the viewer may not see it, and ServiceError: 404 where
        there is none, or no file of it, 410 where it was withdrawn, 503."""
        try:
            found = self._results.find(name, viewer, address)
        except ServiceError as error:
            if error.kind is ErrorKind.NOT_FOUND:
                raise self._nothing(name, address) from error
            if error.kind is ErrorKind.UNAVAILABLE and self._is_empty():
                raise _unknown() from error
            raise
        science = found.science
        if not science.is_primary or science.dataset_id != name:
            there = f"{address}/hips/{science.dataset_id}" if science.dataset_id is not None else None
            raise no_tree("a file is none by itself", there and f"That of its data set is at {there}")
        if science.fault is not None:
            raise no_tree("its file cannot be described")
        told, row = self._rows_of(found)
        now = self._clock()
        is_open = all(self._rights.is_open(each.origin, each.release_date, now) for each in science.claims)
        return LiveSet(Subject(science, row, is_open), told)

    @contextmanager
    def open(self, live: LiveSet) -> Iterator[OpenTree | Pending]:
        """What is known of a tree, open while the block lasts. Raises TreeMissing, and ServiceError: 503."""
        science = live.subject.file
        etag = entity_tag([science], f"tree {_MADE_BY} {live.told!r} {self._limits.plane_pixels}")
        with self._kept(etag) as kept:
            if kept is None:
                limits = self._limits
                yield Pending(
                    etag,
                    TreeMaking(self._source(science), live.told, limits.plane_pixels, limits.result_bytes),
                )
                return
            index, facts = self._index_of(kept)
            if not isinstance(facts, TreeFacts):
                raise TreeMissing.because("nothing is known of it" if facts is None else facts.reason)
            yield OpenTree(facts, OpenFrame(index, kept.handle.read_at, kept.sha256))

    @contextmanager
    def open_frame(self, live: LiveSet, tree: OpenTree, frame: int) -> Iterator[OpenFrame | Pending]:
        """A frame with data of a tree that is open, likewise."""
        if frame == tree.facts.first:
            yield tree.frame
            return
        science, most_bytes = live.subject.file, self._limits.result_bytes
        run = tree.facts.run_of(frame, most_bytes)
        etag = _tag_of_run(science, run)
        if len(run) > 1 and self._apart.among([etag]):
            run = (frame,)
            etag = _tag_of_run(science, run)
        with self._kept(etag) as kept:
            if kept is None:
                yield Pending(etag, FrameMaking(self._source(science), run, most_bytes))
                return
            index, _ = self._index_of(kept)
            yield OpenFrame(index.of_plane(run.index(frame)), kept.handle.read_at, kept.sha256)

    def take_apart(self, run: Pending) -> None:
        """Make each frame of a run by itself from now on, for as long as this is remembered: one that cannot
        be had takes no others with it."""
        self._apart.keep({run.etag: True})

    @contextmanager
    def _kept(self, etag: str) -> Iterator[Kept | None]:
        kept = self._results.kept(etag)
        try:
            yield kept
        finally:
            if kept is not None:
                kept.handle.close()

    def _index_of(self, kept: Kept) -> tuple[FrameIndex, TreeFacts | NoTree | None]:
        key = kept.sha256.hex()
        known = self._opened.among([key]).get(key)
        if known is None:
            try:
                index = read_index(kept.handle.read_at, kept.handle.size)
                known = index, read_note(index.note) if index.note else None
            except (OSError, NoFrame, ValueError, KeyError, TypeError) as error:
                raise ServiceAway("What is kept of this tree cannot be read at present.") from error
            if isinstance(known[1], TreeFacts):
                known[1].covered.meets(0, 0)  # worked out here, so that no request has to
            self._opened.keep({key: known})
        return known

    def _source(self, science: StoredFile) -> Source:
        place = self._shelf.roots().get(science.found.root)
        if place is None:
            raise ServiceError(
                ErrorKind.UNAVAILABLE, "The directory of this data set is not known to the service."
            )
        return Source(str(science.dataset_id), science, place, self._indexes)

    def _rows_of(self, found: DataSet) -> tuple[Told, dict[str, Any]]:
        """What the holdings say of a data set, remembered for as long as their snapshot is the newest."""
        science = found.science
        key = f"{self._shelf.snapshot()} {science.product_id}"
        known = self._known.among([key]).get(key)
        if known is None:
            known = self._told(science), self._listed(found)
            self._known.keep({key: known})
        return known

    def _listed(self, found: DataSet) -> dict[str, Any]:
        rows = self._shelf.rows("ivoa.obscore", ROW, {"obs_publisher_did": found.did}) if found.did else []
        return rows[0] if rows else {}

    def _told(self, science: StoredFile) -> Told:
        """Measurements have the right of the file that they were made on, of which the gate was asked."""
        wanted = {"product_id": science.product_id}
        measured = self._shelf.rows("holdings.measurement", ("rms", "peak", "rms_unit"), wanted)
        if not measured:
            return Told()
        channels = self._shelf.rows("holdings.peak_spectrum", ("channel", "peak"), wanted)
        known = [(row["peak"], -row["channel"]) for row in channels if row["peak"] is not None]
        first = -max(known)[1] - 1 if known else None
        return Told(measured[0]["rms"], measured[0]["peak"], measured[0]["rms_unit"], first)

    def _nothing(self, name: str, address: str) -> ServiceError:
        """Why a name that the holdings have no file of has no tree."""
        stones = self._shelf.rows("holdings.tombstone", _STONE, {"dataset_id": name})
        if stones:
            return no_file(WithdrawnFile(**max(stones, key=itemgetter("withdrawn"))), None, address)
        did = did_of(self._authority.name(), name)
        if self._shelf.rows("ivoa.obscore", ("obs_publisher_did",), {"obs_publisher_did": did}):
            return no_tree("an archive lists it, and there is no file of it here")
        return _unknown()

    def _is_empty(self) -> bool:
        """Whether nothing was ever ingested."""
        try:
            return self._newest() is None
        except StoreError:
            return False


def _tag_of_run(science: StoredFile, run: tuple[int, ...]) -> str:
    return entity_tag([science], f"frames {_MADE_BY} {run}")


def _unknown() -> ServiceError:
    words = "There is no tree of this name; /hips/hipslist names those that everybody may see."
    return ServiceError(ErrorKind.NOT_FOUND, words, headers={"Cache-Control": "public, max-age=300"})


def no_tree(reason: str, hint: str | None = None) -> ServiceError:
    """404: what is asked for has no tree; ``reason`` is the end of a sentence about it."""
    return ServiceError(ErrorKind.NOT_FOUND, _missing(reason), hint, headers=GATED)


def _missing(reason: str) -> str:
    return f"There is no tree of this data set: {reason}."
