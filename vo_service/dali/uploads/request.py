"""The UPLOAD parameter: names of tables, and where each comes from (DALI-070 to 073, TAP-081 to 087)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tap_schema.reserved import is_regular
from vo_service.dali.errors import ServiceError, usage
from vo_service.dali.parameters import shortened

INLINE = "param:"
METHODS = ("inline", "http", "https")
"""Ways to upload a table that this room knows, by the names of TAPRegExt (TAP-294)."""
NAME_CHARACTERS = 64
_PAIR = re.compile(r"\s*([^,;]*),\s*(\S+)\s*")
_NEXT = re.compile(r";\s*(?=[^,;:/?=&]+,)")
_SHAPE = "UPLOAD=name,uri is wanted, such as UPLOAD=mine,param:part or UPLOAD=mine,https://host/table.vot."


@dataclass(frozen=True, slots=True)
class UploadPair:
    """A table to be, and the URI that it comes from."""

    name: str
    uri: str

    @property
    def part(self) -> str | None:
        """The name of the part of the request that holds the table; None where it lies elsewhere."""
        return self.uri[len(INLINE) :] if self.uri.lower().startswith(INLINE) else None


def upload_methods(tables: int) -> tuple[str, ...]:
    """What a service declares that takes so many ``tables`` with a request.

    Who takes uploads has to know http as well (TAP-082, TAP-294; STILTS calls its absence an error), so it is
    declared where no host is allowed, too: the capabilities say in words which hosts are.
    """
    return METHODS if tables else ()


def read_pairs(values: Iterable[str], most: int) -> tuple[UploadPair, ...]:
    """The tables of all UPLOAD parameters of a request, in their order.

    One value may hold several pairs, with ``;`` between (TAP 1.0). Raises ServiceError (400) for names that
    are no identifiers or come twice, for what is no pair, and for more than ``most`` tables.
    """
    pairs = [_read_pair(text) for value in values for text in _NEXT.split(value.strip().strip(";"))]
    if len(pairs) > most:
        if most == 0:
            raise usage("UPLOAD is not offered by this service.")
        raise usage(f"{len(pairs)} tables are uploaded; this service takes {most} in a request.")
    seen: set[str] = set()
    for pair in pairs:
        if pair.name.lower() in seen:
            raise usage(f"Two uploaded tables are called {pair.name!r}; upper and lower case are one.")
        seen.add(pair.name.lower())
    return tuple(pairs)


def _read_pair(text: str) -> UploadPair:
    found = _PAIR.fullmatch(text)
    if found is None:
        raise usage(f"UPLOAD={shortened(text)!r} cannot be read.", _SHAPE)
    name, uri = found[1].strip(), found[2]
    if len(name) > NAME_CHARACTERS:
        raise usage(f"The table name {shortened(name)!r} is longer than {NAME_CHARACTERS} characters.")
    if not is_regular(name):
        raise _bad_name(name)
    return UploadPair(name, uri)


def _bad_name(name: str) -> ServiceError:
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        return usage(f"The table name {name!r} is a word that ADQL reserves; choose another.")
    return usage(
        f"{shortened(name)!r} cannot be the name of an uploaded table.",
        "A name is a letter, then letters, digits and underscores; the query calls it TAP_UPLOAD.name.",
    )
