"""The arguments of a request: names as the standard writes them, each once (OAI-PMH 2.0, 3.1 and 4)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from vo_service.dali.parameters import shortened
from vo_service.registry.errors import OaiError
from vo_service.store.records import Span

Verb = Literal["Identify", "ListMetadataFormats", "ListSets", "ListIdentifiers", "ListRecords", "GetRecord"]
TOKEN: Final = "resumptionToken"  # noqa: S105  (a name)
_LIST = frozenset(("from", "until", "set", "metadataPrefix", TOKEN))

_TAKEN: Mapping[Verb, frozenset[str]] = {
    "Identify": frozenset(),
    "ListMetadataFormats": frozenset(("identifier",)),
    "ListSets": frozenset((TOKEN,)),
    "ListIdentifiers": _LIST,
    "ListRecords": _LIST,
    "GetRecord": frozenset(("identifier", "metadataPrefix")),
}
_NEEDED: Mapping[Verb, tuple[str, ...]] = {
    "ListIdentifiers": ("metadataPrefix",),
    "ListRecords": ("metadataPrefix",),
    "GetRecord": ("identifier", "metadataPrefix"),
}
_WORD = r"[A-Za-z0-9\-_.!~*'()]+"
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?")
_FORMS: Mapping[str, re.Pattern[str]] = {
    "identifier": re.compile(
        r"[A-Za-z][A-Za-z0-9+.\-]*:(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+"
    ),
    "metadataPrefix": re.compile(_WORD),
    "set": re.compile(f"{_WORD}(?::{_WORD})*"),
    "from": _TIME,
    "until": _TIME,
    TOKEN: re.compile(r"[!-~]+"),
}


@dataclass(frozen=True, slots=True)
class OaiRequest:
    """A verb and its arguments, each of a form that it may have."""

    verb: Verb
    arguments: Mapping[str, str]

    def span(self) -> Span:
        """The datestamps that are asked for. Raises OaiError (REG-044)."""
        first, last = self.arguments.get("from"), self.arguments.get("until")
        if first is not None and last is not None and len(first) != len(last):
            raise OaiError("badArgument", "from and until are not of the same granularity.")
        span = Span(_moment("from", first, False), _moment("until", last, True))
        if span.first is not None and span.last is not None and span.first > span.last:
            raise OaiError("badArgument", "from is later than until.")
        return span


def read_request(pairs: Iterable[tuple[str, str]]) -> OaiRequest:
    """The request that name=value pairs make. Raises OaiError for one that is none (REG-007 to REG-009)."""
    given = list(pairs)
    verb = _verb([value for name, value in given if name == "verb"])
    arguments: dict[str, str] = {}
    for name, value in given:
        if name == "verb":
            continue
        if name not in _TAKEN[verb]:
            raise OaiError("badArgument", f"{verb} takes no argument {shortened(name)!r}.")
        if name in arguments:
            raise OaiError("badArgument", f"The argument {name} comes more than once.")
        if not _FORMS[name].fullmatch(value):
            raise OaiError("badArgument", f"{shortened(value)!r} is no value of {name}.")
        arguments[name] = value
    if TOKEN in arguments:
        if len(arguments) > 1:
            raise OaiError("badArgument", "A resumptionToken comes without any other argument.")
    else:
        for name in _NEEDED.get(verb, ()):
            if name not in arguments:
                raise OaiError("badArgument", f"{verb} needs the argument {name}.")
    return OaiRequest(verb, arguments)


def _verb(values: list[str]) -> Verb:
    if len(values) != 1:
        raise OaiError("badVerb", "There is no verb." if not values else "There is more than one verb.")
    for verb in _TAKEN:
        if verb == values[0]:
            return verb
    raise OaiError("badVerb", f"There is no verb {shortened(values[0])!r}, only {', '.join(_TAKEN)}.")


def _moment(name: str, text: str | None, at_the_end: bool) -> datetime | None:
    """A bound of a span, UTC: of a day its beginning or its last second."""
    if text is None:
        return None
    try:
        if len(text) > len("2000-01-01"):
            return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise OaiError("badArgument", f"{text} is no value of {name}.") from error
    return day + timedelta(hours=23, minutes=59, seconds=59) if at_the_end else day
