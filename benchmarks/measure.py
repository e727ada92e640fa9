"""Timing and memory of commands, and the small statistics that are reported."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Run:
    """A finished command: seconds, peak resident memory of its largest process in MB, exit status."""

    seconds: float
    peak_mb: float
    status: int
    output: str


def run_command(arguments: Sequence[str], **environment: str) -> Run:
    """Run a command to its end and measure it; raises RuntimeError where it fails with a status above 1."""
    started = time.perf_counter()
    process = subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, **environment}
    )
    assert process.stdout is not None
    output = process.stdout.read().decode("utf-8", "replace")
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    run = Run(time.perf_counter() - started, usage.ru_maxrss / 1024, process.returncode, output)
    if run.status not in (0, 1):
        raise RuntimeError(f"{' '.join(arguments)} ended with {run.status}:\n{output[-2000:]}")
    return run


def service(home: Path, *arguments: str) -> list[str]:
    """The command line of ``vo-service`` in this interpreter."""
    return [sys.executable, "-m", "vo_service.cli", "--home", str(home), "--quiet", *arguments]


def median_ms(action: Callable[[], object], times: int) -> float:
    """Median milliseconds of an action, after three unmeasured rounds."""
    for _ in range(3):
        action()
    samples = []
    for _ in range(times):
        started = time.perf_counter()
        action()
        samples.append((time.perf_counter() - started) * 1e3)
    return statistics.median(samples)


def report(name: str, figures: dict[str, object]) -> None:
    """Print the figures as a table and write them to ``results/NAME.json``."""
    width = max(len(k) for k in figures)
    print(f"\n{name}")
    for key, value in figures.items():
        text = f"{value:,.3f}" if isinstance(value, float) else str(value)
        print(f"  {key:<{width}}  {text}")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def show(told: dict[str, object]) -> None:
    """One case as lines of text: what each did, and its goals."""
    void = f"  VOID: {told['void']}" if told.get("void") else ""
    sys.stdout.write(f"{told['case']}{void}\n")
    for name, one in told.items():
        if isinstance(one, dict):
            sys.stdout.write(f"    {name:10s} " + "  ".join(f"{k} {v}" for k, v in one.items()) + "\n")
    goals = told["goals"]
    assert isinstance(goals, list)
    for goal in goals:
        word = {True: "met", False: "NOT met", None: "nothing to compare with"}[goal["held"]]
        sys.stdout.write(f"    goal {goal['goal']} {goal['wanted']}: reached {goal['reached']}: {word}\n")
    sys.stdout.flush()


def conclude(out: Path, facts: Mapping[str, object], results: Sequence[Mapping[str, object]]) -> int:
    """Write facts and results as JSON and say which goals do not hold. Returns an exit status: 1 if any."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({**facts, "results": results}, indent=1) + "\n", encoding="utf-8")
    missed = [told["case"] for told in results if any(g["held"] is False for g in told["goals"])]  # type: ignore[attr-defined]
    sys.stdout.write(f"\ngoals not met in: {', '.join(map(str, missed)) or 'none'}\n")
    return 1 if missed else 0
