"""Multipart bodies, part by part as their bytes arrive: texts in memory, larger parts in files (RFC 7578).

Any part may be a table to upload, with a ``filename`` or without one, of any media type or none: what a part
means is known only when all of them are there (`Parts`). Bytes of parts are never decoded here.
"""

from __future__ import annotations

import errno
import os
import secrets
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from vo_service.dali.errors import ErrorKind, ServiceError, usage
from vo_service.store.disk import is_full

MEMORY_BYTES = 64 << 10
"""Bytes of a part that stay in memory; a part beyond that goes to a file."""
_MEMORY_BYTES_OF_ALL = 1 << 20
_NAME_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """Bytes of a request's parameters, and of the files that come with them; values at most in a query
    string, in a body, and in the parts of one."""

    body_bytes: int
    upload_bytes: int
    values: int = 1000


class Part:
    """One part that came with a request, or a file that was kept of one.

    ``content`` is the bytes themselves, or the file that holds them. A part that owns its file removes it
    when nobody refers to the part any more, or on `close`.
    """

    def __init__(
        self,
        name: str,
        content: bytes | Path,
        size: int,
        media_type: str | None = None,
        filename: str | None = None,
        owned: bool = False,
    ) -> None:
        self.name = name
        self.content = content
        self.size = size
        self.media_type = media_type
        self.filename = filename
        self._finalizer = (
            weakref.finalize(self, content.unlink, missing_ok=True)
            if owned and isinstance(content, Path)
            else None
        )

    def open(self) -> BinaryIO:
        """The bytes, to be read from their beginning."""
        return BytesIO(self.content) if isinstance(self.content, bytes) else self.content.open("rb")

    def close(self) -> None:
        """Remove the file, where the part owns one."""
        if self._finalizer is not None:
            self._finalizer()


class Parts(Mapping[str, Part]):
    """File parts of one request by their names, which tell upper from lower case (DALI-072)."""

    def __init__(self, parts: Mapping[str, Part] | None = None) -> None:
        self._parts = dict(parts or {})

    def __getitem__(self, name: str) -> Part:
        return self._parts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)

    def close(self) -> None:
        """Remove the files of all parts."""
        for part in self._parts.values():
            part.close()


class _Growing:
    """A part while it arrives."""

    def __init__(self, place: Path) -> None:
        self.headers: dict[str, bytes] = {}
        self.name = ""
        self.filename: str | None = None
        self.media_type: str | None = None
        self.size = 0
        self._place = place
        self._memory: list[bytes] = []
        self._file: BinaryIO | None = None
        self._path: Path | None = None

    def read_headers(self) -> None:
        """Raises ServiceError for a part without a name, or in an encoding of mail."""
        disposition, options = parse_options_header(self.headers.get("content-disposition", b""))
        if disposition != b"form-data" or not options.get(b"name"):
            raise usage("A part of the multipart body has no name.")
        self.name = _decoded(options[b"name"])
        if len(self.name) > _NAME_CHARACTERS:
            raise usage(f"The name of a part is longer than {_NAME_CHARACTERS} characters.")
        if b"filename" in options:
            self.filename = _decoded(options[b"filename"])
        kind, _ = parse_options_header(self.headers.get("content-type", b""))
        self.media_type = kind.decode("latin-1") or None
        coding = self.headers.get("content-transfer-encoding", b"binary").strip().lower()
        if coding not in (b"binary", b"7bit", b"8bit"):
            raise usage(f"Part {self.name!r} is encoded for mail; send its bytes as they are.")

    def put(self, piece: bytes, memory_bytes: int) -> None:
        self.size += len(piece)
        if self._file is None and self.size > memory_bytes:
            self._path = new_path(self._place, "part")
            self._file = os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
            self._file.writelines(self._memory)
            self._memory.clear()
        if self._file is None:
            self._memory.append(piece)
        else:
            self._file.write(piece)

    def done(self) -> Part:
        if self._file is None or self._path is None:
            content = b"".join(self._memory)
            return Part(self.name, content, self.size, self.media_type, self.filename)
        self._file.close()
        return Part(self.name, self._path, self.size, self.media_type, self.filename, owned=True)

    def drop(self) -> None:
        if self._file is not None and self._path is not None:
            self._file.close()
            self._path.unlink(missing_ok=True)


class PartReader:
    """Reads one multipart body: `feed` its bytes as they come, then `finish`; `drop` after an error.

    Files are made in the directory ``place``. All methods raise ServiceError: 400 for what is no multipart
    body, 413 beyond a limit, 503 where the disk is full.
    """

    def __init__(self, content_type: str, limits: BodyLimits, place: Path) -> None:
        _, options = parse_options_header(content_type.encode("latin-1", "replace"))
        if not options.get(b"boundary"):
            raise usage("The Content-Type of the multipart body names no boundary.")
        self._limits = limits
        self._place = place
        self._parts: list[Part] = []
        self._growing: _Growing | None = None
        self._ended = False
        self._field = self._value = b""
        self._bytes = self._bytes_in_memory = 0
        try:
            self._parser = MultipartParser(
                options[b"boundary"],
                {
                    "on_part_begin": self._begin_part,
                    "on_header_field": self._take_field,
                    "on_header_value": self._take_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._end_headers,
                    "on_part_data": self._take_data,
                    "on_part_end": self._end_part,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise usage("The boundary of the multipart body is too long.") from error

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the body."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise usage("The multipart body cannot be read.", str(error)) from error
        except OSError as error:
            raise out_of_room(error) from error

    def finish(self) -> list[Part]:
        """All parts in their order, after the last bytes."""
        if not self._ended:
            raise usage("The multipart body ends before its last boundary.")
        return self._parts

    def drop(self) -> None:
        """Remove the files that were made."""
        if self._growing is not None:
            self._growing.drop()
        for part in self._parts:
            part.close()

    def _begin_part(self) -> None:
        most = self._limits.values
        if len(self._parts) == most:
            raise usage(f"There are more than {most} parts in the body.")
        self._growing = _Growing(self._place)

    def _take_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _take_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._part.headers[self._field.decode("latin-1").lower()] = self._value
        self._field = self._value = b""

    def _end_headers(self) -> None:
        self._part.read_headers()

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        self._bytes += end - start
        most = self._limits.body_bytes + self._limits.upload_bytes
        if self._bytes > most:
            raise ServiceError(
                ErrorKind.BODY_TOO_LARGE, f"The request's body is above the limit of {most} bytes."
            )
        left = _MEMORY_BYTES_OF_ALL - self._bytes_in_memory
        self._part.put(data[start:end], min(MEMORY_BYTES, left))

    def _end_part(self) -> None:
        part = self._part.done()
        if isinstance(part.content, bytes):
            self._bytes_in_memory += part.size
        self._parts.append(part)
        self._growing = None

    def _end(self) -> None:
        self._ended = True

    @property
    def _part(self) -> _Growing:
        assert self._growing is not None
        return self._growing


def new_path(place: Path, kind: str) -> Path:
    """A name for a file that does not last, in a directory that is there then."""
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    return place / f"{kind}-{secrets.token_hex(8)}"


def _decoded(name: bytes) -> str:
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError as error:
        raise usage("The name of a part is not UTF-8 text.") from error


def out_of_room(error: OSError) -> ServiceError:
    """What is said of a disk that has no room for uploads (503). Raises any other error as it is."""
    if is_full(error) or error.errno == errno.EFBIG:  # the process may have a limit of its own
        return ServiceError(ErrorKind.UNAVAILABLE, "There is no room for uploads at the moment.")
    raise error
