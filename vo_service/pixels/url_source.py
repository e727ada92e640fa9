"""Files behind URLs: http and https by requests of our own, every other scheme through fsspec.

Paths below a URL are plain names, as below a directory. What stands in a URL of http is percent-encoded:
it is decoded where a path comes in, and encoded again where the file is asked for. Other schemes encode
nothing.
"""

from __future__ import annotations

from urllib.parse import quote, unquote, urlsplit

from vo_service.pixels.http_source import HttpFile, look_up_http
from vo_service.pixels.object_source import StoredObject, look_up_object
from vo_service.pixels.sources import ByteSource
from vo_service.pixels.urls import UrlError, UrlState
from vo_service.shown_names import holds_controls, shown_name


def is_http(url: str) -> bool:
    """Whether a URL is one of http or https."""
    return urlsplit(url).scheme in {"http", "https"}


def source_behind(url: str, size: int | None) -> ByteSource:
    """The file behind a URL, of which ``size`` (bytes) is already known, or None."""
    written = url.partition("?")[0].rpartition("/")[2]
    if is_http(url):
        return HttpFile(url, shown_name(unquote(written)), size)
    return StoredObject(url, shown_name(written), size)


def look_up(url: str) -> UrlState:
    """What the server says of the file behind a URL. Raises OSError."""
    return look_up_http(url) if is_http(url) else look_up_object(url)


def join_url(directory: str, path: str, query: str | None = None) -> str:
    """The URL of the plain ``path`` below the URL ``directory`` (without a ``/`` at its end)."""
    written = quote(path, safe="/") if is_http(directory) else path
    return f"{directory}/{written}" if query is None else f"{directory}/{written}?{query}"


def plain_path(url: str, written: str) -> str:
    """The plain path of what is ``written`` in, or below, the URL. Raises UrlError for one with names that no
    file can have: with a ``/`` or a control character in them, or that lead upwards.
    """
    parts = written.split("/")
    if is_http(url):
        try:
            parts = [unquote(part, errors="strict") for part in parts]
        except UnicodeDecodeError as error:
            raise UrlError("a name that is not UTF-8 once it is decoded") from error
    if any("/" in name or name in (".", "..") for name in parts):
        raise UrlError("a name that leads to another folder once it is decoded")
    if any(map(holds_controls, parts)):
        raise UrlError("a name with control characters in it")
    return "/".join(parts)
