"""Archive rows: harvest of a million generated ones against a bare DuckDB load and sort in the same run."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.measure import report, run_command, service
from benchmarks.rows import write_rows

BARE = """
import sys, duckdb, numpy as np, pyarrow as pa
from cdshealpix.nested import lonlat_to_healpix
from astropy import units as u
source, target = sys.argv[1:]
base = duckdb.connect(target)
base.execute("SET memory_limit = '1GB'")
ra, dec = base.execute(f"SELECT s_ra, s_dec FROM '{source}'").fetchnumpy().values()
base.register("cell", pa.table({"h": lonlat_to_healpix(ra * u.deg, dec * u.deg, 29).astype(np.int64)}))
base.execute(f"CREATE TABLE rows AS SELECT * FROM (SELECT * FROM '{source}') POSITIONAL JOIN cell ORDER BY h")
base.execute("CHECKPOINT")
"""


def prepare(scratch: Path, rows: int) -> tuple[Path, Path]:
    """The generated Parquet file and the home that it is to be harvested into."""
    source = scratch / f"rows-{rows}.parquet"
    if not source.exists():
        write_rows(source, rows)
    return source, scratch / f"archive-home-{rows}"


def run(scratch: Path, rows: int) -> None:
    """Harvest, then one product more into the same snapshot; a bare load and sort beside it."""
    source, home = prepare(scratch, rows)
    bare = run_command([sys.executable, "-c", BARE, str(source), str(scratch / "bare.duckdb")])
    (scratch / "bare.duckdb").unlink()
    harvest = run_command(service(home, "harvest", str(source)))
    sample = scratch / "one"
    run_command(service(scratch / "unused", "sample", str(sample), "--seed", "3", "--products", "20"))
    one = run_command(service(home, "ingest", str(sample / "products")))
    report(
        "archive",
        {
            "rows": rows,
            "harvest, s (goal 60 for 1M)": harvest.seconds,
            "harvest, peak MB of the largest process (goal 1000)": harvest.peak_mb,
            "bare DuckDB load and sort, s": bare.seconds,
            "harvest over bare (goal 5)": harvest.seconds / bare.seconds,
            "ingest of 20 products into that snapshot, s (goal 20)": one.seconds,
            "that ingest, peak MB of the largest process": one.peak_mb,
        },
    )
