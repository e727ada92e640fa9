"""A service outside that knows where named sources are, where the operator has configured one."""

from __future__ import annotations

import logging
import math
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final
from urllib.parse import quote

import requests

_SECONDS: Final = 5.0
_BYTES: Final = 65_536
_KEPT: Final = 10_000
_ASKING: Final = 16
"""Questions that the service is asked at a time, those among them that nobody waits for any more."""
_LOOK_SECONDS: Final = 0.1
_POSITION = re.compile(rb"^%J\s+([-+]?[0-9.]+)\s+([-+]?[0-9.]+)", re.MULTILINE)

_log = logging.getLogger(__name__)

Wait = Callable[[], float]


def no_limit() -> float:
    return math.inf


class Resolver:
    """Asks ``url`` with the name behind it; answers are kept. Safe to use from many threads.

    The answer is the text that Sesame gives: its line ``%J`` has right ascension and declination, degrees
    ICRS. Without such a line the name is unknown.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._asking = threading.BoundedSemaphore(_ASKING)
        self._known: OrderedDict[str, tuple[float, float] | None] = OrderedDict()

    def position(self, name: str, wait: Wait = no_limit) -> tuple[float, float] | None:
        """Longitude and latitude, degrees; None where the service does not know or does not answer in time.

        ``wait`` is called now and then, and gives the seconds that are left to whoever waits for this; what
        it raises comes out at once.
        """
        key = " ".join(name.lower().split())
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        answer = self._answer(self._url + quote(name.strip()), wait)
        if answer is None:
            return None
        found = _read(answer)
        with self._lock:
            self._known[key] = found
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return found

    def _answer(self, url: str, wait: Wait) -> bytes | None:
        """What the service says within five seconds, however it spends them: names, connection, headers.

        It is asked in a thread of its own, which is left where it takes longer, to end when the server does;
        where many have been left so, the service is not asked again before one of them has ended.
        """
        if not self._asking.acquire(blocking=False):
            _log.warning("the resolver of names does not answer: %d questions are left to it", _ASKING)
            return None
        asked = _Asked(url, self._asking.release)
        threading.Thread(target=asked.run, name="resolver", daemon=True).start()
        end = time.monotonic() + _SECONDS
        while not asked.done.wait(max(0.0, min(_LOOK_SECONDS, end - time.monotonic(), wait()))):
            if time.monotonic() >= end:
                asked.given_up = True
                asked.trouble = "TimeoutError"
                break
        if asked.trouble is not None:
            _log.warning("the resolver of names does not answer: %s", asked.trouble)
            return None
        return asked.answer


class _Asked:
    """One question to the service, asked by a thread that nobody need wait for."""

    def __init__(self, url: str, ended: Callable[[], None]) -> None:
        self._url = url
        self._ended = ended
        self.done = threading.Event()
        self.given_up = False
        self.answer: bytes | None = None
        self.trouble: str | None = None

    def run(self) -> None:
        """Ask; afterwards there is an answer or a trouble."""
        try:
            self.answer = self._get()
        except (requests.RequestException, OSError, ValueError) as error:
            self.trouble = type(error).__name__
        finally:
            self._ended()
            self.done.set()

    def _get(self) -> bytes:
        """The first bytes of an answer. Raises what requests raises."""
        with requests.get(self._url, timeout=_SECONDS, stream=True) as response:
            response.raise_for_status()
            body = b""
            for piece in response.iter_content(4096):
                body += piece
                if len(body) >= _BYTES or self.given_up:
                    break
        return body[:_BYTES]


def _read(answer: bytes) -> tuple[float, float] | None:
    found = _POSITION.search(answer)
    if found is None:
        return None
    try:
        lon, lat = float(found[1]), float(found[2])
    except ValueError:
        return None
    return (lon % 360.0, lat) if abs(lat) <= 90.0 else None
