"""Trees that are made anew as a whole or not at all: what their builds remember, and what they report."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from pathlib import Path

from hips.trees.cell_sets import CellSet
from hips.trees.description import Description
from hips.trees.versions import Build
from vo_service.sky.cell_ranges import ORDER, count_of_cells, joined

CONTENTS = "contents.json"
_FORMAT = 1

Told = Callable[[str, int, int], None]
"""Of progress: what is being done, how much of it is done, of how much."""


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a tree. ``build`` is what is served from now on, None where there is nothing to show:
    then there is no tree. ``changed`` says whether it is another than before, ``tiles`` how many it has."""

    name: str
    build: Build | None
    changed: bool
    tiles: int = 0


@dataclass(frozen=True, slots=True)
class Contents:
    """Of a build: the digest of all that it was made of, its dates, the number of its tiles."""

    digest: str
    created: datetime
    released: datetime
    tiles: int


def write_contents(directory: Path, contents: Contents) -> None:
    """Raises OSError."""
    dates = {"created": contents.created.isoformat(), "released": contents.released.isoformat()}
    text = json.dumps(asdict(contents) | dates | {"format": _FORMAT}, indent=1)
    (directory / CONTENTS).write_text(text, encoding="utf-8")


def contents_of(build: Build | None) -> Contents | None:
    """None where there is no build, or none that remembers what is remembered today."""
    if build is None:
        return None
    try:
        values = json.loads((build.directory / CONTENTS).read_text(encoding="utf-8"))
        if values.pop("format") != _FORMAT:
            return None
        dates = {key: datetime.fromisoformat(values[key]) for key in ("created", "released")}
        return Contents(**values | dates)
    except (OSError, KeyError, TypeError, ValueError):
        return None


def dates_after(before: Contents | None, moment: datetime) -> tuple[datetime, datetime]:
    """When a tree was first made, and when this build of it is: later than the one before, to the minute
    (HIPS-056)."""
    released = moment.replace(second=0, microsecond=0)
    if before is None:
        return released, released
    return before.created, max(released, before.released + timedelta(minutes=1))


def digest_of(told: Description, parts: bytes) -> str:
    """Of what a tree says of itself and of what else it is made of."""
    said = json.dumps(asdict(told), sort_keys=True).encode()
    return blake2b(said + b"\0" + parts, digest_size=16).hexdigest()


def coarsened(covered: CellSet, order: int, most: int, least: int = 0) -> tuple[CellSet, int]:
    """Cells no finer than an order, of which there are not more than so many (MOC-015) unless that takes an
    order below ``least``, and the order that none is finer than then; at coarser orders they only grow."""
    starts, stops = covered.starts, covered.stops
    while True:
        shift = 2 * (ORDER - order)
        starts, stops = joined(starts >> shift << shift, -((-stops) >> shift) << shift)
        if order <= least or count_of_cells(starts, stops) <= most:
            return CellSet(starts, stops), order
        order -= 1


def silent(doing: str, done: int, of: int) -> None:
    """Nobody wants to know."""
