"""Parts: what was taken from the tiles of runs, cut to where it holds numbers, until the tree is made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hips.images.engine import Part
from hips.images.errors import FieldFailed
from hips.images.field import Field, Values
from hips.tiles.grid import WIDTH


@dataclass(frozen=True, slots=True)
class KeptSheets:
    """Parts of all fields in a directory, a folder for each field by its number. See `engine.Sheets`."""

    folder: Path
    numbers: Mapping[str, int]
    failed: Mapping[str, str]

    @contextmanager
    def open(self, field: Field) -> Iterator[KeptSheet]:
        """The parts of one field. Raises FieldFailed."""
        if field.name in self.failed:
            raise FieldFailed(field.name, self.failed[field.name])
        yield KeptSheet(self.folder / str(self.numbers[field.name]))


@dataclass(frozen=True, slots=True)
class KeptSheet:
    """Parts of one field. See `engine.Sheet`."""

    folder: Path

    def part(self, order: int, cell: int) -> Part | None:
        """The field on one tile; None where it has no pixel. Raises OSError."""
        path = part_path(self.folder, order, cell)
        if not path.exists():
            return None
        with np.load(path) as kept:
            row, column = kept["at"]
            return Part(
                _laid_out(kept["values"], row, column),
                _laid_out(kept["weights"], row, column) if "weights" in kept else None,
            )


def part_path(folder: Path, order: int, cell: int) -> Path:
    """Where a part is kept."""
    return folder / f"{order}-{cell}.npz"


def keep_part(folder: Path, order: int, cell: int, part: Part) -> None:
    """Keep the rectangle of a part that holds all its numbers; nothing of one without any. Raises OSError."""
    known = np.isfinite(part.values)
    rows, columns = np.flatnonzero(known.any(axis=1)), np.flatnonzero(known.any(axis=0))
    if not len(rows):
        return
    window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    arrays: dict[str, Any] = {"at": np.array([rows[0], columns[0]]), "values": part.values[window]}
    if part.weights is not None:
        arrays["weights"] = part.weights[window]
    folder.mkdir(parents=True, exist_ok=True)
    with part_path(folder, order, cell).open("wb") as file:
        np.savez(file, **arrays)


def _laid_out(window: Values, row: int, column: int) -> Values:
    whole = np.full((WIDTH, WIDTH), np.nan, dtype=np.float32)
    whole[row : row + window.shape[0], column : column + window.shape[1]] = window
    return whole
