"""Many clients that wait, read slowly, or leave: everybody else is served."""

from __future__ import annotations

import http.client
import selectors
import socket
import statistics
import time
from contextlib import ExitStack
from urllib.parse import urlencode, urlsplit

import pytest
from live_service import LARGE, SLOW, SMALL, LiveService, a_second, spilled, until

POLLERS = 200
READERS = 30
LEAVES = 5


@pytest.fixture(scope="module")
def service(make_service) -> LiveService:
    return make_service(VO_SERVICE_JOB_SLOTS="1").start()


def seconds_of_small_queries(service: LiveService, count: int = 5) -> float:
    """Median time of small queries."""
    taken = []
    for _ in range(count):
        started = time.monotonic()
        assert service.query().status_code == 200
        taken.append(time.monotonic() - started)
    return statistics.median(taken)


def poll(service: LiveService, job: str, count: int) -> list[socket.socket]:
    """Connections that wait for a change of a job, or have asked for its phase."""
    path = urlsplit(job).path
    made = []
    for number in range(count):
        target = f"{path}?WAIT=60" if number % 2 else f"{path}/phase"
        connection = socket.create_connection(("127.0.0.1", service.port), timeout=60)
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        made.append(connection)
    return made


def crowd_of_pollers(service: LiveService, count: int) -> float:
    """Median seconds of small queries beside so many clients that wait; all of them get their answer."""
    job = service.make_job(SLOW, PHASE="RUN")
    assert until(lambda: service.phase(job) == "EXECUTING")
    with ExitStack() as closing:
        connections = [closing.enter_context(each) for each in poll(service, job, count)]
        median = seconds_of_small_queries(service)
        service.command(job, "ABORT")
        for connection in connections:
            assert connection.recv(12).startswith(b"HTTP/1.1 200")
    return median


def crowd_of_readers(service: LiveService, count: int) -> float:
    """Median seconds of small queries beside so many clients that read hardly anything."""
    with ExitStack() as closing:
        connections = [
            closing.enter_context(service.connect(LARGE, receive_bytes=4096, MAXREC="20000"))
            for _ in range(count)
        ]
        for connection in connections:
            assert connection.recv(64)
        median = seconds_of_small_queries(service)
        assert until(service.is_idle), "a slow reader holds its query"
        read_all(connections)
    return median


def read_all(connections: list[socket.socket]) -> None:
    """Read each to its end, which is that of a whole VOTable."""
    with selectors.DefaultSelector() as selector:
        tails = dict.fromkeys(connections, b"")
        for connection in connections:
            selector.register(connection, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select(60):
                piece = key.fileobj.recv(1 << 16)
                tails[key.fileobj] = (tails[key.fileobj] + piece)[-200:]
                if not piece:
                    selector.unregister(key.fileobj)
    assert all(b"</VOTABLE>" in tail for tail in tails.values())


def test_clients_that_wait_hold_nobody_up(service: LiveService) -> None:
    # UWS-087
    alone = seconds_of_small_queries(service)
    assert crowd_of_pollers(service, POLLERS) < 10 + 10 * alone


def test_slow_readers_give_their_slots_back(service: LiveService) -> None:
    alone = seconds_of_small_queries(service)
    assert crowd_of_readers(service, READERS) < 10 + 10 * alone


def small_query_from(service: LiveService, address: str) -> int:
    """Status of a small query of a client with another address."""
    connection = http.client.HTTPConnection(
        "127.0.0.1", service.port, timeout=60, source_address=(address, 0)
    )
    connection.request("GET", "/tap/sync?" + urlencode({"LANG": "ADQL", "QUERY": SMALL}))
    status = connection.getresponse().status
    connection.close()
    return status


def test_long_queries_of_one_client_leave_room_for_others(service: LiveService) -> None:
    """All of them run for minutes, and there are more than may run at a time."""
    with ExitStack() as closing:
        for _ in range(40):
            closing.enter_context(service.connect(SLOW))
        # each worker gives half of its places to one client
        assert until(lambda: service.metric("vo_service_engine_statements_running") >= 2)
        assert small_query_from(service, "127.0.0.2") == 200
        assert not service.is_idle()
    assert until(service.is_idle)


def seconds_to_the_end(service: LiveService) -> float:
    """Until the engine works on nothing any more."""
    started = time.monotonic()
    assert until(service.is_idle)
    return time.monotonic() - started


@pytest.mark.parametrize("read", [0, 1, 100_000], ids=["before the answer", "at its start", "in its middle"])
def test_the_query_of_a_client_that_leaves_ends_within_a_second(service: LiveService, read: int) -> None:
    """It would run for minutes; a busy machine may be late now and then."""
    taken = []
    for _ in range(LEAVES):
        connection = service.connect(SLOW if read == 0 else LARGE, MAXREC="10000000")
        assert until(lambda: not service.is_idle())
        left = read
        while left > 0:
            left -= len(connection.recv(min(left, 65536)))
        assert not service.is_idle(), "it has ended by itself"
        connection.close()
        taken.append(seconds_to_the_end(service))
    assert min(taken) < a_second(), taken


def test_a_job_that_is_aborted_ends_in_the_engine_within_a_second(service: LiveService) -> None:
    """By either worker, as the connections fall: not only by the one that runs it."""
    taken = []
    for _ in range(LEAVES):
        job = service.make_job(SLOW, PHASE="RUN")
        assert until(lambda job=job: service.phase(job) == "EXECUTING" and not service.is_idle())
        service.command(job, "ABORT")
        taken.append(seconds_to_the_end(service))
        assert service.phase(job) == "ABORTED"
    assert min(taken) < a_second(), taken


def test_clients_that_leave_before_they_ask_or_while_they_wait_leave_nothing(service: LiveService) -> None:
    job = service.make_job()
    for _ in range(50):
        socket.create_connection(("127.0.0.1", service.port), timeout=60).close()
    for connection in poll(service, job, 50):
        connection.close()
    assert service.query().status_code == 200
    service.command(job, "RUN")
    assert service.final(job) == "COMPLETED"


def test_clients_that_leave_while_they_send_leave_nothing(service: LiveService) -> None:
    head = (
        b"POST /tap/sync HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        b"Content-Length: 100000000\r\n\r\n--b\r\nContent-Disposition: form-data; "
        b'name="mine"; filename="x"\r\n\r\n'
    )
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", service.port), timeout=60) as connection:
            connection.sendall(head + b"x" * 1_000_000)
    assert until(lambda: not spilled(service.home))
    assert service.query().status_code == 200
    service.stop()


@pytest.mark.soak
def test_a_thousand_pollers_and_fifty_readers(make_service) -> None:
    service = make_service(VO_SERVICE_JOB_SLOTS="1").start()
    alone = seconds_of_small_queries(service, 50)
    beside = crowd_of_pollers(service, 1000), crowd_of_readers(service, 50)
    print(f"\nsmall query alone {alone * 1e3:.0f} ms, beside 1000 pollers and 50 readers: {beside}")
    assert max(beside) < max(0.1, 3 * alone)
    service.stop()
