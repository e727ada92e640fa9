"""ADQL: what compiling costs, and queries on a million and ten million rows on each engine.

``python -m benchmarks.adql --rows 1000000 10000000 --engines duckdb postgresql``: PostgreSQL is started for
the purpose from the machine's own binaries. The snapshots are kept below ``--scratch`` for a next run.

Queries run through `query.ask` with all its stages, in this process: the figures hold no HTTP, no VOTable.
Each goal is printed as met or NOT met. All figures go to ``results/adql.json`` after each engine and size.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.adql_rows import match_table, publish
from benchmarks.measure import report
from tap_schema import published
from vo_service.access import ANONYMOUS, Rights
from vo_service.adql import parse, plan_query, resolve, write
from vo_service.engines import DuckDBEngine, Engine, Limits, PostgreSQLEngine
from vo_service.engines.postgresql_loader import PostgreSQLMirror
from vo_service.engines.postgresql_tables import schema_names
from vo_service.query import Context, Question, Upload, ask, upload_of
from vo_service.store import Catalogue, Snapshot, Snapshots

MEMORY_BYTES = 2_000_000_000
LIMITS = Limits(seconds=600.0, batch_rows=50_000)
BYTES_A_ROW = 2600  # Parquet, engine file and PostgreSQL's table with its indexes, measured and rounded up
REPOSITORY = Path(__file__).resolve().parent.parent

TYPICAL = (
    "SELECT TOP 10 obs_publisher_did, s_ra, s_dec FROM ivoa.obscore",
    "SELECT * FROM ivoa.obscore WHERE obs_publisher_did = 'ivo://x/obs?1'",
    "SELECT * FROM ivoa.obscore WHERE 1 = CONTAINS(POINT(s_ra, s_dec), CIRCLE(204.25, -29.87, 0.1))",
    "SELECT * "
    "FROM ivoa.obscore WHERE 1 = CONTAINS(POINT('ICRS', s_ra, s_dec), CIRCLE('ICRS', 204.25, -29.87, 1))",
    "SELECT obs_id FROM ivoa.obscore WHERE 1 = INTERSECTS(CIRCLE(204.25, -29.87, 0.1), s_region)",
    "SELECT obs_id FROM ivoa.obscore WHERE 1 = CONTAINS(POINT(204.25, -29.87), s_region)",
    "SELECT obs_id FROM ivoa.obscore WHERE DISTANCE(POINT(s_ra, s_dec), POINT(204.25, -29.87)) < 0.1",
    "SELECT obs_id FROM ivoa.obscore WHERE target_name = 'M83' AND s_resolution < 1 AND band_list LIKE '%6%'",
    "SELECT obs_id, t_exptime / 3600 AS h "
    "FROM ivoa.obscore WHERE t_min BETWEEN 58000 AND 59000 ORDER BY h DESC",
    "SELECT band_list, COUNT(*) AS n, MIN(s_resolution) AS r "
    "FROM ivoa.obscore GROUP BY band_list ORDER BY n DESC",
    "SELECT o.obs_id, d.role "
    "FROM ivoa.obscore AS o JOIN holdings.dataset AS d ON o.dataset_id = d.dataset_id",
    "SELECT obs_id FROM ivoa.obscore WHERE em_min < 0.0013 AND em_max > 0.0013 AND data_rights = 'Public'",
    "SELECT obs_id FROM ivoa.obscore WHERE 1 = line_covered('CO(2-1)', 0, 0.1, em_support)",
    "SELECT DISTINCT target_name FROM ivoa.obscore WHERE target_name ILIKE 'ngc%'",
    "SELECT table_name, column_name, unit FROM tap_schema.columns WHERE table_name = 'ivoa.obscore'",
    "WITH near AS (SELECT obs_id, s_ra, s_dec "
    "FROM ivoa.obscore WHERE s_dec < -20) SELECT COUNT(*) AS n FROM near",
    "SELECT obs_id FROM ivoa.obscore WHERE proposal_id IN (SELECT proposal_id FROM holdings.observation)",
    "SELECT obs_id FROM ivoa.obscore WHERE IN_UNIT(s_resolution, 'mas') < 50 OR s_resolution IS NULL",
    "SELECT COUNT(*) AS n, AVG(t_exptime) AS m FROM ivoa.obscore WHERE obs_release_date > '2022-01-01'",
    "SELECT TOP 100 obs_id, DISTANCE(s_ra, s_dec, 10, 20) AS d FROM ivoa.obscore ORDER BY d",
)
POLYGON = (
    "SELECT obs_id FROM ivoa.obscore "
    "WHERE 1 = CONTAINS(POINT(s_ra, s_dec), POLYGON(10, -20, 12, -20, 11, -18))"
)

QUERIES = {
    "cone 0.1 deg": "SELECT obs_publisher_did, s_ra, s_dec FROM ivoa.obscore "
    "WHERE 1 = CONTAINS(POINT(s_ra, s_dec), CIRCLE({ra}, {dec}, 0.1))",
    "polygon INTERSECTS s_region": "SELECT obs_publisher_did FROM ivoa.obscore WHERE 1 = "
    "INTERSECTS(s_region, POLYGON(149.5, -30.5, 150.5, -30.5, 150.4, -29.6, 149.6, -29.6))",
    "physical (resolution, time, window, rights)": "SELECT COUNT(*) AS n FROM ivoa.obscore "
    "WHERE s_resolution < 0.1 AND t_exptime > 3000 AND em_min < 0.00131 AND em_max > 0.0013 "
    "AND data_rights = 'Public'",
    "GROUP BY band": "SELECT band_list, COUNT(*) AS n, AVG(s_resolution) AS r, MIN(t_min) AS t "
    "FROM ivoa.obscore GROUP BY band_list",
}
MATCH = (
    "SELECT u.id, o.obs_publisher_did FROM tap_upload.mine AS u JOIN ivoa.obscore AS o "
    "ON DISTANCE(POINT(o.s_ra, o.s_dec), POINT(u.ra, u.dec)) < 5/3600."
)
MATCH_ROWS = (1_000, 100_000)
CONE, MATCH_1000 = "cone 0.1 deg, ms", 'match of 1,000 rows at 5", ms'

COMPILE_MS, MATCH_MS, CONE_GROWTH = 1.0, 80.0, 1.5
INCUMBENT_MATCH_MS = 411.0
"""DaCHS 2.7 on its million rows, the same match over HTTP: median of `peers/bench_tap.py`, 1,000 rows."""

COMPILED = f"compile, median of {len(TYPICAL)} queries"

Figures = dict[str, float]


def compile_times() -> Figures:
    """Milliseconds of parse, resolve, plan and write: median of the medians of each query, and the worst."""

    def compile_one(text: str) -> None:
        write(plan_query(resolve(parse(text), published()), 1000), "duckdb")

    medians = [_median_ms(partial(compile_one, text), 50) for text in TYPICAL]
    return {
        f"{COMPILED}, ms": statistics.median(medians),
        "compile, slowest of them, ms": max(medians),
        "compile, POINT in constant POLYGON, ms": _median_ms(partial(compile_one, POLYGON), 50),
    }


def _median_ms(action: Callable[[], object], times: int, most_seconds: float = 10.0) -> float:
    """Median milliseconds after one unmeasured round; fewer times where they take long, two at least."""
    action()
    samples: list[float] = []
    ends = time.perf_counter() + most_seconds
    while len(samples) < 2 or (len(samples) < times and time.perf_counter() < ends):
        started = time.perf_counter()
        action()
        samples.append((time.perf_counter() - started) * 1e3)
    return statistics.median(samples)


def query_times(snapshot: Snapshot, engine: Engine) -> Figures:
    """Milliseconds and rows of each query, through `query.ask` with all its stages."""
    figures: Figures = {}

    def run(adql: str, uploads: tuple[Upload, ...]) -> int:
        context = Context(ANONYMOUS, datetime(2024, 1, 1, tzinfo=UTC), "https://vo.example", LIMITS, Rights())
        with ask(Question(adql, uploads=uploads), context, snapshot, engine) as answer:
            return sum(batch.num_rows for batch in answer.batches)

    def measured(name: str, unit: str, adql: str, *uploads: Upload) -> None:
        counts: list[int] = []
        figures[f"{name}, ms"] = _median_ms(lambda: counts.append(run(adql, uploads)), 20)
        figures[f"{name}, {unit}"] = counts[-1]

    places = snapshot.read("ivoa.obscore", ["s_ra", "s_dec"])
    ra, dec = (np.asarray(places[name]) for name in ("s_ra", "s_dec"))
    nearest = np.argmin(np.hypot(ra - 150.0, dec + 30.0))  # so that the cone holds something
    for name, adql in QUERIES.items():
        measured(name, "rows", adql.format(ra=ra[nearest], dec=dec[nearest]))
    for rows in MATCH_ROWS:
        upload = upload_of("mine", match_table(rows, ra, dec))
        measured(f'match of {rows:,} rows at 5"', "pairs", MATCH, upload)
    return figures


def filled_columns(snapshot: Snapshot) -> list[str]:
    """The stored columns of ``ivoa.obscore`` that hold anything; the others cost next to nothing."""
    batch = next(iter(snapshot.read_batches("ivoa.obscore")))
    return [
        name for name, column in zip(batch.schema.names, batch.columns) if column.null_count < len(column)
    ]


def goals(figures: Figures, engines: Sequence[str], sizes: Sequence[int]) -> dict[str, str]:
    """Each goal of the issue that these figures tell of, met or NOT met, beside the incumbent's figure."""
    found = {f"goal: {COMPILED}": _against(figures[f"{COMPILED}, ms"], COMPILE_MS, "ms")}
    for name in engines:
        for rows in sizes:
            place, took = (
                f"{name}, {rows:,} rows, match of 1,000",
                figures[f"{name}, {rows:,} rows: {MATCH_1000}"],
            )
            found[f"goal: {place}"] = _against(took, MATCH_MS, "ms")
            ratio = took / INCUMBENT_MATCH_MS
            found[f"goal: {place} / the incumbent's {INCUMBENT_MATCH_MS:g} ms"] = _against(ratio, 0.2, "x")
        if len(sizes) > 1:
            first, last = min(sizes), max(sizes)
            small, large = (figures[f"{name}, {rows:,} rows: {CONE}"] for rows in (first, last))
            growth = f"goal: {name}, cone, {last:,} / {first:,} rows"
            found[growth] = _against(large / small, CONE_GROWTH, "x")
    return found


def _against(value: float, goal: float, unit: str) -> str:
    """A figure and its goal in words."""
    return f"{'met' if value <= goal else 'NOT met'}: {value:.3g} {unit}, goal {goal:g} {unit}"


def _snapshot(scratch: Path, rows: int) -> tuple[Snapshot, float | None]:
    """The snapshot of so many rows, and what making it took in seconds where it was not found."""
    home, seconds = scratch / f"adql-home-{rows}", None
    if not home.exists():
        free = shutil.disk_usage(scratch).free
        if free < rows * BYTES_A_ROW:
            raise SystemExit(
                f"{rows:,} rows need {rows * BYTES_A_ROW / 1e9:.0f} GB, {free / 1e9:.0f} GB are free"
            )
        making = scratch / f"adql-home-{rows}.part"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        started = time.perf_counter()
        publish(making, rows)
        seconds = time.perf_counter() - started
        making.rename(home)
    catalogue = Catalogue.open_in(home)
    snapshots = Snapshots(home, catalogue)
    found = snapshots.current()
    snapshots.close()
    catalogue.close()
    assert found is not None
    return found, seconds


@cache
def _postgresql() -> Any:
    """A cluster that ends with this process."""
    sys.path.insert(0, str(REPOSITORY / "tests"))
    from postgres_cluster import find_binaries, start_cluster

    binaries = find_binaries()
    if binaries is None:
        raise SystemExit("PostgreSQL is not installed")
    return start_cluster(binaries, os.getpid())


def _open(name: str, snapshot: Snapshot, closing: ExitStack, database: str) -> tuple[Engine, Figures]:
    """An engine on the snapshot, and what it took to get it ready."""
    cluster = _postgresql() if name == "postgresql" else None
    started = time.perf_counter()
    if cluster is None:
        engine: Engine = DuckDBEngine(snapshot.engine_file, memory_bytes=MEMORY_BYTES)
    else:
        place = cluster.make_database(database)
        PostgreSQLMirror(place.owner_url, place.reader_url, "a benchmark").load(snapshot)
        engine = PostgreSQLEngine(
            place.reader_url, schema_names(snapshot), memory_bytes=MEMORY_BYTES, connections=2
        )
    closing.callback(engine.close)
    return engine, {"getting ready, s": time.perf_counter() - started}


def measure(scratch: Path, sizes: Sequence[int], engines: Sequence[str]) -> None:
    """All figures, printed and written to results/adql.json."""
    facts: dict[str, object] = {"machine": f"{platform.machine()}, {os.cpu_count()} processors"}
    figures = compile_times()
    for rows in sizes:
        snapshot, seconds = _snapshot(scratch, rows)
        if seconds is not None:
            figures[f"{rows:,} rows: published in, s"] = seconds
        columns = filled_columns(snapshot)
        facts["columns of ivoa.obscore that are filled"] = f"{len(columns)}: {' '.join(columns)}"
        for name in engines:
            with ExitStack() as closing:
                engine, found = _open(name, snapshot, closing, f"bench_{rows}")
                found |= query_times(snapshot, engine)
            figures |= {f"{name}, {rows:,} rows: {key}": value for key, value in found.items()}
            report("adql", {**facts, **figures})
    report("adql", {**facts, **figures, **goals(figures, engines, sizes)})


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.adql", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument(
        "--engines", nargs="+", default=["duckdb", "postgresql"], choices=["duckdb", "postgresql"]
    )
    parser.add_argument(
        "--scratch", type=Path, help="keeps the snapshots for a next run (default: a temporary one)"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vo-bench-") as temporary:
        scratch = options.scratch or Path(temporary)
        scratch.mkdir(parents=True, exist_ok=True)
        measure(scratch, options.rows, options.engines)


if __name__ == "__main__":
    main()
