"""Coverage maps of many footprints: ``python -m benchmarks.hips_moc [--footprints N] [--rows N]``.

Covers 200,000 distinct footprints, circles and polygons as archives send them, at order 14 (goal: below 30 s)
and builds all maps of a million rows: anew, with one project in a hundred changed, and with nothing changed.
Memory is the most that the process had by then, the rows that it makes for itself included.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.measure import show
from hips.mocs.build import build_maps
from hips.mocs.covering import cover_texts
from hips.mocs.drafts import Source
from hips.mocs.maps import SpaceMap
from hips.mocs.rows import COLUMNS
from hips.mocs.writing import Form, Label, write_map
from vo_service.access import Rights

ORDER = 14
GOAL_SECONDS = 30.0
ROWS_OF_PROJECT = 200
ROWS_OF_PART = 50_000
NOW = datetime(2026, 1, 1, tzinfo=UTC)
BANDS_GHZ = {
    "3": (84, 116),
    "4": (125, 163),
    "6": (211, 275),
    "7": (275, 373),
    "8": (385, 500),
    "9": (602, 720),
}


def footprints(count: int, seed: int = 0) -> list[str]:
    """Distinct regions: seven of ten are circles of a primary beam, the others polygons of mosaics."""
    random = np.random.default_rng(seed)
    ra = random.uniform(0.0, 360.0, count)
    dec = np.degrees(np.arcsin(random.uniform(-1.0, 0.64, count)))
    made = []
    for lon, lat, is_mosaic in zip(ra.tolist(), dec.tolist(), (random.random(count) < 0.3).tolist()):
        if is_mosaic:
            made.append(_polygon(random, lon, lat))
        else:
            radius = random.choice([4.0, 9.0, 13.0, 25.0]) / 3600.0
            made.append(f"Circle ICRS {lon:.6f} {lat:.6f} {radius:.6f}")
    return made


def _polygon(random: np.random.Generator, lon: float, lat: float) -> str:
    """The outline of a mosaic: its corners lie round the middle at changing distances."""
    corners = int(random.integers(4, 30))
    turns = np.linspace(0.0, 2.0 * np.pi, corners, endpoint=False)
    reach = (
        random.choice([20.0, 45.0, 90.0, 300.0], p=[0.4, 0.3, 0.2, 0.1])
        / 3600.0
        * random.uniform(0.7, 1.0, corners)
    )
    lats = np.clip(lat + reach * np.sin(turns), -89.99, 89.99)
    lons = (lon + reach * np.cos(turns) / np.cos(np.radians(lats))) % 360.0
    return "Polygon ICRS " + " ".join(f"{x:.6f} {y:.6f}" for x, y in zip(lons.tolist(), lats.tolist()))


def run_covering(count: int) -> dict[str, object]:
    """Cover distinct footprints at order 14 and make them one map."""
    texts = pa.array(footprints(count))
    started, used = time.perf_counter(), time.process_time()
    covered = cover_texts(texts, ORDER)
    whole = SpaceMap.of_ranges(ORDER, *covered.cells.ranges())
    seconds = time.perf_counter() - started
    content = write_map(whole, Form.FITS, Label("benchmark", None, None, NOW))
    figures = {
        "seconds": round(seconds, 2),
        "cpu_seconds": round(time.process_time() - used, 2),
        "cells": whole.volume,
        "ranges": whole.moc.count,
        "fits_mb": round(len(content) / 1e6, 1),
        "peak_mb": _peak_mb(),
    }
    goal = {
        "goal": "seconds",
        "wanted": f"< {GOAL_SECONDS:g}",
        "reached": figures["seconds"],
        "held": seconds < GOAL_SECONDS,
    }
    return {"case": f"map of {count} distinct footprints at order {ORDER}", "ours": figures, "goals": [goal]}


def parts(rows: int, seed: int = 0, changed: int = 0) -> Iterator[pa.Table]:
    """Rows of projects, some ten thousand at a time: four windows of each source, the same for 25 neighbours;
    the rows of ``changed`` projects have other times."""
    for first in range(0, rows, ROWS_OF_PART):
        yield _part(first, min(ROWS_OF_PART, rows - first), seed, changed)


def _part(first: int, count: int, seed: int, changed: int) -> pa.Table:
    random = np.random.default_rng([seed, first])
    observations = -(-count // 4)
    of_observation = np.arange(count) // 4
    project = (first + np.arange(count)) // ROWS_OF_PROJECT
    regions = footprints(observations, seed + first)
    band = np.array(list(BANDS_GHZ))[random.integers(0, len(BANDS_GHZ), observations // 50 + 2)][
        of_observation // 50
    ]
    begin = 56000.0 + 365.0 * (project % 12) + random.uniform(0.0, 300.0, observations)[of_observation]
    begin += np.where(project < changed, 0.5, 0.0)
    low = np.array([BANDS_GHZ[name][0] for name in band]) * 1e9
    high = np.array([BANDS_GHZ[name][1] for name in band]) * 1e9
    set_up = random.uniform(0.1, 0.9, (observations // 25 + 2, 4))[of_observation // 25, np.arange(count) % 4]
    frequency = low + set_up * (high - low)
    wavelengths = np.stack([299792458.0 / (frequency + 1e9), 299792458.0 / (frequency - 1e9)], axis=1)
    nothing = pa.nulls(count, pa.string())
    columns = {
        "obs_publisher_did": [f"ivo://bench/obs?{first + row:08d}" for row in range(count)],
        "proposal_id": [f"p{number:07d}" for number in project.tolist()],
        "band_list": band.tolist(),
        "s_ra": np.zeros(count),
        "s_dec": np.zeros(count),
        "s_region": [regions[place] for place in of_observation.tolist()],
        "_region_measured": nothing,
        "t_min": begin,
        "t_max": begin + random.uniform(0.005, 0.05, observations)[of_observation],
        "em_min": wavelengths[:, 0],
        "em_max": wavelengths[:, 1],
        "em_support": pa.array(wavelengths.tolist(), pa.list_(pa.float64())),
        "specsys": ["LSRK"] * count,
        "origin": ["archive"] * count,
        "obs_release_date": pa.nulls(count, pa.timestamp("us")),
    }
    return pa.table({name: columns[name] for name in COLUMNS})


def run_building(rows: int, scratch: Path) -> dict[str, object]:
    """Build all maps anew, then again with one project in a hundred changed, then with nothing changed."""
    told: dict[str, object] = {"case": f"all maps of {rows} rows", "goals": []}
    for name, changed in (("anew", 0), ("1 % changed", rows // ROWS_OF_PROJECT // 100), ("unchanged", -1)):
        if changed >= 0:
            last = changed
        source = Source(_timed(parts(rows, changed=last), spent := [0.0]), 1, rows, Rights(), NOW)
        started = time.perf_counter()
        report = build_maps(scratch, source, "benchmark", 1.0)
        told[name] = {
            "seconds": round(time.perf_counter() - started - spent[0], 1),
            "units": report.units.units,
            "made": report.units.made,
            "mb": round(sum(path.stat().st_size for path in (scratch / "moc").rglob("*.arrow")) / 1e6, 1),
            "peak_mb": _peak_mb(),
        }
    return told


def _timed(made: Iterator[pa.Table], spent: list[float]) -> Iterator[pa.Table]:
    """The same; the seconds that making the rows took are added up."""
    while True:
        started = time.perf_counter()
        table = next(made, None)
        spent[0] += time.perf_counter() - started
        if table is None:
            return
        yield table


def _peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main() -> None:
    """Run both and print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hips_moc", description=__doc__)
    parser.add_argument("--footprints", type=int, default=200_000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    show(run_covering(options.footprints))
    with tempfile.TemporaryDirectory(prefix="vo-moc-") as scratch:
        show(run_building(options.rows, Path(scratch)))


if __name__ == "__main__":
    main()
