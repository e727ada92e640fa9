"""Files read one after the other as if they were one: of thousands one is open at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from vo_service.dali.errors import ServiceError
from vo_service.dali.sending import OpenBytes
from vo_service.holdings.read import is_as_found
from vo_service.pixels.cutout.plan import SourceChanged
from vo_service.pixels.packed_tars import PackedMember
from vo_service.products.digests import Digests
from vo_service.products.opened import Demand, StreamedBytes
from vo_service.products.shelf import Roots, Shelf
from vo_service.products.stored import OpenSource, StoredFile

_BLOCK: Final = 1 << 20
_STATELESS: Final = -1  # a time of change that says nothing


@dataclass(slots=True)
class _Open:
    """The file that is open, how its bytes are read, and the digest of those that came so far from its start,
    None where that is known or some were left out."""

    file: StoredFile
    opened: OpenSource
    reader: OpenBytes
    digest: Any = None  # hashlib names no type for it
    digested: int = 0
    is_far: bool = field(default=False)
    read_since: bool = False


class FileReader:
    """Reads files of the shelf, by one thread at a time; whoever reads has asked the gate.

    A file is opened in the state in which it was ingested or not at all, and looked at again after each piece
    that was read of it, before that is handed out; one of another server behind its last piece. Members of a
    packed tar that follow each other in it share one pass.
    """

    def __init__(self, shelf: Shelf, digests: Digests, known: Mapping[str, str] | None = None) -> None:
        """``known``: digests by product_id that need not be asked for."""
        self._shelf = shelf
        self._digests = digests
        self._roots: Roots | None = None
        self._open: _Open | None = None
        self._made: dict[str, str] = dict(known or {})
        self._demand = Demand()

    def read_at(self, file: StoredFile, offset: int, length: int) -> bytes | memoryview:
        """Exactly that part of a file. Raises SourceChanged where it is not what was ingested (any more),
        NobodyWaits while it is on the way there behind `leave`, and OSError."""
        current = self._opened(file)
        current.read_since = True
        part = self._taken(current, offset, length)
        self._digest(current, offset, part)
        is_last = offset + length >= file.found.size_bytes
        if current.is_far:
            if is_last:
                self.confirm()
        elif not is_as_found(file.found, current.opened.source):
            raise _changed(file)
        if is_last:
            self._keep_digest(current)
        return part

    def digest(self, file: StoredFile) -> str:
        """SHA-256 (hexadecimal) of a file: of what was read of it here, else as it is known, else of its
        bytes, which are read for that, by one at a time of all who need it. Raises as `read_at`."""
        made = self.digest_at_hand(file)
        if made is not None:
            return made
        with self._digests.turn(file, lambda: self._demand.is_over):
            self._demand.require()
            return self.digest_at_hand(file) or self._read_digest(file)

    def leave(self) -> None:
        """Nobody waits any more: what is read for a digest alone, or passed over in a packed tar, is read no
        further. Of other threads than that which reads."""
        self._demand.end()

    def has_digest(self, file: StoredFile) -> bool:
        """Whether it is known here, with nobody to be asked."""
        return file.sha256 is not None or file.product_id in self._made

    def digest_at_hand(self, file: StoredFile) -> str | None:
        """The same where nothing has to be read for it, else None."""
        return self._made.get(file.product_id) or self._digests.known(file)

    def confirm(self) -> None:
        """A file of another server that is open is still as it was. Raises SourceChanged, and OSError."""
        current = self._open
        if current is None or not current.is_far or not current.read_since:
            return
        if not is_as_found(current.file.found, current.opened.source):
            raise _changed(current.file)
        current.read_since = False

    def close(self) -> None:
        """Nothing is open any more."""
        current, self._open = self._open, None
        if current is None:
            return
        current.reader.close()
        if isinstance(current.opened.source, PackedMember):
            current.opened.source.tar.close()
        current.opened.close()

    def _read_digest(self, file: StoredFile) -> str:
        self.confirm()
        self.close()  # it may stand in the middle
        size = file.found.size_bytes
        current = self._opened(file)
        current.digest, current.digested = hashlib.sha256(), 0  # though another has kept it by now
        for offset in range(0, size, _BLOCK):
            self._demand.require()
            self.read_at(file, offset, min(_BLOCK, size - offset))
        self._keep_digest(current)  # of an empty file
        return self._made[file.product_id]

    def _opened(self, file: StoredFile) -> _Open:
        current = self._open
        if current is not None and current.file.product_id == file.product_id:
            return current
        self.confirm()  # what was read of the one before, and will not be read on
        shared = None if current is None else _within_the_same_tar(current, file)
        if current is not None and shared is not None:
            opened, is_far = shared, current.is_far
        else:
            self.close()
            try:
                if self._roots is None:
                    self._roots = self._shelf.roots()
                opened = self._shelf.open_source(file, self._roots)
            except ServiceError as error:
                raise SourceChanged(error.message) from error
            is_far = opened.held is None
        digest = None if self.digest_at_hand(file) else hashlib.sha256()
        self._demand.watch(opened.source)
        self._open = _Open(file, opened, _reader_of(opened, self._demand), digest, is_far=is_far)
        return self._open

    def _taken(self, current: _Open, offset: int, length: int) -> bytes | memoryview:
        part = current.reader.read_at(offset, length)
        if len(part) == length:
            return part
        parts = [bytes(part)]
        while part and sum(map(len, parts)) < length:
            done = sum(map(len, parts))
            part = current.reader.read_at(offset + done, length - done)
            parts.append(bytes(part))
        whole = b"".join(parts)
        if len(whole) < length:
            raise SourceChanged(f"{current.file.name} ends before its byte {offset + length}")
        return whole

    def _digest(self, current: _Open, offset: int, part: bytes | memoryview) -> None:
        if current.digest is None:
            return
        if offset != current.digested:
            current.digest = None
            return
        current.digest.update(part)
        current.digested += len(part)

    def _keep_digest(self, current: _Open) -> None:
        """Remember the digest of a file that was read whole and confirmed."""
        file = current.file
        if current.digest is None or current.digested != file.found.size_bytes:
            return
        sha256 = current.digest.hexdigest()
        current.digest = None
        self._made[file.product_id] = sha256
        if file.found.modified_ns != _STATELESS:
            self._digests.keep(file, sha256)


def _reader_of(opened: OpenSource, demand: Demand) -> OpenBytes:
    if opened.held is not None and opened.source is opened.held:
        return _Pieces(opened)
    if isinstance(opened.source, PackedMember):
        return _Pieces(opened)
    return StreamedBytes(opened.source, demand=demand)


@dataclass(slots=True)
class _Pieces:
    """A source that gives pieces itself."""

    opened: OpenSource

    def read_at(self, offset: int, length: int) -> bytes:
        return self.opened.source.read_at(offset, length)

    def close(self) -> None:
        """Whoever opened it closes it."""


def _within_the_same_tar(current: _Open, file: StoredFile) -> OpenSource | None:
    """A member of the packed tar that is open, where it has not been passed yet."""
    source, before, found = current.opened.source, current.file.found, file.found
    if not isinstance(source, PackedMember) or found.packing is None:
        return None
    same = (before.root, before.container, before.packing, before.modified_ns, before.query)
    if same != (found.root, found.container, found.packing, found.modified_ns, found.query):
        return None
    member = PackedMember(source.tar, found.offset or 0, found.size_bytes, file.name)
    return OpenSource(member, current.opened.held, current.opened.far)


def _changed(file: StoredFile) -> SourceChanged:
    return SourceChanged(f"{file.name} has changed since it was ingested")
