"""Engines: what brings the pixels of a field onto the grid of tiles. All else of a tree is no engine's work.

An engine is told first all that it will be asked for (`Engine.prepare`), as some do their work in bulk. What
it hands back is sent to the processes that make the tiles (pickled), and each of them asks for the parts one
by one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hips.images.errors import EngineMissing
from hips.images.field import Field, Values

Cells = NDArray[np.int64]
AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What will be asked of one field: the cells (NESTED, ascending) at each order, 0 to 20. They are those
    that the field may touch: some may turn out to hold none of its pixels."""

    field: Field
    cells: Mapping[int, Cells]


@dataclass(frozen=True, slots=True)
class Part:
    """One field on one tile, ``(512, 512)``, as a FITS array lies (HIPS-020): stored row r and column c are
    ``ix = 511 - r, iy = c``."""

    values: Values
    """In the unit of the field, NaN where it has no data (HIPS-025)."""
    weights: Values | None
    """What each pixel counts, NaN or 0 where nothing; None where all count the field's ``weight``."""


class Sheet(Protocol):
    """One field, open."""

    def part(self, order: int, cell: int) -> Part | None:
        """The field on a tile that was among those wanted; None where it has no pixel there. Raises
        FieldFailed, OSError and FitsError: then the field is left out of the tree."""
        ...


class Sheets(Protocol):
    """All fields that were wanted. It can be sent to other processes, and is used by several at a time."""

    @property
    def failed(self) -> Mapping[str, str]:
        """Names of the fields that cannot be had, with the reason."""
        ...

    def open(self, field: Field) -> AbstractContextManager[Sheet]:
        """Raises FieldFailed, OSError and FitsError."""
        ...


class Engine(Protocol):
    """One way to resample."""

    @property
    def name(self) -> str:
        """``reproject`` or ``hipsgen``."""
        ...

    @property
    def version(self) -> str:
        """Of what makes the pixels: other version, other tiles (it is part of their digests)."""
        ...

    def prepare(self, wanted: Sequence[Wanted], scratch: Path, told: Callable[[int, int], None]) -> Sheets:
        """Get ready for what will be asked. ``scratch`` is an empty directory that stays until the tiles are
        made; ``told`` is called with how many fields are done and of how many. Raises EngineFailed."""
        ...


def choose(name: str, makers: Mapping[str, Callable[[], Engine]]) -> Engine:
    """The engine of a name, or with ``auto`` the first that can run here.

    ``makers`` are by name, best first; a maker raises EngineMissing with the reason if its engine cannot run.
    """
    if name != AUTO:
        if name not in makers:
            raise EngineMissing(f"no engine {name!r}; there are: {', '.join([*makers, AUTO])}")
        return makers[name]()
    reasons = []
    for known, maker in makers.items():
        try:
            return maker()
        except EngineMissing as error:
            reasons.append(f"{known}: {error}")
    raise EngineMissing("no engine can run here: " + "; ".join(reasons))
