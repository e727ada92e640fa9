"""One answer, from the identifiers to the bytes of its table; runs in a thread, knows no HTTP.

Identifiers are looked up some at a time, and their rows leave before the next are, so that an answer takes
the same memory however many there are.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from vo_service import __version__
from vo_service.access import Rights
from vo_service.asking.queries import Asker
from vo_service.asking.tables import Portion, Portions, TableBytes, Told
from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.dali.faults import link_faulted
from vo_service.dali.streams import Cancellation
from vo_service.datalink.descriptions import LINKS_1_1, self_description
from vo_service.datalink.links import Gate, Link
from vo_service.datalink.making import links_of
from vo_service.datalink.of_files import Document
from vo_service.datalink.request import Asked
from vo_service.datalink.services import Cuts, ServiceChoice
from vo_service.datalink.table import batch_of, echo_of, table_columns
from vo_service.formats import OK, Format, Info, Outcome, TableDescription
from vo_service.holdings.image_view import ImageView
from vo_service.products.authority import Authority
from vo_service.products.datasets import DataSet
from vo_service.products.desk import Desk
from vo_service.products.named import Named
from vo_service.products.shelf import Shelf

_log = logging.getLogger(__name__)

_AT_A_TIME: Final = 100  # identifiers
_TABLE: Final = "links"

Examples = Callable[[], Mapping[str, Mapping[str, str]]]
"""Data sets that everybody may have, by their kind, each with its ``did``; may block."""
Answered = list[tuple[str, list[Link]]]


@dataclass(frozen=True, slots=True)
class LinkSource:
    """Where links come from: what all answers of a process share. ``examples``: for the self-description.
    ``tree_pixels``: as of Document."""

    shelf: Shelf
    desk: Desk
    rights: Rights
    authority: Authority
    cuts: Cuts
    examples: Examples
    tree_pixels: int


@dataclass(slots=True)
class Room:
    """Rows that an answer has room for: an identifier is answered in full or not at all (DL-007), and the
    first one always, so that one alone never is too much (DL-101)."""

    most: int | None
    taken: int = 0
    is_full: bool = False

    def within(self, answered: Answered) -> Answered:
        """Those that there is room for, from the first on."""
        for place, (_, links) in enumerate(answered):
            if self.most is not None and self.taken and self.taken + len(links) > self.most:
                self.is_full = True
                return answered[:place]
            self.taken += len(links)
        return answered


@dataclass(slots=True)
class LinkAnswer:
    """An answer about to be given, once. ``logins``: one can log in here, ``required``: one has to.
    ``document``: what the links are in, once the first of them are found."""

    source: LinkSource
    asked: Asked
    asker: Asker
    format: Format
    describes: bool
    logins: bool
    required: bool
    room: Room
    told: Told = field(default_factory=Told)
    document: Document | None = field(default=None, init=False)

    def pieces(self, cancellation: Cancellation) -> Generator[bytes, None, None]:
        """The bytes. Raises ServiceError as `TableBytes.pieces`."""
        started = time.perf_counter()
        state = "failed"
        try:
            table = TableBytes(self.format, self.told, link_faulted, self.asker.place)
            portions = self._portions(cancellation, started + self.asker.seconds)
            yield from table.pieces(portions, self._described, self._outcome)
            state = "done" if self.told.error is None else "failed"
        finally:
            state = "gone" if cancellation.requested else state
            _log.info(
                "links state=%s seconds=%.4f ids=%d rows=%d bytes=%d runid=%s",
                *(state, time.perf_counter() - started, len(self.asked.ids), self.told.rows),
                *(self.told.bytes, self.asked.runid),
            )

    def _portions(self, cancellation: Cancellation, deadline: float) -> Portions:
        """The links of some identifiers at a time; of none where the service describes itself."""
        ids = () if self.describes else self.asked.ids
        for place in range(0, len(ids), _AT_A_TIME):
            if self.room.is_full or cancellation.requested:
                return
            if time.perf_counter() > deadline:
                raise ServiceError(
                    ErrorKind.TIMEOUT, "The links took longer than an answer may.", "Ask for fewer."
                )
            some = ids[place : place + _AT_A_TIME]
            are_left = place + len(some) < len(ids)
            answered = self.room.within(self._answered(some, are_all=not are_left))
            if answered:
                yield Portion(batch_of(answered), leaves=are_left and not self.room.is_full)

    def _answered(self, texts: Sequence[str], are_all: bool) -> Answered:
        """Identifiers, as they are echoed, with their links."""
        named = self._find(texts)
        if self.document is None:
            self.document = self._document(named, are_all)
        document = self.document
        return [(echo_of(text), links_of(document, each)) for text, each in zip(texts, named, strict=True)]

    def _find(self, texts: Sequence[str]) -> list[Named]:
        source = self.source
        return source.shelf.find_named(texts, source.authority.name(), self.asker.base_url)

    def _document(self, named: Sequence[Named], are_all: bool) -> Document:
        asker = self.asker
        gate = Gate(self.source.rights, asker.viewer, asker.now, self.logins, self.required)
        choice = ServiceChoice(self.source.cuts, asker.base_url, self._look_at)
        services = choice.choose(named, are_all)
        return Document(asker.base_url, gate, services, self.source.tree_pixels)

    def _look_at(self, found: DataSet) -> ImageView | None:
        root = found.science.found.root
        if isinstance(self.source.shelf.roots().get(root), str):  # behind a URL: links are quick
            return None
        return self.source.desk.results.view_of(found, self.asker.viewer)

    def _described(self) -> TableDescription:
        asker = self.asker
        if self.document is not None:
            resources = self.document.services.resources()
        else:
            resources = self_description(asker.base_url, self._examples())
        infos = (
            Info("standardID", LINKS_1_1),
            Info("server", f"vo-service/{__version__}"),
            Info("QUERY_TIMESTAMP", f"{asker.now:%Y-%m-%dT%H:%M:%SZ}"),
        )
        return TableDescription(
            table_columns(map(echo_of, self.asked.ids)), infos, _TABLE, resources=resources
        )

    def _examples(self) -> Iterable[Mapping[str, str]]:
        """Without the holdings the service can still say what it is."""
        try:
            return self.source.examples().values()
        except ServiceError:
            return ()

    def _outcome(self) -> Outcome:
        if self.describes or not (self.asked.cut or self.room.is_full):
            return OK
        told = (
            "Identifiers behind the last one in the table are not answered; ask for them in another request."
        )
        return Outcome("OVERFLOW", told)
