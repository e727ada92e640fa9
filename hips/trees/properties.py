"""The file ``properties``, and the list of trees (HIPS-050 to -075, -110 to -113)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

MANDATORY = (
    "creator_did", "obs_title", "dataproduct_type", "hips_version", "hips_release_date", "hips_status",
    "hips_tile_format", "hips_order", "hips_frame",
)  # fmt: skip
REPEATABLE = frozenset(
    "prov_progenitor bib_reference bib_reference_url obs_regime data_ucd hips_history client_link"
    " addendum_did".split()
)
LISTED = (
    "creator_did", "hips_release_date", "hips_status", "obs_title", "dataproduct_type", "hips_frame",
    "hips_order", "hips_order_min", "hips_tile_format", "hips_tile_width", "obs_collection", "obs_regime",
    "client_category", "moc_sky_fraction", "hips_estsize",
)  # fmt: skip
"""What a record of the list repeats of the properties of its tree."""
_KEY = re.compile(r"[A-Za-z0-9_.\-]+")
_WIDTH = 20


class PropertiesError(Exception):
    """Lines that are no properties; the text says which."""


@dataclass(frozen=True, slots=True)
class Properties:
    """Pairs of a key and a value, in their order."""

    lines: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, object]]) -> Properties:
        """From values of any kind; those that are None are left out, white space of texts is one blank.

        Raises PropertiesError for a key that is none, an empty value, and for one of two values of a key that
        can have one only.
        """
        lines = [(key, _value(value)) for key, value in pairs if value is not None]
        _check(lines)
        return cls(tuple(lines))

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.lines)

    def get(self, key: str) -> str | None:
        """The value of a key, the last one where there are several; None where there is none."""
        found = self.all(key)
        return found[-1] if found else None

    def all(self, key: str) -> list[str]:
        """All values of a key."""
        return [value for name, value in self.lines if name == key]

    def changed(self, values: Mapping[str, object]) -> Properties:
        """With other values of some keys, in their places; new keys at the end."""
        kept = [(key, values.get(key, value)) for key, value in self.lines]
        known = {key for key, _ in self.lines}
        return Properties.of([*kept, *((key, value) for key, value in values.items() if key not in known)])

    def text(self) -> str:
        """The file: a line for each pair."""
        return "".join(f"{key.ljust(_WIDTH)} = {value}\n" for key, value in self.lines)


def parse_properties(text: str) -> Properties:
    """Pairs in a file, unknown keys with the others (HIPS-075). Raises PropertiesError, which names the line,
    for one that is neither a pair nor a comment nor blank."""
    lines = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        key, equals, value = line.partition("=")
        if not equals or not _KEY.fullmatch(key.strip()):
            raise PropertiesError(f"line {number} of properties is no 'key = value': {line[:60]!r}")
        lines.append((key.strip(), value.strip()))
    return Properties(tuple(lines))


def list_record(properties: Properties, service_url: str) -> str:
    """The record of a tree in the list of a node; ``service_url`` is the absolute address of its root.

    No line of it is blank, so that records can be set apart by one (HIPS-111, -112). The key of the address
    has no final slash.
    """
    pairs = [(key, value) for key, value in properties if key in LISTED]
    return Properties.of([*pairs, ("hips_service_url", service_url.rstrip("/"))]).text()


def _value(value: object) -> str:
    if isinstance(value, float):
        return repr(value) if abs(value) >= 1e16 or 0 < abs(value) < 1e-4 else f"{value:.12g}"
    return " ".join(str(value).split())


def _check(lines: list[tuple[str, str]]) -> None:
    seen: set[str] = set()
    for key, value in lines:
        if not _KEY.fullmatch(key):
            raise PropertiesError(f"{key!r} is no key of properties")
        if not value:
            raise PropertiesError(f"{key} has no value")
        if key in seen and key not in REPEATABLE:
            raise PropertiesError(f"{key} can have one value only, but has another: {value!r}")
        seen.add(key)
