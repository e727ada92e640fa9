"""Cut-outs of a large cube: time, bytes read and memory, beside a program that does the least that can be
done, and beside another service where one is named.

``python -m benchmarks.soda [--peer dachs=http://127.0.0.1:8080/cubes/q/dl/dlget,ID,PID]``

Makes a cube of 2 GB (kept, with its home, where ``--place`` says), ingests it by its header alone
(``--no-pixels``: measuring pixels is another benchmark), serves it with as many processes as ``--workers``,
and asks for the same pixels in turn (A B A B ...), so that what else the machine does hits all. Everything is
measured warm: all that is read has been read before, so times are those of the programs and not of the disk.
A peer needs the same file: DaCHS takes it from its folder ``cubes/data``, with a resource descriptor for
cubes whose third axis is the frequency, and calls it ``ivo://AUTHORITY/~?cubes/data/cube.fits``. Exit status
1: a goal does not hold.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

import numpy as np

from benchmarks.measure import RESULTS, conclude, run_command, service, show
from benchmarks.processes import chars_read, forget_peaks, peak_mb, resident_mb
from benchmarks.serving import serving
from benchmarks.soda_cube import Cube, Cut, write_cube
from benchmarks.tap_client import Client, Refused, read_peer
from benchmarks.tap_load import get, requests_a_second

FLOOR = "pread+send"
_LARGE = 1_000_000
_CLIENTS = (1, 8)
_STAMPS = 200


@dataclass(frozen=True, slots=True)
class Case:
    """Pixels that are asked for. ``reads``: bytes read over bytes needed at most; ``peer``: our time at most
    this part of theirs."""

    name: str
    cut: Cut
    reads: float | None = 1.1
    peer: float | None = None


def cases(cube: Cube) -> list[Case]:
    """What is asked, from the smallest answer to the largest."""
    middle, side = cube.channels // 2, cube.side
    part = round(side * 0.108) * 2 + 1  # squared, times as much of the channels: one per cent
    deep = max(1, round(cube.channels * 0.212))
    return [
        Case("stamp of 101 x 101 pixels", cube.square(101, middle, 1), reads=None, peer=1 / 3),
        Case("65 x 65 x 21", cube.square(65, middle - 10, 21), reads=None, peer=1 / 3),
        Case("spectrum of one pixel", cube.square(1, 0, cube.channels), reads=None, peer=1 / 3),
        Case("one plane", cube.planes(middle, 1)),
        Case("1 % of the cube", cube.square(part, middle - deep // 2, deep)),
        Case("8 planes", cube.planes(middle, 8)),
    ]


@dataclass
class Contestant:
    """Someone to be measured: ``path`` of the request for a cut, ``pids`` whose memory and reads count."""

    name: str
    client: Client
    pids: tuple[int, ...]
    id: str | None = None  # of the data set; None for the least program, which knows pixels alone
    idle: float = 0.0

    def path(self, cube: Cube, cut: Cut) -> str:
        """Where a cut is."""
        if self.id is None:
            return "/" + "/".join(str(number) for span in (cut.x, cut.y, cut.z) for number in span)
        asked = urlencode({"ID": self.id, **cube.parameters(cut)}, quote_via=quote)
        return f"{urlsplit(self.client.url).path}?{asked}"

    @classmethod
    def read(cls, text: str) -> Contestant:
        """``NAME=URL,ID[,PID...]``. Raises ValueError."""
        name, client, identifier, pids = read_peer(text)
        return cls(name, client, pids, identifier)


@dataclass
class Figures:
    """What one did in a case: seconds, bytes read by the requests, MB above idle."""

    totals: list[float] = field(default_factory=list)
    reads: list[int] = field(default_factory=list)
    size: int = 0
    memory: float | None = None
    trouble: str | None = None

    def as_json(self, needed: int) -> dict[str, object]:
        if self.trouble is not None or not self.totals:
            return {"trouble": self.trouble}
        told: dict[str, object] = {
            "median_ms": round(statistics.median(self.totals) * 1e3, 3),
            "min_ms": round(min(self.totals) * 1e3, 3),
            "mb_per_s": round(self.size / 1e6 / statistics.median(self.totals)),
            "bytes": self.size,
        }
        if self.reads:
            told["read_over_needed"] = round(statistics.median(self.reads) / needed, 3)
        if self.memory is not None:
            told["memory_mb"] = round(self.memory, 1)
        return told


def measure(case: Case, cube: Cube, contestants: Sequence[Contestant], runs: int) -> dict[str, object]:
    """One case by all in turn, its goals judged; the first of them is ours, the second the least program."""
    figures = {each.name: Figures() for each in contestants}
    for each in contestants:
        forget_peaks(each.pids)
    for turn in range(-2, runs):  # the first two are not counted
        for each in contestants:
            mine = figures[each.name]
            if mine.trouble is None:
                try:
                    before = chars_read(each.pids)
                    reply = each.client.get(each.path(cube, case.cut), kept=False)
                    mine.trouble = _wrong(each, case.cut, reply.body)
                except (Refused, OSError) as error:
                    mine.trouble = f"{type(error).__name__}: {error}"
                    continue
                if turn >= 0:
                    mine.totals.append(reply.total)
                    mine.size = reply.size
                    if each.pids:
                        mine.reads.append(chars_read(each.pids) - before)
    for each in contestants:
        if each.pids:
            figures[each.name].memory = peak_mb(each.pids) - each.idle
    told = {name: one.as_json(case.cut.size) for name, one in figures.items()}
    return {
        "case": case.name,
        "pixel_bytes": case.cut.size,
        **told,
        "goals": _goals(case, list(told.values())),
    }


def _wrong(each: Contestant, cut: Cut, head: bytes) -> str | None:
    """What is wrong with an answer, by the axes in its header: others may round to a pixel more or less."""
    if each.id is None:
        return None
    axes = [int(found) for found in re.findall(rb"NAXIS[123] *= *(\d+)", head[:28_800])]
    slack = 0 if each.name == "ours" else 2
    if len(axes) == 3 and all(abs(a - b) <= slack for a, b in zip(axes, cut.shape, strict=True)):
        return None
    return f"axes {axes} in place of {list(cut.shape)}"


def _goals(case: Case, told: Sequence[dict[str, object]]) -> list[dict[str, object]]:
    """Each goal with what was reached; ``held`` is None where there is nothing to compare with."""

    def number(index: int, name: str) -> float | None:
        value = told[index].get(name) if index < len(told) else None
        return float(value) if isinstance(value, (int, float)) else None

    ours = number(0, "median_ms")
    made = []
    for name, goal, reached in (
        (
            "time over pread+send",
            1.5 if case.cut.size > _LARGE else None,
            _over(ours, number(1, "median_ms")),
        ),
        ("bytes read over needed", case.reads, number(0, "read_over_needed")),
        ("MB above idle", 100.0, number(0, "memory_mb")),
        ("time beside theirs", case.peer, _over(ours, number(2, "median_ms"))),
    ):
        if goal is not None:
            held = False if "trouble" in told[0] else None if reached is None else reached <= goal
            made.append({"goal": name, "wanted": round(goal, 3), "reached": reached, "held": held})
    return made


def _over(ours: float | None, theirs: float | None) -> float | None:
    return None if ours is None or not theirs else round(ours / theirs, 3)


def measure_stamps(
    cube: Cube, contestants: Sequence[Contestant], asked: int, clients: int, keep: bool
) -> dict[str, object]:
    """Stamps a second, each of another place, three times in turn."""
    services = [each for each in contestants if each.id is not None]
    random = np.random.default_rng(3)
    places = [(int(x), int(y)) for x, y in random.integers(60, cube.side - 60, (_STAMPS, 2))]
    channels = [int(z) for z in random.integers(0, cube.channels, _STAMPS)]
    cuts = [cube.square(101, z, 1, place) for place, z in zip(places, channels, strict=True)]
    rates: dict[str, list[float]] = {each.name: [] for each in services}
    errors = dict.fromkeys(rates, 0)
    for _ in range(3):
        for each in services:
            paths = [each.path(cube, cut) for cut in cuts]
            rate, failed = requests_a_second(each.client.url, paths, clients, asked, keep, get)
            rates[each.name].append(rate)
            errors[each.name] += failed
    named = {
        name: {"requests_per_s": round(statistics.median(found), 1), "errors": errors[name]}
        for name, found in rates.items()
    }
    goals = []
    if clients == max(_CLIENTS) and keep:
        reached = None
        if len(services) > 1:
            ours, theirs = (statistics.median(rates[each.name]) for each in services[:2])
            reached = round(ours / theirs, 2) if theirs else None
        held = None if reached is None else reached >= 5 and not errors[services[0].name]
        goals = [{"goal": "stamps/s beside theirs", "wanted": 5, "reached": reached, "held": held}]
    how = "connections kept" if keep else "a connection each"
    return {"case": f"stamps, {clients} clients, {how}", **named, "goals": goals}


@contextmanager
def ours(home: Path, workers: int) -> Iterator[Contestant]:
    """Our service on a home with one data set."""
    with serving(home, workers) as served:
        (identifier,) = served.column("SELECT obs_publisher_did FROM ivoa.obscore")
        yield Contestant("ours", Client(f"{served.address}/soda/sync"), (served.pid,), identifier)


@contextmanager
def least(cube: Cube) -> Iterator[Contestant]:
    """The program that does the least."""
    command = [sys.executable, "-m", "benchmarks.soda_floor", str(cube.path), str(cube.start), str(cube.side)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            yield Contestant(FLOOR, Client(f"http://127.0.0.1:{port}"), (process.pid,))
        finally:
            process.kill()


def main() -> None:
    """Make what is needed, measure, and say what held."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soda", description=__doc__)
    parser.add_argument("--place", type=Path, help="where cube and home are kept (default: made and removed)")
    parser.add_argument("--peer", metavar="NAME=URL,ID[,PID...]", help="another service with the same cube")
    parser.add_argument("--workers", type=int, default=2, help="processes of our service")
    parser.add_argument("--side", type=int, default=2048, help="pixels along each side of the cube")
    parser.add_argument("--channels", type=int, default=128)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--asked", type=int, default=2000, help="stamps of each load")
    parser.add_argument("--only", default="", help="cases whose name holds this text")
    parser.add_argument("--out", type=Path, default=RESULTS / "soda.json")
    options = parser.parse_args()
    with ExitStack() as parts:
        place = options.place or Path(parts.enter_context(tempfile.TemporaryDirectory(prefix="vo-bench-")))
        (place / "cube").mkdir(parents=True, exist_ok=True)
        cube = write_cube(place / "cube" / "cube.fits", options.side, options.channels)
        run_command(service(place / "home", "ingest", "--no-pixels", str(place / "cube")))
        contestants = [parts.enter_context(ours(place / "home", options.workers))]
        contestants.append(parts.enter_context(least(cube)))
        if options.peer:
            contestants.append(Contestant.read(options.peer))
        for each in contestants:
            each.idle = resident_mb(each.pids)
        results = []
        for case in cases(cube):
            if options.only in case.name:
                results.append(measure(case, cube, contestants, options.runs))
                show(results[-1])
        for keep in (True, False):
            for clients in _CLIENTS:
                if options.only in "stamps, clients":
                    results.append(measure_stamps(cube, contestants, options.asked, clients, keep))
                    show(results[-1])
    facts = {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "cpus": os.cpu_count(),
        "load": os.getloadavg(),
        "python": platform.python_version(),
        "cube_bytes": cube.size,
        "workers": options.workers,
        "page_cache": "warm",
    }
    sys.exit(conclude(options.out, facts, results))


if __name__ == "__main__":
    main()
