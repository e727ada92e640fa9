"""All that is wanted of all fields, made by runs of the tool one after the other (see `images.engine`)."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from hips.hipsgen.errors import HipsgenError, HipsgenMissing
from hips.hipsgen.tool import MEMORY_BYTES, THREADS, Tool, find_tool
from hips.images.engine import Wanted
from hips.images.errors import EngineFailed, EngineMissing, FieldFailed
from hips.images.hipsgen.lots import Job, jobs_of, lots_of
from hips.images.hipsgen.parts import KeptSheets, keep_part
from hips.images.hipsgen.runs import Described, Run, opened
from hips.images.hipsgen.zenithal import zenithal

_METHOD = 1
"""Raised with every change of ours after which the same tool gives other pixels."""

Told = Callable[[int, int], None]


def hipsgen_engine(
    jar: Path | None = None, memory_bytes: int = MEMORY_BYTES, threads: int = THREADS
) -> HipsgenEngine:
    """The engine, if it can run here: ``jar`` is where the tool is (None: where it usually is). Raises
    EngineMissing."""
    try:
        return HipsgenEngine(find_tool(jar, memory_bytes, threads))
    except HipsgenMissing as error:
        raise EngineMissing(str(error)) from error


class HipsgenEngine:
    """See `images.engine.Engine`."""

    def __init__(self, tool: Tool) -> None:
        self._tool = tool

    @property
    def name(self) -> str:
        """``hipsgen``."""
        return "hipsgen"

    @property
    def version(self) -> str:
        """Of the tool, and of what we make of its tiles."""
        return f"{self._tool.version}-{_METHOD}"

    def prepare(self, wanted: Sequence[Wanted], scratch: Path, told: Told) -> KeptSheets:
        """Make all parts. What a run wrote is gone with it: what stays in ``scratch`` are the parts, cut to
        where they hold numbers. Raises EngineFailed, and OSError where the disk is full."""
        failed: dict[int, str] = {}
        fields: dict[int, Described] = {}
        jobs = [job for number, one in enumerate(wanted) for job in _jobs(number, one, fields, failed)]
        count = _Count(jobs, len(wanted), told)
        parts, folder = scratch / "parts", scratch / "run"
        try:
            for lot in _lots(jobs):
                folder.mkdir()
                for job, cell, part in Run(self._tool, folder, fields).parts(lot, failed):
                    keep_part(parts / str(job.number), job.order, cell, part)
                shutil.rmtree(folder)
                count.add(lot)
        except HipsgenError as error:
            raise EngineFailed(str(error)) from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        for number in failed:
            shutil.rmtree(parts / str(number), ignore_errors=True)
        names = [one.field.name for one in wanted]
        reasons = {names[number]: reason for number, reason in failed.items()}
        return KeptSheets(parts, {name: number for number, name in enumerate(names)}, reasons)


def _jobs(number: int, wanted: Wanted, fields: dict[int, Described], failed: dict[int, str]) -> Iterator[Job]:
    field = wanted.field
    try:
        with opened(field) as plane:
            sky, size = plane.sky, plane.size
        wcs = zenithal(sky, size)
        if wcs is None:
            raise FieldFailed(field.name, _cannot_be_written(sky.celestial.projection))
        fields[number] = Described(field, sky, size, wcs)
        yield from jobs_of(number, wanted, sky, size)
    except FieldFailed as error:
        failed[number] = error.reason


def _cannot_be_written(projection: str) -> str:
    return (
        f"hipsgen does not read its projection ({projection or 'none'}) rightly, and it is too large to be"
        " written as one that hipsgen reads; the engine reproject reads it"
    )


def _lots(jobs: Sequence[Job]) -> Iterator[list[Job]]:
    for _, of_order in groupby(sorted(jobs, key=lambda job: job.order), lambda job: job.order):
        yield from lots_of(of_order)


class _Count:
    """Tells how many fields are done, the last of whose jobs is."""

    def __init__(self, jobs: Sequence[Job], total: int, told: Told) -> None:
        self._left = Counter(job.number for job in jobs)
        self._total = total
        self._told = told
        self._tell()

    def add(self, lot: Sequence[Job]) -> None:
        self._left -= Counter(job.number for job in lot)
        self._tell()

    def _tell(self) -> None:
        self._told(self._total - len(self._left), self._total)
