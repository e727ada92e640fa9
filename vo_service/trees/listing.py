"""The list of the node, made once for all who ask within a minute, and its trees for people."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from hips.trees.properties import Properties, list_record
from vo_service.dali.errors import ServiceError
from vo_service.dali.sending import KnownBytes, Sendable
from vo_service.trees.documents import list_text, properties_now, shows_anything, tree_address, trees_page
from vo_service.trees.files import Asked, Content, entity_tag, made_here
from vo_service.trees.gate import Gate
from vo_service.trees.live_list import LiveList
from vo_service.trees.served import ServedTree, ServedTrees
from vo_service.trees.withheld import NOTHING, Withheld

TEXT: Final = "text/plain; charset=utf-8"
HTML: Final = "text/html; charset=utf-8"
_ADDRESS: Final = "\0"
"""Stands for the address of the service, which each request has of its own."""
_PARTLY: Final = "# Trees of single data sets cannot be listed at present.\n"


@dataclass(frozen=True, slots=True)
class _Kept:
    """The list of a state of all that it is made of; None where some of that could not be asked for."""

    state: object
    text: bytes
    tag: str


class Listing:
    """Names what there is: ``trees``, and the data sets that are ``listed`` beside them. Safe to use from
    many threads; its methods may block."""

    def __init__(
        self, trees: ServedTrees, gate: Gate, listed: LiveList, clock: Callable[[], datetime]
    ) -> None:
        self._trees, self._gate, self._listed, self._clock = trees, gate, listed, clock
        self._lock = threading.Lock()
        self._kept: _Kept | None = None

    def any(self) -> bool:
        """Whether there is any tree to list. Raises ServiceError (503) where that cannot be told."""
        return bool(self._trees.listed().builds) or bool(self._listed.names())

    def list(self, address: str, asked: Asked) -> Content:
        """The list of this node (HIPS-110). Raises ServiceError (503) where no tree can be named."""
        known = self._known()
        tag = entity_tag(known.tag, address)
        text = known.text.replace(_ADDRESS.encode(), address.encode()) if asked.wants(tag, None) else b""
        sendable = Sendable(KnownBytes(text), len(text), tag, None, TEXT)
        return Content(sendable, {} if known.state is not None else {"Cache-Control": "no-cache"})

    def page(self, address: str) -> Content:
        """All stored trees for people."""
        trees = {tree.name: told for tree, told, _ in self._stored()}
        return Content(made_here(trees_page(trees, address), HTML, None))

    def _known(self) -> _Kept:
        """The list as it is now. What is not whole is not kept."""
        with self._lock:
            state = self._state()
            if state is not None and self._kept is not None and self._kept.state == state:
                return self._kept
            stored = list(self._stored())
            records = [list_record(told, tree_address(_ADDRESS, tree.name)) for tree, told, _ in stored]
            try:
                records += self._listed.records(_ADDRESS)
            except ServiceError:
                if not records:
                    raise
                state, records = None, [_PARTLY + records[0], *records[1:]]
            if not all(sure for _, _, sure in stored):
                state = None
            text = list_text(records)
            made = _Kept(state, text, entity_tag(text))
            if state is not None:
                self._kept = made
            return made

    def _state(self) -> object:
        """What the list follows from: builds, holdings, and the clock to the minute; None where the holdings
        cannot be asked."""
        try:
            holdings = self._listed.state()
        except ServiceError:
            return None
        return self._trees.listed().mark, holdings, self._clock().replace(second=0, microsecond=0)

    def _stored(self) -> Iterator[tuple[ServedTree, Properties, bool]]:
        """Stored trees of which anything can be seen, what each says of itself, and whether that is sure:
        where nobody can tell what is closed, it is what was true when it was built."""
        for tree in self._trees.all():
            withheld: Withheld | None
            try:
                withheld = self._gate.withheld(tree)
            except ServiceError:
                withheld = None
            if withheld is None or shows_anything(tree, withheld):
                yield tree, properties_now(tree, withheld or NOTHING), withheld is not None
