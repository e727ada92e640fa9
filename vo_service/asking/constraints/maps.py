"""Coverage maps as conditions in ADQL: a region column meets one of the maps.

Maps that stand for one another are joined to one. A short one is written into the query, whose text then says
all; a long one comes with the query as a table of one row, which costs a query nothing but its size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from vo_service.asking.constraints.conditions import Columns, quoted
from vo_service.query import Upload, upload_of_moc
from vo_service.sky import Moc

_SHORT: Final = 6000
"""Characters of a map that is written into the query: plans of such queries are kept."""
_FEW: Final = 500  # ranges of cells; more make a longer text
INLINE: Final = "inline_moc"
"""The table of a long map that came as a parameter."""


@dataclass(frozen=True, slots=True)
class MapTerm:
    """A condition, and the table that it reads where the map is none of its text."""

    condition: str
    upload: Upload | None = None


def meets(columns: Columns, maps: Sequence[Moc]) -> MapTerm:
    """The region of a column shares a point with one of the maps."""
    return met(columns, joined(maps), INLINE)


def met(columns: Columns, map: Moc, name: str) -> MapTerm:
    """The region of a column shares a point with a map; ``name`` is that of its table, where it has one."""
    (column,) = columns
    text = map.to_ascii() if map.count <= _FEW else ""
    if 0 < len(text) <= _SHORT:
        return MapTerm(f"INTERSECTS(MOC({quoted(text)}), {column}) = 1")
    return MapTerm(f"INTERSECTS(TAP_UPLOAD.{name}.moc, {column}) = 1", upload_of_moc(name, map))


def joined(maps: Sequence[Moc]) -> Moc:
    """The cells of all maps as one."""
    return maps[0] if len(maps) == 1 else Moc(np.concatenate([each.pairs for each in maps]))
