"""The maps of the build that is served, as far as they may be shown, and their files."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from hips.mocs.errors import MocError
from hips.mocs.kept import Build, Builds
from hips.mocs.names import HOLDINGS, Dimension, Name
from hips.mocs.writing import Form as MapForm
from hips.mocs.writing import Label, write_map
from vo_service import __version__
from vo_service.access import Rights
from vo_service.asking.uploads import check_of
from vo_service.dali.current import Current
from vo_service.dali.errors import ErrorKind, ServiceAway, ServiceError
from vo_service.dali.streams import Cancellation, Work
from vo_service.engines import Engine
from vo_service.moc.kept_maps import KeptBySize
from vo_service.moc.map_gate import MapGate
from vo_service.moc.map_names import MapPlace
from vo_service.moc.map_request import MapRequest

_log = logging.getLogger(__name__)

_KEPT_BYTES: Final = 64 << 20
_AGAIN: Final = "3600"  # seconds: nobody here knows when the next run is


@dataclass(frozen=True, slots=True)
class FoundMap:
    """A map of a build, and the form that its address ends with."""

    build: Build
    name: Name
    dimension: Dimension
    ending: MapForm | None

    def written(self, request: MapRequest, authority: str, check: Callable[[], None]) -> bytes:
        """The bytes of its file; ``check`` is called now and then, and ends the work by raising."""
        check()
        one = self.build.moc(self.name, self.dimension)
        assert one is not None  # its name is one of those of the build
        check()
        one = request.applied(one)
        check()
        covered = f"ivo://{authority}/obs" if self.name == HOLDINGS else None
        label = Label(" ".join(self.name).upper(), covered, f"ivo://{authority}", self.build.made)
        return write_map(one, request.form, label)


@dataclass(frozen=True, slots=True)
class BuiltFile:
    """A map as a file, made or to be made: its bytes where they are kept, its strong entity tag, and when its
    build was made (UTC, whole seconds)."""

    content: bytes | None
    etag: str
    modified: datetime
    _map: FoundMap
    _request: MapRequest
    _authority: str
    _kept: KeptBySize[bytes]

    def work(self, seconds: float) -> Work:
        """What makes the bytes, in one piece, within so many seconds or not at all."""
        return partial(self._pieces, seconds)

    def _pieces(self, seconds: float, cancellation: Cancellation) -> Generator[bytes, None, None]:
        check = check_of(cancellation, time.monotonic() + seconds)
        content = self._map.written(self._request, self._authority, check)
        self._kept.keep(self.etag, content, len(content))
        yield content


class BuiltMaps:
    """Finds maps by their names. Safe to use from many threads; its methods may block."""

    def __init__(self, builds: Builds, gate: MapGate, authority: Callable[[], str]) -> None:
        self._builds = builds
        self._gate = gate
        self._authority = authority
        self._kept: KeptBySize[bytes] = KeptBySize(_KEPT_BYTES)

    def current(self) -> Build | None:
        """The build that is served; None where there is none yet. Raises ServiceAway where it cannot be
        read."""
        try:
            return self._builds.current()
        except MocError as error:
            _log.error("coverage maps cannot be read: %s", error)
            raise ServiceAway("The coverage maps of this service cannot be read at present.") from error

    def refused(self, build: Build) -> frozenset[Name]:
        """The maps of a build that are not shown now. Raises ServiceAway where that cannot be told."""
        return self._gate.refused(build)

    def whole(self) -> Build | None:
        """The build, where its map of the whole may be shown now. Raises as `refused`."""
        build = self.current()
        return None if build is None or HOLDINGS in self.refused(build) else build

    def find(self, place: MapPlace) -> FoundMap:
        """The map that an address names. Raises ServiceError: 404 where there is none, 400 for an ending that
        is no form, 503 for one that is not shown now."""
        build = self.current()
        if build is None:
            raise no_build()
        known = frozenset(build.names())
        name, ending = place.named(known.__contains__)
        if name in self.refused(build):
            raise _made_anew()
        return FoundMap(build, name, place.dimension, ending)

    def file(self, found: FoundMap, request: MapRequest) -> BuiltFile:
        """The file of a map in the form that is wanted; nothing is made yet."""
        build, authority = found.build, self._authority()
        state = (build.digest(found.name), build.made, found.name, found.dimension, request, authority)
        tag = hashlib.blake2b(repr((*state, __version__)).encode(), digest_size=12).hexdigest()
        etag = f'"{tag}"'
        made = build.made.astimezone(UTC).replace(microsecond=0)
        return BuiltFile(self._kept.find(etag), etag, made, found, request, authority, self._kept)


def no_build() -> ServiceError:
    """Nothing was built yet."""
    return ServiceError(
        ErrorKind.NOT_FOUND,
        "There are no coverage maps of the holdings yet.",
        "The operator makes them with `vo-service moc`.",
    )


def _made_anew() -> ServiceError:
    return ServiceError(
        ErrorKind.UNAVAILABLE,
        "This map is being made anew: it shows outlines of data that are not public at present.",
        "It is back when the operator has run `vo-service moc`.",
        headers={"Retry-After": _AGAIN},
    )


def open_built_maps(
    home: Path,
    current: Current[Engine],
    newest: Callable[[], int | None],
    rights: Rights,
    clock: Callable[[], datetime],
    authority: Callable[[], str],
) -> BuiltMaps:
    """The maps below a home directory. Which of them may be shown is decided by the ``current`` snapshot,
    whose number ``newest`` tells or raises StoreError, and by the ``clock``; ``authority`` may block."""
    return BuiltMaps(Builds(home), MapGate(current, newest, rights, clock), authority)
