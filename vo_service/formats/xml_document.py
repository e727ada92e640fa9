"""XML written piece by piece: escaping by the rules of XML 1.0, and nothing that XML cannot hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

XLINK: Final = "http://www.w3.org/1999/xlink"
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"

_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_IN_TEXT: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_IN_VALUES: Final = _IN_TEXT | str.maketrans({'"': "&quot;", "\n": "&#10;", "\t": "&#9;"})
Attributes = Mapping[str, str | None]
_NONE: Final[Attributes] = {}


def is_legal(text: str) -> bool:
    """Whether XML 1.0 can hold the text, as it stands or by entities."""
    return _ILLEGAL.search(text) is None


def legal(text: str) -> str:
    """The text with U+FFFD for what XML 1.0 cannot hold, not even as an entity (VOT-077)."""
    return _ILLEGAL.sub("\ufffd", text)


def escaped(text: str) -> str:
    """Character data: markup escaped, carriage returns kept (VOT-075, VOT-076)."""
    return legal(text).translate(_IN_TEXT)


def quoted(text: str) -> str:
    """The value of an attribute between double quotes, its line breaks and tabs kept (VOT-076)."""
    return '"' + legal(text).translate(_IN_VALUES) + '"'


class XMLDocument:
    """Elements one after another, handed out as bytes as they come.

    Names and declarations of namespaces are the caller's, texts and values are escaped. Attributes that are
    None are left out.
    """

    def __init__(self) -> None:
        self._parts: list[str] = []

    def declare(self) -> None:
        """The XML declaration."""
        self._parts.append('<?xml version="1.0" encoding="UTF-8"?>\n')

    def open(self, tag: str, attributes: Attributes = _NONE) -> None:
        """A start tag."""
        self._parts.append(f"<{tag}{_written(attributes)}>")

    def close(self, tag: str) -> None:
        """An end tag."""
        self._parts.append(f"</{tag}>\n")

    @contextmanager
    def element(self, tag: str, attributes: Attributes = _NONE) -> Iterator[None]:
        """An element round what the block writes."""
        self.open(tag, attributes)
        yield
        self.close(tag)

    def leaf(self, tag: str, text: str = "", attributes: Attributes = _NONE) -> None:
        """An element with text, or without."""
        end = f">{escaped(text)}</{tag}>\n" if text else "/>\n"
        self._parts.append(f"<{tag}{_written(attributes)}{end}")

    def raw(self, markup: str) -> None:
        """XML that is written already."""
        self._parts.append(markup)

    def taken(self) -> bytes:
        """What was written since the last call."""
        written = "".join(self._parts)
        self._parts.clear()
        return written.encode("utf-8")


def _written(attributes: Attributes) -> str:
    return "".join(f" {name}={quoted(value)}" for name, value in attributes.items() if value is not None)
