"""Listening at a port with several worker processes, until somebody says stop.

The port is taken by the parent before any worker starts, so that a taken one is a plain sentence; the workers
share that one socket. They end with their parent, even where it was killed.
"""

from __future__ import annotations

import errno
import http.client
import logging
import os
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any, NoReturn

import uvicorn
from starlette.applications import Starlette
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from vo_service.app import create_app
from vo_service.commands.command import CallFailed, CallMistake
from vo_service.commands.connection import Connection
from vo_service.commands.log_lines import JsonLines, TextLines
from vo_service.settings import Settings
from vo_service.store import StoreError

_log = logging.getLogger(__name__)

_BACKLOG = 2048
_FILES = 16384
_GRACE_SECONDS = 10
_HUNG_SECONDS = 30  # a worker silent for so long is replaced
_START_SECONDS = 300  # the same for one that has never served yet: a busy machine takes its time
_AGAIN_SECONDS = 5  # between two tries to start a worker
_END_SECONDS = 25  # a worker that has not ended by itself by then is killed
_PATIENCE_SECONDS = 60.0
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104  (where to reach it from here)


class Supervisor(Multiprocess):
    """Uvicorn's supervisor of the workers, which waits for none of them.

    Uvicorn's own asks a worker how it is and waits for the answer: for one that has been killed meanwhile
    until the time for hung ones is over, and it kills one that takes longer than that to start. This one
    leaves the question in the pipe and looks for the answer each time it comes by.
    """

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket]) -> None:
        super().__init__(config, sockets)
        self._asked: dict[Process, float] = {}  # since when the answer is due
        self._served: set[Process] = set()  # those that have ever said that they serve
        self._begun: dict[int, float] = {}  # when the last successor in each place was started
        self.could_not_start = False  # that is why it ended

    def keep_subprocess_alive(self) -> None:
        """Replace the workers that have ended or do not answer any more."""
        for place, process in enumerate(self.processes):
            if self.should_exit.is_set() or self._is_well(process):
                continue
            process.kill()
            process.join()
            has_served = process in self._served
            self._asked.pop(process, None)
            self._served.discard(process)
            # another one would fail in the same way, unless others serve
            if process.exitcode == STARTUP_FAILURE and not self._served.intersection(self.processes):
                if any(other.process.is_alive() for other in self.processes):
                    continue  # it will soon be seen whether they do
                self.could_not_start = True
                self.should_exit.set()
                return
            began = self._begun.get(place, float("-inf"))
            if not has_served and time.monotonic() - began < _AGAIN_SECONDS:
                continue  # what kept it from starting is still so
            _log.warning("a server process has ended (%s); another takes its place", process.exitcode)
            self._replace(place)

    def _replace(self, place: int) -> None:
        successor = Process(self.config, self.sockets)
        successor.start()
        self.processes[place] = successor
        self._begun[place] = time.monotonic()

    def join_all(self) -> None:
        """Wait for the workers to end, and end those that do not."""
        deadline = time.monotonic() + _END_SECONDS
        for process in self.processes:
            process.process.join(max(0.0, deadline - time.monotonic()))
            if process.process.is_alive():
                process.process.kill()
                process.process.join()

    def _is_well(self, process: Process) -> bool:
        if not process.process.is_alive():
            return False
        try:
            if process in self._asked and process.parent_conn.poll(0):
                if process.parent_conn.recv():
                    self._served.add(process)
                del self._asked[process]
            if process not in self._asked:
                process.parent_conn.send(b"ping")
                self._asked[process] = time.monotonic()
        except (OSError, EOFError):  # it ends at this moment
            return False
        patience = _HUNG_SECONDS if process in self._served else _START_SECONDS
        return time.monotonic() - self._asked[process] < patience


def take_port(host: str, port: int) -> socket.socket:
    """A listening socket. Raises CallMistake where the port cannot be had, with what to do."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise CallMistake(f"the host {host!r} is not known here; choose another with --host") from error
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # inherited by every connection
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise CallMistake(_why_not(error, host, port)) from error
    return listening


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is taken; choose another with --port (--port 0: any free one)"
    if error.errno in (errno.EACCES, errno.EPERM):
        return (
            f"port {port} on {host} needs more rights than this user has; choose one above 1023 with --port"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is no address of this machine; choose another with --host"
    return f"port {port} on {host} cannot be listened at: {error.strerror}"


def reachable_at(listening: socket.socket) -> str:
    """The address by which the socket is reached from this machine."""
    host, port = listening.getsockname()[:2]
    near = _ANYWHERE.get(host, host)
    return f"http://[{near}]:{port}" if ":" in near else f"http://{near}:{port}"


def serve(settings: Settings, listening: socket.socket, quiet: bool, ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM. ``ready`` gets the address once the service answers.

    Raises CallFailed where the workers cannot start.
    """
    _raise_file_limit()
    config = _configuration(settings, quiet)
    stopping = threading.Event()
    waiting = threading.Thread(target=_announce, args=(reachable_at(listening), ready, stopping), daemon=True)
    signal.signal(signal.SIGTERM, _interrupt)
    failed = False
    waiting.start()
    try:
        if settings.workers == 1:
            uvicorn.Server(config).run(sockets=[listening])
        else:
            supervisor = Supervisor(config, sockets=[listening])
            supervisor.run()
            failed = supervisor.could_not_start
    except KeyboardInterrupt:
        pass
    except SystemExit as error:  # uvicorn's way to say that the application did not start
        failed = error.code not in (0, None)
    finally:
        stopping.set()
        listening.close()
    if failed:
        raise CallFailed("the server could not start; the lines above say why")


def _raise_file_limit() -> None:
    """As many connections as the system lets this user have, for the workers too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _configuration(settings: Settings, quiet: bool) -> uvicorn.Config:
    several = settings.workers > 1
    return uvicorn.Config(
        partial(_worker, settings, os.getpid() if several else None),
        factory=True,
        workers=settings.workers,
        http=Connection,
        ws="none",
        lifespan="on",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        log_config=_logging("WARNING" if quiet else "INFO", settings.log_format),
    )


def _worker(settings: Settings, parent: int | None) -> Starlette:
    """The application of one worker process. It ends when its parent has ended, or where it cannot start."""
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    try:
        return create_app(settings)
    except StoreError as error:  # a locked catalogue, say: the next one may have more luck
        _log.error("a server process cannot start: %s", error)
        sys.exit(1)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1.0)
    os.kill(os.getpid(), signal.SIGTERM)


def _logging(level: str, form: str) -> dict[str, Any]:
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": JsonLines if form == "json" else TextLines}},
        "handlers": {
            "err": {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stderr"}
        },
        "root": {"handlers": ["err"], "level": "WARNING"},
        "loggers": {"vo_service": {"level": level}},
    }


def _announce(address: str, ready: Callable[[str], None], stopping: threading.Event) -> None:
    """Ask the service for its health until it is well, then say so."""
    place = address.removeprefix("http://")
    worried = time.monotonic() + _PATIENCE_SECONDS
    while not stopping.wait(0.1):
        connection = http.client.HTTPConnection(place, timeout=5)
        try:
            connection.request("GET", "/healthz")
            if connection.getresponse().status == 200:
                ready(address)
                return
        except (OSError, http.client.HTTPException):
            pass  # not yet
        finally:
            connection.close()
        if time.monotonic() > worried:
            worried = float("inf")
            sys.stderr.write("vo-service: the service does not answer yet; its log may say why\n")
            sys.stderr.flush()
