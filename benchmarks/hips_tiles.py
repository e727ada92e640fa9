"""Tiles of trees, asked one after the other and 64 at a time (CHK-H22).

``python -m benchmarks.hips_tiles [--home HOME] [--workers N]``: a home with trees; without one, the sample
holdings are made, ingested, harvested, and their trees built. Each kind of tile is asked for over one
connection that is kept: those that lie on the disk, plain or packed; those below a leaf, which are made, as
who looks there asks for them (several of a leaf) and at worst (each of another leaf); and those of the trees
of single data sets. The goals are judged on each kind by itself.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import multiprocessing
import re
import statistics
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import cycle, islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit
from urllib.request import urlopen

import numpy as np
from mocpy import MOC

from benchmarks.measure import report, run_command, service
from benchmarks.serving import serving
from hips.tiles.files import PACKED, kept_file
from hips.trees.held import Held, TileRecord, read_held
from hips.trees.layout import TileName
from hips.trees.properties import parse_properties
from hips.trees.versions import Build, Trees

GOAL_MS, GOAL_CROWD_MS = 5.0, 200.0
AT_ONCE = 64
_TIMES = 400
_CROWD = 20 * AT_ONCE
_EACH = 50
"""Different tiles of a kind."""
_BELOW = 8
"""Tiles below a leaf that are asked for one after the other."""
_LIVE = 4
"""Data sets whose own trees are asked for."""
_PRODUCTS = 60
_GZIP = {"Accept-Encoding": "gzip"}
_MADE_MS = "tree of a data set, made when it is asked for, ms"
"""No tile, and under no goal."""
_AT_ONCE_MS = f", {AT_ONCE} at a time: 95 %, ms"
T = TypeVar("T")
Run = tuple[str, list[str]]
"""A kind of tile, and the paths of some that are asked for one after the other."""


def main() -> None:
    """Measure what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hips_tiles", description=__doc__)
    parser.add_argument("--home", type=Path, help="a home with trees; by default one is made")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vo-bench-") as scratch:
        home = options.home or make_home(Path(scratch))
        figures = measured(home, options.workers)
    told = {f"goal under {goal['wanted']} ms: {goal['goal']}": goal["held"] for goal in judged(figures)}
    report("hips_tiles", figures | told)


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
    figures: dict[str, object] = {}
    with serving(home, workers) as served:
        host = urlsplit(served.address).netloc
        runs = list(tiles(home))
        figures[_MADE_MS], live = _live_trees(host, home)
        chosen = _chosen([*runs, *live])
        figures["tiles"] = sum(len(paths) for _, paths in runs)
        ask(host, chosen["kept PNG"][:1], {})  # the gate looks at the members of each tree once
        for kind, paths in sorted(chosen.items()):
            figures[f"{kind}, ms"] = median_ms(host, paths, _GZIP)
        figures["known already (304), ms"] = _known_ms(host, chosen["kept PNG"])
        for group in ("kept", "made", "other leaves", "live"):
            mixed = [path for kind, paths in chosen.items() if kind.startswith(group) for path in paths]
            if mixed:
                figures[f"{group}{_AT_ONCE_MS}"] = crowd_ms(host, mixed)
        figures["outside (404), ms"] = median_ms(host, _outside(chosen["kept PNG"]), {}, 404)
    return figures


def judged(figures: dict[str, object]) -> list[dict[str, object]]:
    """Of each figure that there is a goal for: which, and whether it is held."""
    found: list[dict[str, object]] = []
    for name, value in figures.items():
        if isinstance(value, float) and name != _MADE_MS:
            wanted = GOAL_CROWD_MS if name.endswith(_AT_ONCE_MS) else GOAL_MS
            found.append({"goal": name, "wanted": wanted, "reached": round(value, 2), "held": value < wanted})
    return found


def tiles(home: Path) -> Iterator[Run]:
    """Tiles of all trees; below each leaf the first that there are at hips_order."""
    for build in Trees(home / "hips").served().values():
        yield from _of_build(build)


def _of_build(build: Build) -> Iterator[Run]:
    try:
        held = read_held(build.directory)
    except OSError:
        return
    properties = parse_properties((build.tree / "properties").read_text(encoding="utf-8"))
    deepest = int(properties.get("hips_order") or 0)
    for record in held.tiles():
        if not record.filled:
            continue
        below = _below(held, record, deepest)
        for extension in ("fits", "png"):
            name = TileName(record.order, record.cell, extension)
            yield _kept_kind(build.tree / str(name), extension), [f"/hips/{build.name}/{name}"]
            made = [f"/hips/{build.name}/{TileName(deepest, cell, extension)}" for cell in below]
            if made:
                yield f"made {extension.upper()}", made
                yield f"other leaves {extension.upper()}", made[:1]


def _below(held: Held, record: TileRecord, deepest: int) -> list[int]:
    """The first cells with data at the deepest order below a leaf; none below what is no leaf."""
    if not record.leaf or record.order == deepest:
        return []
    covered, steps = held.covered, 2 * (29 - deepest)
    first, last = (number << 2 * (29 - record.order) for number in (record.cell, record.cell + 1))
    found: dict[int, None] = {}
    for place in range(int(np.searchsorted(covered.stops, first, "right")), len(covered.stops)):
        start, stop = max(int(covered.starts[place]), first), min(int(covered.stops[place]), last)
        if start >= stop:
            break
        found.update(dict.fromkeys(range(start >> steps, ((stop - 1) >> steps) + 1)[:_BELOW]))
        if len(found) >= _BELOW:
            break
    return list(found)[:_BELOW]


def _live_trees(host: str, home: Path) -> tuple[float, list[Run]]:
    """What the first file of the trees of some data sets took (the longest, ms), and tiles of these."""
    kept = set(Trees(home / "hips").served())
    listed = _text(host, "/hips/hipslist")
    names = re.findall(r"^hips_service_url *= *\S+/hips/(\S+)$", listed, re.M)
    chosen = _spread([name for name in names if name not in kept], _LIVE)
    longest, runs = 0.0, list[Run]()
    for name in chosen:
        [seconds] = ask(host, [f"/hips/{name}/properties"], {})
        longest = max(longest, seconds * 1e3)
        properties = parse_properties(_text(host, f"/hips/{name}/properties"))
        order, frame = (int(properties.get(key) or 0) for key in ("hips_order", "hips_cube_firstframe"))
        moc = MOC.from_fits(io.BytesIO(_content(host, f"/hips/{name}/Moc.fits")))
        for above in range(3, order + 1):
            cells = moc.degrade_to_order(above).flatten() if above < moc.max_order else moc.flatten()
            for cell in _spread([int(cell) for cell in cells], _BELOW):
                for extension in ("fits", "png"):
                    path = f"/hips/{name}/{TileName(above, cell, extension, frame)}"
                    runs.append((f"live {extension.upper()}", [path]))
    return longest, runs


def _text(host: str, path: str) -> str:
    return _content(host, path).decode("utf-8")


def _content(host: str, path: str) -> bytes:
    with urlopen(f"http://{host}{path}", timeout=60) as answer:
        content: bytes = answer.read()
    return content


def _kept_kind(path: Path, extension: str) -> str:
    found = kept_file(path)
    packed = found is not None and found.suffix == PACKED
    return f"kept {extension.upper()}{' packed' if packed else ''}"


def _chosen(runs: Iterable[Run]) -> dict[str, list[str]]:
    """Paths of each kind, about as many, along the whole sky."""
    kinds: dict[str, list[list[str]]] = {}
    for kind, paths in runs:
        kinds.setdefault(kind, []).append(paths)
    found = {}
    for kind, parts in kinds.items():
        longest = max(map(len, parts))
        found[kind] = [path for paths in _spread(parts, -(-_EACH // longest)) for path in paths]
    return found


def _spread(all_of_them: Sequence[T], most: int) -> list[T]:
    return list(all_of_them[:: max(1, len(all_of_them) // most)][:most])


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
