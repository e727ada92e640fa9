"""Building coverage maps: beside those that are served, from the units of these that are what they were.

A run reads all rows, but makes only those units again of which the rows say something else than before, and
of the maps of bands, years and the whole only those that have such a unit. A build gets its number when it is
on the disk, and then the pointer is replaced: killed at any moment, a run leaves the maps as they were, and
at most a directory that the next run clears away.
"""

from __future__ import annotations

import json
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from hips.mocs.drafts import Progress, Source, UnitCount, write_names, write_units
from hips.mocs.errors import MocError, told_plainly
from hips.mocs.kept import FACTS_FILE, NAMES_FILE, POINTER, UNITS_FILE, Build, Pointer, maps_place, open_build
from hips.mocs.orders import Orders
from hips.mocs.units import FORMAT
from vo_service.store.disk import flush_directory, flush_file, remove_tree, write_durably
from vo_service.store.lock import hold_writer_lock

_DRAFT: Final = ".draft-"
_LOCK: Final = "moc.lock"


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did. ``build`` is the name of the new build; None where nothing had changed."""

    units: UnitCount
    build: str | None


def build_maps(
    home: Path,
    source: Source,
    holder: str,
    wait_seconds: float,
    orders: Orders = Orders(),  # noqa: B008 - immutable
    progress: Progress | None = None,
) -> Report:
    """Bring the maps under HOME up to date.

    ``holder`` is the command as a person would name it. Raises MocError, and StoreError (WriterBusy where
    another run is at it for longer than ``wait_seconds``); then the maps before are still served.
    """
    place = maps_place(home)
    with told_plainly("preparing coverage maps"):
        place.mkdir(parents=True, exist_ok=True)
    with hold_writer_lock(home / _LOCK, holder, wait_seconds):
        before = _before(home)
        with told_plainly("clearing away old coverage maps"):
            _sweep(home)
        draft = place / f"{_DRAFT}{uuid.uuid4().hex[:12]}"
        try:
            with told_plainly("writing coverage maps"):
                return _build(place, draft, source, before, orders, progress or _silent)
        finally:
            remove_tree(draft)


def _before(home: Path) -> Build | None:
    """The build that is served; one that is damaged is no help."""
    with suppress(MocError):
        return open_build(home)
    return None


def _build(
    place: Path, draft: Path, source: Source, before: Build | None, orders: Orders, progress: Progress
) -> Report:
    draft.mkdir()
    count = write_units(draft / UNITS_FILE, source, before, orders, progress)
    if before is not None and not count.differs:
        _point(place, Pointer(before.pointer.build, source.snapshot, source.now))
        return Report(count, None)
    write_names(draft, before, orders, progress)
    made = datetime.now(UTC).replace(microsecond=0).isoformat()
    facts = {"format": FORMAT, "made": made, "orders": asdict(orders)}
    write_durably(draft / FACTS_FILE, json.dumps(facts) + "\n")
    for name in (UNITS_FILE, NAMES_FILE):
        flush_file(draft / name)
    flush_directory(draft)
    build = f"{max(_numbers(place), default=0) + 1:06d}"
    draft.rename(place / build)
    flush_directory(place)
    _point(place, Pointer(build, source.snapshot, source.now))
    return Report(count, build)


def _point(place: Path, pointer: Pointer) -> None:
    """From here on this build is served."""
    beside = place / f"{_DRAFT}{POINTER}"
    write_durably(beside, pointer.text)
    beside.replace(place / POINTER)
    flush_directory(place)


def _sweep(home: Path) -> None:
    """Remove what killed runs left, and all builds but the one that is pointed at and the one before it."""
    place = maps_place(home)
    pointer = None
    with suppress(MocError):
        pointer = Pointer.read(home)
    served = int(pointer.build) if pointer is not None and pointer.build.isdecimal() else 0
    last = max((number for number in _numbers(place) if number < served), default=0)
    for path in place.iterdir():
        if path.name.startswith(_DRAFT):
            remove_tree(path) if path.is_dir() else path.unlink()
        elif path.name.isdecimal() and int(path.name) not in (served, last):
            remove_tree(path)


def _numbers(place: Path) -> list[int]:
    return [int(path.name) for path in place.iterdir() if path.name.isdecimal()]


def _silent(phase: str, done: int, of: int | None) -> None:
    """Tells nobody."""
