"""Tables fetched from http(s) addresses, where the operator allows it (DALI-073, TAP-082).

Each address, that of a redirect too, passes `target_of`; the connection goes to the network address that was
looked at there. No proxy of the environment is used, no credentials are sent, cookies are not kept.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, urljoin

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.response import HTTPResponse

from vo_service import __version__
from vo_service.dali.errors import ErrorKind, ServiceError, usage
from vo_service.dali.multipart import Part, new_path
from vo_service.dali.parameters import shortened
from vo_service.dali.uploads.addresses import Resolve, Target, resolve, target_of

SECONDS = 30.0
_REDIRECTS = 3
_AT_ONCE = 1 << 16
_SILENCE = 10.0  # seconds without a byte, or less where less of the time is left


class Fetch(Protocol):
    """Gets the table at a URL; ``label`` is the client's RUNID, handed on (TAP-028).

    Raises ServiceError (400), and what ``check`` raises, which is called now and then.
    """

    def __call__(self, url: str, check: Callable[[], None], label: str | None) -> Part: ...


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Fetches from the ``hosts`` that an operator names, up to ``bytes``, into files of ``place``.

    ``private`` lifts the ban on addresses that are not public: for tests on one machine.
    """

    hosts: tuple[str, ...]
    bytes: int
    place: Path
    private: bool = False
    seconds: float = SECONDS
    find: Resolve = field(default=resolve)

    def __call__(self, url: str, check: Callable[[], None], label: str | None) -> Part:
        """The table at ``url``, in a file of its own. Raises as `Fetch` says."""
        end = time.monotonic() + self.seconds
        asked = url
        for _ in range(_REDIRECTS + 1):
            target = target_of(asked, self.hosts, self.private, self.find)
            check()
            if time.monotonic() >= end:
                raise _unreachable(shortened(url), end)
            with ExitStack() as closing:
                response = self._answer(target, label, end, closing)
                if response.status in (301, 302, 303, 307, 308) and "location" in response.headers:
                    asked = urljoin(asked, response.headers["location"])
                    continue
                if response.status != 200:
                    raise usage(f"{shortened(url)} answers with the HTTP status {response.status}.")
                return self._taken(response, url, check, end)
        raise usage(f"{shortened(url)} leads to more than {_REDIRECTS} other addresses.")

    def _answer(self, target: Target, label: str | None, end: float, closing: ExitStack) -> HTTPResponse:
        """The answer of a host, its content not read yet."""
        connection = _connection(target, end)
        closing.callback(connection.close)
        try:
            connection.connect()
            closing.callback(_end_at(end, connection.sock).cancel)
            connection.request(
                "GET",
                target.path,
                headers=_headers(target, label),
                preload_content=False,
                decode_content=False,
            )
            return connection.getresponse()
        except (HTTPError, OSError, ValueError) as error:
            raise _unreachable(target.host, end) from error

    def _taken(self, response: HTTPResponse, url: str, check: Callable[[], None], end: float) -> Part:
        """The content of an answer, in a file that goes with its part."""
        announced = response.headers.get("content-length", "")
        if announced.isdigit() and int(announced[:18]) > self.bytes:
            raise self._too_large(url)
        path = new_path(self.place, "fetched")
        size = 0
        try:
            with path.open("xb") as file:
                while piece := response.read1(_AT_ONCE, decode_content=False):
                    check()
                    size += len(piece)
                    if size > self.bytes:
                        raise self._too_large(url)
                    file.write(piece)
            if time.monotonic() > end or (announced.isdigit() and size != int(announced[:18])):
                raise _unreachable(shortened(url), end)
        except HTTPError as error:
            path.unlink(missing_ok=True)
            raise _unreachable(shortened(url), end) from error
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return Part(url, path, size, response.headers.get("content-type"), owned=True)

    def _too_large(self, url: str) -> ServiceError:
        return usage(f"{shortened(url)} is above the limit of {self.bytes} bytes for uploads.")


def _connection(target: Target, end: float) -> HTTPConnection:
    """A connection to the network address that was looked at; its certificate is that of the name."""
    silence = min(_SILENCE, max(end - time.monotonic(), 0.001))  # 0 would mean not to wait at all
    if target.scheme == "http":
        return HTTPConnection(target.address, target.port, timeout=silence)
    return HTTPSConnection(
        target.address,
        target.port,
        timeout=silence,
        server_hostname=target.host,
        assert_hostname=target.host,
    )


def _headers(target: Target, label: str | None) -> dict[str, str]:
    headers = {
        "Host": target.host_header,
        "User-Agent": f"vo-service/{__version__}",
        "Accept": "application/x-votable+xml, application/fits, text/csv, */*;q=0.5",
        "Accept-Encoding": "identity",
    }
    return headers if label is None else headers | {"X-RUNID": quote(label, safe=" !#$&'()*+,/:;=?@[]~")}


def _end_at(end: float, sock: socket.socket | None) -> threading.Timer:
    """Ends a connection when the time is over, however slowly its host speaks."""

    def shut() -> None:
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(end - time.monotonic(), 0.0), shut)
    timer.daemon = True
    timer.start()
    return timer


def _unreachable(what: str, end: float) -> ServiceError:
    if time.monotonic() > end - 0.05:
        return ServiceError(ErrorKind.USAGE, f"{what} did not send the table in time.")
    return ServiceError(ErrorKind.USAGE, f"{what} cannot be reached, or broke off.")
