"""Trees of plain fields, each made by a command of its own, whose time and memory are measured.

``python -m benchmarks.hips_builds LIST PLACE ENGINE PROCESSES`` is that of ours.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.hips_fields import ImageField, read_list, write_list
from benchmarks.processes import proportional_mb
from hips.hipsgen.tool import DEBIAN_JAR
from hips.images.build import build_tree
from hips.images.engine import Engine
from hips.images.hipsgen import hipsgen_engine
from hips.images.resample import Reproject
from hips.tiles.files import PACKED
from hips.trees.description import Description
from hips.trees.versions import Trees

NAME = "continuum"
_SAMPLED = 0.1
_ENGINES: dict[str, Callable[[], Engine]] = {"reproject": Reproject, "hipsgen": hipsgen_engine}


@dataclass(frozen=True, slots=True)
class Made:
    """A tree, and what it took: seconds of the whole command, MB of all its processes together at their
    most (proportional sizes), FITS tiles of all orders, MB of all files that are served. ``order`` is the
    deepest."""

    tree: Path
    order: int
    seconds: float
    peak_mb: float
    tiles: int
    megabytes: float

    @classmethod
    def at(cls, tree: Path, order: int, seconds: float, peak_mb: float) -> Made:
        """What lies there now."""
        tiles = sum(1 for _ in tree.glob("Norder*/Dir*/Npix*.fits*"))
        names = [*tree.glob("*.*"), *tree.glob("Norder*/**/*")]
        size = sum(path.stat().st_size for path in names if path.is_file())
        return cls(tree, order, seconds, peak_mb, tiles, size / 1e6)


def make_ours(place: Path, fields: Sequence[ImageField], engine: str = "reproject") -> Made:
    """One tree of all fields, with its pictures, coverage and whatever else a tree of ours has."""
    place.mkdir(parents=True)
    listed = place / "fields.json"
    write_list(listed, fields)
    words = [sys.executable, "-m", "benchmarks.hips_builds"]
    words += [str(listed), str(place / "hips"), engine, str(os.cpu_count() or 1)]
    seconds, peak = _measured(words, place)
    build = Trees(place / "hips").current(NAME)
    assert build is not None
    return Made.at(build.tree, max(one.order for one in fields), seconds, peak)


def make_theirs(place: Path, fields: Sequence[ImageField], order: int) -> Made:
    """The same by hipsgen alone, as its users call it: tiles, pictures and coverage. All fields get the same
    order."""
    (place / "in").mkdir(parents=True)
    for one in fields:
        (place / "in" / one.path.name).symlink_to(one.path)
    words = ["java", "-Djava.awt.headless=true", f"-Duser.home={place}", "-jar", str(DEBIAN_JAR), "-hipsgen"]
    words += [f"in={place / 'in'}", f"out={place / 'out'}", "creator_did=ivo://benchmark/P/tree"]
    words += [f"hips_order={order}", "INDEX", "TILES", "PNG", "MOC"]
    seconds, peak = _measured(words, place)
    if not (place / "out" / "Moc.fits").exists():
        raise RuntimeError(f"hipsgen made no whole tree: {(place / 'said.txt').read_text()[-2000:]}")
    return Made.at(place / "out", order, seconds, peak)


def _measured(words: Sequence[str], place: Path) -> tuple[float, float]:
    """Seconds of a command, and MB of its processes. Raises RuntimeError where it fails."""
    peak = 0.0
    with (place / "said.txt").open("wb") as said:
        started = time.perf_counter()
        process = subprocess.Popen(words, stdout=said, stderr=said)
        while True:
            try:
                process.wait(_SAMPLED)
                break
            except subprocess.TimeoutExpired:
                peak = max(peak, proportional_mb([process.pid]))
        seconds = time.perf_counter() - started
    if process.returncode:
        raise RuntimeError(f"{' '.join(words)}: {(place / 'said.txt').read_text()[-2000:]}")
    return seconds, peak


def tile_file(tree: Path, order: int, cell: int) -> Path | None:
    """The FITS tile of a tree, ours or another's."""
    path = tree / f"Norder{order}" / f"Dir{cell // 10000 * 10000}" / f"Npix{cell}.fits"
    packed = path.with_name(path.name + PACKED)
    return next((each for each in (path, packed) if each.exists()), None)


def _describe(names: Sequence[str]) -> Description:
    return Description(
        creator_did="ivo://benchmark/P/tree",
        title="Fields of a benchmark",
        text="Noise and sources",
        unit="MJy/sr",
        progenitors=tuple(names),
    )


def main() -> None:
    """Make a tree as the command line says."""
    listed, place, engine, processes = sys.argv[1:]
    fields, trees = read_list(Path(listed)), Trees(Path(place))
    with trees.writing("a benchmark"):
        report = build_tree(NAME, fields, _ENGINES[engine](), trees, _describe, processes=int(processes))
    if report.left_out:
        sys.exit(f"left out: {dict(report.left_out)}")


if __name__ == "__main__":
    main()
