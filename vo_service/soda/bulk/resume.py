"""What a job has done so far, and where the next attempt goes on.

The database names the journal that counts: that of the last attempt which said what it shows. A later one
takes over what stands in it, and what the parts hold of that; whatever an earlier process still writes,
should it live, it writes into files of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from vo_service.soda.bulk.journal import NAME, Journal, Make, Record, read_journal, rewrite
from vo_service.soda.bulk.parts import Framing, framing_of
from vo_service.soda.bulk.status import ID
from vo_service.store.disk import disk_errors, flush_directory, link_file
from vo_service.store.job_files import UPLOADS
from vo_service.store.jobs import Job

_STEP: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class Progress:
    """What is known, the journal to write on, and the part that was begun, if one was."""

    record: Record
    journal: Journal
    begun: int | None = None


def begin(attempt: Path, make: Make) -> Progress:
    """Nothing was done yet. Raises DiskFull, StoreError."""
    with disk_errors("beginning a job"):
        journal = Journal(attempt / NAME)
        journal.begin(make)
        journal.flush()
        flush_directory(attempt)
    return Progress(Record(make), journal)


def take_over(job: Job, directory: Path, attempt: Path) -> Progress | None:
    """What an earlier attempt of the job has left, in files of this one; None where there is no plan to go on
    with. ``directory`` is the job's. Raises DiskFull, StoreError."""
    path = next((directory / one.file for one in job.results if one.result_id == ID and one.grows), None)
    if path is None:
        return None
    with disk_errors("going on with a job"):
        try:
            record = read_journal(path)
        except FileNotFoundError:
            return None
        if record.make is None or not record.is_planned:
            return None
        begun = _take_parts(record, framing_of(record.make.kind), path.parent, attempt)
        journal = rewrite(record, attempt / NAME)
        flush_directory(attempt)
    return Progress(record, journal, begun)


def earlier_attempts(directory: Path, attempt: Path) -> list[Path]:
    """The directories of attempts that were there before this one had shown anything: once it has, they hold
    nothing that counts. Asked for later it might name those of one that follows. Raises StoreError."""
    with disk_errors("looking for earlier attempts"):
        return [
            each for each in directory.iterdir() if each.is_dir() and each != attempt and each.name != UPLOADS
        ]


def close_early(record: Record, framing: Framing, attempt: Path) -> None:
    """End the part that is open with the last cut-out that is known of, so that what was done is not lost
    with the rest; what is not there was not done. The journal stays as it is: who goes on in spite of this
    goes on with the cut-outs alone. Raises DiskFull, StoreError."""
    with disk_errors("ending a part early"):
        for part, size in list(record.closed.items()):
            if _size(attempt / framing.name_of_part(part)) != size:
                del record.closed[part]
        for part, end in record.open_parts().items():
            path = attempt / framing.name_of_part(part)
            if _size(path) < end:
                continue
            with path.open("r+b") as file:
                file.truncate(end)
                file.seek(end)
                file.write(framing.end())
                file.flush()
                os.fsync(file.fileno())
            record.closed[part] = end + len(framing.end())


def _take_parts(record: Record, framing: Framing, old: Path, new: Path) -> int | None:
    """Have the parts in a new place, as far as they are what the record says; what is not there was not
    done."""
    for part, size in list(record.closed.items()):
        source = old / framing.name_of_part(part)
        if _size(source) == size:
            link_file(source, new / source.name)
        else:
            del record.closed[part]
            _forget(record, part, 0)
    *strays, begun = sorted(record.open_parts()) or [0]
    for part in strays:  # one at a time is open, so the disk has lost what was said of these
        _forget(record, part, 0)
    source = old / framing.name_of_part(begun)
    _forget(record, begun, _size(source))
    end = record.open_parts().get(begun, 0)
    if not end:
        return None
    _copy(source, new / source.name, end)
    return begun


def _forget(record: Record, part: int, size: int) -> None:
    """What does not lie within the first ``size`` bytes of a part has to be done again."""
    lost = [
        number
        for number, outcome in record.outcomes.items()
        if outcome.placed is not None and outcome.placed.part == part and outcome.placed.end > size
    ]
    for number in lost:
        del record.outcomes[number]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _copy(source: Path, target: Path, size: int) -> None:
    with source.open("rb") as reader, target.open("xb") as writer:
        for piece in _pieces(reader, size):
            writer.write(piece)
        writer.flush()
        os.fsync(writer.fileno())


def _pieces(reader: BinaryIO, size: int) -> Iterator[bytes]:
    while size:
        piece = reader.read(min(_STEP, size))
        if not piece:
            raise OSError("a part became shorter while it was copied")
        size -= len(piece)
        yield piece
