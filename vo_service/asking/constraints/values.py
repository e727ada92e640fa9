"""How values of parameters are read here, beside shapes of the sky (SIA 2.0, section 2.1).

All readers raise ValueError with what would be right.
"""

from __future__ import annotations

import re
from typing import Final

from vo_service.dali.parameters import shortened
from vo_service.dali.values import Pair, interval, real, whole
from vo_service.sky import MOC_CELLS, Moc, RegionError, parse_moc

POLARISATIONS: Final = tuple("I Q U V RR LL RL LR XX YY XY YX POLI POLA".split())
"""The labels of ObsCore's pol_states (SIA-044)."""


MAP_CHARACTERS: Final = 250_000
"""Of all maps together that a request has as texts: they are read at once, before its turn comes."""


def span(text: str) -> Pair:
    """One number, which is an interval of its own, or two (SIA-020 to SIA-027)."""
    words = text.split()
    if len(words) not in (1, 2):
        raise ValueError(f"one number, or two (low high) with a blank between, are wanted, got {len(words)}")
    return interval(text) if len(words) == 2 else (real(text.strip()),) * 2


def polarisation(text: str) -> str:
    """A label as pol_states has it; upper and lower case count."""
    label = text.strip()
    if label not in POLARISATIONS:
        raise ValueError(f"one of {' '.join(POLARISATIONS)} is wanted, not {shortened(label)!r}")
    return label


def level(text: str) -> int:
    """A level of calibration: one whole number (SIA-057)."""
    return whole(text.strip())


def media_type(text: str) -> str:
    """A media type in one spelling: small letters, no blanks round semicolons and equals signs (SIA-060).

    A plus sign that came undone as a blank on its way through a form is put right.
    """
    word = re.sub(r"\s*([;=/])\s*", r"\1", text.strip().lower())
    return word.replace(" ", "+")


def coverage_map(text: str) -> Moc:
    """A map of the sky as ASCII MOC (MOC 2.0, section 4.3.2)."""
    if len(text) > MAP_CHARACTERS:
        raise ValueError(maps_too_long(len(text)))
    try:
        found = parse_moc(text)
    except RegionError as error:
        raise ValueError(_misread(text, error)) from error
    if found.count_of_cells > MOC_CELLS:
        raise ValueError(f"a map has at most {MOC_CELLS} cells, this one has {found.count_of_cells}")
    return found


def maps_too_long(characters: int) -> str:
    """What is said of maps that are too long to come as texts."""
    return (
        f"maps as texts have at most {MAP_CHARACTERS} characters together, got {characters};"
        " a larger one comes as a file: UPLOAD=map,param:part"
    )


def _misread(text: str, error: RegionError) -> str:
    """What is wrong with a map, and where in its text."""
    if error.at < 0:
        return f"{error.expected} is wanted"
    found = text[error.at :]
    there = f"{shortened(found)!r} stands" if found else "it ends"
    return f"{error.expected} is wanted at character {error.at + 1}, where {there}"
