"""The line list: rest frequencies under the names that astronomers write.

``CO(2-1)``, ``CO 2-1``, ``12CO J=2-1`` and ``co(2→1)`` are one line. A name that is none of ours raises
:class:`UnknownLine`, which knows the close ones. The list itself is ``lines.yaml``, which names its sources.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

_FILE = Path(__file__).resolve().parent / "lines.yaml"
_CLOSE = 5


class UnknownLine(ValueError):
    """A name that is no line of the list: ``name`` as given, ``near`` the closest names of the list."""

    def __init__(self, name: str, near: tuple[str, ...]) -> None:
        hint = f"; close ones are {', '.join(near)}" if near else ""
        super().__init__(f"no line called {name!r} in the line list{hint}")
        self.name = name
        self.near = near


@dataclass(frozen=True, slots=True)
class Line:
    """A spectral line: its name, species, transition, rest frequency in Hz (vacuum), other names, and the
    catalogue that the frequency is from."""

    name: str
    species: str
    transition: str
    rest_hz: float
    aliases: tuple[str, ...]
    source: str


def line(name: str) -> Line:
    """The line of that name, whatever its case, blanks, brackets and dashes; raises UnknownLine."""
    found = _BY_KEY.get(_key(name))
    if found is None:
        raise UnknownLine(name, _near(name))
    return found


def _key(name: str) -> str:
    """What is left of a name when spelling does not count."""
    text = name.strip().lower()
    text = re.sub(r"[‐‑‒–—−→]|->", "-", text)
    text = re.sub(r"α|alpha\b", "a", text)
    text = re.sub(r"\s*(?:[uμµ]m|microns?)\b", "", text)
    # J is the only quantum number of most ladders and often left out; N tells CN and C2H apart.
    text = re.sub(r"\bj(?:_?up)?\s*=\s*(?=\d+\s*-)", "", text)
    return re.sub(r"[\s_(){}\[\],=:.']", "", text)


def _names(entry: Line, synonyms: tuple[str, ...]) -> Iterator[str]:
    yield f"{entry.species} {entry.transition}"
    for name in (entry.name, *entry.aliases):
        yield name
        for species in synonyms:
            yield species + name.removeprefix(entry.species)


def _near(name: str) -> tuple[str, ...]:
    """Names of the list that were perhaps meant: all lines of a bare species, else the closest spellings."""
    key = _key(name)
    own = [entry.name for entry in LINES if _key(entry.species) == key]
    if own:
        return tuple(own[:_CLOSE])
    close: list[str] = []
    for other in difflib.get_close_matches(key, _BY_KEY, n=2 * _CLOSE, cutoff=0.55):
        if _BY_KEY[other].name not in close:
            close.append(_BY_KEY[other].name)
    return tuple(close[:_CLOSE])


def _read(content: Mapping[str, Any]) -> tuple[tuple[Line, ...], dict[str, Line]]:
    lines: list[Line] = []
    by_key: dict[str, Line] = {}
    for species in content["species"]:
        synonyms = tuple(species.get("aliases", ()))
        for item in species["lines"]:
            entry = Line(
                name=item.get("name", f"{species['name']}({item['transition']})"),
                species=species["name"],
                transition=item["transition"],
                rest_hz=float(item["rest_mhz"]) * 1e6,
                aliases=tuple(item.get("aliases", ())),
                source=species["source"],
            )
            lines.append(entry)
            for name in _names(entry, synonyms):
                other = by_key.setdefault(_key(name), entry)
                if other is not entry:
                    raise ValueError(f"{_FILE.name}: {name} would be both {other.name} and {entry.name}")
    return tuple(lines), by_key


_CONTENT: Mapping[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
_ALL, _KEYS = _read(_CONTENT)

LINES: tuple[Line, ...] = _ALL
"""All lines, grouped by species."""

VERSION: str = _CONTENT["version"]
"""Version of the list."""

SOURCES: Mapping[str, str] = MappingProxyType(_CONTENT["sources"])
"""The catalogues that the rest frequencies are from."""

_BY_KEY: Mapping[str, Line] = MappingProxyType(_KEYS)
