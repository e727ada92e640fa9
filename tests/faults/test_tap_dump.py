"""A dump of five million rows: it leaves while it is computed, in little memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from live_service import LiveService, resident_mb

ROWS = 5_000_000
DUMP = (
    f"SELECT TOP {ROWS} a.obs_publisher_did, a.s_ra, a.s_dec, b.target_name, b.em_min, c.t_min "
    "FROM ivoa.obscore AS a, ivoa.obscore AS b, ivoa.obscore AS c"
)
FIRST = 65536
GROWTH_MB = 200


@pytest.fixture(scope="module")
def service(make_service) -> LiveService:
    return make_service(workers=1).start()


@contextmanager
def watched(service: LiveService) -> Iterator[list[float]]:
    """The memory of the service, in MB, every 50 ms while the block lasts."""
    assert service.process is not None
    seen: list[float] = [resident_mb([service.process.pid])]
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            seen.append(resident_mb([service.process.pid]))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


@pytest.mark.soak
def test_a_dump_leaves_while_it_is_computed_and_takes_little_memory(service: LiveService) -> None:
    for _ in range(5):  # what it holds when it has worked a little is what idle means
        assert service.query().status_code == 200
    before = service.metric("vo_service_engine_rows_total")
    with watched(service) as memory, service.connect(DUMP, MAXREC=str(ROWS)) as connection:
        started = time.monotonic()
        taken, tail = 0, b""
        while taken < FIRST:
            taken += len(connection.recv(FIRST - taken))
        seconds = time.monotonic() - started
        assert service.metric("vo_service_engine_statements_running") == 1
        while piece := connection.recv(1 << 20):
            taken, tail = taken + len(piece), (tail + piece)[-500:]
    assert service.metric("vo_service_engine_rows_total") - before == ROWS
    assert f'<INFO name="rows" value="{ROWS}"/>'.encode() in tail and b"</VOTABLE>" in tail
    growth = max(memory) - memory[0]
    print(f"\nfirst 64 kB after {seconds:.2f} s, {taken >> 20} MB in all; memory grew by {growth:.0f} MB")
    assert growth < GROWTH_MB
    service.stop()
