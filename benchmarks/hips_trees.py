"""Trees of made fields, by our engines and by hipsgen alone: time, memory, whether they show what is true."""

from __future__ import annotations

import statistics
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.hips_builds import Made, make_ours, make_theirs
from benchmarks.hips_fields import ImageField, make_fields
from benchmarks.hips_truth import compare, differences

Told = dict[str, object]
OURS, THEIRS, TOGETHER = "reproject", "hipsgen alone", "engine hipsgen"
"""Trees of ours by the engine in this process, by hipsgen without us, and of ours by hipsgen."""
_ACCEPTED = 4.0
"""Times hipsgen's seconds that are accepted, with the reason told; not to be slower is the goal."""
_GOALS = {"flux_percent": 1.0, "place_pixels": 0.1}


@dataclass(frozen=True, slots=True)
class Bench:
    """Where files are made, how many small fields and how large a large one, and how often all is done."""

    place: Path
    fields: int = 200
    side: int = 512
    large: int = 4096
    runs: int = 3

    def made(self, count: int, side: int) -> list[ImageField]:
        """Fields, and the folder that they lie in."""
        folder = self.place / f"fields-{count}-{side}"
        folder.mkdir(parents=True, exist_ok=True)
        return make_fields(folder, count, side)

    def scratch(self) -> tempfile.TemporaryDirectory[str]:
        """For trees; it goes with its block."""
        return tempfile.TemporaryDirectory(prefix="trees-", dir=self.place)


def run_fields(bench: Bench) -> Iterator[Told]:
    """Many small fields: hipsgen makes all as deep as it is told, so those of one order are a tree."""
    name = f"{bench.fields} fields of {bench.side} x {bench.side}"
    yield _in_turn(name, bench, bench.made(bench.fields, bench.side))


def run_large(bench: Bench) -> Iterator[Told]:
    """One large field."""
    yield _in_turn(f"one field of {bench.large} x {bench.large}", bench, bench.made(1, bench.large))


def _in_turn(case: str, bench: Bench, fields: Sequence[ImageField]) -> Told:
    groups: dict[int, list[ImageField]] = defaultdict(list)
    for one in fields:
        groups[one.order].append(one)
    runs: list[dict[str, list[Made]]] = []
    away: Told = {}
    for run in range(bench.runs):
        runs.append({OURS: [], THEIRS: []})
        for order, group in sorted(groups.items()):
            with bench.scratch() as folder:
                for name in sorted(runs[run], reverse=run % 2 == 1):
                    place = Path(folder) / name.replace(" ", "-")
                    one = make_theirs(place, group, order) if name == THEIRS else make_ours(place, group)
                    runs[run][name].append(one)
                if run == 0:
                    ours, theirs = (trees[-1] for trees in runs[0].values())
                    away[f"order {order}"] = differences(ours, theirs, order)
    told: Told = {"case": case, "orders": {f"order {order}": len(groups[order]) for order in sorted(groups)}}
    told |= {name: _figures([run[name] for run in runs]) for name in (OURS, THEIRS)}
    ratios = [_seconds(run[OURS]) / _seconds(run[THEIRS]) for run in runs]
    told["differences"] = {name: _in_words(each) for name, each in away.items()}  # type: ignore[arg-type]
    ratio = round(statistics.median(ratios), 2)
    told["goals"] = [
        {"goal": "seconds beside theirs", "wanted": 1.0, "reached": ratio, "held": ratio <= 1.0},
        {"goal": "accepted with a reason", "wanted": _ACCEPTED, "reached": ratio, "held": ratio <= _ACCEPTED},
    ]
    return told


def _seconds(trees: Sequence[Made]) -> float:
    return sum(each.seconds for each in trees)


def _figures(runs: Sequence[Sequence[Made]]) -> Told:
    """Sums over the trees of a run, medians of the runs."""
    return {
        "seconds": round(statistics.median(_seconds(trees) for trees in runs), 2),
        "each": [round(_seconds(trees), 2) for trees in runs],
        "tiles": sum(each.tiles for each in runs[0]),
        "mb": round(sum(each.megabytes for each in runs[0])),
        "peak_mb": round(statistics.median(max(each.peak_mb for each in trees) for trees in runs)),
    }


def _in_words(figures: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in figures.items())


def run_deep(bench: Bench) -> Iterator[Told]:
    """All small fields in one tree, each as deep as it needs, by both engines of ours; and what was planted
    in them, as it is found in the deepest tiles."""
    fields = bench.made(bench.fields, bench.side)
    told: Told = {"case": f"one tree of {bench.fields} fields of {bench.side} x {bench.side}", "goals": []}
    sources: list[Told] = []
    for name, engine in ((OURS, "reproject"), (TOGETHER, "hipsgen")):
        with bench.scratch() as folder:
            made = make_ours(Path(folder) / engine, fields, engine)
            told[name] = _figures([[made]])
            sources.append(_judged(f"sources in that tree, {name}", compare(made, fields)))
    yield told
    yield from sources


def run_large_sources(bench: Bench) -> Iterator[Told]:
    """What was planted in the large field, in trees of all three kinds."""
    fields = bench.made(1, bench.large)
    for name in (OURS, TOGETHER, THEIRS):
        with bench.scratch() as folder:
            place = Path(folder) / name.replace(" ", "-")
            if name == THEIRS:
                made = make_theirs(place, fields, fields[0].order)
            else:
                made = make_ours(place, fields, name.removeprefix("engine "))
            yield _judged(f"sources in the large field, {name}", compare(made, fields))


def _judged(case: str, found: Told) -> Told:
    goals = [
        {"goal": key, "wanted": goal, "reached": value, "held": float(str(value)) <= goal}
        for key, value in found.items()
        for what, goal in _GOALS.items()
        if key.endswith(f"{what}_max")
    ]
    return {"case": case, "found": found, "goals": goals}
