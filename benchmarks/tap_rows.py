"""What TAP services are asked about: rows to serve, and places and columns that the services themselves name.

``python -m benchmarks.tap_rows HOME --rows 1000000`` makes a home with generated rows, to be served by
``vo-service --home HOME serve``. Other services take the same rows by the Parquet file that it leaves there.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.measure import run_command, service
from benchmarks.rows import write_rows
from benchmarks.tap_client import Client

WIDE = 60
"""Columns of the wide dump."""

NARROW = (
    "target_name obs_id dataproduct_type calib_level obs_collection s_ra s_dec s_fov s_resolution t_min "
    "t_max t_exptime em_min em_max em_res_power access_url access_format instrument_name proposal_id "
    "frequency"
).split()
"""Columns of the dump of twenty."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What all services are asked about: places in degrees, the columns that all of them have, and the number
    of rows that each of them has at least."""

    dense: tuple[float, float]
    sparse: tuple[float, float]
    places: tuple[tuple[float, float], ...]
    columns: tuple[str, ...]
    rows: int


def explore(services: Sequence[tuple[Client, str]]) -> Ground:
    """Places from the rows of the first service, columns from the tables of all. Raises Refused."""
    client, table = services[0]
    text = f"SELECT TOP 5000 s_ra, s_dec FROM {table} WHERE s_ra IS NOT NULL ORDER BY obs_id"
    rows = np.array([[float(cell) for cell in row] for row in cells(client, text)])
    lon, lat = np.radians(rows).T
    vectors = np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    near = np.array([np.count_nonzero(vectors @ v > np.cos(np.radians(0.1))) for v in vectors])
    chosen = np.random.default_rng(11).permutation(len(rows))[:200]
    shared = None
    for client, table in services:
        names = f"SELECT column_name, datatype FROM TAP_SCHEMA.columns WHERE LOWER(table_name) = '{table}'"
        told = [row[0].lower() for row in cells(client, f"{names} ORDER BY column_index")]
        shared = told if shared is None else [name for name in shared if name in told]
    return Ground(
        dense=(round(float(rows[near.argmax()][0]), 4), round(float(rows[near.argmax()][1]), 4)),
        sparse=(round(float(rows[near.argmin()][0]), 4), round(float(rows[near.argmin()][1]), 4)),
        places=tuple((round(float(a), 4), round(float(b), 4)) for a, b in rows[chosen]),
        columns=tuple(shared or ())[:WIDE],
        rows=min(int(cells(one, f"SELECT COUNT(*) AS n FROM {name}")[0][0]) for one, name in services),
    )


def cells(client: Client, adql: str) -> list[list[str]]:
    """The rows of a query as texts."""
    body = client.query(adql, kept=True, RESPONSEFORMAT="csv", MAXREC="1000000").body
    return list(csv.reader(io.StringIO(body.decode(), newline="")))[1:]


def rows_seen(body: bytes, key: int | None) -> tuple[int, str]:
    """The number of rows of CSV, and a short digest of a column of them whatever their order."""
    rows = list(csv.reader(io.StringIO(body.decode(), newline="")))[1:]
    if key is None:
        return len(rows), ""
    values = sorted(f"{float(row[key]):.6f}" for row in rows)
    return len(rows), hashlib.sha256("\n".join(values).encode()).hexdigest()[:12]


def upload_of(ground: Ground, rows: int = 1000) -> bytes:
    """A VOTable of positions scattered over a dense field, and as many elsewhere."""
    random = np.random.default_rng(7)
    lines = []
    for number in range(rows):
        (lon, lat), off = (
            (ground.dense, 0.2) if number % 2 else (ground.places[number % len(ground.places)], 2)
        )
        lon, lat = lon + random.normal(0, off), float(np.clip(lat + random.normal(0, off), -89, 89))
        lines.append(f"<TR><TD>{number}</TD><TD>{lon:.7f}</TD><TD>{lat:.7f}</TD></TR>")
    return (
        '<?xml version="1.0"?><VOTABLE version="1.3" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">'
        '<RESOURCE type="results"><TABLE name="mine"><FIELD name="id" datatype="int"/>'
        '<FIELD name="ra" datatype="double" unit="deg"/><FIELD name="dec" datatype="double" unit="deg"/>'
        f"<DATA><TABLEDATA>{''.join(lines)}</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"
    ).encode()


def main() -> None:
    """Make a home with generated rows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tap_rows", description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    options.home.mkdir(parents=True, exist_ok=True)
    path = write_rows(options.home / f"obscore_{options.rows}.parquet", options.rows)
    run = run_command(service(options.home, "harvest", str(path)))
    sys.stdout.write(f"{path} in {run.seconds:.1f} s; serve it: vo-service --home {options.home} serve\n")


if __name__ == "__main__":
    main()
