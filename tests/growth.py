"""Processor time of work, to be compared with that of more of the same work within one run."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable


def processor_seconds(work: Callable[[], object], times: int = 3) -> float:
    """The least time of this process alone that the work takes, of several.

    Nothing is collected meanwhile: that would look through what all tests before have left.
    """
    spent = []
    gc.collect()
    gc.disable()
    try:
        for _ in range(times):
            started = time.process_time()
            work()
            spent.append(time.process_time() - started)
    finally:
        gc.enable()
    return min(spent)
