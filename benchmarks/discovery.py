"""From a question to links and stamps: SIAv2 and cones on many rows, DataLink, and many cut-outs in one job.

``python -m benchmarks.discovery [--peer NAME=SIA,LINKS --peer-ids TEMPLATE]``

Makes a home with generated rows and one with cubes (kept where ``--place`` says), serves each, and asks in
turn (A B A B ...), so that what else the machine does hits all. Each question is of another place or of other
data sets, so that nobody answers from what was kept of the last one. A peer serves the same rows by its SIAv2
address and the same cubes by its {links} address; ``--peer-ids`` is what it calls a cube, with ``{name}`` for
the name of the file. Services have to find as many rows, to one per cent, and links of every data set that
was asked for. A bulk job is measured beside the same stamps asked one by one, both of ours. Exit status 1: a
goal does not hold.
"""

from __future__ import annotations

import argparse
import io
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

import numpy as np
from astropy.io import votable

from benchmarks.bulk_stamps import measure_bulk, stamps_of
from benchmarks.measure import RESULTS, conclude, run_command, service, show
from benchmarks.rows import write_rows
from benchmarks.serving import Served, serving
from benchmarks.soda_cube import Cube, write_cube
from benchmarks.tap_client import Client, Refused

_BAND = (0.00115, 0.00135)  # m: a part of what ALMA calls band 6
_RADII = (0.1, 1.0)
"""Degrees: mostly some tens of rows, and some thousands."""
_MAXREC = 10_000
_CUBES = 50
"""Of which stamps are cut."""
_SLACK = 0.01
"""Part of the rows that services may differ by: some test borders on shapes with fewer corners."""
_MANY = 50
"""Identifiers of one request for links."""
_SETS = 1400
"""Data sets that links are asked for: each turn asks for others."""
_STAMPS = 1000
_BULK = 5.0
"""Stamps per second of a job over those of single calls, for stamps of one channel."""
_DEEP = 16
"""Channels of stamps whose bytes count for more than their number: told beside it, no goal."""

Goal = dict[str, object]


def rows_of(body: bytes) -> int:
    """Rows of the first table of a VOTable."""
    return int(_table(body).array.size)


def data_sets_of(body: bytes) -> int:
    """Identifiers in a table of links that have a row of their data."""
    rows = _table(body).array
    return len({str(row["ID"]) for row in rows if str(row["semantics"]) == "#this"})


def _table(body: bytes) -> votable.tree.TableElement:
    return votable.parse(io.BytesIO(body), verify="ignore").get_first_table()


@dataclass(frozen=True, slots=True)
class Case:
    """What is asked of all that can answer: paths by who is asked, one for each turn. ``time``: our time is
    at most this part of theirs. ``count`` tells what an answer has come with; ``each``: so much in every one,
    else all have to come with as much in all, to one per cent."""

    name: str
    paths: dict[str, list[str]]
    time: float | None = None
    count: Callable[[bytes], int] = rows_of
    each: int | None = None

    def void(self, counts: Sequence[Sequence[int]]) -> str | None:
        """Why times do not compare, from the counts of the answers of each who was asked."""
        if self.each is not None:
            least = [min(mine, default=0) for mine in counts]
            return f"least of {self.each}: {least}" if min(least) < self.each else None
        sums = sorted(map(sum, counts))
        return f"rows {sums}" if sums[-1] - sums[0] > _SLACK * sums[-1] else None


@dataclass
class Figures:
    """What one did in a case: seconds, and what its answers came with."""

    totals: list[float] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    size: int = 0
    trouble: str | None = None

    def as_json(self) -> dict[str, object]:
        if self.trouble is not None or not self.totals:
            return {"trouble": self.trouble}
        return {
            "median_ms": round(statistics.median(self.totals) * 1e3, 2),
            "min_ms": round(min(self.totals) * 1e3, 2),
            "rows": sum(self.counts),
            "bytes": self.size,
        }


def measure(case: Case, clients: dict[str, Client]) -> dict[str, object]:
    """One case by all in turn; the first of them is ours."""
    figures = {name: Figures() for name in case.paths}
    turns = min(len(paths) for paths in case.paths.values())
    for turn in range(turns):
        for name, paths in case.paths.items():
            mine = figures[name]
            if mine.trouble is None:
                try:
                    reply = clients[name].get(paths[turn], kept=True)
                except (Refused, OSError) as error:
                    mine.trouble = f"{type(error).__name__}: {error}"
                    continue
                mine.counts.append(case.count(reply.body))
                mine.size = reply.size
                if turn > 1:  # the first two are not counted
                    mine.totals.append(reply.total)
    told = {name: each.as_json() for name, each in figures.items()}
    void = case.void([each.counts for each in figures.values()])
    return {"case": case.name, "void": void, **told, "goals": _beside(case, list(told.values()), void)}


def _beside(case: Case, told: Sequence[dict[str, object]], void: str | None) -> list[Goal]:
    if case.time is None:
        return []
    ours, theirs = (told[place].get("median_ms") if place < len(told) else None for place in (0, 1))
    reached = round(ours / theirs, 3) if isinstance(ours, float) and isinstance(theirs, float) else None
    held = False if "trouble" in told[0] or void else None if reached is None else reached <= case.time
    return [{"goal": "time beside theirs", "wanted": case.time, "reached": reached, "held": held}]


def row_cases(served: Served, peer: Peer | None, runs: int) -> list[Case]:
    """SIAv2 and cones, each round other places that the rows themselves name."""
    cubes = "FROM ivoa.obscore WHERE s_ra IS NOT NULL AND dataproduct_type = 'cube'"
    lons, lats = (
        served.column(f"SELECT TOP 5000 {name} {cubes} ORDER BY obs_publisher_did")
        for name in ("s_ra", "s_dec")
    )
    chosen = np.random.default_rng(5).permutation(len(lons))[: runs + 2]
    places = [(round(float(lons[at]), 4), round(float(lats[at]), 4)) for at in chosen]
    cones = [
        f"/cone/ivoa.obscore?{urlencode({'RA': lon, 'DEC': lat, 'SR': _RADII[0], 'MAXREC': _MAXREC})}"
        for lon, lat in places
    ]
    return [
        *(_image_case(places, radius, peer) for radius in _RADII),
        Case(f"cone, {_RADII[0]:g} degrees", {"ours": cones}),
    ]


def _image_case(places: Sequence[tuple[float, float]], radius: float, peer: Peer | None) -> Case:
    asked = [
        urlencode(
            {"POS": f"CIRCLE {lon} {lat} {radius}", "BAND": f"{_BAND[0]} {_BAND[1]}", "MAXREC": _MAXREC},
            quote_via=quote,
        )
        for lon, lat in places
    ]
    paths = {"ours": [f"/sia2/query?{one}" for one in asked]}
    if peer is not None:
        paths[peer.name] = [f"{urlsplit(peer.images).path}?{one}" for one in asked]
    return Case(f"SIAv2, POS ({radius:g} degrees) and BAND", paths, 1 / 5)


def link_cases(ids: Sequence[str], peer: Peer | None, names: Sequence[str], runs: int) -> list[Case]:
    """DataLink of one data set, and of fifty at once; each turn asks for others."""
    turns = range(min(runs + 2, len(ids) // (_MANY + 1)))
    made = []
    for wanted, goal in (
        ([[len(ids) - 1 - turn] for turn in turns], None),
        ([list(range(_MANY * turn, _MANY * (turn + 1))) for turn in turns], 1 / 10),
    ):
        paths = {"ours": [f"/datalink/sync?{_listed(ids, one)}" for one in wanted]}
        if peer is not None:
            theirs = [peer.template.replace("{name}", name) for name in names]
            paths[peer.name] = [f"{urlsplit(peer.links).path}?{_listed(theirs, one)}" for one in wanted]
        count = len(wanted[0])
        made.append(Case(f"DataLink, {count} ids", paths, goal, data_sets_of, each=count))
    return made


def _listed(ids: Sequence[str], places: Sequence[int]) -> str:
    return urlencode([("ID", ids[place]) for place in places])


@dataclass(frozen=True, slots=True)
class Peer:
    """Another service: its addresses, and what it calls a cube."""

    name: str
    images: str
    links: str
    template: str

    @classmethod
    def read(cls, text: str, template: str) -> Peer:
        """``NAME=SIA,LINKS``. Raises ValueError."""
        name, _, rest = text.partition("=")
        images, links = rest.split(",")
        return cls(name, images, links, template)


def write_cubes(folder: Path, count: int, side: int, channels: int) -> dict[str, Cube]:
    """Cubes side by side on the sky, by the names of their files, unless they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{folder.name}_{number:04d}" for number in range(count)]
    return {
        name: write_cube(
            folder / f"{name}.fits", side, channels, number, (0.25 * number, -30.0 if side > 100 else 30.0)
        )
        for number, name in enumerate(names)
    }


def main() -> None:
    """Make what is needed, measure, and say what held."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.discovery", description=__doc__)
    parser.add_argument("--place", type=Path, help="where homes and cubes are kept (default: nowhere)")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rows-file", type=Path, help="rows that a peer has too (default: generated)")
    parser.add_argument("--peer", metavar="NAME=SIA,LINKS", help="a service with the same rows and cubes")
    parser.add_argument(
        "--peer-ids", metavar="TEMPLATE", default="", help="what it calls a cube: {name}.fits"
    )
    parser.add_argument("--workers", type=int, default=2, help="processes of our service")
    parser.add_argument("--runs", type=int, default=25)
    parser.add_argument("--stamps", type=int, default=_STAMPS)
    parser.add_argument("--out", type=Path, default=RESULTS / "discovery.json")
    options = parser.parse_args()
    peer = Peer.read(options.peer, options.peer_ids) if options.peer else None
    results: list[dict[str, object]] = []

    def tell(case: Callable[[], dict[str, object]]) -> None:
        results.append(case())
        show(results[-1])

    with ExitStack() as parts:
        place = options.place or Path(parts.enter_context(tempfile.TemporaryDirectory(prefix="vo-bench-")))
        place.mkdir(parents=True, exist_ok=True)
        with serving(rows_home(place / "rows", options.rows, options.rows_file), options.workers) as served:
            clients = _clients(served, peer, peer.images if peer else "")
            for case in row_cases(served, peer, options.runs):
                tell(lambda case=case: measure(case, clients))  # type: ignore[misc]
        fields = write_cubes(place / "field", _SETS, 16, 2)
        cubes = write_cubes(place / "cube", _CUBES, 256, 32)
        run_command(
            service(
                place / "home", "ingest", "--no-pixels", *(str(place / each) for each in ("field", "cube"))
            )
        )
        with serving(place / "home", options.workers) as served:
            clients = _clients(served, peer, peer.links if peer else "")
            for case in link_cases(_ids(served, ">"), peer, list(fields), options.runs):
                tell(lambda case=case: measure(case, clients))  # type: ignore[misc]
            named = list(zip(_ids(served, "<"), cubes.values(), strict=True))
            for depth, goal in ((1, _BULK), (_DEEP, None)):
                stamps = stamps_of(named, options.stamps, depth)
                tell(lambda stamps=stamps, goal=goal: measure_bulk(served, stamps, 3, goal))  # type: ignore[misc]
    facts = {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "cpus": os.cpu_count(),
        "load": os.getloadavg(),
        "python": platform.python_version(),
        "rows": options.rows,
        "workers": options.workers,
    }
    sys.exit(conclude(options.out, facts, results))


def rows_home(home: Path, rows: int, given: Path | None) -> Path:
    """A home with generated rows, or with those of a file that a peer has as well, unless it is there."""
    if not (home / "catalogue.sqlite").exists():
        home.mkdir(parents=True, exist_ok=True)
        file = given or write_rows(home / f"obscore_{rows}.parquet", rows)
        run_command(service(home, "harvest", str(file)))
    return home


def _ids(served: Served, side: str) -> list[str]:
    """The identifiers of the cubes north or south of the equator, in the order of their files."""
    return served.column(f"SELECT obs_publisher_did FROM ivoa.obscore WHERE s_dec {side} 0 ORDER BY s_ra")


def _clients(served: Served, peer: Peer | None, address: str) -> dict[str, Client]:
    clients = {"ours": Client(served.address)}
    if peer is not None:
        clients[peer.name] = Client(address)
    return clients


if __name__ == "__main__":
    main()
