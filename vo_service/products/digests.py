"""SHA-256 of files for ``Repr-Digest`` (RFC 9530): known from the ingest, or computed once and kept in the
catalogue for all workers.

Of the others a small one is digested before its first answer. A large one would keep the client waiting, so
its first answers go without, while the digest is made behind them; a client that insists waits for it
(``Want-Repr-Digest: sha-256=1``).
"""

from __future__ import annotations

import base64
import hashlib
import logging
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from vo_service.dali.sending import LocalBytes, OpenBytes
from vo_service.products.stored import StoredFile
from vo_service.store import Catalogue, StoreError

_log = logging.getLogger(__name__)

_BLOCK = 1 << 20
_REMEMBERED = 10_000  # digests in memory; beyond, the catalogue is asked again
_SOON_MADE = 1 << 20  # bytes
_GLANCE_SECONDS = 0.1  # between two looks whether anybody still waits
_Key = tuple[str, int, int, int]


class Digests:
    """Digests of files, known or yet to be made. Safe to use from many threads."""

    def __init__(self, catalogue: Catalogue, at_once_bytes: int) -> None:
        self._catalogue = catalogue
        self._at_once_bytes = at_once_bytes
        self._known: dict[_Key, str] = {}
        self._making: set[_Key] = set()
        self._lock = threading.Lock()
        self._read_now: set[_Key] = set()
        self._read = threading.Condition()
        self._is_closed = False
        self._behind = ThreadPoolExecutor(1, thread_name_prefix="digest")

    def close(self) -> None:
        """End the work behind; what was not begun is left."""
        self._is_closed = True
        self._behind.shutdown(wait=False, cancel_futures=True)

    def header(self, file: StoredFile, opened: OpenBytes, insisted: bool) -> str | None:
        """The value of Repr-Digest, or None while it is not known. Reads the file itself only where it, or
        the tar that it is a part of, is one of this machine.
        """
        sha256 = self.known(file)
        if sha256 is None and isinstance(opened, LocalBytes):
            if insisted or opened.size <= self._at_once_bytes:
                sha256 = self._make_in_turn(file, opened)
            if sha256 is None:
                self._make_behind(file, opened)
        if sha256 is None:
            return None
        return f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode('ascii')}:"

    def known(self, file: StoredFile) -> str | None:
        """The digest of a file (hexadecimal), None while nobody has made it. Nothing of the file is read."""
        return file.sha256 or self._find(_key(file))

    def known_of(self, files: Iterable[StoredFile]) -> dict[str, str]:
        """The digests of those files of which they are known, by product_id, the catalogue being asked for
        many at a time."""
        files = list(files)
        keys = {file.product_id: _key(file) for file in files}
        found = {file.product_id: file.sha256 for file in files if file.sha256 is not None}
        with self._lock:
            found |= {name: self._known[key] for name, key in keys.items() if key in self._known}
        missing = [name for name in keys if name not in found]
        try:
            kept = self._catalogue.find_digests(missing) if missing else {}
        except StoreError as error:
            _log.warning("digests not read reason=%s", error)
            return found
        return found | {name: kept[keys[name]] for name in missing if keys[name] in kept}

    def keep(self, file: StoredFile, sha256: str) -> None:
        """Remember the digest (hexadecimal) of a file that somebody has read whole, in the state in which it
        was ingested; that of a small one, which is soon made again, in this process alone."""
        key = _key(file)
        self._remember(key, sha256)
        if file.found.size_bytes > _SOON_MADE:
            self._keep(key, sha256)

    @contextmanager
    def turn(self, file: StoredFile, is_left: Callable[[], bool]) -> Iterator[None]:
        """One at a time for each file: whoever has to read it whole for its digest looks within the block
        whether another has done that meanwhile. It waits until ``is_left`` at most."""
        key = _key(file)
        with self._read:
            while key in self._read_now and not is_left():
                self._read.wait(_GLANCE_SECONDS)
            is_mine = key not in self._read_now
            self._read_now.add(key)
        try:
            yield
        finally:
            if is_mine:
                with self._read:
                    self._read_now.discard(key)
                    self._read.notify_all()

    def _find(self, key: _Key) -> str | None:
        with self._lock:
            known = self._known.get(key)
        if known is None and (known := self._kept(key)) is not None:
            self._remember(key, known)
        return known

    def _kept(self, key: _Key) -> str | None:
        try:
            return self._catalogue.find_digest(*key)
        except StoreError as error:  # a file can be sent without, or its digest be made anew
            _log.warning("digest not read product=%s reason=%s", key[0], error)
            return None

    def _remember(self, key: _Key, sha256: str) -> None:
        with self._lock:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = sha256

    def _make_in_turn(self, file: StoredFile, opened: LocalBytes) -> str | None:
        """The digest that another has made meanwhile, else as `_make`; None once the service closes."""
        key = _key(file)
        with self.turn(file, lambda: self._is_closed):
            with self._lock:
                known = self._known.get(key)
            return known if known or self._is_closed else self._make(key, opened)

    def _make(self, key: _Key, opened: LocalBytes) -> str | None:
        """Read the whole file. None where it changed meanwhile; such a digest would be of no state at all."""
        summed = hashlib.sha256()
        offset = 0
        while block := opened.read_at(offset, _BLOCK):
            summed.update(block)
            offset += len(block)
        if os.fstat(opened.descriptor).st_mtime_ns != key[3] or offset != key[2]:
            return None
        sha256 = summed.hexdigest()
        self._remember(key, sha256)
        self._keep(key, sha256)
        return sha256

    def _keep(self, key: _Key, sha256: str) -> None:
        try:
            self._catalogue.keep_digest(*key, sha256)
        except StoreError as error:  # the digest is right even where it cannot be kept
            _log.warning("digest not kept product=%s reason=%s", key[0], error)

    def _make_behind(self, file: StoredFile, opened: LocalBytes) -> None:
        key = _key(file)
        with self._lock:
            if key in self._making:
                return
            self._making.add(key)
        own = opened.copy()

        def work() -> None:
            try:
                self._make_in_turn(file, own)
            except OSError as error:
                _log.warning("digest not made product=%s reason=%s", key[0], error)
            finally:
                own.close()
                with self._lock:
                    self._making.discard(key)

        try:
            self._behind.submit(work)
        except RuntimeError:  # the service is closing
            own.close()


def _key(file: StoredFile) -> _Key:
    return (file.product_id, file.version, file.found.size_bytes, file.found.modified_ns)


def insists(want_repr_digest: str | None) -> bool:
    """Whether a Want-Repr-Digest header asks for sha-256 (a preference above 0)."""
    found = re.search(r"(?:^|,)\s*sha-256\s*=\s*0*([1-9]?)", want_repr_digest or "", re.ASCII)
    return found is not None and found[1] != ""
