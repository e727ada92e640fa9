"""What is known of the tree of one data set once its pixels were looked at: kept beside its first frame."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np

from hips.frames.packed import MOST_PLANES
from hips.tiles.pictures import Transfer
from hips.trees.cell_sets import CellSet
from vo_service.atlas import CubeAxis

_RUN_BYTES: Final = 16 << 20
"""Of the tiles of frames that are made together: some seconds of work."""
_RUN_PIXELS: Final = 4 << 20
"""Of their planes, which are held together."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the measurements of the ingest say of an image, in ``unit``; None where they say nothing.
    ``first``: the channel, from 0, of the highest value of a cube."""

    rms: float | None = None
    peak: float | None = None
    unit: str | None = None
    first: int | None = None


@dataclass(frozen=True)
class TreeFacts:
    """Of a tree: hips_order; its frames, of which ``looked_at`` were read to find where they hold data and
    ``blank`` hold none; the one that is shown first; what its values are.

    ``low`` and ``high`` are the range of all values that were looked at. ``greys_by`` says in words what the
    transfer function was chosen by. ``position`` (ICRS, degrees) and ``view`` (degrees) are where a client
    begins. ``frame_bytes``: of the values of the first frame; those of any take ``most_bytes`` at most.
    ``plane_pixels`` are those of a channel.
    """

    order: int
    frames: int
    first: int
    looked_at: int
    blank: tuple[int, ...]
    unit: str | None
    polarisation: str | None
    axis: CubeAxis | None
    low: float
    high: float
    transfer: Transfer
    greys_by: str
    position: tuple[float, float]
    view: float
    frame_bytes: int
    most_bytes: int
    plane_pixels: int
    starts: tuple[int, ...] = field(repr=False)
    stops: tuple[int, ...] = field(repr=False)

    @cached_property
    def covered(self) -> CellSet:
        """Where any frame that was looked at holds data."""
        return CellSet(np.array(self.starts, dtype=np.int64), np.array(self.stops, dtype=np.int64))

    def run_of(self, frame: int, result_bytes: int) -> tuple[int, ...]:
        """The frames, ascending, that are made together with one, so that looking through a cube of small
        planes takes few results, of which none has more than ``result_bytes``: those that hold data, but the
        first, which is there already."""
        bytes_together = min(_RUN_BYTES, result_bytes // 2) // max(1, self.most_bytes)
        together = max(1, min(MOST_PLANES, bytes_together, _RUN_PIXELS // self.plane_pixels))
        start = frame - frame % together
        found = set(range(start, min(start + together, self.frames))) - {self.first, *self.blank}
        return tuple(sorted(found | {frame}))

    def note(self) -> bytes:
        """As it is kept."""
        return json.dumps(asdict(self)).encode()


@dataclass(frozen=True, slots=True)
class NoTree:
    """Why a data set has no tree, for as long as its file is what it is: the end of a sentence about it."""

    reason: str

    def note(self) -> bytes:
        """As it is kept."""
        return json.dumps({"no_tree": self.reason}).encode()


def read_note(note: bytes) -> TreeFacts | NoTree:
    """What was kept. Raises ValueError, KeyError and TypeError for what is none of ours."""
    told: dict[str, Any] = json.loads(note)
    if "no_tree" in told:
        return NoTree(told["no_tree"])
    axis = None if told["axis"] is None else CubeAxis(**told["axis"])
    made = {"axis": axis, "transfer": Transfer(**told["transfer"]), "position": tuple(told["position"])}
    lists = {name: tuple(told[name]) for name in ("blank", "starts", "stops")}
    return TreeFacts(**told | made | lists)
