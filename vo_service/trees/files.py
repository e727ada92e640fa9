"""Files of a tree, opened without ever leaving it, and what is sent of them."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from starlette.requests import Request

from vo_service.dali.compression import takes_gzip
from vo_service.dali.conditions import Verdict, judge
from vo_service.dali.sending import KnownBytes, LocalBytes, OpenBytes, Sendable

_AT_ONCE: Final = 4 << 20
"""Files up to this size are read as a whole in the thread that opened them; all larger ones are streamed."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What of a request decides on the bytes that are sent."""

    method: str
    headers: Mapping[str, str]
    takes_gzip: bool

    @classmethod
    def of(cls, request: Request) -> Asked:
        """Of a request."""
        accepted = request.headers.get("accept-encoding", "")
        return cls(request.method, request.headers, takes_gzip(accepted))

    def wants(self, etag: str, modified: datetime | None) -> bool:
        """Whether bytes of this state are sent, as far as conditions go."""
        return judge(self.headers, etag, modified, self.method) is Verdict.SEND


@dataclass(frozen=True, slots=True)
class Content:
    """What is sent, and the headers that say how it is packed."""

    sendable: Sendable
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file that is open, and the state that it is in: ``mark`` changes with its bytes and is the same in
    each build that has taken it over."""

    descriptor: int
    size: int
    modified: datetime
    mark: str

    def read(self) -> bytes:
        """All of it, and close it. Raises OSError."""
        with os.fdopen(self.descriptor, "rb", buffering=0) as opened:
            return opened.read()

    def close(self) -> None:
        """Nothing is read of it."""
        os.close(self.descriptor)


def open_below(root: Path, path: Path) -> OpenFile:
    """A file below ``root``, which has no links in it.

    Raises OSError: FileNotFoundError where there is none, or it leads out of the tree, or is no plain file.
    """
    real = os.path.realpath(path, strict=True)
    if not real.startswith(f"{root}{os.sep}"):
        raise FileNotFoundError(2, "it leads out of the tree", path.name)
    # O_NOFOLLOW refuses a link that was put there since, O_NONBLOCK one to a pipe
    descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode):
        os.close(descriptor)
        raise FileNotFoundError(2, "it is no plain file", path.name)
    modified = datetime.fromtimestamp(state.st_mtime_ns // 10**9, UTC)
    mark = f"{state.st_ino}|{state.st_mtime_ns}|{state.st_size}"
    return OpenFile(descriptor, state.st_size, modified, mark)


def as_it_is(asked: Asked, file: OpenFile, media_type: str, etag: str) -> Sendable:
    """A file, of which nothing is read that is not sent. It is closed, or handed on."""
    sends = asked.method == "GET" and asked.wants(etag, file.modified)
    handle: OpenBytes = KnownBytes(b"")
    if sends and file.size > _AT_ONCE:
        handle = LocalBytes(file.descriptor, 0, file.size)
    elif sends:
        handle = KnownBytes(file.read())
    else:
        file.close()
    return Sendable(handle, file.size, etag, file.modified, media_type)


def made_of(
    asked: Asked, file: OpenFile, media_type: str, etag: str, make: Callable[[bytes], bytes]
) -> Sendable:
    """What is made of the bytes of a file, where it is sent: to HEAD too, for it tells the length."""
    content = b""
    if asked.wants(etag, file.modified):
        content = make(file.read())
    else:
        file.close()
    return Sendable(KnownBytes(content), len(content), etag, file.modified, media_type)


def made_here(content: bytes, media_type: str, modified: datetime | None) -> Sendable:
    """A document that is held; ``modified`` is None where its bytes change with more than their file."""
    return Sendable(KnownBytes(content), len(content), entity_tag(content), modified, media_type)


def entity_tag(*state: str | bytes) -> str:
    """A strong entity tag for a state (RFC 9110, 8.8.3)."""
    digest = hashlib.blake2b(digest_size=12)
    for part in state:
        digest.update(part.encode() if isinstance(part, str) else part)
        digest.update(b"\0")
    return f'"{digest.hexdigest()}"'
