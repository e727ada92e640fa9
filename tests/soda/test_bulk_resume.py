"""Parts and journal of a bulk job, cut off anywhere: the next attempt loses no row and doubles none."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from vo_service.dali.errors import ServiceError
from vo_service.dali.sending import KnownBytes
from vo_service.soda.bulk.extensions import PRIMARY, as_extensions
from vo_service.soda.bulk.journal import NAME, Make, read_journal
from vo_service.soda.bulk.parts import Member, Parts, framing_of
from vo_service.soda.bulk.resume import Progress, begin, take_over
from vo_service.soda.bulk.status import ID, status_table
from vo_service.soda.bulk.tasks import Outcome, Task
from vo_service.store.jobs import Job, Phase, StoredResult

TASKS = [Task(number, number, f"s{number}", "d", "d", "v") for number in range(1, 31)]


def content(number: int) -> bytes:
    return Random(number).randbytes(100 + 997 * (number % 7))


def image(number: int) -> bytes:
    """A file with a companion and a table, for odd numbers in the way of archives that have nothing in the
    primary HDU."""
    pixels = np.full((number % 5 + 1, 7), number, np.int16)
    first = fits.ImageHDU(pixels, name="SCI") if number % 2 else fits.PrimaryHDU(pixels)
    first.header["CRPIX1"] = number / 3
    rest = [fits.ImageHDU(pixels + 1, name="PB"), fits.ImageHDU(pixels + 2, name="PB", ver=2)]
    rest.append(fits.BinTableHDU.from_columns([fits.Column("a", "J", array=[number])], name="BEAMS"))
    hdus = fits.HDUList([*([fits.PrimaryHDU()] if number % 2 else []), first, *rest])
    if number % 2:
        hdus[0].header["OBSERVER"] = "X"
    file = io.BytesIO()
    hdus.writeto(file)
    return file.getvalue()


@dataclass
class Attempt:
    """What `work` does with its tasks, without a service."""

    progress: Progress
    folder: Path
    most_bytes: int = 1 << 30

    def run(self, of: Any, stop: int | None = None, flush_each: int = 6) -> None:
        record, journal = self.progress.record, self.progress.journal
        assert record.make is not None

        def closed(number: int, size: int) -> None:
            journal.closed(number, size)
            journal.flush()
            record.closed[number] = size

        parts = Parts(
            self.folder, framing_of(record.make.kind), record.make.part_bytes, self.most_bytes, closed, int
        )
        parts.resume(record.closed, self.progress.begun)
        for count, task in enumerate([task for task in record.tasks if task.number not in record.outcomes]):
            if count == stop:
                parts.leave()
                journal.close()
                return
            raw = of(task.number)
            placed = parts.add(
                Member(f"{task.row:06}.fits", task.label or "", task.number, KnownBytes(raw), len(raw))
            )
            record.outcomes[task.number] = Outcome("done", placed=placed)
            journal.did(task.number, record.outcomes[task.number])
            if count % flush_each == 0:
                parts.flush()
                journal.flush()
        parts.close_part()
        journal.flush()
        journal.close()


def job_of(attempt: Path) -> Job:
    blank: dict[str, Any] = dict.fromkeys(Job.__dataclass_fields__)
    shown = StoredResult(ID, f"{attempt.name}/{NAME}", "x", 0, "")
    return Job(**(blank | {"results": (shown,), "created": datetime(2026, 1, 1, tzinfo=UTC)}))


def first_attempt(place: Path, make: Make) -> Attempt:
    folder = place / "0"
    folder.mkdir()
    progress = begin(folder, make)
    progress.journal.plan(TASKS)
    progress.journal.flush()
    progress.record.tasks, progress.record.is_planned = list(TASKS), True
    return Attempt(progress, folder)


def next_attempt(place: Path, old: Path) -> Attempt:
    folder = place / str(int(old.name) + 1)
    folder.mkdir()
    progress = take_over(job_of(old), place, folder)
    assert progress is not None
    return Attempt(progress, folder)


def check_tars(attempt: Attempt) -> None:
    """Every task once, the bytes where the journal says."""
    record = read_journal(attempt.folder / NAME)
    assert record.outcomes.keys() == {task.number for task in TASKS}
    names = []
    for part, size in record.closed.items():
        path = attempt.folder / f"part-{part:03}.tar"
        assert path.stat().st_size == size
        with tarfile.open(path) as tar:
            names += tar.getnames()
            assert {name: tar.extractfile(name).read() for name in tar.getnames()} == {  # type: ignore[union-attr]
                one.placed.name: content(number)
                for number, one in record.outcomes.items()
                if one.placed is not None and one.placed.part == part
            }
        raw = path.read_bytes()
        for number, one in record.outcomes.items():
            if one.placed is not None and one.placed.part == part:
                piece = raw[one.placed.offset : one.placed.offset + one.placed.size]
                assert piece == content(number) and hashlib.sha256(piece).hexdigest() == one.placed.sha256
    assert sorted(names) == [f"{number:06}.fits" for number in range(1, 31)]


@settings(max_examples=15)
@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 400), st.integers(0, 60_000)), max_size=4),
    st.sampled_from([3_000, 20_000, 1 << 30]),
)
def test_attempts_that_are_cut_off_anywhere(cuts: list[tuple[int, int, int]], part_bytes: int) -> None:
    """Each attempt does some tasks and dies; of the end of its journal, and of the part that is open, some
    may not have reached the disk."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        attempt = first_attempt(place, Make("tar", part_bytes))
        for stop, lost, lost_of_part in cuts:
            attempt.run(content, stop)
            journal = attempt.folder / NAME
            head = journal.read_bytes().index(b'{"planned"') + 20
            os.truncate(journal, max(head, journal.stat().st_size - lost))
            for part in read_journal(journal).open_parts():
                path = attempt.folder / f"part-{part:03}.tar"
                os.truncate(path, max(0, path.stat().st_size - lost_of_part))
            attempt = next_attempt(place, attempt.folder)
        attempt.run(content)
        check_tars(attempt)


def test_one_that_is_given_up_and_lives_writes_into_files_of_its_own(tmp_path: Path) -> None:
    first = first_attempt(tmp_path, Make("tar", 10_000))
    first.run(content, 11)
    second = next_attempt(tmp_path, first.folder)
    old = replace(first.progress, journal=begin(tmp_path_of(tmp_path), Make("tar", 10_000)).journal)
    Attempt(replace(old, begun=next(iter(first.progress.record.open_parts()), None)), first.folder).run(
        lambda number: b"\xff" * 700
    )
    second.run(content)
    check_tars(second)


def tmp_path_of(place: Path) -> Path:
    folder = place / "other"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("stop", [None, 1, 7])
def test_one_fits_file(tmp_path: Path, stop: int | None) -> None:
    attempt = first_attempt(tmp_path, Make("fits", 1))
    if stop is not None:
        attempt.run(image, stop)
        attempt = next_attempt(tmp_path, attempt.folder)
    attempt.run(image)
    record = read_journal(attempt.folder / NAME)
    path = attempt.folder / "cutouts.fits"
    assert record.closed == {1: path.stat().st_size} and path.stat().st_size % 2880 == 0
    with fits.open(path) as hdus:
        hdus.verify("exception")
        assert hdus[0].data is None
        assert len({(hdu.name, hdu.ver) for hdu in hdus}) == len(hdus)
        for number in range(1, 31):
            pixels = np.full((number % 5 + 1, 7), number, np.int16)
            science = hdus[f"s{number}", number]
            assert (science.data == pixels).all() and science.header["CRPIX1"] == number / 3
            assert (hdus["PB", number].data == pixels + 1).all()
            assert (hdus["PB_2", number].data == pixels + 2).all()
            assert hdus["BEAMS", number].data["a"] == [number]
            if number % 2:
                assert hdus[f"s{number}_PRIMARY", number].header["OBSERVER"] == "X"
            placed = record.outcomes[number].placed
            assert placed is not None and placed.name == f"s{number},{number}"


@pytest.mark.parametrize("label", ["PB", "pb", "Beams", "PB_2", "pb_primary"])
def test_no_two_extensions_have_one_name(label: str) -> None:
    # FITS 4.0, 4.4.2.6: names are the same whatever their case
    pixels = np.zeros((2, 3), np.int16)
    names = ("SCI", "PB", "PB_2", "pb", "PB_PRIMARY", "BEAMS", "MASK")
    hdus = fits.HDUList([fits.PrimaryHDU(), *(fits.ImageHDU(pixels, name=name) for name in names)])
    hdus[0].header["OBSERVER"] = "X"
    file = io.BytesIO()
    hdus.writeto(file)
    raw = file.getvalue()
    made = PRIMARY + b"".join(map(bytes, as_extensions(KnownBytes(raw), len(raw), label, 7)))
    with fits.open(io.BytesIO(made)) as found:
        found.verify("exception")
        assert len({hdu.name.upper() for hdu in found}) == len(found) == len(names) + 2
        assert found[2].header["EXTNAME"] == label and {hdu.ver for hdu in found[1:]} == {7}


def test_what_cannot_be_read_leaves_no_trace(tmp_path: Path) -> None:
    class Broken(KnownBytes):
        def read_at(self, offset: int, length: int) -> bytes:
            if offset:
                raise ServiceError.__new__(ServiceError)
            return bytes(length)

    parts = Parts(tmp_path, framing_of("tar"), 1 << 30, 5_000_000, lambda number, size: None, int)
    one = parts.add(Member("a", "a", 1, KnownBytes(b"one"), 3))
    with pytest.raises(ServiceError):
        parts.add(Member("b", "b", 2, Broken(b""), 3_000_000))
    with pytest.raises(ServiceError, match="larger than the 5000000 bytes"):
        parts.add(Member("b", "b", 2, KnownBytes(b""), 6_000_000))
    two = parts.add(Member("c", "c", 3, KnownBytes(b"two"), 3))
    assert two.offset == one.end + 512
    parts.close_part()
    with tarfile.open(tmp_path / "part-001.tar") as tar:
        assert tar.getnames() == ["a", "c"]


def test_the_table_of_states_of_a_job_that_ended_early_counts_no_lost_part(tmp_path: Path) -> None:
    attempt = first_attempt(tmp_path, Make("tar", 10_000))
    attempt.run(content, 11, flush_each=1)
    record = read_journal(attempt.folder / NAME)
    open_part = next(iter(record.open_parts()))
    inside = sum(one.placed is not None and one.placed.part == open_part for one in record.outcomes.values())
    running = status_table(record, Phase.EXECUTING).decode()
    ended = status_table(record, Phase.ABORTED).decode()
    assert running.count("<TD>done</TD>") == 11 and running.count("<TD>waiting</TD>") == 19
    assert ended.count("<TD>done</TD>") == 11 - inside and ended.count("ABORTED") >= 19 + inside
