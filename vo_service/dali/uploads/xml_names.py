"""Names of XML elements as they are written, and what they are in VOTable (VOT-003, VOT-109)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from vo_service.dali.parameters import shortened
from vo_service.dali.uploads.faults import UploadFault

_VOTABLE: Final = "http://www.ivoa.net/xml/VOTable/"
_DECLARATION: Final = "xmlns"


class ElementNames(dict[str, str]):
    """Local names of the elements of VOTable's namespaces, by their names as written; empty for all others.

    Prefixes are followed here and not by the parser, which would write a namespace out in full in front of
    each name: a long one and many names would fill the memory.
    """

    def __init__(self) -> None:
        super().__init__()
        self._declared: list[tuple[int, dict[str, str]]] = []
        self._root = ""

    def enter(self, depth: int, attributes: Mapping[str, str]) -> None:
        """An element begins, at a depth and with declarations among its attributes."""
        given = {
            key.partition(":")[2]: value
            for key, value in attributes.items()
            if key == _DECLARATION or key.startswith(f"{_DECLARATION}:")
        }
        if given:
            self._declared.append((depth, given))
            self.clear()

    def leave(self, depth: int) -> None:
        """The element that began last at a depth ends."""
        if self._declared and self._declared[-1][0] == depth:
            self._declared.pop()
            self.clear()

    def check_root(self, name: str) -> None:
        """The name of the root element, whose namespace is ours whatever it is. Raises UploadFault."""
        prefix, _, local = name.rpartition(":")
        if local != "VOTABLE":
            raise UploadFault(f"the document is no VOTable, its root element is {shortened(local)!r}")
        self._root = self._namespace(prefix)

    def __missing__(self, name: str) -> str:
        prefix, _, local = name.rpartition(":")
        namespace = self._namespace(prefix)
        ours = not namespace or namespace.startswith(_VOTABLE) or namespace == self._root
        self[name] = local if ours else ""
        return self[name]

    def _namespace(self, prefix: str) -> str:
        for _, given in reversed(self._declared):
            if prefix in given:
                return given[prefix]
        if prefix:
            raise UploadFault(f"the prefix {shortened(prefix)!r} of an element stands for no namespace")
        return ""
