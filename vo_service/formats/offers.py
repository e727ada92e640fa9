"""The one list of output formats, and the search in it by what a client asks for."""

from __future__ import annotations

import re
from typing import Final

from vo_service.formats.binary2 import Binary2Rows
from vo_service.formats.comma_separated import CSVEncoder, HeadedCSVEncoder
from vo_service.formats.encoder import Encoder, Format
from vo_service.formats.tabledata import TabledataRows
from vo_service.formats.votable import VOTableEncoder

_VOTABLE: Final = "application/x-votable+xml"


def _binary2() -> Encoder:
    return VOTableEncoder(Binary2Rows())


def _tabledata() -> Encoder:
    return VOTableEncoder(TabledataRows())


FORMATS: Final[tuple[Format, ...]] = (
    Format(_VOTABLE, ("votable",), "vot", True, _binary2),
    Format(f"{_VOTABLE};serialization=BINARY2", ("votable/b2",), "vot", True, _binary2),
    Format(f"{_VOTABLE};serialization=TABLEDATA", ("votable/td",), "vot", True, _tabledata),
    Format("text/xml", (), "xml", True, _tabledata),
    Format("text/csv;header=present", ("csv", "text/csv"), "csv", False, HeadedCSVEncoder),
    Format("text/csv;header=absent", (), "csv", False, CSVEncoder),
)
"""The first one is the default. RESPONSEFORMAT, capabilities, documentation and tests all read this list."""

_PARAMETER = re.compile(r'\s*([^=\s]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s"]*))\s*')
_IGNORED: Final = frozenset({"charset", "q"})


class UnknownFormat(ValueError):
    """A format that is not offered; ``asked`` is what was asked for."""

    def __init__(self, asked: str) -> None:
        self.asked = asked
        names = ", ".join(name for offer in FORMATS for name in (*offer.aliases, offer.media_type))
        super().__init__(f"unknown output format {asked!r}; offered are {names}")


def find_format(text: str) -> Format:
    """The format a RESPONSEFORMAT value means: an alias or a media type, in any case, parameters in any
    order, with or without blanks and quotes (VOT-127, TAP-056).

    Raises:
        UnknownFormat: names what is offered.
    """
    asked = _media_type(text)
    if asked is not None:
        for offer in FORMATS:
            if asked in (_media_type(name) for name in (offer.media_type, *offer.aliases)):
                return offer
    raise UnknownFormat(text)


def _media_type(text: str) -> tuple[str, frozenset[tuple[str, str]]] | None:
    """Type and parameters for comparison; None where the text is no media type."""
    main, *rest = re.split(r';(?=(?:[^"]*"[^"]*")*[^"]*$)', text.strip().lower())
    parameters = set()
    for part in rest:
        if not part.strip():
            continue
        found = _PARAMETER.fullmatch(part)
        if found is None:
            return None
        name = found.group(1)
        value = found.group(2) if found.group(2) is not None else found.group(3)
        if name not in _IGNORED:
            parameters.add((name, value))
    # A "+" that went through a form undone as a blank is forgiven.
    return main.strip().replace("x-votable xml", "x-votable+xml"), frozenset(parameters)
