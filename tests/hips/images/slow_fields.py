"""A field that takes its time, and tells who is at it."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from dataclasses import dataclass

from made_fields import FileField


@dataclass(frozen=True)
class Slow(FileField):
    """See above."""

    @contextmanager
    def open(self):
        place = self.path.parent.parent / "reading"
        place.mkdir(exist_ok=True)
        (place / str(os.getpid())).touch()
        time.sleep(600)
        with super().open() as plane:
            yield plane
