"""Products: headers harmonised per second and core, ingest of the sample, and its memory."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from benchmarks.measure import report, run_command, service
from vo_service.holdings.describe import describe_product
from vo_service.holdings.records import FoundFile


def run(scratch: Path, rows: int) -> None:
    """200 sample products: headers in this process (one core), then the command as a user runs it."""
    sample = scratch / "sample"
    if not sample.exists():
        run_command(service(scratch / "unused", "sample", str(sample), "--seed", "7", "--products", "200"))
    root = sample / "products"
    found = [
        FoundFile("products", path.relative_to(root).as_posix(), path.stat().st_size, path.stat().st_mtime_ns)
        for path in sorted(root.rglob("*.fits*"))
    ]
    for file in found[:10]:
        describe_product(file, root)
    rates = []
    for _ in range(5):
        started = time.perf_counter()
        for file in found:
            describe_product(file, root)
        rates.append(len(found) / (time.perf_counter() - started))
    ingest = run_command(service(scratch / "ingest-home", "ingest", str(root)))
    again = run_command(service(scratch / "ingest-home", "ingest", str(root)))
    report(
        "products",
        {
            "files": len(found),
            "headers per second and core (goal 200)": statistics.median(rates),
            "ingest of the sample, s": ingest.seconds,
            "ingest, peak MB of the largest process (goal 1000)": ingest.peak_mb,
            "ingest again, nothing changed, s": again.seconds,
        },
    )
