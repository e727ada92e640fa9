"""Rows of a large answer read from the engine in one thread while another one makes bytes of them."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import Executor, wait

import pyarrow as pa

from vo_service.query.model import Answer


def read_ahead(
    answer: Answer, batches: Iterator[pa.RecordBatch], readers: Executor
) -> Generator[pa.RecordBatch, None, None]:
    """``batches``, which are the rest of ``answer``'s, the next one being read by ``readers`` while the last
    one is in use.

    Closing it ends the query where it still runs, and returns when nobody reads from the engine any more.
    """
    reading = readers.submit(next, batches, None)
    try:
        while (batch := reading.result()) is not None:
            reading = readers.submit(next, batches, None)
            yield batch
    finally:
        if not reading.cancel():
            if not reading.done():
                answer.cancel()
            wait((reading,))
