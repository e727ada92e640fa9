"""One answer, from the identifiers to the bytes of its table; runs in a thread, knows no HTTP.

Identifiers are looked up some at a time, and their rows leave before the next are, so that an answer takes
the same memory however many there are. What goes wrong before the first byte is raised, what goes wrong later
is written behind the rows where the format has a place for it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from vo_service import __version__
from vo_service.access import Rights
from vo_service.asking.answers import Told
from vo_service.asking.errors import service_error
from vo_service.asking.queries import Asker
from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.dali.faults import link_faulted
from vo_service.dali.request_log import signed
from vo_service.dali.streams import Cancellation
from vo_service.datalink.descriptions import LINKS_1_1, self_description
from vo_service.datalink.links import Gate, Link
from vo_service.datalink.making import links_of
from vo_service.datalink.of_files import Document
from vo_service.datalink.request import Asked
from vo_service.datalink.services import Cuts, ServiceChoice
from vo_service.datalink.table import batch_of, echo_of, table_columns
from vo_service.formats import OK, Encoder, EncodingError, Format, Info, Outcome, TableDescription, failed
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
    """Where links come from: what all answers of a process share. ``examples``: for the self-description."""

    shelf: Shelf
    desk: Desk
    rights: Rights
    authority: Authority
    cuts: Cuts
    examples: Examples


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


@dataclass(frozen=True, slots=True)
class LinkAnswer:
    """An answer about to be given, once. ``logins``: one can log in here, ``required``: one has to."""

    source: LinkSource
    asked: Asked
    asker: Asker
    format: Format
    describes: bool
    logins: bool
    required: bool
    room: Room
    told: Told = field(default_factory=Told)

    def pieces(self, cancellation: Cancellation) -> Generator[bytes, None, None]:
        """The bytes. Raises ServiceError, before the first of them or, where the format has no place for an
        error, after some; one that is thrown in ends the answer in the same ways."""
        started = time.perf_counter()
        state = "failed"
        try:
            yield from self._encoded(cancellation, started + self.asker.seconds)
            state = "done" if self.told.error is None else "failed"
        except EncodingError as error:
            raise service_error(error) from error
        finally:
            state = "gone" if cancellation.requested else state
            _log.info(
                "links state=%s seconds=%.4f ids=%d rows=%d bytes=%d runid=%s",
                *(state, time.perf_counter() - started, len(self.asked.ids), self.told.rows),
                *(self.told.bytes, self.asked.runid),
            )

    def _encoded(self, cancellation: Cancellation, deadline: float) -> Iterator[bytes]:
        encoder = self.format.make(self.asker.place)
        held: list[bytes] = []
        try:
            try:
                batches = self._batches(cancellation, deadline)
                answered, document, is_last = next(batches)
                held += encoder.begin(self._described(document))
                held += self._rows(encoder, answered)
                if not is_last:
                    yield self._given(held)
                for answered, _, is_last in batches:
                    held += self._rows(encoder, answered)
                    if not is_last:
                        yield self._given(held)
                outcome = self._outcome()
            except (EncodingError, ServiceError) as error:
                outcome = self._failed(error)
            for part in encoder.end(outcome):
                held.append(part)
                if self.format.spooled:
                    self.told.length = encoder.length
                    yield self._given(held)
            yield self._given(held)
        finally:
            encoder.close()

    def _batches(
        self, cancellation: Cancellation, deadline: float
    ) -> Iterator[tuple[Answered, Document | None, bool]]:
        """Identifiers with their links, some at a time, the document that they are in, and whether they are
        the last; of none where the service describes itself."""
        if self.describes:
            yield [], None, True
            return
        ids = iter(self.asked.ids)
        document: Document | None = None
        room = self.room
        left = len(self.asked.ids)
        while left and not room.is_full and not cancellation.requested:
            if time.perf_counter() > deadline:
                raise ServiceError(
                    ErrorKind.TIMEOUT, "The links took longer than an answer may.", "Ask for fewer."
                )
            some = list(islice(ids, _AT_A_TIME))
            left -= len(some)
            named = self._find(some)
            if document is None:
                document = self._document(named, not left)
            answered = [
                (echo_of(text), links_of(document, each)) for text, each in zip(some, named, strict=True)
            ]
            within = room.within(answered)
            yield within, document, not left or room.is_full

    def _find(self, texts: Sequence[str]) -> list[Named]:
        source = self.source
        return source.shelf.find_named(texts, source.authority.name(), self.asker.base_url)

    def _document(self, named: Sequence[Named], are_all: bool) -> Document:
        asker = self.asker
        gate = Gate(self.source.rights, asker.viewer, asker.now, self.logins, self.required)
        choice = ServiceChoice(self.source.cuts, asker.base_url, self._look_at)
        return Document(asker.base_url, gate, choice.choose(named, are_all))

    def _look_at(self, found: DataSet) -> ImageView | None:
        file = found.science
        if isinstance(self.source.shelf.roots().get(file.found.root), str):  # behind a URL: links are quick
            return None
        return self.source.desk.results.look_at(file.product_id, self.asker.viewer, self.asker.base_url)[1]

    def _described(self, document: Document | None) -> TableDescription:
        asker = self.asker
        if document is not None:
            resources = document.services.resources()
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

    def _rows(self, encoder: Encoder, answered: Answered) -> Iterator[bytes]:
        batch = batch_of(answered)
        if batch.num_rows:
            yield from encoder.rows(batch)
        self.told.rows += batch.num_rows

    def _given(self, held: list[bytes]) -> bytes:
        """What leaves now."""
        piece = b"".join(held)
        held.clear()
        self.told.bytes += len(piece)
        return piece

    def _outcome(self) -> Outcome:
        if self.describes or not (self.asked.cut or self.room.is_full):
            return OK
        told = (
            "Identifiers behind the last one in the table are not answered; ask for them in another request."
        )
        return Outcome("OVERFLOW", told)

    def _failed(self, error: EncodingError | ServiceError) -> Outcome:
        """The outcome that tells of an error; raises it where there is still a better way, or no other."""
        if not self.told.bytes or not self.format.tells_errors:
            raise error
        self.told.error = error if isinstance(error, ServiceError) else service_error(error)
        return failed(signed(link_faulted(self.told.error)))
