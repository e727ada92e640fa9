"""Files that web servers have: by range requests where the server serves ranges, else in one stream."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cache
from io import BufferedReader, BytesIO
from typing import BinaryIO
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from vo_service.pixels.streams import SMALL_READ, Passing, Ranges
from vo_service.pixels.urls import (
    CONNECT_SECONDS,
    MOST_REDIRECTS,
    READ_SECONDS,
    TRIES,
    UrlError,
    UrlRefused,
    UrlState,
    change_mark,
    told,
)

_WAIT_SECONDS = 0.5
_PLAIN = {"Accept-Encoding": "identity"}
"""Bytes as they are stored: offsets and sizes are those of the file."""
_EMPTY = 416
"""The answer to a range that lies beyond the end of the file."""
_NO_HEAD = frozenset({403, 405, 501})
_REFUSED = frozenset({401, 403, 407})


@dataclass(frozen=True, slots=True)
class HttpFile:
    """A file that a web server has, of which ``size`` may be known."""

    url: str
    name: str
    size: int | None = None

    def open(self) -> BinaryIO:
        """Asks for the first bytes: a server that serves ranges gives those alone and is asked for more as it
        is read; any other sends the whole file, which can then only be read on."""
        with told():
            response = _get(self.url, {"Range": f"bytes=0-{SMALL_READ - 1}"})
            if response.status_code == _EMPTY:
                response.close()
                return BytesIO()
            _check(response)
            if response.status_code == 206:
                with response:
                    size = _size_of_range(response, 0)
                    start = response.raw.read(SMALL_READ, decode_content=False)
                if size is not None:
                    return BufferedReader(Ranges(self.read_at, size, start), SMALL_READ)
                response = _get(self.url, {})
                _check(response)
        return BufferedReader(Passing(_reader(response), response.close), SMALL_READ)

    def read_at(self, offset: int, length: int) -> bytes:
        """A piece of the file. Raises UrlError where the server serves no ranges."""
        if length <= 0:
            return b""
        for _ in range(TRIES - 1):
            try:
                return self._fetch(offset, length)
            except urllib3.exceptions.HTTPError:
                continue  # broken off within the answer
        with told():
            return self._fetch(offset, length)

    def _fetch(self, offset: int, length: int) -> bytes:
        with told(urllib3.exceptions.HTTPError):
            response = _get(self.url, {"Range": f"bytes={offset}-{offset + length - 1}"})
            with response:
                if response.status_code == _EMPTY:
                    return b""
                _check(response)
                if response.status_code != 206:
                    raise UrlError("the server serves no ranges of the file")
                _size_of_range(response, offset)
                return bytes(response.raw.read(length, decode_content=False))

    def state(self) -> tuple[object, ...]:
        """Size and time of change as the server tells them now."""
        now = look_up_http(self.url)
        return (now.size, now.modified_ns)


def look_up_http(url: str) -> UrlState:
    """What a web server says of a file, by HEAD, or by a GET of one byte where it takes no HEAD. Raises
    OSError.
    """
    with told():
        response = _session().head(
            url, timeout=(CONNECT_SECONDS, READ_SECONDS), allow_redirects=True, headers=_PLAIN
        )
        if response.status_code in _NO_HEAD:
            response = _get(url, {"Range": "bytes=0-0"})
            response.close()
        if response.status_code != _EMPTY:
            _check(response)
        return _state_of(response)


def read_page(url: str, most_bytes: int) -> tuple[str, str]:
    """The text of a web page and the address that it was found at in the end. Raises OSError, also for what
    is no page or is larger than ``most_bytes``.
    """
    with told(), _get(url, {}) as response:
        _check(response)
        if not response.headers.get("Content-Type", "").startswith("text/html"):
            raise UrlError("the server gives no list of what is in this folder")
        body = response.raw.read(most_bytes + 1, decode_content=True)
        if len(body) > most_bytes:
            raise UrlError(f"the list of what is in this folder is longer than {most_bytes} bytes")
        return body.decode(response.encoding or "utf-8", "replace"), response.url


@cache
def _session() -> requests.Session:
    session = requests.Session()
    session.max_redirects = MOST_REDIRECTS
    retry = urllib3.Retry(
        total=TRIES - 1,
        backoff_factor=_WAIT_SECONDS,
        status_forcelist=(429, 500, 502, 503, 504),
        raise_on_status=False,
        respect_retry_after_header=False,
    )
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=retry))
    return session


def _get(url: str, headers: Mapping[str, str]) -> requests.Response:
    waiting = (CONNECT_SECONDS, READ_SECONDS)
    return _session().get(url, headers={**_PLAIN, **headers}, stream=True, timeout=waiting)


def _check(response: requests.Response) -> None:
    if response.status_code < 400:
        return
    response.close()
    message = f"the server answers {response.status_code} {response.reason or ''}".rstrip()
    raise (UrlRefused if response.status_code in _REFUSED else UrlError)(message)


def _size_of_range(response: requests.Response, offset: int) -> int | None:
    """Size of the whole file as a 206 answer tells it; None where it does not. Raises UrlError where the
    range does not begin at ``offset``.
    """
    unit, _space, place = response.headers.get("Content-Range", "").partition(" ")
    span, _slash, total = place.partition("/")
    if unit != "bytes" or not span.startswith(f"{offset}-"):
        raise UrlError(f"the server sends another range than was asked for: {unit} {place}")
    return int(total) if total.isdecimal() else None


def _state_of(response: requests.Response) -> UrlState:
    headers = response.headers
    size: int | None = None
    if response.status_code == 206:
        size = _size_of_range(response, 0)
    elif response.status_code == _EMPTY:
        size = 0
    elif headers.get("Content-Length", "").isdecimal():
        size = int(headers["Content-Length"])
    is_folder = urlsplit(response.url).path.endswith("/")
    changed = change_mark(_seconds(headers.get("Last-Modified")), headers.get("ETag"))
    return UrlState(size, changed, is_folder)


def _seconds(http_date: str | None) -> float | None:
    """Seconds since 1970; None for what is no date."""
    try:
        return None if http_date is None else parsedate_to_datetime(http_date).timestamp()
    except ValueError:
        return None


def _reader(response: requests.Response) -> Callable[[int], bytes]:
    def read(length: int) -> bytes:
        with told():
            return bytes(response.raw.read(length, decode_content=False))

    return read
