"""Parameters of a request: declared once, read in any case, single unless said otherwise (DALI 4).

A `Parameter` says its name, how its text becomes a value, and whether it may be repeated. A `Form` holds what
a client sent, by GET or POST alike, and gives typed values for declared parameters. Names that nobody
declared are ignored (DALI-043).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from vo_service.dali.errors import usage

T = TypeVar("T")

RUNID_LENGTH = 64
_SHOWN = 80  # characters of a wrong value that an error message repeats


@dataclass(frozen=True, slots=True)
class Parameter(Generic[T]):
    """One parameter of a service. ``parse`` raises ValueError with what would be right.

    ``keep_empty``: an empty value is a value (QUERY), rather than as good as none (DALI-043).
    """

    name: str
    parse: Callable[[str], T]
    doc: str
    many: bool = False
    keep_empty: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    """What the client sent: values by upper-case name, in the order they came (DALI-040)."""

    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> Form:
        """A form of name=value pairs; names that differ in case only are one parameter."""
        gathered: dict[str, list[str]] = {}
        for name, value in pairs:
            gathered.setdefault(name.strip().upper(), []).append(value)
        return cls({name: tuple(values) for name, values in gathered.items()})

    def every(self, parameter: Parameter[T]) -> tuple[T, ...]:
        """All values of a parameter, in order; empty where it was not sent.

        Raises ServiceError for a single-valued parameter sent twice, even with equal values (DALI-041), and
        for a value that cannot be read.
        """
        sent = [
            value for value in self.values.get(parameter.name, ()) if parameter.keep_empty or value.strip()
        ]
        if len(sent) > 1 and not parameter.many:
            raise usage(f"{parameter.name} was given {len(sent)} times; it takes one value.")
        return tuple(_parsed(parameter, value) for value in sent)

    def one(self, parameter: Parameter[T]) -> T | None:
        """The value of a single-valued parameter, or None where it was not sent. Raises as `every`."""
        found = self.every(parameter)
        return found[0] if found else None


def _parsed(parameter: Parameter[T], value: str) -> T:
    try:
        return parameter.parse(value)
    except ValueError as error:
        raise usage(f"{parameter.name}={shortened(value)!r} cannot be used: {error}.") from error


def shortened(value: str) -> str:
    """A value as error messages repeat it: cut where it is long."""
    return value if len(value) <= _SHOWN else value[:_SHOWN] + "..."


def row_count(value: str) -> int:
    """MAXREC: a whole number from 0, of any length (TAP-070). Raises ValueError."""
    cleaned = value.strip()
    if not re.fullmatch(r"\+?[0-9]+", cleaned):
        raise ValueError("a whole number of rows, 0 or more, is wanted")
    if len(cleaned) > 18:
        return 10**18  # beyond any limit of ours, and beyond what int() should be asked to read
    return int(cleaned)


def run_label(value: str) -> str:
    """RUNID: a text of at most 64 characters (DALI-046). Raises ValueError."""
    if len(value) > RUNID_LENGTH:
        raise ValueError(f"at most {RUNID_LENGTH} characters are wanted, got {len(value)}")
    return value


def plain(value: str) -> str:
    """The value as it was sent."""
    return value


MAXREC = Parameter("MAXREC", row_count, "number of rows wanted at most; 0 for the columns alone")
RESPONSEFORMAT = Parameter("RESPONSEFORMAT", plain, "format of the answer, as media type or short name")
FORMAT = Parameter("FORMAT", plain, "older name of RESPONSEFORMAT")
RUNID = Parameter("RUNID", run_label, "label of the client's own, written to the log")
