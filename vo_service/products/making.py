"""One result of a data set, made in a process of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from vo_service.holdings.gzip_indexes import index_place
from vo_service.holdings.read import is_as_found
from vo_service.pixels.compute.cutting import open_cut
from vo_service.pixels.compute.writing import Part, pieces_of
from vo_service.pixels.cutout.box import Box
from vo_service.pixels.sources import ByteSource, LocalFile
from vo_service.products.collapsing import Boxed, write_moment, write_region_spectrum
from vo_service.products.cutting import UNBINNED, OpenFile, parts_wanted
from vo_service.products.derived import ResultFile, write_result
from vo_service.products.faults import changed, faults_told
from vo_service.products.images import understand
from vo_service.products.provenance import provenance_cards
from vo_service.products.selection import RowFacts, select
from vo_service.products.stored import StoredFile
from vo_service.products.wanted import Cut, HeaderOf, MomentOf, Wanted


@dataclass(frozen=True, slots=True)
class Input:
    """A file to work on, fit to be handed to a process: its row, its bytes, and where indexes are kept."""

    file: StoredFile
    source: ByteSource
    indexes: Path

    def at(self, place: Path) -> Input:
        """The same with other pixels, which lie in a file of ours."""
        return replace(self, source=LocalFile(place))


@dataclass(frozen=True, slots=True)
class Making:
    """One result, to be made of files of which the first is the science image; ``did`` is the identifier of
    their data set. Fit to be handed to a process."""

    inputs: tuple[Input, ...]
    facts: RowFacts
    did: str | None
    wanted: Wanted
    most_bytes: int

    def __call__(self, out: Path) -> None:
        """Write the result into a new file. Raises ServiceError, NoOverlap, OSError of a full disk."""
        with faults_told():
            write_result(out, partial(self._write, out.with_suffix(".binned")), self.most_bytes)

    def _write(self, aside: Path, file: ResultFile) -> None:
        with ExitStack() as stack:
            opened = [stack.enter_context(open_input(each, aside.parent)) for each in self.inputs]
            self.write_opened(opened, aside, file)

    def write_opened(self, opened: Sequence[OpenFile], aside: Path, file: ResultFile) -> None:
        """The bytes of the result, of its inputs that are open already; ``aside`` is a name for a file in
        between. Raises as a call does, and what reading the sources raises."""
        if isinstance(self.wanted.result, Cut | HeaderOf):
            put_parts(parts_wanted(opened, self.facts, self.wanted), file)
        elif self.wanted.blank or self.wanted.rebin != UNBINNED:
            self._collapse_prepared(opened[0], aside, file)
        else:
            box = select(opened[0].view, self.facts, self.wanted.constraints)
            provenance = provenance_cards(opened[0].file, self.wanted.said)
            self._collapse(Boxed(opened[0].view, opened[0].source, box), provenance, file)

    def _collapse_prepared(self, opened: OpenFile, aside: Path, file: ResultFile) -> None:
        """A map or a spectrum of what a cut gives: first that is made, and laid aside (SODA-098)."""
        cut = parts_wanted([opened], self.facts, replace(self.wanted, result=Cut()))
        whole = select(opened.view, self.facts, self.wanted.constraints)
        bins = Boxed(opened.view, opened.source, whole).binned(self.wanted.rebin[2])
        try:
            with aside.open("xb") as raw:
                put_parts(cut, ResultFile(raw, self.most_bytes))
            with open_aside(self.inputs[0].at(aside), aside.parent) as prepared:
                box = Box.whole(prepared.view.hdu.axes)
                self._collapse(Boxed(prepared.view, prepared.source, box, bins), (), file)
        finally:
            aside.unlink(missing_ok=True)

    def _collapse(self, boxed: Boxed, provenance: Iterable[bytes], file: ResultFile) -> None:
        result = self.wanted.result
        if isinstance(result, MomentOf):
            write_moment(boxed, self.wanted, result, list(provenance), file)
        elif not isinstance(result, Cut | HeaderOf):
            write_region_spectrum(boxed, self.wanted, result, self.inputs[0].file, self.did, file)


@contextmanager
def open_input(one: Input, folder: Path) -> Iterator[OpenFile]:
    """An image with its pixels; what has to be laid aside to read them lies in ``folder``. Raises
    ServiceError: what keeps it from being read, 409 where it is not what was ingested until it is closed; and
    what reading raises."""
    # it may have changed while its turn was waited for, and the result is kept under the tag of what it was
    _require_as_found(one)
    with open_aside(one, folder) as opened:
        yield opened
    _require_as_found(one)


@contextmanager
def open_aside(one: Input, folder: Path) -> Iterator[OpenFile]:
    """The same of pixels of our own, which were laid aside and do not change."""
    view = understand(one.file, one.source)
    index = index_place(one.indexes, one.file.found)
    with open_cut(one.source, view.fits, view.hdu, view.header.axes, index, folder) as source:
        yield OpenFile(one.file, view, source)


def _require_as_found(one: Input) -> None:
    if not is_as_found(one.file.found, one.source):
        raise changed()


def put_parts(parts: Iterable[Part], file: ResultFile) -> None:
    """The parts of a result, one behind the other. Raises what reading the sources raises."""
    for part in parts:
        for piece in pieces_of(part):
            file.write(piece)
