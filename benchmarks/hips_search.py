"""Data sets by a map of the sky among a million: coverage maps and maps of probability.

``python -m benchmarks.hips_search [--place DIR] [--rows N]``

Makes a home with generated rows, unions of circles among them (kept where ``--place`` says; one that is there
is used as it is), serves it, and asks ``/moc/search`` with maps of other places each time, so that nothing is
answered from what was kept of the last one; and SIA and TAP with the same coverage maps, for comparison.
``rows`` are those of an answer, ``matches`` all data sets that meet the map. The machine's load stands beside
the figures: others who work there count in them. Exit status 1: a goal does not hold.
"""

from __future__ import annotations

import argparse
import io
import os
import platform
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import astropy.units as u
import cdshealpix.nested
import mocpy
import numpy as np
from astropy.coordinates import Latitude, Longitude, angular_separation
from astropy.io import fits

from benchmarks.discovery import rows_home
from benchmarks.measure import RESULTS, conclude, show
from benchmarks.rows import write_rows
from benchmarks.serving import Served, serving
from benchmarks.tap_client import Client, Reply

_GOAL_MS = 100.0
_MAXREC = "2000"
_UNIONS = 0.05
"""Of the footprints: mosaics as archives have them."""
_COARSE, _FINE = 4, 8
"""Orders of the cells of a map of probability: far from the place of the event, and near it."""
_NEAR = 5.0  # standard deviations


@dataclass(frozen=True, slots=True)
class Case:
    """``ask`` sends one request, for a place in degrees. ``goal``: milliseconds that the median may take."""

    name: str
    ask: Callable[[Client, float, float], Reply]
    goal: float | None = None


def field(lon: float, lat: float, area: float, order: int) -> mocpy.MOC:
    """A round field of so many square degrees."""
    return mocpy.MOC.from_cone(
        lon=Longitude(lon, unit="deg"),
        lat=Latitude(lat, unit="deg"),
        radius=np.sqrt(area / np.pi) * u.deg,
        max_depth=order,
    )


def event(lon: float, lat: float, area: float) -> bytes:
    """A map of probability, 90 per cent of it in so many square degrees, of cells of many orders."""
    width = np.sqrt(area / np.pi) / 2.146
    uniq, density = [], []
    cells = np.arange(12 * 4**_COARSE, dtype=np.uint64)
    for order in range(_COARSE, _FINE + 1):
        lons, lats = cdshealpix.nested.healpix_to_lonlat(cells, order)
        away = np.degrees(angular_separation(lons.rad, lats.rad, np.radians(lon), np.radians(lat)))
        near = (away < _NEAR * width + 60.0 / 2.0**order) & (order < _FINE)
        uniq.append(cells[~near].astype(np.int64) + 4 * 4**order)
        density.append(np.exp(-0.5 * (away[~near] / width) ** 2))
        cells = (cells[near, None] * np.uint64(4) + np.arange(4, dtype=np.uint64)).ravel()
    numbers, values = np.concatenate(uniq), np.concatenate(density)
    orders = (np.log2(numbers / 4.0) / 2.0).astype(int)
    values /= (values * np.pi / 3.0 / 4.0**orders).sum()
    columns = [
        fits.Column("UNIQ", "K", array=numbers),
        fits.Column("PROBDENSITY", "D", array=values, unit="sr-1"),
    ]
    table = fits.BinTableHDU.from_columns(columns)
    table.header.update({"PIXTYPE": "HEALPIX", "ORDERING": "NUNIQ", "COORDSYS": "C", "MOCORDER": _FINE})
    content = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(content)
    return content.getvalue()


def cases() -> Iterator[Case]:
    """Fields as deep surveys have them, and as large ones have; events well and badly located."""
    for area, order in ((2.0, 12), (100.0, 10)):
        told = f"{area:g} deg2, order {order}"
        yield Case(f"field of {told}", _search_by_text(area, order), _GOAL_MS)
        yield Case(f"field of {told}, FITS", _search_by_file(area, order), _GOAL_MS)
        yield Case(f"field of {told}, by SIA", _by_sia(area, order))
        yield Case(f"field of {told}, by TAP", _by_tap(area, order))
    for area, goal in ((30.0, _GOAL_MS), (300.0, _GOAL_MS), (1500.0, None)):
        yield Case(f"event within {area:g} deg2", _search_by_event(area), goal)


def _search_by_text(area: float, order: int) -> Callable[[Client, float, float], Reply]:
    def ask(client: Client, lon: float, lat: float) -> Reply:
        text = field(lon, lat, area, order).to_string()
        return client.post("/moc/search", {"MOC": text, "MAXREC": _MAXREC}, kept=True)

    return ask


def _search_by_file(area: float, order: int) -> Callable[[Client, float, float], Reply]:
    def ask(client: Client, lon: float, lat: float) -> Reply:
        content = io.BytesIO()
        field(lon, lat, area, order).serialize(format="fits").writeto(content)
        form = {"UPLOAD": "map,param:up", "MAXREC": _MAXREC}
        return client.post("/moc/search", form, content.getvalue(), kept=True)

    return ask


def _search_by_event(area: float) -> Callable[[Client, float, float], Reply]:
    def ask(client: Client, lon: float, lat: float) -> Reply:
        form = {"UPLOAD": "map,param:up", "MAXREC": _MAXREC}
        return client.post("/moc/search", form, event(lon, lat, area), kept=True)

    return ask


def _by_sia(area: float, order: int) -> Callable[[Client, float, float], Reply]:
    def ask(client: Client, lon: float, lat: float) -> Reply:
        text = field(lon, lat, area, order).to_string()
        return client.post("/sia2/query", {"MOC": text, "MAXREC": _MAXREC}, kept=True)

    return ask


def _by_tap(area: float, order: int) -> Callable[[Client, float, float], Reply]:
    def ask(client: Client, lon: float, lat: float) -> Reply:
        text = " ".join(field(lon, lat, area, order).to_string().split())
        query = f"SELECT COUNT(*) AS n FROM ivoa.obscore WHERE INTERSECTS(MOC('{text}'), s_region) = 1"
        form = {"LANG": "ADQL", "QUERY": query}
        return client.post("/tap/sync", form, kept=True)

    return ask


def measure(case: Case, served: Served, places: list[tuple[float, float]]) -> dict[str, object]:
    """Each place once; the first two are not counted."""
    client = Client(served.address)
    seconds, rows, matches = [], [], []
    for turn, (lon, lat) in enumerate(places):
        reply = case.ask(client, lon, lat)
        if turn > 1:
            seconds.append(reply.total)
            rows.append(_told(reply, "rows"))
            matches.append(_told(reply, "matches"))
    client.close()
    median = round(statistics.median(seconds) * 1e3, 2)
    ours = {
        "median_ms": median,
        "min_ms": round(min(seconds) * 1e3, 2),
        "max_ms": round(max(seconds) * 1e3, 2),
        "rows": _median(rows),
        "matches": _median(matches),
        "most_matches": max((each for each in matches if each is not None), default=None),
    }
    goals = []
    if case.goal is not None:
        goals.append(
            {"goal": "median, ms", "wanted": case.goal, "reached": median, "held": median <= case.goal}
        )
    return {"case": case.name, "ours": ours, "goals": goals}


def _told(reply: Reply, name: str) -> int | None:
    found = re.search(rf'<INFO name="{name}" value="(\d+)"'.encode(), reply.body)
    return None if found is None else int(found[1])


def _median(counts: list[int | None]) -> float | None:
    known = [each for each in counts if each is not None]
    return statistics.median(known) if known else None


def main() -> None:
    """Make what is needed, measure, and say what held."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hips_search", description=__doc__)
    parser.add_argument("--place", type=Path, help="where the home is kept (default: nowhere)")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=1, help="processes of the service")
    parser.add_argument("--runs", type=int, default=25)
    parser.add_argument("--out", type=Path, default=RESULTS / "hips_search.json")
    options = parser.parse_args()
    random = np.random.default_rng(9)
    results: list[dict[str, object]] = []
    with ExitStack() as parts:
        place = options.place or Path(parts.enter_context(tempfile.TemporaryDirectory(prefix="vo-bench-")))
        place.mkdir(parents=True, exist_ok=True)
        home = place / "rows"
        given = None if home.exists() else write_rows(place / "rows.parquet", options.rows, unions=_UNIONS)
        with serving(rows_home(home, options.rows, given), options.workers) as served:
            for case in cases():
                lons = random.uniform(0.0, 360.0, options.runs + 2)
                lats = np.degrees(np.arcsin(random.uniform(-0.9, 0.5, options.runs + 2)))
                results.append(measure(case, served, list(zip(lons.tolist(), lats.tolist()))))
                show(results[-1])
    facts = {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "cpus": os.cpu_count(),
        "load": os.getloadavg(),
        "python": platform.python_version(),
        "rows": options.rows,
        "workers": options.workers,
    }
    sys.exit(conclude(options.out, facts, results))


if __name__ == "__main__":
    main()
