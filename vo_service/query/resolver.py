"""A service outside that knows where named sources are, where the operator has configured one."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import OrderedDict
from typing import Final
from urllib.parse import quote

import requests

_SECONDS: Final = 5.0
_BYTES: Final = 65_536
_KEPT: Final = 10_000
_POSITION = re.compile(rb"^%J\s+([-+]?[0-9.]+)\s+([-+]?[0-9.]+)", re.MULTILINE)

_log = logging.getLogger(__name__)


class Resolver:
    """Asks ``url`` with the name behind it; answers are kept. Safe to use from many threads.

    The answer is the text that Sesame gives: its line ``%J`` has right ascension and declination, degrees
    ICRS. Without such a line the name is unknown.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[float, float] | None] = OrderedDict()

    def position(self, name: str) -> tuple[float, float] | None:
        """Longitude and latitude, degrees; None where the service does not know or does not answer."""
        key = " ".join(name.lower().split())
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        try:
            answer = _get(self._url + quote(name.strip()))
        except (requests.RequestException, TimeoutError) as error:
            _log.warning("the resolver of names does not answer: %s", type(error).__name__)
            return None
        found = _read(answer)
        with self._lock:
            self._known[key] = found
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return found


def _get(url: str) -> bytes:
    """The first bytes of an answer. Raises TimeoutError and what requests raises."""
    end = time.monotonic() + _SECONDS
    with requests.get(url, timeout=_SECONDS, stream=True) as response:
        response.raise_for_status()
        body = b""
        for piece in response.iter_content(4096):
            body += piece
            if len(body) >= _BYTES:
                break
            if time.monotonic() > end:
                raise TimeoutError
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
