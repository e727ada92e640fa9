"""``/soda/examples``: calls that work on the holdings as they are now (SODA 1.0 section 2.3)."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from capabilities.examples_page import examples_page
from capabilities.soda_examples import soda_examples
from vo_service.access import ANONYMOUS, Rights
from vo_service.adql import AdqlError
from vo_service.dali.current import Current
from vo_service.dali.documents import document_reply
from vo_service.dali.errors import ServiceAway
from vo_service.dali.examples import HTML
from vo_service.engines import Engine, EngineError, Limits
from vo_service.query import Context, Question, ask
from vo_service.spectral import C
from vo_service.store import StoreError

_log = logging.getLogger(__name__)

_SECONDS_KEPT: Final = 60.0
_RADIUS: Final = 4  # pixels
_SMALLEST = """\
SELECT TOP 1 obs_publisher_did, s_ra, s_dec, s_pixel_scale, em_min, em_max, em_xel
FROM ivoa.obscore
WHERE dataset_id IS NOT NULL AND data_rights = 'Public' AND dataproduct_type = '{0}' AND em_xel {1}
  AND s_ra IS NOT NULL AND s_dec IS NOT NULL AND s_pixel_scale > 0 AND em_min > 0 AND em_max >= em_min
ORDER BY access_estsize, obs_publisher_did"""
_KINDS: Final = {"cube": _SMALLEST.format("cube", "> 3"), "image": _SMALLEST.format("image", ">= 1")}

DataSets = Mapping[str, Mapping[str, str]]


class HoldingsExamples:
    """Finds data sets for examples; may block."""

    def __init__(
        self, current: Current[Engine], rights: Rights, limits: Limits, clock: Callable[[], datetime]
    ) -> None:
        self._current = current
        self._rights = rights
        self._limits = limits
        self._clock = clock

    def __call__(self) -> DataSets:
        """A data set of each kind that everybody may have now, with the facts that ``soda_examples.yaml``
        wants; kinds of which there is none are left out. Raises ServiceError (503)."""
        context = Context(ANONYMOUS, self._clock(), "", self._limits, self._rights)
        found = {}
        try:
            with self._current.use() as (snapshot, engine):
                for kind, query in _KINDS.items():
                    with ask(Question(query, 1), context, snapshot, engine) as answer:
                        for row in (row for batch in answer.batches for row in batch.to_pylist()):
                            found[kind] = facts_of_example(row)
        except (AdqlError, EngineError, StoreError) as error:
            _log.error("no data sets for examples: %s", str(error).partition("\n")[0])
            raise ServiceAway("The database of this service does not answer at present.") from error
        return found


def facts_of_example(row: Mapping[str, Any]) -> dict[str, str]:
    """The facts of a row of ``ivoa.obscore`` under the names of ``soda_examples.yaml``."""
    low, high = C / row["em_max"], C / row["em_min"]
    channels = row["em_xel"] or 1
    middle, some = 0.5 * (low + high), 1.5 * (high - low) / channels
    return {
        "did": row["obs_publisher_did"],
        "lon": f"{row['s_ra']:.6f}",
        "lat": f"{row['s_dec']:.6f}",
        "radius": f"{_RADIUS * row['s_pixel_scale'] / 3600.0:.3g}",
        "low": f"{max(low, middle - some):.9g}",
        "high": f"{min(high, middle + some):.9g}",
        "channel": str((channels + 1) // 2),
    }


class SodaExamples:
    """The page, which is made anew when somebody asks for it a minute later."""

    def __init__(self, find: Callable[[], DataSets], clock: Callable[[], datetime]) -> None:
        self._find = find
        self._clock = clock
        self._lock = threading.Lock()
        self._made = -_SECONDS_KEPT
        self._content = b""
        self._since = clock()

    def routes(self) -> list[Route]:
        """Where the page is mounted."""
        return [Route("/soda/examples", self.page)]

    async def page(self, request: Request) -> Response:
        """The page (SODA-006)."""
        content, since = await to_thread.run_sync(self._fresh)
        return document_reply(request, content, since, HTML)

    def _fresh(self) -> tuple[bytes, datetime]:
        with self._lock:
            if time.monotonic() - self._made >= _SECONDS_KEPT:
                content = examples_page("Cut-outs to start from", soda_examples(self._find()))
                if content != self._content:
                    self._content, self._since = content, self._clock()
                self._made = time.monotonic()
            return self._content, self._since
