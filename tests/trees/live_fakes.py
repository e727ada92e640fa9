"""Work that goes wrong in the process that it is handed to."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from vo_service.pixels import FitsError
from vo_service.products.derived import ResultFile
from vo_service.trees.live_making import FrameMaking, TreeMaking

__all__ = ["BROKEN", "Killed", "OneBroken", "Slow"]

BROKEN = 2


class Killed(TreeMaking):
    """Its process is killed while it is at it."""

    def __call__(self, out: Path) -> None:
        out.write_bytes(b"half of it")
        os.kill(os.getpid(), signal.SIGKILL)


class OneBroken(FrameMaking):
    """A frame of the cube cannot be read."""

    def _write(self, scratch: Path, file: ResultFile) -> None:
        if BROKEN in self.frames:
            raise FitsError("damaged", "a tile of the table cannot be unpacked")
        super()._write(scratch, file)


class Slow(TreeMaking):
    """It takes a while."""

    def __call__(self, out: Path) -> None:
        time.sleep(0.5)
        super().__call__(out)


def never(*_args: Any) -> None:
    raise AssertionError("nobody should have asked")
