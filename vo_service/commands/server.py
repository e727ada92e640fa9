"""Listening at a port with several worker processes, until somebody says stop.

The port is taken by the parent before any worker starts, so that a taken one is a plain sentence; the workers
share that one socket. They end with their parent, even where it was killed.
"""

from __future__ import annotations

import errno
import http.client
import os
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
from uvicorn.supervisors import Multiprocess

from vo_service.app import create_app
from vo_service.commands.command import CallFailed, CallMistake
from vo_service.settings import Settings

_BACKLOG = 2048
_GRACE_SECONDS = 10
_HUNG_SECONDS = 30  # a worker silent for so long is replaced; on a slow machine its start takes a part of it
_PATIENCE_SECONDS = 60.0
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104  (where to reach it from here)


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
    config = _configuration(settings, quiet)
    stopping = threading.Event()
    waiting = threading.Thread(target=_announce, args=(listening, ready, stopping), daemon=True)
    signal.signal(signal.SIGTERM, _interrupt)
    failed = False
    waiting.start()
    try:
        if settings.workers == 1:
            uvicorn.Server(config).run(sockets=[listening])
        else:
            supervisor = Multiprocess(config, sockets=[listening])
            supervisor.run()
            failed = all(
                process.exitcode not in (0, -signal.SIGTERM, None) for process in supervisor.processes
            )
    except KeyboardInterrupt:
        pass
    except SystemExit as error:  # uvicorn's way to say that the application did not start
        failed = error.code not in (0, None)
    finally:
        stopping.set()
        listening.close()
    if failed:
        raise CallFailed("the server could not start; the lines above say why")


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _configuration(settings: Settings, quiet: bool) -> uvicorn.Config:
    several = settings.workers > 1
    return uvicorn.Config(
        partial(_worker, settings, os.getpid() if several else None),
        factory=True,
        workers=settings.workers,
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        timeout_worker_healthcheck=_HUNG_SECONDS,
        log_config=_logging("WARNING" if quiet else "INFO"),
    )


def _worker(settings: Settings, parent: int | None) -> Starlette:
    """The application of one worker process, which ends when its parent has ended."""
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    return create_app(settings)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1.0)
    os.kill(os.getpid(), signal.SIGTERM)


def _logging(level: str) -> dict[str, Any]:
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s pid=%(process)d %(name)s %(message)s"}},
        "handlers": {
            "err": {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stderr"}
        },
        "root": {"handlers": ["err"], "level": "WARNING"},
        "loggers": {"vo_service": {"level": level}},
    }


def _announce(listening: socket.socket, ready: Callable[[str], None], stopping: threading.Event) -> None:
    """Ask the service for its health until it is well, then say so."""
    address = reachable_at(listening)
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
            print(
                "vo-service: the service does not answer yet; its log may say why",
                file=sys.stderr,
                flush=True,
            )
