"""Files of a job as answers: the same bytes each time, with ranges and conditions, so that clients resume."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.dali.sending import LocalBytes, Sendable, send_stored

_WORD = r"[A-Za-z0-9!#$&^_.+-]+"
_MEDIA_TYPE = re.compile(rf'{_WORD}/{_WORD}(?:\s*;\s*{_WORD}=(?:{_WORD}|"[A-Za-z0-9 ._+/-]*"))*')
_UNKNOWN = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class JobFile:
    """A file of a job: ``etag`` with its quotes, ``modified`` UTC, ``name`` for those who save it."""

    path: Path
    media_type: str | None
    size: int
    etag: str
    modified: datetime | None
    name: str


def open_file(file: JobFile) -> LocalBytes:
    """The bytes of a job's file. May block. Raises ServiceError: 404 where it is gone with its job, 503 where
    it cannot be read."""
    try:
        return LocalBytes(os.open(file.path, os.O_RDONLY | os.O_CLOEXEC), 0, file.size)
    except FileNotFoundError as error:
        raise ServiceError(ErrorKind.NOT_FOUND, "The job has no such file, or no longer.") from error
    except OSError as error:
        raise ServiceError(ErrorKind.UNAVAILABLE, "The file cannot be read at present.") from error


def file_reply(request: Request, file: JobFile, handle: LocalBytes, disposition: str) -> Response:
    """The answer to a GET or HEAD of an open file, which it closes; ``disposition``: inline or attachment."""
    modified = None if file.modified is None else file.modified.replace(microsecond=0)
    headers: Mapping[str, str] = {
        "Content-Disposition": f"{disposition}; filename={_quoted(file.name)}",
        "Cache-Control": "no-cache",  # the right to it is asked each time; the ETag saves the bytes
    }
    stored = Sendable(handle, file.size, file.etag, modified, _media_type(file.media_type))
    return send_stored(request, stored, headers)


def _quoted(name: str) -> str:
    """The name of a result as a header has it; it is ours, and holds no quotes."""
    return name if re.fullmatch(_WORD, name) else f'"{name}"'


def _media_type(told: str | None) -> str:
    """A media type that can stand in a header: clients name those of their own files."""
    return told if told is not None and _MEDIA_TYPE.fullmatch(told) else _UNKNOWN
