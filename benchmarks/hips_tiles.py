"""Tiles of trees, asked one after the other and 64 at a time (CHK-H22).

``python -m benchmarks.hips_tiles [--home HOME] [--workers N]``: a home with trees; without one, the sample
holdings are made, ingested, harvested, and their trees built. Each kind of tile is asked for over one
connection that is kept: those that lie on the disk, plain or packed, and those below a leaf, which are made.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from benchmarks.measure import report, run_command, service
from benchmarks.serving import serving
from hips.tiles.files import PACKED, kept_file
from hips.trees.held import read_held
from hips.trees.layout import TileName
from hips.trees.properties import parse_properties
from hips.trees.versions import Build, Trees

GOAL_MS, GOAL_CROWD_MS = 5.0, 200.0
AT_ONCE = 64
_TIMES = 400
_CROWD = 20 * AT_ONCE
_EACH = 50
"""Different tiles of a kind."""
_PRODUCTS = 60
_GZIP = {"Accept-Encoding": "gzip"}
Address = tuple[str, str]
"""A kind of tile, and its path."""


def main() -> None:
    """Measure what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hips_tiles", description=__doc__)
    parser.add_argument("--home", type=Path, help="a home with trees; by default one is made")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vo-bench-") as scratch:
        home = options.home or make_home(Path(scratch))
        report("hips_tiles", measured(home, options.workers))


def make_home(place: Path, products: int = _PRODUCTS) -> Path:
    """The sample holdings, with trees of what is public."""
    home, sample = place / "home", place / "sample"
    for words in (
        ("sample", str(sample), "--products", str(products)),
        ("ingest", str(sample / "products")),
        ("harvest", str(sample / "archive.vot")),
        ("hips",),
    ):
        run_command(service(home, *words), VO_SERVICE_UNLISTED="open")
    return home


def measured(home: Path, workers: int) -> dict[str, object]:
    """Median milliseconds of each kind of tile, and what 95 % of many at a time take at most."""
    kinds: dict[str, list[str]] = {}
    for kind, path in tiles(home):
        kinds.setdefault(kind, []).append(path)
    chosen = {kind: _some(paths) for kind, paths in kinds.items()}
    figures: dict[str, object] = {}
    with serving(home, workers) as served:
        host = urlsplit(served.address).netloc
        ask(host, next(iter(chosen.values()))[:1], {})  # the gate looks at the members of each tree once
        for kind, paths in sorted(chosen.items()):
            figures[f"{kind}, ms"] = median_ms(host, paths, _GZIP)
        figures["known already (304), ms"] = _known_ms(host, chosen["kept PNG"])
        for name in ("kept", "made"):
            mixed = [path for kind, paths in chosen.items() if kind.startswith(name) for path in paths]
            if mixed:
                figures[f"{name}, {AT_ONCE} at a time: 95 %, ms"] = crowd_ms(host, mixed)
        figures["outside (404), ms"] = median_ms(host, _outside(chosen["kept PNG"]), {}, 404)
    kept = [value for key, value in figures.items() if key.startswith("kept ")]
    figures["tiles"] = sum(map(len, kinds.values()))
    figures[f"goal: median under {GOAL_MS:g} ms"] = max(kept) < GOAL_MS  # type: ignore[type-var,operator]
    crowd = figures[f"kept, {AT_ONCE} at a time: 95 %, ms"]
    figures[f"goal: 95 % under {GOAL_CROWD_MS:g} ms"] = crowd < GOAL_CROWD_MS  # type: ignore[operator]
    return figures


def tiles(home: Path) -> Iterator[Address]:
    """Tiles of all trees by their kinds; below each leaf the first that there is at hips_order."""
    for build in Trees(home / "hips").served().values():
        yield from _of_build(build)


def _of_build(build: Build) -> Iterator[Address]:
    try:
        held = read_held(build.directory)
    except OSError:
        return
    properties = parse_properties((build.tree / "properties").read_text(encoding="utf-8"))
    deepest = int(properties.get("hips_order") or 0)
    for record in held.tiles():
        if not record.filled:
            continue
        for extension in ("fits", "png"):
            name = TileName(record.order, record.cell, extension)
            yield _kept_kind(build.tree / str(name), extension), f"/hips/{build.name}/{name}"
            if record.leaf and record.order < deepest:
                steps = 2 * (deepest - record.order)
                first = int(held.covered.starts[np.searchsorted(held.covered.stops, _start(record), "right")])
                below = TileName(deepest, max(record.cell << steps, first >> 2 * (29 - deepest)), extension)
                yield f"made {extension.upper()}", f"/hips/{build.name}/{below}"


def _start(record: object) -> int:
    order, cell = record.order, record.cell  # type: ignore[attr-defined]
    return int(cell << 2 * (29 - order))


def _kept_kind(path: Path, extension: str) -> str:
    found = kept_file(path)
    packed = found is not None and found.suffix == PACKED
    return f"kept {extension.upper()}{' packed' if packed else ''}"


def _some(paths: Sequence[str]) -> list[str]:
    return list(paths[:: max(1, len(paths) // _EACH)][:_EACH])


def _outside(paths: Sequence[str]) -> list[str]:
    return [
        f"{path.rpartition('/Norder')[0]}/Norder3/Dir0/Npix{number}.png" for number, path in enumerate(paths)
    ]


def median_ms(host: str, paths: Sequence[str], headers: dict[str, str], status: int = 200) -> float:
    """Of requests for these paths in turn."""
    ask(host, paths, headers, status)
    return statistics.median(ask(host, list(islice(cycle(paths), _TIMES)), headers, status)) * 1e3


def _known_ms(host: str, paths: Sequence[str]) -> float:
    connection = http.client.HTTPConnection(host)
    connection.request("GET", paths[0])
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return median_ms(host, paths[:1], {"If-None-Match": answer.headers["ETag"]}, 304)


def ask(host: str, paths: Sequence[str], headers: dict[str, str], status: int = 200) -> list[float]:
    """Seconds of each request, over one connection. Raises RuntimeError for another status."""
    connection = http.client.HTTPConnection(host, timeout=60)
    found = []
    for path in paths:
        started = time.perf_counter()
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        found.append(time.perf_counter() - started)
        if answer.status != status:
            raise RuntimeError(f"{path} is answered with {answer.status}: {body[:200]!r}")
    connection.close()
    return found


def crowd_ms(host: str, paths: Sequence[str]) -> float:
    """What 95 % of the requests of many clients at a time take at most; these are in another process."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_crowd, args=(there, host, paths))
    process.start()
    there.close()
    seconds = json.loads(here.recv())
    process.join()
    return float(np.quantile(seconds, 0.95)) * 1e3


def _crowd(told: Connection, host: str, paths: Sequence[str]) -> None:
    wanted = list(islice(cycle(paths), _CROWD))
    found: list[float] = []
    together = threading.Barrier(AT_ONCE)

    def work(number: int) -> None:
        ask(host, paths[:1], _GZIP)
        together.wait()
        found.extend(ask(host, wanted[number::AT_ONCE], _GZIP))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told.send(json.dumps(found))


if __name__ == "__main__":
    main()
