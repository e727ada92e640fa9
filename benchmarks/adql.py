"""ADQL: what compiling costs, and queries on a million and ten million rows on each engine.

``python -m benchmarks.adql --rows 1000000 10000000 --engines duckdb postgresql``: PostgreSQL is started for
the purpose from the machine's own binaries. The snapshots are kept below ``--scratch`` for a next run.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

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
LIMITS = Limits(seconds=600.0, memory_bytes=MEMORY_BYTES, batch_rows=50_000)
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
    "WHERE 1 = CONTAINS(POINT(s_ra, s_dec), CIRCLE(150.0, -30.0, 0.1))",
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


def compile_times() -> dict[str, float]:
    """Milliseconds of parse, resolve, plan and write: median of the medians of each query, and the worst."""

    def compile_one(text: str) -> None:
        write(plan_query(resolve(parse(text), published()), 1000), "duckdb")

    medians = [_median_ms(lambda text=text: compile_one(text), 50) for text in TYPICAL]
    return {
        "compile, median of 20 queries, ms (goal 1)": statistics.median(medians),
        "compile, slowest of them, ms": max(medians),
        "compile, POINT in constant POLYGON, ms": _median_ms(lambda: compile_one(POLYGON), 50),
    }


def _median_ms(action: Callable[[], object], times: int, most_seconds: float = 20.0) -> float:
    """Median milliseconds after one unmeasured round; fewer times where they take long."""
    action()
    samples: list[float] = []
    ends = time.perf_counter() + most_seconds
    while len(samples) < 3 or (len(samples) < times and time.perf_counter() < ends):
        started = time.perf_counter()
        action()
        samples.append((time.perf_counter() - started) * 1e3)
    return statistics.median(samples)


def query_times(snapshot: Snapshot, engine: Engine) -> dict[str, float]:
    """Milliseconds and rows of each query, through `query.ask` with all its stages."""
    figures: dict[str, float] = {}

    def run(adql: str, uploads: tuple[Upload, ...] = ()) -> int:
        context = Context(ANONYMOUS, datetime(2024, 1, 1, tzinfo=UTC), "https://vo.example", LIMITS, Rights())
        with ask(Question(adql, uploads=uploads), context, snapshot, engine) as answer:
            return sum(batch.num_rows for batch in answer.batches)

    for name, adql in QUERIES.items():
        figures[f"{name}, ms"] = _median_ms(lambda adql=adql: run(adql), 20)
        figures[f"{name}, rows"] = run(adql)
    places = snapshot.read("ivoa.obscore", ["s_ra", "s_dec"])
    ra, dec = (np.asarray(places[name]) for name in ("s_ra", "s_dec"))
    for rows in MATCH_ROWS:
        upload = upload_of("mine", match_table(rows, ra, dec))
        figures[f'match of {rows:,} rows at 5", ms'] = _median_ms(
            lambda upload=upload: run(MATCH, (upload,)), 20
        )
        figures[f'match of {rows:,} rows at 5", pairs'] = run(MATCH, (upload,))
    return figures


def _snapshot(scratch: Path, rows: int) -> Snapshot:
    """The snapshot of so many rows, made or found."""
    home = scratch / f"adql-home-{rows}"
    if not home.exists():
        free = shutil.disk_usage(scratch).free
        if free < rows * BYTES_A_ROW:
            raise SystemExit(
                f"{rows:,} rows need {rows * BYTES_A_ROW / 1e9:.0f} GB, {free / 1e9:.0f} GB are free"
            )
        making = scratch / f"adql-home-{rows}.part"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        publish(making, rows)
        making.rename(home)
    catalogue = Catalogue.open_in(home)
    snapshots = Snapshots(home, catalogue)
    found = snapshots.current()
    snapshots.close()
    catalogue.close()
    assert found is not None
    return found


def _open(
    name: str, snapshot: Snapshot, closing: ExitStack, database: str
) -> tuple[Engine, dict[str, float]]:
    """An engine on the snapshot, and what it took to get it ready."""
    started = time.perf_counter()
    if name == "duckdb":
        engine: Engine = DuckDBEngine(snapshot.engine_file, memory_bytes=MEMORY_BYTES)
    else:
        sys.path.insert(0, str(REPOSITORY / "tests"))
        from postgres_cluster import find_binaries, start_cluster

        binaries = find_binaries()
        if binaries is None:
            raise SystemExit("PostgreSQL is not installed")
        place = start_cluster(binaries, os.getpid()).make_database(database)
        PostgreSQLMirror(place.owner_url, place.reader_url, "a benchmark").load(snapshot)
        engine = PostgreSQLEngine(
            place.reader_url, schema_names(snapshot), memory_bytes=MEMORY_BYTES, connections=2
        )
    closing.callback(engine.close)
    return engine, {"getting ready, s": time.perf_counter() - started}


def measure(scratch: Path, sizes: Sequence[int], engines: Sequence[str]) -> None:
    """All figures, printed and written to results/adql.json."""
    figures: dict[str, object] = dict(compile_times())
    for name in engines:
        cones = {}
        for rows in sizes:
            snapshot = _snapshot(scratch, rows)
            with ExitStack() as closing:
                engine, found = _open(name, snapshot, closing, f"bench_{rows}")
                found |= query_times(snapshot, engine)
            cones[rows] = found["cone 0.1 deg, ms"]
            figures |= {f"{name}, {rows:,} rows: {key}": value for key, value in found.items()}
            report("adql", figures)
        if len(sizes) > 1:
            first, last = min(sizes), max(sizes)
            figures[f"{name}: cone growth {first:,} to {last:,} (goal 1.5)"] = cones[last] / cones[first]
    report("adql", figures)


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
