"""Files that fsspec can reach: objects of s3 buckets first of all, by whatever driver is installed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BufferedReader
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import fsspec
from fsspec.core import url_to_fs

from vo_service.pixels.streams import SMALL_READ, Ranges
from vo_service.pixels.urls import CONNECT_SECONDS, READ_SECONDS, TRIES, UrlError, UrlState, change_mark, told

_WAITING = {
    "connect_timeout": CONNECT_SECONDS,
    "read_timeout": READ_SECONDS,
    "retries": {"max_attempts": TRIES},
}
_OPTIONS: Mapping[str, dict[str, Any]] = {"s3": {"use_listings_cache": False, "config_kwargs": _WAITING}}
_TIME_KEYS = ("LastModified", "last_modified", "updated", "modified", "mtime", "created")
_TAG_KEYS = ("ETag", "etag", "md5Hash")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A file that fsspec can reach, of which ``size`` may be known."""

    url: str
    name: str
    size: int | None = None

    def open(self) -> BinaryIO:
        """The object, asked for in pieces as it is read."""
        size = self.size if self.size is not None else look_up_object(self.url).size
        if size is None:
            raise UrlError("the store does not tell the size of the file")
        return BufferedReader(Ranges(self.read_at, size), SMALL_READ)

    def read_at(self, offset: int, length: int) -> bytes:
        """A piece of the object."""
        if length <= 0:
            return b""
        with told():
            system, path = _reach(self.url)
            return bytes(system.cat_file(path, start=offset, end=offset + length))

    def state(self) -> tuple[object, ...]:
        """Size and time of change as the store tells them now."""
        now = look_up_object(self.url)
        return (now.size, now.modified_ns)


def check_driver(url: str) -> None:
    """Raises ImportError or ValueError, which say what is missing, where no driver takes such a URL."""
    _reach(url)


def look_up_object(url: str) -> UrlState:
    """What the store says of an object or folder. Raises OSError."""
    with told():
        system, path = _reach(url)
        return _state_of(system.info(path))


def list_folder(url: str) -> Iterator[tuple[str, UrlState]]:
    """Names in a folder, in their order, with what the store says of each. Raises OSError."""
    with told():
        system, path = _reach(url)
        entries = system.ls(path, detail=True)
    here = path.rstrip("/")
    for entry in sorted(entries, key=lambda entry: str(entry["name"])):
        full = str(entry["name"]).rstrip("/")
        if full != here:  # some stores list a folder among what it holds
            yield full.rpartition("/")[2], _state_of(entry)


def _reach(url: str) -> tuple[fsspec.AbstractFileSystem, str]:
    system, path = url_to_fs(url, **_OPTIONS.get(urlsplit(url).scheme, {}))
    return system, path


def _state_of(info: Mapping[str, Any]) -> UrlState:
    changed = next((info[key] for key in _TIME_KEYS if info.get(key) is not None), None)
    if isinstance(changed, datetime):
        changed = (changed if changed.tzinfo else changed.replace(tzinfo=UTC)).timestamp()
    tag = next((str(info[key]) for key in _TAG_KEYS if info.get(key)), None)
    seconds = float(changed) if isinstance(changed, int | float) else None
    return UrlState(info.get("size"), change_mark(seconds, tag), info.get("type") == "directory")
