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
_LADDER = 40


class UnknownLine(ValueError):
    """A name that is no line of the list: ``name`` as given, ``near`` the closest names of the list, ``why``
    it cannot be read where it is malformed."""

    def __init__(self, name: str, near: tuple[str, ...], why: str | None = None) -> None:
        reason = f": {why}" if why else ""
        hint = f"; close ones are {', '.join(near)}" if near else ""
        super().__init__(f"no line called {name!r} in the line list{reason}{hint}")
        self.name = name
        self.near = near
        self.why = why


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
    """The line of that name, whatever its case, kind of brackets and dashes; raises UnknownLine.

    Blanks may stand between the parts of a name, not within them; every bracket has its partner.
    """
    why = _malformed(name)
    found = None if why else _BY_KEY.get(_key(name))
    if found is None:
        raise UnknownLine(name, _near(name), why)
    return found


def _malformed(name: str) -> str | None:
    """What is wrong with the writing of a name, whether or not there is such a line."""
    awaited: list[str] = []
    for letter in name:
        if letter in _PARTNERS:
            awaited.append(_PARTNERS[letter])
        elif letter in _PARTNERS.values() and (not awaited or awaited.pop() != letter):
            return f"{letter!r} closes no bracket"
    if awaited:
        return f"{awaited[-1]!r} is missing"
    if _BLANK_WITHIN.search(name):
        return "a blank stands within a name or number"
    return None


_PARTNERS = {"(": ")", "[": "]", "{": "}"}

# Between two letters, unless the second word is an ion's numeral, a quantum number, alpha or a unit; between
# two digits, unless the first ends a species or is the value of a quantum number.
_BLANK_WITHIN = re.compile(
    r"[a-z]\s+(?!(?:[ivx]+|alpha|[uμµ]m|microns?|cm|MHz)\b|[jnvfk](?:_?up)?\s*=)[a-z]|(?<![a-z=\d])\d+\s+\d",
    re.IGNORECASE,
)


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
    """Names of the list that were perhaps meant: lines of the same species, those with the nearest upper
    level first, else the closest spellings.
    """
    key = _key(name)
    exact = _BY_KEY.get(key)
    species, rest = _species_of(key)
    own = [entry for entry in LINES if entry.species == species]
    asked = re.match(r"\D?(\d+)", rest)
    if exact is not None:
        own = [exact, *(entry for entry in own if entry is not exact)]
    elif asked is not None:
        own.sort(key=lambda entry: abs(_first_number(entry.transition) - int(asked.group(1))))
    elif len(own) > _LADDER:  # of a long ladder some of every part
        own = own[:: len(own) // _CLOSE]
    close = [entry.name for entry in own[:_CLOSE]]
    if not close:
        for other in difflib.get_close_matches(key, _BY_KEY, n=2 * _CLOSE, cutoff=0.55):
            if _BY_KEY[other].name not in close:
                close.append(_BY_KEY[other].name)
    return tuple(close[:_CLOSE])


def _species_of(key: str) -> tuple[str | None, str]:
    """The species that a key begins with, the longest that does, and what follows it.

    What follows is a transition, so it begins with a digit, a quantum number's letter, or is empty.
    """
    for other in sorted(_SPECIES, key=len, reverse=True):
        rest = key.removeprefix(other)
        if key.startswith(other) and re.fullmatch(r"(?:[jnvfk]?\d.*|[abgd]?)", rest):
            return _SPECIES[other], rest
    return None, key


def _first_number(transition: str) -> int:
    found = re.search(r"\d+", transition)
    return int(found.group()) if found else 0


def _read(content: Mapping[str, Any]) -> tuple[tuple[Line, ...], dict[str, Line], dict[str, str]]:
    """The lines, the line of every key, and the species of every key of a species' name."""
    lines: list[Line] = []
    by_key: dict[str, Line] = {}
    species_of: dict[str, str] = {}
    for species in (*content["species"], *map(_recombination, content["recombination"])):
        synonyms = tuple(species.get("aliases", ()))
        species_of |= {_key(name): species["name"] for name in (species["name"], *synonyms)}
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
    return tuple(lines), by_key, species_of


def _recombination(atom: Mapping[str, Any]) -> dict[str, Any]:
    """The alpha lines of an atom in the form of the other species."""
    rydberg = _RYDBERG_HZ * atom["mass"] / (atom["mass"] + 1.0)
    lines = [
        {
            "transition": f"{n}a",
            "name": f"{atom['name']}{n}a",
            "rest_mhz": rydberg * (1.0 / n**2 - 1.0 / (n + 1) ** 2) / 1e6,
        }
        for n in range(atom["from"], atom["to"] + 1)
    ]
    return {"name": atom["name"], "source": atom["source"], "lines": lines}


_RYDBERG_HZ = 3.289841960250e15  # c R_infinity, CODATA 2018

_CONTENT: Mapping[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
_ALL, _KEYS, _SPECIES = _read(_CONTENT)

LINES: tuple[Line, ...] = _ALL
"""All lines, grouped by species."""

VERSION: str = _CONTENT["version"]
"""Version of the list."""

SOURCES: Mapping[str, str] = MappingProxyType(_CONTENT["sources"])
"""The catalogues that the rest frequencies are from."""

_BY_KEY: Mapping[str, Line] = MappingProxyType(_KEYS)
