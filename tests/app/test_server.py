"""Taking a port, and what is said where it cannot be had; workers that cannot start."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from live_service import until

from vo_service.commands import server
from vo_service.commands.command import CallFailed, CallMistake
from vo_service.commands.server import reachable_at, take_port
from vo_service.settings import Settings


def test_any_free_port_is_taken_and_told() -> None:
    with take_port("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        assert reachable_at(listening) == f"http://127.0.0.1:{port}"
        assert listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_an_address_for_everybody_is_reached_from_here() -> None:
    with take_port("0.0.0.0", 0) as listening:
        assert reachable_at(listening).startswith("http://127.0.0.1:")


def test_a_taken_port_is_named_with_the_way_out() -> None:
    with take_port("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        with pytest.raises(CallMistake, match=rf"port {port} on 127\.0\.0\.1 is taken.*--port"):
            take_port("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "words"), [("203.0.113.7", "no address of this machine"), ("no.such.invalid", "not known here")]
)
def test_a_wrong_host_is_named(host: str, words: str) -> None:
    with pytest.raises(CallMistake, match=words):
        take_port(host, 0)


# an application that cannot start while there is a file ``broken``, nor in the process that first sees one
# called ``one-broken``, and that starts no sooner than ``slow`` is gone; under our supervisor of two workers
APPLICATION = """
import asyncio, os, pathlib, sys

place = pathlib.Path(sys.argv[1])

def is_the_one():
    try:
        (place / "one-broken").unlink()
    except FileNotFoundError:
        return False
    return True

async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        broken = (place / "broken").exists() or is_the_one()
        while not broken and (place / "slow").exists():
            await asyncio.sleep(0.05)
        (place / f"{'failed' if broken else 'began'}-{os.getpid()}").touch()
        await send({"type": f"lifespan.startup.{'failed' if broken else 'complete'}"})
        if not broken:
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
    else:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

if __name__ == "__main__":  # workers need no more than the application
    import uvicorn
    from vo_service.commands.server import Supervisor, take_port

    with take_port("127.0.0.1", 0) as listening:
        (place / "port").write_text(str(listening.getsockname()[1]))
        supervisor = Supervisor(uvicorn.Config(application, lifespan="on", workers=2), [listening])
        supervisor.run()
        sys.exit(7 if supervisor.could_not_start else 0)
"""


@contextmanager
def two_workers(place: Path) -> Iterator[subprocess.Popen[bytes]]:
    script = place / "application.py"
    script.write_text(APPLICATION)
    with subprocess.Popen([sys.executable, str(script), str(place)], stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(60)


def test_a_service_none_of_whose_workers_can_start_ends(tmp_path: Path) -> None:
    (tmp_path / "broken").touch()
    with two_workers(tmp_path) as process:
        assert process.wait(60) == 7
    assert not list(tmp_path.glob("began-*"))


def test_workers_that_are_killed_because_they_do_not_stop_had_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(supervisor: server.Supervisor) -> None:
        supervisor.processes = [SimpleNamespace(exitcode=-signal.SIGKILL)] * 2

    def refused(supervisor: server.Supervisor) -> None:
        supervisor.processes = [SimpleNamespace(exitcode=3)] * 2
        supervisor.could_not_start = True

    settings = Settings.load(tmp_path, environ={}, overrides={"workers": "2"})
    kept = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        monkeypatch.setattr(server.Supervisor, "run", stopped)
        server.serve(settings, take_port("127.0.0.1", 0), True, lambda address: None)
        monkeypatch.setattr(server.Supervisor, "run", refused)
        with pytest.raises(CallFailed, match="could not start"):
            server.serve(settings, take_port("127.0.0.1", 0), True, lambda address: None)
    finally:
        for each, handler in kept.items():
            signal.signal(each, handler)


def test_a_worker_that_cannot_start_is_replaced_once_a_slow_one_serves(tmp_path: Path) -> None:
    (tmp_path / "one-broken").touch()
    (tmp_path / "slow").touch()
    with two_workers(tmp_path) as process:
        assert until(lambda: list(tmp_path.glob("failed-*")))
        time.sleep(2)  # the supervisor looks after its workers twice a second
        assert process.poll() is None
        (tmp_path / "slow").unlink()
        assert until(lambda: len(list(tmp_path.glob("began-*"))) == 2)
        assert process.poll() is None


def test_a_service_goes_on_while_a_worker_cannot_be_replaced(tmp_path: Path) -> None:
    with two_workers(tmp_path) as process:
        assert until(lambda: len(list(tmp_path.glob("began-*"))) == 2)
        connection = http.client.HTTPConnection("127.0.0.1", int((tmp_path / "port").read_text()), timeout=60)
        (tmp_path / "broken").touch()
        first = next(tmp_path.glob("began-*"))
        os.kill(int(first.name.removeprefix("began-")), signal.SIGKILL)
        assert until(lambda: len(list(tmp_path.glob("failed-*"))) >= 2)
        connection.request("GET", "/")
        assert connection.getresponse().status == 204
        connection.close()
        (tmp_path / "broken").unlink()
        assert until(lambda: len(list(tmp_path.glob("began-*"))) == 3)
        assert process.poll() is None
