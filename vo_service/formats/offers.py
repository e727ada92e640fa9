"""The one list of output formats, and the search in it by what a client asks for."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Final

from vo_service.formats.binary import Binary2Rows, BinaryRows
from vo_service.formats.comma_separated import CSVEncoder, HeadedCSVEncoder
from vo_service.formats.encoder import Encoder, Format, SpoolPlace
from vo_service.formats.fields import Version
from vo_service.formats.fits import FITSEncoder
from vo_service.formats.json_table import JSONEncoder
from vo_service.formats.parquet import ParquetEncoder
from vo_service.formats.tab_separated import TSVEncoder
from vo_service.formats.tabledata import TabledataRows
from vo_service.formats.votable import Serialisation, VOTableEncoder

_VOTABLE: Final = "application/x-votable+xml"


def _votable(rows: Callable[[], Serialisation], version: Version = "1.4") -> Callable[[SpoolPlace], Encoder]:
    return lambda _: VOTableEncoder(rows(), version)


def _plain(encoder: Callable[[], Encoder]) -> Callable[[SpoolPlace], Encoder]:
    return lambda _: encoder()


def _votables(version: Version, parameter: str, aliases: tuple[tuple[str, ...], ...]) -> tuple[Format, ...]:
    """The serialisations of one version of VOTable, BINARY2 without and with its name first."""
    kinds: tuple[tuple[str, Callable[[], Serialisation]], ...] = (
        ("", Binary2Rows),
        (";serialization=BINARY2", Binary2Rows),
        (";serialization=TABLEDATA", TabledataRows),
        (";serialization=BINARY", BinaryRows),
    )
    return tuple(
        Format(f"{_VOTABLE}{kind}{parameter}", names, "vot", _votable(rows, version), tells_errors=True)
        for (kind, rows), names in zip(kinds, aliases, strict=True)
    )


FORMATS: Final[tuple[Format, ...]] = (
    *_votables("1.4", "", (("votable",), ("votable/b2",), ("votable/td",), ("votable/b",))),
    Format("text/xml", (), "xml", _votable(TabledataRows), tells_errors=True),
    *_votables("1.5", ";version=1.5", (("votable/1.5",), (), (), ())),
    Format("text/csv;header=present", ("csv", "text/csv"), "csv", _plain(HeadedCSVEncoder)),
    Format("text/csv;header=absent", (), "csv", _plain(CSVEncoder)),
    Format("text/tab-separated-values", ("tsv",), "tsv", _plain(TSVEncoder)),
    Format("application/fits", ("fits",), "fits", FITSEncoder, spooled=True),
    Format("application/vnd.apache.parquet", ("parquet",), "parquet", _plain(ParquetEncoder)),
    Format("application/json", ("json",), "json", _plain(JSONEncoder), tells_errors=True),
)
"""The first one is the default. RESPONSEFORMAT, capabilities, documentation and tests all read this list."""

_PARAMETER = re.compile(r'\s*([^=\s]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s"]*))\s*')
_IGNORED: Final = frozenset({"charset", "q"})
_DEFAULT_VERSION: Final = ("version", "1.4")

_MediaType = tuple[str, frozenset[tuple[str, str]]]


class UnknownFormat(ValueError):
    """A format that is not offered; ``asked`` is what was asked for, ``offered`` names all that are."""

    def __init__(self, asked: str) -> None:
        self.asked = asked
        self.offered = ", ".join(name for offer in FORMATS for name in (*offer.aliases, offer.media_type))
        super().__init__(f"unknown output format {asked!r}; offered are {self.offered}")


def find_format(text: str) -> Format:
    """The format a RESPONSEFORMAT value means: an alias or a media type, in any case, parameters in any
    order, with or without blanks and quotes (VOT-127, TAP-056).

    Raises:
        UnknownFormat: names what is offered.
    """
    asked = _media_type(text)
    offer = None if asked is None else _offers().get(asked)
    if offer is None:
        raise UnknownFormat(text)
    return offer


@cache
def _offers() -> dict[_MediaType | None, Format]:
    return {_media_type(name): offer for offer in FORMATS for name in (offer.media_type, *offer.aliases)}


def _media_type(text: str) -> _MediaType | None:
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
    main = main.strip().replace("x-votable xml", "x-votable+xml")
    return main, frozenset(parameters - {_DEFAULT_VERSION} if main == _VOTABLE else parameters)
