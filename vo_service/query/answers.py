"""Answers of probes that were asked before: people keep a region and change the rest of a question."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from vo_service.adql import FootprintProbe, Probe
from vo_service.query.kept import Kept
from vo_service.sky import is_long


class ProbeAnswers:
    """Which footprints of a snapshot passed a test. Safe to use from many threads.

    Only these are kept: they depend on the snapshot and the test alone, where other probes read rows as the
    viewer sees them, or tables that came with the question. Which footprint a viewer may see of a row is
    written into each statement anew. Answers of more than ``longest`` rows are not kept, nor are those for
    long regions, with which they would be.
    """

    def __init__(self, most: int = 128, longest: int = 10_000) -> None:
        self._longest = longest
        self._kept: Kept[tuple[str, Probe], pa.Table] = Kept(most)

    def answer(self, snapshot: str, probe: Probe, ask: Callable[[], pa.Table]) -> pa.Table:
        """The answer as it was before, else that of ``ask``, whose errors are passed on and not kept.

        ``snapshot`` is the place of the snapshot that is asked.
        """
        if not isinstance(probe, FootprintProbe) or is_long(probe.region):
            return ask()
        known = self._kept.find((snapshot, probe))
        if known is None:
            known = ask()
            if known.num_rows <= self._longest:
                self._kept.keep((snapshot, probe), known)
        return known
