"""TAP services beside each other: the same questions in turn, medians, and whether our goals hold.

``python -m benchmarks.tap --service ours=http://127.0.0.1:8000/tap,ivoa.obscore,PID
[--service dachs=http://127.0.0.1:8080/tap,alma.obscore,PID,DATABASE_PID]``

The first service is ours. PIDs are of processes whose memory counts, with all below them. Requests go to
one service after the other (A B A B ...), so that what else the machine does hits both. A case is void where
services do not agree on its rows, as far as they can be compared (`Case.compared`); one whose rows differ by
design, or that comes to another place each time, is not. Of a dump all rows must come: a service that cuts
them has failed the case. Exit status 1: a goal does not hold.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.measure import RESULTS, conclude, show
from benchmarks.processes import Memory
from benchmarks.tap_cases import Case, Goals, cases, small_queries
from benchmarks.tap_client import Client, Refused, Reply, read_peer
from benchmarks.tap_load import requests_a_second
from benchmarks.tap_rows import explore, rows_seen

CLIENTS = (1, 8, 32)
_RATE_GOALS = {8: 10.0, 32: 10.0}


@dataclass
class Contestant:
    """A service to be measured."""

    name: str
    client: Client
    table: str
    pids: tuple[int, ...]

    @classmethod
    def read(cls, text: str) -> Contestant:
        """``NAME=URL,TABLE[,PID...]``. Raises ValueError."""
        name, client, table, pids = read_peer(text)
        return cls(name, client, table, pids)


@dataclass
class Figures:
    """What a service did in one case; times in seconds, memory in MB above idle."""

    totals: list[float] = field(default_factory=list)
    firsts: list[float] = field(default_factory=list)
    size: int = 0
    memory: float | None = None
    trouble: str | None = None

    def add(self, reply: Reply) -> None:
        self.totals.append(reply.total)
        self.firsts.append(reply.first)
        self.size = reply.size

    def as_json(self, rows: int | None) -> dict[str, object]:
        if self.trouble is not None or not self.totals:
            return {"trouble": self.trouble}
        ordered = sorted(self.totals)
        median = statistics.median(ordered)
        told: dict[str, object] = {
            "median_s": round(median, 5),
            "min_s": round(ordered[0], 5),
            "p90_s": round(ordered[round(0.9 * (len(ordered) - 1))], 5),
            "first_byte_s": round(statistics.median(self.firsts), 5),
            "bytes": self.size,
            "runs": len(ordered),
        }
        if rows:
            told["rows_per_s"] = round(rows / median)
        if self.memory is not None:
            told["memory_mb"] = round(self.memory, 1)
        return told


def measure(case: Case, contestants: Sequence[Contestant], runs: int) -> dict[str, object]:
    """One case on all services in turn, its goals judged."""
    figures = {each.name: Figures() for each in contestants}
    void = _disagreement(case, contestants)
    for turn in range(-1, 3 if case.is_large and runs > 3 else runs):  # the first one is not counted
        for each in contestants:
            mine = figures[each.name]
            if mine.trouble is None:
                try:
                    with Memory(each.pids if case.is_large else ()) as memory:
                        reply = case.ask(each.client, each.table)
                except (Refused, OSError) as error:
                    mine.trouble = f"{type(error).__name__}: {error}"
                    continue
                if turn >= 0:
                    mine.add(reply)
                if memory.above_idle is not None:  # the first too: what it takes may stay for the next
                    mine.memory = max(mine.memory or 0.0, memory.above_idle)
    told = {name: one.as_json(case.rows) for name, one in figures.items()}
    return {"case": case.name, "void": void, **told, "goals": judge(case.goals, list(told.values()), void)}


def judge(goals: Goals, told: Sequence[dict[str, object]], void: str | None) -> list[dict[str, object]]:
    """Each goal with what was reached; ``held`` is None where there is nothing to compare with."""

    def number(index: int, name: str) -> float | None:
        value = told[index].get(name) if index < len(told) else None
        return float(value) if isinstance(value, (int, float)) else None

    made: list[dict[str, object]] = []
    wanted = (
        ("time beside theirs", goals.time, number(0, "median_s"), number(1, "median_s"), False),
        ("rows/s beside theirs", goals.rows, number(0, "rows_per_s"), number(1, "rows_per_s"), True),
        ("first byte in s", goals.first, number(0, "first_byte_s"), 1.0, False),
        ("MB above idle", goals.memory, number(0, "memory_mb"), 1.0, False),
    )
    for name, goal, ours, theirs, more_is_better in wanted:
        if goal is None:
            continue
        reached = None if ours is None or not theirs else ours / theirs
        held = None if reached is None else (reached >= goal if more_is_better else reached <= goal)
        if "trouble" in told[0] or (void and "theirs" in name):
            held = False
        made.append({"goal": name, "wanted": goal, "reached": reached and round(reached, 4), "held": held})
    return made


def _disagreement(case: Case, contestants: Sequence[Contestant]) -> str | None:
    """What services do not agree on; None where they do, or where there is one alone."""
    if case.compared is None or len(contestants) < 2:
        return None
    seen: dict[str, tuple[int, str]] = {}
    for each in contestants:
        try:
            seen[each.name] = rows_seen(case.compared(each.client, each.table).body, case.key)
        except (Refused, OSError) as error:
            return f"{each.name}: {error}"
    counts = ", ".join(f"{name} {count} rows, key {key}" for name, (count, key) in seen.items())
    return None if len(set(seen.values())) == 1 else counts


def measure_load(
    contestants: Sequence[Contestant], texts: Sequence[str], asked: int, keep: bool
) -> list[dict[str, object]]:
    """Requests a second of 1, 8 and 32 clients, three times in turn."""
    made = []
    for clients in CLIENTS:
        rates: dict[str, list[float]] = {each.name: [] for each in contestants}
        errors: dict[str, int] = {each.name: 0 for each in contestants}
        for _ in range(3):
            for each in contestants:
                here = [text.format(table=each.table) for text in texts]
                rate, failed = requests_a_second(each.client.url, here, clients, asked, keep)
                rates[each.name].append(rate)
                errors[each.name] += failed
        told: list[dict[str, object]] = [
            {"requests_per_s": round(statistics.median(rates[each.name]), 1), "errors": errors[each.name]}
            for each in contestants
        ]
        goals = []
        if keep and clients in _RATE_GOALS:
            ours = statistics.median(rates[contestants[0].name])
            theirs = statistics.median(rates[contestants[1].name]) if len(contestants) > 1 else None
            reached = None if not theirs else round(ours / theirs, 2)
            held = None if reached is None else reached >= _RATE_GOALS[clients] and not told[0]["errors"]
            goals = [
                {
                    "goal": "requests/s beside theirs",
                    "wanted": _RATE_GOALS[clients],
                    "reached": reached,
                    "held": held,
                }
            ]
        name = f"{clients} clients, {'connections kept' if keep else 'a connection each'}"
        named = {each.name: one for each, one in zip(contestants, told, strict=True)}
        made.append({"case": name, "void": None, **named, "goals": goals})
    return made


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tap", description=__doc__)
    parser.add_argument("--service", action="append", required=True, metavar="NAME=URL,TABLE[,PID...]")
    parser.add_argument("--runs", type=int, default=9, help="counted runs of a small case (large ones: 3)")
    parser.add_argument("--dump-rows", type=int, default=200_000)
    parser.add_argument("--wide-rows", type=int, default=1_000_000)
    parser.add_argument("--asked", type=int, default=600, help="queries of each load")
    parser.add_argument("--only", default="", help="cases whose name holds this text")
    parser.add_argument("--out", type=Path, default=RESULTS / "tap.json")
    options = parser.parse_args()
    contestants = [Contestant.read(text) for text in options.service]
    ground = explore([(each.client, each.table) for each in contestants])
    results = []
    for case in cases(ground, options.dump_rows, options.wide_rows):
        if options.only in case.name:
            results.append(measure(case, contestants, options.runs))
            show(results[-1])
    for keep in (True, False):
        if not options.only or "clients" in options.only:
            for told in measure_load(contestants, small_queries(ground), options.asked, keep):
                results.append(told)
                show(told)
    facts = {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "cpus": os.cpu_count(),
        "load": os.getloadavg(),
        "python": platform.python_version(),
        "services": {each.name: {"url": each.client.url, "table": each.table} for each in contestants},
    }
    sys.exit(conclude(options.out, facts, results))


if __name__ == "__main__":
    main()
