"""Coverage maps and trees: ``python -m benchmarks.hips [--quick] [--only PART,...] [--place DIR]``.

``fields``, ``large``: trees of 200 fields of 512 x 512 pixels, and of one of 4096 x 4096, by our engine and
by hipsgen alone, in turn. ``deep``: the same fields in one tree, by both engines of ours. ``deep`` and
``sources``: what was planted in fields, as it is found in tiles. ``moc``, ``tiles``, ``search``: the
benchmarks `hips_moc`, `hips_tiles`, `hips_search`. The machine's load stands beside the figures: others who
work there count in them. Exit status 1: a goal does not hold.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks import hips_moc, hips_tiles
from benchmarks.hips_trees import Bench, Told, run_deep, run_fields, run_large, run_large_sources
from benchmarks.measure import RESULTS, conclude, show

SEARCH_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of the other benchmarks: footprints, products of the sample, rows, and how often each is asked."""

    footprints: int = 200_000
    products: int = 60
    rows: int = 1_000_000
    asked: int = 25


Part = Callable[[Bench, Sizes], Iterator[Told]]


def run_moc(bench: Bench, sizes: Sizes) -> Iterator[Told]:
    """In a process of its own, whose memory is told."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as alone:
        yield alone.submit(hips_moc.run_covering, sizes.footprints).result()


def run_tiles(bench: Bench, sizes: Sizes) -> Iterator[Told]:
    """Of the trees of sample holdings."""
    with bench.scratch() as folder:
        found = hips_tiles.measured(hips_tiles.make_home(Path(folder), sizes.products), os.cpu_count() or 1)
    times = {name: round(value, 2) for name, value in found.items() if isinstance(value, float)}
    yield {"case": "tiles asked for", "ours": times, "goals": hips_tiles.judged(found)}


def run_search(bench: Bench, sizes: Sizes) -> Iterator[Told]:
    """As a command: what it finds are the results in its file."""
    with bench.scratch() as folder:
        out = Path(folder) / "search.json"
        words = [sys.executable, "-m", "benchmarks.hips_search", "--place", folder, "--out", str(out)]
        words += ["--rows", str(sizes.rows), "--runs", str(sizes.asked)]
        done = subprocess.run(words, stdout=subprocess.DEVNULL, timeout=SEARCH_SECONDS)
        if not out.exists():
            raise RuntimeError(f"benchmarks.hips_search ended with {done.returncode}")
        yield from json.loads(out.read_text(encoding="utf-8"))["results"]


def _of_trees(run: Callable[[Bench], Iterator[Told]]) -> Part:
    return lambda bench, sizes: run(bench)


PARTS: dict[str, Part] = {
    "fields": _of_trees(run_fields),
    "large": _of_trees(run_large),
    "deep": _of_trees(run_deep),
    "sources": _of_trees(run_large_sources),
    "moc": run_moc,
    "tiles": run_tiles,
    "search": run_search,
}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hips", description=__doc__)
    parser.add_argument("--only", default=",".join(PARTS), help=f"of {', '.join(PARTS)}, with commas")
    parser.add_argument("--quick", action="store_true", help="small sizes, once: to see that all runs")
    parser.add_argument("--runs", type=int, default=3, help="of each tree")
    parser.add_argument("--place", type=Path, help="where files are made (default: a folder that goes again)")
    parser.add_argument("--out", type=Path, default=RESULTS / "hips.json")
    options = parser.parse_args()
    options.parts = options.only.split(",")
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return options


def main() -> None:
    """Measure what the command line names, and say what held."""
    options = _options()
    results: list[Told] = []
    facts = {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "cpus": os.cpu_count(),
        "load_before": os.getloadavg(),
        "python": platform.python_version(),
        "quick": options.quick,
    }
    with ExitStack() as parts:
        place = options.place or Path(parts.enter_context(tempfile.TemporaryDirectory(prefix="vo-bench-")))
        place.mkdir(parents=True, exist_ok=True)
        bench, sizes = Bench(place, runs=options.runs), Sizes()
        if options.quick:
            bench = Bench(place, fields=12, large=1024, runs=1)
            sizes = Sizes(footprints=5_000, products=12, rows=20_000, asked=5)
        for name in options.parts:
            for told in PARTS[name](bench, sizes):
                results.append({"part": name, **told})
                show(told)
    facts["load_after"] = os.getloadavg()
    sys.exit(conclude(options.out, facts, results))


if __name__ == "__main__":
    main()
