"""What is common to all that lies behind a URL: what its server says of it, and what may go wrong.

An error names its reason, never the URL: that may say more than a log should.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import requests
import urllib3

CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
TRIES = 3
MOST_REDIRECTS = 10
_TIMEOUTS = (TimeoutError, requests.exceptions.Timeout, urllib3.exceptions.TimeoutError)


class UrlError(OSError):
    """What is behind a URL cannot be read; the text says why."""


class UrlRefused(PermissionError):
    """The server wants to know who asks, or has refused."""


@dataclass(frozen=True, slots=True)
class UrlState:
    """What a server says of a file: bytes, and time of change (nanoseconds since 1970, as of
    :func:`change_mark`). ``is_folder``: it is none, but holds some."""

    size: int | None
    modified_ns: int
    is_folder: bool = False


def change_mark(seconds: float | None, tag: str | None) -> int:
    """What tells two states of a file apart: the time of change in nanoseconds since 1970 where a server
    tells it in ``seconds``, else a negative number made from its entity ``tag``, -1 without either.
    """
    if seconds is not None and seconds > 0:
        return round(seconds * 1_000_000) * 1000
    if tag is None:
        return -1
    return -2 - int.from_bytes(hashlib.blake2b(tag.encode(), digest_size=7).digest())


@contextmanager
def told(*passed: type[Exception]) -> Iterator[None]:
    """Errors of the libraries below as OSErrors that say why; those of the classes ``passed`` go through."""
    through: tuple[type[Exception], ...] = (UrlError, UrlRefused, *passed)
    try:
        yield
    except through:
        raise
    except requests.exceptions.SSLError as error:
        raise UrlError(f"no safe connection (TLS): {_reason(error)}") from error
    except requests.exceptions.TooManyRedirects as error:
        raise UrlError(f"the server leads on more than {MOST_REDIRECTS} times") from error
    except (requests.exceptions.RequestException, TimeoutError) as error:
        inner = _innermost(error)
        if isinstance(inner, _TIMEOUTS) and not isinstance(inner, urllib3.exceptions.NewConnectionError):
            waited = f"{CONNECT_SECONDS:g} s to connect, {READ_SECONDS:g} s for data"
            raise UrlError(f"the server did not answer in time ({waited})") from error
        raise UrlError(f"no connection: {_reason(error)}") from error
    except urllib3.exceptions.HTTPError as error:
        raise UrlError(f"the connection broke off: {_reason(error)}") from error
    except FileNotFoundError as error:
        raise UrlError("there is nothing of this name") from error
    except PermissionError as error:
        raise UrlRefused("the store refuses to show it") from error
    except OSError as error:
        raise UrlError(_reason(error)) from error
    except _driver_errors() as error:  # asked for here: the first use loads the driver
        raise UrlError(_reason(error)) from error


def _driver_errors() -> tuple[type[BaseException], ...]:
    """Errors of drivers of fsspec that are no OSErrors, of those drivers that are in use."""
    found: list[type[BaseException]] = []
    for module, name in (("botocore.exceptions", "BotoCoreError"), ("aiohttp", "ClientError")):
        if module in sys.modules:
            found.append(getattr(sys.modules[module], name))
    return tuple(found)


def _innermost(error: BaseException) -> BaseException:
    """The error that others were made of."""
    while True:
        inner = getattr(error, "reason", None)
        if not isinstance(inner, BaseException):
            inner = next((each for each in error.args if isinstance(each, BaseException)), None)
        if inner is None:
            return error
        error = inner


def _reason(error: BaseException) -> str:
    """The innermost reason, in one line, without the addresses of objects in memory."""
    error = _innermost(error)
    text = str(getattr(error, "strerror", None) or error).partition("\n")[0]
    return text.partition(": ")[2] if "object at 0x" in text.partition(": ")[0] else text
